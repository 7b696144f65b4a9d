// Providers that refuse or fail everything for a while, with one target and with two: what repeats cost them, when they are left
// alone, how soon they are asked again, and that nobody notices where another can answer.

import { startFaultProxy, RESET_REQUESTS } from '../../src/testing/fault-proxy.ts'
import { seededInteger } from '../../src/testing/seed.ts'
import { attemptsOf, rounded, type Account, type Pace, type Scenario } from './account.ts'
import { tell, type Told } from './client.ts'
import type { Echo, Fault } from './echo.ts'
import { askOf, inTurn, quantile, steadily, type Kind } from './load.ts'
import { modelOf, providerAt, World } from './world.ts'

export function errorAnswer(status: number, headers: Readonly<Record<string, string>> = {}): Fault {
  const error = { message: 'Not now.', type: 'server_error', param: null, code: null }
  return () => Response.json({ error }, { status, headers })
}

/** Repeats for each request, beside those that are free. */
const AMPLIFICATION_MAX = 1.2
/** Repeats that every ten seconds allow besides. */
const FREE_REPEATS = 10

interface Storm {
  readonly name: string
  readonly title: string
  readonly expected: string
  readonly fault: Fault
  readonly errors: readonly (readonly [number, string])[]
  /** Asked again within so long after its end; as long as the storm where its circuit opened for twice as long each time. */
  readonly recoversMs: (stormMs: number) => number
}

const STORMS: readonly Storm[] = [
  {
    name: 'storm-429',
    title: '429 storm',
    expected: '429; attempts ≤ 1.2x + 10; the second answers',
    fault: errorAnswer(429),
    errors: [[429, 'upstream_rate_limited']],
    recoversMs: () => 5_000,
  },
  {
    name: 'storm-429-after',
    title: '429 storm with retry-after',
    expected: '429; attempts ≤ 1.2x + 10; the second answers',
    fault: errorAnswer(429, { 'retry-after': '1' }),
    errors: [[429, 'upstream_rate_limited']],
    recoversMs: () => 5_000,
  },
  {
    name: 'storm-500',
    title: '500 storm',
    expected: '502, then 503 at once; ≤ 1.2x + 10; recovers',
    fault: errorAnswer(500),
    errors: [
      [502, 'upstream_error'],
      [503, 'upstream_unavailable'],
    ],
    recoversMs: (stormMs) => stormMs + 1_000,
  },
]

function stormScenario(storm: Storm): Scenario {
  const { name, title, expected } = storm
  return {
    name,
    title,
    expected,
    async run(account, pace) {
      await using world = new World()
      const [bad, good] = [world.echo(), world.echo()]
      const settings = {
        retries: { max: 2, base: '50ms', cap: '500ms' },
        circuit: { failures: 5, open: '500ms' },
      }
      const weir = await world.weir({
        providers: [
          providerAt('bad', bad.baseUrl, settings),
          providerAt('good', good.baseUrl, settings),
        ],
        models: [
          modelOf('alone', ['bad']),
          modelOf('good', ['good']),
          modelOf('pair', ['bad', 'good']),
        ],
      })
      const kind = (model: string): Kind => ({ port: weir.port, model })
      await inTurn(kind('good'), WARM_UP, 4)
      const base = await steadily(kind('good'), { perSecond: 50, forMs: pace.quick ? 600 : 3_000 })
      account.count('the good one alone', base, 'right')
      bad.fault = storm.fault
      const stormMs = pace.quick ? 1_000 : 5_000
      const alone = await steadily(kind('alone'), { perSecond: 50, forMs: stormMs })
      const before = bad.asked
      account.count('alone', alone, 'error')
      account.errorsAre('alone', alone, storm.errors)
      checkAmplification(account, before, alone.length)
      checkRetryAfter(account, alone)
      checkLeftAlone(account, alone)
      const [pair, beside] = await Promise.all([
        steadily(kind('pair'), { perSecond: 50, forMs: stormMs }),
        besides(kind('good'), stormMs, pace),
      ])
      account.count('with a second target', pair, 'right')
      account.addedAtMost('', account.compare(pair, beside ?? base), 50)
      bad.fault = () => undefined
      const healed = await recovery(kind('alone'))
      account.count('after its end', healed.told, 'right', 'error')
      account.atMost('recovered after', healed.afterMs, storm.recoversMs(2 * stormMs), 'ms', 4)
      const told = [...base, ...alone, ...pair, ...(beside ?? []), ...healed.told]
      const rows = await account.rows(weir, told)
      account.attempts(rows, alone)
      account.askedAsRecorded(rows, told, [bad, good])
    },
  }
}

