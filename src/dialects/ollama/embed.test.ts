// Embeddings in both forms, errors, the tap and the catalogue: refused and odd input first.

import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../core/error.ts'
import type { JsonObject } from '../../core/json.ts'
import type { EmbeddingCodec, EncodeTarget, ReplyContext } from '../dialect.ts'
import {
  OLLAMA_VERSION,
  encodeLoaded,
  encodePs,
  encodeShow,
  encodeTags,
  encodeVersion,
  loadRequest,
} from './catalog.ts'
import { ollama } from './index.ts'

const embedding = ollama.embedding as EmbeddingCodec
const target: EncodeTarget = { model: 'nomic', quirks: {}, defaultMaxTokens: 1 }
const reply: ReplyContext = { model: 'asked', id: '', nowMs: 0, streamUsage: false }

function refusal(run: () => unknown): GatewayError {
  try {
    run()
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('embeddings', () => {
  test('input of a wrong type is refused, in both forms', () => {
    for (const input of [undefined, 1, {}, [1], [['a']]]) {
      const body = { model: 'm', ...(input === undefined ? {} : { input }) } as JsonObject
      expect(refusal(() => embedding.decodeRequest(body, {})).param).toBe('input')
    }
    const legacy = { model: 'm', prompt: ['a'] }
    expect(refusal(() => embedding.decodeRequest(legacy, { legacy: true })).param).toBe('prompt')
  })

  test('token lists cannot be sent', () => {
    const request = { model: 'm', input: ['a', [1, 2]], single: false }
    const error = refusal(() => embedding.encodeRequest(request, target))
    expect(error.kind).toBe('unsupported')
    expect(error.param).toBe('input[1]')
  })

  test('an answer without vectors is a bad response', () => {
    for (const body of [{}, { error: 'x' }, { embeddings: 'x' }, { embeddings: [['a']] }]) {
      expect(refusal(() => embedding.decodeResponse(body)).kind).toBe('upstream_bad_response')
    }
  })

  test('one text, an empty text and a list stay what they were', () => {
    for (const input of ['a', '', ['a'], ['a', 'b'], []]) {
      const body = { model: 'nomic', input, dimensions: 4, truncate: false, keep_alive: '1m' }
      const request = embedding.decodeRequest(body, {})
      expect(request.single).toBe(typeof input === 'string')
      expect(embedding.encodeRequest(request, target)).toEqual({ value: body, losses: [] })
    }
  })

  test('options full of nulls say nothing', () => {
    const options = { mirostat: null, num_ctx: null }
    const request = embedding.decodeRequest(
      { model: 'm', input: 'a', options, keep_alive: null },
      {},
    )
    expect(request.extras).toBeUndefined()
  })

  test('the older form has its own request and answer', () => {
    const body = { model: 'nomic', prompt: 'a', options: { num_ctx: 1 } }
    const request = embedding.decodeRequest(body, { legacy: true })
    expect(embedding.encodeRequest(request, target)).toEqual({ value: body, losses: [] })
    const response = embedding.decodeResponse({ embedding: [0, -1.5] })
    expect(response).toEqual({ model: '', vectors: [[0, -1.5]] })
    const { value } = embedding.encodeResponse(response, { ...reply, request })
    expect(value).toEqual({ embedding: [0, -1.5] })
  })

  test('the newer form keeps counts and durations', () => {
    const body = {
      model: 'm',
      embeddings: [[1], [2]],
      total_duration: 5,
      prompt_eval_count: 0,
    }
    const response = embedding.decodeResponse(body)
    expect(response.usage).toEqual({ inputTokens: 0 })
    expect(embedding.encodeResponse(response, reply)).toEqual({ value: body, losses: [] })
  })
})

describe('errors', () => {
  test('every form is read, and what is no error is not', () => {
    const { decode } = ollama.errors
    expect(decode('{"error":"model \'nope\' not found"}')).toEqual({
      message: "model 'nope' not found",
      code: 'model_not_found',
    })
    expect(decode('{"error":{"message":"no","type":"api_error","param":null,"code":401}}')).toEqual(
      { message: 'no', type: 'api_error', code: '401' },
    )
    const long = 'prompt too long; exceeded max context length by 12 tokens (ref: x)'
    expect(decode(JSON.stringify({ error: { message: long, code: null } }))?.code).toBe(
      'context_length_exceeded',
    )
    expect(decode('the input length exceeds the context length')).toEqual({
      message: 'the input length exceeds the context length',
      code: 'context_length_exceeded',
    })
    expect(decode('404 page not found')).toEqual({ message: '404 page not found' })
    for (const text of ['', '  ', '<html>x</html>', '{"a":1}', '{"error":', '[]', 'null']) {
      expect(decode(text)).toBeUndefined()
    }
  })

  test('one form is written, without the cause', () => {
    const error = new GatewayError('upstream_error', { cause: new Error('secret') })
    expect(ollama.errors.encode(error, 'r')).toEqual({ error: error.message })
    expect(ollama.errors.encodeStream(error, 'r')).toBe(`{"error":"${error.message}"}\n`)
    expect(error.message).not.toContain('secret')
  })
})

describe('the tap', () => {
  const frame = (body: JsonObject) => ({ data: JSON.stringify(body) })
  const last = { model: 'm', done: true, done_reason: 'stop', prompt_eval_count: 2, eval_count: 0 }
  const usage = { inputTokens: 2, outputTokens: 0 }

  test('a stream without its last line is not complete', () => {
    expect(ollama.tap.readFrames([])).toEqual({ complete: false })
    const cut = [frame({ model: 'm', message: { content: 'a' } }), { data: '{"mod' }]
    expect(ollama.tap.readFrames(cut)).toEqual({ complete: false, model: 'm' })
  })

  test('an error inside the stream is seen', () => {
    const frames = [frame({ model: 'm', done: false }), frame({ error: 'boom' })]
    expect(ollama.tap.readFrames(frames)).toEqual({ complete: false, error: { message: 'boom' } })
  })

  test('counts and reason of the last line, past a half line after the gap', () => {
    const frames = [frame({ model: 'm' }), { data: 'alf":1}' }, frame(last)]
    const reading = { complete: true, usage, finish: 'stop', model: 'm' }
    expect(ollama.tap.readFrames(frames)).toEqual(reading)
    expect(ollama.tap.readResponse(last)).toEqual(reading)
  })

  test('text that looks like the end is not the end', () => {
    const content = '{"done":true}'
    const frames = [frame({ model: 'm', message: { content }, done: false })]
    expect(ollama.tap.readFrames(frames).complete).toBe(false)
  })

  test('an embedding answer is complete as it is', () => {
    expect(ollama.tap.readResponse({ embeddings: [[1]], prompt_eval_count: 3 })).toEqual({
      complete: true,
      usage: { inputTokens: 3 },
    })
    expect(ollama.tap.readResponse({ embedding: [1] })).toEqual({ complete: true })
  })
})

describe('the catalogue', () => {
  const model = { id: 'openai/gpt-x', contextWindow: 128_000, createdMs: 0 } as const

  test('the version is a bare one that VS Code accepts', () => {
    expect(encodeVersion()).toEqual({ version: OLLAMA_VERSION })
    const [major = 0, minor = 0, patch = 0] = OLLAMA_VERSION.split('.').map(Number)
    expect(OLLAMA_VERSION).toMatch(/^\d+\.\d+\.\d+$/)
    expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(6004)
  })

  test('a listed model has every member, and a digest of its own that stays', () => {
    const [first, second] = encodeTags([model, { id: 'b' }])['models'] as JsonObject[]
    expect(Object.keys(first ?? {}).toSorted()).toEqual([
      'details',
      'digest',
      'model',
      'modified_at',
      'name',
      'size',
    ])
    expect(first?.['digest']).toMatch(/^[0-9a-f]{64}$/)
    expect(first?.['digest']).not.toBe(second?.['digest'])
    expect(encodeTags([model])['models']).toEqual([first ?? {}])
    expect(first?.['modified_at']).toBe('1970-01-01T00:00:00.000Z')
    expect(Number.isNaN(Date.parse(String(second?.['modified_at'])))).toBe(false)
  })

  test('the context window stands where clients look for it, and nowhere when unknown', () => {
    for (const family of ['qwen3', undefined, '']) {
      const given = family === undefined ? model : { ...model, family }
      const info = encodeShow(given)['model_info'] as JsonObject
      const architecture = String(info['general.architecture'])
      expect(architecture).not.toBe('')
      expect(info[`${architecture}.context_length`]).toBe(128_000)
    }
    const unknown = encodeShow({ id: 'b' })
    expect(Object.keys(unknown['model_info'] as JsonObject)).toEqual([
      'general.architecture',
      'general.basename',
    ])
    expect(unknown['capabilities']).toEqual(['completion'])
    const capable = encodeShow({ id: 'b', capabilities: ['completion', 'tools', 'vision'] })
    expect(capable['capabilities']).toEqual(['completion', 'tools', 'vision'])
  })

  test('ps lists what is ready', () => {
    expect(encodePs([], 0)).toEqual({ models: [] })
    const [running] = encodePs([model], 60_000)['models'] as JsonObject[]
    expect(running).toMatchObject({
      name: model.id,
      expires_at: '1970-01-01T00:01:00.000Z',
      size_vram: 0,
      context_length: 128_000,
    })
  })

  test('a request that only loads is known as one', () => {
    expect(loadRequest('chat', { messages: [] })).toBe('load')
    expect(loadRequest('chat', { model: 'm', keep_alive: 0 })).toBe('unload')
    expect(loadRequest('chat', { messages: [{ role: 'user' }] })).toBeUndefined()
    expect(loadRequest('chat', { messages: 'x' })).toBeUndefined()
    expect(loadRequest('generate', { prompt: '' })).toBe('load')
    expect(loadRequest('generate', { prompt: 'a', keep_alive: 0 })).toBeUndefined()
    expect(encodeLoaded('generate', 'm', 0, true)).toEqual({
      model: 'm',
      created_at: '1970-01-01T00:00:00.000Z',
      response: '',
      done: true,
      done_reason: 'unload',
    })
  })
})
