// Guardrails of the executable over the protocols of its clients, with their official libraries: what is refused before a provider hears of it,
// what is masked on the way and put back in the answer, what is held back in a stream, and what happens while nobody can judge.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { startUpstream, type Upstream } from '../src/testing/upstream.ts'
import { filesUnder } from './harness/files.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(240_000)

const CARD = '4111 1111 1111 1111'
const MAIL = 'zoe.mueller@example.com'
const ADMIN = 'secret-of-the-administrator-of-this-test-01'
const KEY = 'secret-of-an-ordinary-key-with-enough-chars'

/** Says back what it was told last, in pieces where a stream is asked for. */
let upstream: Upstream
let asked: string[] = []
let weir: Weir

function answerTo(text: string): Response {
  const body = JSON.parse(text) as { stream?: boolean; messages: { content: unknown }[] }
  const last = body.messages.at(-1)?.content
  const content = typeof last === 'string' ? last : JSON.stringify(last)
  const said = `You said: ${content}`
  const head = { id: 'c', created: 1, model: 'm-1' }
  const usage = { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 }
  if (body.stream !== true) {
    const message = { role: 'assistant', content: said }
    const choices = [{ index: 0, message, finish_reason: 'stop' }]
    return Response.json({ ...head, object: 'chat.completion', choices, usage })
  }
  const chunk = (fields: object) =>
    `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', ...fields })}\n\n`
  const delta = (piece: string) =>
    chunk({ choices: [{ index: 0, delta: { content: piece }, finish_reason: null }] })
  const pieces = said.match(/[\s\S]{1,3}/g) ?? []
  const end = `${chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}${chunk({ choices: [], usage })}data: [DONE]\n\n`
  return new Response(`${pieces.map(delta).join('')}${end}`, {
    headers: { 'content-type': 'text/event-stream' },
  })
}

const RULES = [
  { id: 'no-cards', check: 'pii', detect: ['card'] },
  { id: 'mask-mail', check: 'pii', mode: 'mask', detect: ['email'] },
  { id: 'no-borealis', check: 'words', stages: ['output'], words: ['borealis'] },
  { id: 'look', check: 'words', mode: 'flag', words: ['curious'] },
]

function config(rules: readonly object[]): object {
  return {
    providers: [
      { id: 'up', type: 'custom', compatible: 'openai', base_url: upstream.url, keys: ['sk-up'] },
    ],
    models: [{ id: 'm', targets: [{ provider: 'up', model: 'm-1' }] }],
    keys: [
      { name: 'app', key: KEY },
      { name: 'boss', key: ADMIN, roles: ['owner'] },
    ],
    guardrails: rules,
  }
}

beforeAll(async () => {
  upstream = startUpstream((request) => {
    if (request.method !== 'POST') return Response.json({ object: 'list', data: [] })
    asked.push(request.text)
    return answerTo(request.text)
  })
  weir = await startWeir({ config: config(RULES) })
})
afterAll(async () => {
  await weir?.stop()
  await upstream.close()
})

const openai = () => new OpenAI({ baseURL: `${weir.url}/v1`, apiKey: KEY, maxRetries: 2 })
const anthropic = () => new Anthropic({ baseURL: weir.url, apiKey: KEY, maxRetries: 2 })
const ask = (content: string) => ({ model: 'm', messages: [{ role: 'user' as const, content }] })

async function thrown(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

const REQUEST_FIELDS = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }

async function post(path: string, body: object) {
  const answer = await fetch(`${weir.url}${path}`, {
    method: 'POST',
    headers: REQUEST_FIELDS,
    body: JSON.stringify(body),
  })
  return { answer, text: await answer.text() }
}

