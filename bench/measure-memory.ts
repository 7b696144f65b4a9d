// Resident memory of a fresh process: idle, after many plain requests, and after as many again, when it must not grow any more.

import { Pool } from './driver.ts'
import type { Figure } from './report.ts'
import type { Stage } from './stage.ts'

export interface MemoryOptions {
  /** Requests of each of the two halves. */
  readonly requests: number
}

const CONNECTIONS = 32
/** Long enough for what runs after the start (prices, model lists) and for the last rows of the log. */
const SETTLE_MS = 1_500

/** Growth that still counts as flat: allocators round, and the log's pages come and go. */
const FLAT_MIB = 8

export async function measureMemory(stage: Stage, options: MemoryOptions): Promise<Figure[]> {
  const { requests } = options
  const weir = await stage.startWeir()
  await Bun.sleep(SETTLE_MS)
  const idle = weir.residentMib()
  const pool = await Pool.open(stage.plain(weir), CONNECTIONS)
  const after: number[] = []
  for (const half of ['first', 'second']) {
    stage.checked(`${half} ${requests} requests for memory`, await pool.run({ requests }))
    await Bun.sleep(SETTLE_MS)
    after.push(weir.residentMib())
  }
  pool.close()
  await stage.stop(weir)
  const [once, twice] = after as [number, number]
  const named = (count: number) => `memory after ${count.toLocaleString('en')} requests`
  return [
    { name: 'memory idle', value: idle, unit: 'MiB', digits: 0, goal: { atMost: 70 } },
    { name: named(requests), value: once, unit: 'MiB', digits: 0, goal: { atMost: 120 } },
    {
      name: named(requests * 2),
      value: twice,
      unit: 'MiB',
      digits: 0,
      goal: { atMost: once + FLAT_MIB },
      beside: `flat: at most ${FLAT_MIB} MiB more than before`,
    },
  ]
}
