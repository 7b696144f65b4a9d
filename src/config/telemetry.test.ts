import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from './config.ts'
import { loadConfig } from './load.ts'
import { ConfigError } from './problem.ts'
import { showConfig } from './show.ts'
import { withStoredSettings } from './stored.ts'

const SECRET = 'canary-secret-0123456789'

function load(document: object) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-telemetry-'))
  try {
    writeFileSync(join(folder, 'weir.json'), JSON.stringify(document))
    return loadConfig({
      flags: { config: join(folder, 'weir.json'), data: join(folder, 'data') },
      surroundings: {
        environment: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' },
        workingFolder: folder,
        homeFolder: folder,
        platform: 'linux',
      } as never,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function problemsOf(document: object): string[] {
  try {
    load(document)
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.problems.map(({ message, path }) => `${path}: ${message}`)
    }
    throw error
  }
  return []
}

const webhook = (over: object = {}) => ({
  exports: [{ id: 'a', type: 'webhook', url: 'http://127.0.0.1:1/x', secret: SECRET, ...over }],
})

describe('nothing is sent unless it is asked for', () => {
  test('without a section, and by no variable of the environment', () => {
    const { config } = load({})
    expect(config.tracing).toBeUndefined()
    expect(config.exports).toEqual([])
  })

  test('nor by settings without an endpoint', () => {
    expect(load({ tracing: { sample: 1, content: true } }).config.tracing).toBeUndefined()
  })

  test('but a variable may be written into the file', () => {
    const { config } = load({ tracing: { endpoint: '${OTEL_EXPORTER_OTLP_ENDPOINT}' } })
    expect(config.tracing?.delivery.url).toBe('http://127.0.0.1:4318/v1/traces')
  })
})

test.each([
  ['http://c:4318', 'http://c:4318/v1/traces'],
  ['http://c:4318/', 'http://c:4318/v1/traces'],
  ['https://c/otlp/', 'https://c/otlp/v1/traces'],
  ['https://c/otlp/v1/traces', 'https://c/otlp/v1/traces'],
])('the endpoint %s is asked at %s', (endpoint, url) => {
  expect(load({ tracing: { endpoint } }).config.tracing?.delivery.url).toBe(url)
})

test.each([
  ['https://cloud.langfuse.com', 'https://cloud.langfuse.com/api/public/otel/v1/traces'],
  ['https://l.example/api/public/otel', 'https://l.example/api/public/otel/v1/traces'],
  ['https://l.example/sub/', 'https://l.example/sub/api/public/otel/v1/traces'],
])('Langfuse at %s is asked at %s, with its keys', (url, expected) => {
  const { config } = load({
    exports: [{ id: 'l', type: 'langfuse', url, public_key: 'pk', secret_key: SECRET }],
  })
  const [one] = config.exports
  expect(one?.delivery.url).toBe(expected)
  expect(one?.delivery.headers).toEqual({
    authorization: `Basic ${btoa(`pk:${SECRET}`)}`,
    'x-langfuse-ingestion-version': '4',
  })
})

describe('is refused', () => {
  test.each([
    ['a webhook without a secret', webhook({ secret: undefined }), 'exports[0].secret: missing'],
    [
      'one with an empty secret (S74)',
      webhook({ secret: '' }),
      'exports[0].secret: must not be empty',
    ],
    [
      'one with a short secret',
      webhook({ secret: 'short' }),
      'exports[0].secret: must be at least',
    ],
    [
      'one with an empty key behind the prefix',
      webhook({ secret: 'whsec_AAAAAAAAAAAA' }),
      'too short',
    ],
    [
      'one with no base64 behind it',
      webhook({ secret: 'whsec_!!!!!!!!!!!!!!!!!!!!!!!!' }),
      'too short',
    ],
    [
      'keys of another type',
      webhook({ public_key: 'pk' }),
      'public_key: is not for exports of type',
    ],
    [
      'Langfuse without keys',
      { exports: [{ id: 'l', type: 'langfuse', url: 'https://x.example' }] },
      'secret_key: missing',
    ],
    ['two of one id', { exports: [...webhook().exports, ...webhook().exports] }, 'stands twice'],
    ['an unknown type', webhook({ type: 'kafka' }), 'exports[0].type'],
    ['a metadata service', webhook({ url: 'http://169.254.169.254/' }), 'metadata'],
    [
      'a metadata service for traces',
      { tracing: { endpoint: 'http://169.254.169.254' } },
      'metadata',
    ],
    ['a file', { tracing: { endpoint: 'file:///etc/passwd' } }, 'http://'],
    ['a password in an address', { tracing: { endpoint: 'http://u:p@c:4318' } }, 'password'],
    ['a share beyond all', { tracing: { sample: 1.5 } }, 'tracing.sample'],
    [
      'a header that says how the body is written',
      { tracing: { headers: { 'Content-Type': 'x' } } },
      'is set by Weir itself',
    ],
    ['a header that is none', { tracing: { headers: { 'a b': 'x' } } }, 'is no name of a header'],
    [
      'a signature of one’s own',
      webhook({ headers: { 'webhook-signature': 'x' } }),
      'is set by Weir itself',
    ],
    ['a word that is not known', { tracing: { endpont: 'http://c' } }, 'endpont'],
  ])('%s', (_, document, expected) => {
    const problems = problemsOf(document)
    expect(problems.join('\n')).toContain(expected)
    expect(problems.join('\n')).not.toContain(SECRET)
  })
})

test('secrets are masked where the configuration is shown', () => {
  const loaded = load({
    ...webhook({
      url: `https://hooks.example/${SECRET}`,
      headers: { authorization: `Bearer ${SECRET}` },
    }),
    tracing: { endpoint: 'http://c:4318', headers: { 'api-key': SECRET } },
  })
  const shown = showConfig(loaded)
  expect(shown).toContain('http://c:4318')
  expect(shown).not.toContain('canary-secret')
})

describe('requests that are printed', () => {
  test.each([
    [{}, 'none'],
    [{ server: { host: '0.0.0.0' } }, 'errors'],
    [{ server: { host: '0.0.0.0' }, log: { access: 'none' } }, 'none'],
    [{ log: { access: 'all' } }, 'all'],
  ] as const)('of %j are %p', (document, expected) => {
    expect(load(document).config.log.access).toBe(expected)
  })
})

test('what is changed while it runs holds, unless the file says otherwise', () => {
  const { config } = load({ tracing: { endpoint: 'http://c:4318', keep_errors: false } })
  const changed: Config = withStoredSettings(config, {
    'log.level': 'debug',
    'log.access': 'all',
    'tracing.sample': 0.25,
    'tracing.keep_errors': true,
    'tracing.keep_slower_than': '2s',
  })
  expect(changed.log).toMatchObject({ level: 'debug', access: 'all' })
  expect(changed.tracing).toMatchObject({
    sample: 0.25,
    keepErrors: false,
    keepSlowerThanMs: 2_000,
  })
  // Where nothing is traced, no stored setting makes it.
  expect(withStoredSettings(load({}).config, { 'tracing.sample': 0.25 }).tracing).toBeUndefined()
  expect(
    withStoredSettings(config, { 'tracing.endpoint': 'http://evil' }).tracing?.delivery.url,
  ).toBe('http://c:4318/v1/traces')
})
