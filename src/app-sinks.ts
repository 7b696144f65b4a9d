// Which sinks a configuration wants, and how each is made: traces, exports, the access log. Apart from `app-telemetry.ts`, which knows none
// of them. Whatever has not changed in a configuration goes on with its queue; whatever has, ends and sends what it has. What speaks to a
// collector is loaded for the first that names one: a start without it does not pay for it.

import type { SinkFactory, TelemetrySink } from './app-telemetry.ts'
import type { Config } from './config/config.ts'
import type { Logger, Transport } from './core/ports.ts'
import type { Snapshot } from './gateway/snapshot.ts'
import { systemClock, systemIds } from './system.ts'
import { AccessLog } from './telemetry/access-log.ts'
import type { TraceSinkPorts } from './telemetry/trace-sink.ts'

export interface SinkParts {
  readonly transport: Transport
  readonly logger: Logger
  snapshot(): Snapshot
}

/** Every sink there may be, in the order in which they are told. */
export function sinkFactories({ logger, snapshot, transport }: SinkParts): SinkFactory[] {
  const ports: TraceSinkPorts = {
    transport,
    logger,
    clock: systemClock,
    ids: systemIds,
    instanceId: systemIds.uuid(),
    provider: (tenantId, id) => snapshot().of(tenantId).providers.get(id),
  }
  return [
    (config, before) => accessLog(config, before, logger),
    (config, before) => traces(config, before, ports),
    (config, before) => exports(config, before, ports),
  ]
}

function accessLog(
  { log }: Config,
  before: TelemetrySink | undefined,
  logger: Logger,
): TelemetrySink | undefined {
  if (log.access === 'none') return undefined
  return before instanceof AccessLog && before.which === log.access
    ? before
    : new AccessLog(log.access, logger)
}

async function traces(
  { tracing }: Config,
  before: TelemetrySink | undefined,
  ports: TraceSinkPorts,
): Promise<TelemetrySink | undefined> {
  if (tracing === undefined) return undefined
  const { TraceSink } = await import('./telemetry/trace-sink.ts')
  const isSame = before instanceof TraceSink && Bun.deepEquals(before.settings, tracing)
  return isSame ? before : new TraceSink(tracing, ports)
}

async function exports(
  { exports: wanted }: Config,
  before: TelemetrySink | undefined,
  ports: TraceSinkPorts,
): Promise<TelemetrySink | undefined> {
  if (wanted.length === 0) return undefined
  const { exportsFor } = await import('./app-exports.ts')
  return exportsFor(wanted, before, ports)
}
