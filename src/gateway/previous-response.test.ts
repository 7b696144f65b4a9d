// Conversations of Responses clients through the whole pipeline: what the provider is sent for `previous_response_id`, what is
// kept of whole, streamed and broken answers, and what stays with a provider that keeps it itself.

import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Model } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { asObject, parseJson, type JsonObject } from '../core/json.ts'
import type { KeptItem, KeptRepository } from '../core/ports.ts'
import { dialects } from '../dialects/registry.ts'
import { providerKind } from '../providers/registry.ts'
import { openStore } from '../storage/store.ts'
import { systemClock } from '../system.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import {
  createTestGateway,
  jsonOf,
  testProvider,
  textOf,
  type TestGateway,
} from '../testing/gateway.ts'
import { HeldStream, json, stream } from '../testing/upstream-answers.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'
import { countTokens } from './count-tokens.ts'
import type { Inbound } from './inbound.ts'
import { peek } from './peek.ts'
import type { TargetPlan } from './plan.ts'
import { RequestRecord } from './record.ts'
import { RelayPump } from './relay-pump.ts'
import { responseKeeper } from './kept-responses.ts'
import { memberGrants } from '../testing/principals.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function upstream(...script: Answer[]): Upstream {
  const started = startUpstream(...script)
  closing.push(started)
  return started
}

/** The same id from every answer, as some servers do. */
function chat(text: string): JsonObject {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  }
}

function chunk(delta: JsonObject, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }]
  const body = {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices,
  }
  return `data: ${JSON.stringify(body)}\n\n`
}

const STREAM = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: 'Hé' }),
  chunk({ content: 'llo' }),
  chunk({}, 'stop'),
  'data: [DONE]\n\n',
]

function setup(answers: Answer[], kept?: KeptRepository) {
  const up = upstream(...answers)
  const provider = testProvider({ id: 'c', type: 'custom', baseUrl: up.url })
  const gateway = createTestGateway({
    providers: [provider],
    ...(kept === undefined ? {} : { kept }),
  })
  return { up, gateway }
}

function ask(gateway: TestGateway, body: JsonObject, more: { signal?: AbortSignal } = {}) {
  return gateway.ask({ dialect: 'openai-responses', body: { model: 'c/m', ...body }, ...more })
}

function sentMessages(up: Upstream, at = -1): JsonObject[] {
  return (up.requests.at(at)!.json() as { messages: JsonObject[] }).messages
}

function inboundOf(body: JsonObject): Inbound {
  return {
    dialect: 'openai-responses',
    operation: 'chat',
    hints: {},
    streamByDefault: false,
    endpoint: '/v1/responses',
    bytes: new TextEncoder().encode(JSON.stringify(body)),
    headers: new Headers(),
    principal: { kind: 'anonymous', tenantId: 'default', grants: memberGrants() },
    requestId: 'r',
    signal: new AbortController().signal,
    arrivedMs: 0,
    arrivedMonotonicMs: performance.now(),
  }
}

/** The answer in the last event of a stream. */
function lastResponse(text: string): JsonObject {
  const data = text.split('\n').findLast((line) => line.startsWith('data: {"'))
  return asObject(asObject(parseJson(data!.slice(6)))!['response'])!
}

