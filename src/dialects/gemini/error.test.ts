// Errors: whatever shape a failure has, the wait Google tells in its body, and what our own errors look like to its clients.

import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../core/error.ts'
import { gemini } from './index.ts'

const { errors } = gemini
const TYPE = 'type.googleapis.com/google.rpc.'

describe('reading', () => {
  test('says nothing where there is nothing to read', () => {
    for (const text of [
      '',
      '   ',
      '<html>',
      '{',
      '[]',
      '{}',
      'null',
      '7',
      '{"error":{}}',
      'x'.repeat(501),
    ]) {
      expect(errors.decode(text)).toBeUndefined()
    }
    expect(errors.decode('upstream connect error')).toEqual({ message: 'upstream connect error' })
    expect(errors.decode('{"error":"no"}')).toEqual({ message: 'no' })
  })

  test('the wait, the reason and the field stand in the details', () => {
    const error = {
      code: 429,
      message: 'Slow down.',
      status: 'RESOURCE_EXHAUSTED',
      details: [
        { '@type': `${TYPE}QuotaFailure`, violations: [{ quotaId: 'x' }] },
        { '@type': `${TYPE}ErrorInfo`, reason: 'RATE_LIMIT_EXCEEDED' },
        { '@type': `${TYPE}BadRequest`, fieldViolations: [{ field: 'contents' }] },
        { '@type': `${TYPE}RetryInfo`, retryDelay: '34.0741s' },
      ],
    }
    const wanted = {
      message: 'Slow down.',
      type: 'RESOURCE_EXHAUSTED',
      code: 'RATE_LIMIT_EXCEEDED',
      param: 'contents',
      retryAfterMs: 34_075,
    }
    expect(errors.decode(JSON.stringify({ error }))).toEqual(wanted)
    expect(errors.decode(JSON.stringify([{ error }]))).toEqual(wanted)
    for (const retryDelay of ['-1s', '5', 's', 'Infinitys', `${'9'.repeat(400)}s`, 5]) {
      const told = errors.decode(
        JSON.stringify({ error: { message: 'x', details: [{ retryDelay }] } }),
      )
      expect(told).not.toHaveProperty('retryAfterMs')
    }
  })
})

describe('writing', () => {
  test('a body as Google has it, the wait included', () => {
    const error = new GatewayError('rate_limit', { retryAfterMs: 1_500, param: 'contents[0]' })
    const body = errors.encode(error, 'request-1')
    expect(body).toEqual({
      error: {
        code: 429,
        message: error.message,
        status: 'RESOURCE_EXHAUSTED',
        details: [
          { '@type': `${TYPE}ErrorInfo`, reason: 'RATE_LIMIT_EXCEEDED', domain: 'weir' },
          {
            '@type': `${TYPE}BadRequest`,
            fieldViolations: [{ field: 'contents[0]', description: error.message }],
          },
          { '@type': `${TYPE}RetryInfo`, retryDelay: '1.5s' },
          { '@type': `${TYPE}RequestInfo`, requestId: 'request-1' },
        ],
      },
    })
    expect(errors.decode(JSON.stringify(body))).toMatchObject({
      retryAfterMs: 1_500,
      param: 'contents[0]',
    })
  })

  test('a wait in parts of a millisecond is a Duration that can be read: nine digits at the most', () => {
    const error = new GatewayError('rate_limit', { retryAfterMs: 89_998.309_424_9 })
    const text = JSON.stringify(errors.encode(error, 'request-1'))
    expect(text).toContain('"retryDelay":"89.999s"')
  })

  test('a word for every status, and no cause', () => {
    const cause = new Error('secret host')
    for (const kind of [
      'authentication',
      'permission',
      'model_not_found',
      'upstream_timeout',
      'overloaded',
      'upstream_error',
      'request_too_large',
      'client_closed',
    ] as const) {
      const text = JSON.stringify(errors.encode(new GatewayError(kind, { cause }), 'r'))
      expect(text).toMatch(/"status":"[A-Z_]+"/)
      expect(text).not.toContain('secret host')
    }
  })
})
