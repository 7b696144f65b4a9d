// Plain requests: rate and processor time at 1, 32 and 256 connections, latency added at one, and what the request log costs.
// Direct, pass-through and Weir take turns within each round, and ratios are taken within the round, as other work on the
// machine moves all three.

import { median, Pool, quantile } from './driver.ts'
import type { Running } from './process.ts'
import { number, type Figure } from './report.ts'
import type { Stage } from './stage.ts'

export interface PlainOptions {
  readonly rounds: number
  readonly windowMs: number
  /** Requests before anything is measured: compiled code comes with some ten thousand of them. */
  readonly warmUp: number
}

export interface Sample {
  readonly perSecond: number
  /** Processor time of the server for 1,000 requests. */
  readonly cpuMs: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export async function measurePlain(stage: Stage, options: PlainOptions): Promise<Figure[]> {
  const weir = await stage.startWeir()
  const servers = [stage.upstream, stage.passThrough, weir]
  for (const server of servers) await warmUp(stage, server, options.warmUp)
  const figures: Figure[] = []
  for (const connections of [1, 32, 256]) {
    const rounds: Sample[][] = []
    for (let round = 0; round < options.rounds; round += 1) {
      const samples: Sample[] = []
      for (const server of servers) {
        samples.push(await takeSample(stage, server, connections, options.windowMs))
      }
      rounds.push(samples)
    }
    figures.push(...throughput(connections, rounds))
    if (connections === 1) figures.push(...latency(rounds))
  }
  await stage.stop(weir)
  return figures
}

/** Processor time with the request log over that without it, at 32 connections. */
export async function measureLogging(stage: Stage, options: PlainOptions): Promise<Figure[]> {
  const without = await stage.startWeir({ log: 'none' })
  const withLog = await stage.startWeir()
  for (const server of [without, withLog]) await warmUp(stage, server, options.warmUp)
  const off: number[] = []
  const on: number[] = []
  for (let round = 0; round < options.rounds; round += 1) {
    // Whoever comes second in a round must not always be the same.
    const order = round % 2 === 0 ? [without, withLog] : [withLog, without]
    for (const server of order) {
      const { cpuMs } = await takeSample(stage, server, 32, options.windowMs)
      if (server === without) off.push(cpuMs)
      else on.push(cpuMs)
    }
  }
  await stage.stop(withLog)
  await stage.stop(without)
  return [
    {
      name: 'CPU the request log adds',
      value: (median(on.map((cpuMs, round) => cpuMs / off[round]!)) - 1) * 100,
      unit: '%',
      digits: 1,
      goal: { atMost: 10 },
      beside: `${number(median(on), 1)} ms with it, ${number(median(off), 1)} ms without, per 1,000 requests`,
    },
  ]
}

/** @param credential in place of the run's key */
export async function warmUp(
  stage: Stage,
  server: Running,
  requests: number,
  credential?: string,
): Promise<void> {
  const pool = await Pool.open(stage.plain(server, credential), 32)
  stage.checked(`plain through ${server.name}`, await pool.run({ requests }))
  pool.close()
}

/** @param credential in place of the run's key */
export async function takeSample(
  stage: Stage,
  server: Running,
  connections: number,
  windowMs: number,
  credential?: string,
): Promise<Sample> {
  const pool = await Pool.open(stage.plain(server, credential), connections)
  const what = `plain, ${connections} connections, ${server.name}`
  // Connections to the upstream are made here, outside of what is measured.
  stage.checked(what, await pool.run({ requests: connections * 4 }))
  const before = server.cpuMs()
  const result = stage.checked(what, await pool.run({ elapsedMs: windowMs }))
  const cpuMs = server.cpuMs() - before
  pool.close()
  return {
    perSecond: (result.requests / result.elapsedMs) * 1000,
    cpuMs: (cpuMs / result.requests) * 1000,
    p50Ms: quantile(result.totalsMs, 0.5),
    p99Ms: quantile(result.totalsMs, 0.99),
  }
}

/**
 * Latency of one server of each round above that of the first.
 * @param what words behind `latency added`
 */
export function addedLatency(what: string, at: number, rounds: readonly Sample[][]): Figure[] {
  return (['p50', 'p99'] as const).map((name) => ({
    name: `  … latency added${what}, ${name}`,
    value: median(rounds.map((samples) => samples[at]![`${name}Ms`] - samples[0]![`${name}Ms`])),
    unit: 'ms',
    digits: 3,
  }))
}

const DIRECT = 0
const PASS_THROUGH = 1
const WEIR = 2

/** The median over the rounds of what `read` makes of one. */
function over(rounds: readonly Sample[][], read: (samples: Sample[]) => number): number {
  return median(rounds.map(read))
}

function throughput(connections: number, rounds: readonly Sample[][]): Figure[] {
  const cpu = (server: number) => over(rounds, (samples) => samples[server]!.cpuMs)
  const rate = (server: number) => over(rounds, (samples) => samples[server]!.perSecond)
  return [
    {
      name: `CPU per 1,000 requests, ${connectionsText(connections)}`,
      value: cpu(WEIR),
      unit: 'ms',
      digits: 1,
      beside: `pass-through ${number(cpu(PASS_THROUGH), 1)} ms`,
    },
    {
      name: `  … over the pass-through's`,
      value: over(rounds, (samples) => samples[WEIR]!.cpuMs / samples[PASS_THROUGH]!.cpuMs),
      unit: '×',
      goal: { atMost: 1.8 },
    },
    {
      name: `requests per second, ${connectionsText(connections)}`,
      value: rate(WEIR),
      unit: '/s',
      digits: 0,
      beside: `pass-through ${number(rate(PASS_THROUGH), 0)}, direct ${number(rate(DIRECT), 0)}`,
    },
    {
      name: `  … of the pass-through's`,
      value: over(rounds, (samples) => samples[WEIR]!.perSecond / samples[PASS_THROUGH]!.perSecond),
      unit: '×',
      goal: { atLeast: 0.6 },
    },
  ]
}

function latency(rounds: readonly Sample[][]): Figure[] {
  const added = (server: number, read: (sample: Sample) => number) =>
    over(rounds, (samples) => read(samples[server]!) - read(samples[DIRECT]!))
  const p50 = (sample: Sample) => sample.p50Ms
  const p99 = (sample: Sample) => sample.p99Ms
  return [
    {
      name: 'latency added at 1 connection, p50',
      value: added(WEIR, p50),
      unit: 'ms',
      digits: 3,
      goal: { atMost: 0.12 },
      beside: `pass-through ${number(added(PASS_THROUGH, p50), 3)} ms`,
    },
    {
      name: 'latency added at 1 connection, p99',
      value: added(WEIR, p99),
      unit: 'ms',
      digits: 3,
      goal: { atMost: 0.5 },
      beside: `pass-through ${number(added(PASS_THROUGH, p99), 3)} ms`,
    },
  ]
}

function connectionsText(connections: number): string {
  return connections === 1 ? '1 connection' : `${connections} connections`
}
