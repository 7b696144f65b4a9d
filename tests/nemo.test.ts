// A real server of NVIDIA NeMo Guardrails with the executable: as a guardrail before and behind a model, where it is well, hangs and is gone,
// and as a provider. Left out, with the reason, where it cannot be installed.

import { afterAll, describe, expect, test } from 'bun:test'
import { startNemo, type NemoServer } from './harness/nemo.ts'
import { startWeir, type Weir } from './harness/weir.ts'

const LIMIT_MS = 180_000
/** Long enough for rails that are loaded on a busy machine, and short for one that hangs. */
const RULE_TIMEOUT = '45s'
const HASTY_TIMEOUT_MS = 1_000
const SSN = 'my number is 123-45-6789'
const LEAK = 'please leak it'
const HARMFUL = 'internal-only'
const REFUSAL = "I'm sorry, I can't respond to that."

/** A model that says what it should not when it is asked to leak. */
function startModel() {
  const asked: string[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      // Its list of models is looked at now and then.
      if (request.method !== 'POST') return Response.json({ object: 'list', data: [] })
      const text = await request.text()
      asked.push(text)
      const { stream } = JSON.parse(text) as { stream?: boolean }
      const content = text.includes(LEAK)
        ? 'Well, let me tell you about it: here is the internal-only plan of the year, nobody is to see it.'
        : 'Hello from tiny, all is well today and tomorrow too.'
      const base = { id: 'x', created: 1, model: 'tiny' }
      if (stream !== true) {
        return Response.json({
          ...base,
          object: 'chat.completion',
          choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
          usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 },
        })
      }
      const chunk = (delta: object, finish: string | null) =>
        `data: ${JSON.stringify({
          ...base,
          object: 'chat.completion.chunk',
          choices: [{ index: 0, delta, finish_reason: finish }],
        })}\n\n`
      const words = content.match(/\S+\s*/g) ?? []
      const events = [...words.map((word) => chunk({ content: word }, null)), chunk({}, 'stop')]
      return new Response(`${events.join('')}data: [DONE]\n\n`, {
        headers: { 'content-type': 'text/event-stream' },
      })
    },
  })
  return { url: `http://127.0.0.1:${server.port}/v1`, asked, stop: () => server.stop(true) }
}

interface World {
  readonly nemo: NemoServer
  readonly weir: Weir
  readonly asked: readonly string[]
}

const model = startModel()
const found = await startNemo(model.url)
if ('missing' in found) {
  process.stdout.write(`left out: a real NeMo Guardrails server: ${found.missing}\n`)
  await model.stop()
  test.skip('a real NeMo Guardrails server', () => undefined)
} else {
  const rule = { check: 'nemo', url: found.url, timeout: RULE_TIMEOUT }
  const weir = await startWeir({
    config: {
      providers: [
        { id: 'up', type: 'custom', compatible: 'openai', base_url: model.url },
        { id: 'rails', type: 'nemo', base_url: found.url, config_id: 'patterns' },
      ],
      models: ['guarded', 'hasty', 'lenient', 'strange'].map((id) => ({
        id,
        targets: [{ provider: 'up', model: 'tiny' }],
      })),
      guardrails: [
        {
          ...rule,
          id: 'patterns',
          config_id: 'patterns',
          models: ['guarded'],
          stages: ['input', 'tool_result', 'output'],
        },
        {
          ...rule,
          id: 'lenient',
          config_id: 'words',
          models: ['lenient'],
          mode: 'flag',
          on_failure: 'open',
        },
        {
          ...rule,
          id: 'hasty',
          config_id: 'patterns',
          models: ['hasty'],
          timeout: `${HASTY_TIMEOUT_MS}ms`,
        },
        { ...rule, id: 'strange', config_id: 'nowhere', models: ['strange'] },
      ],
    },
  })
  afterAll(async () => {
    await weir.stop()
    await found.stop()
    await model.stop()
  }, LIMIT_MS)
  const world = { nemo: found, weir, asked: model.asked }
  // Rails are loaded with the first question, which takes a while on a busy machine.
  await ask(world, 'guarded', 'hello')
  testInput(world)
  testOutput(world)
  testProvider(world)
  testFailures(world)
}

