// What must not be kept is taken out of bodies however it is written: in escapes, as a name, across the pieces of a stream, behind a cut. What
// is nothing of the kind stays byte for byte.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { cpuMsOf } from '../testing/cpu-time.ts'
import { checkParameters } from '../testing/seed.ts'
import { LIMITS } from './limits.ts'
import { NOT_A_TEXT, redactBodies, redactBody } from './redact-body.ts'

const MARK = 'ann@example.org'
/** As the detectors do, it sees what stands behind one level of escapes, and nothing behind two. */
const redact = (text: string): string =>
  text.replaceAll(/(?<!\\\\n)ann@example\.org/g, '[EMAIL]').replaceAll('4111111111111111', '[CARD]')

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`

describe('a body', () => {
  test.each([
    ['a string', JSON.stringify({ a: [{ b: `x ${MARK} y` }] })],
    ['escapes', `{"a":"ann\\u0040example.org"}`],
    [
      'all of it in escapes',
      `{"a":"${[...MARK].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('')}"}`,
    ],
    ['a name', JSON.stringify({ [MARK]: 1 })],
    ['JSON in a string', JSON.stringify({ arguments: JSON.stringify({ to: MARK }) })],
    [
      'escapes of JSON in a string',
      JSON.stringify({ arguments: '{"to":"ann\\u0040example.org"}' }),
    ],
    [
      'JSON in JSON in a string',
      JSON.stringify({
        result: JSON.stringify({ arguments: JSON.stringify({ to: `\n${MARK}` }) }),
      }),
    ],
    [
      'the same behind words',
      JSON.stringify({
        result: `so: ${JSON.stringify({ a: JSON.stringify({ to: `\n${MARK}` }) })}`,
      }),
    ],
    ['JSON with signs of what is no text', `{"a":"\u{FFFD}\u{FFFD} ${MARK}"}`],
    ['no JSON at all', `hello ${MARK}`],
    ['a number', '{"card":4111111111111111}'],
    ['JSON that is cut', `{"a":"${MARK}","b":"unfinis`],
    ['a line of several', `{"a":1}\n{"a":"${MARK}"}\n`],
    ['an event that is broken', `data: {"a":"${MARK}`],
  ])('loses what stands in %s', (_name, body) => {
    const left = redactBody(body, redact)
    expect(left).toMatch(/\[(?:EMAIL|CARD)\]/)
    expect(left).not.toContain(MARK)
    expect(left).not.toMatch(/u0040|u0061|4111111111111111/)
  })

  test('stays byte for byte where there is nothing to take out', () => {
    for (const body of [
      '{ "a" : 1.0, "b":"\\u0041" , "c": 12345678901234567890 }',
      'data: {"a": "x"}\n\ndata: [DONE]\n\n',
      '',
      'plain',
    ]) {
      expect(redactBody(body, redact)).toBe(body)
    }
  })

  test('that is no text is not kept', () => {
    expect(redactBody('\u0000\u0001event\u{FFFD}\u{FFFD}', redact)).toBe(NOT_A_TEXT)
  })

  test('in characters of several bytes is cut in the same way, and one that is whole stays so', () => {
    const filled = (text: string) => JSON.stringify({ a: `${'é'.repeat(524_250)}${text}` })
    const cutOf = (text: string) =>
      new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, LIMITS.logBodyBytesMax))
    const cut = cutOf(filled('411111111111 and so on'.repeat(9)))
    expect(redactBodies({ requestBody: cut }, redact).requestBody).not.toContain('41111')
    const whole = filled(` ${MARK} end`.repeat(9))
    expect(redactBodies({ requestBody: whole }, redact).requestBody).toEndWith('[EMAIL] end"}')
  })

  test('that was cut loses the end that the cut went through', () => {
    const body = `{"a":"${'x'.repeat(1_000)} ann@exam`
    const left = redactBody(body, redact, true)
    expect(left).toBe(body.slice(0, body.length - LIMITS.contentCutChars))
  })

  test('that was cut keeps no part of what stands across the end of what is left', () => {
    for (let behind = 0; behind <= LIMITS.contentCutChars + MARK.length; behind += 1) {
      const body = `{"a":"${'x '.repeat(300)}${MARK}${' y'.repeat(behind / 2)}`
      const left = redactBody(body, redact, true)
      expect(left).not.toContain(MARK.slice(0, 6))
      expect(left).not.toContain('@')
    }
  })
})

describe('a stream', () => {
  const deltas = (pieces: readonly string[], index = 0) =>
    pieces.map((content) => event({ id: 'c', choices: [{ index, delta: { content } }] }))

  test('loses what no piece holds whole, however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 30 }), { maxLength: 6 }),
        fc.string({ maxLength: 10 }),
        (cuts, before) => {
          // What stands behind escapes of escapes is found without them, and they go with it.
          fc.pre(!before.endsWith('\\\\n'))
          const text = `${before}${MARK} after`
          const ends = [...new Set(cuts.map((cut) => cut % text.length))].toSorted((a, b) => a - b)
          const pieces = [...ends, text.length].map((end, at) => text.slice(ends[at - 1] ?? 0, end))
          const left = redactBody(deltas(pieces).join(''), redact)
          const whole = [...left.matchAll(/^data: (.*)$/gm)]
            .map(([, json]) => JSON.parse(json!).choices[0].delta.content as string)
            .join('')
          expect(whole).toBe(`${before}[EMAIL] after`)
        },
      ),
      checkParameters(200),
    )
  })

  test('keeps the backslashes of a text that something is taken out of', () => {
    for (const before of ['\\\\', 'C:\\\\share\\\\', '\\\\\\\\ ']) {
      const left = redactBody(deltas([`${before}ann@`, 'example.org']).join(''), redact)
      expect(left).toContain(JSON.stringify(`${before}[EMAIL]`))
    }
  })

  test('keeps several answers in turns apart', () => {
    const [one, two] = [deltas(['ann@exa', 'mple.org'], 0), deltas(['hello ', 'there'], 1)]
    const left = redactBody([one[0], two[0], one[1], two[1]].join(''), redact)
    expect(left).toContain('[EMAIL]')
    expect(left).toContain('hello ')
    expect(left).toContain('there')
  })

  test('of another protocol as well: arguments of a tool in pieces', () => {
    const body = ['{"to":"ann', '@example', '.org"}']
      .map(
        (partial_json) =>
          `event: content_block_delta\n${event({ index: 0, delta: { partial_json } })}`,
      )
      .join('')
    const left = redactBody(body, redact)
    expect(left).toContain('[EMAIL]')
    expect(left).toContain('event: content_block_delta')
  })
})

test('takes time in proportion', () => {
  const bodyOf = (pieces: number) =>
    Array.from({ length: pieces }, (_item, at) =>
      event({ choices: [{ index: 0, delta: { content: `word${at} ` } }] }),
    ).join('')
  const [short, long] = [bodyOf(1_000), bodyOf(16_000)]
  redactBody(short, redact)
  const shortMs = cpuMsOf(() => {
    for (let count = 0; count < 16; count += 1) redactBody(short, redact)
  })
  // As much text in one: with work that grows with the square of it, sixteen times the work.
  expect(cpuMsOf(() => redactBody(long, redact))).toBeLessThan(Math.max(40, shortMs) * 4)
})
