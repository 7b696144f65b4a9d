import { describe, expect, test } from 'bun:test'
import { Flags, type FlagRule } from '../core/flags.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { testKey } from '../testing/principals.ts'
import { json } from '../testing/upstream-answers.ts'
import { startUpstream, type Answer } from '../testing/upstream.ts'
import type { GatewayDeps } from './deps.ts'
import { handle } from './handle.ts'
import type { Tracing } from './tracing.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const PARENT = `00-${TRACE}-${SPAN}-01`
const ON: Tracing = { sample: 1, honourParent: true, propagate: true }

const good = json({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
})
const limited = json({ error: { message: 'later' } }, { status: 503 })

async function asked(options: {
  readonly tracing?: Tracing
  readonly headers?: Record<string, string>
  readonly flags?: readonly FlagRule[]
  readonly answers?: readonly Answer[]
  readonly change?: (deps: GatewayDeps) => Partial<GatewayDeps>
}) {
  const upstream = startUpstream(...(options.answers ?? [good]))
  const gateway = createTestGateway({
    providers: [testProvider({ id: 'p', type: 'openai', baseUrl: `${upstream.url}/v1` })],
  })
  const { tracing } = options
  const deps: GatewayDeps = {
    ...gateway.deps,
    flags: new Flags(options.flags ?? []),
    ...(tracing === undefined ? {} : { tracing: () => tracing }),
    ...options.change?.(gateway.deps),
  }
  const reply = await handle(
    {
      dialect: 'openai-chat',
      operation: 'chat',
      endpoint: '/v1/chat/completions',
      bytes: new TextEncoder().encode(
        JSON.stringify({ model: 'p/m', messages: [{ role: 'user', content: 'hello' }] }),
      ),
      headers: new Headers(options.headers),
      principal: testKey({ keyId: 'k' }),
      requestId: 'r',
      signal: new AbortController().signal,
      arrivedMs: 1_000,
      arrivedMonotonicMs: performance.now(),
      hints: {},
      streamByDefault: false,
    },
    deps,
  )
  const outcome = await gateway.outcome()
  await upstream.close()
  return { outcome, reply, requests: upstream.requests }
}

describe('off', () => {
  test('no id is made and nobody is told; a client’s trace is still in the row', async () => {
    let uuids = 0
    const { outcome, requests } = await asked({
      headers: { traceparent: PARENT, tracestate: 'a=1' },
      change: ({ ids }) => ({
        ids: {
          uuid: () => {
            uuids += 1
            return ids.uuid()
          },
          random: () => ids.random(),
        },
      }),
    })
    // That of the record alone.
    expect(uuids).toBe(1)
    expect(outcome.trace).toBeUndefined()
    expect(outcome.traceId).toBe(TRACE)
    expect(outcome.attempts.every(({ spanId }) => spanId === undefined)).toBe(true)
    expect(requests[0]?.headers['traceparent']).toBeUndefined()
    expect(requests[0]?.headers['tracestate']).toBeUndefined()
  })

  test.each(['junk', `00-${'0'.repeat(32)}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01-x`])(
    'a bad header (%s) is none',
    async (traceparent) => {
      expect((await asked({ headers: { traceparent } })).outcome.traceId).toBeUndefined()
    },
  )
})

describe('on', () => {
  test('every attempt has a span of its own, which its provider is told', async () => {
    const { outcome, requests } = await asked({
      tracing: ON,
      headers: { traceparent: PARENT, tracestate: 'a=1' },
      answers: [limited, good],
    })
    expect(outcome.traceId).toBe(TRACE)
    expect(outcome.trace).toMatchObject({ parentSpanId: SPAN, sampled: true })
    const spans = outcome.attempts.map(({ spanId }) => spanId)
    expect(new Set([...spans, outcome.trace?.spanId]).size).toBe(3)
    expect(requests.map(({ headers }) => headers['traceparent'])).toEqual(
      spans.map((span) => `00-${TRACE}-${span}-01`),
    )
    expect(requests.every(({ headers }) => headers['tracestate'] === 'a=1')).toBe(true)
  })

  test('a bad header begins a trace of ours, and its state is nobody’s', async () => {
    const { outcome, requests } = await asked({
      tracing: ON,
      headers: { traceparent: 'junk', tracestate: 'a=1' },
    })
    expect(outcome.traceId).toMatch(/^[0-9a-f]{32}$/)
    expect(outcome.trace?.parentSpanId).toBeUndefined()
    expect(requests[0]?.headers['tracestate']).toBeUndefined()
  })

  test('providers are told nothing where they are not to be', async () => {
    const { outcome, requests } = await asked({ tracing: { ...ON, propagate: false } })
    expect(outcome.trace?.sampled).toBe(true)
    expect(requests[0]?.headers['traceparent']).toBeUndefined()
  })

  const rule = (value: string): FlagRule => ({
    flag: 'trace_sampling',
    value,
    percent: 100,
    origin: 'store',
  })

  test.each([
    ['the share', { sample: 0 }, undefined, undefined, false],
    ['the client, who wants it', { sample: 0 }, PARENT, undefined, true],
    ['the client, who does not', { sample: 1 }, PARENT.replace(/1$/, '0'), undefined, false],
    [
      'the share, where the client has no say',
      { sample: 0, honourParent: false },
      PARENT,
      undefined,
      false,
    ],
    ['the flag for all', { sample: 0 }, undefined, [rule('all')], true],
    [
      'the flag for all, over the client',
      { sample: 0 },
      PARENT.replace(/1$/, '0'),
      [rule('all')],
      true,
    ],
  ] as const)('%s decides', async (_, over, traceparent, flags, expected) => {
    const { outcome, requests } = await asked({
      tracing: { ...ON, ...over },
      ...(traceparent === undefined ? {} : { headers: { traceparent } }),
      ...(flags === undefined ? {} : { flags }),
    })
    expect(outcome.trace?.sampled).toBe(expected)
    expect(requests[0]?.headers['traceparent']?.endsWith(expected ? '-01' : '-00')).toBe(true)
  })

  test('the flag for none leaves nothing of it', async () => {
    const { outcome, requests } = await asked({ tracing: ON, flags: [rule('none')] })
    expect(outcome.trace).toBeUndefined()
    expect(requests[0]?.headers['traceparent']).toBeUndefined()
  })

  test('a wait for a toll is a step', async () => {
    // A timer may fire early by as long as its turn of the loop had lasted when it was set.
    const take = async () => {
      const untilMs = performance.now() + 15
      while (performance.now() < untilMs) await Bun.sleep(1)
    }
    const { outcome } = await asked({ tracing: ON, change: () => ({ tolls: [{ take }] }) })
    const [step] = outcome.trace?.steps ?? []
    expect(step?.name).toBe('admit')
    expect(step?.durationMs).toBeGreaterThan(10)
    expect(step?.startedMs).toBeGreaterThanOrEqual(0)
  })

  test('a toll that refuses is one as well', async () => {
    const { outcome, reply } = await asked({
      tracing: ON,
      change: () => ({
        tolls: [{ take: () => Bun.sleep(1).then(() => Promise.reject(new Error('x'))) }],
      }),
    })
    expect(reply.status).toBe(500)
    expect(outcome.trace?.steps.length).toBe(1)
    expect(outcome.attempts).toEqual([])
  })
})
