// A client of another protocol, the whole gateway and an upstream that speaks as Bedrock does, binary streams included: failures
// first, then a stream, an answer, and thinking that comes back under its own seal.

import { afterEach, describe, expect, test } from 'bun:test'
import { asArray, asObject } from '../core/json.ts'
import { eventStreamText } from '../dialects/event-stream.ts'
import { createTestGateway, jsonOf, testProvider, textOf } from '../testing/gateway.ts'
import { json, stream } from '../testing/upstream-answers.ts'
import {
  startUpstream,
  type Answer,
  type CapturedRequest,
  type Upstream,
} from '../testing/upstream.ts'

const closing: Upstream[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

const MODEL = 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0'
const BINARY = { headers: { 'content-type': 'application/vnd.amazon.eventstream' } }

function setup(...script: Answer[]) {
  const upstream = startUpstream(...script)
  closing.push(upstream)
  const provider = testProvider({ id: 'aws', type: 'bedrock', baseUrl: upstream.url })
  return { upstream, gateway: createTestGateway({ providers: [provider] }) }
}

const said = (type: string, payload: object) => eventStreamText('event', type, payload)
const START = said('messageStart', { role: 'assistant' })
const text = (piece: string) =>
  said('contentBlockDelta', { contentBlockIndex: 0, delta: { text: piece } })
const END =
  said('contentBlockStop', { contentBlockIndex: 0 }) +
  said('messageStop', { stopReason: 'end_turn' }) +
  said('metadata', { usage: { inputTokens: 7, outputTokens: 2, totalTokens: 9 } })

const ask = (more: object = {}) => ({
  body: { model: `aws/${MODEL}`, messages: [{ role: 'user', content: 'Hello' }], ...more },
})

test('a refusal keeps Bedrock’s words', async () => {
  const { gateway } = setup(
    json({ message: 'The model returned the following errors: malformed input.' }, { status: 400 }),
  )
  const reply = await gateway.ask(ask())
  expect(reply.status).toBeGreaterThanOrEqual(400)
  expect(await textOf(reply)).toContain('The model returned the following errors: malformed input.')
})

test.each([
  [
    'an exception',
    START +
      text('Hé') +
      eventStreamText('exception', 'throttlingException', { message: 'slow down' }),
  ],
  ['a cut', START + text('Hé')],
  ['a cut inside a message', (START + text('Hé') + END).slice(0, -3)],
])('%s in a stream ends the client’s without its good end', async (name, body) => {
  const { gateway } = setup(stream([body], BINARY))
  const told = await textOf(await gateway.ask(ask({ stream: true })))
  expect(told).toContain('Hé')
  if (name === 'a cut inside a message') {
    // All but the tokens came.
    expect(told).toContain('[DONE]')
    return
  }
  expect(told).not.toContain('[DONE]')
  expect(told).toContain('"error"')
})

test.each([1, 13, 10_000])(
  'a binary stream reaches the client as its own, in pieces of %d',
  async (size) => {
    const bytes = new TextEncoder().encode(START + text('Hé') + text('llo') + END)
    const pieces: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
    const { gateway, upstream } = setup(stream(pieces, BINARY))
    const told = await textOf(await gateway.ask(ask({ stream: true })))
    expect(told).toContain('"content":"Hé"')
    expect(told).toContain('"content":"llo"')
    expect(told).toContain('[DONE]')
    const [request] = upstream.requests
    expect(request?.target).toBe(`/model/${encodeURIComponent(MODEL)}/converse-stream`)
    expect(request?.headers['authorization']).toBe('Bearer sk-aws-secret-0123456789')
    expect(request?.headers['accept']).toBe('application/vnd.amazon.eventstream')
    expect(request?.json()).toEqual({ messages: [{ role: 'user', content: [{ text: 'Hello' }] }] })
    expect(await gateway.outcome()).toMatchObject({
      status: 200,
      mode: 'translate',
      finish: 'end_turn',
      usage: { inputTokens: 7, outputTokens: 2 },
    })
  },
)

test('signed thinking goes out to an Anthropic client and comes back under its own seal', async () => {
  const answer = (content: object[]) =>
    json({
      output: { message: { role: 'assistant', content } } as never,
      stopReason: 'end_turn',
      usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
    })
  const thinking = { reasoningContent: { reasoningText: { text: 'hm', signature: 'sig' } } }
  const { gateway, upstream } = setup(answer([thinking, { text: 'a' }]), answer([{ text: 'b' }]))
  const first = ask({ max_tokens: 4_000, thinking: { type: 'enabled', budget_tokens: 1_024 } })
  const given = await jsonOf(await gateway.ask({ ...first, dialect: 'anthropic' }))
  const content = asArray(given['content'])
  expect(asObject(content?.[0])).toMatchObject({ type: 'thinking', thinking: 'hm' })
  const messages = [
    ...first.body.messages,
    { role: 'assistant', content },
    { role: 'user', content: 'go on' },
  ]
  await gateway.ask({ dialect: 'anthropic', body: { ...first.body, messages } })
  const [asked, again] = upstream.requests.map((request) => request.json())
  expect(asked).toMatchObject({
    inferenceConfig: { maxTokens: 4_000 },
    additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 1_024 } },
  })
  expect(again).toMatchObject({ messages: [{}, { content: [thinking, { text: 'a' }] }, {}] })
})

