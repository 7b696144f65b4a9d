// Time from the start of the process to its first 200, on a data folder that exists and on a new one.

import { median } from './driver.ts'
import type { Readiness } from './process.ts'
import { number, type Figure } from './report.ts'
import type { Stage } from './stage.ts'

export interface StartOptions {
  readonly times: number
}

export async function measureStart(stage: Stage, options: StartOptions): Promise<Figure[]> {
  const dataFolder = stage.newDataFolder()
  // Makes the folder's files, and brings the executable into the page cache.
  await startOnce(stage, dataFolder)
  const existing: Readiness[] = []
  const fresh: Readiness[] = []
  for (let time = 0; time < options.times; time += 1) {
    existing.push(await startOnce(stage, dataFolder))
    fresh.push(await startOnce(stage, stage.newDataFolder()))
  }
  return [figure('existing data folder', existing, 60), figure('new data folder', fresh, 150)]
}

async function startOnce(stage: Stage, dataFolder: string): Promise<Readiness> {
  const weir = await stage.startWeir({ dataFolder })
  await stage.stop(weir)
  return weir.ready
}

function figure(name: string, starts: readonly Readiness[], atMost: number): Figure {
  const fastest = Math.min(...starts.map((each) => each.elapsedMs))
  return {
    name: `start to first 200, ${name}`,
    value: median(starts.map((each) => each.elapsedMs)),
    unit: 'ms',
    digits: 0,
    goal: { atMost },
    beside: `fastest ${number(fastest, 0)} ms, CPU ${number(median(starts.map((each) => each.cpuMs)), 0)} ms`,
  }
}
