// The soak: many slow streams over all protocols through the executable for minutes on end, with providers that fail on the way, and
// every byte, row and cent of it checked. It ends with a verdict and with 1 where anything is not as stated.

import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { SEED } from '../src/testing/seed.ts'
import { executablePath } from '../tests/harness/weir.ts'
import { numberIn, oneOf, understood } from './options.ts'
import { LONG_REST, SHORT_REST } from './soak-floors.ts'
import { BOUNDS } from './soak-judge.ts'
import { ALL_DIALECTS, FAULTS, LONG_PATIENCE, SHORT_PATIENCE, type Fault } from './soak-plan.ts'
import { PLANTED, soak, type SoakOptions } from './soak-run.ts'

const STREAMS_MAX = 4_000
const MINUTES_MAX = 24 * 60
/** A shorter run is a look: it does not wait long for its last silence, nor for memory, of which it proves little. */
const WHOLE_FROM_MINUTES = 1
/** The first is behind the warm-up. */
const FLOORS = 4
const LOOK_FLOORS = 2
/** What is left of the warm-up of a look. */
const LOOK_GROWTH_MIB = 100
const USAGE = `bun run soak [--streams N] [--minutes M] [--faults on|off|${FAULTS.join(',')}]
  [--dialects ${ALL_DIALECTS.join(',')}] [--seed S] [--tokens-per-second T] [--longest SECONDS]
  [--growth MIB_PER_MINUTE] [--planted ${PLANTED.join('|')}]\n`

/** @throws Error for what cannot be understood */
function readOptions(): SoakOptions {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '500' },
      minutes: { type: 'string', default: '10' },
      faults: { type: 'string', default: 'on' },
      dialects: { type: 'string', default: ALL_DIALECTS.join(',') },
      seed: { type: 'string', default: String(SEED) },
      'tokens-per-second': { type: 'string', default: '5' },
      longest: { type: 'string' },
      growth: { type: 'string' },
      planted: { type: 'string' },
    },
  })
  const minutes = numberIn('minutes', values.minutes, 0.05, MINUTES_MAX)
  const isLook = minutes < WHOLE_FROM_MINUTES
  const longest = values.longest ?? String(Math.max(2, Math.min(30, minutes * 15)))
  const { planted } = values
  if (planted !== undefined) oneOf('planted', planted, PLANTED)
  return {
    streams: numberIn('streams', values.streams, 1, STREAMS_MAX),
    minutes,
    floors: isLook ? LOOK_FLOORS : FLOORS,
    settling: isLook ? SHORT_REST : LONG_REST,
    faults: faultsIn(values.faults),
    dialects: values.dialects.split(',').map((name) => oneOf('dialects', name, ALL_DIALECTS)),
    seed: numberIn('seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
    piecesPerSecond: numberIn('tokens-per-second', values['tokens-per-second'], 1, 100),
    secondsMax: numberIn('longest', longest, 2, 600),
    patience: isLook ? SHORT_PATIENCE : LONG_PATIENCE,
    bounds: {
      ...BOUNDS,
      ...(isLook ? { growthMaxMib: LOOK_GROWTH_MIB } : {}),
      growthMax:
        values.growth === undefined
          ? BOUNDS.growthMax
          : numberIn('growth', values.growth, 0, 10_000),
    },
    ...(planted === undefined ? {} : { planted }),
    print: (line) => void process.stdout.write(`${line}\n`),
  }
}

function faultsIn(text: string): readonly Fault[] {
  if (text === 'on') return FAULTS
  if (text === 'off') return []
  return text.split(',').map((name) => oneOf('faults', name, FAULTS))
}

async function main(): Promise<number> {
  const options = understood(() => {
    const read = readOptions()
    executablePath()
    return read
  }, USAGE)
  if (options === undefined) return 2
  const { dialects, faults, minutes, print, seed, streams } = options
  const load = loadavg()[0]!.toFixed(1)
  print(
    `${streams} streams for ${minutes} minutes, seed ${seed}, faults ${faults.join(' ') || 'off'}, ${dialects.length} protocols`,
  )
  print(`${availableParallelism()} processors, load ${load} before the run`)
  const report = await soak(options)
  return report.problems.length === 0 ? 0 : 1
}

process.exit(await main())
