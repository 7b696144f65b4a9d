// What became of models, in memory: what is news, what is gone and what comes back, for any order of whole and partial lists.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { LIMITS } from '../core/limits.ts'
import type { ModelFacts, ModelState, ProviderModel } from '../core/model-status.ts'
import { checkParameters } from '../testing/seed.ts'
import type { ListedModel } from '../providers/provider.ts'
import { isoTime, listedAgain, listedState, ModelBook, statusJson } from './model-status.ts'

const names = (...ids: readonly string[]): ListedModel[] => ids.map((id) => ({ id }))

function statesOf(book: ModelBook, providerId = 'p'): Record<string, ModelState> {
  return Object.fromEntries(book.of(providerId).map(({ model, state }) => [model, state]))
}

describe('the state that a list says', () => {
  const NOW_MS = 1_000
  const cases: [ModelFacts, 'available' | 'retired'][] = [
    [{}, 'available'],
    [{ status: '' }, 'available'],
    [{ status: 'Succeeded' }, 'available'],
    [{ status: 'ACTIVE' }, 'available'],
    // It goes on until its day.
    [{ status: 'deprecated' }, 'available'],
    [{ status: 'LEGACY' }, 'available'],
    [{ status: 'deprecated', retiresMs: NOW_MS + 1 }, 'available'],
    [{ status: 'deprecated', retiresMs: NOW_MS }, 'retired'],
    [{ retiresMs: 0 }, 'retired'],
    [{ status: 'Disabled' }, 'retired'],
    [{ status: 'inactive' }, 'retired'],
    [{ status: 'archived', retiresMs: NOW_MS + 1 }, 'retired'],
  ]
  test.each(cases)('%j: %s', (facts, state) => {
    expect(listedState(facts, NOW_MS)).toBe(state)
  })
})

