// What feature flags steer in the gateway: with a flag off nobody's answer is gone on with and no second target is asked, whatever the model
// says; for one tenant and for all, and for a share of callers that is always the same.

import { afterEach, expect, test } from 'bun:test'
import { DEFAULT_ROUTING, type Model } from '../core/catalog.ts'
import { Flags, type FlagRule } from '../core/flags.ts'
import { createTestGateway, testProvider, textOf } from '../testing/gateway.ts'
import { testKey } from '../testing/principals.ts'
import { json, stream } from '../testing/upstream-answers.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function upstream(...script: Answer[]): Upstream {
  const started = startUpstream(...script)
  closing.push(started)
  return started
}

const HEAD = { id: 'c1', created: 1, model: 'm' }

function chunk(delta: object, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }]
  return `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', choices })}\n\n`
}

const cut = () => stream([chunk({ role: 'assistant', content: 'One' })])
const rest = () => stream([chunk({ content: ', two' }), chunk({}, 'stop'), 'data: [DONE]\n\n'])
const whole = () =>
  json({
    ...HEAD,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
  })

function gatewayOf(
  first: Upstream,
  second: Upstream,
  rules: readonly FlagRule[],
  hedgeAfterMs?: number,
) {
  const base = { type: 'custom', compatible: 'openai' } as const
  const target = (providerId: string, order: number) => ({
    providerId,
    model: 'm',
    order,
    weight: 1,
    abilities: { prefill: true },
  })
  const model: Model = {
    id: 'fast',
    origin: 'file',
    targets: [target('a', 0), target('b', 1)],
    defaults: {},
    losses: 'report',
    routing: {
      ...DEFAULT_ROUTING,
      continuation: true,
      ...(hedgeAfterMs === undefined ? {} : { hedgeAfterMs }),
    },
  }
  const gateway = createTestGateway({
    providers: [
      testProvider({ id: 'a', ...base, baseUrl: `${first.url}/v1` }),
      testProvider({ id: 'b', ...base, baseUrl: `${second.url}/v1` }),
    ],
    models: [model],
  })
  return Object.assign(gateway, { deps: Object.assign(gateway.deps, { flags: new Flags(rules) }) })
}

const BODY = { model: 'fast', messages: [{ role: 'user', content: 'Count' }] }

function off(flag: 'continuation' | 'hedging', over: Partial<FlagRule> = {}): FlagRule {
  return { flag, value: false, percent: 100, origin: 'store', ...over }
}

test.each([
  ['no rule', [], true],
  ['off for all', [off('continuation')], false],
  ['off for another tenant', [off('continuation', { tenantId: 'other' })], true],
  [
    'on for this tenant',
    [off('continuation', { tenantId: 'default', value: true }), off('continuation')],
    true,
  ],
  ['off for nobody', [off('continuation', { percent: 0 })], true],
  ['another flag', [off('hedging')], true],
] as [string, FlagRule[], boolean][])('continuation, %s', async (_, rules, isGoneOn) => {
  const [first, second] = [upstream(cut()), upstream(rest())]
  const gateway = gatewayOf(first, second, rules)
  const reply = await gateway.ask({ body: { ...BODY, stream: true } })
  const text = await textOf(reply)
  expect(text.includes(', two')).toBe(isGoneOn)
  expect(second.requests).toHaveLength(isGoneOn ? 1 : 0)
})

test.each([
  ['no rule', [], true],
  ['off for all', [off('hedging')], false],
  ['another flag', [off('continuation')], true],
] as [string, FlagRule[], boolean][])('hedging, %s', async (_, rules, isHedged) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const slow: Answer = async (request) => {
    await Promise.race([promise, request.disconnected])
    return await whole()(request)
  }
  const second = upstream((request) => {
    resolve()
    return whole()(request)
  })
  const gateway = gatewayOf(upstream(slow), second, rules, 5)
  // Nobody comes to its help: it answers in its own time.
  if (!isHedged) setTimeout(resolve, 60)
  expect((await gateway.ask({ body: BODY })).status).toBe(200)
  expect(second.requests).toHaveLength(isHedged ? 1 : 0)
})

test('a share of callers: who is within it is so for every request, and others never are', async () => {
  const rules = [off('continuation', { percent: 50 })]
  const flags = new Flags(rules)
  const callers = Array.from({ length: 8 }, (_, n) => `key-${n}`)
  const inside = callers.filter((id) => !flags.value('continuation', 'default', id))
  expect(inside.length).toBeWithin(1, callers.length)
  for (const keyId of callers) {
    for (let turn = 0; turn < 2; turn++) {
      const second = upstream(rest())
      const gateway = gatewayOf(upstream(cut()), second, rules)
      const principal = testKey({ keyId })
      await textOf(await gateway.ask({ body: { ...BODY, stream: true }, principal }))
      expect([keyId, second.requests.length]).toEqual([keyId, inside.includes(keyId) ? 0 : 1])
    }
  }
})
