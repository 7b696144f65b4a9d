// Many streams open at once: how soon each has its first chunk, whether any is cut, and what memory they take.

import { Pool, quantile, type Result } from './driver.ts'
import type { StreamShape } from './payloads.ts'
import { openFiles, type Running } from './process.ts'
import { number, type Figure } from './report.ts'
import { FILES_MIN, type Stage } from './stage.ts'

export interface HeldOptions {
  readonly many: number
  readonly most: number
  readonly holdMs: number
}

interface Held {
  readonly result: Result
  readonly residentMib: number
}

export async function measureHeld(stage: Stage, options: HeldOptions): Promise<Figure[]> {
  const { hard } = openFiles()
  const files = Number.isNaN(hard) ? Number.POSITIVE_INFINITY : hard
  const most = files >= FILES_MIN ? options.most : Math.floor(files / 3)
  const weir = await stage.startWeir()
  const shape = shapeOf(options.holdMs)
  // The second time: what is read is the way with its code warm, not its first run.
  await hold(stage, weir, Math.min(100, options.many), shapeOf(300))
  await hold(stage, stage.passThrough, Math.min(100, options.many), shapeOf(300))
  const direct = await hold(stage, stage.upstream, options.many, shape)
  const bare = await hold(stage, stage.passThrough, options.many, shape)
  const own = await hold(stage, weir, options.many, shape)
  const figures = firstChunk(options.many, own, bare, direct)
  const largest = await hold(stage, weir, most, shapeOf(options.holdMs * 1.5))
  await stage.stop(weir)
  const cut = [...largest.result.failures.values()].reduce((sum, count) => sum + count, 0)
  const limited = most < options.most ? `; only ${files} files may be open here` : ''
  return [
    ...figures,
    { name: `${most} streams held: cut`, value: cut, unit: '', digits: 0, goal: { atMost: 0 } },
    {
      name: `${most} streams held: memory`,
      value: largest.residentMib,
      unit: 'MiB',
      digits: 0,
      goal: { atMost: 200 },
      beside: `first chunk p50 ${number(quantile(largest.result.firstsMs, 0.5) / 1000)} s, last ${number(quantile(largest.result.firstsMs, 1) / 1000)} s${limited}`,
    },
  ]
}

/** A chunk at once, two more on the way, then the end. */
function shapeOf(holdMs: number): StreamShape {
  return { chunks: 1, perWrite: 1, intervalMs: Math.round(holdMs / 4) }
}

async function hold(
  stage: Stage,
  server: Running,
  streams: number,
  shape: StreamShape,
): Promise<Held> {
  const pool = await Pool.open(stage.streams(server, shape, 'openai'), streams)
  let residentMib = 0
  const look = setInterval(() => {
    residentMib = Math.max(residentMib, server.residentMib())
  }, 100)
  const result = stage.checked(`${streams} streams held by ${server.name}`, await pool.once())
  clearInterval(look)
  pool.close()
  return { result, residentMib }
}

function firstChunk(streams: number, own: Held, bare: Held, direct: Held): Figure[] {
  const seconds = (held: Held, share: number) => quantile(held.result.firstsMs, share) / 1000
  const beside = (share: number) =>
    `pass-through ${number(seconds(bare, share))} s, direct ${number(seconds(direct, share))} s`
  return [
    {
      name: `${streams} streams held: first chunk of the last`,
      value: seconds(own, 1),
      unit: 's',
      goal: { atMost: 0.3 },
      beside: beside(1),
    },
    {
      name: `${streams} streams held: first chunk, p50`,
      value: seconds(own, 0.5),
      unit: 's',
      beside: beside(0.5),
    },
    {
      name: `${streams} streams held: memory`,
      value: own.residentMib,
      unit: 'MiB',
      digits: 0,
      beside: `pass-through ${number(bare.residentMib, 0)} MiB`,
    },
  ]
}
