// The laws must be able to fail: each fault a codec could have is put into one here, and some law has to name it.

import { describe, expect, test } from 'bun:test'
import type { IrEvent } from '../core/ir/event.ts'
import type { Loss } from '../core/ir/loss.ts'
import { replay } from '../core/ir/replay.ts'
import type { ChatRequest } from '../core/ir/request.ts'
import type { ChatResponse } from '../core/ir/response.ts'
import type { JsonObject } from '../core/json.ts'
import { anthropic } from './anthropic/index.ts'
import { badLosses, undeclared } from './conformance-compare.ts'
import { errorLaw, splitLaw, tapLaw, textFormsLaw, truncationLaw } from './conformance-streams.ts'
import {
  encodeStream,
  framesOfText,
  orderLaw,
  requestLaw,
  responseLaw,
  streamLaw,
} from './conformance.ts'
import type { ChatCodec, Dialect, StreamDecoder, StreamEncoder } from './dialect.ts'

const codec = anthropic.chat!

const request: ChatRequest = {
  form: 'chat',
  model: 'm',
  messages: [
    { role: 'system', content: [{ type: 'text', text: 'be brief' }] },
    { role: 'user', content: [{ type: 'text', text: 'weather?' }] },
    {
      role: 'assistant',
      content: [
        { type: 'tool-use', id: 'call_1', name: 'weather', input: '{"city":"Köln"}' },
        { type: 'tool-use', id: 'call_2', name: 'weather', input: '' },
      ],
    },
    {
      role: 'tool',
      content: [
        {
          type: 'tool-result',
          toolUseId: 'call_1',
          toolName: 'weather',
          content: [{ type: 'text', text: 'rain' }],
          isError: true,
        },
        {
          type: 'tool-result',
          toolUseId: 'call_2',
          toolName: 'weather',
          content: [{ type: 'text', text: 'sun' }],
        },
      ],
    },
  ],
  stream: false,
  sampling: { temperature: 0, topP: 0.5 },
  maxTokens: 100,
  tools: [{ type: 'function', name: 'weather', parameters: { type: 'object', properties: {} } }],
}

const response: ChatResponse = {
  id: 'a',
  model: 'm',
  choices: [
    {
      index: 0,
      blocks: [
        { type: 'text', text: 'grüße 🌊' },
        { type: 'tool-use', id: 'call_1', name: 'weather', input: '{"city":"Köln"}' },
      ],
      finish: { unified: 'tool-use' },
    },
  ],
  usage: { inputTokens: 3, outputTokens: 0 },
}

/** The codec with its encoded requests changed after the fact. */
function requestsChanged(
  change: (body: JsonObject) => JsonObject,
  losses?: (told: readonly Loss[]) => readonly Loss[],
): ChatCodec {
  return {
    ...codec,
    encodeRequest: (ir, target) => {
      const encoded = codec.encodeRequest(ir, target)
      return {
        value: change(structuredClone(encoded.value)),
        losses: losses?.(encoded.losses) ?? encoded.losses,
      }
    },
  }
}

const list = (body: JsonObject, key: string) => body[key] as JsonObject[]

test('the sound codec breaks no law', () => {
  expect(requestLaw(codec, request)).toEqual([])
  expect(responseLaw(codec, response)).toEqual([])
  expect(streamLaw(anthropic, codec, response)).toEqual([])
  expect(errorLaw(anthropic, codec, response)).toEqual([])
  expect(tapLaw(anthropic, codec, response)).toEqual([])
})

