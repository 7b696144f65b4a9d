// Answers of `/v2/chat`, whole and streamed: failures told as good answers first, then what stands where: plans, citations, the
// two usages, calls without arguments, probabilities.

import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../core/error.ts'
import { collect } from '../../core/ir/collect.ts'
import type { IrEvent } from '../../core/ir/event.ts'
import { replay } from '../../core/ir/replay.ts'
import type { Block } from '../../core/ir/request.ts'
import type { ChatResponse, Finish } from '../../core/ir/response.ts'
import { parseJson } from '../../core/json.ts'
import type { JsonObject } from '../../core/json.ts'
import { decodeFrames, encodeStream, framesOfText } from '../conformance.ts'
import type { ReplyContext } from '../dialect.ts'
import { cohere } from './index.ts'

const codec = cohere.chat!
const reply: ReplyContext = { model: 'asked', id: 'fresh', nowMs: 0, streamUsage: false }

function decodeText(text: string): IrEvent[] {
  return decodeFrames(codec, framesOfText(cohere, text))
}

function wire(...list: JsonObject[]): string {
  return list
    .map((event) => `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`)
    .join('')
}

function events(text: string): JsonObject[] {
  return framesOfText(cohere, text).flatMap(({ data }) => {
    const value = parseJson(data)
    return value === undefined ? [] : [value as JsonObject]
  })
}

const start = { type: 'message-start', id: 'a1', delta: { message: { role: 'assistant' } } }
const message = (inner: JsonObject): JsonObject => ({ delta: { message: inner } })
const text = (said: string, index = 0): JsonObject => ({
  type: 'content-delta',
  index,
  ...message({ content: { text: said } }),
})
const open = (index = 0, type = 'text'): JsonObject => ({
  type: 'content-start',
  index,
  ...message({ content: { type, [type]: '' } }),
})
const end = (delta: JsonObject): JsonObject => ({ type: 'message-end', delta })

const errorOf = (list: readonly IrEvent[]) => collect(list).error

describe('failures', () => {
  test('an end that says ERROR is none', () => {
    const told = decodeText(
      wire(
        start,
        open(),
        text('a'),
        end({ finish_reason: 'ERROR', usage: {}, error: 'no luck', error_type: 'X' }),
      ),
    )
    expect(errorOf(told)).toMatchObject({ message: 'no luck', type: 'X' })
    expect(told.at(-1)?.type).toBe('error')
    expect(errorOf(decodeText(wire(start, end({ finish_reason: 'ERROR' }))))).toBeDefined()
  })

  test('a stream that is cut, broken or out of order is none', () => {
    expect(errorOf(decodeText(''))?.code).toBe('truncated')
    expect(errorOf(decodeText(wire(start, open(), text('a'))))?.code).toBe('truncated')
    expect(errorOf(decodeText('data: [DONE]\n\n'))?.code).toBe('truncated')
    expect(errorOf(decodeText(`${wire(start)}event: content-delta\ndata: {"ty\n\n`))?.code).toBe(
      'invalid_json',
    )
    const piece = message({ tool_calls: { function: { arguments: '{' } } })
    expect(errorOf(decodeText(wire(start, { type: 'tool-call-delta', ...piece })))?.code).toBe(
      'invalid_event',
    )
    expect(
      errorOf(decodeText('data: {"id":"x","message":"too many tokens: 9"}\n\n')),
    ).toMatchObject({
      message: 'too many tokens: 9',
      code: 'context_length_exceeded',
    })
  })

  test('a whole answer with the reason ERROR, and what is no answer', () => {
    const bodies: JsonObject[] = [
      { id: 'a', message: { role: 'assistant' }, finish_reason: 'ERROR', error: 'no luck' },
      { id: 'a', message: 'invalid api token' },
      {},
    ]
    for (const body of bodies) {
      expect(() => codec.decodeResponse(body)).toThrow(
        expect.objectContaining({ kind: 'upstream_bad_response' }),
      )
    }
  })

  test('are told to a client in the end of the stream, with no terminator', () => {
    const said = cohere.errors.encodeStream(new GatewayError('upstream_timeout'), 'r1')
    expect(events(said)).toMatchObject([
      { type: 'message-end', id: 'r1', delta: { finish_reason: 'ERROR', usage: {} } },
    ])
    expect(said).not.toContain('[DONE]')
    expect(cohere.errors.encode(new GatewayError('rate_limit'), 'r1')).toEqual({
      id: 'r1',
      message: 'Rate limit reached.',
    })
  })

  test('bodies of failing answers are read in every form', () => {
    const read = (body: string) => cohere.errors.decode(body)
    expect(read('{"id":"1","message":"bad key"}')).toEqual({ message: 'bad key' })
    expect(read('{"message":"model \'x\' was removed on May 1"}')?.code).toBe('model_not_found')
    expect(read('{"error":{"message":"m"}}')).toEqual({ message: 'm' })
    expect(read('{"detail":"d"}')).toEqual({ message: 'd' })
    expect(read('upstream request timeout')).toEqual({ message: 'upstream request timeout' })
    for (const nothing of ['', '<html>', '{"mess', '[]', '{}', 'null', 'x'.repeat(501)]) {
      expect(read(nothing)).toBeUndefined()
    }
  })
})

