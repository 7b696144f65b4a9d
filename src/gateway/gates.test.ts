// The gates: never more than may run, whoever leaves gives way, a full queue refuses in the right words, and settings that change
// while requests run and wait take effect.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { ConcurrencySettings } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { FakeClock } from '../testing/clock.ts'
import { testProvider } from '../testing/gateway.ts'
import { checkParameters } from '../testing/seed.ts'
import { Gates, type Gate, type Slot } from './gates.ts'

const NEVER = new AbortController().signal

/** Deadlines that fire when the test says that time has passed. */
class TestDeadlines {
  private readonly clock = new FakeClock()
  private readonly entries = new Set<{ atMs: number; fire: () => void }>()

  get size(): number {
    return this.entries.size
  }

  after(delayMs: number, fire: () => void) {
    const entry = { atMs: this.clock.monotonicMs() + delayMs, fire }
    this.entries.add(entry)
    return { cancel: () => void this.entries.delete(entry) }
  }

  pass(durationMs: number): void {
    this.clock.advance(durationMs)
    for (const entry of this.entries) {
      if (entry.atMs > this.clock.monotonicMs()) continue
      this.entries.delete(entry)
      entry.fire()
    }
  }
}

function gatesOf(all: Partial<ConcurrencySettings>, random = () => 0.5) {
  const deadlines = new TestDeadlines()
  const gates = new Gates({
    all: { max: 1, queue: 10, queueTimeoutMs: 1_000, ...all },
    deadlines,
    random,
  })
  return { gates, gate: gates.all, deadlines }
}

async function refusalOf(entering: Promise<Slot>): Promise<GatewayError> {
  const result = await entering.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(result instanceof GatewayError)) throw new Error('it was let in')
  return result
}

describe('a gate', () => {
  test('lets in as many as may run, then one for each that leaves', async () => {
    const { gate } = gatesOf({ max: 2 })
    const first = gate.tryEnter()
    const second = await gate.enter('a', NEVER)
    expect(gate.tryEnter()).toBeUndefined()
    const third = gate.enter('a', NEVER)
    expect([gate.running, gate.waiting]).toEqual([2, 1])
    first?.release()
    first?.release()
    const slot = await third
    expect([gate.running, gate.waiting]).toEqual([2, 0])
    second.release()
    slot.release()
    expect([gate.running, gate.waiting]).toEqual([0, 0])
  })

  test('takes away the place in the queue of a client that leaves', async () => {
    const { gate, deadlines } = gatesOf({})
    const slot = gate.tryEnter()
    const leaving = new AbortController()
    const gone = gate.enter('a', leaving.signal)
    const next = gate.enter('a', NEVER)
    leaving.abort()
    expect((await refusalOf(gone)).kind).toBe('client_closed')
    expect((await refusalOf(gate.enter('a', leaving.signal))).kind).toBe('client_closed')
    slot?.release()
    await next
    expect([gate.running, gate.waiting, deadlines.size]).toEqual([1, 0, 0])
  })

  test('says why a request was broken off while it waited', async () => {
    const { gate } = gatesOf({})
    gate.tryEnter()
    const stopping = new AbortController()
    const cut = gate.enter('a', stopping.signal)
    stopping.abort(new GatewayError('shutting_down'))
    expect((await refusalOf(cut)).kind).toBe('shutting_down')
  })

  test('refuses who has waited too long', async () => {
    const { gate, deadlines } = gatesOf({ queueTimeoutMs: 1_000 })
    gate.tryEnter()
    const late = gate.enter('a', NEVER)
    deadlines.pass(999)
    expect(gate.waiting).toBe(1)
    deadlines.pass(1)
    const error = await refusalOf(late)
    expect([error.kind, error.status, gate.waiting]).toEqual(['overloaded', 503, 0])
  })

  test.each([{ queue: 0 }, { queueTimeoutMs: 0 }])('lets nobody wait: %j', async (settings) => {
    const { gate } = gatesOf(settings)
    gate.tryEnter()
    expect((await refusalOf(gate.enter('a', NEVER))).kind).toBe('overloaded')
  })

  test('spreads the return of who was refused over one to five seconds', async () => {
    for (const [random, wanted] of [
      [0, 1_000],
      [0.999_999, 5_000],
    ] as const) {
      const { gate } = gatesOf({ queue: 0 }, () => random)
      gate.tryEnter()
      expect((await refusalOf(gate.enter('a', NEVER))).retryAfterMs).toBe(wanted)
    }
  })

  test('refuses the newest of the client that fills the queue, with its own limit', async () => {
    const { gate } = gatesOf({ queue: 2 })
    const running = gate.tryEnter()
    const oldest = gate.enter('a', NEVER)
    const newest = gate.enter('a', NEVER)
    const other = gate.enter('b', NEVER)
    const displaced = await refusalOf(newest)
    expect([displaced.kind, displaced.status]).toEqual(['concurrency_limit', 429])
    expect(displaced.retryAfterMs).toBeWithin(1, 1_001)
    expect((await refusalOf(gate.enter('a', NEVER))).kind).toBe('concurrency_limit')
    running?.release()
    ;(await oldest).release()
    ;(await other).release()
    expect(gate.running).toBe(0)
  })

  test('refuses all that wait, and all that come, once it is closed', async () => {
    const { gate, gates, deadlines } = gatesOf({})
    const running = gate.tryEnter()
    const waiting = gate.enter('a', NEVER)
    gates.close()
    expect((await refusalOf(waiting)).kind).toBe('shutting_down')
    running?.release()
    expect(gate.tryEnter()).toBeUndefined()
    const error = await refusalOf(gate.enter('a', NEVER))
    expect([error.kind, error.retryAfterMs, deadlines.size]).toEqual(['shutting_down', 1_000, 0])
  })
})