describe('faults of requests are named', () => {
  const faults: [string, string, (body: JsonObject) => JsonObject][] = [
    ['a zero dropped', 'sampling.temperature', ({ temperature: _gone, ...rest }) => rest],
    ['a number changed', 'sampling.topP', (body) => ({ ...body, top_p: 0.6 })],
    ['a member made up', 'sampling.topK', (body) => ({ ...body, top_k: 4 })],
    ['the system prompt dropped', 'messages[0]', ({ system: _gone, ...rest }) => rest],
    [
      'a message dropped',
      'messages[3]',
      (body) => ({ ...body, messages: list(body, 'messages').slice(0, -1) }),
    ],
    [
      'a message doubled',
      'messages[+',
      (body) => ({ ...body, messages: [...list(body, 'messages'), list(body, 'messages')[0]!] }),
    ],
    [
      'a tool renamed',
      'tools[0].name',
      (body) => ({ ...body, tools: [{ name: 'x', input_schema: {} }] }),
    ],
    [
      'a tool input changed',
      'input',
      (body) => JSON.parse(JSON.stringify(body).replace('Köln', 'Bonn')) as JsonObject,
    ],
    [
      'an error flag dropped',
      'isError',
      (body) => JSON.parse(JSON.stringify(body).replace('"is_error":true', '"x":1')) as JsonObject,
    ],
  ]
  for (const [name, path, change] of faults) {
    test(name, () => {
      const found = requestLaw(requestsChanged(change), request)
      expect(found.map((violation) => violation.path).join()).toContain(path)
    })
  }

  test('a loss of what is still there, and a loss of nothing', () => {
    const told: Loss[] = [
      { feature: 'top-p', path: 'sampling.topP', action: 'dropped' },
      { feature: 'seed', path: 'sampling.seed', action: 'dropped' },
    ]
    const found = requestLaw(
      requestsChanged(
        (body) => body,
        () => told,
      ),
      request,
    )
    const text = JSON.stringify(found)
    expect(text).toContain('sampling.topP (loss top-p, yet it is there)')
    expect(text).toContain('sampling.seed (loss seed of nothing)')
  })
})

describe('faults of answers and streams are named', () => {
  /** The codec with each piece of its streams changed. */
  const encoderChanged = (
    change: (encoder: StreamEncoder) => Partial<StreamEncoder>,
  ): ChatCodec => ({
    ...codec,
    createStreamEncoder: (reply) => {
      const encoder = codec.createStreamEncoder(reply)
      const plainOne: StreamEncoder = {
        push: (event) => encoder.push(event),
        end: () => encoder.end(),
        losses: () => encoder.losses(),
      }
      return { ...plainOne, ...change(encoder) }
    },
  })
  const decoderChanged = (
    change: (decoder: StreamDecoder) => Partial<StreamDecoder>,
  ): ChatCodec => ({
    ...codec,
    createStreamDecoder: () => {
      const decoder = codec.createStreamDecoder()
      const plainOne: StreamDecoder = {
        push: (frame) => decoder.push(frame),
        get ended() {
          return decoder.ended
        },
        end: () => decoder.end(),
      }
      return { ...plainOne, ...change(decoder) }
    },
  })
  const text = encodeStream(codec, replay(response)).pieces.join('')
  const frames = framesOfText(anthropic, text)

  test('usage lost', () => {
    const without: ChatCodec = {
      ...codec,
      decodeResponse: (body) => {
        const { usage: _usage, ...rest } = codec.decodeResponse(body)
        return rest
      },
    }
    expect(JSON.stringify(responseLaw(without, response))).toContain('"path":"usage"')
  })

  test('a stream that says something else than the whole answer', () => {
    const other = encoderChanged((encoder) => ({
      push: (event) =>
        encoder.push(event.type === 'text-delta' ? { ...event, text: 'other' } : event),
    }))
    expect(streamLaw(anthropic, other, response)[0]?.path).toBe('choices[0].blocks[0].text')
  })

  test('a cut stream that ends normally, or under another name', () => {
    const calm = decoderChanged(() => ({ end: () => [] }))
    expect(truncationLaw(anthropic, calm, frames)[0]?.detail).toContain('no error')
    const misnamed = decoderChanged((decoder) => ({
      end: () =>
        decoder
          .end()
          .map((event): IrEvent =>
            event.type === 'error' ? { type: 'error', error: { message: 'x' } } : event,
          ),
    }))
    expect(truncationLaw(anthropic, misnamed, frames)[0]?.detail).toContain('code undefined')
  })

  test('words after an error, and an error that reads as success', () => {
    const chatty = encoderChanged(() => ({ end: () => 'data: {"type":"message_stop"}\n\n' }))
    expect(errorLaw(anthropic, chatty, response)[0]?.detail).toContain('then says')
    const mute = encoderChanged((encoder) => ({
      push: (event) => (event.type === 'error' ? '' : encoder.push(event)),
      end: () => '',
    }))
    expect(errorLaw(anthropic, mute, response)).not.toEqual([])
  })

  test('a tap that misses the usage', () => {
    const blind: Dialect = {
      ...anthropic,
      tap: {
        readResponse: () => ({ complete: true }),
        readFrames: () => ({ complete: false }),
      },
    }
    expect(tapLaw(blind, codec, response).map(({ path }) => path)).toContain('usage')
  })

  test('a decoder that minds comments, and a framing that is not the stream', () => {
    let first = true
    const touchy = decoderChanged((decoder) => ({
      push: (frame) => {
        const events = first ? decoder.push(frame) : []
        first = false
        return events
      },
    }))
    expect(textFormsLaw(anthropic, touchy, text)).not.toEqual([])
    expect(splitLaw(anthropic, text)).toEqual([])
  })

  test('events out of order', () => {
    const start: IrEvent = { type: 'response-start', id: '', model: '' }
    const open = (index: number): IrEvent => ({
      type: 'block-start',
      choice: 0,
      index,
      block: { type: 'text', text: '' },
    })
    const delta: IrEvent = { type: 'text-delta', choice: 0, index: 0, text: 'x' }
    const end: IrEvent = { type: 'block-end', choice: 0, index: 0 }
    const failure: IrEvent = { type: 'error', error: { message: 'x' } }
    expect(orderLaw([start, open(0), delta, end])).toEqual([])
    const wrong = [
      [open(0), end],
      [start, start],
      [start, open(1)],
      [start, open(0), open(1)],
      [start, open(0), end, delta],
      [start, open(0)],
      [failure, start],
    ]
    for (const events of wrong) expect(orderLaw(events)).toHaveLength(1)
  })
})

