// Traces: takes outcomes, decides which are worth keeping now that they are over, and sends their spans to a collector in batches. Spans are
// made when a batch is sent, so that a request pays for one look and one place in a queue.

import type { Outcome, OutcomeSink, SinkCounters } from '../core/outcome.ts'
import type { SinkStatus, TracingSettings } from '../core/telemetry-settings.ts'
import { VERSION } from '../core/version.ts'
import { Delivery, type DeliveryPorts } from './delivery.ts'
import { partlyRefused, writeSpans, type Sender } from './otlp.ts'
import { outcomeBytes, withoutBodies } from './outcome-size.ts'
import { spansOf, type SpanOptions } from './trace-spans.ts'

export interface TraceSinkPorts extends DeliveryPorts {
  readonly provider: SpanOptions['provider']
  /** What names this process among others. */
  readonly instanceId: string
}

export class TraceSink implements OutcomeSink {
  readonly settings: TracingSettings
  private readonly delivery: Delivery<Outcome>

  constructor(settings: TracingSettings, ports: TraceSinkPorts) {
    this.settings = settings
    const { content, delivery, protocol } = settings
    const sender = senderOf(settings, ports.instanceId)
    const options = { content, provider: ports.provider }
    this.delivery = new Delivery<Outcome>(
      {
        id: 'traces',
        type: 'traces',
        settings: delivery,
        sizeOf: outcomeBytes,
        write: (batch) =>
          writeSpans(
            batch.flatMap((outcome) => spansOf(outcome, options)),
            protocol,
            sender,
          ),
        refused: (answer) => partlyRefused(answer, protocol),
      },
      ports,
    )
  }

  record(outcome: Outcome): void {
    if (outcome.trace === undefined || !this.isKept(outcome)) return
    this.delivery.put(this.settings.content ? outcome : withoutBodies(outcome))
  }

  counters(): SinkCounters {
    return countersOf(this.delivery.status())
  }

  statuses(): SinkStatus[] {
    return [this.delivery.status()]
  }

  stop(): Promise<void> {
    return this.delivery.stop()
  }

  /** What the dice took, and what nobody wants to miss whatever they said. */
  private isKept({ errorKind, status, totalMs, trace }: Outcome): boolean {
    const { keepErrors, keepSlowerThanMs } = this.settings
    if (trace?.sampled === true) return true
    if (keepErrors && (errorKind !== undefined || status >= 400)) return true
    return keepSlowerThanMs !== undefined && totalMs >= keepSlowerThanMs
  }
}

/** The state of one place in the words of the metrics. */
export function countersOf({ dropped, failures, id, queued, sent }: SinkStatus): SinkCounters {
  return { name: id, queued, sent, dropped, failed: failures }
}

/** Who sends, by the names of the conventions. */
export function senderOf(
  { attributes, serviceName }: Pick<TracingSettings, 'attributes' | 'serviceName'>,
  instanceId: string,
): Sender {
  return {
    version: VERSION,
    attributes: {
      'service.name': serviceName,
      'service.version': VERSION,
      'service.instance.id': instanceId,
      'telemetry.sdk.language': 'nodejs',
      'telemetry.sdk.name': 'weir',
      'telemetry.sdk.version': VERSION,
      ...attributes,
    },
  }
}
