// Everything bad a client can send, against the executable, in each protocol: the answer is an error in the client's own form
// with the status of the contract, there is exactly one log row, and the program goes on.

import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { rawRequest, requestText } from '../src/testing/http.ts'
import { connectTcp } from '../src/testing/tcp.ts'
import {
  ask,
  bodyOf,
  DIALECTS,
  expectError,
  expectHealthy,
  expectRow,
  nextRequestId,
  PATHS,
  type AskOptions,
  type ClientDialect,
  type Due,
} from './harness/ask.ts'
import { expectSingleRows, startWeir, type Weir } from './harness/weir.ts'

const KEY = 'weir-test-key-of-the-bad-input-tests-0001'
const BODY_BYTES_MAX = 65_536
/** What the program may work for one bad request. Time that passes says nothing of it: others have the processor as well. */
const WORK_MS_MAX = 2_000
/** How long what another process changes may take to be seen here; it is due within a second. */
const SEEN_LIMIT_MS = 60_000

setDefaultTimeout(120_000)

let weir: Weir
/** Waits for bodies but a moment: it is asked nothing else, as whoever is held up would be too late as well. */
let impatient: Weir
const withKey = { authorization: `Bearer ${KEY}` }

beforeAll(async () => {
  weir = await startWeir({
    config: {
      server: { max_body_size: '64KiB', drain_timeout: '1s' },
      auth: { anonymous: 'never' },
      keys: [{ name: 'tests', key: KEY, models: ['mock/*', 'openai/*', 'other/*'] }],
      // Nobody is there: what is refused before a provider is asked shows by that.
      providers: [
        {
          id: 'other',
          type: 'custom',
          compatible: 'anthropic',
          base_url: 'http://127.0.0.1:1',
          retries: { max: 0 },
        },
      ],
    },
  })
  impatient = await startWeir({
    config: {
      server: { body_timeout: '300ms', drain_timeout: '1s' },
      auth: { anonymous: 'never' },
      keys: [{ name: 'tests', key: KEY }],
    },
  })
})
afterAll(async () => {
  for (const one of [weir, impatient]) {
    expectSingleRows(one)
    expect(await one.stop()).toBe(0)
  }
})
afterEach(() => expectHealthy(weir, withKey))

const BAD_JSON: Due = { status: 400, code: 'invalid_json', type: 'invalid_request_error' }
const UNKNOWN_KEY: Due = { status: 401, code: 'invalid_api_key', type: 'authentication_error' }
const NO_MODEL: Due = { status: 404, code: 'model_not_found', type: 'not_found_error' }
const TOO_LARGE: Due = { status: 413, code: 'request_too_large', type: 'request_too_large' }
const NO_MEDIA: Due = { status: 415, code: 'unsupported_media_type', type: 'invalid_request_error' }

type Body = Parameters<typeof ask>[2]

interface Case {
  readonly body: (dialect: ClientDialect) => Body
  readonly due: Due
  readonly kind: string
  readonly options?: AskOptions
}

/** Milliseconds of the processor that a process has used so far, in ticks of ten; undefined where there is no /proc. */
function workedMs(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined
  // What stands before the last bracket is the program's name, which may have spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const text = (dialect: ClientDialect) => JSON.stringify(bodyOf(dialect, 'mock/echo'))
const badJson = (body: Case['body']): Case => ({ body, due: BAD_JSON, kind: 'invalid_json' })

function chunks(...parts: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(new TextEncoder().encode(part))
      controller.close()
    },
  })
}