describe('differences and losses', () => {
  const loss = (path: string, action: Loss['action']): Loss => ({ feature: 'x', path, action })
  const block = (text: string) => ({ type: 'text', text })
  const of = (...texts: string[]) => ({ messages: [{ role: 'user', content: texts.map(block) }] })

  test('a dropped element explains one missing element, not two', () => {
    const one = [loss('messages[0].content[1]', 'dropped')]
    expect(undeclared(of('a', 'b', 'c'), of('a', 'c'), one)).toEqual([])
    expect(undeclared(of('a', 'b', 'c'), of('a'), one)).toHaveLength(1)
    expect(undeclared(of('a', 'b', 'c'), of('a', 'b'), one)).not.toEqual([])
  })

  test('a message is gone when all its blocks are', () => {
    const all = [
      loss('messages[0].content[0]', 'dropped'),
      loss('messages[0].content[1]', 'dropped'),
    ]
    expect(undeclared(of('a', 'b'), { messages: [] }, all)).toEqual([])
    expect(undeclared(of('a', 'b'), { messages: [] }, all.slice(1))).not.toEqual([])
  })

  test('a moved message may stand elsewhere; nothing else may', () => {
    const before = { messages: [block('a'), block('b'), block('c')] }
    const after = { messages: [block('b'), block('a'), block('c')] }
    expect(undeclared(before, after, [loss('messages[1]', 'adapted')])).toEqual([])
    expect(undeclared(before, after, [])).not.toEqual([])
    expect(undeclared(before, after, [loss('tools[0]', 'adapted')])).not.toEqual([])
  })

  test('zero, false, empty and null are not absent', () => {
    for (const value of [0, false, '', null]) {
      expect(undeclared({ a: value }, {}, [])).toHaveLength(1)
      expect(undeclared({}, { a: value }, [])).toHaveLength(1)
    }
  })

  test('a path is not explained by its namesake', () => {
    expect(undeclared({ toolChoice: 1 }, {}, [loss('tool', 'dropped')])).toHaveLength(1)
    expect(badLosses({ toolChoice: 1 }, {}, [loss('tool', 'dropped')])).toHaveLength(1)
    expect(undeclared({ 'a.b': 1 }, {}, [loss('a.b', 'dropped')])).toEqual([])
  })

  test('`__proto__` is a name like any other', () => {
    const before = JSON.parse('{"a":{"__proto__":{"b":1}}}') as JsonObject
    expect(undeclared(before, { a: {} }, [])).toHaveLength(1)
    expect(undeclared(before, { a: {} }, [loss('a.__proto__', 'dropped')])).toEqual([])
  })
})
