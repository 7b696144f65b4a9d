// A configuration from a file to the typed result: precedence, conversion, what is found beside the file. Real files.
// Everything that can be wrong with one is in `problems.test.ts`.

import { afterAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { LoadedConfig } from './config.ts'
import { folderWith, loadIn, problemsOf, removeFolders, type Setting } from './test-files.ts'

afterAll(removeFolders)

function load(yaml: string, setting: Setting = {}): LoadedConfig {
  return loadIn(folderWith({ 'weir.yaml': yaml }), setting)
}

const SECRET = 'a-secret-of-more-than-thirty-two-characters'

describe('precedence', () => {
  const yaml = 'server: { host: 10.0.0.1, port: 1 }\nlog: { level: warn }'

  test('flags above the environment above the file above the defaults', () => {
    expect(loadIn(folderWith({})).config.server).toMatchObject({ host: '127.0.0.1', port: 9347 })
    expect(load(yaml).config.server).toMatchObject({ host: '10.0.0.1', port: 1 })
    const environment = {
      WEIR_PORT: '2',
      WEIR_HOST: '10.0.0.2',
      WEIR_LOG_LEVEL: 'debug',
      WEIR_MASTER_KEY: SECRET,
    }
    const fromEnvironment = load(yaml, { environment })
    expect(fromEnvironment.config.server).toMatchObject({ host: '10.0.0.2', port: 2 })
    expect(fromEnvironment.config.log.level).toBe('debug')
    expect(fromEnvironment.config.secrets.masterKey).toBe(SECRET)
    const all = load(yaml, { environment, flags: { port: '0' } })
    expect(all.config.server).toMatchObject({ host: '10.0.0.2', port: 0 })
    expect(all.origins.get('server.port')).toBe('flag')
    expect(all.origins.get('server.host')).toBe('environment')
    expect(all.origins.has('server.keepalive')).toBe(false)
  })

  test('empty variables count as unset', () => {
    const environment = { WEIR_PORT: '', WEIR_HOST: ' ', WEIR_LOG_LEVEL: '', WEIR_CONFIG: '' }
    expect(load(yaml, { environment }).config.server).toMatchObject({ host: '10.0.0.1', port: 1 })
  })

  test('the data folder, and the store in it', () => {
    const { config } = loadIn(folderWith({}), { environment: { WEIR_DATA: '/e' } })
    expect(config.storage).toEqual({ engine: 'sqlite', file: '/e/weir.db' })
    const flagged = loadIn(folderWith({}), {
      environment: { WEIR_DATA: '/e' },
      flags: { data: '/f' },
    })
    expect(flagged.config.dataFolder).toBe('/f')
    expect(flagged.dataOrigin).toBe('flag')
  })

  test('a store beside the file, and an absolute one', () => {
    const folder = folderWith({ 'weir.yaml': 'storage: { url: "sqlite:x/weir.db" }' })
    expect(loadIn(folder).config.storage).toMatchObject({ file: join(folder, 'x/weir.db') })
    expect(load('storage: { url: "sqlite:///a/b.db" }').config.storage).toMatchObject({
      file: '/a/b.db',
    })
  })
})

describe('result', () => {
  test('providers, models and keys become the catalogue', () => {
    const { config } = load(
      `
providers:
  - id: azure
    type: azure
    base_url: https://team.openai.azure.com/
    api_version: "2024-10-21"
    keys: [first-key, second-key]
    timeouts: { connect: 5s, first_byte: 1.5m }
    retries: { max: 0, base: 0ms }
    network: { proxy: "http://user:pw@proxy:3128", ca_file: weir.yaml, verify: false }
    headers: { x-team: blue }
models:
  - id: fast
    targets:
      - { provider: azure, model: prod }
      - { provider: ollama, model: "llama3:8b", order: 1, weight: 0 }
    defaults: { temperature: 0, nested: { a: ["$\${X}"] } }
    losses: reject
    context_window: 128000
    price: { input: 0.15, output: 0.6, cache_read: 0 }
keys:
  - { name: ci, key: ${SECRET}, models: ["fast"], expires: 2027-01-31 }
  - { name: none, key: x${SECRET}, models: [] }
`,
    )
    const [azure, mock] = config.providers
    expect(azure).toMatchObject({
      id: 'azure',
      origin: 'file',
      baseUrl: 'https://team.openai.azure.com',
      apiVersion: '2024-10-21',
      timeouts: { connectMs: 5_000, firstByteMs: 90_000, idleMs: 120_000, totalMs: 900_000 },
      retries: { max: 0, baseMs: 0, capMs: 8_000 },
      network: { proxy: 'http://user:pw@proxy:3128', verify: false },
      headers: { 'x-team': 'blue' },
    })
    expect(azure?.network.caFile).toEndWith('/weir.yaml')
    expect(azure?.keys.map((key) => key.secret)).toEqual(['first-key', 'second-key'])
    expect(new Set(azure?.keys.map((key) => key.id)).size).toBe(2)
    expect(azure?.keys.every((key) => key.id.startsWith('file:azure:'))).toBe(true)
    expect(mock).toMatchObject({ id: 'mock', type: 'mock', origin: 'built-in' })
    expect(config.models).toEqual([
      {
        id: 'fast',
        origin: 'file',
        targets: [
          { providerId: 'azure', model: 'prod', order: 0, weight: 1 },
          { providerId: 'ollama', model: 'llama3:8b', order: 1, weight: 0 },
        ],
        defaults: { temperature: 0, nested: { a: ['${X}'] } },
        losses: 'reject',
        contextWindow: 128_000,
        price: { input: 150, output: 600, cacheRead: 0 },
      },
    ])
    const [ci, none] = config.keys
    expect(ci).toMatchObject({
      id: 'file:ci',
      origin: 'file',
      tenantId: 'default',
      prefix: 'a-se',
      lastFour: 'ters',
      models: ['fast'],
      expiresMs: Date.UTC(2027, 1, 1),
    })
    expect(ci?.hash).toBe(new Bun.SHA256().update(SECRET).digest('hex'))
    expect(none?.models).toEqual([])
    expect(none).not.toHaveProperty('expiresMs')
  })

  test('is frozen to its leaves', () => {
    const { config } = load(
      `models: [{ id: m, targets: [{ provider: mock, model: e }], defaults: { a: { b: 1 } } }]`,
    )
    expect(() => Object.assign(config.server, { port: 1 })).toThrow()
    expect(() => Object.assign(config.models[0]?.defaults['a'] as object, { b: 2 })).toThrow()
    expect(Object.isFrozen(config.providers[0]?.timeouts)).toBe(true)
  })

  test('the same configuration in YAML, JSON and TOML is the same', () => {
    const document = {
      server: { port: 81, keepalive: '5s' },
      log: { level: 'warn' },
      providers: [{ id: 'o', type: 'openai' }],
    }
    const yaml =
      'server: { port: 81, keepalive: 5s }\nlog:\n  level: warn\nproviders:\n- id: o\n  type: openai\n'
    const toml =
      '[server]\nport = 81\nkeepalive = "5s"\n[log]\nlevel = "warn"\n[[providers]]\nid = "o"\ntype = "openai"\n'
    const flags = { data: '/d' }
    const settings = [
      folderWith({ 'weir.yaml': yaml }),
      folderWith({ 'weir.json': JSON.stringify(document) }),
      folderWith({ 'weir.toml': toml }),
    ].map((folder) => loadIn(folder, { flags }).settings)
    expect(settings[0]?.server.port).toBe(81)
    expect(settings[1]).toEqual(settings[0] as never)
    expect(settings[2]).toEqual(settings[0] as never)
  })

  test('references become numbers and booleans where the schema wants them', () => {
    const environment = { PORT: '8080', LOCAL: 'false' }
    const { config } = load('server: { port: "${PORT}" }\ndiscovery: { local: "${LOCAL}" }', {
      environment,
    })
    expect(config.server.port).toBe(8080)
    expect(config.discovery.local).toBe(false)
    expect(config.localCandidates).toEqual([])
  })

  test('a $schema for editors is no key of ours, and nothing but a text', () => {
    expect(load('$schema: ./weir.schema.json').config.server.port).toBe(9347)
    expect(problemsOf('$schema: {}')).toEqual(['weir.yaml:1: $schema: unknown key'])
  })

  test('sections and values left empty have their defaults', () => {
    const { config } = load('server:\nproviders:\nmodels: ~\nlog:\n  level:\n')
    expect(config.server.port).toBe(9347)
    expect(config.log.level).toBe('info')
    expect(config.providers.map((provider) => provider.id)).toEqual(['mock'])
  })
})

describe('discovery', () => {
  const environment = {
    OPENAI_API_KEY: 'sk-environment',
    AZURE_OPENAI_API_KEY: 'k',
    AZURE_OPENAI_ENDPOINT: 'https://t.openai.azure.com/',
    AZURE_OPENAI_DEPLOYMENT: 'prod',
  }

  test('what the file declares stands before what is found', () => {
    const { config } = load('providers: [{ id: openai, type: openai, keys: [own] }]', {
      environment,
    })
    const found = config.providers.map((provider) => [provider.id, provider.origin])
    expect(found).toEqual([
      ['openai', 'file'],
      ['azure', 'environment'],
      ['mock', 'built-in'],
    ])
    expect(config.providers[0]?.keys[0]?.secret).toBe('own')
    expect(config.models).toMatchObject([
      { id: 'prod', origin: 'environment', targets: [{ providerId: 'azure', model: 'prod' }] },
    ])
  })

  test.each([
    ['discovery: { environment: false }', {}],
    ['{}', { WEIR_NO_ENV_PROVIDERS: '1' }],
  ])('can be turned off: %s %p', (yaml, extra) => {
    const { config } = load(yaml, { environment: { ...environment, ...extra } })
    expect(config.providers.map((provider) => provider.id)).toEqual(['mock'])
    expect(config.discovery.environment).toBe(false)
  })

  test('targets may name what is found, and not what is not', () => {
    const models = 'models: [{ id: m, targets: [{ provider: openai, model: gpt }] }]'
    expect(problemsOf(models, { environment })).toEqual([])
    expect(problemsOf(models)).toHaveLength(1)
    expect(
      problemsOf(`discovery: { environment: false }\n${models}`, { environment }),
    ).toHaveLength(1)
  })

  test('local servers are candidates unless they are declared, by id or by address', () => {
    const ids = (yaml: string, extra = {}) =>
      load(yaml, { environment: extra }).config.localCandidates.map((provider) => provider.id)
    expect(ids('{}')).toEqual(['ollama', 'lmstudio'])
    expect(ids('{}', { OLLAMA_HOST: 'box' })).toEqual(['lmstudio'])
    expect(
      ids('providers: [{ id: mine, type: ollama, base_url: "http://localhost:11434" }]'),
    ).toEqual(['lmstudio'])
    expect(ids('discovery: { local: false }')).toEqual([])
    expect(ids('{}', { WEIR_NO_ENV_PROVIDERS: '1' })).toEqual([])
  })
})