/** R27: an outage is not made worse by everybody trying again. */
function checkAmplification(account: Account, asked: number, requests: number): void {
  const due = AMPLIFICATION_MAX * requests + FREE_REPEATS
  account.note(`the provider was asked ${asked} times for ${requests} requests`)
  account.must(asked <= due, `asked ${asked} times for ${requests} requests, due ≤ ${due}`)
}

/** Who is told to come again is told when. */
function checkRetryAfter(account: Account, told: readonly Told[]): void {
  const silent = told.filter(
    ({ headers, status }) =>
      (status === 503 || status === 529) &&
      headers['x-should-retry'] === 'true' &&
      headers['retry-after'] === undefined,
  )
  account.must(silent.length === 0, `${silent.length} of ${told.length} errors say no retry-after`)
}

/** R26: while a target is left alone nobody waits for it. */
function checkLeftAlone(account: Account, told: readonly Told[]): void {
  const times = told
    .filter(({ status }) => status === 503 || status === 529)
    .map(({ totalMs }) => totalMs)
  if (times.length === 0) return
  account.atMost('refused while left alone, p50', quantile(times, 0.5), 5, 'ms', 200)
  account.note(`p99 ${rounded(quantile(times, 0.99))} ms`)
}

/**
 * Some answers of the good one at the same time as a load, to compare that with: what the machine does besides holds up both alike. None
 * on a machine that does nothing else, where the load before it will do.
 */
async function besides(kind: Kind, forMs: number, pace: Pace): Promise<Told[] | undefined> {
  return pace.strict ? undefined : await steadily(kind, { perSecond: 10, forMs })
}

/** Asks every 50 ms until there is an answer. */
async function recovery(kind: Kind): Promise<{ told: Told[]; afterMs: number }> {
  const startedMs = performance.now()
  const told: Told[] = []
  while (performance.now() - startedMs < 60_000) {
    const one = await tell(askOf(kind))
    told.push(one)
    if (one.outcome === 'right') break
    await Bun.sleep(50)
  }
  return { told, afterMs: performance.now() - startedMs }
}

const FLAP_MS = 1_000
const PER_SECOND = 50
/** Requests that a program which has just started is asked before anything is measured. */
const WARM_UP = 100

/** How it is down, a second at a time: not listening and resetting what is asked, or failing what is asked. */
type Down = (proxy: ReturnType<typeof startFaultProxy>, echo: Echo) => void
const DOWN: readonly Down[] = [
  (proxy) => {
    proxy.refuse()
    proxy.set(RESET_REQUESTS)
  },
  (_proxy, echo) => {
    echo.fault = errorAnswer(500)
  },
  (_proxy, echo) => {
    echo.fault = errorAnswer(503, { 'retry-after': '1' })
  },
  (proxy) => proxy.set(RESET_REQUESTS),
]

