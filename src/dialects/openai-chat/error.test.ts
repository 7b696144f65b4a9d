// Error bodies of every shape seen, and the one shape a client gets.

import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../core/error.ts'
import { openaiErrors } from './error.ts'

describe('decoding', () => {
  test('what says nothing is undefined', () => {
    const nothing = [
      '',
      '  ',
      '<html><body>502</body></html>',
      '{}',
      '[]',
      '7',
      'null',
      '{"error":null}',
      '{"err',
    ]
    for (const text of nothing) expect(openaiErrors.decode(text)).toBeUndefined()
    expect(openaiErrors.decode('x'.repeat(5_000))).toBeUndefined()
    expect(openaiErrors.decode(`${'{"error":'.repeat(50)}"deep"${'}'.repeat(50)}`)).toBeUndefined()
  })

  const cases: [string, unknown, object][] = [
    [
      'OpenAI',
      { error: { message: 'm', type: 't', param: 'messages[3]', code: 'c' } },
      { message: 'm', type: 't', param: 'messages[3]', code: 'c' },
    ],
    [
      'nulls',
      { error: { message: 'm', type: 't', param: null, code: null } },
      { message: 'm', type: 't' },
    ],
    ['a number for a code', { error: { message: 'm', code: 429 } }, { message: 'm', code: '429' }],
    ['xAI', { code: 'c', error: 'text' }, { message: 'text', code: 'c' }],
    ['Mistral', { detail: 'Invalid API Key' }, { message: 'Invalid API Key' }],
    [
      'FastAPI',
      { detail: [{ loc: ['body', 'messages', 0], msg: 'field required', type: 'x' }] },
      { message: 'messages.0: field required', param: 'messages.0' },
    ],
    ['a bare message', { message: 'm' }, { message: 'm' }],
    ['Cloudflare', { errors: [{ code: 7009, message: 'm' }] }, { message: 'm', code: '7009' }],
    [
      'OpenRouter',
      {
        error: { message: 'Provider returned error', code: 429, metadata: { raw: 'slow down' } },
        user_id: 'u',
      },
      { message: 'Provider returned error: slow down', code: '429' },
    ],
    [
      'an error inside its message',
      { error: { message: '{"error":{"message":"inner"}}' } },
      { message: 'inner' },
    ],
    [
      'Gemini, with its wait',
      [{ error: { code: 429, message: 'm', details: [{ retryDelay: '34.4s' }] } }],
      { message: 'm', code: '429', retryAfterMs: 34_400 },
    ],
  ]
  for (const [name, body, expected] of cases) {
    test(name, () => expect(openaiErrors.decode(JSON.stringify(body))).toEqual(expected as never))
  }

  test('short plain text is a message', () => {
    expect(openaiErrors.decode('upstream connect error\n')).toEqual({
      message: 'upstream connect error',
    })
  })
})

describe('encoding', () => {
  const error = new GatewayError('rate_limit', { cause: new Error('sk-secret') })

  test('all four members, always, and no cause', () => {
    expect(openaiErrors.encode(error, 'r1')).toEqual({
      error: {
        message: 'Rate limit reached.',
        type: 'requests',
        param: null,
        code: 'rate_limit_exceeded',
      },
    })
    expect(openaiErrors.encodeStream(error, 'r1')).toBe(
      'data: {"error":{"message":"Rate limit reached.","type":"requests","param":null,"code":"rate_limit_exceeded"}}\n\n',
    )
  })
})
