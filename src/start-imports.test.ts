// What a start loads: everything that `serve` imports statically, and whatever that imports. Libraries and modules of the system that
// cost a start milliseconds are imported where they are needed and nowhere on that way; this test names them.

import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const root = import.meta.dir

/** Each with what it costs a start on the machine where it was measured. */
const TOO_DEAR: Readonly<Record<string, string>> = {
  'openid-client': '7 ms, with jose',
  jose: '7 ms, with openid-client',
  postgres: '19 ms, with the engine on it',
  'drizzle-orm/postgres-js': '19 ms, with the driver',
  '@pydantic/genai-prices': '35 ms',
  elysia: '25 ms, with the schemas it brings and the routes; models and probes are direct',
  '@sinclair/typebox': '8 ms, and only the management API has schemas',
  re2js: '6 ms, 20 from sources, for patterns that people write',
  '@elysiajs/openapi/openapi': 'only the document needs it',
  '@opentelemetry/otlp-transformer': '36 ms, and only who sends traces or log records needs it',
  'node:http': '9 ms',
  'node:https': '9 ms',
  'node:tls': '5 ms: an import reads the root certificates',
  'node:zlib': '4 ms',
  'node:stream': '4 ms',
  'node:net': '3 ms',
  'node:dns/promises': '1 ms',
}

const IMPORT = /^(?:import|export)\s+(?!type\s)(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm

/** What a file imports when it is loaded itself. Types are gone by then. */
function importsOf(path: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(IMPORT)].map((match) => match[1] ?? '')
}

/** Every file and package that is loaded with this one, each with the file that asks for it first. */
function loadedWith(entries: readonly string[]): Map<string, string> {
  const found = new Map(entries.map((entry) => [join(root, entry), 'the start']))
  for (const [path] of found) {
    if (!existsSync(path)) continue
    for (const name of importsOf(path)) {
      const target = name.startsWith('.') ? join(dirname(path), name) : name
      if (!found.has(target)) found.set(target, relative(root, path))
    }
  }
  return found
}

const loaded = loadedWith(['main.ts', 'cli/run.ts', 'cli/serve.ts'])

/** What a server loads before it replaces itself, and then once more. */
const twice = loadedWith(['main.ts'])

test('the way of the start is seen whole', () => {
  const files = [...loaded.keys()].map((path) => relative(root, path))
  for (const file of [
    'app.ts',
    'server/server.ts',
    'storage/open-sqlite.ts',
    'auth/oidc-login.ts',
  ]) {
    expect(files).toContain(file)
  }
  expect(loaded.has('drizzle-orm')).toBe(true)
  expect(loaded.has('node:crypto')).toBe(true)
  expect(files.length).toBeGreaterThan(200)
})

test('a server loads next to nothing before it replaces itself', () => {
  const names = [...twice.keys()].map((path) => relative(root, path))
  expect(names.filter((name) => name.endsWith('.ts')).toSorted()).toEqual([
    'assets.ts',
    'cli/connection-limit.ts',
    'core/limits.ts',
    'main.ts',
  ])
})

test('no start loads what is only needed by some', () => {
  const dear = [...loaded].filter(([name]) => Object.hasOwn(TOO_DEAR, name))
  expect(dear.map(([name, asker]) => `${asker} imports ${name} (${TOO_DEAR[name]})`)).toEqual([])
})

test.each([
  ['the other engine', /^storage\/(open-)?postgres/],
  [
    'detectors, checks and patterns',
    /^guardrails\/(detectors|checks|external|redact|ready|engine)/,
  ],
  ['a ClickHouse', /^(clickhouse-sink|storage\/(clickhouse\/|log-spool))/],
  ['a bucket', /^storage\/s3-(store|signature)/],
  [
    'a collector, and other exports',
    /^(app-exports|telemetry\/(otlp|trace-|export-|delivery|langfuse))/,
  ],
  ['answers in Redis', /^storage\/redis-answers/],
])('%s: loaded by whoever has it', (_, path) => {
  const files = [...loaded].map(([file, asker]) => `${relative(root, file)}, for ${asker}`)
  expect(files.filter((file) => path.test(file))).toEqual([])
  const all = [...new Bun.Glob('**/*.ts').scanSync(root)]
  expect(all.filter((file) => path.test(file)).length).toBeGreaterThan(0)
})
