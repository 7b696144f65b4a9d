import { createHash } from 'node:crypto'
import { describe, expect, test } from 'bun:test'
import OpenAI, { AzureOpenAI, toFile } from 'openai'
import { DEFAULT_ROUTING, type Model, type Provider } from '../core/catalog.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { requestText } from '../testing/http.ts'
import { haveRecordings, recording, recordingIds } from '../testing/recordings.ts'
import { startTestServer, testKey } from '../testing/server.ts'
import { connectTcp } from '../testing/tcp.ts'
import { HeldStream, html, json, recorded, redirect, stream } from '../testing/upstream-answers.ts'
import { startUpstream, type Answer, type CapturedRequest } from '../testing/upstream.ts'

const KEY = 'weir_0123456789012345678901234567890123456789abcdef'
const MIB = 1024 * 1024

/** A server with one OpenAI provider called `up` and whatever else a test wants. */
function start(
  answers: Answer[],
  options: {
    more?: Provider[]
    models?: Model[]
    type?: Provider['type']
    over?: Partial<Provider>
    keyModels?: string[]
  } = {},
) {
  const up = startUpstream(...answers)
  const provider = testProvider({
    id: 'up',
    type: options.type ?? 'openai',
    baseUrl: `${up.url}/v1`,
    ...options.over,
  })
  const gateway = createTestGateway({
    providers: [provider, ...(options.more ?? [])],
    models: options.models ?? [],
  })
  const keys = [testKey(KEY, options.keyModels === undefined ? {} : { models: options.keyModels })]
  const server = startTestServer(gateway, { keys, anonymous: 'never' })
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: KEY, maxRetries: 0 })
  return {
    up,
    gateway,
    server,
    client,
    async [Symbol.asyncDispose]() {
      await server.stop(0)
      await up.close()
    },
  }
}

function alias(id: string, ...targets: [providerId: string, model: string][]): Model {
  return {
    id,
    origin: 'file',
    targets: targets.map(([providerId, model], order) => ({ providerId, model, order, weight: 1 })),
    defaults: {},
    losses: 'report',
  }
}

/** The fields and files of a form that an upstream got. */
async function formOf(request: CapturedRequest): Promise<FormData> {
  const headers = { 'content-type': request.headers['content-type']! }
  return (await new Response(request.bytes as Uint8Array<ArrayBuffer>, {
    headers,
  }).formData()) as unknown as FormData
}

