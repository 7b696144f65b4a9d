// Rules where answers come in other ways: from a second provider after the first broke off, as one of several choices, with probabilities,
// with reasoning that somebody has signed, from a provider that streams unasked.

import { afterEach, describe, expect, test } from 'bun:test'
import { DEFAULT_ROUTING, type Model, type Target } from '../../core/catalog.ts'
import type { JsonObject } from '../../core/json.ts'
import { createTestGateway, jsonOf, testProvider, textOf } from '../../testing/gateway.ts'
import { testGuard, withGuards } from '../../testing/guards.ts'
import { json, stream } from '../../testing/upstream-answers.ts'
import { startUpstream, type Answer } from '../../testing/upstream.ts'
import { VOICES, voiceProvider } from '../../testing/voices.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function up(...answers: Answer[]) {
  const started = startUpstream(...answers)
  closing.push(started)
  return started
}

function chunk(delta: object, finish: string | null = null, more: object = {}, index = 0): string {
  const choices = [{ index, delta, finish_reason: finish, ...more }]
  const about = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' }
  return `data: ${JSON.stringify({ ...about, choices })}\n\n`
}

const DONE = 'data: [DONE]\n\n'
const say = (content: string) => chunk({ content })
const opened = chunk({ role: 'assistant', content: '' })