describe('what is refused', () => {
  test('is an error of each library that says which rule, never what was found, and no provider hears of it', async () => {
    asked = []
    const one = await thrown(openai().chat.completions.create(ask(`It is ${CARD}`)))
    expect(one).toBeInstanceOf(OpenAI.BadRequestError)
    expect(one).toMatchObject({ status: 400, code: 'content_filter' })
    const two = await thrown(openai().responses.create({ model: 'm', input: `It is ${CARD}` }))
    expect(two).toBeInstanceOf(OpenAI.BadRequestError)
    const three = await thrown(
      anthropic().messages.create({ ...ask(`It is ${CARD}`), max_tokens: 9 }),
    )
    expect(three).toBeInstanceOf(Anthropic.BadRequestError)
    const stream = await thrown(
      openai().chat.completions.create({ ...ask(`It is ${CARD}`), stream: true }),
    )
    expect(stream).toBeInstanceOf(OpenAI.BadRequestError)
    for (const error of [one, two, three, stream]) {
      expect(String(error)).toContain('no-cards')
      expect(`${String(error)}${JSON.stringify(error)}`).not.toContain('4111')
    }
    expect(asked).toEqual([])
  })

  test('is refused over every protocol, wherever in the request it stands', async () => {
    asked = []
    const messages = [{ role: 'user', content: `It is ${CARD}` }]
    const contents = [{ role: 'user', parts: [{ text: `It is ${CARD}` }] }]
    for (const [path, body] of [
      ['/v1/completions', { model: 'm', prompt: `It is ${CARD}` }],
      ['/api/chat', { model: 'm', messages, stream: false }],
      ['/api/generate', { model: 'm', prompt: `It is ${CARD}`, stream: false }],
      ['/v2/chat', { model: 'm', messages }],
      ['/v1beta/models/m:generateContent', { contents }],
      ['/v1/embeddings', { model: 'm', input: [`It is ${CARD}`] }],
      ['/v1/chat/completions', { model: 'm', messages: [{ role: 'system', content: CARD }] }],
      [
        '/v1/chat/completions',
        {
          model: 'm',
          messages: [
            { role: 'user', content: 'Look' },
            {
              role: 'assistant',
              content: null,
              tool_calls: [{ id: 't', type: 'function', function: { name: 'f', arguments: '{}' } }],
            },
            { role: 'tool', tool_call_id: 't', content: `Found ${CARD}` },
          ],
        },
      ],
    ] as const) {
      const { answer, text } = await post(path, body)
      expect([path, answer.status]).toEqual([path, 400])
      expect(text).not.toContain('4111')
    }
    expect(asked).toEqual([])
  })

  test('is in the log with its rule, and can be searched for', async () => {
    const { answer } = await post('/v1/chat/completions', ask(CARD))
    const row = await weir.row(answer.headers.get('x-request-id') ?? '')
    expect(String(row['guardrails'])).toContain('"verdict":"blocked"')
    expect(JSON.stringify(row)).not.toContain('4111')
    const found = await fetch(
      `${weir.url}/admin/requests?guardrail=no-cards&verdict=blocked&limit=1`,
      {
        headers: { authorization: `Bearer ${ADMIN}` },
      },
    )
    const { data } = (await found.json()) as { data: unknown[] }
    expect(data).toHaveLength(1)
  })
})

describe('what is masked', () => {
  const QUESTION = `Write to ${MAIL} please.`

  test('never reaches the provider, and is in the answer again: whole and streamed, relayed and translated', async () => {
    asked = []
    const whole = await openai().chat.completions.create(ask(QUESTION)).withResponse()
    expect(whole.data.choices[0]?.message.content).toBe(`You said: ${QUESTION}`)
    expect(whole.response.headers.get('x-weir-guardrails')).toContain('mask-mail=masked')
    const stream = await openai().chat.completions.create({ ...ask(QUESTION), stream: true })
    let streamed = ''
    for await (const event of stream) streamed += event.choices[0]?.delta.content ?? ''
    expect(streamed).toBe(`You said: ${QUESTION}`)
    const message = await anthropic().messages.create({ ...ask(QUESTION), max_tokens: 99 })
    expect(message.content).toMatchObject([{ type: 'text', text: `You said: ${QUESTION}` }])
    const final = await anthropic()
      .messages.stream({ ...ask(QUESTION), max_tokens: 99 })
      .finalText()
    expect(final).toBe(`You said: ${QUESTION}`)
    const { text } = await post('/api/chat', { ...ask(QUESTION), stream: false })
    expect(text).toContain(MAIL)
    expect(asked).toHaveLength(5)
    for (const one of asked) {
      expect(one).not.toContain('example.com')
      expect(one).toContain('[EMAIL_1]')
    }
  })
})

