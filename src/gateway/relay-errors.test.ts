// What a provider says of us in an error inside a relayed stream: its words are scrubbed as those of any other error, in every
// protocol and however the bytes are cut; and a stream that tells nothing passes byte by byte.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { DialectName } from '../core/ir/request.ts'
import type { JsonObject } from '../core/json.ts'
import { createTestGateway, testProvider, textOf } from '../testing/gateway.ts'
import { checkParameters } from '../testing/seed.ts'
import { watchedStreams } from '../testing/time-by-hand.ts'
import { stream } from '../testing/upstream-answers.ts'
import { startUpstream } from '../testing/upstream.ts'
import { RelayEdits } from './relay-edits.ts'
import { withoutKeys } from './relay-errors.ts'

const KEY = 'our-own-key-0123456789'
const PROVIDER = testProvider({
  id: 'p',
  type: 'custom',
  baseUrl: 'http://models.internal:8000/v1',
  keys: [{ id: 'k', secret: KEY }],
})
const WORDS = `Refused ${KEY} at models.internal:8000, also Bearer abcdefgh12345678`

const sse = (value: unknown, end = '\n\n') => `data: ${JSON.stringify(value)}${end}`
const line = (value: unknown) => `${JSON.stringify(value)}\n`
const DELTA = { choices: [{ index: 0, delta: { content: 'say "error": "x" é' } }], error: null }

interface Case {
  readonly type: 'custom' | 'anthropic' | 'gemini' | 'cohere' | 'ollama' | 'openai'
  readonly dialect: DialectName
  readonly begin: string
  readonly failed: string
  readonly body?: JsonObject
  readonly base?: string
}

const MESSAGES = { messages: [{ role: 'user', content: 'Hi' }] }
const CASES: readonly Case[] = [
  {
    type: 'custom',
    dialect: 'openai-chat',
    begin: sse(DELTA),
    failed: sse({ error: { message: WORDS, type: 'server_error', detail: [WORDS] } }),
    base: '/v1',
  },
  {
    type: 'openai',
    dialect: 'openai-responses',
    begin: sse({ type: 'response.created', response: { id: 'r', error: null, output: [] } }),
    failed: sse({ type: 'response.failed', response: { id: 'r', error: { message: WORDS } } }),
    body: { input: 'Hi', store: false },
    base: '/v1',
  },
  {
    type: 'openai',
    dialect: 'openai-responses',
    begin: '',
    failed: sse({ type: 'error', code: null, message: WORDS, param: null, sequence_number: 1 }),
    body: { input: 'Hi', store: false },
    base: '/v1',
  },
  {
    type: 'anthropic',
    dialect: 'anthropic',
    begin: `event: ping\n${sse({ type: 'ping' })}`,
    failed: `event: error\n${sse({ type: 'error', error: { type: 'api_error', message: WORDS } })}`,
    body: { ...MESSAGES, max_tokens: 9 },
  },
  {
    type: 'gemini',
    dialect: 'gemini',
    begin: sse({ candidates: [{ content: { parts: [{ text: 'a' }] }, index: 0 }] }),
    failed: sse({ error: { code: 500, message: WORDS, status: 'INTERNAL' } }),
    body: { contents: [{ parts: [{ text: 'Hi' }] }] },
  },
  {
    type: 'cohere',
    dialect: 'cohere',
    begin: `event: message-start\n${sse({ type: 'message-start', delta: { message: {} } })}`,
    failed: sse({ type: 'message-end', delta: { finish_reason: 'ERROR', error: WORDS } }),
    body: MESSAGES,
  },
  {
    type: 'ollama',
    dialect: 'ollama',
    begin: line({ message: { role: 'assistant', content: 'a' }, done: false }),
    failed: line({ error: WORDS }),
    body: MESSAGES,
  },
]

describe('an error in a relayed stream tells nothing of ours', () => {
  test.each(CASES)('$type, $dialect', async ({ type, dialect, begin, failed, body, base }) => {
    const bytes = begin + failed
    const at = begin.length + 12
    await using up = startUpstream(stream([bytes.slice(0, at), bytes.slice(at)]))
    const provider = { ...PROVIDER, type, baseUrl: `${up.url}${base ?? ''}` }
    const gateway = createTestGateway({ providers: [provider] })
    const reply = await gateway.ask({
      dialect,
      body: dialect === 'gemini' ? body : { model: 'p/m', stream: true, ...(body ?? MESSAGES) },
      hints: dialect === 'gemini' ? { model: 'p/m', stream: true } : {},
    })
    expect(reply.headers['x-weir-mode']).toBe('relay')
    const text = await textOf(reply)
    expect(text).toStartWith(begin)
    expect(text).toContain('Refused [redacted]')
    expect(text).not.toContain(KEY)
    expect(text).not.toContain('abcdefgh12345678')
    expect((await gateway.outcome()).errorKind).toBe('upstream_error')
  })
})

const EDITING = { withholdUsage: false, hideAccount: false, provider: PROVIDER }

