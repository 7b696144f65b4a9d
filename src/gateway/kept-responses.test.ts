// Kept answers: what is brought back for `previous_response_id`, who gets it, and what a store at fault or a foreign key makes of it.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { GatewayError } from '../core/error.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { KeptRepository } from '../core/ports.ts'
import type { Principal } from '../core/principal.ts'
import { dialects } from '../dialects/registry.ts'
import { providerKind } from '../providers/registry.ts'
import { systemClock } from '../system.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { MemoryKept } from '../testing/kept.ts'
import { checkParameters } from '../testing/seed.ts'
import type { GatewayDeps } from './deps.ts'
import type { Inbound } from './inbound.ts'
import {
  inputItems,
  refersToEarlier,
  refuseHeldElsewhere,
  responseIdIn,
  responseKeeper,
  withEarlierTurns,
} from './kept-responses.ts'
import { peek } from './peek.ts'
import type { TargetPlan } from './plan.ts'
import { RequestRecord } from './record.ts'
import { memberGrants } from '../testing/principals.ts'

const ALICE: Principal = { kind: 'key', tenantId: 't', keyId: 'k1', grants: memberGrants('t') }
const provider = testProvider({ id: 'p', type: 'openai', baseUrl: 'http://127.0.0.1:1' })

function depsWith(kept: KeptRepository = new MemoryKept(systemClock)): GatewayDeps {
  return createTestGateway({ providers: [], kept }).deps
}

function inboundOf(body: JsonObject, principal: Principal = ALICE): Inbound {
  return {
    dialect: 'openai-responses',
    operation: 'chat',
    hints: {},
    streamByDefault: false,
    endpoint: '/v1/responses',
    bytes: new TextEncoder().encode(JSON.stringify({ model: 'm', ...body })),
    headers: new Headers(),
    principal,
    requestId: 'r',
    signal: new AbortController().signal,
    arrivedMs: 0,
    arrivedMonotonicMs: 0,
  }
}

function planOf(mode: TargetPlan['mode']): TargetPlan {
  const kind = providerKind('openai')!
  const upstream = dialects['openai-responses']
  return { provider, kind, model: 'gpt-x', mode, upstream, operation: 'chat', quirks: {} }
}

interface Turn {
  readonly id: string
  readonly input?: JsonValue
  readonly output?: JsonValue[]
  readonly previous?: string
}

/** Answers a turn: the request as the pipeline has it, and the answer kept. Returns the body that would be decoded. */
async function takeTurn(deps: GatewayDeps, turn: Turn, principal = ALICE, more: JsonObject = {}) {
  const body: JsonObject = { ...more }
  if (turn.input !== undefined) body['input'] = turn.input
  if (turn.previous !== undefined) body['previous_response_id'] = turn.previous
  const inbound = inboundOf(body, principal)
  const first = peek(inbound)
  const peeked = refersToEarlier(first, inbound)
    ? await withEarlierTurns(first, inbound, deps)
    : first
  const record = new RequestRecord(inbound, deps)
  const output = turn.output ?? [{ type: 'message', role: 'assistant', content: turn.id }]
  const response = { id: turn.id, object: 'response', status: 'completed', output }
  responseKeeper(peeked, planOf('translate'), record, deps)?.translated(response)
  return peeked
}