function ask({ weir }: World, name: string, content: string, more: object = {}): Promise<Response> {
  return post(weir, '/v1/chat/completions', {
    model: name,
    messages: [{ role: 'user', content }],
    ...more,
  })
}

function post(weir: Weir, path: string, body: object): Promise<Response> {
  return fetch(`${weir.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

function testInput(world: World): void {
  const { asked, weir } = world
  describe('as a guardrail before the model', () => {
    test(
      'what its rails let through is answered',
      async () => {
        const response = await ask(world, 'guarded', 'hello')
        expect(response.status).toBe(200)
        expect(await response.text()).toContain('Hello from tiny')
      },
      LIMIT_MS,
    )

    const blocked: readonly [string, string, object][] = [
      ['OpenAI', '/v1/chat/completions', { messages: [{ role: 'user', content: SSN }] }],
      [
        'OpenAI, an earlier turn',
        '/v1/chat/completions',
        {
          messages: [
            { role: 'user', content: SSN },
            { role: 'assistant', content: 'yes?' },
            { role: 'user', content: 'go on' },
          ],
        },
      ],
      [
        'OpenAI, a tool result',
        '/v1/chat/completions',
        {
          messages: [
            { role: 'user', content: 'look it up' },
            {
              role: 'assistant',
              content: null,
              tool_calls: [
                { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } },
              ],
            },
            { role: 'tool', tool_call_id: 'c1', content: SSN },
          ],
        },
      ],
      ['Responses', '/v1/responses', { input: SSN }],
      [
        'Anthropic',
        '/v1/messages',
        { max_tokens: 9, messages: [{ role: 'user', content: [{ type: 'text', text: SSN }] }] },
      ],
      ['Ollama', '/api/chat', { messages: [{ role: 'user', content: SSN }] }],
    ]
    for (const [client, path, body] of blocked) {
      test(
        `${client}: what they stop reaches no model`,
        async () => {
          const before = asked.length
          const response = await post(weir, path, { model: 'guarded', ...body })
          expect(response.status).toBe(400)
          const text = await response.text()
          expect(text).toContain('patterns')
          expect(text).not.toContain('123-45')
          expect(asked).toHaveLength(before)
        },
        LIMIT_MS,
      )
    }

    test(
      'a flag lets it through and says so',
      async () => {
        const response = await ask(world, 'lenient', 'this is forbidden')
        expect(response.status).toBe(200)
        expect(response.headers.get('x-weir-guardrails')).toContain('lenient=flagged')
        const row = await weir.row(response.headers.get('x-request-id') ?? '')
        expect(String(row['guardrails'])).toContain('block_words')
      },
      LIMIT_MS,
    )
  })
}

function testOutput(world: World): void {
  describe('as a guardrail behind the model', () => {
    test(
      'a whole answer that its rails stop is a content filter',
      async () => {
        const response = await ask(world, 'guarded', LEAK)
        const text = await response.text()
        expect(response.status).toBe(200)
        expect(text).not.toContain(HARMFUL)
        expect(JSON.parse(text)).toMatchObject({ choices: [{ finish_reason: 'content_filter' }] })
      },
      LIMIT_MS,
    )

    test(
      'of a stream, what they stop is never sent',
      async () => {
        const response = await ask(world, 'guarded', LEAK, { stream: true })
        const text = await response.text()
        expect(text).not.toContain('internal')
        expect(text).toContain('content_filter')
      },
      LIMIT_MS,
    )

    test(
      'a stream that they let through comes whole',
      async () => {
        const response = await ask(world, 'guarded', 'hello', { stream: true })
        const text = await response.text()
        const said = [...text.matchAll(/^data: (\{.*)$/gm)].map(
          ([, data]) =>
            (JSON.parse(data!) as { choices: { delta?: { content?: string } }[] }).choices[0]?.delta
              ?.content ?? '',
        )
        expect(said.join('')).toBe('Hello from tiny, all is well today and tomorrow too.')
      },
      LIMIT_MS,
    )
  })
}

function testProvider(world: World): void {
  const { weir } = world
  describe('as a provider', () => {
    test(
      'an answer has its usage and nothing of the log',
      async () => {
        const response = await ask(world, 'rails/tiny', 'hello')
        const text = await response.text()
        expect(JSON.parse(text)).toMatchObject({
          choices: [{ message: { content: expect.stringContaining('Hello from tiny') } }],
          usage: { prompt_tokens: 5, completion_tokens: 7 },
        })
        expect(text).not.toContain('activated_rails')
      },
      LIMIT_MS,
    )

    test.each([
      ['what comes in', 'rails/tiny', SSN, REFUSAL],
      ['what goes out', 'rails/tiny', LEAK, REFUSAL],
      ['by another configuration', 'rails/tiny@words', 'forbidden', 'Blocked by colang rail.'],
      ["by the configuration's own model", 'rails/@words', 'forbidden', 'Blocked by colang rail.'],
    ])(
      'a block of %s is a content filter',
      async (_what, name, content, refusal) => {
        const response = await ask(world, name, content)
        const text = await response.text()
        expect(JSON.parse(text)).toMatchObject({
          choices: [{ message: { content: refusal }, finish_reason: 'content_filter' }],
        })
        expect(text).not.toContain(HARMFUL)
        const row = await weir.row(response.headers.get('x-request-id') ?? '')
        expect(row).toMatchObject({ status: 200, finish: 'content_filter', mode: 'translate' })
      },
      LIMIT_MS,
    )

    test(
      'a list of texts is judged as well',
      async () => {
        const content = ['hello', SSN].map((text) => ({ type: 'text', text }))
        const response = await post(weir, '/v1/chat/completions', {
          model: 'rails/tiny',
          messages: [{ role: 'user', content }],
        })
        expect(await response.json()).toMatchObject({
          choices: [{ finish_reason: 'content_filter' }],
        })
      },
      LIMIT_MS,
    )

    test(
      'a stream ends as it should, and as filtered where rails stop it',
      async () => {
        const fine = await (await ask(world, 'rails/tiny', 'hello', { stream: true })).text()
        expect(fine).toContain('"finish_reason":"stop"')
        expect(fine).toEndWith('data: [DONE]\n\n')
        const stopped = await (await ask(world, 'rails/tiny', LEAK, { stream: true })).text()
        expect(stopped).toContain('"finish_reason":"content_filter"')
        expect(stopped).not.toContain(HARMFUL)
      },
      LIMIT_MS,
    )

    test(
      'a configuration that there is not is said',
      async () => {
        const response = await ask(world, 'rails/tiny@nowhere', 'hello')
        expect(response.status).toBe(400)
        expect(await response.text()).toContain('nowhere')
      },
      LIMIT_MS,
    )
  })
}

function testFailures(world: World): void {
  const { asked, nemo } = world
  const refused = async (name: string) => {
    const before = asked.length
    const startedMs = performance.now()
    const response = await ask(world, name, 'a question that nobody has put before')
    expect(response.status).toBe(503)
    expect(await response.text()).toContain('guardrail_unavailable')
    const wait = Number(response.headers.get('retry-after'))
    expect(wait).toBeGreaterThanOrEqual(1)
    expect(wait).toBeLessThanOrEqual(5)
    expect(asked).toHaveLength(before)
    return performance.now() - startedMs
  }

  describe('where it does not answer', () => {
    test(
      'a configuration that there is not lets nothing through',
      () => refused('strange'),
      LIMIT_MS,
    )

    test(
      'one that hangs lets nothing through, and holds nobody longer than the rule says',
      async () => {
        const goOn = nemo.pause()
        try {
          expect(await refused('hasty')).toBeLessThan(HASTY_TIMEOUT_MS + 15_000)
        } finally {
          goOn()
        }
      },
      LIMIT_MS,
    )

    test(
      'one that is gone lets nothing through, unless it is told to',
      async () => {
        await nemo.stop()
        await refused('guarded')
        const open = await ask(world, 'lenient', 'this is forbidden')
        expect(open.status).toBe(200)
        expect(open.headers.get('x-weir-guardrails')).toContain('lenient=failed-open')
      },
      LIMIT_MS,
    )
  })
}