describe('finish reasons', () => {
  const finishOf = (word: unknown, calls: JsonObject[] = []) =>
    codec.decodeResponse({
      id: 'a',
      message: { tool_calls: calls },
      finish_reason: word,
    } as JsonObject).choices[0]?.finish
  test('Cohere’s words', () => {
    expect(finishOf('COMPLETE')).toEqual({ unified: 'stop', raw: 'COMPLETE' })
    expect(finishOf('STOP_SEQUENCE')?.unified).toBe('stop-sequence')
    expect(finishOf('MAX_TOKENS')?.unified).toBe('length')
    expect(finishOf('TIMEOUT')).toEqual({ unified: 'length', raw: 'TIMEOUT' })
    expect(finishOf('SOMETHING')).toEqual({ unified: 'other', raw: 'SOMETHING' })
    expect(finishOf(null)).toEqual({ unified: 'stop' })
    const calls = [{ id: 'c', type: 'function', function: { name: 'f', arguments: '' } }]
    expect(finishOf('TOOL_CALL', calls)?.unified).toBe('tool-use')
    expect(finishOf('COMPLETE', calls)?.unified).toBe('tool-use')
  })

  test.each<[Finish | undefined, string, boolean]>([
    [{ unified: 'length', raw: 'TIMEOUT' }, 'TIMEOUT', false],
    [{ unified: 'length', raw: 'max_tokens' }, 'MAX_TOKENS', false],
    [{ unified: 'error', raw: 'ERROR' }, 'COMPLETE', true],
    [{ unified: 'content-filter' }, 'ERROR_TOXIC', false],
    [{ unified: 'refusal' }, 'COMPLETE', true],
    [undefined, 'COMPLETE', true],
  ])('%j for a client', (finish, word, isLoss) => {
    const choice = { index: 0, blocks: [], ...(finish === undefined ? {} : { finish }) }
    const { value, losses } = codec.encodeResponse({ id: '', model: '', choices: [choice] }, reply)
    expect(value['finish_reason']).toBe(word)
    expect(losses.some(({ feature }) => feature === 'finish')).toBe(isLoss)
  })
})