async function failure(promise: Promise<unknown>): Promise<GatewayError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('previous_response_id', () => {
  const bob: Principal = { ...ALICE, keyId: 'k2' }
  test.each([
    ['nobody’s', ALICE, 'resp_nobody'],
    ['another key’s', bob, 'resp_1'],
    ['another tenant’s', { ...ALICE, tenantId: 'u', grants: memberGrants('u') }, 'resp_1'],
    [
      'a key’s, without one',
      { kind: 'anonymous', tenantId: 't', grants: memberGrants('t') } as const,
      'resp_1',
    ],
    ['empty', ALICE, ''],
    ['endless', ALICE, 'r'.repeat(100_000)],
  ])('%s is refused as OpenAI does', async (_name, principal, previous) => {
    const deps = depsWith()
    await takeTurn(deps, { id: 'resp_1', input: 'secret' })
    const error = await failure(takeTurn(deps, { id: 'resp_2', previous, input: 'x' }, principal))
    expect(error).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      code: 'previous_response_not_found',
      param: 'previous_response_id',
    })
    expect(error.message).toBe(`Previous response with id '${previous.slice(0, 256)}' not found.`)
  })

  test('expired, removed in the middle of a chain, or with a value nobody can read: not found', async () => {
    const kept = new MemoryKept(systemClock)
    const deps = depsWith(kept)
    await takeTurn(deps, { id: 'resp_1', input: 'a' })
    await takeTurn(deps, { id: 'resp_2', input: 'b', previous: 'resp_1' })
    await kept.remove('response', 't', 'resp_1')
    expect((await failure(takeTurn(deps, { id: 'x', previous: 'resp_2' }))).message).toContain(
      'resp_1',
    )
    const [item] = await kept.list('response', 't', 1)
    await kept.put({ ...item!, value: '{"version":9}' })
    expect((await failure(takeTurn(deps, { id: 'x', previous: 'resp_2' }))).status).toBe(400)
    await kept.put({ ...item!, expiresMs: systemClock.nowMs() - 1 })
    expect((await failure(takeTurn(deps, { id: 'x', previous: 'resp_2' }))).status).toBe(400)
    expect(
      (await failure(takeTurn(deps, { id: 'x' }, ALICE, { previous_response_id: 7 }))).code,
    ).toBe('invalid_type')
  })

  test('a store that cannot be read says so: nobody is told that the answer is gone', async () => {
    const kept: KeptRepository = Object.assign(new MemoryKept(systemClock), {
      find: () => Promise.reject(new GatewayError('storage_unavailable')),
    })
    const error = await failure(takeTurn(depsWith(kept), { id: 'x', previous: 'resp_1' }))
    expect(error).toMatchObject({ status: 503, shouldRetry: true })
  })

  test('for any chain the input is all that was said, in order, and each turn is kept once', async () => {
    const item = fc.record({
      type: fc.constant('message'),
      role: fc.constant('user'),
      content: fc.string(),
    })
    const turn = fc.record({
      input: fc.oneof(fc.string(), fc.array(item, { maxLength: 3 })),
      output: fc.array(
        fc.record({
          type: fc.constant('message'),
          role: fc.constant('assistant'),
          content: fc.string(),
        }),
        { maxLength: 2 },
      ),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 8 }), async (turns) => {
        const kept = new MemoryKept(systemClock)
        const deps = depsWith(kept)
        let said: JsonValue[] = []
        for (const [at, { input, output }] of turns.entries()) {
          const previous = at === 0 ? {} : { previous: `resp_${at - 1}` }
          const peeked = await takeTurn(
            deps,
            { id: `resp_${at}`, input, output, ...previous },
            ALICE,
            {
              instructions: `only here ${at}`,
            },
          )
          said = [...said, ...inputItems(input)]
          if (at > 0) expect(peeked.body['input']).toEqual(said)
          expect(peeked.body['instructions']).toBe(`only here ${at}`)
          if (at > 0) expect(peeked.body['previous_response_id']).toBeUndefined()
          said = [...said, ...output]
        }
        const sizes = [...kept.items.values()].map(({ value }) => value?.length ?? 0)
        const own = turns.map((each) => JSON.stringify(each).length + 300)
        sizes.forEach((size, at) => expect(size).toBeLessThan(own[at]!))
      }),
      checkParameters(50),
    )
  })

  test('branches of one conversation do not mix, asked at once', async () => {
    const deps = depsWith()
    await takeTurn(deps, { id: 'root', input: 'r' })
    await Promise.all(
      ['a', 'b', 'c'].map((id) => takeTurn(deps, { id, input: `ask ${id}`, previous: 'root' })),
    )
    const { body } = await takeTurn(deps, { id: 'z', input: 'end', previous: 'b' })
    const text = JSON.stringify(body['input'])
    expect(text).toContain('ask b')
    expect(text).not.toContain('ask a')
    expect(text).not.toContain('ask c')
  })

  test('a chain is bounded in answers and in size', async () => {
    const deps = depsWith()
    for (let at = 0; at <= LIMITS.responseChainMax; at += 1) {
      const previous = at === 0 ? {} : { previous: `r${at - 1}` }
      if (at < LIMITS.responseChainMax) {
        // Straight into the store: a thousand growing bodies are not the matter here.
        const turn = { ...previous, input: [], response: { id: `r${at}`, output: [] } }
        await deps.kept.put({
          kind: 'response',
          id: `r${at}`,
          tenantId: 't',
          keyId: 'k1',
          providerId: 'p',
          model: 'm',
          createdMs: 0,
          value: JSON.stringify(turn),
        })
      } else await takeTurn(deps, { id: `r${at}`, ...previous })
    }
    const long = await failure(takeTurn(deps, { id: 'x', previous: `r${LIMITS.responseChainMax}` }))
    expect(long).toMatchObject({ status: 400, code: 'context_length_exceeded' })
    const big = 'x'.repeat(LIMITS.responseChainBytesMax / 2 - 1_000)
    await takeTurn(deps, { id: 'b1', input: 'x', output: [{ type: 'message', content: big }] })
    await takeTurn(deps, {
      id: 'b2',
      input: 'x',
      output: [{ type: 'message', content: big }],
      previous: 'b1',
    })
    await takeTurn(deps, { id: 'b3', input: 'x'.repeat(3_000), previous: 'b2' })
    const large = await failure(takeTurn(deps, { id: 'x', previous: 'b3' }))
    expect(large.code).toBe('context_length_exceeded')
  })
})

