// Legacy completions: what cannot be translated is refused by name, the rest goes both ways.

import { describe, expect, test } from 'bun:test'
import { collect } from '../../core/ir/collect.ts'
import { replay } from '../../core/ir/replay.ts'
import type { ChatResponse } from '../../core/ir/response.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { EncodeTarget, ReplyContext } from '../dialect.ts'
import { openaiChat } from '../openai-chat/index.ts'
import { openaiCompletions } from './index.ts'

const codec = openaiCompletions.completion!
const TARGET: EncodeTarget = { model: 'real', quirks: {}, defaultMaxTokens: 100 }
const REPLY: ReplyContext = { model: 'asked', id: 'cmpl-1', nowMs: 3_000, streamUsage: true }

const decode = (body: JsonObject) => codec.decodeRequest({ model: 'm', prompt: 'p', ...body }, {})

describe('requests', () => {
  test('prompts that only a relay can serve are a 400 naming prompt', () => {
    const prompts: JsonValue[] = [
      ['a', 'b'],
      [1, 2],
      [[1], [2]],
      [[1]],
      [],
      5,
      null,
      { a: 1 },
      [null],
    ]
    for (const prompt of prompts) {
      expect(() => decode({ prompt })).toThrow(
        expect.objectContaining({ status: 400, param: 'prompt' }),
      )
    }
  })

  test('a chat is refused', () => {
    const chat = openaiChat.chat!.decodeRequest(
      { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
      {},
    )
    expect(() => codec.encodeRequest(chat, TARGET)).toThrow(
      expect.objectContaining({ kind: 'unsupported' }),
    )
  })

  test('nulls of older clients are absent, zeros are not, the rest comes home', () => {
    const body = {
      prompt: ['only'],
      logprobs: 3,
      seed: null,
      temperature: 0,
      best_of: 2,
      suffix: 's',
      echo: false,
      stop: 'END',
      logit_bias: { '50256': -100 },
    }
    const request = decode(body)
    expect(request).toMatchObject({
      form: 'completion',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'only' }] }],
      sampling: { temperature: 0 },
      logprobs: { enabled: true, top: 3 },
      stop: ['END'],
    })
    const { value, losses } = codec.encodeRequest(request, TARGET)
    expect(losses).toEqual([])
    expect(value).toEqual({
      model: 'real',
      prompt: 'only',
      suffix: 's',
      echo: false,
      temperature: 0,
      stop: ['END'],
      logprobs: 3,
      best_of: 2,
      logit_bias: { '50256': -100 },
    })
  })

  test('a completion reaches a chat model', () => {
    const { value, losses } = openaiChat.chat!.encodeRequest(decode({ suffix: 's' }), TARGET)
    expect(value.messages).toEqual([{ role: 'user', content: 'p' }])
    expect(losses).toEqual([{ feature: 'suffix', path: 'suffix', action: 'dropped' }])
  })
})

const answer: ChatResponse = {
  id: 'c',
  model: 'm',
  createdMs: 2_000,
  choices: [
    {
      index: 0,
      blocks: [{ type: 'text', text: 'ab' }],
      finish: { unified: 'length', raw: 'length' },
      logprobs: [
        { token: 'a', logprob: -0.1, top: [{ token: 'a', logprob: -0.1 }] },
        { token: 'b', logprob: -2, top: [{ token: 'c', logprob: -1 }] },
      ],
    },
  ],
  usage: { inputTokens: 1, outputTokens: 2 },
}

describe('answers', () => {
  test('the legacy shape, there and back', () => {
    const { value } = codec.encodeResponse(answer, REPLY)
    expect(value).toMatchObject({
      object: 'text_completion',
      choices: [
        {
          text: 'ab',
          finish_reason: 'length',
          logprobs: {
            tokens: ['a', 'b'],
            token_logprobs: [-0.1, -2],
            top_logprobs: [{ a: -0.1 }, { c: -1 }],
            text_offset: [0, 1],
          },
        },
      ],
    })
    expect(codec.decodeResponse(value)).toEqual(answer)
  })

  test('an answer of a chat model loses what text cannot say, aloud', () => {
    const { value, losses } = codec.encodeResponse(
      {
        ...answer,
        choices: [
          {
            index: 0,
            blocks: [
              { type: 'thinking', text: 'h' },
              { type: 'text', text: 'a' },
              { type: 'tool-use', id: 'x', name: 'f', input: '{}' },
            ],
            finish: { unified: 'tool-use' },
          },
        ],
      },
      REPLY,
    )
    expect(value.choices).toMatchObject([{ text: 'a', finish_reason: 'stop' }])
    expect(losses.map(({ feature }) => feature)).toEqual(['thinking', 'tool-use'])
  })

  test('a stream collects to the answer, in text_completion objects', () => {
    const encoder = codec.createStreamEncoder(REPLY)
    const text =
      replay(answer)
        .map((event) => encoder.push(event))
        .join('') + encoder.end()
    expect(text).toContain('"object":"text_completion"')
    expect(text).toEndWith('data: [DONE]\n\n')
    const decoder = codec.createStreamDecoder()
    const frames = text.split('\n\n').filter((line) => line !== '')
    const events = frames.flatMap((line) => decoder.push({ data: line.slice('data: '.length) }))
    expect(collect([...events, ...decoder.end()])).toEqual({ response: answer })
  })

  test('a cut stream is an error', () => {
    const decoder = codec.createStreamDecoder()
    decoder.push({ data: '{"id":"c","choices":[{"index":0,"text":"a","finish_reason":null}]}' })
    expect(decoder.end()).toMatchObject([{ type: 'error', error: { code: 'truncated' } }])
  })
})
