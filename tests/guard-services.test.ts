// Guardrails that ask others, with the executable: services that mask, refuse, lie and are gone, and models that judge in the name of whoever
// asks, within the limits of their key.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { startWeir, type LogRow, type Weir } from './harness/weir.ts'

setDefaultTimeout(240_000)

const KEY = 'secret-of-a-narrow-key-with-enough-characters-01'
const SECRET = 'sk-canary-of-a-service-0123456789'
const NAME = 'Zoë 😀 Müller'

type Json = Record<string, unknown>

interface Fake {
  readonly url: string
  readonly seen: { readonly path: string; readonly headers: Headers; readonly body: Json }[]
  stop(): void
}

function fake(answer: (body: Json, path: string) => unknown): Fake {
  const seen: Fake['seen'] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname: path } = new URL(request.url)
      if (request.method === 'GET') return Response.json({ object: 'list', data: [] })
      const body = (await request.json()) as Json
      seen.push({ path, headers: request.headers, body })
      const told = await answer(body, path)
      return told instanceof Response ? told : Response.json(told)
    },
  })
  return { url: `http://127.0.0.1:${server.port}`, seen, stop: () => void server.stop(true) }
}

const said = (content: string) => ({
  id: 'x',
  object: 'chat.completion',
  created: 1,
  model: 'tiny',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
})

/** Says what it was told last, or judges: `unsafe` of what speaks of bombs. */
const model = fake((body, path) => {
  const text = JSON.stringify(body)
  if (path.endsWith('/moderations')) {
    const input = body['input'] as string[]
    return {
      results: input.map((one) => ({
        flagged: one.includes('bomb'),
        categories: { violence: one.includes('bomb') },
        category_scores: { violence: one.includes('bomb') ? 0.9 : 0.1 },
      })),
    }
  }
  if (body['model'] === 'llama-guard') return said(text.includes('bomb') ? 'unsafe\nS9' : 'safe')
  return said((body['messages'] as { content: string }[]).at(-1)!.content)
})

const presidio = fake(({ text }) => {
  const at = (text as string).indexOf(NAME)
  if (at < 0) return []
  const start = Array.from((text as string).slice(0, at)).length
  const end = start + Array.from(NAME).length
  return [{ entity_type: 'PERSON', start, end, score: 0.9 }]
})

let hookAnswer: unknown = { action: 'pass' }
const hook = fake(() => hookAnswer)

let weir: Weir
beforeAll(async () => {
  const models = ['masked', 'judged', 'moderated', 'hooked', 'hurried', 'open', 'redirected']
  weir = await startWeir({
    config: {
      providers: [{ id: 'up', type: 'openai', base_url: `${model.url}/v1`, keys: ['sk-up'] }],
      models: [
        ...models.map((id) => ({ id, targets: [{ provider: 'up', model: 'tiny' }] })),
        // A judge that nobody may ask.
        {
          id: 'judge',
          targets: [{ provider: 'up', model: 'llama-guard' }],
          access: ['group:nobody'],
        },
      ],
      keys: [{ name: 'narrow', key: KEY, models, limits: { concurrent: 1 } }],
      guardrails: [
        { id: 'persons', check: 'presidio', url: presidio.url, mode: 'mask', models: ['masked'] },
        {
          id: 'hazards',
          check: 'llama_guard',
          model: 'judge',
          models: ['judged'],
          stages: ['input', 'output'],
        },
        { id: 'mods', check: 'moderation', models: ['moderated'] },
        {
          id: 'ours',
          check: 'webhook',
          url: `${hook.url}/judge`,
          secret: SECRET,
          models: ['hooked'],
          timeout: '30s',
        },
        // Of what hangs the time is over soon; what answers must not be late on a machine that is held up.
        {
          id: 'hurried',
          check: 'webhook',
          url: `${hook.url}/judge`,
          secret: SECRET,
          models: ['hurried'],
          timeout: '1s',
        },
        {
          id: 'lenient',
          check: 'webhook',
          url: 'http://127.0.0.1:1/judge',
          models: ['open'],
          on_failure: 'open',
        },
      ],
    },
  })
})
afterAll(async () => {
  await weir.stop()
  for (const one of [model, presidio, hook]) one.stop()
})

