// Laws of the fair queue against a plain model of it, and the rules of a full one.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { cpuMsOf } from '../../testing/cpu-time.ts'
import { checkParameters } from '../../testing/seed.ts'
import { FairQueue, type Waiting } from './fair-queue.ts'

/** Clients of what is taken out, in order. */
function order(queue: FairQueue<unknown>): string[] {
  const seen: string[] = []
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) seen.push(next.client)
  return seen
}

function filled(counts: Readonly<Record<string, number>>): FairQueue<number> {
  const queue = new FairQueue<number>()
  for (const [client, count] of Object.entries(counts)) {
    for (let at = 0; at < count; at++) queue.arrive(client, at, 1_000)
  }
  return queue
}

describe('turns', () => {
  test('clients take turns, each with its oldest', () => {
    expect(order(filled({ a: 4, b: 2, c: 1 }))).toEqual(['a', 'b', 'c', 'a', 'b', 'a', 'a'])
  })

  test('a client that comes back waits for all others', () => {
    const queue = filled({ a: 1, b: 1, c: 1 })
    queue.shift()
    queue.arrive('a', 9, 10)
    expect(order(queue)).toEqual(['b', 'c', 'a'])
  })

  test('who is taken out loses its turn and nobody else does', () => {
    const queue = new FairQueue<number>()
    const gone = queue.arrive('a', 0, 10)
    queue.arrive('b', 1, 10)
    queue.arrive('c', 2, 10)
    if (!('entry' in gone)) throw new Error('not queued')
    expect(queue.remove(gone.entry)).toBe(true)
    expect(queue.remove(gone.entry)).toBe(false)
    expect(order(queue)).toEqual(['b', 'c'])
    expect(queue.shift()).toBeUndefined()
  })
})

describe('a full queue', () => {
  test('has no room for the only client in it', () => {
    expect(filled({ a: 4 }).arrive('a', 9, 4)).toEqual({ refused: 'full' })
    expect(new FairQueue().arrive('a', 1, 0)).toEqual({ refused: 'full' })
  })

  test('makes room for another at the cost of the newest of who holds most', () => {
    const queue = filled({ a: 3, b: 1 })
    const arrived = queue.arrive('c', 7, 4)
    expect('displaced' in arrived && arrived.displaced).toMatchObject({ client: 'a', value: 2 })
    expect(queue.size).toBe(4)
    expect(order(queue)).toEqual(['a', 'b', 'c', 'a'])
  })

  test('refuses who has its share', () => {
    expect(filled({ a: 3, b: 1 }).arrive('a', 9, 4)).toEqual({ refused: 'own' })
    expect(filled({ a: 2, b: 2 }).arrive('b', 9, 4)).toEqual({ refused: 'own' })
  })

  test('refuses a newcomer only where all have as little', () => {
    expect(filled({ a: 1, b: 1 }).arrive('c', 9, 2)).toEqual({ refused: 'full' })
  })

  test('lets no two clients push each other out for ever', () => {
    const queue = filled({ a: 3, b: 2 })
    expect(queue.arrive('b', 9, 5)).toEqual({ refused: 'full' })
    expect(queue.arrive('a', 9, 5)).toEqual({ refused: 'own' })
  })
})

type Step =
  | { readonly kind: 'arrive'; readonly client: string }
  | { readonly kind: 'shift' }
  | { readonly kind: 'remove'; readonly at: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('a', 'b', 'c', 'd').map(arrive) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'shift' }) },
  { weight: 1, arbitrary: fc.nat(50).map((at): Step => ({ kind: 'remove', at })) },
)

function arrive(client: string): Step {
  return { kind: 'arrive', client }
}

/** The queue as plainly as it can be said. */
class Model {
  readonly waiting: Waiting<number>[] = []
  /** Clients in the order of their turns. */
  round: string[] = []

  count(client: string): number {
    return this.waiting.filter((entry) => entry.client === client).length
  }

  add(entry: Waiting<number>): void {
    this.waiting.push(entry)
    if (!this.round.includes(entry.client)) this.round.push(entry.client)
  }

  remove(entry: Waiting<number>): void {
    this.waiting.splice(this.waiting.indexOf(entry), 1)
    this.round = this.round.filter((client) => this.count(client) > 0)
  }

  shift(): Waiting<number> | undefined {
    const [client] = this.round
    const entry = this.waiting.find((each) => each.client === client)
    if (entry === undefined) return undefined
    this.round = [...this.round.slice(1), client!]
    this.remove(entry)
    return entry
  }
}

test('is the plain queue, whatever happens to it', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 0, max: 8 }), (steps, max) => {
      const queue = new FairQueue<number>()
      const model = new Model()
      for (const [index, each] of steps.entries()) {
        if (each.kind === 'arrive') arriveInBoth(queue, model, each.client, index, max)
        else if (each.kind === 'shift') expect(queue.shift()).toBe(model.shift()!)
        else {
          const entry = model.waiting[each.at % Math.max(1, model.waiting.length)]
          if (entry === undefined) continue
          expect(queue.remove(entry)).toBe(true)
          model.remove(entry)
        }
        expect(queue.size).toBe(model.waiting.length)
        expect(queue.clients).toBe(model.round.length)
        expect(queue.size).toBeLessThanOrEqual(max)
      }
      for (let next = model.shift(); next !== undefined; next = model.shift()) {
        expect(queue.shift()).toBe(next)
      }
      expect(queue.shift()).toBeUndefined()
    }),
    checkParameters(500),
  )
})

function arriveInBoth(
  queue: FairQueue<number>,
  model: Model,
  client: string,
  value: number,
  max: number,
): void {
  const counts = model.round.map((each) => model.count(each))
  const own = model.count(client)
  const arrived = queue.arrive(client, value, max)
  if ('refused' in arrived) {
    expect(model.waiting).toHaveLength(max)
    // Nobody holds so much more that it should have made room.
    expect(Math.max(0, ...counts)).toBeLessThan(own + 2)
    if (arrived.refused === 'own') expect(own * counts.length).toBeGreaterThanOrEqual(max)
    return
  }
  if (arrived.displaced === undefined) expect(model.waiting.length).toBeLessThan(max)
  else {
    const out = arrived.displaced
    expect(model.count(out.client)).toBe(Math.max(...counts))
    expect(model.waiting.findLast((entry) => entry.client === out.client)).toBe(out)
    expect(out.client).not.toBe(client)
    model.remove(out)
  }
  model.add(arrived.entry)
}

test('nobody waits longer than everybody else has turns', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 10 }),
      (counts) => {
        const queue = filled(Object.fromEntries(counts.map((count, at) => [`c${at}`, count])))
        const first = order(queue).slice(0, counts.length)
        expect(new Set(first).size).toBe(counts.length)
      },
    ),
    checkParameters(100),
  )
})

test('takes the same time however much waits', () => {
  const many = filled({ a: 200_000 })
  for (let at = 0; at < 200_000; at++) many.arrive(`client ${at}`, at, 1_000_000)
  const spentMs = cpuMsOf(() => {
    for (let at = 0; at < 50_000; at++) {
      many.arrive(`other ${at}`, at, 400_000)
      many.shift()
    }
  })
  // Looking at each entry once would be some 10^10 steps.
  expect(spentMs).toBeLessThan(2_000)
})
