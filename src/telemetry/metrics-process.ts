// What this process is and uses, for `/metrics`: memory, processor, files, version, and by how much the event loop comes late. It is
// measured while somebody asks for it and at no other time; it changes nothing.

import { readdirSync, readFileSync } from 'node:fs'
import { LIMITS } from '../core/limits.ts'
import { METRICS, type MetricDefinition, type MetricFamily } from '../core/metric-catalog.ts'
import type { Clock } from '../core/ports.ts'
import { VERSION } from '../core/version.ts'
import { histogram, type Distributions } from './metrics-series.ts'

/** A family without labels; without a value none of its samples is told. */
export function single(definition: MetricDefinition, value: number | undefined): MetricFamily {
  return { definition, samples: value === undefined ? [] : [{ labels: [], value }] }
}

/** @param engine of the store */
export function processFamilies(engine: string): MetricFamily[] {
  const { system, user } = process.cpuUsage()
  const { heapUsed, rss } = process.memoryUsage()
  return [
    {
      definition: METRICS.build,
      samples: [{ labels: [VERSION, Bun.version, engine], value: 1 }],
    },
    single(METRICS.cpu, (system + user) / 1e6),
    single(METRICS.residentMemory, rss),
    single(METRICS.heap, heapUsed),
    single(METRICS.openFiles, openFiles()),
    single(METRICS.openFilesMax, openFilesMax()),
    single(METRICS.startTime, STARTED_SECONDS),
  ]
}

const STARTED_SECONDS = Math.round(performance.timeOrigin) / 1_000

/** Undefined where there is no /proc. */
function openFiles(): number | undefined {
  try {
    // The folder that is read is among them.
    return readdirSync('/proc/self/fd').length - 1
  } catch {
    return undefined
  }
}

function openFilesMax(): number | undefined {
  try {
    const told = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return told === undefined ? undefined : Number(told)
  } catch {
    return undefined
  }
}

/** How late the event loop is. The first scrape begins the measuring, and it ends when nobody has asked for a while. */
export class LoopLag {
  readonly series: Distributions = histogram(METRICS.loopLag)
  private readonly clock: Pick<Clock, 'monotonicMs'>
  private timer: ReturnType<typeof setTimeout> | undefined
  private askedMs = 0
  private readonly tickMs: number

  constructor(clock: Pick<Clock, 'monotonicMs'>, tickMs: number = LIMITS.eventLoopTickMs) {
    this.clock = clock
    this.tickMs = tickMs
  }

  /** Whether it is measured now. */
  get isMeasuring(): boolean {
    return this.timer !== undefined
  }

  /** Somebody asks: what was measured is in `series`. */
  asked(): void {
    this.askedMs = this.clock.monotonicMs()
    this.series.at([])
    if (this.timer === undefined) this.arm()
  }

  stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }

  private arm(): void {
    const dueMs = this.clock.monotonicMs() + this.tickMs
    this.timer = setTimeout(() => {
      this.timer = undefined
      const nowMs = this.clock.monotonicMs()
      this.series.at([]).observe(Math.max(0, nowMs - dueMs) / 1_000)
      if (nowMs - this.askedMs < LIMITS.eventLoopWatchMs) this.arm()
    }, this.tickMs)
    this.timer.unref()
  }
}
