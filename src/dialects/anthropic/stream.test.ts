// A provider's stream into events: cut, broken and failed streams first, then each kind of block.

import { describe, expect, test } from 'bun:test'
import { collect } from '../../core/ir/collect.ts'
import type { IrEvent } from '../../core/ir/event.ts'
import type { JsonValue } from '../../core/json.ts'
import { decodeResponse } from './response.ts'
import { signatureFromSeal } from './seal.ts'
import { AnthropicStreamDecoder } from './stream.ts'

function decode(...values: (JsonValue | string)[]): IrEvent[] {
  const decoder = new AnthropicStreamDecoder()
  const events = values.flatMap((value) =>
    decoder.push({ data: typeof value === 'string' ? value : `${JSON.stringify(value)}    ` }),
  )
  return [...events, ...decoder.end()]
}

const start = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    model: 'claude-x',
    content: [],
    usage: {
      input_tokens: 10,
      cache_creation_input_tokens: 7,
      cache_creation: { ephemeral_5m_input_tokens: 2, ephemeral_1h_input_tokens: 5 },
      output_tokens: 1,
      service_tier: 'standard',
    },
  },
}
const blockStart = (index: number, content_block: JsonValue) => ({
  type: 'content_block_start',
  index,
  content_block,
})
const delta = (index: number, value: JsonValue) => ({
  type: 'content_block_delta',
  index,
  delta: value,
})
const text = (index: number, value: string) => delta(index, { type: 'text_delta', text: value })
const blockStop = (index: number) => ({ type: 'content_block_stop', index })
const end = [
  {
    type: 'message_delta',
    delta: { stop_reason: 'end_turn', stop_sequence: null, container: { id: 'c' } },
    usage: { input_tokens: 31_772, cache_creation_input_tokens: 7, output_tokens: 42 },
    context_management: { applied_edits: [] },
  },
  { type: 'message_stop' },
]
const empty = { type: 'text', text: '' }

function failure(events: IrEvent[]) {
  const last = events.at(-1)
  return last?.type === 'error' ? last.error : undefined
}

describe('a stream that fails', () => {
  test('cut anywhere before message_stop is truncated', () => {
    const whole = [start, blockStart(0, empty), text(0, 'a'), blockStop(0), ...end]
    for (let count = 0; count < whole.length; count++) {
      const error = failure(decode(...whole.slice(0, count)))
      expect(error?.code).toBe('truncated')
    }
    expect(failure(decode(...whole))).toBeUndefined()
  })

  test('an error event ends it, and nothing after counts', () => {
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
    const events = decode(start, error, blockStart(0, empty), ...end)
    expect(events.map(({ type }) => type)).toEqual(['response-start', 'usage', 'error'])
    expect(failure(events)).toMatchObject({
      message: 'Overloaded',
      type: 'overloaded_error',
      status: 529,
    })
  })

  test('no JSON, JSON of another kind, a block without type, a delta without its block', () => {
    expect(failure(decode(start, '<html>'))?.code).toBe('invalid_json')
    expect(failure(decode(start, '[]'))?.code).toBe('invalid_json')
    expect(failure(decode(start, blockStart(0, {})))?.code).toBe('invalid_event')
    expect(failure(decode(start, blockStart(0, empty), text(1, 'x')))?.code).toBe('invalid_event')
    const stray = delta(0, { type: 'input_json_delta', partial_json: '{' })
    expect(failure(decode(start, stray))?.code).toBe('invalid_event')
  })
})

describe('a stream that works', () => {
  test('usage: the last report counts and keeps the split of the first', () => {
    const { response } = collect(decode(start, { type: 'ping' }, ...end))
    expect(response.usage).toEqual({
      inputTokens: 31_772,
      cacheWrite5mTokens: 2,
      cacheWrite1hTokens: 5,
      outputTokens: 42,
    })
    expect(response.extras).toEqual({
      anthropic: {
        container: { id: 'c' },
        context_management: { applied_edits: [] },
        usage: { service_tier: 'standard' },
      },
    })
    expect(response.choices[0]?.finish).toEqual({ unified: 'stop', raw: 'end_turn' })
  })

  test('thinking, hidden thinking, redacted thinking and a packed seal', () => {
    const seal = { dialect: 'ollama', kind: 'encrypted', value: 'é' } as const
    const thinking = { type: 'thinking', thinking: '', signature: '' }
    const { response } = collect(
      decode(
        start,
        blockStart(0, thinking),
        delta(0, { type: 'thinking_delta', thinking: 'hm' }),
        delta(0, { type: 'signature_delta', signature: 'sig' }),
        blockStop(0),
        blockStart(1, thinking),
        delta(1, { type: 'signature_delta', signature: signatureFromSeal(seal) }),
        blockStop(1),
        blockStart(2, { type: 'redacted_thinking', data: 'zz' }),
        blockStop(2),
        ...end,
      ),
    )
    expect(response.choices[0]?.blocks).toEqual([
      {
        type: 'thinking',
        text: 'hm',
        seal: { dialect: 'anthropic', kind: 'signature', value: 'sig' },
      },
      { type: 'thinking', text: '', seal },
      { type: 'thinking', text: '', seal: { dialect: 'anthropic', kind: 'redacted', value: 'zz' } },
    ])
  })

  test('the same as the whole answer: tools, server tools, citations, deltas unknown', () => {
    const citation = { type: 'page_location', cited_text: 'x' }
    const input = (index: number, partial_json: string) =>
      delta(index, { type: 'input_json_delta', partial_json })
    const search = { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }
    const streamed = collect(
      decode(
        start,
        blockStart(0, { type: 'text', text: '', citations: [] }),
        delta(0, { type: 'citations_delta', citation }),
        text(0, 'a'),
        delta(0, { type: 'future_delta', text: 'ignored' }),
        blockStop(0),
        blockStart(1, search),
        input(1, ''),
        input(1, '{"q'),
        input(1, '": "é"}'),
        blockStop(1),
        blockStart(2, {
          type: 'tool_use',
          id: 't',
          name: 'f',
          input: {},
          caller: { type: 'direct' },
        }),
        input(2, ''),
        input(2, '{"a":'),
        input(2, '"}"}'),
        blockStop(2),
        blockStart(3, { type: 'tool_use', id: 'u', name: 'g', input: {} }),
        input(3, '{}'),
        blockStop(3),
        blockStart(4, { type: 'compaction', content: null }),
        delta(4, { type: 'compaction_delta', content: 'short' }),
        blockStop(4),
        ...end,
      ),
    )
    const whole = decodeResponse({
      id: 'msg_1',
      model: 'claude-x',
      stop_reason: 'end_turn',
      content: [
        { type: 'text', text: 'a', citations: [citation] },
        { ...search, input: { q: 'é' } },
        { type: 'tool_use', id: 't', name: 'f', input: { a: '}' }, caller: { type: 'direct' } },
        { type: 'tool_use', id: 'u', name: 'g', input: {} },
        { type: 'compaction', content: 'short' },
      ],
    })
    expect(streamed.error).toBeUndefined()
    expect(streamed.response.choices).toEqual(whole.choices)
  })

  test('text without a block start opens one', () => {
    const { response, error } = collect(decode(start, text(0, 'a'), text(0, 'b'), ...end))
    expect(error).toBeUndefined()
    expect(response.choices[0]?.blocks).toEqual([{ type: 'text', text: 'ab' }])
  })
})
