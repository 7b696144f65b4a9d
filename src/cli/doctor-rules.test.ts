// Keys, aliases, limits and budgets that mean nothing together: each mistake is declared in a real configuration and must be told.

import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../config/load.ts'
import type { Catalog } from '../gateway/snapshot.ts'
import { buildSnapshot } from '../gateway/snapshot.ts'
import { keysFinding, modelsFinding, rulesFinding } from './doctor-rules.ts'
import { StepFailure } from './doctor-steps.ts'

const SECRET = 'the-key-of-the-owner-long-enough-00000001'
const NOW = Date.UTC(2027, 0, 1)

function configOf(settings: object) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-doctor-rules-'))
  try {
    writeFileSync(join(folder, 'weir.json'), JSON.stringify(settings))
    const surroundings = {
      platform: process.platform,
      environment: { WEIR_NO_ENV_PROVIDERS: '1' },
      home: folder,
      workingFolder: folder,
    }
    return loadConfig({ flags: { config: join(folder, 'weir.json') }, surroundings }).config
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function keysOf(settings: object) {
  const config = configOf(settings)
  return keysFinding(config, config.keys, NOW)
}

describe('keys', () => {
  const key = { name: 'ci', key: SECRET }

  test('nobody could get in', () => {
    const shut = { server: { host: '0.0.0.0' } }
    expect(() => keysOf(shut)).toThrow(StepFailure)
    const never = { anonymous: 'never', local: false }
    expect(() => keysOf({ auth: never })).toThrow('there is no API key')
    expect(keysOf({ auth: { anonymous: 'never' } })).toMatchObject({
      result: 'people who log in alone',
      warning: { todo: 'Make one: weir keys create NAME' },
    })
    expect(() => keysOf({ ...shut, keys: [{ ...key, expires: '2026-12-31' }] })).toThrow(
      'valid any more',
    )
  })

  test('a key that ends soon, and one that does not', () => {
    expect(keysOf({ keys: [{ ...key, expires: '2027-01-10' }] })).toMatchObject({
      warning: { reason: expect.stringContaining('ci on 2027-01-1') },
    })
    expect(keysOf({ keys: [{ ...key, expires: '2027-06-01' }] })).toBe('1 key')
    expect(keysOf({})).toContain('this machine needs none')
  })

  test('a proxy on this machine that would be believed', () => {
    const server = { public_url: 'https://weir.example.com' }
    expect(keysOf({ server, auth: { anonymous: 'loopback' }, keys: [key] })).toMatchObject({
      warning: { todo: 'Set auth.anonymous: never.' },
    })
    expect(keysOf({ server, auth: { anonymous: 'never' }, keys: [key] })).toBe('1 key')
  })
})

function catalogOf(settings: object): Catalog {
  return buildSnapshot(1, [configOf(settings)]).of('default')
}

describe('models', () => {
  const alias = (id: string, more: object = {}) => ({
    id,
    targets: [{ provider: 'mock', model: 'echo' }],
    ...more,
  })

  test('a fallback to nothing is told, one that is there is not', () => {
    const to = (name: string) => ({ routing: { fallbacks: { any: [name] } } })
    const models = [
      alias('fast', to('gone')),
      alias('slow', to('mock/echo')),
      alias('third', to('slow')),
    ]
    expect(modelsFinding(catalogOf({ models }))).toMatchObject({
      warning: { reason: 'fallbacks to nothing: fast → gone' },
    })
    expect(modelsFinding(catalogOf({ models: models.slice(1) }))).toBe('2 aliases')
  })

  test('an alias whose provider is gone', () => {
    const whole = catalogOf({ models: [alias('fast')] })
    const without = { ...whole, providers: new Map() }
    expect(() => modelsFinding(without)).toThrow('no provider is there for fast')
    const [fast] = [...whole.models.values()]
    const half = {
      ...fast!,
      targets: [...fast!.targets, { ...fast!.targets[0]!, providerId: 'gone' }],
    }
    expect(modelsFinding({ ...whole, models: new Map([['fast', half]]) })).toMatchObject({
      warning: { reason: 'targets without a provider: fast → gone' },
    })
    expect(modelsFinding(whole)).toBe('1 alias')
    expect(modelsFinding(catalogOf({}))).toHaveProperty('skipped')
  })
})

describe('rules', () => {
  const found = (settings: object) => {
    const config = configOf({ keys: [{ name: 'ci', key: SECRET }], ...settings })
    return rulesFinding(config, buildSnapshot(1, [config]).of('default'), config.keys)
  }

  test('what lets nothing through, and what concerns nothing', () => {
    expect(found({ limits: [{ per: 'key', requests_per_minute: 0 }] })).toMatchObject({
      warning: { reason: 'let nothing through: limit per key' },
    })
    expect(
      found({ limits: [{ per: 'provider', only: 'opnai', requests_per_minute: 5 }] }),
    ).toMatchObject({
      warning: { reason: 'concern nothing there is: per provider opnai' },
    })
    expect(found({ budgets: [{ per: 'key', only: 'gone', usd: 5 }] })).toMatchObject({
      warning: { reason: 'concern nothing there is: per key gone' },
    })
  })

  test('what concerns something, by name, pattern or provider/model', () => {
    const limits = [
      { per: 'key', only: 'c*', requests_per_minute: 5 },
      { per: 'model', only: 'mock/echo', requests_per_minute: 5 },
      { per: 'global', requests_per_minute: 5 },
    ]
    expect(found({ limits })).toBe('3 limits, 0 budgets')
    expect(found({})).toHaveProperty('skipped')
  })
})
