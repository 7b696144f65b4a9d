// What an error quotes of a request is gone, however it is embedded; what only the error says stays.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { cpuMsOf } from '../../testing/cpu-time.ts'
import { checkParameters } from '../../testing/seed.ts'
import { withoutQuotes } from './quoted.ts'

const body = {
  model: 'gpt-5-mini',
  messages: [
    { role: 'user', content: 'seventeen violet otters\nsing "loudly" at dusk' },
    { role: 'tool', content: [{ type: 'text', text: 'amber' }] },
  ],
}

describe('withoutQuotes', () => {
  test('takes out a quoted prompt, as it is and as JSON says it', () => {
    const said = 'seventeen violet otters\nsing "loudly" at dusk'
    expect(withoutQuotes(`Refused: ${said}.`, body)).toMatch(/^Refused: […"\n [\]]*\.$/)
    const escaped = withoutQuotes(`{"error":"bad ${JSON.stringify(said).slice(1, -1)}"}`, body)
    const twice = withoutQuotes(JSON.stringify({ cause: JSON.stringify({ said }) }), body)
    for (const word of ['violet', 'otters', 'loudly', 'dusk']) {
      expect(escaped).not.toContain(word)
      expect(twice).not.toContain(word)
    }
    const foreign = { input: 'Grüße aus Köln, 東京タワーの上から' }
    const told = withoutQuotes(
      JSON.stringify(foreign).replace(
        /[^ -~]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
      ),
      foreign,
    )
    expect(told).not.toMatch(/aus|ln|6771/)
    expect(withoutQuotes('The tool said amber.', body)).toBe('The tool said […].')
  })

  test('keeps what names the model, a member, a number', () => {
    for (const text of [
      'The model `gpt-5-mini` does not exist (request 123456789012).',
      'max_tokens is too large: 999999. This model supports at most 128000.',
      "Invalid value for 'messages[0].role'.",
      '',
    ]) {
      expect(withoutQuotes(text, body)).toBe(text)
    }
  })

  test('law: no run of twelve letters of what was said is left, and nothing else is lost', () => {
    const letters = (value: string) => value.replace(/[^\p{L}\p{N}]/gu, '')
    const said = fc.string({
      unit: fc.constantFrom(...'abcdefghij kmopqs, é東!-'),
      minLength: 12,
      maxLength: 60,
    })
    fc.assert(
      fc.property(
        fc.array(said, { minLength: 1, maxLength: 5 }),
        fc.constantFrom('', 'Error: ', '{"why":"'),
        fc.nat(),
        (texts, around, cut) => {
          const quoted = texts[0]!
          const text = `${around}${quoted.slice(cut % 8)}${around}`
          const left = withoutQuotes(text, { messages: texts.map((content) => ({ content })) })
          for (const one of texts.map(letters)) {
            for (let at = 0; at + 12 <= one.length; at += 1) {
              expect(letters(left)).not.toContain(one.slice(at, at + 12))
            }
          }
          expect(withoutQuotes(text, { messages: [] })).toBe(text)
        },
      ),
      checkParameters(300),
    )
  })

  test('does work in proportion to the request', () => {
    const large = { input: 'ab'.repeat(2_000_000) }
    const spentMs = cpuMsOf(() =>
      expect(withoutQuotes(`x${'ab'.repeat(500)}y`, large)).toBe('x[…]y'),
    )
    // A bound against quadratic work alone, which would take minutes.
    expect(spentMs).toBeLessThan(10_000)
  })
})
