// The contract of settings that are changed while the program runs, and of counting the audit: what every engine must do alike. Called from
// each engine's tests; imported by tests alone.

import { expect, test } from 'bun:test'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import type { AuditRepository } from '../core/ports-people.ts'
import type { StoredSettingsRepository } from '../core/ports.ts'
import { TEST_ACTOR } from './test-store.ts'

export interface SettingsStore {
  readonly storedSettings: StoredSettingsRepository
  readonly audit: AuditRepository
}

/** A store without settings: they lie among facts of the store itself, which no test empties. */
async function emptied(open: () => Promise<SettingsStore>): Promise<SettingsStore> {
  const store = await open()
  const names = Object.keys(await store.storedSettings.all())
  const gone = Object.fromEntries(names.map((name) => [name, null]))
  if (names.length > 0) await store.storedSettings.change(gone, TEST_ACTOR)
  return store
}

export function settingsContract(open: () => Promise<SettingsStore>): void {
  test('settings are kept, changed and forgotten, and nothing else of the store is among them', async () => {
    const { storedSettings: settings } = await emptied(open)
    expect(await settings.all()).toEqual({})
    expect(await settings.change({ 'a.b': '30d', c: 0, d: ['x'], e: false }, TEST_ACTOR)).toBe(true)
    expect(await settings.all()).toEqual({ 'a.b': '30d', c: 0, d: ['x'], e: false })
    expect(await settings.change({ 'a.b': null, c: 1 }, TEST_ACTOR)).toBe(true)
    expect(await settings.all()).toEqual({ c: 1, d: ['x'], e: false })
  })

  test('what is as it was is no change, and is not recorded', async () => {
    const { audit, storedSettings: settings } = await emptied(open)
    const before = await audit.count({ action: 'settings.update' })
    const recorded = async () => (await audit.count({ action: 'settings.update' })) - before
    expect(await settings.change({ a: 'x', b: null }, TEST_ACTOR)).toBe(true)
    expect(await recorded()).toBe(1)
    expect(await settings.change({ a: 'x', b: null }, TEST_ACTOR)).toBe(false)
    expect(await recorded()).toBe(1)
    const [record] = await audit.list({ action: 'settings.update', limit: 10 })
    expect(record).toMatchObject({
      tenantId: PLATFORM_TENANT_ID,
      target: { kind: 'setting', id: 'a' },
      after: { value: 'x' },
    })
    expect(record?.before).toBeUndefined()
    const isOwn = { tenantId: 'default', action: 'settings.update' } as const
    expect(await audit.count(isOwn)).toBe(0)
    expect(await audit.count({ ...isOwn, withPlatform: true })).toBe(before + 1)
  })

  test('all of a change or none of it', async () => {
    const { storedSettings: settings } = await emptied(open)
    await settings.change({ a: 1 }, TEST_ACTOR)
    const refusing = { ...TEST_ACTOR, precondition: () => Promise.reject(new Error('no')) }
    await expect(settings.change({ a: 2, b: 2 }, refusing)).rejects.toThrow()
    expect(await settings.all()).toEqual({ a: 1 })
  })
}