const FLAPPING: Scenario = {
  name: 'flapping',
  title: 'provider flapping every second, 50/s',
  expected: 'no client error; < 50 ms added at p99',
  async run(account, pace) {
    await using world = new World()
    const [flapping, good] = [world.echo({ thinkMs: 5 }), world.echo({ thinkMs: 5 })]
    const proxy = world.add(startFaultProxy({ port: flapping.port }), (it) => it.close())
    const circuit = { failures: 5, open: '500ms' }
    const weir = await world.weir({
      providers: [
        providerAt('flapping', `${proxy.url}/v1`, { circuit }),
        providerAt('good', good.baseUrl, { circuit }),
      ],
      models: [modelOf('good', ['good']), modelOf('pair', ['flapping', 'good'])],
    })
    const kind = (model: string): Kind => ({ port: weir.port, model, gapMs: 5 })
    await inTurn(kind('good'), WARM_UP, 4)
    const base = await steadily(kind('good'), {
      perSecond: PER_SECOND,
      forMs: pace.quick ? 2_000 : 15_000,
    })
    account.count('the healthy target alone', base, 'right')
    const forMs = pace.quick ? 8_000 : 120_000
    const [told, beside, flaps] = await Promise.all([
      steadily(kind('pair'), { perSecond: PER_SECOND, forMs }),
      besides(kind('good'), forMs, pace),
      flap(proxy, flapping, forMs, pace),
    ])
    account.count('while one flaps', told, 'right')
    account.addedAtMost('', account.compare(told, beside ?? base), 50)
    const rows = await account.rows(weir, [...base, ...told, ...(beside ?? [])])
    account.attempts(rows, told)
    account.askedAsRecorded(rows, [...told, ...(beside ?? [])], [flapping, good])
    const by = { flapping: 0, good: 0 }
    let failedOver = 0
    for (const { ask } of told) {
      const row = rows.get(ask.requestId)
      if (row === undefined) continue
      by[row['provider_id'] === 'flapping' ? 'flapping' : 'good'] += 1
      if (attemptsOf(row).length > 1) failedOver += 1
    }
    account.note(
      `${flaps} times down, answered by it ${by.flapping}, by the other ${by.good}, ${failedOver} after a failure`,
    )
    account.must(by.flapping > 0 && by.good > 0, 'only one of the targets answered')
    account.must(failedOver > 0, 'no request met the fault')
  },
}

/** Down for a second, up for a second. @returns how often it was down */
async function flap(
  proxy: ReturnType<typeof startFaultProxy>,
  echo: Echo,
  forMs: number,
  pace: Pace,
): Promise<number> {
  const startedMs = performance.now()
  let downs = 0
  for (let turn = 0; performance.now() - startedMs < forMs; turn += 1) {
    if (turn % 2 === 0) {
      // Each way once before any comes again by lot.
      const way = downs < DOWN.length ? downs : seededInteger(pace.random, DOWN.length)
      DOWN[way]!(proxy, echo)
      downs += 1
    } else {
      proxy.accept()
      proxy.set({})
      echo.fault = () => undefined
    }
    await Bun.sleep(Math.max(0, startedMs + (turn + 1) * FLAP_MS - performance.now()))
  }
  proxy.accept()
  proxy.set({})
  echo.fault = () => undefined
  return downs
}

const KEYS = ['sk-of-the-chaos-run-one-0001', 'sk-of-the-chaos-run-two-0002'] as const

const KEY_POOL: Scenario = {
  name: 'key-pool',
  title: 'one key of two refused, then both',
  expected: 'no client error; then 502/503/429, never 401',
  async run(account, pace) {
    const requests = pace.quick ? 40 : 200
    for (const status of [401, 429]) {
      await using world = new World()
      const echo = world.echo()
      const dead = new Set<string>([KEYS[0]])
      const refuse = errorAnswer(status, status === 429 ? { 'retry-after': '30' } : {})
      echo.fault = (asked) => (dead.has(asked.key) ? refuse(asked) : undefined)
      const weir = await world.weir({
        providers: [providerAt('p', echo.baseUrl, { keys: KEYS })],
        models: [modelOf('m', ['p'])],
      })
      const kind: Kind = { port: weir.port, model: 'm' }
      const one = await inTurn(kind, requests, 4)
      account.count(`one key ${status}`, one, 'right')
      const tried = echo.keys.get(KEYS[0]) ?? 0
      account.note(`the key with ${status} was tried ${tried} times for ${requests} requests`)
      account.must(tried >= 1 && tried <= 8, `the key with ${status} was tried ${tried} times`)
      dead.add(KEYS[1])
      const both = await inTurn(kind, requests >> 1, 4)
      account.count(`both keys ${status}`, both, 'error')
      account.errorsAre(
        `both keys ${status}`,
        both,
        status === 401
          ? [
              [502, 'upstream_auth_error'],
              [503, 'upstream_unavailable'],
            ]
          : [[429, 'upstream_rate_limited']],
      )
      const rows = await account.rows(weir, [...one, ...both])
      account.attempts(rows, one)
      account.askedAsRecorded(rows, [...one, ...both], [echo])
    }
  },
}