describe('an access key', () => {
  const ID = 'AKIDEXAMPLE0123456'
  const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
  const TOKEN = 'IQoJb3JpZ2luX2VjEXAMPLE//////////token=='
  const hash = (data: string | Uint8Array) =>
    new Bun.CryptoHasher('sha256').update(data).digest('hex')
  const keyed = (key: string | Uint8Array, words: string) =>
    new Bun.CryptoHasher('sha256', key).update(words).digest()

  /** The signature a request should have, made of what has arrived and nothing else. */
  function due({ method, target, headers, bytes }: CapturedRequest, secret: string): string {
    const [, day = '', region = '', names = ''] =
      /Credential=\w+\/(\d{8})\/([\w-]+)\/bedrock\/aws4_request, SignedHeaders=([\w;-]+), /.exec(
        headers['authorization'] ?? '',
      ) ?? []
    const [path = '', query = ''] = target.split('?')
    const canonical = [
      method,
      path.split('/').map(encodeURIComponent).join('/'),
      query,
      ...names.split(';').map((name) => `${name}:${(headers[name] ?? '').replace(/ +/g, ' ')}`),
      '',
      names,
      hash(bytes),
    ].join('\n')
    const key = [day, region, 'bedrock', 'aws4_request'].reduce<string | Uint8Array>(
      keyed,
      `AWS4${secret}`,
    )
    const toSign = `AWS4-HMAC-SHA256\n${headers['x-amz-date']}\n${day}/${region}/bedrock/aws4_request\n${hash(canonical)}`
    return Buffer.from(keyed(key, toSign)).toString('hex')
  }

  /** Refuses as Bedrock does whatever is not signed with that secret, now, for that region, with all that must be. */
  function verified(answer: Answer): Answer {
    return (request) => {
      const { headers } = request
      const given = headers['authorization'] ?? ''
      const names = /SignedHeaders=([^,]+)/.exec(given)?.[1]?.split(';') ?? []
      const must = Object.keys(headers).filter((name) => /^(host|x-amz-.*)$/.test(name))
      if (request.method === 'POST') must.push('content-type')
      const date = headers['x-amz-date'] ?? ''
      const sentMs = Date.parse(
        date.replace(
          /(....)(..)(..T..)(..)(..Z)/,
          (_all, ...p: string[]) => `${p[0]}-${p[1]}-${p[2]}:${p[3]}:${p[4]}`,
        ),
      )
      const good =
        given.includes(`Credential=${ID}/${date.slice(0, 8)}/eu-central-1/`) &&
        given.endsWith(`Signature=${due(request, SECRET)}`) &&
        must.every((name) => names.includes(name)) &&
        Math.abs(Date.now() - sentMs) < 60_000
      if (good) return answer(request)
      const message = `The request signature we calculated does not match. ${JSON.stringify(headers)}`
      return Response.json({ message }, { status: 403 })
    }
  }

  const whole = json({
    output: { message: { role: 'assistant', content: [{ text: 'Hé' }] } } as never,
    stopReason: 'end_turn',
    usage: { inputTokens: 7, outputTokens: 2, totalTokens: 9 },
  })

  function signing(secret: string, ...script: Answer[]) {
    const upstream = startUpstream(...script.map(verified))
    closing.push(upstream)
    const provider = testProvider({
      id: 'aws',
      type: 'bedrock',
      baseUrl: upstream.url,
      region: 'eu-central-1',
      keys: [{ id: 'k', secret }],
      headers: { 'X-Amz-Trace': 'a   b', Authorization: 'Bearer of-the-operator' },
    })
    return { upstream, provider, gateway: createTestGateway({ providers: [provider] }) }
  }

  const ARN = 'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc1'
  const user = { role: 'user', content: 'Größe? 🌍' }

  test('that is wrong is our failure: nothing of it reaches the client, a log or the outcome', async () => {
    const wrong = `${SECRET.slice(0, -1)}X`
    const { gateway } = signing(`${ID}:${wrong}:${TOKEN}`, whole)
    const reply = await gateway.ask({ body: { model: `aws/${ARN}`, messages: [user] } })
    expect(reply.status).toBeGreaterThanOrEqual(500)
    const told = `${await textOf(reply)}${JSON.stringify(await gateway.outcome())}`
    for (const part of [ID, wrong, TOKEN]) expect(told).not.toContain(part)
  })

  test.each([
    ['bad words of the provider', `${ID} ${SECRET} and ${TOKEN}`],
    ['the whole', `${ID}:${SECRET}:${TOKEN}`],
  ])('is taken out of %s', async (_name, words) => {
    const { gateway } = signing(
      `${ID}:${SECRET}:${TOKEN}`,
      json({ message: `Malformed input near ${words}.` }, { status: 400 }),
    )
    const reply = await gateway.ask({ body: { model: `aws/${ARN}`, messages: [user] } })
    const told = `${await textOf(reply)}${JSON.stringify(await gateway.outcome())}`
    expect(told).toContain('Malformed input near')
    for (const part of [ID, SECRET, TOKEN]) expect(told).not.toContain(part)
  })

  test.each([
    ['', 'eu.amazon.nova-pro-v1:0'],
    ['', ARN],
    [`:${TOKEN}`, ARN],
  ])('signs whole and streamed answers%s of %s', async (token, model) => {
    const bytes = new TextEncoder().encode(START + text('Hé') + END)
    const { gateway, upstream } = signing(`${ID}:${SECRET}${token}`, whole, stream([bytes], BINARY))
    for (const streamed of [false, true]) {
      const body = { model: `aws/${model}`, messages: [user], stream: streamed }
      const reply = await gateway.ask({ body })
      expect(await textOf(reply)).toContain('Hé')
      expect(reply.status).toBe(200)
    }
    const [first] = upstream.requests
    expect(first?.target).toBe(`/model/${encodeURIComponent(model)}/converse`)
    expect(first?.headers['x-amz-security-token']).toBe(token === '' ? undefined : TOKEN)
    expect(JSON.stringify(first?.headers)).not.toContain(SECRET)
    expect(JSON.stringify(first?.headers)).not.toContain('of-the-operator')
  })

  test('without a region nothing is sent, once', async () => {
    const { gateway, provider, upstream } = signing(`${ID}:${SECRET}`, whole)
    const { region: _none, ...nowhere } = provider
    const other = createTestGateway({ providers: [nowhere] })
    const reply = await other.ask({ body: { model: `aws/${ARN}`, messages: [user] } })
    expect(await textOf(reply)).toContain('its region is not known')
    expect((await other.outcome()).attempts).toHaveLength(1)
    expect(upstream.requests).toHaveLength(0)
    expect(gateway.outcomes).toHaveLength(0)
  })

  test('each attempt has a signature of its own, and so has the list of models', async () => {
    const list = json({
      modelSummaries: [
        {
          modelId: 'm',
          inputModalities: ['TEXT'],
          outputModalities: ['TEXT'],
          inferenceTypesSupported: ['ON_DEMAND'],
        },
      ],
    })
    const busy = json({ message: 'busy' }, { status: 503 })
    const { gateway, provider, upstream } = signing(`${ID}:${SECRET}`, busy, whole, list)
    const reply = await gateway.ask({ body: { model: `aws/${ARN}`, messages: [user] } })
    expect(reply.status).toBe(200)
    await gateway.deps.directory.refresh(provider)
    expect(gateway.deps.directory.listed(provider)?.map(({ id }) => id)).toEqual(['m'])
    expect(upstream.requests.map(({ method }) => method)).toEqual(['POST', 'POST', 'GET'])
  })
})