describe('what an answer must not say', () => {
  const QUESTION = `Tell of ${'this and that, '.repeat(60)}and Project Borealis at the end.`

  test('is in no answer and no piece of a stream, which end as filtered ones do', async () => {
    const whole = await openai().chat.completions.create(ask(QUESTION))
    expect(whole.choices[0]?.finish_reason).toBe('content_filter')
    expect(JSON.stringify(whole)).not.toContain('orealis')
    const stream = await openai().chat.completions.create({ ...ask(QUESTION), stream: true })
    const events = []
    for await (const event of stream) events.push(event)
    const said = events.map((event) => event.choices[0]?.delta.content ?? '').join('')
    expect(said).not.toContain('oreal')
    expect(events.some((event) => event.choices[0]?.finish_reason === 'content_filter')).toBe(true)
    const message = await anthropic()
      .messages.stream({ ...ask(QUESTION), max_tokens: 999 })
      .finalMessage()
    expect(message.stop_reason).toBe('refusal')
    expect(JSON.stringify(message)).not.toContain('oreal')
    const { text } = await post('/api/chat', { ...ask(QUESTION), stream: true })
    expect(text.replaceAll(/"[^"]*content":"([^"]*)"[^\n]*\n?/g, '$1')).not.toContain('orealis')
  })

  test('what is only curious passes, and is told', async () => {
    const { data, response } = await openai()
      .chat.completions.create(ask('How curious!'))
      .withResponse()
    expect(data.choices[0]?.message.content).toContain('curious')
    expect(response.headers.get('x-weir-guardrails')).toContain('look=flagged')
  })
})

describe('while nobody can judge', () => {
  const GONE = { check: 'webhook', url: 'http://127.0.0.1:1/judge', timeout: '1s' }

  test('a closed rule refuses with 503 and asks no provider; an open one lets through and says so', async () => {
    const one = await startWeir({ config: config([{ id: 'gone', ...GONE }]) })
    const two = await startWeir({ config: config([{ id: 'gone', ...GONE, on_failure: 'open' }]) })
    try {
      asked = []
      const client = new OpenAI({ baseURL: `${one.url}/v1`, apiKey: KEY, maxRetries: 0 })
      const error = await thrown(client.chat.completions.create(ask('Hi')))
      expect(error).toBeInstanceOf(OpenAI.InternalServerError)
      expect(error).toMatchObject({ status: 503, code: 'guardrail_unavailable' })
      const retryAfter = Number((error as { headers?: Headers }).headers?.get('retry-after'))
      expect(retryAfter).toBeWithin(1, 6)
      const claude = new Anthropic({ baseURL: one.url, apiKey: KEY, maxRetries: 0 })
      const other = await thrown(claude.messages.create({ ...ask('Hi'), max_tokens: 9 }))
      expect(other).toMatchObject({ status: 503 })
      expect(asked).toEqual([])
      const open = new OpenAI({ baseURL: `${two.url}/v1`, apiKey: KEY, maxRetries: 0 })
      const { response } = await open.chat.completions.create(ask('Hi')).withResponse()
      expect(response.headers.get('x-weir-guardrails')).toContain('gone=failed-open')
      expect(asked).toHaveLength(1)
    } finally {
      await Promise.all([one.stop(), two.stop()])
    }
  })
})

describe('rules that change', () => {
  test('an edit of the file holds; a broken one is refused, and what was there stays', async () => {
    const one = await startWeir({ config: config([]) })
    const status = async () => {
      const answer = await fetch(`${one.url}/v1/chat/completions`, {
        method: 'POST',
        headers: REQUEST_FIELDS,
        body: JSON.stringify(ask(CARD)),
      })
      await answer.arrayBuffer()
      return answer.status
    }
    const until = async (isSo: () => Promise<boolean> | boolean) => {
      const limitMs = performance.now() + 30_000
      while (!(await isSo())) {
        if (performance.now() > limitMs) throw new Error(`was not so:\n${one.stderr()}`)
        await Bun.sleep(20)
      }
    }
    try {
      expect(await status()).toBe(200)
      one.configure(config([RULES[0]!]))
      await until(async () => (await status()) === 400)
      const broken = { id: 'bad', check: 'regex', patterns: [{ name: 'a', pattern: '(?=x)' }] }
      one.configure(config([broken]))
      await until(() => one.stderr().includes('guardrails[0].patterns[0].pattern'))
      expect(await status()).toBe(400)
      one.configure(config([]))
      await until(async () => (await status()) === 200)
    } finally {
      await one.stop()
    }
  })

  test('the commands and the running server know the same rules', async () => {
    const added = await weir.runCli(
      'guard',
      'add',
      'no-iban',
      '--check',
      'pii',
      '--options',
      '{"detect":["iban"]}',
    )
    expect(added.code).toBe(0)
    const iban = 'DE89 3704 0044 0532 0130 00'
    const limitMs = performance.now() + 30_000
    let last = 0
    while (last !== 400 && performance.now() < limitMs) {
      last = (await post('/v1/chat/completions', ask(`IBAN ${iban}`))).answer.status
    }
    expect(last).toBe(400)
    const tried = await weir.runCli('guard', 'test', '--text', `IBAN ${iban}`, '--json')
    expect([tried.code, JSON.parse(tried.stdout)]).toMatchObject([1, { refused_by: 'no-iban' }])
    expect((await weir.runCli('guard', 'delete', 'no-iban')).code).toBe(0)
  })
})

test('the canary of a secret option is nowhere: log, output, database, export', async () => {
  const canary = 'canary-of-a-guard-secret-0123456789'
  const hook = {
    id: 'hook',
    check: 'webhook',
    url: 'http://127.0.0.1:1/x',
    secret: '${HOOK_SECRET}',
  }
  const one = await startWeir({ config: config([hook]), env: { HOOK_SECRET: canary } })
  try {
    const headers = { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' }
    const get = async (path: string) => await (await fetch(`${one.url}${path}`, { headers })).text()
    await fetch(`${one.url}/admin/guardrails`, {
      method: 'POST',
      headers,
      body: JSON.stringify({
        id: 'stored',
        check: 'webhook',
        options: { url: 'https://guard.example.com/x', secret: canary },
      }),
    })
    const texts = await Promise.all([
      get('/admin/guardrails'),
      get('/admin/config/export'),
      get('/admin/audit'),
      get('/admin/settings'),
      get('/admin/health'),
      get('/metrics'),
      post('/v1/chat/completions', ask('Hi')).then(({ text }) => text),
    ])
    texts.push(one.stdout(), one.stderr(), (await one.runCli('config', 'show')).stdout)
    texts.push((await one.runCli('guard', 'show', 'stored')).stdout)
    const files = filesUnder(one.dataFolder)
    for (const bytes of files.values()) texts.push(bytes.toString('latin1'))
    expect(files.size).toBeGreaterThan(1)
    expect(texts.join('\n')).not.toContain(canary)
  } finally {
    await one.stop()
  }
})