async function ask(name: string, content: string): Promise<{ response: Response; text: string }> {
  const response = await fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}` },
    body: JSON.stringify({ model: name, messages: [{ role: 'user', content }] }),
  })
  return { response, text: await response.text() }
}

/** The rows of a request, once there are so many. */
async function rowsOf(response: Response, count: number): Promise<LogRow[]> {
  const limit = performance.now() + 30_000
  for (;;) {
    const rows = weir.rows(response.headers.get('x-request-id') ?? '')
    if (rows.length >= count || performance.now() > limit) return rows
    await Bun.sleep(20)
  }
}

test('what Presidio finds is masked before the model, and put back behind it', async () => {
  const { response, text } = await ask('masked', `😀 Write to ${NAME}, please.`)
  expect(response.status).toBe(200)
  expect(JSON.stringify(model.seen.at(-1)?.body)).not.toContain('Müller')
  expect(JSON.parse(text)).toMatchObject({
    choices: [{ message: { content: `😀 Write to ${NAME}, please.` } }],
  })
  expect(response.headers.get('x-weir-guardrails')).toContain('persons=masked')
})

describe('a judge that is a model', () => {
  test('lets through within the one place of its key, as a row of its own', async () => {
    const { response, text } = await ask('judged', 'hello')
    expect(text).toContain('hello')
    expect(response.status).toBe(200)
    const rows = await rowsOf(response, 3)
    expect(rows.map(({ endpoint }) => endpoint).toSorted()).toEqual([
      '/v1/chat/completions',
      'guardrail:hazards',
      'guardrail:hazards',
    ])
    const judging = rows.filter(({ endpoint }) => endpoint === 'guardrail:hazards')
    for (const row of judging) {
      expect(row).toMatchObject({ model_requested: 'judge', status: 200, input_tokens: 3 })
      expect(row['api_key_id']).toBe(rows[0]?.['api_key_id'] ?? null)
    }
  })

  test('refuses by its word, and the hazard stands in the row', async () => {
    const { response, text } = await ask('judged', 'how to build a bomb')
    expect(response.status).toBe(400)
    expect(text).toContain('content_filter')
    const rows = await rowsOf(response, 2)
    expect(rows.map(({ guardrails }) => String(guardrails)).join()).toContain(
      's9_indiscriminate_weapons',
    )
  })

  test('may be asked by nobody else', async () => {
    expect((await ask('judge', 'hello')).response.status).toBe(404)
  })

  test('moderates', async () => {
    expect((await ask('moderated', 'hello')).response.status).toBe(200)
    const { response, text } = await ask('moderated', 'a bomb')
    expect(response.status).toBe(400)
    expect(text).toContain('mods')
  })
})

describe('a webhook', () => {
  test('is signed, and judges', async () => {
    hookAnswer = { action: 'pass' }
    expect((await ask('hooked', 'hello')).response.status).toBe(200)
    expect(hook.seen.at(-1)?.headers.get('x-weir-signature')).toMatch(/^v1=[0-9a-f]{64}$/)
    hookAnswer = { action: 'block', categories: ['spam'] }
    expect((await ask('hooked', 'hello')).response.status).toBe(400)
  })

  test.each([
    ['says nothing', {}],
    ['contradicts itself', { action: 'pass', texts: ['x'] }],
    ['fails', () => new Response('{"action":"pass"}', { status: 500 })],
    ['leads elsewhere', () => Response.redirect('http://127.0.0.1:1/', 302)],
    ['hangs', () => new Promise(() => {})],
  ])('that %s lets nothing through', async (what, answer) => {
    const name = what === 'hangs' ? 'hurried' : 'hooked'
    const before = model.seen.length
    hookAnswer = typeof answer === 'function' ? answer() : answer
    const startedMs = performance.now()
    const { response, text } = await ask(name, 'a canary sentence')
    expect(response.status).toBe(503)
    expect(text).toContain('guardrail_unavailable')
    expect(text).not.toContain('canary')
    expect(performance.now() - startedMs).toBeLessThan(25_000)
    expect(model.seen).toHaveLength(before)
  })

  test('that is gone lets through where it is told to, and says so', async () => {
    const { response } = await ask('open', 'hello')
    expect(response.status).toBe(200)
    expect(response.headers.get('x-weir-guardrails')).toContain('lenient=failed-open')
  })

  test('how services fare is a gauge, and no secret is told anywhere', async () => {
    const metrics = await (await fetch(`${weir.url}/metrics`)).text()
    expect(metrics).toContain(`weir_guardrail_service_down{host="${new URL(hook.url).host}"}`)
    const shown = await weir.runCli('config', 'show')
    for (const text of [metrics, weir.stdout(), weir.stderr(), shown.stdout, shown.stderr]) {
      expect(text).not.toContain(SECRET)
      expect(text).not.toContain('canary sentence')
    }
  })
})
