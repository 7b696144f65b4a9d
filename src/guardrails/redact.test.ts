// What is taken out of logs.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { PII_DETECTORS } from '../core/guardrail-option.ts'
import { checkParameters } from '../testing/seed.ts'
import { createRedactor } from './redact.ts'

const redact = createRedactor(PII_DETECTORS)

describe('redacting', () => {
  test('what is named, and nothing else', () => {
    const text = 'bob@example.com paid with 4111 1111 1111 1111 from 203.0.113.7'
    expect(redact(text)).toBe('[EMAIL] paid with [CARD] from [IP]')
    expect(createRedactor(['card'])(text)).toBe('bob@example.com paid with [CARD] from 203.0.113.7')
    expect(createRedactor([])(text)).toBe(text)
  })

  test('patterns of the operator', () => {
    const own = createRedactor([], [{ name: 'customer', pattern: 'C-\\d{6}' }])
    expect(own('C-123456 and C-12')).toBe('[CUSTOMER] and C-12')
    expect(() => createRedactor([], [{ name: 'x', pattern: '(' }])).toThrow('RE2')
  })

  test('JSON stays JSON', () => {
    const body = {
      model: 'm',
      to: 'bob@example.com',
      key: 'sk-proj-abcdefghij0123456789ABCDEFGHIJ',
      n: [1, 2.5, null],
    }
    expect(JSON.parse(redact(JSON.stringify(body)))).toEqual({
      model: 'm',
      to: '[EMAIL]',
      key: '[OPENAI_KEY]',
      n: [1, 2.5, null],
    })
  })

  test('escapes of JSON hide nothing and stay whole', () => {
    const lines =
      'a\n4111111111111111\tbob@example.com\n415-555-0132 \\n "Server=x;Password=geheim\\"'
    const text = JSON.stringify({ lines })
    const out = redact(text)
    expect(JSON.parse(out).lines).toBe(
      'a\n[CARD]\t[EMAIL]\n[PHONE] \\n "Server=x;Password=[CONNECTION_PASSWORD]"',
    )
    expect(redact('"\\u0062ob\\u0040example.com \\u00344111"')).toBe('"[EMAIL] \\u00344111"')
    expect(redact('{"a":"\\u0034111111111111111\\n"}')).toBe('{"a":"[CARD]\\n"}')
    const own = createRedactor([], [{ name: 'customer', pattern: '[a-z]+-\\d{6}' }])
    expect(own('"\\nabc-123456"')).toBe('"\\n[CUSTOMER]"')
  })

  test('JSON stays JSON whatever it holds', () => {
    const pieces = fc.constantFrom(
      'bob@example.com',
      '4111111111111111',
      '\n',
      '\t',
      '"',
      '\\',
      'n',
      '/',
      'é',
      '\u200b',
      'Server=x;Password=',
      'abc',
      ' ',
      '😀',
      'https://a:b',
      '@c.de',
    )
    const text = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, text, (a, b) => {
        const out = JSON.parse(redact(JSON.stringify({ a, b: [b] })))
        expect(Object.keys(out)).toEqual(['a', 'b'])
      }),
      checkParameters(1500),
    )
  })

  test('a long text is redacted to its end', () => {
    const long = 'a@b.de '.repeat(60_000)
    expect(redact(long)).toBe('[EMAIL] '.repeat(60_000))
  })

  test('what is redacted has nothing more to redact', () => {
    const pieces = fc.constantFrom(
      'bob@example.com',
      '4111111111111111',
      ' ',
      'x',
      '+49 30 901820',
      '\n',
      '"',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 10 }), (parts) => {
        const once = redact(parts.join(' '))
        expect(once).not.toContain('bob@example.com')
        expect(once).not.toContain('4111111111111111')
        expect(redact(once)).toBe(once)
      }),
      checkParameters(300),
    )
  })
})
