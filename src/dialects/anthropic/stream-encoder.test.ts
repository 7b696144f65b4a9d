// Events into Anthropic's stream: silence after an error, exact order and indexes, and seals that survive the way back.

import { describe, expect, test } from 'bun:test'
import { collect } from '../../core/ir/collect.ts'
import type { IrEvent } from '../../core/ir/event.ts'
import { replay } from '../../core/ir/replay.ts'
import type { Block } from '../../core/ir/request.ts'
import { createFramer } from '../sse.ts'
import { AnthropicStreamEncoder } from './stream-encoder.ts'
import { AnthropicStreamDecoder } from './stream.ts'

const reply = { model: 'asked', id: 'fresh', nowMs: 0, streamUsage: false }

function encode(events: readonly IrEvent[]) {
  const encoder = new AnthropicStreamEncoder(reply)
  const out = events.map((event) => encoder.push(event)).join('') + encoder.end()
  const framer = createFramer('sse')
  const frames = [...framer.push(new TextEncoder().encode(out)), ...framer.end()]
  const values = frames.map(({ event, data }) => {
    const value = JSON.parse(data) as { type: string }
    expect(event).toBe(value.type)
    return value
  })
  return { out, frames, values, losses: encoder.losses() }
}

const start: IrEvent = { type: 'response-start', id: '', model: '' }
const at = { choice: 0, index: 0 }
const open = (block: Block, index = 0): IrEvent => ({
  type: 'block-start',
  choice: 0,
  index,
  block,
})
const close = (index = 0): IrEvent => ({ type: 'block-end', choice: 0, index })
const finish: IrEvent = { type: 'finish', choice: 0, finish: { unified: 'stop', raw: 'stop' } }
const text: Block = { type: 'text', text: '' }

describe('errors', () => {
  test('after one there is silence, and no message_stop', () => {
    const failure: IrEvent = {
      type: 'error',
      error: {
        message: 'slow "down"',
        status: 429,
        raw: { dialect: 'openai-chat', value: 'secret' },
      },
    }
    const { values, out } = encode([start, open(text), failure, close(), finish])
    expect(values.map(({ type }) => type)).toEqual([
      'message_start',
      'content_block_start',
      'error',
    ])
    expect(values.at(-1)).toEqual({
      type: 'error',
      error: { type: 'rate_limit_error', message: 'slow "down"' },
    } as never)
    expect(out).not.toContain('secret')
  })

  test('before anything was said it stands alone', () => {
    const { values } = encode([
      { type: 'error', error: { message: 'x', type: 'overloaded_error' } },
    ])
    expect(values).toEqual([
      { type: 'error', error: { type: 'overloaded_error', message: 'x' } } as never,
    ])
  })
})

describe('order', () => {
  test('input tokens are in message_start when they are known by then, the totals at the end', () => {
    const { values } = encode([
      start,
      { type: 'usage', usage: { inputTokens: 9, cacheReadTokens: 0 } },
      open(text),
      { type: 'text-delta', ...at, text: 'é"\n' },
      close(),
      finish,
      { type: 'usage', usage: { inputTokens: 9, outputTokens: 3, reasoningTokens: 0 } },
    ])
    expect(values).toEqual([
      {
        type: 'message_start',
        message: {
          id: 'msg_fresh',
          type: 'message',
          role: 'assistant',
          model: 'asked',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 9, cache_read_input_tokens: 0, output_tokens: 0 },
        },
      },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'é"\n' } },
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: {
          input_tokens: 9,
          cache_read_input_tokens: 0,
          output_tokens: 3,
          output_tokens_details: { thinking_tokens: 0 },
        },
      },
      { type: 'message_stop' },
    ] as never)
  })

  test('indexes have no gap where a block cannot be said, and other choices are told', () => {
    const image: Block = { type: 'image', source: { kind: 'url', url: 'https://x.example/a.png' } }
    const { values, losses } = encode([
      start,
      open(image, 0),
      close(0),
      { ...open(text, 0), choice: 1 } as IrEvent,
      { type: 'text-delta', choice: 1, index: 0, text: 'no' },
      open({ type: 'tool-use', id: 'c', name: 'f', input: '' }, 1),
      { type: 'tool-input-delta', choice: 0, index: 1, text: 'null' },
      close(1),
      { type: 'logprobs', choice: 0, tokens: [] },
      finish,
    ])
    const blocks = values.filter(({ type }) => type.startsWith('content_block'))
    expect(blocks).toEqual([
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'tool_use', id: 'c', name: 'f', input: {} },
      },
      { type: 'content_block_stop', index: 0 },
    ] as never)
    expect(JSON.stringify(values)).toContain('"stop_reason":"tool_use"')
    expect(losses.map(({ feature }) => feature)).toEqual([
      'image',
      'choices',
      'logprobs',
      'finish',
      'usage',
    ])
  })

  test('server tools come as from Anthropic, thinking of any provider survives its way back', () => {
    const blocks: Block[] = [
      { type: 'thinking', text: '', seal: { dialect: 'anthropic', kind: 'redacted', value: 'zz' } },
      {
        type: 'thinking',
        text: 'a',
        seal: { dialect: 'openai-chat', kind: 'details', value: [1] },
      },
      { type: 'thinking', text: 'b' },
      {
        type: 'opaque',
        dialect: 'anthropic',
        value: { type: 'server_tool_use', id: 's', name: 'n', input: { q: 'é' } },
      },
      { type: 'opaque', dialect: 'anthropic', value: { type: 'x_tool_result', content: [1] } },
    ]
    const response = {
      id: 'keep-me',
      model: 'm',
      choices: [{ index: 0, blocks, finish: { unified: 'pause' as const } }],
    }
    const { frames, values } = encode(replay(response))
    const decoder = new AnthropicStreamDecoder()
    const events = [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()]
    const back = collect(events).response
    expect(back.id).toBe('keep-me')
    expect(back.choices[0]?.blocks).toEqual(blocks)
    expect(back.choices[0]?.finish).toEqual({ unified: 'pause', raw: 'pause_turn' })
    expect(values).toContainEqual({
      type: 'content_block_delta',
      index: 3,
      delta: { type: 'input_json_delta', partial_json: '{"q":"é"}' },
    } as never)
  })
})
