// The executable against its own documentation: Schemathesis makes requests of every kind from `/openapi.json`, right ones and wrong ones.
// None may end in a 500, in a status or a type that is not documented, or in an answer that is not of its schema.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pythonEnvironment, runPython } from './harness/python.ts'
import { startWeir, type Weir } from './harness/weir.ts'

const KEY = 'the-key-of-the-fuzzer-long-enough-0000001'

/** Requests of each operation. */
const EXAMPLES = { admin: 20, others: 5 } as const
const LIMIT_MS = 600_000

/** These ask servers elsewhere, or never end; their tests are their own. */
const LEFT_OUT = '/test$|/discover$|/discovery/|/refresh$|/tail$|/proxy/'

const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
]

const environment = await pythonEnvironment('fuzz')
const reason = 'reason' in environment ? environment.reason : undefined
if (reason !== undefined) process.stderr.write(`The fuzzing of the API is left out: ${reason}\n`)

let weir: Weir
let folder: string
let document: string

beforeAll(async () => {
  if (reason !== undefined) return
  folder = mkdtempSync(join(tmpdir(), 'weir-fuzz-'))
  document = join(folder, 'openapi.json')
  weir = await startWeir({
    config: {
      auth: { anonymous: 'never' },
      // Providers of the fuzzer's making lead nowhere.
      network: { proxy: 'http://127.0.0.1:9' },
      keys: [{ name: 'fuzz', key: KEY, roles: ['owner'] }],
    },
  })
  const described = (await (await fetch(`${weir.url}/openapi.json`)).json()) as Described
  writeFileSync(document, JSON.stringify(withOneCredential(described)))
})
afterAll(async () => {
  if (reason !== undefined) return
  await weir.stop()
  rmSync(folder, { recursive: true, force: true })
})

interface Described {
  readonly components: { readonly securitySchemes: Readonly<Record<string, object>> }
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly security?: unknown[] }>>>
  >
}

/** Two credentials in one request are a mistake, and the fuzzer would send all there are. */
function withOneCredential({ components, paths, ...rest }: Described): object {
  const { bearer } = components.securitySchemes
  return {
    ...rest,
    security: [{ bearer: [] }],
    components: { ...components, securitySchemes: { bearer } },
    paths: Object.fromEntries(
      Object.entries(paths).map(([path, { servers: _servers, ...operations }]) => [
        path,
        Object.fromEntries(
          Object.entries(operations).map(([method, operation]) => [
            method,
            (operation.security ?? []).length === 0
              ? operation
              : { ...operation, security: [{ bearer: [] }] },
          ]),
        ),
      ]),
    ),
  }
}

async function fuzz(examples: number, ...which: string[]): Promise<void> {
  const { code, out, error } = await runPython(
    (environment as { readonly python: string }).python,
    'fuzz.py',
    {
      args: [
        document,
        '--url',
        weir.url,
        '-H',
        `authorization: Bearer ${KEY}`,
        '--phases',
        'examples,fuzzing',
        '--max-examples',
        String(examples),
        '--checks',
        CHECKS.join(','),
        '--workers',
        '2',
        '--request-timeout',
        '15',
        '--warnings',
        'off',
        '--generation-deterministic',
        ...which,
      ],
      // Where it keeps what it has learned.
      env: { HOME: folder, PATH: process.env['PATH'] ?? '', NO_COLOR: '1', COLUMNS: '200' },
      timeoutMs: LIMIT_MS,
    },
  )
  const generated = Number(/(\d+) generated/.exec(out)?.[1] ?? 0)
  expect([code, code === 0 ? '' : `${out}\n${error}`.slice(-12_000)]).toEqual([0, ''])
  expect(generated).toBeGreaterThan(500)
}

test.skipIf(reason !== undefined)(
  'the protocols and the pages keep to what is documented',
  () => fuzz(EXAMPLES.others, '--exclude-path-regex', `^/admin|${LEFT_OUT}`),
  LIMIT_MS,
)

test.skipIf(reason !== undefined)(
  'the management API keeps to what is documented',
  () => fuzz(EXAMPLES.admin, '--include-path-regex', '^/admin', '--exclude-path-regex', LEFT_OUT),
  LIMIT_MS,
)

test.skipIf(reason !== undefined)('and it runs on as if nothing had been', async () => {
  expect((await fetch(`${weir.url}/readyz`)).status).toBe(200)
  expect(weir.stderr()).not.toContain('internal error')
})
