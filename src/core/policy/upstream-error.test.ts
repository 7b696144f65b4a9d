import { describe, expect, test } from 'bun:test'
import { classify, type Failure } from './classify.ts'
import { scrubMessage } from './scrub.ts'
import { upstreamError } from './upstream-error.ts'

const build = (failure: Failure) =>
  upstreamError(failure, classify(failure, 0), (text) => scrubMessage(text, ['hunter2222']))

describe('upstreamError', () => {
  test("a provider's 400 keeps its message, code and parameter, scrubbed", () => {
    const error = build({
      status: 400,
      body: {
        message: 'Unsupported max_tokens, hunter2222',
        code: 'unsupported_parameter',
        param: 'max_tokens',
      },
    })
    expect(error.status).toBe(400)
    expect(error.message).toBe('Unsupported max_tokens, [redacted]')
    expect(error.code).toBe('unsupported_parameter')
    expect(error.param).toBe('max_tokens')
  })

  test('a code or parameter of another shape is not handed on', () => {
    const error = build({ status: 422, body: { message: 'no', code: 'x y <z>', param: 'a; drop' } })
    expect(error.status).toBe(400)
    expect(error.code).toBe('invalid_value')
    expect(error.param).toBeNull()
  })

  test.each([401, 402, 403])(
    "our credential's %d is never the client's, and its text stays inside",
    (status) => {
      const error = build({ status, body: { message: 'Incorrect API key provided' } })
      expect(error.status).toBe(502)
      expect(error.code).toBe('upstream_auth_error')
      expect(error.message).not.toContain('Incorrect')
      expect(JSON.stringify(error.cause)).toContain('Incorrect')
    },
  )

  test('a context that is too long says so in the words clients know', () => {
    const error = build({
      status: 400,
      body: { message: 'prompt is too long: 9 > 8', code: 'odd' },
    })
    expect([error.status, error.code, error.param]).toEqual([
      400,
      'context_length_exceeded',
      'messages',
    ])
  })

  test('a wait beyond a minute forbids retrying', () => {
    const soon = build({ status: 429, headers: new Headers({ 'retry-after': '30' }) })
    expect([soon.status, soon.retryAfterMs, soon.shouldRetry]).toEqual([429, 30_000, true])
    const late = build({ status: 429, headers: new Headers({ 'retry-after': '90' }) })
    expect([late.retryAfterMs, late.shouldRetry]).toEqual([90_000, false])
  })

  test('413 stays 413', () => {
    expect(build({ status: 413, body: { message: 'too large' } }).status).toBe(413)
  })
})
