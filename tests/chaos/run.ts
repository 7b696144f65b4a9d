// The chaos run: every fault a provider, a network or an operator can bring, against the executable, one after the other. It
// prints what came of each beside what had to, and fails when any of it is not so; a run is bounded to ten minutes.

import { loadavg, availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { SEED, seededRandom } from '../../src/testing/seed.ts'
import { executablePath } from '../harness/weir.ts'
import { Account, type Pace, type Scenario } from './account.ts'
import { Report } from './report.ts'
import { SCENARIOS } from './scenarios.ts'

/** A run that is not through by then is cut off: its faults have to end by themselves. */
const RUN_LIMIT_MS = 10 * 60_000
const SCENARIO_LIMIT_MS = 4 * 60_000

interface Options {
  readonly quick: boolean
  readonly scenarios: readonly Scenario[]
}

/** @throws Error for what cannot be understood */
function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
    },
  })
  const names = values.only?.flatMap((name) => name.split(','))
  const unknown = names?.find((name) => !SCENARIOS.some((it) => it.name === name))
  if (unknown !== undefined) {
    const known = SCENARIOS.map(({ name }) => name).join(', ')
    throw new Error(`There is no fault '${unknown}'. There are: ${known}.`)
  }
  const scenarios = SCENARIOS.filter(({ name }) => names?.includes(name) ?? true)
  return { quick: values.quick, scenarios }
}

async function main(): Promise<number> {
  let options: Options
  try {
    options = readOptions()
    executablePath()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  const pace: Pace = { quick: options.quick, strict: true, random: seededRandom() }
  const startedMs = performance.now()
  const report = new Report()
  const load = loadavg()[0]!.toFixed(1)
  process.stdout.write(
    `WEIR_SEED=${SEED}, ${availableParallelism()} processors, load ${load} before the run\n\n`,
  )
  for (const scenario of options.scenarios) {
    const account = new Account(pace)
    const beganMs = performance.now()
    const reason = scenario.without?.()
    if (reason === undefined) {
      const left = RUN_LIMIT_MS - (beganMs - startedMs)
      await runScenario(scenario, account, pace, Math.min(left, SCENARIO_LIMIT_MS))
    }
    report.add(scenario, account, performance.now() - beganMs, reason)
  }
  process.stdout.write(report.summary(performance.now() - startedMs))
  return report.failed > 0 ? 1 : 0
}

async function runScenario(
  scenario: Scenario,
  account: Account,
  pace: Pace,
  limitMs: number,
): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(() => {
    account.fail('it did not end in time')
    late.resolve()
  }, limitMs)
  await Promise.race([
    scenario.run(account, pace).catch((error: unknown) => {
      account.fail(error instanceof Error ? (error.stack ?? error.message) : String(error))
    }),
    late.promise,
  ])
  clearTimeout(timer)
}

process.exit(await main())