describe('usage', () => {
  const usageOf = (usage: JsonObject): ChatResponse =>
    codec.decodeResponse({ id: 'a', message: {}, finish_reason: 'COMPLETE', usage })
  const back = (response: ChatResponse) => codec.encodeResponse(response, reply).value['usage']

  test('is what is billed; what the model read stays beside it', () => {
    const usage = {
      billed_units: { input_tokens: 23, output_tokens: 41 },
      tokens: { input_tokens: 906, output_tokens: 77 },
      cached_tokens: 480,
    }
    const response = usageOf(usage)
    expect(response.usage).toEqual({ inputTokens: 23, outputTokens: 41 })
    expect(back(response)).toEqual(usage)
  })

  test('names cached tokens apart where all of the prompt is billed', () => {
    const units = { input_tokens: 100, output_tokens: 5 }
    const response = usageOf({
      billed_units: units,
      tokens: { ...units, reasoning_tokens: 0 },
      cached_tokens: 30,
    })
    expect(response.usage).toEqual({
      inputTokens: 70,
      cacheReadTokens: 30,
      outputTokens: 5,
      reasoningTokens: 0,
    })
    expect(response.extras).toBeUndefined()
  })

  test('keeps units of other kinds, and tells nothing where nothing was told', () => {
    const usage = {
      billed_units: { input_tokens: 1, output_tokens: 2, search_units: 3 },
      tokens: { input_tokens: 1, output_tokens: 2 },
    }
    expect(back(usageOf(usage))).toEqual(usage)
    expect(usageOf({}).usage).toBeUndefined()
    expect(
      usageOf({ billed_units: { input_tokens: -1, output_tokens: '2' } }).usage,
    ).toBeUndefined()
  })
})

const cited = (type: string | undefined, index?: number): JsonObject => ({
  start: 0,
  end: 1,
  text: 'a',
  sources: [{ type: 'document', id: 'd', document: { id: 'd' } }],
  ...(type === undefined ? {} : { type }),
  ...(index === undefined ? {} : { content_index: index }),
})

