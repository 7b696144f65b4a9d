import { expect, test } from 'bun:test'
import type { CacheMode, CacheSettings } from '../../core/answer-cache.ts'
import type { Model } from '../../core/catalog.ts'
import { CACHE_ON } from '../../testing/cache.ts'
import { modeFor } from './mode.ts'

const model: Model = { id: 'm', origin: 'file', targets: [], defaults: {}, losses: 'report' }

function settings(exact: boolean, semantic: boolean, rule?: CacheMode): CacheSettings {
  return {
    ...CACHE_ON,
    exact: { ...CACHE_ON.exact, enabled: exact, ttlMs: 1 },
    semantic: { ...CACHE_ON.semantic, enabled: semantic, ttlMs: 2 },
    models: rule === undefined ? [] : [{ match: 'm*', mode: rule }],
  }
}

test.each([
  // exact, semantic, what a pattern says, what the model says, what is done
  [false, false, undefined, undefined, undefined],
  [false, false, 'exact', 'semantic', undefined],
  [true, false, undefined, undefined, 'exact'],
  [false, true, undefined, undefined, 'semantic'],
  [true, true, undefined, undefined, 'semantic'],
  [true, true, 'exact', undefined, 'exact'],
  [true, true, 'exact', 'semantic', 'semantic'],
  [true, true, 'semantic', 'off', undefined],
  [true, true, 'off', 'exact', 'exact'],
  [true, false, 'semantic', undefined, 'exact'],
  [false, true, undefined, 'exact', undefined],
] as const)(
  'exact %p, semantic %p, pattern %p, model %p: %p',
  (exact, semantic, rule, own, mode) => {
    const asked = own === undefined ? model : { ...model, cache: { mode: own } }
    expect(modeFor(asked, 'm', settings(exact, semantic, rule))?.mode).toBe(mode as never)
  },
)

test('how long is said by the model, else the pattern, else the mode', () => {
  const rules = { ...settings(true, true), models: [{ match: '*', ttlMs: 30 }] }
  expect(modeFor({ ...model, cache: { ttlMs: 40 } }, 'm', rules)?.ttlMs).toBe(40)
  expect(modeFor(model, 'm', rules)?.ttlMs).toBe(30)
  expect(modeFor(model, 'm', settings(true, true))?.ttlMs).toBe(2)
  expect(modeFor(model, 'm', settings(true, false))?.ttlMs).toBe(1)
})
