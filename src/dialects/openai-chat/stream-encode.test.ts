// The stream encoder: exactly OpenAI's chunks, and what must not be in them.

import { describe, expect, test } from 'bun:test'
import type { IrEvent } from '../../core/ir/event.ts'
import type { JsonObject } from '../../core/json.ts'
import type { ReplyContext } from '../dialect.ts'
import { createStreamEncoder } from './stream-encode.ts'
import { createStreamDecoder } from './stream.ts'
import { collect } from '../../core/ir/collect.ts'

const REPLY: ReplyContext = { model: 'asked', id: 'chatcmpl-1', nowMs: 5_000, streamUsage: true }

function lines(events: IrEvent[], reply: ReplyContext = REPLY): string[] {
  const encoder = createStreamEncoder(reply)
  const text = events.map((event) => encoder.push(event)).join('') + encoder.end()
  return text
    .split('\n\n')
    .filter((line) => line !== '')
    .map((line) => {
      expect(line).toStartWith('data: ')
      return line.slice('data: '.length)
    })
}

const start: IrEvent = { type: 'response-start', id: 'id1', model: 'm1', createdMs: 9_000 }
const textStart: IrEvent = {
  type: 'block-start',
  choice: 0,
  index: 0,
  block: { type: 'text', text: '' },
}
const word = (text: string): IrEvent => ({ type: 'text-delta', choice: 0, index: 0, text })
const finish: IrEvent = { type: 'finish', choice: 0, finish: { unified: 'stop' } }
const usage: IrEvent = {
  type: 'usage',
  usage: { inputTokens: 3, cacheReadTokens: 4, outputTokens: 2, reasoningTokens: 0 },
}

describe('the stream encoder', () => {
  test('an error ends the stream without [DONE], and nothing follows', () => {
    const encoder = createStreamEncoder(REPLY)
    encoder.push(start)
    const text = encoder.push({ type: 'error', error: { message: 'broken', code: 'truncated' } })
    expect(text).toBe(
      'data: {"error":{"message":"broken","type":"server_error","param":null,"code":"truncated"}}\n\n',
    )
    expect(encoder.push(word('x')) + encoder.push(finish) + encoder.end()).toBe('')
  })

  test('role, text, finish, usage, [DONE]: each in its own chunk', () => {
    const end: IrEvent = { type: 'block-end', choice: 0, index: 0 }
    const told = lines([start, textStart, word('a"\n'), end, finish, usage])
    expect(told.at(-1)).toBe('[DONE]')
    const chunks = told.slice(0, -1).map((line) => JSON.parse(line) as JsonObject)
    const envelope = { id: 'id1', object: 'chat.completion.chunk', created: 9, model: 'm1' }
    const choice = (delta: JsonObject, reason: string | null) => [
      { index: 0, delta, logprobs: null, finish_reason: reason },
    ]
    expect(chunks).toEqual([
      {
        ...envelope,
        choices: choice({ role: 'assistant', content: '', refusal: null }, null),
        usage: null,
      },
      { ...envelope, choices: choice({ content: 'a"\n' }, null), usage: null },
      { ...envelope, choices: choice({}, 'stop'), usage: null },
      {
        ...envelope,
        choices: [],
        usage: {
          prompt_tokens: 7,
          completion_tokens: 2,
          total_tokens: 9,
          prompt_tokens_details: { cached_tokens: 4 },
          completion_tokens_details: { reasoning_tokens: 0 },
        },
      },
    ])
  })

  test('no usage for a client that did not ask, and none that is not known', () => {
    const silent = lines([start, textStart, word('a'), finish, usage], {
      ...REPLY,
      streamUsage: false,
    })
    expect(silent.join()).not.toContain('usage')
    const unknown = lines([start, textStart, word('a'), finish])
    expect(unknown.join()).not.toContain('prompt_tokens')
  })

  test('calls count from 0 in each choice', () => {
    const open = (choice: number, index: number, id: string): IrEvent => ({
      type: 'block-start',
      choice,
      index,
      block: { type: 'tool-use', id, name: 'f', input: '' },
    })
    const input = (choice: number, index: number): IrEvent => ({
      type: 'tool-input-delta',
      choice,
      index,
      text: '{}',
    })
    const told = lines([
      start,
      textStart,
      word('x'),
      { type: 'block-end', choice: 0, index: 0 },
      open(0, 1, 'a'),
      input(0, 1),
      open(1, 0, 'c'),
      open(0, 2, 'b'),
      input(0, 2),
      input(1, 0),
    ])
    const calls = told
      .filter((line) => line.includes('tool_calls'))
      .map((line) => {
        const { choices } = JSON.parse(line) as {
          choices: { index: number; delta: { tool_calls: { index: number; id?: string }[] } }[]
        }
        const [choice] = choices
        const item = choice?.delta.tool_calls[0]
        return `${choice?.index}/${item?.index}/${item?.id ?? ''}`
      })
    expect(calls).toEqual(['0/0/a', '0/0/', '1/0/c', '0/1/b', '0/1/', '1/0/'])
  })

  test('log probabilities stand in the chunk of their text', () => {
    const tokens = [{ token: 'a', logprob: -0.5, bytes: [97] }]
    const told = lines([
      start,
      textStart,
      { type: 'logprobs', choice: 0, tokens },
      word('a'),
      finish,
    ])
    const chunk = told.find((line) => line.includes('"content":"a"')) ?? ''
    expect(JSON.parse(chunk)).toMatchObject({ choices: [{ logprobs: { content: tokens } }] })
  })

  test('a seal comes with its whole text in one entry, and back as it was', () => {
    const seal = { dialect: 'anthropic', kind: 'signature', value: 'c2ln' } as const
    const at = { choice: 0, index: 0 }
    const told = lines([
      start,
      { type: 'block-start', ...at, block: { type: 'thinking', text: '' } },
      { type: 'thinking-delta', ...at, text: 'h' },
      { type: 'thinking-delta', ...at, text: 'm' },
      { type: 'seal-delta', ...at, seal },
      { type: 'block-end', ...at },
      finish,
    ])
    const entries = told.filter((line) => line.includes('reasoning_details'))
    expect(entries).toHaveLength(1)
    expect(JSON.parse(entries[0] ?? '')).toMatchObject({
      choices: [
        {
          delta: {
            reasoning_details: [
              {
                type: 'reasoning.text',
                text: 'hm',
                signature: 'c2ln',
                format: 'weir.anthropic.signature',
                index: 0,
              },
            ],
          },
        },
      ],
    })
    const decoder = createStreamDecoder()
    const { response } = collect(told.flatMap((data) => decoder.push({ data })))
    expect(response.choices[0]?.blocks).toEqual([{ type: 'thinking', text: 'hm', seal }])
  })

  test('what a client cannot be told is a loss, once', () => {
    const encoder = createStreamEncoder(REPLY)
    const at = { choice: 0, index: 0 }
    encoder.push(textStart)
    for (const citation of ['one', 'two']) {
      encoder.push({ type: 'citation', ...at, citation, dialect: 'anthropic' })
    }
    expect(encoder.losses()).toHaveLength(1)
    expect(encoder.losses()[0]).toMatchObject({ feature: 'citations' })
  })
})
