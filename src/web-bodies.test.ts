// Bodies as the page of one request reads them: streams of every protocol as text and events, JSON as lines with what two bodies do not share.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from './testing/seed.ts'
import { changesOf, linesOf, readBody, textOf } from '../web/requests/bodies.ts'

const sse = (...events: readonly object[]) =>
  events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')

describe('a stream', () => {
  const STREAMS: readonly (readonly [protocol: string, text: string])[] = [
    [
      'Chat Completions',
      `${sse({ choices: [{ delta: { role: 'assistant' } }] }, { choices: [{ delta: { content: 'He' } }] }, { choices: [{ delta: { content: 'llo' } }] }, { choices: [], usage: {} })}data: [DONE]\n\n`,
    ],
    ['Completions', sse({ choices: [{ text: 'He' }] }, { choices: [{ text: 'llo' }] })],
    [
      'Messages',
      `event: message_start\n${sse({ type: 'message_start', message: { content: [] } })}event: content_block_delta\n${sse({ delta: { type: 'text_delta', text: 'Hello' } })}`,
    ],
    [
      'Responses',
      sse(
        { type: 'response.output_text.delta', delta: 'Hello' },
        { type: 'response.function_call_arguments.delta', delta: '{}' },
        { type: 'response.completed', response: { output: [] } },
      ),
    ],
    ['Gemini', sse({ candidates: [{ content: { parts: [{ text: 'He' }, { text: 'llo' }] } }] })],
    ['Ollama', '{"message":{"content":"He"}}\n{"message":{"content":"llo"},"done":true}\n'],
    ['Ollama, generate', '{"response":"He"}\n{"response":"llo"}\n'],
    ['Cohere', sse({ type: 'content-delta', delta: { message: { content: { text: 'Hello' } } } })],
  ]

  test.each(STREAMS)('of %s is read as its text', (_protocol, text) => {
    const body = readBody(text)
    expect(body.kind).toBe('events')
    expect(body.kind === 'events' && textOf(body.events)).toBe('Hello')
  })

  test('that broke off, or is of nothing known, is shown as far as it goes', () => {
    const broken = readBody(`${sse({ choices: [{ delta: { content: 'He' } }] })}data: {"choi`)
    expect(broken.kind === 'events' && broken.events.map(({ data }) => typeof data)).toEqual([
      'object',
      'string',
    ])
    expect(broken.kind === 'events' && textOf(broken.events)).toBe('He')
    expect(readBody('<html>').kind).toBe('text')
    expect(readBody('').kind).toBe('text')
  })

  test('of any data throws nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (values) => {
        const body = readBody(values.map((value) => `data: ${JSON.stringify(value)}\n\n`).join(''))
        if (body.kind === 'events') expect(typeof textOf(body.events)).toBe('string')
      }),
      checkParameters(200),
    )
  })
})

describe('JSON', () => {
  test('differs from itself in nothing, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const lines = linesOf(value)
        expect(changesOf(lines, linesOf(value)).every((change) => change === undefined)).toBe(true)
        const text = lines.map((line) => line.text).join('')
        const plain = JSON.stringify(value).replaceAll(/[\s,]/g, '')
        expect(text.replaceAll(/[\s,]/g, '')).toBe(plain)
      }),
      checkParameters(200),
    )
  })

  test('marks what is otherwise, and what is on one side alone', () => {
    const one = linesOf({ model: 'a', messages: [{ role: 'user' }], top_k: 4 })
    const other = linesOf({ messages: [{ role: 'user' }], model: 'b' })
    const marked = (lines: typeof one, against: typeof one) =>
      changesOf(lines, against).flatMap((change, at) =>
        change === undefined ? [] : [`${change} ${lines[at]?.text}`],
      )
    expect(marked(one, other)).toEqual(['changed "model": "a"', 'alone "top_k": 4'])
    expect(marked(other, one)).toEqual(['changed "model": "b"'])
    expect(changesOf(one, undefined).every((change) => change === undefined)).toBe(true)
  })

  test('is cut where it is too long to look at', () => {
    expect(linesOf(Array.from({ length: 10_000 }, (_item, at) => at)).length).toBeLessThan(3_010)
    expect(linesOf('x'.repeat(100_000))[0]?.text.length).toBeLessThan(5_000)
  })
})
