// What is taken out of a relayed stream, in whatever pieces it comes: nothing else may change by a single byte.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { LIMITS } from '../core/limits.ts'
import { cpuMsOf } from '../testing/cpu-time.ts'
import { createTestGateway, testProvider, textOf } from '../testing/gateway.ts'
import { checkParameters } from '../testing/seed.ts'
import { stream } from '../testing/upstream-answers.ts'
import { startUpstream } from '../testing/upstream.ts'
import { RelayEdits } from './relay-edits.ts'

const encode = (text: string) => new TextEncoder().encode(text)
const event = (value: unknown, end = '\n\n') => `data: ${JSON.stringify(value)}${end}`

const DELTA = { id: 'x', choices: [{ index: 0, delta: { content: 'é "user_id": "metadata"' } }] }
const USAGE = { id: 'x', choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } }
const TOLD = { code: 502, message: 'Provider disconnected' }
const METADATA = { provider_name: 'Someone', raw: 'account 42' }
const FAILED = { id: 'x', choices: [], error: { ...TOLD, metadata: METADATA }, user_id: 'user_42' }
const PLAIN = { id: 'x', choices: [], error: TOLD }

/** The stream in pieces of these lengths, the last one repeated. */
function run(
  text: string,
  sizes: readonly number[],
  editing = { withholdUsage: true, hideAccount: true },
) {
  const edits = new RelayEdits(editing)
  const bytes = encode(text)
  const out: Uint8Array[] = []
  let piece = 0
  for (let at = 0; at < bytes.length; piece += 1) {
    const size = sizes[Math.min(piece, sizes.length - 1)]!
    const edited = edits.push(bytes.subarray(at, at + size))
    if (edited !== undefined) out.push(edited)
    at += size
  }
  const rest = edits.end()
  if (rest !== undefined) out.push(rest)
  return Buffer.concat(out).toString()
}

const PIECES: readonly (readonly [string, string])[] = [
  [event(DELTA), event(DELTA)],
  [event(DELTA, '\r\n\r\n'), event(DELTA, '\r\n\r\n')],
  [event(USAGE), ''],
  [event(FAILED), event(PLAIN)],
  [event(PLAIN), event(PLAIN)],
  [`event: x\n${event(FAILED)}`, `event: x\n${event(PLAIN)}`],
  [': OPENROUTER PROCESSING\n\n', ': OPENROUTER PROCESSING\n\n'],
  [
    event({ type: 'response.created', response: { metadata: { user_id: 'mine' } } }),
    event({ type: 'response.created', response: { metadata: { user_id: 'mine' } } }),
  ],
  [
    event({ user_id: 'mine', metadata: {}, error: null }),
    event({ user_id: 'mine', metadata: {}, error: null }),
  ],
  ['data: {"user_id": "broken\n\n', 'data: {"user_id": "broken\n\n'],
  ['data: [DONE]\n\n', 'data: [DONE]\n\n'],
]

test('the usage event and the account go, all else stays, however the bytes are cut', () => {
  const parts = fc.array(fc.constantFrom(...PIECES), { maxLength: 8 })
  const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(parts, sizes, fc.constantFrom('', event(DELTA).slice(0, -1)), (all, cut, rest) => {
      const text = all.map(([sent]) => sent).join('') + rest
      expect(run(text, cut)).toBe(all.map(([, expected]) => expected).join('') + rest)
    }),
    checkParameters(500),
  )
})

test('each edit by itself', () => {
  const text = event(USAGE) + event(FAILED)
  expect(run(text, [1_000], { withholdUsage: false, hideAccount: true })).toBe(
    event(USAGE) + event(PLAIN),
  )
  expect(run(text, [1_000], { withholdUsage: true, hideAccount: false })).toBe(event(FAILED))
})

test('an event without an end is held to a bound, and not searched again with every piece', () => {
  const edits = new RelayEdits({ withholdUsage: true, hideAccount: true })
  const chunk = encode('a'.repeat(64))
  const push = () => {
    for (let sent = 0; sent <= LIMITS.streamFrameBytesMax; sent += chunk.length) {
      expect(edits.push(chunk)).toBeUndefined()
    }
  }
  const pushing = () => expect(push).toThrow('larger than this server takes')
  expect(cpuMsOf(pushing)).toBeLessThan(5_000)
})

describe('OpenRouter', () => {
  test.each([
    ['openrouter', undefined, true],
    ['openrouter', { include_usage: true }, true],
    ['openai', undefined, false],
  ] as const)(
    '%s, %p: the account of an error in a stream is hidden: %p',
    async (type, options, hidden) => {
      await using up = startUpstream(
        stream([event(DELTA), event(FAILED).slice(0, 90), event(FAILED).slice(90)]),
      )
      const provider = testProvider({ id: 'p', type, baseUrl: `${up.url}/v1` })
      const gateway = createTestGateway({ providers: [provider] })
      const body = {
        model: 'p/m',
        messages: [{ role: 'user', content: 'Hi' }],
        stream: true,
        stream_options: options,
      }
      const text = await textOf(await gateway.ask({ body }))
      expect(text).toContain('Provider disconnected')
      expect(text.includes('user_42')).toBe(!hidden)
      expect(text.includes('account 42')).toBe(!hidden)
      expect((await gateway.outcome()).errorKind).toBe('upstream_error')
    },
  )
})
