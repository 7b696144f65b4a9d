import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { cpuMsOf } from '../../testing/cpu-time.ts'
import { ERROR_KINDS, GatewayError } from '../error.ts'
import { classify, connectionFault, type Failure } from './classify.ts'
import type { FailureBody } from './provider-hints.ts'

const body = (message: string, more: Partial<FailureBody> = {}): FailureBody => ({
  message,
  ...more,
})

const TABLE: [string, Failure, string, string][] = [
  ['connection refused', { fault: 'connection' }, 'retry', 'upstream_error'],
  ['connect timeout', { fault: 'connect-timeout' }, 'retry', 'upstream_timeout'],
  ['answer timeout may be billed', { fault: 'answer-timeout' }, 'next-target', 'upstream_timeout'],
  ['bad certificate', { fault: 'tls' }, 'next-target', 'upstream_error'],
  ['redirect fault', { fault: 'redirect' }, 'next-target', 'upstream_redirect'],
  ['html answer', { fault: 'bad-response' }, 'next-target', 'upstream_bad_response'],
  ['client left', { fault: 'client-closed' }, 'stop', 'client_closed'],
  ['no status at all', {}, 'retry', 'upstream_error'],
  ['302', { status: 302 }, 'next-target', 'upstream_redirect'],
  ['400', { status: 400, body: body('no') }, 'stop', 'upstream_invalid_request'],
  ['401', { status: 401 }, 'next-key', 'upstream_auth'],
  ['402', { status: 402 }, 'next-key', 'upstream_auth'],
  ['403', { status: 403 }, 'next-key', 'upstream_auth'],
  [
    '404 of something',
    { status: 404, body: body('File f was not found') },
    'stop',
    'upstream_invalid_request',
  ],
  ['404 without a body', { status: 404 }, 'next-target', 'upstream_error'],
  [
    '404 of a model',
    { status: 404, body: body('x', { code: 'model_not_found' }) },
    'next-target',
    'model_not_found',
  ],
  ['405', { status: 405 }, 'next-target', 'upstream_error'],
  ['408', { status: 408 }, 'retry', 'upstream_timeout'],
  ['409', { status: 409 }, 'retry', 'upstream_error'],
  ['413', { status: 413, body: body('too big') }, 'stop', 'upstream_invalid_request'],
  ['422', { status: 422, body: body('extra') }, 'stop', 'upstream_invalid_request'],
  ['429', { status: 429 }, 'retry', 'upstream_rate_limited'],
  [
    '429 out of money',
    { status: 429, body: body('x', { code: 'insufficient_quota' }) },
    'next-key',
    'upstream_auth',
  ],
  ['500', { status: 500 }, 'retry', 'upstream_error'],
  ['501', { status: 501 }, 'next-target', 'upstream_error'],
  ['503', { status: 503 }, 'retry', 'upstream_error'],
  ['504', { status: 504 }, 'retry', 'upstream_timeout'],
  ['529', { status: 529 }, 'retry', 'upstream_unavailable'],
  [
    'overloaded by name',
    { status: 500, body: body('Overloaded', { type: 'overloaded_error' }) },
    'retry',
    'upstream_unavailable',
  ],
  [
    'error inside 200',
    { status: 200, body: body('x', { code: '429' }) },
    'retry',
    'upstream_rate_limited',
  ],
  ['error inside 200 without a code', { status: 200, body: body('x') }, 'retry', 'upstream_error'],
  [
    'context by code',
    { status: 400, body: body('x', { code: 'context_length_exceeded' }) },
    'stop',
    'context_length',
  ],
  [
    'context by text',
    { status: 400, body: body('prompt is too long: 210000 tokens > 200000 maximum') },
    'stop',
    'context_length',
  ],
  [
    'content filter',
    { status: 400, body: body('x', { code: 'content_filter' }) },
    'stop',
    'content_filter',
  ],
  [
    'moderation',
    { status: 403, body: body('requires moderation and your input was flagged') },
    'stop',
    'content_filter',
  ],
  [
    'key refused as 400',
    { status: 400, body: body('API key not valid. Please pass a valid API key.') },
    'next-key',
    'upstream_auth',
  ],
  [
    'a model this key may not use, by its code',
    { status: 403, body: body('Project `p` has no access.', { code: 'model_not_found' }) },
    'next-key',
    'model_not_found',
  ],
  [
    'a model this key may not use, by words (Bedrock)',
    { status: 403, body: body("You don't have access to the model with the specified model ID.") },
    'next-key',
    'model_not_found',
  ],
  [
    'what this key may not do',
    {
      status: 401,
      body: body('You have insufficient permissions. Missing scopes: api.files.read.'),
    },
    'next-key',
    'upstream_auth',
  ],
  [
    'no credit as 400',
    { status: 400, body: body('Your credit balance is too low to access the API.') },
    'next-key',
    'upstream_auth',
  ],
]

