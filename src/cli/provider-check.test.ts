// The steps of `weir providers test` against real loopback servers: every way to fail has its own reason and advice, and no
// secret is in any of them.

import { afterEach, expect, test } from 'bun:test'
import type { Provider, ProviderType } from '../core/catalog.ts'
import { sampleProvider } from '../storage/test-store.ts'
import { type Answer, startUpstream, type Upstream } from '../testing/upstream.ts'
import { checkPorts } from './doctor-ports.ts'
import type { Step } from './doctor-steps.ts'
import { checkProvider } from './provider-check.ts'

const SECRET = 'sk-live-0123456789-last'

let upstream: Upstream | undefined

afterEach(async () => {
  await upstream?.close()
  upstream = undefined
})

async function check(provider: Provider, model?: string): Promise<Step[]> {
  const steps: Step[] = []
  const ports = await checkPorts()(provider)
  for await (const step of checkProvider(provider, model, ports)) steps.push(step)
  return steps
}

function testProvider(fields: Partial<Provider> = {}): Provider {
  return sampleProvider({
    type: 'custom',
    baseUrl: `${upstream?.url ?? 'http://127.0.0.1:1'}/v1`,
    keys: [{ id: 'k', secret: SECRET }],
    network: { allowPrivate: true },
    ...fields,
  })
}

const json = (status: number, body: unknown): Response => Response.json(body, { status })
const LIST: Answer = () => json(200, { data: [{ id: 'm' }] })

test('each failure in words, with something to do', async () => {
  const cases: readonly (readonly [Answer, RegExp, RegExp])[] = [
    [
      () => json(401, { error: { message: `Incorrect API key provided: ${SECRET}` } }),
      /refuses the key \(401\): Incorrect API key provided/,
      /Check its settings/,
    ],
    [() => json(403, { error: 'no' }), /refuses the key \(403\): no/, /revoked/],
    [() => new Response('<h1>Not here</h1>', { status: 404 }), /no model list.*404/, /\/v1/],
    [() => json(429, { message: 'slow down' }), /limits requests.*slow down/, /key works/],
    [() => json(503, {}), /\(503\)/, /later/],
    [() => Response.redirect('http://127.0.0.1:1/elsewhere'), /redirect/, /base_url/],
    [() => new Response('<html>'), /not one of its protocol/, /web page/],
  ]
  for (const [answer, reason, todo] of cases) {
    upstream = startUpstream(answer)
    const [step, ...others] = await check(testProvider())
    expect(others).toEqual([])
    expect(step?.name).toBe('model list, key ****last')
    expect(step?.result).toBeUndefined()
    expect(step?.failure?.reason).toMatch(reason)
    expect(step?.failure?.todo).toMatch(todo)
    expect(JSON.stringify(step)).not.toContain('sk-live')
    await upstream.close()
  }
})

test('nothing there, no name, no answer', async () => {
  const refused = await check(testProvider({ baseUrl: 'http://127.0.0.1:1' }))
  expect(refused[0]?.failure?.reason).toBe('nothing listens at 127.0.0.1:1 (connection refused)')
  const nameless = await check(testProvider({ baseUrl: 'http://no-such-host.invalid/v1' }))
  expect(nameless[0]?.failure?.reason).toContain('no-such-host.invalid could not be resolved')
  upstream = startUpstream(() => new Promise<Response>(() => {}))
  const timeouts = { connectMs: 60_000, firstByteMs: 50, idleMs: 60_000, totalMs: 60_000 }
  const silent = await check(testProvider({ timeouts }))
  expect(silent[0]?.failure?.reason).toBe('it was reached but did not answer in time')
})

test('what cannot be used is not asked', async () => {
  upstream = startUpstream(LIST)
  const keyless = await check(testProvider({ type: 'openai', keys: [] }))
  expect(keyless[0]?.failure).toMatchObject({ reason: 'it has no key' })
  const unsupported = await check(testProvider({ type: 'later' as string as ProviderType }))
  expect(unsupported[0]?.failure?.reason).toContain("'later' are not supported")
  expect(upstream.requests).toHaveLength(0)
})

test('every key is asked with, and one bad key does not hide the others', async () => {
  upstream = startUpstream(() => json(401, {}), LIST)
  const keys = [
    { id: 'a', secret: 'sk-first-0123456789-aaaa' },
    { id: 'b', secret: 'sk-other-0123456789-bbbb' },
  ]
  const steps = await check(testProvider({ keys }))
  expect(steps.map((step) => step.name)).toEqual([
    'model list, key ****aaaa',
    'model list, key ****bbbb',
  ])
  expect(steps.map((step) => step.result)).toEqual([undefined, '1 model'])
  expect(upstream.requests.map((request) => request.headers['authorization'])).toEqual(
    keys.map(({ secret }) => `Bearer ${secret}`),
  )
})

test('a completion says what came back, or why not', async () => {
  const answer = {
    id: 'x',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'OK.' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 },
  }
  upstream = startUpstream(
    LIST,
    () => json(200, answer),
    LIST,
    () =>
      json(404, { error: { message: 'The model `n` does not exist', code: 'model_not_found' } }),
    LIST,
    () => json(200, { hello: 'world' }),
  )
  const good = await check(testProvider(), 'm')
  expect(good[1]).toMatchObject({
    name: 'completion of m, key ****last',
    result: '"OK.", 9 tokens in, 2 out',
  })
  const request = await upstream.request(1)
  expect(request.target).toBe('/v1/chat/completions')
  expect(request.json()).toMatchObject({ model: 'm', max_tokens: 16 })
  const unknown = await check(testProvider(), 'n')
  expect(unknown[1]?.failure?.reason).toContain('does not know the model (404)')
  expect(unknown[1]?.failure?.todo).toContain('weir models list --all --provider openai')
  const strange = await check(testProvider(), 'm')
  expect(strange[1]?.failure?.reason).toContain('not one of its protocol')
})

test('an access key of AWS signs the question, and no part of it is in a refusal', async () => {
  const parts = ['AKIDEXAMPLE0123456', 'wJalrXUtnFEMI/K7MDENG', 'IQoJb3JpZ2luX2Vj==']
  upstream = startUpstream((request) => json(403, { message: JSON.stringify([parts, request]) }))
  const keys = [{ id: 'k', secret: parts.join(':') }]
  const fields = { type: 'bedrock', baseUrl: upstream.url, region: 'eu-west-1', keys } as const
  const [step] = await check(testProvider(fields))
  expect(step?.failure?.reason).toContain('refuses the key (403)')
  for (const part of parts) expect(JSON.stringify(step)).not.toContain(part)
  const { headers } = await upstream.request(0)
  expect(headers['authorization']).toContain(`Credential=${parts[0]}/`)
  expect(headers['authorization']).toContain('/eu-west-1/bedrock/aws4_request')
  expect(headers['x-amz-security-token']).toBe(parts[2])
})