function post(url: string, path: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}`, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

const MODERATION = { id: 'modr-1', model: 'omni-moderation-latest', results: [{ flagged: false }] }

describe('what goes wrong before anything is sent', () => {
  test.each([
    ['no JSON', '/v1/moderations', '{"input":', 400, 'invalid_json'],
    [
      'the model twice',
      '/v1/moderations',
      '{"model":"a","model":"b","input":"x"}',
      400,
      'invalid_json',
    ],
    ['a model that is no text', '/v1/rerank', '{"model":1}', 400, 'invalid_type'],
    [
      'no model where there is no usual one',
      '/v1/rerank',
      '{"query":"x"}',
      400,
      'missing_required_parameter',
    ],
    [
      'a model nobody has',
      '/v1/audio/speech',
      '{"model":"nope","input":"x"}',
      404,
      'model_not_found',
    ],
    [
      'an operation the provider does not have',
      '/v1/rerank',
      '{"model":"up/r"}',
      400,
      'unsupported_operation',
    ],
  ])('%s', async (_name, path, body, status, code) => {
    await using here = start([json(MODERATION)])
    const answer = await post(here.server.url, path, body)
    expect(answer.status).toBe(status)
    expect(((await answer.json()) as { error: { code: string } }).error.code).toBe(code)
    expect(here.up.requests).toHaveLength(0)
    expect(here.gateway.outcomes).toHaveLength(1)
    expect(here.gateway.outcomes[0]).toMatchObject({ status })
  })

  test('a form on a JSON route and JSON on a form route are 415', async () => {
    await using here = start([json(MODERATION)])
    const form = new FormData()
    form.set('model', 'up/m')
    const authorization = `Bearer ${KEY}`
    const wrong = await fetch(`${here.server.url}/v1/moderations`, {
      method: 'POST',
      headers: { authorization },
      body: form,
    })
    expect(wrong.status).toBe(415)
    expect((await post(here.server.url, '/v1/audio/translations', { model: 'up/m' })).status).toBe(
      415,
    )
    expect(here.up.requests).toHaveLength(0)
  })

  test('no key is 401 before the body is read', async () => {
    await using here = start([json(MODERATION)])
    const peer = await connectTcp(here.server.port)
    peer.write(
      requestText('POST', '/v1/audio/transcriptions', [
        ['host', `127.0.0.1:${here.server.port}`],
        ['content-type', 'multipart/form-data; boundary=b'],
        ['content-length', '100000'],
      ]),
    )
    expect(await peer.received((raw) => raw.includes('invalid_api_key'))).toContain('HTTP/1.1 401')
    peer.reset()
  })

  test('a key held to other models is told what a model nobody has is told', async () => {
    await using here = start([json(MODERATION)], { keyModels: ['up/allowed'] })
    for (const model of ['up/forbidden', 'other/forbidden']) {
      const answer = await post(here.server.url, '/v1/moderations', { model, input: 'x' })
      expect(answer.status).toBe(404)
    }
    expect(
      (await post(here.server.url, '/v1/moderations', { model: 'up/allowed', input: '' })).status,
    ).toBe(200)
    expect(here.up.requests.map((request) => (request.json() as { model: string }).model)).toEqual([
      'allowed',
    ])
  })
})

describe('failures of providers', () => {
  test('the next target is asked, and one row tells of both', async () => {
    await using good = startUpstream(
      json({ ...MODERATION, usage: { input_tokens: 4, output_tokens: 2 } }),
    )
    const more = [testProvider({ id: 'good', type: 'custom', baseUrl: `${good.url}/x` })]
    const models = [alias('mod', ['up', 'a'], ['good', 'b'])]
    await using here = start([html()], { more, models })
    const { data, response } = await here.client.moderations
      .create({ model: 'mod', input: 'x' })
      .withResponse()
    expect(data.id).toBe('modr-1')
    expect(response.headers.get('x-weir-provider')).toBe('good')
    expect(response.headers.get('x-weir-attempts')).toBe('2')
    expect(good.requests[0]!.target).toBe('/x/moderations')
    expect(here.gateway.outcomes).toHaveLength(1)
    expect(here.gateway.outcomes[0]).toMatchObject({
      status: 200,
      operation: 'moderation',
      modelRequested: 'mod',
      providerId: 'good',
      mode: 'relay',
      usage: { inputTokens: 4, outputTokens: 2 },
      attempts: [
        { providerId: 'up', error: 'upstream_bad_response' },
        { providerId: 'good', status: 200 },
      ],
    })
  })

  test.each([
    [
      'its 401 is ours',
      json(
        { error: { message: 'Incorrect API key provided: sk-up-secret-0123456789' } },
        { status: 401 },
      ),
      502,
    ],
    ['a redirect', redirect(307, 'http://127.0.0.1:1/'), 502],
    [
      'JSON that is none',
      stream(['{"id":'], { headers: { 'content-type': 'application/json' } }),
      502,
    ],
    ['an error under a good status', json({ error: { message: 'no' } }), 502],
    [
      'its 400',
      json(
        { error: { message: 'bad voice sk-up-secret-0123456789', code: 'bad_voice' } },
        { status: 400 },
      ),
      400,
    ],
  ])('%s', async (_name, answer, status) => {
    await using here = start([answer], { over: { retries: { max: 0, baseMs: 1, capMs: 1 } } })
    const reply = await post(here.server.url, '/v1/audio/speech', { model: 'up/tts', input: 'x' })
    expect(reply.status).toBe(status)
    const text = await reply.text()
    expect(text).not.toContain('secret')
    expect(JSON.parse(text)).toMatchObject({ error: { type: expect.any(String) } })
  })

  test('an upload is sent again, whole, with the next key and to the next target', async () => {
    const refused = json({ error: { message: 'no', code: 'invalid_api_key' } }, { status: 401 })
    await using good = startUpstream(json({ text: 'hi' }))
    const more = [testProvider({ id: 'good', type: 'openai', baseUrl: `${good.url}/v1` })]
    const models = [alias('stt', ['up', 'a'], ['good', 'longer-name'])]
    const keys = [1, 2].map((index) => ({
      id: `k${index}`,
      secret: `sk-up-secret-000000000${index}`,
    }))
    await using here = start([refused], { more, models, over: { keys } })
    const audio = new Uint8Array(3 * MIB).fill(7)
    const said = await here.client.audio.transcriptions.create({
      file: await toFile(audio, 'a.wav'),
      model: 'stt',
    })
    expect(said.text).toBe('hi')
    const sent = [...here.up.requests, ...good.requests]
    expect(sent).toHaveLength(3)
    expect(new Set(sent.map((request) => request.headers['authorization'])).size).toBe(3)
    for (const request of sent) {
      const form = await formOf(request)
      expect((form.get('file') as unknown as File).size).toBe(audio.length)
      expect(request.headers['content-length']).toBe(String(request.bytes.length))
    }
    expect((await formOf(good.requests[0]!)).get('model')).toBe('longer-name')
  })

  test('audio that breaks off breaks off at the client', async () => {
    const held = new HeldStream({ headers: { 'content-type': 'audio/mpeg' } })
    await using here = start([held.answer])
    held.write(new Uint8Array(1_000))
    const answer = await post(here.server.url, '/v1/audio/speech', { model: 'up/tts', input: 'x' })
    expect(answer.status).toBe(200)
    held.fail()
    const ended = await answer.bytes().then(
      () => 'whole',
      () => 'broken',
    )
    expect(ended).toBe('broken')
    expect(await here.gateway.outcome()).toMatchObject({ errorKind: 'upstream_error' })
  })

  test('an event stream that breaks off ends with an error event', async () => {
    const held = new HeldStream()
    await using here = start([held.answer])
    held.write('data: {"type":"image_generation.partial_image","b64_json":"aa"}\n\nda')
    const answer = await post(here.server.url, '/v1/images/generations', {
      model: 'up/i',
      prompt: 'x',
      stream: true,
    })
    held.fail()
    expect(await answer.text()).toMatch(/\n\ndata: \{"error":\{.*\}\}\n\n$/)
  })

  test('a client that leaves takes its request to the provider along', async () => {
    const held = new HeldStream({ headers: { 'content-type': 'audio/mpeg' } })
    await using here = start([held.answer])
    held.write(new Uint8Array(10))
    const leaving = new AbortController()
    await fetch(`${here.server.url}/v1/audio/speech`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}` },
      body: JSON.stringify({ model: 'up/tts', input: 'x' }),
      signal: leaving.signal,
    })
    leaving.abort()
    await held.cancelled
    expect(await here.gateway.outcome()).toMatchObject({ status: 499, errorKind: 'client_closed' })
  })

  test('a client that leaves in the middle of its upload is logged, and nobody is asked', async () => {
    await using here = start([json({ text: '' })])
    const peer = await connectTcp(here.server.port)
    peer.write(
      requestText('POST', '/v1/audio/transcriptions', [
        ['host', `127.0.0.1:${here.server.port}`],
        ['authorization', `Bearer ${KEY}`],
        ['content-type', 'multipart/form-data; boundary=b'],
        ['content-length', '5000000'],
      ]),
    )
    peer.write('--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n')
    peer.write(new Uint8Array(2 * MIB))
    // Reset before it was read, it would be as if nobody had come.
    while (here.server.active === 0) await Bun.sleep(1)
    peer.reset()
    expect(await here.gateway.outcome()).toMatchObject({
      status: 499,
      operation: 'audio-transcription',
    })
    expect(here.up.requests).toHaveLength(0)
  })
})

