// The configuration as it is printed: no secret in it, and a file made of it means the same.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from './load.ts'
import { listSettings, maskSecret, maskUrl, showConfig, writtenValue } from './show.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-show-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const CANARY = 'canary-0123456789-0123456789-WXYZ'

function load(yaml: string, environment: Record<string, string> = {}) {
  writeFileSync(join(folder, 'weir.yaml'), yaml)
  const surroundings = {
    environment,
    platform: 'linux',
    home: folder,
    workingFolder: folder,
  } as const
  return loadConfig({ surroundings, flags: { port: '81' } })
}

describe('secrets', () => {
  const yaml = `
secrets: { master_key: "m${CANARY}" }
providers:
  - id: p
    type: openai
    keys: ["\${KEY}", "k${CANARY}", short]
    network: { proxy: "http://user:${CANARY}@proxy:3128" }
    headers: { x-secret: "h${CANARY}", x-low: "ab" }
keys: [{ name: ci, key: "c${CANARY}" }]
`
  const environment = { KEY: `e${CANARY}`, OPENROUTER_API_KEY: `o${CANARY}` }

  test('never appear, in text or list; their last four do', () => {
    const loaded = load(yaml, environment)
    const text = showConfig(loaded, { origin: true }) + JSON.stringify(listSettings(loaded))
    expect(text).not.toContain('canary')
    expect(text).not.toContain('short')
    expect(text).not.toContain('0123')
    expect(text).toContain('keys: ["****WXYZ","****WXYZ","****"]')
    expect(text).toContain('master_key: "****WXYZ"')
    expect(text).toContain('http://user:****@proxy:3128')
    expect(text).toContain('"x-secret":"****WXYZ"')
  })

  test('masks', () => {
    expect(maskSecret('')).toBe('****')
    expect(maskSecret('12345678901')).toBe('****')
    expect(maskSecret('123456789012')).toBe('****9012')
    expect(maskUrl('http://proxy:3128')).toBe('http://proxy:3128')
    expect(maskUrl('http://token@proxy:3128')).toBe('http://****@proxy:3128')
    expect(maskUrl('canary')).toBe('****')
    expect(maskUrl('user:canary@proxy:3128')).toBe('****@proxy:3128')
    expect(maskUrl('user:can@ary@proxy:3128')).toBe('****@proxy:3128')
    expect(maskUrl('proxy:3128')).toBe('proxy:3128')
    expect(maskUrl('redis://h:6379/0?password=canary')).toBe('redis://h:6379/0?****')
    expect(maskUrl('redis://u:canary@h/1?a=canary')).toBe('redis://u:****@h/1?****')
  })
})

test('every value in force, with where it came from', () => {
  const loaded = load('server: { host: 10.0.0.1 }', { WEIR_LOG_LEVEL: 'warn', OPENAI_API_KEY: 'x' })
  const text = showConfig(loaded, { origin: true })
  expect(text).toContain('  host: "10.0.0.1"   # file\n  port: 81   # flag\n')
  expect(text).toContain('  level: warn   # environment\n  format: auto   # default\n')
  expect(text).toContain('  - id: openai   # environment\n    type: openai   # environment\n')
  expect(text).toContain('    base_url: https://api.openai.com/v1   # default\n')
  expect(text).toContain('  - id: mock   # built-in\n')
  expect(listSettings(loaded)).toContainEqual({ path: 'server.port', value: 81, origin: 'flag' })
  expect(showConfig(loaded)).not.toContain('   #')
})

test('what is printed is itself a configuration of the same meaning', () => {
  const yaml = `
server: { public_url: "https://a.b/c", max_body_size: 5MB, trusted_proxies: ["10.0.0.0/8", "::1"] }
log: { level: debug }
models:
  - { id: "yes", targets: [{ provider: mock, model: "8", weight: 0.5 }, { provider: mock, model: "a: b" }], defaults: { stop: ["#", "\${X:-y}", "$\${Z}"] } }
  - { id: "m $\${Y}", targets: [{ provider: mock, model: e }] }
  - { id: b, price: { input: 0 }, targets: [{ provider: mock, model: 'q"q' }] }
`
  const first = load(yaml)
  const again = load(showConfig(first, { origin: true }))
  expect(again.settings).toEqual(first.settings)
})

test('of a store with several servers each is shown, and no password', () => {
  const url = 'postgres://weir:hunter2@one:1,two:2/db?sslmode=require'
  expect(writtenValue({ kind: 'text', format: 'storage-url', doc: '', secret: true }, url)).toBe(
    'postgres://weir:****@one:1,two:2/db?****',
  )
})
