// Which names of models may be told in metrics: those of the configuration and of providers, never a client's own.

import { describe, expect, test } from 'bun:test'
import { ModelNames } from './app-metrics.ts'
import type { Model } from './core/catalog.ts'
import { LIMITS } from './core/limits.ts'
import { buildSnapshot } from './gateway/snapshot.ts'
import { FakeClock } from './testing/clock.ts'
import { testProvider } from './testing/gateway.ts'

const provider = testProvider({ id: 'up', type: 'custom', baseUrl: 'https://up.test/v1' })
const alias: Model = {
  id: 'fast',
  origin: 'file',
  targets: [{ providerId: 'up', model: 'deployed-as', order: 0, weight: 1 }],
  defaults: {},
  losses: 'report',
}

function snapshotOf(version: number, models: readonly Model[]) {
  return buildSnapshot(version, [{ providers: [provider], models, keys: [] }])
}

describe('names of models', () => {
  function world() {
    const clock = new FakeClock()
    const now = { snapshot: snapshotOf(1, [alias]), listed: [{ id: 'vendor/listed:8b' }] }
    const names = new ModelNames({
      clock,
      snapshot: () => now.snapshot,
      directory: () => ({ listed: () => now.listed }),
    })
    return { clock, now, names }
  }

  test('aliases, their targets and listed names, with and without a provider in front, and no others', () => {
    const { names } = world()
    expect(names.label('fast')).toBe('fast')
    expect(names.label('deployed-as')).toBe('deployed-as')
    expect(names.label('up/deployed-as')).toBe('deployed-as')
    expect(names.label('vendor/listed:8b')).toBe('vendor/listed:8b')
    expect(names.label('up/vendor/listed:8b')).toBe('vendor/listed:8b')
    for (const made of [
      '',
      'other',
      'up/',
      'up/weir_secret',
      'vendor/deployed-as',
      '/fast',
      'FAST',
    ]) {
      expect(names.label(made)).toBeUndefined()
    }
  })

  test('a changed catalogue holds at once, what providers list after a while', () => {
    const { clock, names, now } = world()
    expect(names.label('slow')).toBeUndefined()
    now.snapshot = snapshotOf(2, [{ ...alias, id: 'slow' }])
    expect(names.label('slow')).toBe('slow')
    expect(names.label('fast')).toBeUndefined()
    now.listed = [{ id: 'new' }]
    expect(names.label('new')).toBeUndefined()
    clock.advance(LIMITS.metricModelNamesMs)
    expect(names.label('new')).toBe('new')
    expect(names.label('vendor/listed:8b')).toBeUndefined()
  })
})