describe('classify', () => {
  test.each(TABLE)('%s', (_name, failure, action, error) => {
    const decision = classify(failure, 0)
    expect(decision.action).toBe(action as typeof decision.action)
    expect(decision.error).toBe(error as typeof decision.error)
  })

  test('only what speaks of the key as a whole sets it aside', () => {
    const fit = TABLE.filter(([, failure]) => classify(failure, 0).keyIsFit === true)
    expect(fit.map(([name]) => name)).toEqual([
      'a model this key may not use, by its code',
      'a model this key may not use, by words (Bedrock)',
      'what this key may not do',
    ])
  })

  test('nothing is tried again after the commit point', () => {
    for (const [, failure, , error] of TABLE) {
      const decision = classify({ ...failure, committed: true }, 0)
      expect(decision.action).toBe('stop')
      expect(decision.error).toBe(error as typeof decision.error)
    }
  })

  test('the provider may forbid a retry but never ask for one', () => {
    const no = new Headers({ 'x-should-retry': 'false' })
    const yes = new Headers({ 'x-should-retry': 'true' })
    expect(classify({ status: 500, headers: no }, 0).action).toBe('next-target')
    expect(classify({ status: 400, headers: yes, body: body('x') }, 0).action).toBe('stop')
    expect(classify({ status: 401, headers: yes }, 0).action).toBe('next-key')
  })

  test('a wait is told where waiting helps', () => {
    const headers = new Headers({ 'retry-after': '7' })
    expect(classify({ status: 429, headers }, 0).retryAfterMs).toBe(7000)
    expect(classify({ status: 503, headers }, 0).retryAfterMs).toBe(7000)
    expect(classify({ status: 400, headers, body: body('x') }, 0).retryAfterMs).toBeUndefined()
    expect(classify({ status: 429, body: body('x', { retryAfterMs: 0 }) }, 0).retryAfterMs).toBe(0)
  })

  test('a refusal of the request or of the key is never retried on the same key, whatever the body says', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(400, 401, 402, 403, 404, 413, 422),
        fc.record({ message: fc.string(), code: fc.string(), type: fc.string() }),
        (status, text) => {
          expect(classify({ status, body: text }, 0).action).not.toBe('retry')
        },
      ),
    )
  })

  test('any status gives a known error kind', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 999 }), (status) => {
        expect(ERROR_KINDS[classify({ status }, 0).error]).toBeDefined()
      }),
    )
  })

  test('hostile bodies are read in linear time', () => {
    const message = `model ${'a'.repeat(1_000_000)} input token count ${'x '.repeat(500_000)}`
    expect(cpuMsOf(() => classify({ status: 400, body: body(message) }, 0))).toBeLessThan(500)
  })
})