describe('what stands where', () => {
  test('plan, thinking, text, calls and their citations, whole', () => {
    const body: JsonObject = {
      id: 'a1',
      message: {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm' },
          { type: 'text', text: 'It rains.' },
          { type: 'text', text: 'Still.' },
        ],
        tool_plan: 'I look.',
        tool_calls: [
          { id: 'f_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
        ],
        citations: [
          cited('PLAN'),
          cited(undefined),
          cited('TEXT_CONTENT', 2),
          cited('THINKING_CONTENT', 0),
        ],
        mood: 'good',
      },
      finish_reason: 'TOOL_CALL',
      usage: { billed_units: { input_tokens: 1, output_tokens: 2 } },
      meta_of_tomorrow: 1,
    }
    const response = codec.decodeResponse(body)
    expect(response.choices[0]?.blocks.map(({ type }) => type)).toEqual([
      'thinking',
      'text',
      'text',
      'text',
      'tool-use',
    ])
    const { value, losses } = codec.encodeResponse(response, reply)
    expect(losses).toEqual([])
    expect(value).toMatchObject(body)
  })

  test('a call without arguments is said in each of its ways', () => {
    for (const said of ['', 'null']) {
      const call = { id: 'f_1', type: 'function', function: { name: 'f', arguments: said } }
      const body = { id: 'a', message: { tool_calls: [call] }, finish_reason: 'TOOL_CALL' }
      expect(codec.decodeResponse(body).choices[0]?.blocks).toEqual([
        { type: 'tool-use', id: 'f_1', name: 'f', input: '' },
      ])
    }
    const blocks: Block[] = [{ type: 'tool-use', id: 'c', name: 'f', input: 'null' }]
    const choice = { index: 0, blocks, finish: { unified: 'tool-use' as const } }
    const { pieces } = encodeStream(codec, replay({ id: 'a', model: '', choices: [choice] }))
    expect(events(pieces.join('')).map(({ type }) => type)).toEqual([
      'message-start',
      'tool-call-start',
      'tool-call-delta',
      'tool-call-end',
      'message-end',
    ])
    expect(pieces.join('')).toContain('"arguments":"{}"')
  })

  test('a call without an id gets the same one whole and streamed', () => {
    const call = { type: 'function', function: { name: 'f', arguments: '' } }
    const whole = codec.decodeResponse({ id: 'a1', message: { tool_calls: [call] } })
    const streamed = collect(
      decodeText(
        wire(
          start,
          { type: 'tool-call-start', index: 0, ...message({ tool_calls: call }) },
          end({}),
        ),
      ),
    )
    expect(streamed.error).toBeUndefined()
    expect(streamed.response.choices[0]?.blocks).toEqual(whole.choices[0]?.blocks)
  })

  test('citations of a stream come before or after the end of their text', () => {
    const source = (index: number, citation: JsonObject): JsonObject => ({
      type: 'citation-start',
      index,
      ...message({ citations: citation }),
    })
    const told = decodeText(
      wire(
        start,
        open(0, 'thinking'),
        { type: 'content-delta', index: 0, ...message({ content: { thinking: 'hm' } }) },
        { type: 'content-end', index: 0 },
        open(1),
        text('It rains.', 1),
        source(0, cited('TEXT_CONTENT', 1)),
        { type: 'citation-end', index: 0 },
        { type: 'content-end', index: 1 },
        source(1, cited(undefined)),
        source(2, cited('THINKING_CONTENT', 0)),
        end({
          finish_reason: 'COMPLETE',
          usage: { billed_units: { input_tokens: 0, output_tokens: 3 } },
        }),
      ),
    )
    const { response, error } = collect(told)
    expect(error).toBeUndefined()
    expect(response.choices[0]?.blocks[1]).toMatchObject({
      type: 'text',
      citations: { dialect: 'cohere', value: [cited('TEXT_CONTENT', 1), cited(undefined)] },
    })
    expect(response.choices[0]?.extras).toEqual({
      cohere: { citations: [cited('THINKING_CONTENT', 0)] },
    })
    const again = encodeStream(codec, replay(response))
    expect(collect(decodeText(again.pieces.join('')))).toEqual({ response })
    expect(again.losses).toEqual([])
  })

  test('probabilities add up over the tokens of a chunk, and stay inside their part', () => {
    const logprobs = { text: 'ab', token_ids: [1, 2], logprobs: [-0.25, -0.5] }
    const told = decodeText(
      wire(start, open(), { ...text('ab'), logprobs }, end({ finish_reason: 'COMPLETE' })),
    )
    const { response } = collect(told)
    expect(response.choices[0]?.logprobs).toEqual([{ token: 'ab', logprob: -0.75 }])
    const types = events(encodeStream(codec, replay(response)).pieces.join('')).map(
      ({ type }) => type,
    )
    expect(types).toEqual([
      'message-start',
      'content-start',
      'content-delta',
      'content-delta',
      'content-end',
      'message-end',
    ])
  })

  test('unknown events, missing starts and pieces after an end are borne', () => {
    const told = decodeText(
      wire(
        { type: 'debug', prompt: 'x' },
        text('a', 0),
        { type: 'content-end', index: 0 },
        text('b', 0),
        text('c', 4),
        end({ finish_reason: 'COMPLETE' }),
        text('late', 0),
      ),
    )
    const { response, error } = collect(told)
    expect(error).toBeUndefined()
    expect(response.choices[0]?.blocks).toEqual([
      { type: 'text', text: 'ab' },
      { type: 'text', text: 'c' },
    ])
  })
})

test('the tap tells tokens of embeddings and the failure of a stream', () => {
  expect(
    cohere.tap.readResponse({
      embeddings: { float: [[1]] },
      meta: { billed_units: { input_tokens: 7, image_tokens: 3 } },
    }),
  ).toEqual({ complete: true, usage: { inputTokens: 10 } })
  expect(cohere.tap.readResponse({ id: 'a', message: 'no' })).toEqual({
    complete: false,
    error: { message: 'no' },
  })
  const failed = framesOfText(
    cohere,
    wire(start, end({ finish_reason: 'ERROR', error: 'no luck' })),
  )
  expect(cohere.tap.readFrames(failed)).toEqual({ complete: false, error: { message: 'no luck' } })
  expect(cohere.tap.readFrames([{ event: 'message-end', data: '{"ty' }])).toEqual({
    complete: false,
  })
})