function twoTargets(
  first: Answer,
  second: Answer,
  routing: Partial<Model['routing'] & object> = {},
) {
  const upstreams = [up(first), up(second)]
  const target = (providerId: string, order: number): Target => ({
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
    routing: { ...DEFAULT_ROUTING, ...routing },
  }
  const providers = ['a', 'b'].map((id, at) =>
    testProvider({
      id,
      type: 'custom',
      compatible: 'openai',
      baseUrl: `${upstreams[at]!.url}/v1`,
      retries: { max: 0, baseMs: 1, capMs: 1 },
    }),
  )
  return { upstreams, ...createTestGateway({ providers, models: [model] }) }
}

const ASK = { model: 'fast', stream: true, messages: [{ role: 'user', content: 'hi' }] }
const output = { stages: ['output'] } as const

describe('an answer that broke off', () => {
  test('is judged over the seam: what begins in one part and ends in the other is not sent', async () => {
    const gateway = twoTargets(
      stream([opened, say('well, the secret')]),
      stream([opened, say('-word it is'), chunk({}, 'stop'), DONE]),
      { continuation: true },
    )
    withGuards(gateway.deps, testGuard({ ...output, windowChars: 20 }))
    const text = await textOf(await gateway.ask({ body: ASK }))
    expect(text).not.toContain('secret')
    expect(text).toContain('content_filter')
    expect(gateway.upstreams[1]!.requests).toHaveLength(1)
    expect((await gateway.outcome()).finish).toBe('content_filter')
  })

  test('is gone on with in its placeholders, which are restored in both parts', async () => {
    const gateway = twoTargets(
      stream([opened, say('mail [EMAIL_1] and ')]),
      stream([opened, say('again [EMA'), say('IL_1].'), chunk({}, 'stop'), DONE]),
      { continuation: true },
    )
    const guard = testGuard(
      { mode: 'mask', check: 'pii', stages: ['input'] },
      { pattern: /\w+@\w+\.com/g, label: 'email' },
    )
    withGuards(gateway.deps, guard)
    const body = { ...ASK, messages: [{ role: 'user', content: 'i am a@b.com' }] }
    const text = await textOf(await gateway.ask({ body }))
    const said = [...text.matchAll(/"content":"([^"]*)"/g)].map((match) => match[1]).join('')
    expect(said).toBe('mail a@b.com and again a@b.com.')
    for (const { requests } of gateway.upstreams) expect(requests[0]?.text).not.toContain('a@b.com')
    expect(gateway.upstreams[1]!.requests[0]?.text).toContain('mail [EMAIL_1] and')
  })

  test('is ended by its error where nobody goes on, and nothing unjudged is sent before it', async () => {
    const gateway = twoTargets(stream([opened, say('the secret-word')]), json({}))
    withGuards(gateway.deps, testGuard(output))
    const text = await textOf(await gateway.ask({ body: ASK }))
    expect(text).not.toContain('secret')
    expect(text).toContain('"error"')
    expect(gateway.outcomes).toHaveLength(1)
  })
})

test('another target is asked with the same masked words', async () => {
  const gateway = twoTargets(
    json({ error: { message: 'away' } }, { status: 503 }),
    stream([opened, say('fine'), chunk({}, 'stop'), DONE]),
  )
  withGuards(gateway.deps, testGuard({ mode: 'mask', check: 'pii', stages: ['input'] }))
  const body = { ...ASK, messages: [{ role: 'user', content: 'the secret-word' }] }
  expect(await textOf(await gateway.ask({ body }))).toContain('fine')
  const sent = gateway.upstreams.map(({ requests }) => requests[0]?.text)
  expect(sent.every((text) => text?.includes('[SECRET_1]'))).toBe(true)
  expect(sent.join()).not.toContain('secret-word')
})

describe('several choices', () => {
  test('one of them blocks all, streamed and whole', async () => {
    const events = [
      chunk({ role: 'assistant', content: '' }, null, {}, 0),
      chunk({ role: 'assistant', content: '' }, null, {}, 1),
      ...[...'abcdefghijklmnopqrstuvwxyz'].flatMap((letter) => [
        chunk({ content: `${letter} is fine. ` }, null, {}, 0),
        chunk({ content: letter === 'm' ? 'secret-word' : 'so so. ' }, null, {}, 1),
      ]),
      chunk({}, 'stop', {}, 0),
      chunk({}, 'stop', {}, 1),
      DONE,
    ]
    const gateway = twoTargets(stream(events), json({}))
    withGuards(gateway.deps, testGuard(output))
    const text = await textOf(await gateway.ask({ body: { ...ASK, n: 2 } }))
    expect(text).not.toContain('secret')
    expect(text.match(/"finish_reason":"content_filter"/g)).toHaveLength(2)

    const whole = {
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: ['fine', 'the secret-word'].map((content, index) => ({
        index,
        message: { role: 'assistant', content },
        finish_reason: 'stop',
      })),
      usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
    }
    const other = twoTargets(json(whole), json({}))
    withGuards(other.deps, testGuard(output))
    const reply = await other.ask({ body: { ...ASK, stream: false, n: 2 } })
    const got = await jsonOf<typeof whole>(reply)
    expect(got.choices.map((one) => one.finish_reason)).toEqual([
      'content_filter',
      'content_filter',
    ])
    expect(JSON.stringify(got)).not.toContain('secret')
    expect(got.usage).toMatchObject(whole.usage)
    expect((await other.outcome()).usage).toMatchObject({ inputTokens: 3, outputTokens: 4 })
  })
})

test('probabilities of words, which say the text before it is judged, are not sent in a judged stream', async () => {
  const logprobs = { content: [{ token: 'secret', logprob: -1, top_logprobs: [] }] }
  const events = [opened, chunk({ content: 'fine' }, null, { logprobs }), chunk({}, 'stop'), DONE]
  const gateway = twoTargets(stream(events), json({}))
  withGuards(gateway.deps, testGuard(output))
  const text = await textOf(await gateway.ask({ body: { ...ASK, logprobs: true } }))
  expect(text).toContain('fine')
  expect(text).not.toContain('secret')
  expect((await gateway.outcome()).losses.map(({ feature }) => feature)).toContain('logprobs')
})

describe('masked in answers', () => {
  const LONG = 'one two three four five six seven eight nine ten. '.repeat(3)
  for (const voice of VOICES) {
    for (const isStream of [false, true]) {
      test(`${voice.dialect}${isStream ? ', streamed' : ''}: text, thinking and arguments`, async () => {
        const said = {
          thinking: `${LONG}secret-word in mind`,
          text: `${LONG}secret-word here. ${LONG}`,
          calls: [{ id: 'call_1', name: 'f', input: '{"q":"a secret-\\u0077ord b"}' }],
        }
        const answer = isStream
          ? stream(voice.stream(said), { headers: { 'content-type': voice.contentType } })
          : json(voice.whole(said))
        const upstream = up(answer)
        const gateway = createTestGateway({ providers: [voiceProvider(voice, upstream.url)] })
        const rule = { ...output, mode: 'mask', check: 'pii' } as const
        withGuards(gateway.deps, testGuard(rule, { label: 'name' }))
        const reply = await gateway.ask({
          dialect: 'anthropic',
          body: {
            model: `p/${voice.model}`,
            max_tokens: 99,
            stream: isStream,
            messages: [{ role: 'user', content: 'hi' }],
          },
        })
        const text = await textOf(reply)
        const whole = isStream ? deltasOf(text) : text
        expect(whole).not.toContain('secret')
        expect(whole).toContain('[NAME] here.')
        expect(whole).toContain('a [NAME] b')
        expect((await gateway.outcome()).guardrails).toMatchObject([{ verdict: 'masked' }])
      })
    }
  }
})

/** What the deltas of an Anthropic stream say, joined. */
function deltasOf(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)) as JsonObject)
    .map(({ delta }) => {
      const { partial_json: json_, text: said, thinking } = (delta ?? {}) as Record<string, string>
      return said ?? thinking ?? json_ ?? ''
    })
    .join('')
}

test('a provider that streams although nobody asked is judged as a whole', async () => {
  const gateway = twoTargets(
    stream([opened, say('the secret'), say('-word'), chunk({}, 'stop'), DONE]),
    json({}),
  )
  withGuards(gateway.deps, testGuard(output))
  const reply = await gateway.ask({ body: { ...ASK, stream: false } })
  const text = await textOf(reply)
  expect([reply.status, text.includes('secret'), text.includes('content_filter')]).toEqual([
    200,
    false,
    true,
  ])
})
