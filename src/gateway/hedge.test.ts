// Two legs of one race: whatever ends it, the one that lost is cut off, gives back what it held, and stands in the log.

import { afterEach, describe, expect, test } from 'bun:test'
import { DEFAULT_ROUTING, type Model, type Provider } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { UpstreamResponse } from '../core/ports.ts'
import { createTestGateway, testProvider, textOf } from '../testing/gateway.ts'
import { json, rateLimited } from '../testing/upstream-answers.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'
import { hedged } from './hedge.ts'
import type { Reached, TargetFailure } from './target-run.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function upstream(...script: Answer[]): Upstream {
  const started = startUpstream(...script)
  closing.push(started)
  return started
}

interface Answered {
  readonly upstream: UpstreamResponse
}

/** An answer that tells what became of it. */
function reached() {
  const told: string[] = []
  const answer = { upstream: { cancel: () => told.push('cancelled') } } as never
  const over = () => told.push('over')
  return { told, result: { answer, over } as unknown as Reached<Answered> }
}

function leg() {
  const { promise, resolve, reject } = Promise.withResolvers<Reached<Answered> | TargetFailure>()
  const signals: AbortSignal[] = []
  const ask = (signal: AbortSignal) => {
    signals.push(signal)
    return promise
  }
  return { ask, reject, resolve, signals }
}

function race() {
  const [one, two] = [leg(), leg()]
  const signal = new AbortController().signal
  const result = hedged<Answered>({ afterMs: 1, signal, first: one.ask, second: two.ask })
  return { one, two, result }
}

async function begun({ two }: ReturnType<typeof race>): Promise<void> {
  while (two.signals.length === 0) await Bun.sleep(1)
}

const FAILURE: TargetFailure = { error: new GatewayError('upstream_error'), stop: false }

describe('hedged', () => {
  test('both answer at once: one is told, the other gives back what it holds', async () => {
    const running = race()
    await begun(running)
    const [first, second] = [reached(), reached()]
    running.two.resolve(second.result)
    running.one.resolve(first.result)
    expect(await running.result).toBe(second.result)
    await Promise.resolve()
    expect([first.told, second.told]).toEqual([['cancelled', 'over'], []])
    expect(running.one.signals[0]?.aborted).toBe(true)
    expect(running.two.signals[0]?.aborted).toBe(false)
  })

  test('a fault of this program in one leg cuts the other, which gives back what it holds', async () => {
    const running = race()
    await begun(running)
    const other = reached()
    running.two.reject(new TypeError('a fault'))
    await expect(running.result).rejects.toThrow('a fault')
    expect(running.one.signals[0]?.aborted).toBe(true)
    running.one.resolve(other.result)
    await Bun.sleep(0)
    expect(other.told).toEqual(['cancelled', 'over'])
  })

  test('both fail: the request’s own fault is told before any other', async () => {
    const wrong = { error: new GatewayError('upstream_invalid_request'), stop: true }
    for (const [sooner, later] of [
      [wrong, FAILURE],
      [FAILURE, wrong],
    ] as const) {
      const running = race()
      await begun(running)
      running.one.resolve(sooner)
      running.two.resolve(later)
      expect(await running.result).toBe(wrong)
    }
  })
})

const said = json({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 },
})

/** Answers once it is let to, or its caller has left. */
function held(answer: Answer): { answer: Answer; release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    answer: async (request) => {
      await Promise.race([promise, request.disconnected])
      return await answer(request)
    },
    release: resolve,
  }
}

const BODY = { model: 'fast', messages: [{ role: 'user', content: 'Hi' }] }