describe('the official client', () => {
  test('moderates, with and without a model', async () => {
    await using here = start([json(MODERATION)])
    expect((await here.client.moderations.create({ input: 'x' })).results[0]!.flagged).toBe(false)
    await here.client.moderations.create({ input: 'x', model: 'up/other' })
    expect(here.up.requests.map((request) => request.json())).toEqual([
      { model: 'omni-moderation-latest', input: 'x' },
      { model: 'other', input: 'x' },
    ])
    expect(here.up.requests[0]!.headers['authorization']).toBe('Bearer sk-up-secret-0123456789')
  })

  test('makes images, whole and streamed, with their usage', async () => {
    const usage = {
      input_tokens: 50,
      output_tokens: 4_160,
      total_tokens: 4_210,
      input_tokens_details: { text_tokens: 10, image_tokens: 40 },
    }
    const picture = 'A'.repeat(300_000)
    const done = { type: 'image_generation.completed', b64_json: picture, usage }
    await using here = start([
      json({ created: 1, data: [{ b64_json: picture }], usage }),
      stream([`event: image_generation.completed\ndata: ${JSON.stringify(done)}\n\n`]),
    ])
    const image = await here.client.images.generate({ model: 'up/gpt-image-1', prompt: 'x' })
    expect(image.data![0]!.b64_json).toBe(picture)
    const events = await here.client.images.generate({
      model: 'up/gpt-image-1',
      prompt: 'x',
      stream: true,
    })
    const seen: string[] = []
    for await (const event of events) seen.push(event.type)
    expect(seen).toEqual(['image_generation.completed'])
    await here.gateway.outcome(1)
    for (const outcome of here.gateway.outcomes) {
      expect(outcome).toMatchObject({
        operation: 'image',
        usage: { inputTokens: 50, outputTokens: 4_160 },
      })
    }
    expect(here.gateway.outcomes.map((outcome) => outcome.stream)).toEqual([false, true])
  })

  test('edits and varies images', async () => {
    await using here = start([json({ created: 1, data: [] })])
    const image = await toFile(new Uint8Array(10), 'a.png', { type: 'image/png' })
    await here.client.images.edit({ image: [image, image], prompt: 'x', model: 'up/e' })
    await here.client.images.createVariation({ image })
    expect(here.up.requests.map((request) => request.target)).toEqual([
      '/v1/images/edits',
      '/v1/images/variations',
    ])
    expect((await formOf(here.up.requests[0]!)).get('model')).toBe('e')
    expect((await formOf(here.up.requests[1]!)).get('model')).toBe('dall-e-2')
  })

  test.each([0.05, 5])(
    'transcribes %d MiB, the file first and the model after it',
    async (size) => {
      await using here = start(
        [
          json({
            text: 'hi',
            usage: {
              type: 'tokens',
              input_tokens: 14,
              output_tokens: 45,
              total_tokens: 59,
              input_token_details: { audio_tokens: 14, text_tokens: 0 },
            },
          }),
        ],
        {
          models: [alias('ears', ['up', 'gpt-4o-transcribe'])],
        },
      )
      const audio = crypto.getRandomValues(new Uint8Array(60_000))
      const parts = Array.from({ length: Math.ceil((size * MIB) / audio.length) }, () => audio)
      const file = await toFile(new Blob(parts), 'speech.wav', { type: 'audio/wav' })
      const { data, response } = await here.client.audio.transcriptions
        .create({ file, model: 'ears', language: 'en' })
        .withResponse()
      expect(data.text).toBe('hi')
      expect(response.headers.get('x-weir-model')).toBe('gpt-4o-transcribe')
      const sent = here.up.requests[0]!
      expect(sent.headers['content-length']).toBe(String(sent.bytes.length))
      expect(sent.headers['transfer-encoding']).toBeUndefined()
      const form = await formOf(sent)
      expect([...form.keys()]).toEqual(['file', 'model', 'language'])
      expect(form.get('model')).toBe('gpt-4o-transcribe')
      const got = form.get('file') as unknown as File
      expect([got.name, hash(await got.bytes())]).toEqual(['speech.wav', hash(await file.bytes())])
      expect(here.gateway.outcomes[0]).toMatchObject({
        operation: 'audio-transcription',
        usage: { inputTokens: 14, inputAudioTokens: 14, outputTokens: 45 },
      })
      expect(here.gateway.outcomes[0]!.requestBytes).toBeGreaterThan(size * MIB)
    },
  )

  test('transcribes as a stream', async () => {
    const events = [
      { type: 'transcript.text.delta', delta: 'h' },
      {
        type: 'transcript.text.done',
        text: 'hi',
        usage: { type: 'tokens', input_tokens: 3, output_tokens: 2, total_tokens: 5 },
      },
    ]
    await using here = start([stream(events.map((event) => `data: ${JSON.stringify(event)}\n\n`))])
    const said = await here.client.audio.transcriptions.create({
      file: await toFile(new Uint8Array(9), 'a.wav'),
      model: 'up/t',
      stream: true,
    })
    const seen: string[] = []
    for await (const event of said) seen.push(event.type)
    expect(seen).toEqual(['transcript.text.delta', 'transcript.text.done'])
    expect(here.up.requests[0]!.headers['accept']).toBe('text/event-stream')
    expect(await here.gateway.outcome()).toMatchObject({
      stream: true,
      usage: { inputTokens: 3, outputTokens: 2 },
    })
  })

  test('gets plain text where it asks for it', async () => {
    await using here = start([
      () => new Response('WEBVTT\n', { headers: { 'content-type': 'text/plain; charset=utf-8' } }),
    ])
    const file = await toFile(new Uint8Array(9), 'a.wav')
    const said = await here.client.audio.transcriptions.create({
      file,
      model: 'up/t',
      response_format: 'vtt',
    })
    expect(said as unknown).toBe('WEBVTT\n')
  })

  test('speaks: bytes as they came, and nothing of the account', async () => {
    const audio = crypto.getRandomValues(new Uint8Array(50_000))
    const headers = {
      'content-type': 'audio/mpeg',
      'content-length': String(audio.length),
      'openai-organization': 'org-of-ours',
      'openai-project': 'proj_of_ours',
      'set-cookie': '__cf_bm=canary',
      'x-request-id': 'req_upstream',
      'x-ratelimit-remaining-requests': '7',
    }
    await using here = start([() => new Response(audio, { headers })])
    const answer = await here.client.audio.speech.create({
      model: 'up/tts-1',
      voice: 'alloy',
      input: 'x',
    })
    expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), Buffer.from(audio))).toBe(0)
    expect(answer.headers.get('content-type')).toBe('audio/mpeg')
    expect(answer.headers.get('x-upstream-request-id')).toBe('req_upstream')
    for (const name of [
      'openai-organization',
      'openai-project',
      'set-cookie',
      'x-ratelimit-remaining-requests',
    ]) {
      expect(answer.headers.has(name)).toBe(false)
    }
  })

  test('of Azure asks by deployment', async () => {
    const over = { apiVersion: '2024-10-21' }
    await using up = startUpstream(json({ created: 1, data: [] }))
    const more = [testProvider({ id: 'az', type: 'azure', baseUrl: up.url, ...over })]
    await using here = start([], { more, models: [alias('pic', ['az', 'dall-e 3'])] })
    const client = new AzureOpenAI({
      endpoint: here.server.url,
      apiKey: KEY,
      apiVersion: '2024-10-21',
      maxRetries: 0,
    })
    await client.images.generate({ model: 'pic', prompt: 'x' })
    expect(up.requests[0]!.target).toBe(
      '/openai/deployments/dall-e%203/images/generations?api-version=2024-10-21',
    )
    expect(up.requests[0]!.headers['api-key']).toBe('sk-az-secret-0123456789')
  })
})

