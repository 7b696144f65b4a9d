// Exports as one sink: as many as the operator names, each with a queue of its own. Loaded only where a configuration names one; it decides
// which of them go on when the configuration changes, and sends nothing itself.

import type { TelemetrySink } from './app-telemetry.ts'
import type { Outcome, SinkCounters } from './core/outcome.ts'
import type { ExportSettings, SinkStatus } from './core/telemetry-settings.ts'
import type { TraceSinkPorts } from './telemetry/trace-sink.ts'
import { ExportSink } from './telemetry/export-sink.ts'

/** The exports of a configuration; `before` itself where nothing has changed for any of them. */
export function exportsFor(
  wanted: readonly ExportSettings[],
  before: TelemetrySink | undefined,
  ports: TraceSinkPorts,
): TelemetrySink | undefined {
  const earlier = before instanceof Exports ? before.sinks : []
  const sinks = wanted.map(
    (settings) =>
      earlier.find((sink) => Bun.deepEquals(sink.settings, settings)) ??
      new ExportSink(settings, ports),
  )
  const isSame = sinks.length === earlier.length && sinks.every((one, at) => one === earlier[at])
  return isSame ? before : new Exports(sinks)
}

class Exports implements TelemetrySink {
  readonly sinks: readonly ExportSink[]
  /** Those that go on in the one that takes its place. */
  private readonly handedOn = new Set<ExportSink>()

  constructor(sinks: readonly ExportSink[]) {
    this.sinks = sinks
  }

  record(outcome: Outcome): void {
    for (const sink of this.sinks) sink.record(outcome)
  }

  statuses(): SinkStatus[] {
    return this.sinks.flatMap((sink) => sink.statuses())
  }

  counters(): SinkCounters[] {
    return this.sinks.map((sink) => sink.counters())
  }

  replacedBy(next: TelemetrySink | undefined): void {
    if (!(next instanceof Exports)) return
    for (const sink of next.sinks) this.handedOn.add(sink)
  }

  async stop(): Promise<void> {
    const ending = this.sinks.filter((sink) => !this.handedOn.has(sink))
    await Promise.all(ending.map((sink) => sink.stop()))
  }
}
