import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../../testing/seed.ts'
import type { KeyStrategy, ProviderKey } from '../catalog.ts'
import { LIMITS } from '../limits.ts'
import { KeyRing } from './key-choice.ts'

const keysOf = (...ids: string[]): ProviderKey[] =>
  ids.map((id) => ({ id, secret: `secret-of-${id}-0123456789` }))
const NONE: ReadonlySet<string> = new Set()
const NO_HEADERS = new Headers()

function chosen(
  ring: KeyRing,
  keys: readonly ProviderKey[],
  over: { nowMs?: number; strategy?: KeyStrategy; tried?: ReadonlySet<string> } = {},
): string | undefined {
  return ring.choose({ keys, strategy: 'round_robin', nowMs: 0, tried: NONE, ...over }).key?.id
}

describe('who is chosen', () => {
  test('no keys, no choice', () => {
    const ring = new KeyRing()
    for (const strategy of ['round_robin', 'order', 'least_used', 'remaining'] as const) {
      expect(ring.choose({ keys: [], strategy, nowMs: 0, tried: NONE })).toEqual({ key: undefined })
    }
  })

  test('tried keys are not given again, and keys that were removed are no trouble', () => {
    const ring = new KeyRing()
    const keys = keysOf('a', 'b', 'c')
    expect(chosen(ring, keys, { tried: new Set(['a', 'b']) })).toBe('c')
    const all = new Set(['a', 'b', 'c'])
    const strategy = 'round_robin'
    expect(ring.choose({ keys, strategy, nowMs: 0, tried: all })).toEqual({ key: undefined })
    expect(chosen(ring, keysOf('z'))).toBe('z')
    ring.limited(keys, 'gone', 9_000)
    expect(chosen(ring, keysOf('gone'))).toBe('gone')
  })

  test('one that rests is skipped until its moment and says when it is free', () => {
    const ring = new KeyRing()
    const keys = keysOf('a', 'b')
    ring.limited(keys, 'a', 1_000)
    expect([chosen(ring, keys), chosen(ring, keys)]).toEqual(['b', 'b'])
    ring.limited(keys, 'b', 3_000)
    expect(ring.choose({ keys, strategy: 'round_robin', nowMs: 400, tried: NONE })).toEqual({
      key: undefined,
      freeInMs: 600,
    })
    expect(chosen(ring, keys, { nowMs: 1_000 })).toBe('a')
  })

  test('in turn: over many requests every fit key is used equally', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(7), (count, aside) => {
        const ring = new KeyRing()
        const keys = keysOf(...Array.from({ length: count }, (_, index) => `k${index}`))
        const skipped = `k${aside}`
        ring.limited(keys, skipped, 1)
        const fit = keys.filter((key) => key.id !== skipped)
        const uses = new Map<string, number>()
        for (let turn = 0; turn < fit.length * 10; turn += 1) {
          const id = chosen(ring, keys) ?? ''
          uses.set(id, (uses.get(id) ?? 0) + 1)
        }
        expect(uses).toEqual(new Map(fit.map((key) => [key.id, 10])))
      }),
      checkParameters(100),
    )
  })

  test('by order: the first that is fit', () => {
    const ring = new KeyRing()
    const keys = keysOf('a', 'b', 'c')
    const strategy = 'order'
    expect([chosen(ring, keys, { strategy }), chosen(ring, keys, { strategy })]).toEqual(['a', 'a'])
    ring.refused(keys, 'a', 401, 0)
    expect(chosen(ring, keys, { strategy })).toBe('b')
    expect(chosen(ring, keys, { strategy, nowMs: LIMITS.keyRefusedBaseMs })).toBe('a')
  })

  test('least used: the one with the fewest requests that run; equal ones in turn', () => {
    const ring = new KeyRing()
    const keys = keysOf('a', 'b', 'c')
    const strategy = 'least_used'
    const take = () => {
      const id = chosen(ring, keys, { strategy }) ?? ''
      ring.began(id)
      return id
    }
    expect([take(), take(), take(), take()]).toEqual(['a', 'b', 'c', 'a'])
    ring.ended('c')
    expect(take()).toBe('c')
    ring.ended('a')
    ring.ended('a')
    expect([take(), take()].toSorted()).toEqual(['a', 'b'].toSorted())
  })

  test('by what is left: the largest share, an unknown one first, a limit that was reset is whole', () => {
    const ring = new KeyRing()
    const keys = keysOf('a', 'b', 'c')
    const strategy = 'remaining'
    const tell = (id: string, requests: string, tokens: string) =>
      ring.answered(
        id,
        new Headers({
          'x-ratelimit-limit-requests': '1000',
          'x-ratelimit-remaining-requests': requests,
          'x-ratelimit-reset-requests': '10s',
          'x-ratelimit-limit-tokens': '1000',
          'x-ratelimit-remaining-tokens': tokens,
          'x-ratelimit-reset-tokens': '1m0s',
        }),
        0,
      )
    tell('a', '900', '100')
    tell('b', '500', '500')
    expect(chosen(ring, keys, { strategy })).toBe('c')
    tell('c', '0', '1000')
    expect(chosen(ring, keys, { strategy })).toBe('b')
    expect(chosen(ring, keys, { strategy, nowMs: 10_000 })).toBe('c')
    // What is sent before the next answer comes counts against what the last one told.
    for (let index = 0; index < 450; index += 1) {
      ring.began('b')
      ring.ended('b')
    }
    expect(chosen(ring, keys, { strategy })).toBe('a')
  })

  test('nothing known of any: requests that run are spread', () => {
    const ring = new KeyRing()
    const keys = keysOf('a', 'b', 'c')
    const ids = Array.from({ length: 30 }, () => {
      const id = chosen(ring, keys, { strategy: 'remaining' }) ?? ''
      ring.began(id)
      return id
    })
    for (const { id } of keys) expect(ids.filter((one) => one === id)).toHaveLength(10)
  })

  test('one on its way out is used where no other is fit, and then only', () => {
    const [a, b, c] = keysOf('a', 'b', 'c')
    const keys = [{ ...a!, draining: true }, b!, c!]
    for (const strategy of ['round_robin', 'order', 'least_used', 'remaining'] as const) {
      const ring = new KeyRing()
      const ids = Array.from({ length: 6 }, () => chosen(ring, keys, { strategy }))
      expect(ids).not.toContain('a')
      ring.refused(keys, 'b', 403, 0)
      expect(chosen(ring, keys, { strategy, tried: new Set(['c']) })).toBe('a')
      ring.limited(keys, 'c', 1_000)
      expect(chosen(ring, keys, { strategy })).toBe('a')
      expect(chosen(ring, keys, { strategy, nowMs: 1_000 })).toBe('c')
    }
  })
})