test('a client gives headers of its own to nobody, and its key neither', async () => {
  await using here = start([json(MODERATION)])
  await post(
    here.server.url,
    '/v1/moderations',
    { model: 'up/m', input: 'x' },
    {
      cookie: 'canary=1',
      'openai-organization': 'org-canary',
      'x-forwarded-for': '1.2.3.4',
      'x-api-base': 'http://canary',
      'openai-beta': 'assistants=v2',
    },
  )
  const { headers } = here.up.requests[0]!
  expect(JSON.stringify(headers)).not.toContain('canary')
  expect(JSON.stringify(headers)).not.toContain(KEY)
  expect(headers['openai-beta']).toBe('assistants=v2')
})

describe.skipIf(!haveRecordings('operations beyond chat'))(
  'recorded answers pass through as they came',
  () => {
    const IDS = haveRecordings('operations beyond chat')
      ? recordingIds({
          endpoints: ['moderations', 'rerank', 'v2.rerank', 'responses.compact', 'audio.speech'],
        })
      : []
    test.each(IDS)('%s', async (id) => {
      const { request, response, provider, endpoint } = recording(id)
      const type = provider as Provider['type']
      const base = type === 'openrouter' ? '/api/v1' : '/v1'
      const up = startUpstream(recorded(recording(id)))
      const cohere = type === 'cohere'
      const over = testProvider({
        id: 'it',
        type,
        baseUrl: `${up.url}${cohere ? '' : base}`,
      })
      const body = request.body as { model: string; previous_response_id?: string }
      await using here = start([], { more: [over], models: [alias('theirs', ['it', body.model])] })
      if (body.previous_response_id !== undefined) {
        await here.gateway.deps.kept.put({
          kind: 'response',
          id: body.previous_response_id,
          tenantId: 'default',
          keyId: testKey(KEY).id,
          providerId: 'it',
          model: body.model,
          createdMs: 1,
        })
      }
      const path = cohere ? '/v2/rerank' : request.path.replace(/^\/api/, '')
      const answer = await post(here.server.url, path, { ...body, model: 'theirs' })
      expect(answer.status).toBe(response.status)
      expect(await answer.json()).toEqual(response.body)
      expect(up.requests[0]!.json()).toEqual(body)
      expect(up.requests[0]!.target).toBe(request.path)
      const outcome = await here.gateway.outcome()
      expect(outcome.status).toBe(response.status)
      if (endpoint === 'responses.compact') {
        const { usage } = response.body as {
          usage: { input_tokens: number; output_tokens: number }
        }
        expect(outcome.usage).toMatchObject({
          inputTokens: usage.input_tokens,
          outputTokens: usage.output_tokens,
        })
      }
      await up.close()
    })

    test('a transcription', async () => {
      const each = recording('openai-audio-transcriptions-78462bb4')
      await using here = start([recorded(each)])
      const file = await toFile(new Uint8Array(100), 'a.wav')
      const said = await here.client.audio.transcriptions.create({ file, model: 'up/whisper-1' })
      expect(said as unknown).toEqual(each.response.body)
      expect(here.gateway.outcomes[0]!.usage).toBeUndefined()
    })
  },
)