function gatewayOf(first: Answer, second: Answer, hedgeAfterMs = 5, keepsBodies = false) {
  const over: Partial<Provider> = {
    concurrency: { max: 4, queue: 0, queueTimeoutMs: 0 },
    retries: { max: 0, baseMs: 1, capMs: 1 },
  }
  const base = { type: 'custom', compatible: 'openai' } as const
  const [a, b] = [upstream(first), upstream(second)]
  const providers = [
    testProvider({ id: 'a', ...base, baseUrl: `${a.url}/v1`, ...over }),
    testProvider({ id: 'b', ...base, baseUrl: `${b.url}/v1`, ...over }),
  ]
  const model: Model = {
    id: 'fast',
    origin: 'file',
    targets: providers.map(({ id }, order) => ({ providerId: id, model: 'm', order, weight: 1 })),
    defaults: {},
    losses: 'report',
    routing: { ...DEFAULT_ROUTING, hedgeAfterMs },
  }
  const content = keepsBodies ? ({ keep: 'content', redact: [] } as const) : undefined
  const gateway = createTestGateway({ providers, models: [model], ...(content && { content }) })
  /** Everything that is counted while something runs, of both. */
  const running = () =>
    providers.flatMap((one) => [
      gateway.deps.gates.providers().get(one.id)?.running,
      gateway.deps.health.view(one, 'm').running,
      gateway.deps.health.keys(one).report(one.keys, 0)[0]?.running,
    ])
  return { a, b, gateway, running }
}

test('what the one that failed has said is not in the content of the other’s answer', async () => {
  const second = held(said)
  const failing = json(
    { error: { message: 'Incorrect API key: sk-of-the-first' } },
    { status: 500 },
  )
  const first: Answer = async (request) => {
    while (two.requests.length === 0) await Bun.sleep(1)
    setTimeout(second.release, 20)
    return await failing(request)
  }
  const { b: two, gateway } = gatewayOf(first, second.answer, 5, true)
  const reply = await gateway.ask({ body: BODY })
  expect(reply.headers['x-weir-provider']).toBe('b')
  await textOf(reply)
  const outcome = await gateway.outcome()
  expect(outcome.responseBody).toContain('"Hi"')
  expect(JSON.stringify(outcome.providerResponseBody ?? '')).not.toContain('Incorrect')
})

describe('what both held is given back', () => {
  test('when the second answers; and the first is in the row from the beginning', async () => {
    const slow = held(said)
    const { gateway, running } = gatewayOf(slow.answer, said)
    const rows: string[] = []
    const { record } = gateway.deps.sink
    gateway.deps.sink.record = (outcome) => {
      rows.push(
        JSON.stringify(outcome.attempts.map(({ providerId, error }) => [providerId, error])),
      )
      record(outcome)
    }
    const reply = await gateway.ask({ body: BODY })
    expect(reply.headers['x-weir-provider']).toBe('b')
    expect(reply.headers['x-weir-attempts']).toBe('2')
    await textOf(reply)
    expect(JSON.parse(rows[0] ?? '')).toEqual([
      ['b', null],
      ['a', 'client_closed'],
    ])
    while (running().some((count) => count !== 0)) await Bun.sleep(1)
    expect(gateway.outcomes[0]?.attempts).toHaveLength(2)
  })

  test('when the first answers after the second has begun', async () => {
    const slow = held(said)
    const never = held(said)
    const { b, gateway, running } = gatewayOf(slow.answer, never.answer, 50)
    const asking = gateway.ask({ body: BODY })
    await b.request(0)
    slow.release()
    const reply = await asking
    expect(reply.headers['x-weir-provider']).toBe('a')
    const outcome = await gateway.outcome()
    // Since the one that answered was asked, not since the other was.
    expect(outcome.providerMs).toBeGreaterThanOrEqual(45)
    while (running().some((count) => count !== 0)) await Bun.sleep(1)
  })

  test('when both fail, each in its way', async () => {
    const slow = held(json({ error: { message: 'no' } }, { status: 500 }))
    const { a, gateway, running } = gatewayOf(slow.answer, async (request) => {
      slow.release()
      return await rateLimited()(request)
    })
    const reply = await gateway.ask({ body: BODY })
    expect([429, 502]).toContain(reply.status)
    expect(a.requests).toHaveLength(1)
    expect(running()).toEqual([0, 0, 0, 0, 0, 0])
    expect(gateway.outcomes[0]?.attempts).toHaveLength(2)
  })

  test('when the client leaves', async () => {
    const { a, b, gateway, running } = gatewayOf(held(said).answer, held(said).answer)
    const leaving = new AbortController()
    const asking = gateway.ask({ body: BODY, signal: leaving.signal })
    await Promise.all([a.request(0), b.request(0)])
    leaving.abort()
    expect((await asking).status).toBe(499)
    while (running().some((count) => count !== 0)) await Bun.sleep(1)
    expect(gateway.outcomes[0]?.attempts).toHaveLength(2)
  })
})