describe('a conversation kept here', () => {
  test('goes on from any of its answers, whole or streamed; instructions are not carried over', async () => {
    const { up, gateway } = setup([json(chat('One.')), stream(STREAM), json(chat('Three.'))])
    const first = await jsonOf(await ask(gateway, { input: 'a', instructions: 'Be brief.' }))
    expect(first).toMatchObject({ object: 'response', store: true, previous_response_id: null })
    const text = await textOf(
      await ask(gateway, {
        input: [{ role: 'user', content: 'b' }],
        previous_response_id: first['id'] as string,
        stream: true,
      }),
    )
    const second = lastResponse(text)
    expect(second).toMatchObject({ status: 'completed', previous_response_id: first['id'] })
    expect(sentMessages(up)).toEqual([
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'One.' },
      { role: 'user', content: 'b' },
    ])
    // At once, before anything can be on disk.
    const third = await jsonOf(
      await ask(gateway, { input: 'c', previous_response_id: second['id'] as string }),
    )
    expect(sentMessages(up).map(({ content }) => content)).toEqual(['a', 'One.', 'b', 'Héllo', 'c'])
    const ids = [first, second, third].map(({ id }) => id as string)
    expect(new Set(ids).size).toBe(3)
    for (const id of ids) expect(id).toStartWith('resp_')
    const branch = await ask(gateway, { input: 'd', previous_response_id: ids[0]! })
    expect(branch.status).toBe(200)
    expect(sentMessages(up).map(({ content }) => content)).toEqual(['a', 'One.', 'd'])
  })

  test('another replica on the same store goes on, and another key does not', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-replicas-'))
    const open = () =>
      openStore({
        dataFolder: folder,
        migrationsFolder: join(import.meta.dir, '..', '..', 'migrations'),
        logger: SILENT_LOGGER,
        clock: systemClock,
      })
    const [one, two] = [await open(), await open()]
    const answers = () => [json(chat('One.'))]
    const here = setup(answers(), one.kept)
    const there = setup(answers(), two.kept)
    const { id } = await jsonOf<{ id: string }>(await ask(here.gateway, { input: 'a' }))
    expect(await one.kept.flush()).toBe(true)
    expect((await ask(there.gateway, { input: 'b', previous_response_id: id })).status).toBe(200)
    expect(sentMessages(there.up)).toHaveLength(3)
    const refused = await there.gateway.ask({
      dialect: 'openai-responses',
      body: { model: 'c/m', input: 'b', previous_response_id: id },
      principal: { kind: 'key', tenantId: 'default', keyId: 'k', grants: memberGrants() },
    })
    expect(refused.status).toBe(400)
    expect(await jsonOf(refused)).toEqual({
      error: {
        message: `Previous response with id '${id}' not found.`,
        type: 'invalid_request_error',
        param: 'previous_response_id',
        code: 'previous_response_not_found',
      },
    })
    await Promise.all([one.close(), two.close()])
    rmSync(folder, { recursive: true, force: true })
  })

  test('its input tokens are counted with all that was said', async () => {
    const { gateway } = setup([json(chat('One. '.repeat(400)))])
    const { id } = await jsonOf<{ id: string }>(await ask(gateway, { input: 'a' }))
    const inbound = (body: JsonObject) => ({
      ...inboundOf({ model: 'c/m', input: 'b', ...body }),
      operation: 'token-count' as const,
    })
    const count = async (body: JsonObject) =>
      (await jsonOf<{ input_tokens: number }>(await countTokens(inbound(body), gateway.deps)))
        .input_tokens
    expect(await count({ previous_response_id: id })).toBeGreaterThan((await count({})) + 400)
    const unknown = await countTokens(inbound({ previous_response_id: 'resp_x' }), gateway.deps)
    expect(unknown.status).toBe(400)
  })

  test('store: false leaves nothing, and says so', async () => {
    const { gateway } = setup([json(chat('One.')), stream(STREAM)])
    const whole = await jsonOf(await ask(gateway, { input: 'a', store: false }))
    expect(whole['store']).toBe(false)
    await textOf(await ask(gateway, { input: 'a', store: false, stream: true }))
    expect(await gateway.deps.kept.list('response', 'default', 9)).toEqual([])
    const next = await ask(gateway, { input: 'b', previous_response_id: whole['id'] as string })
    expect(next.status).toBe(400)
  })

  test('a stream cut in the middle, with an error in it, or left by its client, leaves nothing', async () => {
    const failing = [...STREAM.slice(0, 2), 'data: {"error":{"message":"overloaded"}}\n\n']
    const held = new HeldStream()
    const { gateway } = setup([stream(STREAM.slice(0, 3)), stream(failing), held.answer])
    for (const _of of [1, 2]) {
      expect(await textOf(await ask(gateway, { input: 'a', stream: true }))).not.toContain(
        'response.completed',
      )
    }
    const abort = new AbortController()
    const asked = ask(gateway, { input: 'a', stream: true }, { signal: abort.signal })
    for (const event of STREAM.slice(0, 3)) held.write(event)
    const reader = ((await asked).body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    abort.abort()
    expect(await gateway.outcome(2)).toMatchObject({ status: 499 })
    expect(await gateway.deps.kept.list('response', 'default', 9)).toEqual([])
  })

  test('a stream wanted of a provider that does not stream is kept too', async () => {
    const { up, gateway } = setup([json(chat('One.')), json(chat('Two.'))])
    const { id } = lastResponse(await textOf(await ask(gateway, { input: 'a', stream: true })))
    await ask(gateway, { input: 'b', previous_response_id: id as string })
    expect(sentMessages(up).map(({ content }) => content)).toEqual(['a', 'One.', 'b'])
  })

  test('a store at fault is 503 for who needs it and nothing to everybody else', async () => {
    const gone = () => Promise.reject(new GatewayError('storage_unavailable'))
    const kept = {
      put: () => Promise.resolve(),
      find: gone,
      findMany: gone,
      list: gone,
      remove: gone,
      prune: () => Promise.resolve(0),
    }
    const { gateway } = setup([json(chat('One.'))], kept)
    expect((await ask(gateway, { input: 'a' })).status).toBe(200)
    const refused = await ask(gateway, { input: 'b', previous_response_id: 'resp_1' })
    expect(refused.status).toBe(503)
    const chatReply = await gateway.ask({
      body: { model: 'c/m', messages: [{ role: 'user', content: 'x' }] },
    })
    expect(chatReply.status).toBe(200)
  })

  test('reasoning goes along: what Anthropic signed is in the next request', async () => {
    const signed = { type: 'thinking', thinking: 'Hmm.', signature: 'c2ln' }
    const call = { type: 'tool_use', id: 'toolu_1', name: 'f', input: { a: 1 } }
    const anthropic = (content: JsonObject[], stop: string): JsonObject => ({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4-5',
      content,
      stop_reason: stop,
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    })
    const up = upstream(
      json(anthropic([signed, call], 'tool_use')),
      json(anthropic([{ type: 'text', text: 'Done.' }], 'end_turn')),
    )
    const provider = testProvider({ id: 'c', type: 'anthropic', baseUrl: up.url })
    const gateway = createTestGateway({ providers: [provider] })
    const tools = [{ type: 'function', name: 'f', parameters: { type: 'object', properties: {} } }]
    const more = {
      model: 'c/claude-sonnet-4-5',
      tools,
      reasoning: { effort: 'medium' },
      max_output_tokens: 20_000,
    }
    const { id } = await jsonOf<{ id: string }>(await ask(gateway, { ...more, input: 'a' }))
    const output = { type: 'function_call_output', call_id: 'toolu_1', output: '2' }
    await ask(gateway, { ...more, input: [output], previous_response_id: id })
    expect(sentMessages(up)[1]!['content']).toEqual([signed, call])
  })
})

