// Where outcomes go besides the store: counters, traces, log lines and whatever the operator exports to. One place that knows every sink, so
// that the composition root knows none of them. A sink that is off is not among them, and costs nothing.

import type { Config } from './config/config.ts'
import type { Outcome, OutcomeSink, SinkCounters } from './core/outcome.ts'
import type { SinkStatus } from './core/telemetry-settings.ts'

/** A sink with a life of its own: queues, connections, timers. */
export interface TelemetrySink extends OutcomeSink {
  /** Sends what waits, within its own bound, and stops. Never rejects. */
  stop(): Promise<void>
  /** For `/metrics`; absent where there is nothing to tell. */
  counters?(): SinkCounters | readonly SinkCounters[]
  /** How each place that it sends to fares; absent where it sends nothing. */
  statuses?(): readonly SinkStatus[]
  /** Before it is stopped because the configuration wants another, which may go on with parts of it. */
  replacedBy?(next: TelemetrySink | undefined): void
}

/**
 * Gives the sink that a configuration wants, or undefined where it wants none. Asked again when the configuration changes; where nothing has
 * changed for it, it gives `before` back, which then goes on. It may load what it is made of.
 */
export type SinkFactory = (
  config: Config,
  before: TelemetrySink | undefined,
) => Promise<TelemetrySink | undefined> | TelemetrySink | undefined

export class Telemetry implements OutcomeSink {
  private readonly factories: readonly SinkFactory[]
  private sinks: readonly (TelemetrySink | undefined)[] = []
  /** Of before the last change of the configuration: they send what they have. */
  private readonly ending = new Set<Promise<void>>()
  private changing: Promise<void> = Promise.resolve()

  constructor(factories: readonly SinkFactory[]) {
    this.factories = factories
  }

  /** Takes over a configuration: those of before that it does not want send what they have and end. One change after the other. */
  use(config: Config): Promise<void> {
    const before = this.changing
    this.changing = Promise.allSettled([before]).then(() => this.change(config))
    return this.changing
  }

  private async change(config: Config): Promise<void> {
    const before = this.sinks
    this.sinks = await Promise.all(
      this.factories.map((sinkFor, index) => sinkFor(config, before[index])),
    )
    for (const [index, sink] of before.entries()) {
      if (sink === undefined || this.sinks.includes(sink)) continue
      sink.replacedBy?.(this.sinks[index])
      const ending = sink.stop().finally(() => this.ending.delete(ending))
      this.ending.add(ending)
    }
  }

  record(outcome: Outcome): void {
    for (const sink of this.sinks) sink?.record(outcome)
  }

  /** Of every sink that is there and tells. */
  counters(): SinkCounters[] {
    return this.sinks.flatMap((sink) => sink?.counters?.() ?? [])
  }

  /** Every place that is sent to. */
  statuses(): SinkStatus[] {
    return this.sinks.flatMap((sink) => sink?.statuses?.() ?? [])
  }

  async stop(): Promise<void> {
    await Promise.allSettled([this.changing])
    await Promise.all([...this.ending, ...this.sinks.map((sink) => sink?.stop())])
  }
}
