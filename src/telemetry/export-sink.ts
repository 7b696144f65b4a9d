// Exports: outcomes sent to places that the operator named, each with a queue of its own, so that one that is slow or away costs the others
// nothing. What is sent twice after a doubtful try carries the same ids: whoever receives can tell.

import { createHmac } from 'node:crypto'
import type { Outcome, OutcomeSink, SinkCounters } from '../core/outcome.ts'
import { matchesPattern } from '../core/principal.ts'
import type { ExportSettings, SinkStatus } from '../core/telemetry-settings.ts'
import { webhookKey } from '../core/webhook-key.ts'
import { accessFields, accessLevel } from './access-fields.ts'
import { Delivery, type DeliveryOptions, type Writing } from './delivery.ts'
import { langfuseSpans } from './langfuse.ts'
import { partlyRefused, writeLogs, writeSpans, type LogRecord } from './otlp.ts'
import { outcomeBytes, withoutBodies } from './outcome-size.ts'
import { requestJson } from './request-json.ts'
import { countersOf, senderOf, type TraceSinkPorts } from './trace-sink.ts'

export class ExportSink implements OutcomeSink {
  readonly settings: ExportSettings
  private readonly delivery: Delivery<Outcome>

  constructor(settings: ExportSettings, ports: TraceSinkPorts) {
    this.settings = settings
    this.delivery = new Delivery<Outcome>(optionsOf(settings, ports), ports)
  }

  record(outcome: Outcome): void {
    if (!this.isWanted(outcome)) return
    this.delivery.put(this.settings.content ? outcome : withoutBodies(outcome))
  }

  statuses(): SinkStatus[] {
    return [this.delivery.status()]
  }

  counters(): SinkCounters {
    return countersOf(this.delivery.status())
  }

  stop(): Promise<void> {
    return this.delivery.stop()
  }

  private isWanted({ errorKind, modelRequested = '', status, tenantId }: Outcome): boolean {
    const { errors, models, tenants } = this.settings.only
    if (errors && errorKind === undefined && status < 400) return false
    if (tenants !== undefined && !tenants.includes(tenantId)) return false
    // Of every request: names are clients' own, and no name may take long.
    return models === undefined || models.some((model) => matchesPattern(model, modelRequested))
  }
}

function optionsOf(settings: ExportSettings, ports: TraceSinkPorts): DeliveryOptions<Outcome> {
  const { content, delivery, id, protocol, type } = settings
  const common = { id, type, settings: delivery, sizeOf: outcomeBytes }
  const sender = senderOf(settings, ports.instanceId)
  const refused = (answer: Uint8Array) => partlyRefused(answer, protocol)
  switch (type) {
    case 'webhook':
      return {
        ...common,
        retries5xx: true,
        write: (batch) => Promise.resolve(writeWebhook(batch, settings, ports)),
      }
    case 'langfuse':
      return {
        ...common,
        retries5xx: true,
        refused,
        write: (batch) => {
          const options = { content, provider: ports.provider }
          const spans = batch.flatMap((outcome) => langfuseSpans(outcome, options))
          return writeSpans(spans, protocol, sender)
        },
      }
    case 'otlp-logs':
      return {
        ...common,
        refused,
        write: (batch) => writeLogs(batch.map(logRecordOf), protocol, sender),
      }
  }
}

/** A batch as JSON, signed as Standard Webhooks says (https://www.standardwebhooks.com): id, time and body under one HMAC. */
function writeWebhook(
  batch: readonly Outcome[],
  { secret = '' }: ExportSettings,
  { clock, ids }: TraceSinkPorts,
): Writing {
  // The configuration refuses it; a signature that anybody can make is worse than none.
  const key = webhookKey(secret)
  if (key.length === 0) throw new Error('a webhook without a secret')
  const id = `msg_${ids.uuid().replaceAll('-', '')}`
  const body = jsonText({
    type: 'requests.ended',
    id,
    timestamp: new Date(clock.nowMs()).toISOString(),
    data: batch.map((outcome) => ({ tenant: outcome.tenantId, ...requestJson(outcome) })),
  })
  return {
    body,
    headers: { 'content-type': 'application/json', 'webhook-id': id },
    // The time is that of the try: receivers refuse what was signed minutes ago.
    headersAt(nowMs) {
      const seconds = String(Math.floor(nowMs / 1_000))
      const signature = createHmac('sha256', key).update(`${id}.${seconds}.${body}`)
      return {
        'webhook-timestamp': seconds,
        'webhook-signature': `v1,${signature.digest('base64')}`,
      }
    },
  }
}

function logRecordOf(outcome: Outcome): LogRecord {
  const { trace, traceId } = outcome
  return {
    timeMs: outcome.timestampMs + outcome.totalMs,
    severity: accessLevel(outcome),
    body: 'request',
    eventName: 'weir.request',
    attributes: Object.fromEntries(
      Object.entries(accessFields(outcome)).flatMap(([name, value]) =>
        value === undefined || value === null ? [] : [[`weir.${name}`, value] as const],
      ),
    ),
    traceId,
    spanId: trace?.spanId,
    sampled: trace?.sampled,
  }
}

/** Half of a character, which any client can send, is written as an escape that many a reader refuses, and with it all others of the batch. */
function jsonText(value: object): string {
  const text = JSON.stringify(value)
  if (!text.includes('\\ud')) return text
  return JSON.stringify(value, (_name, member: unknown) =>
    typeof member === 'string' ? member.toWellFormed() : member,
  )
}
