// Embeddings: inputs of every form, vectors in both encodings, and answers that are none.

import { describe, expect, test } from 'bun:test'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { ReplyContext } from '../dialect.ts'
import { openaiEmbeddings } from './index.ts'

const codec = openaiEmbeddings.embedding!
const TARGET = { model: 'real', quirks: {}, defaultMaxTokens: 100 }
const REPLY: ReplyContext = { model: 'asked', id: 'x', nowMs: 0, streamUsage: false }
const decode = (body: JsonObject) => codec.decodeRequest({ model: 'm', ...body }, {})

describe('requests', () => {
  test('wrong inputs are named', () => {
    const cases: [string, JsonValue][] = [
      ['input', null],
      ['input', []],
      ['input', {}],
      ['input[1]', ['a', 1]],
      ['input[1]', ['a', null]],
      ['input[0][1]', [[1, 'x']]],
      ['input[0]', [1.5]],
    ]
    for (const [param, input] of cases) {
      expect(() => decode({ input })).toThrow(
        expect.objectContaining({ kind: 'invalid_request', param }),
      )
    }
    expect(() => decode({ input: 'a', encoding_format: 'hex' })).toThrow(
      expect.objectContaining({ param: 'encoding_format' }),
    )
  })

  test('every form of input comes home as it was', () => {
    for (const input of ['a', '', ['a'], ['a', 'b'], [1, 2], [[1, 2]], [[1], [2]], ['a', [1]]]) {
      const body = { model: 'real', input, dimensions: 2, encoding_format: 'base64', x_more: 1 }
      const { value, losses } = codec.encodeRequest(decode(body), TARGET)
      expect(value).toEqual(body)
      expect(losses).toEqual([])
    }
    expect(decode({ input: [1, 2] })).toMatchObject({ input: [[1, 2]], single: true })
    expect(decode({ input: [[1, 2]] })).toMatchObject({ input: [[1, 2]], single: false })
  })
})

describe('answers', () => {
  test('no vectors is no answer', () => {
    const bad: JsonObject[] = [
      {},
      { data: [null] },
      { data: [{ embedding: 'AAA' }] },
      { data: [{ embedding: [1, 'x'] }] },
      { data: [{}] },
      // Four bytes that are NaN.
      { data: [{ embedding: 'AADAfw==' }] },
    ]
    for (const body of bad) {
      expect(() => codec.decodeResponse(body)).toThrow(
        expect.objectContaining({ kind: 'upstream_bad_response' }),
      )
    }
  })

  test('vectors stand in the order of their index', () => {
    const data = [
      { index: 1, embedding: [2] },
      { index: 0, embedding: [1] },
    ]
    expect(codec.decodeResponse({ model: 'm', data }).vectors).toEqual([[1], [2]])
  })

  test('base64 for who asked, floats for who did not, whatever the provider gave', () => {
    const response = {
      model: '',
      vectors: [[0.5, -0.25]],
      usage: { inputTokens: 3, cacheReadTokens: 1 },
    }
    const floats = codec.encodeResponse(response, REPLY).value
    expect(floats).toEqual({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.5, -0.25] }],
      model: 'asked',
      usage: { prompt_tokens: 4, total_tokens: 4 },
    })
    const request = decode({ input: 'a', encoding_format: 'base64' })
    const packed = codec.encodeResponse(response, { ...REPLY, request }).value
    expect(packed.data).toEqual([{ object: 'embedding', index: 0, embedding: 'AAAAPwAAgL4=' }])
    expect(codec.decodeResponse(packed).vectors).toEqual([[0.5, -0.25]])
  })
})