describe('a key that is refused', () => {
  const keys = keysOf('a', 'b')
  const freeIn = (ring: KeyRing, nowMs: number) => ring.report(keys, nowMs)[0]?.freeInMs

  test('rests twice as long each time, up to the bound', () => {
    const ring = new KeyRing()
    let nowMs = 0
    const rests: number[] = []
    for (let time = 0; time < 12; time += 1) {
      ring.refused(keys, 'a', 401, nowMs)
      const restMs = freeIn(ring, nowMs) ?? 0
      rests.push(restMs)
      nowMs += restMs
    }
    expect(rests.slice(0, 4)).toEqual([60_000, 120_000, 240_000, 480_000])
    expect(rests.at(-1)).toBe(LIMITS.keyRefusedCapMs)
  })

  test('by many requests at once it rests as if by one', () => {
    const ring = new KeyRing()
    for (let request = 0; request < 100; request += 1) ring.refused(keys, 'a', 401, request)
    expect(freeIn(ring, 100)).toBe(LIMITS.keyRefusedBaseMs - 100)
    expect(ring.report(keys, 100)[0]).toMatchObject({ state: 'refused', failed: 100 })
    expect(ring.report(keys, 100)[1]).toMatchObject({ state: 'fit', failed: 0 })
  })

  test('is fit again, and starts anew, once an answer came of a request sent after', () => {
    const ring = new KeyRing()
    ring.refused(keys, 'a', 401, 1_000)
    ring.answered('a', NO_HEADERS, 500, 1_500)
    expect(ring.report(keys, 1_500)[0]?.state).toBe('refused')
    ring.answered('a', NO_HEADERS, 2_000, 3_000)
    expect(ring.report(keys, 3_000)[0]?.state).toBe('fit')
    ring.refused(keys, 'a', 401, 4_000)
    expect(freeIn(ring, 4_000)).toBe(LIMITS.keyRefusedBaseMs)
  })

  test('a limit neither shortens its rest nor is shortened by a refusal', () => {
    const ring = new KeyRing()
    ring.refused(keys, 'a', 401, 0)
    ring.limited(keys, 'a', 1_000, 0)
    expect(ring.report(keys, 0)[0]).toMatchObject({ state: 'refused', freeInMs: 60_000 })
    ring.limited(keys, 'b', 500_000, 0)
    ring.refused(keys, 'b', 403, 0)
    expect(ring.report(keys, 0)[1]).toMatchObject({ state: 'refused', freeInMs: 500_000 })
  })
})