describe('changed settings', () => {
  test('more may run: who waits is let in', async () => {
    const { gate, gates } = gatesOf({ max: 1 })
    gate.tryEnter()
    const waiting = [gate.enter('a', NEVER), gate.enter('a', NEVER)]
    gates.configure({ max: 3, queue: 10, queueTimeoutMs: 1_000 })
    await Promise.all(waiting)
    expect([gate.running, gate.waiting]).toEqual([3, 0])
  })

  test('fewer may run: nobody is thrown out, and nobody let in until enough have left', async () => {
    const { gate, gates } = gatesOf({ max: 3 })
    const slots = [gate.tryEnter(), gate.tryEnter(), gate.tryEnter()]
    gates.configure({ max: 1, queue: 10, queueTimeoutMs: 1_000 })
    const waiting = gate.enter('a', NEVER)
    slots[0]?.release()
    slots[1]?.release()
    expect([gate.running, gate.waiting]).toEqual([1, 1])
    slots[2]?.release()
    await waiting
    expect(gate.running).toBe(1)
  })

  const bounded = (max: number) =>
    testProvider({
      id: 'p',
      type: 'openai',
      baseUrl: 'http://127.0.0.1:1',
      concurrency: { max, queue: 5, queueTimeoutMs: 1_000 },
    })
  const free = testProvider({ id: 'p', type: 'openai', baseUrl: 'http://127.0.0.1:1' })

  test('a provider has its own gate, and only where it is bounded', () => {
    const { gates } = gatesOf({})
    expect(gates.of(free)).toBeUndefined()
    const gate = gates.of(bounded(1))
    expect(gates.of(bounded(1))).toBe(gate!)
    expect(gate?.tryEnter()).toBeDefined()
    expect(gates.of(bounded(1))?.tryEnter()).toBeUndefined()
    expect(gates.of(bounded(2))?.tryEnter()).toBeDefined()
    expect(gates.all.running).toBe(0)
  })

  test('a provider that loses its bound lets all in, and is forgotten when none runs', async () => {
    const { gates } = gatesOf({})
    const gate = gates.of(bounded(1))!
    const running = gate.tryEnter()
    const waiting = gate.enter('a', NEVER)
    gates.keep(new Map([['p', free]]))
    const slot = await waiting
    expect(gates.providers().size).toBe(1)
    running?.release()
    slot.release()
    gates.keep(new Map())
    expect(gates.providers().size).toBe(0)
  })

  test('a request that is older than a reload does not bring the old bound back', () => {
    const { gates } = gatesOf({})
    const first = gates.of(bounded(3))?.tryEnter()
    gates.keep(new Map([['p', bounded(1)]]))
    expect(gates.of(bounded(3))?.tryEnter()).toBeUndefined()
    first?.release()
    const other = { ...bounded(3), id: 'q' }
    gates.keep(new Map([['q', { ...bounded(1), id: 'q' }]]))
    expect(gates.of(other)?.tryEnter()).toBeDefined()
    expect(gates.of(other)?.tryEnter()).toBeUndefined()
  })

  test('a provider that vanishes and comes back still counts what runs', () => {
    const { gates } = gatesOf({})
    const slot = gates.of(bounded(1))?.tryEnter()
    gates.keep(new Map())
    expect(gates.of(bounded(1))?.tryEnter()).toBeUndefined()
    slot?.release()
    expect(gates.of(bounded(1))?.tryEnter()).toBeDefined()
  })
})