describe('a conversation kept by a provider', () => {
  const item: KeptItem = {
    kind: 'response',
    id: 'resp_theirs',
    tenantId: 'default',
    providerId: 'c',
    model: 'm',
    createdMs: 1,
  }

  test('is never asked of another one, nor told in other words', async () => {
    const { up, gateway } = setup([json(chat('One.'))])
    await gateway.deps.kept.put(item)
    const reply = await ask(gateway, { input: 'b', previous_response_id: 'resp_theirs' })
    expect(reply.status).toBe(400)
    expect(await jsonOf(reply)).toMatchObject({ error: { param: 'previous_response_id' } })
    await gateway.deps.kept.put({ ...item, providerId: 'other' })
    const other = await ask(gateway, { input: 'b', previous_response_id: 'resp_theirs' })
    expect(await jsonOf(other)).toMatchObject({ error: { code: 'previous_response_not_found' } })
    expect(up.requests).toHaveLength(0)
  })

  test('targets of other providers are passed over', async () => {
    const [first, second] = [upstream(json(chat('x'))), upstream(json(chat('x')))]
    const providers = [
      testProvider({ id: 'a', type: 'custom', baseUrl: first.url }),
      testProvider({ id: 'b', type: 'custom', baseUrl: second.url }),
    ]
    const target = (providerId: string) => ({ providerId, model: 'm', order: 0, weight: 1 })
    const model: Model = {
      id: 'both',
      origin: 'file',
      targets: [target('a'), target('b')],
      defaults: {},
      losses: 'report',
    }
    const gateway = createTestGateway({ providers, models: [model] })
    await gateway.deps.kept.put({ ...item, providerId: 'b' })
    await ask(gateway, { model: 'both', input: 'b', previous_response_id: 'resp_theirs' })
    expect(first.requests).toHaveLength(0)
  })

  const created = (id: string) =>
    `event: response.created\ndata: {"type":"response.created","response":{"id":"${id}","object":"response","instructions":"${'x'.repeat(9_000)}"}}\n\n`
  const completed =
    'event: response.completed\ndata: {"type":"response.completed","response":{"id":"resp_r","object":"response","status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}\n\n'

  test.each([
    ['to its end', {}, [created('resp_r'), completed], false, true],
    ['cut', {}, [created('resp_r')], false, false],
    ['left by its client', {}, [created('resp_r')], true, false],
    ['left in the background', { background: true }, [created('resp_r')], true, true],
    ['not to be stored', { store: false }, [created('resp_r'), completed], false, false],
  ])('a relayed stream, %s', async (_name, more, events, aborted, isKept) => {
    const gateway = createTestGateway({ providers: [] })
    const inbound = inboundOf({ model: 'm', input: 'a', stream: true, ...more })
    const plan: TargetPlan = {
      provider: testProvider({ id: 'p', type: 'openai', baseUrl: 'http://127.0.0.1:1' }),
      kind: providerKind('openai')!,
      model: 'gpt-x',
      mode: 'relay',
      upstream: dialects['openai-responses'],
      operation: 'chat',
      quirks: {},
    }
    const record = new RequestRecord(inbound, gateway.deps)
    const pump = new RelayPump({
      dialect: dialects['openai-responses'],
      record,
      editing: { withholdUsage: false, hideAccount: false },
      model: 'm',
      responses: responseKeeper(peek(inbound), plan, record, gateway.deps),
      nowMs: () => 0,
    })
    for (const event of events) {
      const bytes = new TextEncoder().encode(event)
      for (let at = 0; at < bytes.length; at += 700) {
        const piece = bytes.subarray(at, at + 700)
        expect(pump.push(piece)).toBe(piece)
      }
    }
    const { error } = aborted ? {} : pump.end()
    pump.conclude(aborted || error !== undefined)
    const kept = await gateway.deps.kept.find('response', 'default', 'resp_r')
    expect(kept !== undefined).toBe(isKept)
    if (isKept) expect(kept).toMatchObject({ providerId: 'p', model: 'gpt-x' })
  })
})