/** What comes out where the bytes come in pieces of these lengths, the last one repeated. */
function run(text: string, sizes: readonly number[], lines = false): string {
  const edits = new RelayEdits({ ...EDITING, lines })
  const bytes = new TextEncoder().encode(text)
  const out: Uint8Array[] = []
  for (let at = 0, piece = 0; at < bytes.length; piece += 1) {
    const chunk = bytes.subarray(at, at + sizes[Math.min(piece, sizes.length - 1)]!)
    at += chunk.length
    const told = edits.concerns(chunk) ? edits.push(chunk) : chunk
    if (told !== undefined) out.push(told)
  }
  return Buffer.concat([...out, edits.end() ?? new Uint8Array()]).toString()
}

const HARMLESS = [
  sse(DELTA),
  sse(DELTA, '\r\n\r\n'),
  sse({ error: { message: 'Overloaded\nfor now', type: 'x' } }),
  sse({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }),
  'data: {"error": {"message": "broken\n\n',
  ': comment\n\n',
  'event: error\ndata: {"message": "Overloaded"}\n\n',
  'data: [DONE]\n\n',
]

test('what tells nothing passes as it came, however it is cut', () => {
  const parts = fc.array(fc.constantFrom(...HARMLESS), { maxLength: 8 })
  const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(parts, sizes, (all, cut) => {
      expect(run(all.join(''), cut)).toBe(all.join(''))
    }),
    checkParameters(300),
  )
})

test('what the model says beside an error is its own', () => {
  const said = sse({ choices: [{ delta: { content: KEY } }], error: { message: 'no' } })
  expect(run(said, [4_096])).toBe(said)
})

test('a key goes in every form from an event that is no JSON', () => {
  const secret = 'a "quoted" key'
  const provider = testProvider({ ...PROVIDER, keys: [{ id: 'k', secret }] })
  for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]) {
    expect(withoutKeys(`data: {"error": "${form}`, provider)).toBe('data: {"error": "[redacted]')
  }
})

test('a key goes from an event that is cut before its words, and from one that is no JSON', () => {
  const event = sse({ error: { message: WORDS } })
  for (let cut = 1; cut < event.indexOf(KEY); cut += 1) {
    expect(run(sse(DELTA) + event, [sse(DELTA).length + 1 + cut, 4_096])).not.toContain(KEY)
  }
  expect(run(`data: {"error": "${KEY}\n\n`, [4_096])).toBe('data: {"error": "[redacted]\n\n')
  expect(run(line({ error: KEY }) + line({ done: true }), [9], true)).toBe(
    line({ error: '[redacted]' }) + line({ done: true }),
  )
})

test.each([1_990, 2_100, 20_000])('a key behind %p characters goes too', (chars) => {
  const words = `${'word '.repeat(chars / 5)}${KEY}`
  expect(run(sse({ error: { message: words } }), [4_096])).not.toContain(KEY)
})

test.each([
  `event: error\n${sse({ message: WORDS })}`,
  `event:error\r\n${sse({ detail: [{ msg: WORDS }] }, '\r\n\r\n')}`,
  sse({ object: 'error', message: WORDS, code: 400 }),
])('an error that is one by its name or object: %p', (event) => {
  const told = run(event, [4_096])
  expect(told).toBe(
    event
      .replace(KEY, '[redacted]')
      .replace('models.internal:8000', '[redacted]')
      .replace('Bearer abcdefgh12345678', 'Bearer [redacted]'),
  )
})

describe('an error that is mentioned in the middle of an event', () => {
  const CUT = ['data: {"id":"x","err', 'or": {"message": "He']

  test('and breaks off there does not swallow what is told of it', async () => {
    // Silence after it: the provider is given up, and what was held back of the event with it.
    const [seen, gone] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
    const sent = Promise.withResolvers<void>()
    const pieces = async function* () {
      yield sse(DELTA) + CUT[0]!
      yield await seen.promise
      sent.resolve()
      yield await gone.promise
    }
    await using up = startUpstream(stream(pieces()))
    const provider = { ...PROVIDER, baseUrl: `${up.url}/v1` }
    const gateway = createTestGateway({ providers: [provider] })
    const watched = watchedStreams(gateway.deps)
    void sent.promise.then(async () => {
      // On its way; what is told is the same, should it not have come by then.
      await Bun.sleep(50)
      const { idleMs } = provider.timeouts
      for (const one of watched) one.tick(gateway.deps.clock.monotonicMs() + idleMs + 1)
    })
    const wanted = { stream: true, stream_options: { include_usage: true } }
    const reply = await gateway.ask({ body: { ...MESSAGES, model: 'p/m', ...wanted } })
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of reply.body as ReadableStream<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true })
      if (text.endsWith(CUT[0]!)) seen.resolve(CUT[1]!)
    }
    gone.resolve('')
    expect(text).toStartWith(`${sse(DELTA)}${CUT[0]}\n\ndata: {"error":`)
  })

  test('has no end yet, and what comes after it has', () => {
    const edits = new RelayEdits(EDITING)
    const bytes = (text: string) => new TextEncoder().encode(text)
    expect(edits.concerns(bytes(CUT[0]!))).toBe(false)
    expect(edits.concerns(bytes(CUT[1]!))).toBe(true)
    expect(edits.push(bytes(CUT[1]!))).toBeUndefined()
    expect([edits.holds, edits.endsWhole]).toEqual([true, false])
    edits.push(bytes('ll"}}\n\ndata: {"a'))
    expect([edits.holds, edits.endsWhole]).toEqual([true, true])
  })
})