interface Asked {
  readonly client: string
  readonly leaving: AbortController
  settlements: number
  slot: Slot | undefined
}

type Step =
  | { readonly kind: 'enter'; readonly client: string }
  | { readonly kind: 'leave' | 'release'; readonly at: number }
  | { readonly kind: 'pass'; readonly durationMs: number }
  | { readonly kind: 'configure'; readonly max: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('a', 'b', 'c').map((client): Step => ({ kind: 'enter', client })),
  },
  { weight: 4, arbitrary: fc.nat(60).map((at): Step => ({ kind: 'release', at })) },
  { weight: 1, arbitrary: fc.nat(60).map((at): Step => ({ kind: 'leave', at })) },
  {
    weight: 1,
    arbitrary: fc.nat(600).map((durationMs): Step => ({ kind: 'pass', durationMs })),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 4 }).map((max): Step => ({ kind: 'configure', max })),
  },
)

function ask(gate: Gate, client: string): Asked {
  const asked: Asked = { client, leaving: new AbortController(), settlements: 0, slot: undefined }
  void gate.enter(client, asked.leaving.signal).then(
    (slot) => {
      asked.settlements += 1
      asked.slot = slot
    },
    () => {
      asked.settlements += 1
    },
  )
  return asked
}

test('laws: never more than may run, each asked is answered once, no client overtakes itself', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { gate, gates, deadlines } = gatesOf({ max: 2, queue: 4 })
      const all: Asked[] = []
      const served: Asked[] = []
      let max = 2
      const settle = async () => {
        await Promise.resolve()
        await Promise.resolve()
        await Promise.resolve()
        for (const each of all) if (each.slot && !served.includes(each)) served.push(each)
      }
      for (const each of steps) {
        const runningBefore = gate.running
        if (each.kind === 'enter') all.push(ask(gate, each.client))
        else if (each.kind === 'pass') deadlines.pass(each.durationMs)
        else if (each.kind === 'configure') {
          max = each.max
          gates.configure({ max, queue: 4, queueTimeoutMs: 1_000 })
        } else {
          const asked = all[each.at % Math.max(1, all.length)]
          if (each.kind === 'leave') asked?.leaving.abort()
          else asked?.slot?.release()
        }
        await settle()
        expect(gate.running).toBeLessThanOrEqual(Math.max(max, runningBefore))
        expect(gate.waiting).toBeLessThanOrEqual(4)
        // Work is never kept waiting beside an empty place.
        if (gate.waiting > 0) expect(gate.running).toBeGreaterThanOrEqual(max)
      }
      for (let left = all.length; left >= 0; left--) {
        for (const each of all) each.slot?.release()
        await settle()
      }
      expect([gate.running, gate.waiting, deadlines.size]).toEqual([0, 0, 0])
      expect(all.map((each) => each.settlements)).toEqual(all.map(() => 1))
      for (const client of ['a', 'b', 'c']) {
        const own = all.filter((each) => each.client === client && each.slot !== undefined)
        expect(served.filter((each) => each.client === client)).toEqual(own)
      }
    }),
    checkParameters(200),
  )
})