test('tells a listener what it learned itself, and takes over what others did without telling it on', () => {
  const told: unknown[] = []
  const ring = new KeyRing((...words) => told.push(words))
  const keys = keysOf('a', 'b')
  ring.adopt(keys, 'a', { state: 'limited', untilMs: 5_000 }, 0)
  ring.adopt(keys, 'unknown', { state: 'refused', untilMs: 5_000 }, 0)
  expect(chosen(ring, keys, { tried: new Set(['b']) })).toBeUndefined()
  ring.adopt(keys, 'a', { state: 'fit', untilMs: 0 }, 0)
  expect(chosen(ring, keys, { tried: new Set(['b']) })).toBe('a')
  ring.adopt(keys, 'a', { state: 'refused', untilMs: Number.MAX_SAFE_INTEGER }, 0)
  expect(ring.report(keys, 0)[0]?.freeInMs).toBe(LIMITS.keyAdoptedRestMs)
  expect(told).toEqual([])
  ring.limited(keys, 'b', 7_000, 0)
  ring.answered('b', NO_HEADERS, 1_000, 2_000)
  ring.answered('b', NO_HEADERS, 3_000, 4_000)
  expect(told).toEqual([
    ['b', 'limited', 7_000],
    ['b', 'fit', 2_000],
  ])
})

test('reports each key without its secret, and only a long one by its end', () => {
  const ring = new KeyRing()
  const keys = [
    { id: 'long', secret: 'sk-0123456789abcdef' },
    { id: 'short', secret: 'sk-012345' },
  ]
  ring.began('long')
  ring.answered(
    'long',
    new Headers({ 'x-ratelimit-limit-requests': '4', 'x-ratelimit-remaining-requests': '1' }),
    0,
  )
  ring.refused(keys, 'short', 0, 0)
  expect(ring.report(keys, 1)).toEqual([
    {
      id: 'long',
      hint: 'cdef',
      state: 'fit',
      freeInMs: 0,
      running: 1,
      used: 1,
      failed: 0,
      remaining: 0.25,
    },
    {
      id: 'short',
      state: 'refused',
      reason: 'the provider refuses it',
      freeInMs: LIMITS.keyRefusedBaseMs - 1,
      running: 0,
      used: 0,
      failed: 1,
    },
  ])
  ring.ended('long')
  ring.ended('long')
  expect(ring.report([{ ...keys[0]!, draining: true }], 1)[0]).toMatchObject({
    state: 'draining',
    running: 0,
  })
})

test('keys that come and go leave nothing behind', () => {
  const ring = new KeyRing()
  for (let index = 0; index < 1_000; index += 1) {
    const keys = keysOf(`k${index}`)
    ring.refused(keys, `k${index}`, 401, 0)
    chosen(ring, keys)
  }
  const count = (ring as unknown as { states: Map<string, unknown> }).states.size
  expect(count).toBeLessThan(4)
})