const FALLBACK: Scenario = {
  name: 'fallback-model',
  title: 'every target dead, fallback model',
  expected: 'no client error',
  async run(account, pace) {
    await using world = new World()
    const [first, second, good] = [world.echo(), world.echo(), world.echo()]
    first.fault = errorAnswer(500)
    second.fault = errorAnswer(503)
    const routing = { fallbacks: { failed: ['backup'] } }
    const weir = await world.weir({
      providers: [
        providerAt('first', first.baseUrl),
        providerAt('second', second.baseUrl),
        providerAt('good', good.baseUrl),
      ],
      models: [modelOf('main', ['first', 'second'], { routing }), modelOf('backup', ['good'])],
    })
    const requests = pace.quick ? 40 : 200
    const kind = (model: string): Kind => ({ port: weir.port, model })
    await inTurn(kind('backup'), WARM_UP, 4)
    const base = await inTurn(kind('backup'), requests, 4)
    account.count('the fallback alone', base, 'right')
    const told = await inTurn(kind('main'), requests, 4)
    account.count('falling back', told, 'right')
    const addedMs = account.compare(told, base)
    account.note(
      `added at ${account.judged.name} ${rounded(addedMs)} ms, waits before repeats included`,
    )
    const rows = await account.rows(weir, [...base, ...told])
    account.attempts(rows, told)
    account.askedAsRecorded(rows, told, [first, second, good])
    const others = [...rows.values()].filter((row) => row['provider_id'] !== 'good')
    account.must(others.length === 0, `${others.length} rows name another provider`)
  },
}

/** Longer than anybody is held up, who lets go of it. */
const SLOW_MS = 10_000
const HEDGE_AFTER_MS = 50

const HEDGING: Scenario = {
  name: 'hedging',
  title: 'slow target, hedged',
  expected: 'answered by the other; the slow one is let go',
  async run(account, pace) {
    await using world = new World()
    const [slow, good] = [world.echo({ thinkMs: SLOW_MS }), world.echo()]
    const routing = { strategy: 'order', hedge_after: `${HEDGE_AFTER_MS}ms` }
    const weir = await world.weir({
      providers: [providerAt('slow', slow.baseUrl), providerAt('good', good.baseUrl)],
      models: [modelOf('good', ['good']), modelOf('hedged', ['slow', 'good'], { routing })],
    })
    const requests = pace.quick ? 20 : 100
    const kind = (model: string): Kind => ({ port: weir.port, model })
    await inTurn(kind('good'), WARM_UP, 4)
    const base = await inTurn(kind('good'), requests, 4)
    account.count('the fast one alone', base, 'right')
    const told = await inTurn(kind('hedged'), requests, 4)
    account.count('hedged', told, 'right')
    const addedMs = account.compare(told, base)
    account.addedAtMost(' besides the wait', addedMs - HEDGE_AFTER_MS, 50)
    account.must(addedMs < SLOW_MS, 'it waited for the slow one')
    const rows = await account.rows(weir, [...base, ...told])
    account.attempts(rows, told)
    account.askedAsRecorded(rows, told, [slow, good])
    const asked = [...slow.times.keys()]
    await settled(() => slow.cancelled.length, asked.length)
    account.must(
      slow.cancelled.length === asked.length,
      `${asked.length - slow.cancelled.length} of ${asked.length} slow ones were not let go`,
    )
  },
}

/** Less than what goes on by itself takes to its end. */
const SETTLED_LIMIT_MS = 20_000

/** Waits for a count that comes by events elsewhere, for a while. */
export async function settled(read: () => number, due: number): Promise<void> {
  const limitMs = performance.now() + SETTLED_LIMIT_MS
  while (read() < due && performance.now() < limitMs) await Bun.sleep(10)
}

export const STORM_FAULTS: readonly Scenario[] = [
  ...STORMS.map(stormScenario),
  FLAPPING,
  KEY_POOL,
  FALLBACK,
  HEDGING,
]