test.each(['/v1', '/openai/v1', `/k/${KEY}/v1`])('the same under %s', async (prefix) => {
  await using here = start([json(MODERATION)])
  const answer = await fetch(`${here.server.url}${prefix}/moderations`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(prefix.startsWith('/k/') ? {} : { 'api-key': KEY }),
    },
    body: '{"input":"x","model":"up/m"}',
  })
  expect(answer.status).toBe(200)
  expect((await here.gateway.outcome()).endpoint).toBe(
    `${prefix.replace(/^\/k\/[^/]*/, '')}/moderations`,
  )
  expect(JSON.stringify(here.gateway.outcomes)).not.toContain(KEY)
})

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

test('what is relayed falls back to another model too, and its decision is kept', async () => {
  const failing = json({ error: { message: 'no', code: 'server_error' } }, { status: 500 })
  const made = json({ created: 1, data: [{ b64_json: 'aGk=' }] })
  const models: Model[] = [
    {
      ...alias('pic', ['up', 'first'], ['up', 'second']),
      routing: { ...DEFAULT_ROUTING, strategy: 'order', fallbacks: { failed: ['spare'] } },
    },
    alias('spare', ['up', 'third']),
  ]
  const over = { retries: { max: 0, baseMs: 1, capMs: 1 } }
  await using here = start([failing, failing, made], { models, over })
  const answer = await post(here.server.url, '/v1/images/generations', {
    model: 'pic',
    prompt: 'x',
  })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('x-weir-fallback')).toBe('spare')
  expect(here.up.requests.map((request) => (request.json() as { model: string }).model)).toEqual([
    'first',
    'second',
    'third',
  ])
  const { route } = await here.gateway.outcome()
  expect(route?.map(({ model, fallbackFor }) => [model, fallbackFor])).toEqual([
    ['pic', undefined],
    ['spare', 'failed'],
  ])
})