const CASES: Readonly<Record<string, Case>> = {
  'a body that breaks off': badJson((dialect) => text(dialect).slice(0, -1)),
  'an empty body': badJson(() => ''),
  'a list': badJson(() => '[]'),
  'a bare null': badJson(() => 'null'),
  'two values': badJson((dialect) => `${text(dialect)}{}`),
  'nesting of 10,000 lists': badJson((dialect) =>
    text(dialect).replace('"hi"', `${'['.repeat(10_000)}${']'.repeat(10_000)}`),
  ),
  'nesting of 10,000 objects': badJson((dialect) =>
    text(dialect).replace('"hi"', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`),
  ),
  'nesting without an end': badJson(() => '['.repeat(60_000)),
  'bytes that are no UTF-8': badJson((dialect) => {
    const bytes = new TextEncoder().encode(text(dialect).replace('"hi"', '"h?"'))
    bytes[bytes.indexOf(0x3f)] = 0xff
    return bytes
  }),
  'half a character': badJson((dialect) => {
    const bytes = new TextEncoder().encode(text(dialect).replace('"hi"', '"é"'))
    return bytes.filter((byte) => byte !== 0xa9)
  }),
  'model named twice': badJson((dialect) => text(dialect).replace('{', '{"model":"openai/gpt-5",')),
  'model named twice by an escape': badJson((dialect) =>
    text(dialect).replace('{', '{"\\u006dodel":"openai/gpt-5",'),
  ),
  'an unknown model': {
    body: (dialect) => bodyOf(dialect, 'no-such-model'),
    due: NO_MODEL,
    kind: 'model_not_found',
  },
  'a model of nobody': {
    body: (dialect) => bodyOf(dialect, 'anthropic/claude-sonnet-4-5'),
    due: NO_MODEL,
    kind: 'model_not_found',
  },
  'a body over the limit': {
    body: (dialect) => bodyOf(dialect, 'mock/echo', 'x'.repeat(BODY_BYTES_MAX)),
    due: TOO_LARGE,
    kind: 'request_too_large',
  },
  'a body over the limit in chunks': {
    body: (dialect) =>
      chunks(
        ...text(dialect)
          .split('hi')
          .join('x'.repeat(BODY_BYTES_MAX))
          .match(/.{1,8192}/gs)!,
      ),
    due: TOO_LARGE,
    kind: 'request_too_large',
  },
  'a body in gzip': {
    body: (dialect) => Bun.gzipSync(new TextEncoder().encode(text(dialect))),
    due: NO_MEDIA,
    kind: 'unsupported_media_type',
    options: { headers: { 'content-encoding': 'gzip' } },
  },
  'a body that says it is a form': {
    body: text,
    due: NO_MEDIA,
    kind: 'unsupported_media_type',
    options: { headers: { 'content-type': 'multipart/form-data; boundary=x' } },
  },
  'a key nobody knows': {
    body: text,
    due: UNKNOWN_KEY,
    kind: 'authentication',
    options: { headers: { authorization: 'Bearer weir_0000000000000000000000000000000000' } },
  },
  'a key that is too long': {
    body: text,
    due: UNKNOWN_KEY,
    kind: 'authentication',
    options: { headers: { authorization: `Bearer ${'k'.repeat(5_000)}` } },
  },
  'an empty key': {
    body: text,
    due: UNKNOWN_KEY,
    kind: 'authentication',
    options: { headers: { authorization: 'Bearer ' } },
  },
}

for (const dialect of DIALECTS) {
  describe(`${dialect}: `, () => {
    for (const [name, { body, due, kind, options }] of Object.entries(CASES)) {
      test(name, async () => {
        const headers = { ...withKey, ...options?.headers }
        const before = workedMs(weir.pid)
        const answer = await ask(weir, dialect, body(dialect), { ...options, headers })
        const after = workedMs(weir.pid)
        if (before !== undefined) expect(after! - before).toBeLessThan(WORK_MS_MAX)
        expectError(answer, dialect, due)
        await expectRow(weir, answer.requestId, due.status, kind)
      })
    }

    const wrongTypes: Readonly<Record<string, unknown>> = {
      model: 5,
      messages: 'hello',
      stream: 'yes',
      ...(dialect === 'ollama' ? { options: 'none', format: 7 } : { temperature: {} }),
      ...(dialect === 'anthropic' ? { max_tokens: 'many', system: 7 } : {}),
      tools: { name: 'x' },
    }
    for (const [member, value] of Object.entries(wrongTypes)) {
      test(`${member} of the wrong type`, async () => {
        // A provider of another protocol: what is relayed is the provider's to judge.
        const model = dialect === 'anthropic' ? 'mock/echo' : 'other/claude'
        const body = { ...bodyOf(dialect, model), [member]: value as string }
        const answer = await ask(weir, dialect, body, { headers: withKey })
        expect(answer.status).toBe(400)
        expect(answer.text).toContain(member)
        await expectRow(
          weir,
          answer.requestId,
          400,
          String((await weir.row(answer.requestId))['error_kind']),
        )
      })
    }

    test('no key at all', async () => {
      const answer = await ask(weir, dialect, text(dialect))
      expectError(answer, dialect, UNKNOWN_KEY)
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
      await expectRow(weir, answer.requestId, 401, 'authentication')
    })

    test('a revoked key', async () => {
      const created = await weir.runCli('keys', 'create', `gone-${dialect}`)
      expect(created.code).toBe(0)
      const secret = /weir_[A-Za-z0-9]{46}/.exec(created.stdout)?.[0]
      expect(secret).toBeDefined()
      const headers = { authorization: `Bearer ${secret}` }
      const statusSoon = async (wanted: number) => {
        const limit = performance.now() + SEEN_LIMIT_MS
        for (;;) {
          const answer = await ask(weir, dialect, text(dialect), { headers })
          if (answer.status === wanted || performance.now() > limit) return answer
          await Bun.sleep(20)
        }
      }
      expect((await statusSoon(200)).status).toBe(200)
      expect((await weir.runCli('keys', 'revoke', `gone-${dialect}`)).code).toBe(0)
      const answer = await statusSoon(401)
      expectError(answer, dialect, UNKNOWN_KEY)
      await expectRow(weir, answer.requestId, 401, 'authentication')
      expect(weir.stdout() + weir.stderr()).not.toContain(secret!)
    })

    test('a body that never comes whole', async () => {
      const requestId = nextRequestId()
      const head = requestText('POST', PATHS[dialect], [
        ['host', `127.0.0.1:${impatient.port}`],
        ['content-type', 'application/json'],
        ['x-request-id', requestId],
        ...(dialect === 'anthropic' ? ([['anthropic-version', '2023-06-01']] as const) : []),
        ['authorization', `Bearer ${KEY}`],
        ['content-length', '1000'],
      ])
      const answer = await rawRequest(impatient.port, `${head}{"model":`)
      expect(answer.status).toBe(408)
      await expectRow(impatient, requestId, 408, 'request_timeout')
    })

    test('a client that leaves in the middle of its body', async () => {
      const requestId = nextRequestId()
      const peer = await connectTcp(weir.port)
      const head = requestText('POST', PATHS[dialect], [
        ['host', `127.0.0.1:${weir.port}`],
        ['content-type', 'application/json'],
        ['x-request-id', requestId],
        ['authorization', `Bearer ${KEY}`],
        ['content-length', '1000'],
      ])
      peer.write(`${head}{"model":`)
      // The server must have begun with this request before it is broken off.
      await ask(weir, dialect, text(dialect), { headers: withKey })
      peer.reset()
      await expectRow(weir, requestId, 499, 'client_closed')
    })

    test('a path and a method that are not there', async () => {
      const prefix = PATHS[dialect].replace(/[^/]+$/, '')
      const missing = await ask(weir, dialect, '{}', { path: `${prefix}nothing`, headers: withKey })
      expectError(missing, dialect, { status: 404, code: 'unknown_url', type: 'not_found_error' })
      const wrong = await ask(weir, dialect, '{}', { method: 'DELETE', headers: withKey })
      const due = { status: 405, code: 'method_not_allowed', type: 'invalid_request_error' }
      expectError(wrong, dialect, due)
      expect(wrong.headers.get('allow')).toContain('POST')
    })

    test('too many and too large headers', async () => {
      const due = { status: 431, code: 'headers_too_large', type: 'request_too_large' }
      const many = Object.fromEntries(Array.from({ length: 150 }, (_, at) => [`x-many-${at}`, '1']))
      const answer = await ask(weir, dialect, text(dialect), { headers: { ...withKey, ...many } })
      expectError(answer, dialect, due)
    })
  })
}

test('the log as the command shows it has the same rows', async () => {
  const before = weir.rows().length
  const answer = await ask(weir, 'openai', '{', { headers: withKey })
  await weir.row(answer.requestId)
  const { code, stdout } = await weir.runCli('logs', '--json')
  expect(code).toBe(0)
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(rows.length).toBeGreaterThan(0)
  expect(stdout).toContain(answer.requestId)
  expect(weir.rows().length).toBeGreaterThan(before)
  expect(stdout).not.toContain(KEY)
})