describe('what is kept', () => {
  const response = { id: 'resp_1', object: 'response', status: 'completed', output: [] }
  const keeperFor = (body: JsonObject, mode: TargetPlan['mode'] = 'translate') => {
    const kept = new MemoryKept(systemClock)
    const deps = depsWith(kept)
    const inbound = inboundOf(body)
    const record = new RequestRecord(inbound, deps)
    return { kept, record, keeper: responseKeeper(peek(inbound), planOf(mode), record, deps) }
  }

  test('store: false keeps nothing, whatever else is said', () => {
    for (const mode of ['relay', 'translate'] as const) {
      expect(keeperFor({ store: false, background: true }, mode).keeper).toBeUndefined()
      expect(keeperFor({ store: true }, mode).keeper).toBeDefined()
      expect(keeperFor({ store: null }, mode).keeper).toBeDefined()
    }
  })

  test('failed answers, answers without an id and streams without an end are not kept', () => {
    const { kept, keeper } = keeperFor({})
    keeper!.translated({ ...response, status: 'failed' })
    keeper!.translated({ ...response, status: 'in_progress' })
    keeper!.translated({ ...response, id: 5 })
    keeper!.translatedEnd('')
    keeper!.translatedEnd(
      'event: response.created\ndata: {"type":"response.created"}\n\ndata: {broken\n\n',
    )
    keeper!.translatedEnd('event: error\ndata: {"type":"error","message":"x"}\n\n')
    keeper!.relayed(undefined)
    keeper!.relayed('')
    expect(kept.items.size).toBe(0)
  })

  test('of a stream the last event counts; a lifetime is set', async () => {
    const { kept, keeper } = keeperFor({ input: 'hi' })
    const event = (type: string, value: JsonObject) =>
      `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: 9, response: value })}\n\n`
    keeper!.translatedEnd(
      event('response.in_progress', { ...response, status: 'in_progress' }) +
        event('response.incomplete', { ...response, status: 'incomplete' }),
    )
    const item = await kept.find('response', 't', 'resp_1')
    expect(JSON.parse(item!.value!)).toEqual({
      input: inputItems('hi'),
      response: { ...response, status: 'incomplete' },
    })
    expect(item!.expiresMs! - item!.createdMs).toBe(LIMITS.keptResponseTtlMs)
  })

  test('a turn too large to keep is told as a loss', () => {
    const { kept, keeper, record } = keeperFor({ input: 'hi' })
    keeper!.translated({ ...response, output: ['x'.repeat(LIMITS.keptItemBytesMax)] })
    expect(kept.items.size).toBe(0)
    expect(record.lossList()).toMatchObject([{ feature: 'stored-response', action: 'dropped' }])
  })

  test('of a relayed answer only where it is; a later request is bound to that provider', async () => {
    const { kept, keeper } = keeperFor({ input: 'secret words' }, 'relay')
    keeper!.translated(response)
    const item = await kept.find('response', 't', 'resp_1')
    expect(item).toMatchObject({ providerId: 'p', model: 'gpt-x', keyId: 'k1' })
    expect(item!.value).toBeUndefined()
    const inbound = inboundOf({ previous_response_id: 'resp_1', input: 'next' })
    const peeked = await withEarlierTurns(peek(inbound), inbound, depsWith(kept))
    expect(peeked.earlier).toEqual({ responseId: 'resp_1', providerId: 'p' })
    // The bytes go as they are, or not at all.
    expect(peeked.body['previous_response_id']).toBe('resp_1')
    expect(() => refuseHeldElsewhere(planOf('relay'), peeked, inbound)).not.toThrow()
    expect(() => refuseHeldElsewhere(planOf('translate'), peeked, inbound)).toThrow(
      'another provider',
    )
  })

  test('a conversation that a provider holds is not translated away', () => {
    const inbound = inboundOf({ conversation: 'conv_1', input: 'x' })
    expect(() => refuseHeldElsewhere(planOf('translate'), peek(inbound), inbound)).toThrow(
      GatewayError,
    )
    expect(() => refuseHeldElsewhere(planOf('relay'), peek(inbound), inbound)).not.toThrow()
    const none = inboundOf({ conversation: null, input: 'x' })
    expect(() => refuseHeldElsewhere(planOf('translate'), peek(none), none)).not.toThrow()
  })

  test.each([
    [
      'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_a","object":"response"',
      'resp_a',
    ],
    ['data: {"sequence_number":0,"response" : { "object":"response", "id" : "resp_b"', 'resp_b'],
    [
      'data: {"type":"response.output_text.delta","item_id":"msg_1","delta":"\\"response\\":{"}',
      undefined,
    ],
    ['data: {"response":{"id":"', undefined],
    ['', undefined],
  ])('the id in the head of a relayed stream', (text, id) => {
    expect(responseIdIn(new TextEncoder().encode(text))).toBe(id as string)
  })
})
