// The contract of places where answers are kept, as a suite: memory, the log store on both engines and Redis must do alike. Imported by
// tests alone.

import { describe, expect, test } from 'bun:test'
import type { AnswerStore, CachedAnswer } from '../core/answer-cache.ts'
import { FakeClock } from '../testing/clock.ts'

export function keptAnswer(over: Partial<CachedAnswer> = {}): CachedAnswer {
  return {
    id: 'aa'.repeat(32),
    tenantId: 'default',
    model: 'm',
    createdMs: 1,
    expiresMs: Number.MAX_SAFE_INTEGER,
    value: '{"form":1}',
    ...over,
  }
}

export interface OpenedAnswers {
  readonly store: AnswerStore
  /** Resolves when what was put is there for whoever lists. */
  settle(): Promise<unknown>
  close(): Promise<unknown>
}

/** Registers the suite. `open` gives an empty place each time. */
export function answersContract(
  name: string,
  open: (clock: FakeClock) => Promise<OpenedAnswers>,
): void {
  const inPlace = async (run: (place: OpenedAnswers, clock: FakeClock) => Promise<void>) => {
    const clock = new FakeClock(Date.now())
    const place = await open(clock)
    try {
      await run(place, clock)
    } finally {
      await place.close()
    }
  }
  const until = (clock: FakeClock, lifeMs: number) => ({
    createdMs: clock.nowMs(),
    expiresMs: clock.nowMs() + lifeMs,
  })
  const id = (at: number) => at.toString(16).padStart(64, '0')

  describe(`${name}: kept answers`, () => {
    test('what was put is found whole, by its tenant and name alone', () =>
      inPlace(async ({ settle, store }, clock) => {
        const answer = keptAnswer({
          ...until(clock, 60_000),
          caller: 'user:ann',
          value: '"ü\u0000€"',
        })
        store.put(answer)
        await settle()
        expect(await store.get('default', answer.id)).toEqual(answer)
        expect(await store.get('other', answer.id)).toBeUndefined()
        expect(await store.get('default', id(7))).toBeUndefined()
      }))

    test('a later one takes its place', () =>
      inPlace(async ({ settle, store }, clock) => {
        store.put(keptAnswer({ ...until(clock, 60_000), value: '"old"' }))
        await settle()
        const answer = keptAnswer({ ...until(clock, 50_000), value: '"new one"' })
        store.put(answer)
        await settle()
        expect(await store.get('default', answer.id)).toEqual(answer)
        expect((await store.holdings('default'))[0]!.entries).toBe(1)
      }))

    test('what has ended or was dropped is not there', () =>
      inPlace(async ({ settle, store }, clock) => {
        const short = keptAnswer({ ...until(clock, 1_000), id: id(1) })
        const dropped = keptAnswer({ ...until(clock, 60_000), id: id(2) })
        const stays = keptAnswer({ ...until(clock, 60_000), id: id(3) })
        for (const answer of [short, dropped, stays]) store.put(answer)
        await settle()
        store.drop('default', dropped.id)
        store.drop('other', stays.id)
        await settle()
        clock.advance(1_000)
        if (name !== 'Redis') expect(await store.get('default', short.id)).toBeUndefined()
        expect(await store.get('default', stays.id)).toEqual(stays)
        expect(await store.get('default', dropped.id)).toBeUndefined()
      }))

    test('what answered some callers goes without that of others', () =>
      inPlace(async ({ settle, store }, clock) => {
        const callers = ['user:ann', 'k1', 'user:bob', undefined]
        for (const [at, caller] of callers.entries()) {
          const whose = caller === undefined ? {} : { caller }
          store.put(keptAnswer({ ...until(clock, 60_000), ...whose, id: id(at) }))
        }
        // Whoever came first is forgotten with the answer that has taken the place.
        const later = keptAnswer({ ...until(clock, 60_000), caller: 'user:ann', id: id(9) })
        store.put(later)
        store.put({ ...later, caller: 'user:bob' })
        await settle()
        expect(await store.purge({ tenantId: 'other', callers: ['user:ann', 'k1'] })).toBe(0)
        expect(await store.purge({ tenantId: 'default', callers: [] })).toBe(0)
        expect(await store.purge({ tenantId: 'default', callers: ['user:ann', 'k1'] })).toBe(2)
        const left = [0, 1, 2, 3, 9].map((at) => store.get('default', id(at)))
        const found = (await Promise.all(left)).map((answer) => answer?.caller)
        expect(found).toEqual([undefined, undefined, 'user:bob', undefined, 'user:bob'])
        expect(await store.get('default', id(3))).toBeDefined()
      }))

    test('emptying takes what is meant and nothing else', () =>
      inPlace(async ({ settle, store }, clock) => {
        const all = ['a', 'b'].flatMap((tenantId, tenant) =>
          ['m', 'n:1\nx'].map((model, at) =>
            keptAnswer({ ...until(clock, 60_000), tenantId, model, id: id(tenant * 2 + at) }),
          ),
        )
        for (const answer of all) store.put(answer)
        await settle()
        const there = async () => {
          const found: string[] = []
          for (const { id: each, model, tenantId } of all) {
            if ((await store.get(tenantId, each)) !== undefined)
              found.push(`${tenantId}/${model[0]}`)
          }
          return found
        }
        expect(await there()).toEqual(['a/m', 'a/n', 'b/m', 'b/n'])
        const held = await store.holdings(undefined)
        expect(held.map(({ entries }) => entries)).toEqual([1, 1, 1, 1])
        expect(held.every(({ bytes }) => bytes > 0)).toBe(true)
        expect(await store.holdings('a')).toHaveLength(2)
        expect(await store.purge({ tenantId: 'a', model: 'n:1\nx' })).toBe(1)
        expect(await there()).toEqual(['a/m', 'b/m', 'b/n'])
        expect(await store.purge({ tenantId: 'c' })).toBe(0)
        expect(await store.purge({ model: 'm' })).toBe(2)
        expect(await there()).toEqual(['b/n'])
        expect(await store.purge({})).toBe(1)
        expect(await store.holdings(undefined)).toEqual([])
      }))
  })
}