test('connectionFault reads what the transport threw', () => {
  const coded = (code: string) =>
    new GatewayError('upstream_error', { cause: Object.assign(new Error('x'), { code }) })
  const timeout = (cause: string) => new GatewayError('upstream_timeout', { cause })
  expect(connectionFault(coded('ECONNREFUSED'))).toBe('connection')
  expect(connectionFault(coded('CERT_HAS_EXPIRED'))).toBe('tls')
  expect(connectionFault(coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'))).toBe('tls')
  expect(connectionFault(coded('ERR_PROXY_REFUSED'))).toBe('proxy')
  expect(connectionFault(coded('ERR_TLS_FILE'))).toBe('tls')
  expect(connectionFault(coded('ERR_TLS_HANDSHAKE'))).toBe('tls')
  expect(connectionFault(timeout('no connection within its limit'))).toBe('connect-timeout')
  expect(connectionFault(timeout('no first byte within its limit'))).toBe('answer-timeout')
  expect(connectionFault(new GatewayError('upstream_redirect'))).toBe('redirect')
  expect(connectionFault(new GatewayError('upstream_bad_response'))).toBe('bad-response')
  expect(connectionFault(new GatewayError('client_closed'))).toBe('client-closed')
  expect(connectionFault(new GatewayError('upstream_error'))).toBe('connection')
})

interface RecordedFailure {
  readonly id: string
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: FailureBody
}

/** Every failing exchange; the bodies are read by hand, as this file may not know a dialect. */
function recordedFailures(folder: string): RecordedFailure[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
  const failing = manifest.filter((entry: { status: number }) => entry.status >= 400)
  const known = new Set(readdirSync(folder))
  return failing
    .filter((entry: { provider: string }) => known.has(entry.provider))
    .map((entry: { id: string; provider: string }) => {
      const path = join(folder, entry.provider, `${entry.id}.json`)
      const { response } = JSON.parse(readFileSync(path, 'utf8'))
      const told = response.body ?? {}
      const error = typeof told.error === 'object' && told.error !== null ? told.error : told
      const text = error.message ?? error.error ?? error.detail ?? ''
      const words = { code: error.code, type: error.type }
      const strings = Object.entries(words).filter(([, word]) => typeof word === 'string')
      return {
        id: entry.id,
        status: response.status,
        headers: response.headers ?? {},
        body: { message: String(text), ...Object.fromEntries(strings) },
      }
    })
}

const recordings = process.env.WEIR_RECORDINGS
describe.skipIf(recordings === undefined)('recorded failures (WEIR_RECORDINGS)', () => {
  const failures = recordings === undefined ? [] : recordedFailures(recordings)
  const decisionOf = (id: string) => {
    const failure = failures.find((candidate) => candidate.id === id)
    if (failure === undefined) throw new Error(`no recording ${id}`)
    return classify({ ...failure, headers: new Headers(failure.headers) }, 0)
  }

  test('there are many', () => expect(failures.length).toBeGreaterThan(50))

  test('every 401 and 403 is our credential, every 429 waits or moves on', () => {
    for (const { id, status } of failures) {
      const { error, action } = decisionOf(id)
      if (status === 401 || status === 403) expect([id, error]).toEqual([id, 'upstream_auth'])
      if (status === 429) expect([id, action]).toEqual([id, 'retry'])
      if (status === 400) expect([id, action === 'retry']).toEqual([id, false])
    }
  })

  test.each([
    ['deepseek-chat-completions-1f945b02', 'context_length'],
    ['ollama-chat-completions-f22c4902', 'context_length'],
    ['openrouter-chat-completions-794b3aea', 'context_length'],
    ['openai-responses-2b989848', 'context_length'],
    ['openai-chat-completions-f33a5542', 'model_not_found'],
    ['openai-chat-completions-51c4fa0a', 'model_not_found'],
    ['azure-chat-completions-1b5ad5b7', 'model_not_found'],
    ['anthropic-messages-count-tokens-3b1dd208', 'model_not_found'],
    ['ollama-api-chat-b3fc8b55', 'model_not_found'],
    ['cohere-v1-chat-9956a165', 'model_not_found'],
    ['bedrock-converse-e883ccb5', 'model_not_found'],
    ['gemini-generatecontent-f0deb6d7', 'upstream_auth'],
    ['xai-responses-7dd7366c', 'upstream_auth'],
    ['openai-chat-completions-20cae3bd', 'upstream_invalid_request'],
    ['anthropic-messages-0417cd56', 'upstream_invalid_request'],
  ])('%s is %s', (id, error) => expect<string>(decisionOf(id).error).toBe(error))

  test('Azure disagrees with itself and the longer wait counts', () => {
    expect(decisionOf('azure-chat-completions-4fc55f4d').retryAfterMs).toBe(1000)
  })
})
if (recordings === undefined) {
  process.stderr.write('skipped: recorded failures, as WEIR_RECORDINGS is not set\n')
}