describe('the book', () => {
  test('the first list is news, the same one is not, until the last look is long ago', () => {
    const book = new ModelBook()
    expect(book.learn('p', names('a'), 0, true).isNews).toBe(true)
    expect(book.learn('p', names('a'), 1, true).isNews).toBe(false)
    const laterMs = LIMITS.modelLastSeenIntervalMs
    expect(book.learn('p', names('a'), laterMs - 1, true).isNews).toBe(false)
    expect(book.learn('p', names('a'), laterMs, true).isNews).toBe(true)
    expect(book.find('p', 'a')).toMatchObject({ firstSeenMs: 0, lastSeenMs: laterMs })
  })

  test('other facts are news, in whatever order they stand', () => {
    const book = new ModelBook()
    const facts = { status: 'x', version: '1' }
    book.learn('p', [{ id: 'a', contextWindow: 0, facts }], 0, true)
    const again = { facts: { version: '1', status: 'x' }, contextWindow: 0, id: 'a' }
    expect(book.learn('p', [again], 1, true).isNews).toBe(false)
    expect(book.learn('p', [{ id: 'a', facts }], 2, true).isNews).toBe(true)
    // When it was made is no fact that is kept: a local server's changes with every pull.
    expect(book.learn('p', [{ id: 'a', facts, createdMs: 5 }], 3, true).isNews).toBe(false)
  })

  test('what is missing from a whole list is gone since then, and comes back', () => {
    const book = new ModelBook()
    book.learn('p', names('a', 'b'), 1, true)
    book.learn('q', names('a'), 1, true)
    expect(book.learn('p', names('b'), 2, true).isNews).toBe(true)
    expect(book.find('p', 'a')).toMatchObject({ state: 'gone', firstSeenMs: 1, goneMs: 2 })
    expect(book.learn('p', names('b'), 3, true).isNews).toBe(false)
    expect(book.find('p', 'a')?.goneMs).toBe(2)
    expect(statesOf(book, 'q')).toEqual({ a: 'available' })
    book.learn('p', names('a'), 4, true)
    expect(book.find('p', 'a')).toStrictEqual({
      providerId: 'p',
      model: 'a',
      state: 'available',
      facts: {},
      firstSeenMs: 1,
      lastSeenMs: 4,
    })
    expect(book.find('p', 'b')?.state).toBe('gone')
  })

  test('a part of a list marks nothing', () => {
    const book = new ModelBook()
    book.learn('p', names('a', 'b'), 1, true)
    expect(book.learn('p', names('b'), 2, false).isNews).toBe(false)
    expect(book.learn('p', [], 3, false).isNews).toBe(false)
    expect(statesOf(book)).toEqual({ a: 'available', b: 'available' })
  })

  test('what is remembered is taken over, but not over what a list has said since', () => {
    const known: ProviderModel = {
      providerId: 'p',
      model: 'a',
      state: 'gone',
      facts: {},
      firstSeenMs: 1,
      lastSeenMs: 2,
      goneMs: 3,
    }
    const book = new ModelBook()
    book.learn('p', names('a'), 4, true)
    book.load([known, { ...known, model: 'b' }])
    expect(statesOf(book)).toEqual({ a: 'available', b: 'gone' })
    expect(book.learn('p', names('a'), 5, true).isNews).toBe(false)
  })

  test('a tag may be left out where the bare name is not there itself', () => {
    const book = new ModelBook()
    book.learn('p', names('llama:latest', 'qwen', 'qwen:latest'), 1, true)
    expect(book.find('p', 'llama')?.model).toBe('llama:latest')
    expect(book.find('p', 'qwen')?.model).toBe('qwen')
    expect(book.find('p', 'llama:8b')).toBeUndefined()
    expect(book.find('nobody', 'llama')).toBeUndefined()
  })

  test('more models than are remembered: those gone longest are forgotten', () => {
    const book = new ModelBook()
    const batch = (name: string) =>
      names(...Array.from({ length: LIMITS.modelStatusRowsMax / 2 }, (_, at) => `${name}${at}`))
    for (const [at, name] of ['x', 'y', 'z'].entries()) book.learn('p', batch(name), at, true)
    const left = Map.groupBy(book.of('p'), ({ model }) => model[0])
    expect([...left.keys()].toSorted()).toEqual(['y', 'z'])
    expect(book.of('p')).toHaveLength(LIMITS.modelStatusRowsMax)
  })

  test('parts of a list that go on bringing others: what was not seen for longest is forgotten', () => {
    const book = new ModelBook()
    const batch = (name: string) =>
      names(...Array.from({ length: LIMITS.modelStatusRowsMax / 2 }, (_, at) => `${name}${at}`))
    for (const [at, name] of ['x', 'y', 'z'].entries()) book.learn('p', batch(name), at, false)
    const left = Map.groupBy(book.of('p'), ({ model }) => model[0])
    expect([...left.keys()].toSorted()).toEqual(['y', 'z'])
    expect(book.of('p')).toHaveLength(LIMITS.modelStatusRowsMax)
  })

  test('whatever lists come: the last whole one decides, and nothing is ever lost', () => {
    const name = fc.constantFrom('a', 'b', 'c', '__proto__', '')
    const look = fc.record({ ids: fc.uniqueArray(name), isWhole: fc.boolean() })
    fc.assert(
      fc.property(fc.array(look, { minLength: 1, maxLength: 12 }), (looks) => {
        const book = new ModelBook()
        const there = new Set<string>()
        const ever = new Set<string>()
        for (const [at, { ids, isWhole }] of looks.entries()) {
          book.learn('p', names(...ids), at, isWhole)
          if (isWhole) there.clear()
          for (const id of ids) {
            there.add(id)
            ever.add(id)
          }
        }
        const known = book.of('p')
        expect(known.map(({ model }) => model).toSorted()).toEqual([...ever].toSorted())
        for (const { goneMs, model, state } of known) {
          expect(state).toBe(there.has(model) ? 'available' : 'gone')
          expect(goneMs === undefined).toBe(there.has(model))
        }
      }),
      checkParameters(200),
    )
  })
})

describe('as others see it', () => {
  test('a list made of what is remembered says the same', () => {
    const listed: ListedModel = {
      id: 'a',
      contextWindow: 8,
      capabilities: ['completion'],
      facts: { status: 'x', retiresMs: 9 },
    }
    const book = new ModelBook()
    for (const each of [listed, { id: 'b' }]) book.learn('p', [each], 1, false)
    expect(book.of('p').map(listedAgain)).toStrictEqual([listed, { id: 'b' }])
  })

  test('times are ISO 8601, and a time that is none is null', () => {
    const model = goneModel()
    expect(statusJson(model)).toEqual({
      state: 'gone',
      context_window: 0,
      capabilities: [],
      base_model: null,
      version: null,
      status: null,
      retires: null,
      first_seen: '1970-01-01T00:00:00.000Z',
      last_seen: '1970-01-01T00:00:00.001Z',
      gone_since: '1970-01-01T00:00:00.002Z',
    })
    for (const time of [undefined, Number.NaN, 9e15, -9e15, Infinity]) {
      expect(isoTime(time)).toBeNull()
    }
  })
})

function goneModel(): ProviderModel {
  return {
    providerId: 'p',
    model: 'a',
    state: 'gone',
    facts: { contextWindow: 0, capabilities: [], retiresMs: 9e15 },
    firstSeenMs: 0,
    lastSeenMs: 1,
    goneMs: 2,
  }
}
