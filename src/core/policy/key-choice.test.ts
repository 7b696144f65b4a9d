import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { KeyRing } from './key-choice.ts'

const keysOf = (...ids: string[]) => ids.map((id) => ({ id, secret: `secret-of-${id}` }))
const NONE: ReadonlySet<string> = new Set()

describe('KeyRing', () => {
  test('no keys, no choice', () => {
    expect(new KeyRing().choose([], 0, NONE)).toEqual({ key: undefined })
  })

  test('takes turns', () => {
    const ring = new KeyRing()
    const keys = keysOf('a', 'b', 'c')
    const chosen = Array.from({ length: 6 }, () => ring.choose(keys, 0, NONE).key?.id)
    expect(chosen).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
  })

  test('a key set aside is skipped until its moment and says when it is free', () => {
    const ring = new KeyRing()
    const keys = keysOf('a', 'b')
    ring.setAside(keys, 'a', 1_000)
    expect(ring.choose(keys, 0, NONE).key?.id).toBe('b')
    expect(ring.choose(keys, 0, NONE).key?.id).toBe('b')
    ring.setAside(keys, 'b', 3_000)
    expect(ring.choose(keys, 400, NONE)).toEqual({ key: undefined, freeInMs: 600 })
    expect(ring.choose(keys, 1_000, NONE).key?.id).toBe('a')
    ring.restore('b')
    expect(ring.choose(keys, 1_000, NONE).key?.id).toBe('b')
  })

  test('a shorter wait never shortens a longer one', () => {
    const ring = new KeyRing()
    const keys = keysOf('a')
    ring.setAside(keys, 'a', 5_000)
    ring.setAside(keys, 'a', 1_000)
    expect(ring.choose(keys, 2_000, NONE)).toEqual({ key: undefined, freeInMs: 3_000 })
  })

  test('tried keys are not given again, and keys that were removed are no trouble', () => {
    const ring = new KeyRing()
    const keys = keysOf('a', 'b', 'c')
    expect(ring.choose(keys, 0, new Set(['a', 'b'])).key?.id).toBe('c')
    expect(ring.choose(keys, 0, new Set(['a', 'b', 'c']))).toEqual({ key: undefined })
    expect(ring.choose(keysOf('z'), 0, NONE).key?.id).toBe('z')
    ring.setAside(keys, 'gone', 9_000)
    expect(ring.choose(keysOf('gone'), 0, NONE).key?.id).toBe('gone')
  })

  test('over many requests every free key is used equally', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(7), (count, aside) => {
        const ring = new KeyRing()
        const keys = keysOf(...Array.from({ length: count }, (_, index) => `k${index}`))
        const skipped = `k${aside}`
        ring.setAside(keys, skipped, 1)
        const free = keys.filter((key) => key.id !== skipped)
        const uses = new Map<string, number>()
        for (let turn = 0; turn < free.length * 10; turn += 1) {
          const id = ring.choose(keys, 0, NONE).key?.id ?? ''
          uses.set(id, (uses.get(id) ?? 0) + 1)
        }
        expect(uses).toEqual(new Map(free.map((key) => [key.id, 10])))
      }),
    )
  })
})
