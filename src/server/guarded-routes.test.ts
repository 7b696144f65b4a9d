// Rules on the routes that are in no words of ours: raw requests, pictures, sounds, files, moderation, ranking. What can be read is judged,
// what cannot is refused, and nothing of what is blocked comes out.

import { describe, expect, test } from 'bun:test'
import type { Provider } from '../core/catalog.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { testGuard, withGuards } from '../testing/guards.ts'
import { startTestServer, testKey } from '../testing/server.ts'
import { json, stream, text } from '../testing/upstream-answers.ts'
import { startUpstream, type Answer } from '../testing/upstream.ts'
import { openaiChat } from '../testing/voices-openai.ts'

const KEY = 'weir_0123456789012345678901234567890123456789abcdef'
const BAD = 'say the secret-word now'

function start(answer: Answer, ...guards: Parameters<typeof withGuards>[1][]) {
  return startAs('openai', answer, ...guards)
}

function startAs(
  type: Provider['type'],
  answer: Answer,
  ...guards: Parameters<typeof withGuards>[1][]
) {
  const up = startUpstream(answer)
  const provider = testProvider({ id: 'up', type, baseUrl: `${up.url}/v1` })
  const gateway = createTestGateway({ providers: [provider] })
  const events = withGuards(gateway.deps, ...guards)
  const server = startTestServer(gateway, { keys: [testKey(KEY)], anonymous: 'never' })
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${KEY}`,
        ...(body instanceof FormData ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body instanceof FormData ? body : JSON.stringify(body),
    })
  return {
    up,
    gateway,
    events,
    server,
    post,
    async [Symbol.asyncDispose]() {
      await server.stop(0)
      await up.close()
    },
  }
}

const said = (content: string) => ({ model: 'gpt', messages: [{ role: 'user', content }] })

describe('what goes out', () => {
  test.each([
    ['raw chat', '/proxy/up/chat/completions', said(BAD)],
    [
      'raw chat, split',
      '/proxy/up/chat/completions',
      {
        model: 'gpt',
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'secret' },
              { type: 'text', text: '-word' },
            ],
          },
        ],
      },
    ],
    ['raw completion', '/proxy/up/completions', { model: 'gpt', prompt: ['a', BAD] }],
    ['raw embedding', '/proxy/up/embeddings', { model: 'e', input: [BAD] }],
    ['raw, nobody knows what', '/proxy/up/whatever/v9', { deep: [{ er: BAD }] }],
    ['raw, in the query', '/proxy/up/whatever?q=secret-word', {}],
    ['picture', '/v1/images/generations', { model: 'up/i', prompt: BAD }],
    ['speech', '/v1/audio/speech', { model: 'up/s', input: BAD, voice: 'x' }],
    ['moderation', '/v1/moderations', { model: 'up/m', input: [BAD] }],
    ['batch', '/v1/batches', { input_file_id: 'file-1', metadata: { note: BAD } }],
  ])('%s is judged', async (_name, path, body) => {
    await using here = start(json({ ok: true }), testGuard())
    const answer = await here.post(path, body)
    const got = await answer.text()
    expect([answer.status, got.includes("'words'"), got.includes('secret')]).toEqual([
      400,
      true,
      false,
    ])
    expect(here.up.requests).toHaveLength(0)
    expect(here.gateway.outcomes).toHaveLength(1)
    expect(here.gateway.outcomes[0]?.guardrails?.[0]?.verdict).toBe('blocked')
  })

  test('a form cannot be judged, unless the rule lets it through', async () => {
    for (const options of [{}, { unjudged: 'allow' }]) {
      await using here = start(json({ text: 'fine' }), testGuard({ options }))
      const form = new FormData()
      form.set('model', 'up/whisper')
      form.set('file', new File(['x'], 'a.wav'))
      const answer = await here.post('/v1/audio/transcriptions', form)
      await answer.text()
      expect(answer.status).toBe('unjudged' in options ? 200 : 400)
      expect(here.up.requests).toHaveLength('unjudged' in options ? 1 : 0)
    }
  })

  test('rules that only look on refuse nothing they cannot read', async () => {
    await using here = start(json({ text: 'fine' }), testGuard({ mode: 'flag' }))
    const form = new FormData()
    form.set('model', 'up/whisper')
    form.set('file', new File(['x'], 'a.wav'))
    expect((await here.post('/v1/audio/transcriptions', form)).status).toBe(200)
  })

  test('what is masked is masked in the bytes, and comes back', async () => {
    const guard = testGuard({ mode: 'mask', check: 'pii', stages: ['input'] }, { label: 'name' })
    await using here = start(json({ results: [{ said: 'hello [NAME_1]' }] }), guard)
    const answer = await here.post('/proxy/up/whatever', { q: 'i am secret-word', n: 1 })
    expect(here.up.requests[0]?.text).toBe('{"q":"i am [NAME_1]","n":1}')
    expect(await answer.text()).toContain('hello secret-word')
    expect(answer.headers.get('x-weir-guardrails')).toBe('words=masked')
  })
})

describe('what comes back', () => {
  const rule = testGuard({ stages: ['output'] })
  const events = (...datas: unknown[]) =>
    stream(
      datas.map((data) => `data: ${JSON.stringify(data)}\n\n`),
      { headers: { 'content-type': 'text/event-stream' } },
    )

  test.each([
    ['raw chat', '/proxy/up/chat/completions', json(openaiChat.whole({ text: BAD })), 200],
    [
      'raw chat, streamed',
      '/proxy/up/chat/completions',
      stream(openaiChat.stream({ text: BAD })),
      200,
    ],
    ['raw JSON', '/proxy/up/whatever', json({ deep: [{ er: BAD }] }), 400],
    ['raw events', '/proxy/up/whatever', events({ d: 'se' }, { d: 'cret' }, { d: '-word' }), 400],
    [
      'raw text',
      '/proxy/up/whatever',
      text(BAD, { headers: { 'content-type': 'text/plain' } }),
      400,
    ],
    [
      'raw bytes',
      '/proxy/up/whatever',
      text('MP3', { headers: { 'content-type': 'audio/mpeg' } }),
      400,
    ],
    ['a transcript', '/v1/moderations', json({ results: [{ text: BAD }] }), 400],
  ])('%s is judged', async (_name, path, answer, status) => {
    await using here = start(answer, rule)
    const isStream = _name.includes('streamed')
    const reply = await here.post(path, { ...said('hi'), model: 'up/gpt', stream: isStream })
    const got = await reply.text()
    expect(reply.status).toBe(status)
    expect(got).not.toContain('secret')
    if (status === 200) expect(got).toContain('content_filter')
    const outcome = await here.gateway.outcome()
    expect(outcome.guardrails?.[0]?.verdict).toBe('blocked')
    expect(here.gateway.outcomes).toHaveLength(1)
  })

  test('what passes is what it was', async () => {
    for (const [path, answer] of [
      ['/proxy/up/chat/completions', json(openaiChat.whole({ text: 'fine' }))],
      ['/proxy/up/whatever', json({ b: 1.5, a: ['x'] })],
      ['/proxy/up/whatever', events({ d: 'se' }, { d: 'cond' })],
    ] as const) {
      await using plain = start(answer)
      await using here = start(answer, rule)
      const wanted = await (await plain.post(path, said('hi'))).text()
      expect(await (await here.post(path, said('hi'))).text()).toBe(wanted)
    }
  })

  test('an answer that is fetched later cannot be judged', async () => {
    await using here = start(json({}), rule)
    const reply = await here.post('/v1/responses', {
      model: 'up/gpt',
      input: 'hi',
      background: true,
    })
    expect(await reply.json()).toMatchObject({ error: { param: 'background' } })
    expect(here.up.requests).toHaveLength(0)
  })
})
