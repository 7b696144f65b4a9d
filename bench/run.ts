// The benchmark: the executable on loopback with its key check and its request log on, beside the upstream asked directly and
// a bare pass-through on the same parts. It prints figures beside their goals and writes them to dist/bench.json. It
// fails for wrong answers, cut streams and dead processes, never for a figure.

import { existsSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { measureFeatures } from './measure-features.ts'
import { measureGrowth } from './measure-growth.ts'
import { measureHeld } from './measure-held.ts'
import { measureMemory } from './measure-memory.ts'
import { measurePairs } from './measure-pairs.ts'
import { measureLogging, measurePlain, type PlainOptions } from './measure-plain.ts'
import { measurePrune } from './measure-prune.ts'
import { measureSearch } from './measure-search.ts'
import { measureStart } from './measure-start.ts'
import { measureStore } from './measure-store.ts'
import { measureTeam } from './measure-team.ts'
import { measureStreams } from './measure-streams.ts'
import { understood } from './options.ts'
import { canMeasure } from './process.ts'
import { figureJson, isMet, table, type Figure } from './report.ts'
import { Stage } from './stage.ts'

interface Measure {
  readonly heading: string
  run(stage: Stage, quick: boolean): Promise<Figure[]>
}

const MEASURES: Readonly<Record<string, Measure>> = {
  start: {
    heading: 'Start',
    run: (stage, quick) => measureStart(stage, { times: quick ? 3 : 5 }),
  },
  memory: {
    heading: 'Resident memory',
    run: (stage, quick) => measureMemory(stage, { requests: quick ? 10_000 : 50_000 }),
  },
  plain: {
    heading: 'Plain requests',
    run: (stage, quick) => measurePlain(stage, plainOptions(quick)),
  },
  team: {
    heading: 'A team server beside the laptop',
    run: (stage, quick) => measureTeam(stage, { ...plainOptions(quick), rounds: quick ? 1 : 5 }),
  },
  logging: {
    heading: 'Request log',
    run: (stage, quick) => measureLogging(stage, { ...plainOptions(quick), rounds: quick ? 2 : 7 }),
  },
  features: {
    heading: 'Tracing, exports, guardrails and cache',
    run: (stage, quick) =>
      measureFeatures(stage, { ...plainOptions(quick), rounds: quick ? 2 : 7 }),
  },
  store: {
    heading: 'Rows into a store',
    run: (stage, quick) =>
      measureStore(stage, quick ? { rows: 5_000, rounds: 1 } : { rows: 20_000, rounds: 5 }),
  },
  search: {
    heading: 'Searches of the request log',
    run: (stage, quick) =>
      measureSearch(
        stage,
        quick
          ? { rows: 100_000, rounds: 2, windowMs: 1_000 }
          : { rows: 1_000_000, rounds: 5, windowMs: 2_000 },
      ),
  },
  prune: {
    heading: 'Deletion of old rows while requests pass',
    run: (stage, quick) => measurePrune(stage, quick ? { rows: 100_000 } : { rows: 1_000_000 }),
  },
  streams: {
    heading: 'Streams',
    run: (stage, quick) =>
      measureStreams(stage, quick ? { rounds: 1, windowMs: 300 } : { rounds: 5, windowMs: 500 }),
  },
  pairs: {
    heading: 'Translation, every pair',
    run: (stage, quick) =>
      measurePairs(stage, quick ? { rounds: 1, windowMs: 200 } : { rounds: 3, windowMs: 300 }),
  },
  growth: {
    heading: 'Growth with the input',
    run: async (_stage, quick) => measureGrowth(quick ? 3 : 7),
  },
  held: {
    heading: 'Streams held open',
    run: (stage, quick) =>
      measureHeld(stage, { many: 1_000, most: quick ? 2_000 : 4_000, holdMs: 2_000 }),
  },
}

function plainOptions(quick: boolean): PlainOptions {
  return quick
    ? { rounds: 1, windowMs: 400, warmUp: 5_000 }
    : { rounds: 5, windowMs: 800, warmUp: 15_000 }
}

const USAGE = `bun bench/run.ts [--quick] [--only ${Object.keys(MEASURES).join('|')}] [--executable PATH]\n`

const root = join(import.meta.dir, '..')

interface Options {
  readonly quick: boolean
  readonly names: readonly string[]
  readonly executable: string
}

/** @throws Error for what cannot be understood */
function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      executable: { type: 'string' },
    },
  })
  const names = values.only ?? Object.keys(MEASURES)
  const unknown = names.find((name) => MEASURES[name] === undefined)
  if (unknown !== undefined) throw new Error(`There is no measure '${unknown}'.`)
  const built = join(root, 'dist', process.platform === 'win32' ? 'weir.exe' : 'weir')
  const executable = resolve(values.executable ?? built)
  if (!existsSync(executable)) throw new Error(`There is no ${executable}: run 'bun build.ts'.`)
  return { quick: values.quick, names, executable }
}

function print(text: string): void {
  process.stdout.write(text)
}

/** Runs the measures one after the other; resolves to their figures by measure and to what failed. */
async function runAll(
  options: Options,
): Promise<{ figures: Map<string, Figure[]>; failures: string[] }> {
  const stage = await Stage.open(options.executable)
  const interrupt = () => void stage.close().then(() => process.exit(130))
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  const figures = new Map<string, Figure[]>()
  try {
    for (const name of options.names) {
      const measure = MEASURES[name]!
      const found = await measure.run(stage, options.quick)
      figures.set(name, found)
      print(table(measure.heading, found))
    }
  } catch (error) {
    stage.failures.push(error instanceof Error ? error.message : String(error))
  } finally {
    await stage.close()
  }
  return { figures, failures: stage.failures }
}

async function main(): Promise<number> {
  const options = understood(readOptions, USAGE)
  if (options === undefined) return 2
  const startedMs = performance.now()
  const load = loadavg()[0]!
  print(`${availableParallelism()} processors, load ${load.toFixed(1)} before the run\n`)
  if (!canMeasure) print('Processor time and memory can be read on Linux alone: shown as ?\n')
  const { figures, failures } = await runAll(options)
  const all = [...figures.values()].flat()
  const missed = all.filter((figure) => isMet(figure) === false).length
  const met = all.filter((figure) => isMet(figure) === true).length
  const report = {
    quick: options.quick,
    machine: { processors: availableParallelism(), platform: process.platform, loadBefore: load },
    bun: Bun.version,
    measures: Object.fromEntries([...figures].map(([name, list]) => [name, list.map(figureJson)])),
    failures,
  }
  writeFileSync(join(root, 'dist', 'bench.json'), `${JSON.stringify(report, undefined, 2)}\n`)
  for (const failure of failures) print(`\nFAILED  ${failure}\n`)
  const seconds = Math.round((performance.now() - startedMs) / 1000)
  print(`\n${met} goals met, ${missed} missed, ${failures.length} failed, ${seconds} s\n`)
  return failures.length > 0 ? 1 : 0
}

process.exit(await main())
