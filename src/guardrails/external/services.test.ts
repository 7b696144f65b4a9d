// What each service is asked, to the letter, and what is made of its good answers and of those that contradict themselves.

import { afterEach, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import type {
  Guard,
  GuardCheckKind,
  GuardModelCaller,
  GuardrailRule,
} from '../../core/guardrail.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { systemClock } from '../../system.ts'
import { FakeClock } from '../../testing/clock.ts'
import { guardQuestion, guardRule, guardServers, judgeFailure } from '../../testing/guard.ts'
import { transport } from '../../testing/transport.ts'
import { checkProblems } from '../ready.ts'
import { EXTERNAL } from './checks.ts'
import { PassedTexts } from './passed-texts.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

interface Seen {
  readonly path: string
  readonly headers: Headers
  readonly text: string
  readonly body: JsonObject
}

/** A service that answers with this, and what it was asked. */
function service(answer: (body: JsonObject) => unknown): { url: string; seen: Seen[] } {
  const seen: Seen[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const text = await request.text()
      const body = JSON.parse(text) as JsonObject
      seen.push({ path: new URL(request.url).pathname, headers: request.headers, text, body })
      const told = answer(body)
      return told instanceof Response ? told : Response.json(told)
    },
  })
  closing.push(() => void server.stop(true))
  return { url: `http://127.0.0.1:${server.port}`, seen }
}

function guard(
  kind: GuardCheckKind,
  options: JsonObject,
  over: Partial<GuardrailRule> = {},
): Guard {
  return EXTERNAL[kind]!.make(guardRule(kind, options, over), {
    clock: systemClock,
    servers: guardServers(),
    transport: transport(),
  })
}

describe('NeMo Guardrails', () => {
  test('is asked for each text that says something, by the stage', async () => {
    const { seen, url } = service(({ messages }) => ({
      status: 'passed',
      content: (messages as { content: string }[]).at(-1)!.content,
    }))
    const nemo = guard('nemo', { url: `${url}/v1`, config_id: 'main', key: 'sk-canary' })
    expect(await nemo.judge(guardQuestion(['one', ' ', '', 'two']))).toEqual({
      hit: false,
      categories: [],
    })
    expect(
      seen
        .map(({ body }) => body)
        .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    ).toEqual(
      ['one', 'two'].map((content) => ({
        model: '',
        messages: [{ role: 'user', content }],
        guardrails: { config_id: 'main', rail_types: ['input'] },
      })),
    )
    expect(seen[0]?.path).toBe('/v1/checks')
    expect(seen[0]?.headers.get('authorization')).toBe('Bearer sk-canary')
    const context = [
      { role: 'user', kind: 'text', text: 'first' },
      { role: 'assistant', kind: 'text', text: 'yes?' },
      { role: 'user', kind: 'text', text: 'and then?' },
    ] as const
    await nemo.judge(guardQuestion(['an answer'], { stage: 'output', context }))
    expect(seen.at(-1)?.body).toEqual({
      model: '',
      messages: [
        { role: 'user', content: 'and then?' },
        { role: 'assistant', content: 'an answer' },
      ],
      guardrails: { config_id: 'main', rail_types: ['output'] },
    })
  })

  test('a rewritten text stands in its place', async () => {
    const { url } = service(({ messages }) => {
      const [{ content }] = messages as [{ content: string }]
      return content === 'two'
        ? { status: 'modified', content: '2' }
        : { status: 'passed', content }
    })
    expect(await guard('nemo', { url }).judge(guardQuestion(['one', 'two', '']))).toEqual({
      hit: true,
      categories: ['modified'],
      rewritten: ['one', '2', ''],
    })
  })

  test.each([
    [{ status: 'blocked', content: "I'm sorry, an internal error has occurred.", rail: 'r' }],
    [{ status: 'modified', content: 'None' }],
    [{ status: 'blocked' }],
    [{ status: 'passed', content: null }],
  ])('a rail that failed is no judgement: %j', async (answer) => {
    const { url } = service(() => answer)
    const error = await judgeFailure(() => guard('nemo', { url }).judge(guardQuestion(['x'])))
    expect(error.kind).toBe('guardrail_unavailable')
  })
})

describe('Presidio', () => {
  test('is asked for its entities, and its code points are found in the text', async () => {
    const value = '😀 I am Zoë 😀 Müller, mail zoe@example.com'
    const { seen, url } = service(({ text }) => {
      const before = (text as string).slice(0, (text as string).indexOf('zoe@'))
      const start = Array.from(before).length
      return [
        {
          entity_type: 'EMAIL_ADDRESS',
          start,
          end: start + 15,
          score: 1.0,
          analysis_explanation: null,
        },
        { entity_type: 'PERSON', start: 7, end: 19, score: 0.85 },
        { entity_type: 'DATE_TIME', start: 0, end: 1, score: 0.1 },
      ]
    })
    const presidio = guard('presidio', {
      url,
      language: 'de',
      entities: ['PERSON', 'EMAIL_ADDRESS'],
      score_threshold: 0.4,
      allow_list: ['Acme'],
      ad_hoc_recognizers: [
        {
          name: 'ticket',
          supported_entity: 'TICKET',
          patterns: [{ name: 'p', regex: 'T-\\d+', score: 0.9 }],
        },
      ],
    })
    const judgement = await presidio.judge(guardQuestion([value]))
    expect(judgement).toMatchObject({
      hit: true,
      categories: ['email_address', 'person'],
      score: 1,
    })
    expect(
      judgement.spans!.map(({ end, label, start }) => [label, value.slice(start, end)]),
    ).toEqual([
      ['person', 'Zoë 😀 Müller'],
      ['email_address', 'zoe@example.com'],
    ])
    expect(seen[0]?.path).toBe('/analyze')
    expect(seen[0]?.body).toEqual({
      text: value,
      language: 'de',
      entities: ['PERSON', 'EMAIL_ADDRESS'],
      score_threshold: 0.4,
      allow_list: ['Acme'],
      ad_hoc_recognizers: [
        {
          supported_language: 'de',
          name: 'ticket',
          supported_entity: 'TICKET',
          patterns: [{ name: 'p', regex: 'T-\\d+', score: 0.9 }],
        },
      ],
    })
  })

  test('a long text is asked in parts, and its places are those of the whole', async () => {
    const { seen, url } = service(({ text }) =>
      [...(text as string).matchAll(/needle/g)].map(({ index }) => ({
        entity_type: 'N',
        start: index,
        end: index + 6,
        score: 1,
      })),
    )
    const value = `${'x'.repeat(690)}needle${'y'.repeat(1_200)}needle`
    const { spans } = await guard('presidio', { url, max_chars: 700 }).judge(guardQuestion([value]))
    expect(spans).toEqual([
      { text: 0, start: 690, end: 696, label: 'n' },
      { text: 0, start: 1896, end: 1902, label: 'n' },
    ])
    expect(seen.length).toBeGreaterThan(2)
  })

  test('several texts are one question, or one each', async () => {
    const { seen, url } = service(({ text }) => {
      const of = (one: string) =>
        one === 'Bob' ? [{ entity_type: 'PERSON', start: 0, end: 3, score: 1 }] : []
      return Array.isArray(text) ? (text as string[]).map(of) : of(text as string)
    })
    const texts = ['hello', 'Bob', '']
    const due = { hit: true, spans: [{ text: 1, start: 0, end: 3, label: 'person' }] }
    expect(await guard('presidio', { url }).judge(guardQuestion(texts))).toMatchObject(due)
    expect(seen.map(({ body }) => body['text'])).toEqual([['hello', 'Bob']])
    const one = guard('presidio', { url, batch: false })
    expect(await one.judge(guardQuestion(texts))).toMatchObject(due)
    expect(
      seen
        .slice(1)
        .map(({ body }) => body['text'])
        .toSorted(),
    ).toEqual(['Bob', 'hello'])
  })

  test.each([[[[]]], [[[], [], []]], [[[], {}]], [[]], [{ error: 'x' }]])(
    'lists that do not belong to the texts are no judgement: %j',
    async (answer) => {
      const { url } = service(() => answer)
      const error = await judgeFailure(() =>
        guard('presidio', { url }).judge(guardQuestion(['a', 'b'])),
      )
      expect(error.kind).toBe('guardrail_unavailable')
    },
  )

  test.each([
    [[{ entity_type: 'A', start: 0, end: 99, score: 1 }]],
    [[{ entity_type: 'A', start: 2, end: 1, score: 1 }]],
    [[{ entity_type: 'A', start: -1, end: 1, score: 1 }]],
    [[{ entity_type: 'A', start: 0, end: 1 }]],
    [[{ entity_type: '', start: 0, end: 1, score: 1 }]],
    [{ error: 'No text provided' }],
  ])('places that are none are no judgement: %j', async (answer) => {
    const { url } = service(() => answer)
    const error = await judgeFailure(() => guard('presidio', { url }).judge(guardQuestion(['abc'])))
    expect(error.kind).toBe('guardrail_unavailable')
  })
})

describe('moderation', () => {
  const result = (over: JsonObject = {}): JsonObject => ({
    flagged: false,
    categories: { violence: false, harassment: false, illicit: null },
    category_scores: { violence: 0.2, harassment: 0.6 },
    ...over,
  })

  test('texts go as lists, and a flag is a hit with its categories', async () => {
    const { seen, url } = service(({ input }) => ({
      results: (input as string[]).map((text) =>
        text === 'bad'
          ? result({ flagged: true, categories: { violence: true, harassment: false } })
          : result(),
      ),
    }))
    const asking = guard('moderation', { url: `${url}/v1`, key: 'sk-canary' })
    const texts = [...Array.from({ length: 40 }, (_, at) => `t${at}`), 'bad']
    expect(await asking.judge(guardQuestion(texts))).toEqual({
      hit: true,
      categories: ['violence'],
      score: 0.6,
    })
    expect(seen.map(({ body }) => (body['input'] as string[]).length).toSorted()).toEqual([32, 9])
    expect(seen[0]?.path).toBe('/v1/moderations')
    expect(seen[0]?.body['model']).toBe('omni-moderation-latest')
  })

  test('thresholds and categories of the operator count', async () => {
    const { url } = service(() => ({
      results: [result({ flagged: true, categories: { violence: true, harassment: false } })],
    }))
    const judge = async (options: JsonObject) =>
      await guard('moderation', { url, ...options }).judge(guardQuestion(['x']))
    expect(await judge({ thresholds: { violence: 0.3 } })).toMatchObject({ hit: false })
    expect(await judge({ thresholds: { violence: 0.2 } })).toMatchObject({
      categories: ['violence'],
    })
    expect(await judge({ categories: ['harassment'] })).toMatchObject({ hit: false })
    expect(
      await judge({ categories: ['harassment'], thresholds: { harassment: 0.5 } }),
    ).toMatchObject({ categories: ['harassment'] })
    const error = await judgeFailure(() => judge({ categories: ['self-harm'] }))
    expect(error.kind).toBe('guardrail_unavailable')
  })

  test('flagged for what no category tells counts', async () => {
    const { url } = service(() => ({ results: [result({ flagged: true })] }))
    expect(await guard('moderation', { url }).judge(guardQuestion(['x']))).toMatchObject({
      hit: true,
      categories: ['flagged'],
    })
  })

  test('without an address a model of this gateway is asked', async () => {
    const asked: JsonValue[] = []
    const ask = {
      moderate: ({ model, texts }: { model: string; texts: readonly string[] }) => {
        asked.push([model, ...texts])
        return Promise.resolve({ results: texts.map(() => result()) } as JsonValue)
      },
    } as unknown as GuardModelCaller
    const judging = guard('moderation', { model: 'mods' })
    expect(await judging.judge(guardQuestion(['a', 'b'], { ask }))).toMatchObject({ hit: false })
    expect(asked).toEqual([['mods', 'a', 'b']])
    expect((await judgeFailure(() => judging.judge(guardQuestion(['a'])))).kind).toBe(
      'guardrail_unavailable',
    )
  })

  test.each([
    [{ results: [] }],
    [{ results: [result(), result()] }],
    [{ results: [{ flagged: false }] }],
    [{ results: [{ flagged: 'no', categories: {}, category_scores: {} }] }],
  ])('results that do not belong to the texts are no judgement: %j', async (answer) => {
    const { url } = service(() => answer)
    const error = await judgeFailure(() => guard('moderation', { url }).judge(guardQuestion(['x'])))
    expect(error.kind).toBe('guardrail_unavailable')
  })
})

describe('webhook', () => {
  test('is told what is asked, signed, and nothing that it was not to be told', async () => {
    const { seen, url } = service(() => ({ action: 'pass', note: 'unknown members are fine' }))
    const hook = guard('webhook', {
      url: `${url}/judge?from=weir`,
      secret: 'shh-canary',
      headers: { 'X-Team': 'blue' },
    })
    const context = [{ role: 'user', kind: 'text', text: 'before' }] as const
    const fromMs = Date.now()
    await hook.judge(guardQuestion(['hello'], { context }))
    const untilMs = Date.now()
    const [call] = seen
    expect(call?.body).toEqual({
      version: 1,
      rule: 'rule',
      stage: 'input',
      tenant: 'default',
      model: 'fast',
      request_id: 'req-1',
      texts: [{ text: 'hello', role: 'user', kind: 'text' }],
    })
    expect(call?.headers.get('x-team')).toBe('blue')
    const timestamp = call?.headers.get('x-weir-timestamp') ?? ''
    expect(Number(timestamp)).toBeGreaterThanOrEqual(Math.floor(fromMs / 1_000))
    expect(Number(timestamp)).toBeLessThanOrEqual(Math.ceil(untilMs / 1_000))
    const digest = createHmac('sha256', 'shh-canary')
      .update(`${timestamp}.${call?.text}`)
      .digest('hex')
    expect(call?.headers.get('x-weir-signature')).toBe(`v1=${digest}`)
    await guard('webhook', { url, context: true }).judge(guardQuestion(['hello'], { context }))
    expect(seen[1]?.body['context']).toEqual([{ text: 'before', role: 'user', kind: 'text' }])
    expect(seen[1]?.headers.has('x-weir-signature')).toBe(false)
  })

  test('its actions are judgements', async () => {
    const judge = async (answer: unknown, options: JsonObject = {}) => {
      const { url } = service(() => answer)
      return await guard('webhook', { url, ...options }).judge(guardQuestion(['😀ab', 'cd']))
    }
    expect(await judge({ action: 'block', categories: ['Spam!'], score: 0.5 })).toEqual({
      hit: true,
      categories: ['spam'],
      score: 0.5,
    })
    expect(await judge({ action: 'block' })).toEqual({ hit: true, categories: ['webhook'] })
    expect(
      await judge({ action: 'mask', spans: [{ text: 0, start: 2, end: 4, label: 'Name' }] }),
    ).toEqual({
      hit: true,
      categories: ['name'],
      spans: [{ text: 0, start: 2, end: 4, label: 'name' }],
    })
    expect(
      await judge(
        { action: 'mask', spans: [{ text: 0, start: 1, end: 3 }] },
        { offsets: 'code_points' },
      ),
    ).toMatchObject({ spans: [{ text: 0, start: 2, end: 4, label: 'found' }] })
    expect(await judge({ action: 'rewrite', texts: ['x', ''] })).toEqual({
      hit: true,
      categories: ['webhook'],
      rewritten: ['x', ''],
    })
  })

  test.each([
    [{}],
    [{ action: 'pass', spans: [{ text: 0, start: 0, end: 1 }] }],
    [{ action: 'pass', texts: ['a'] }],
    [{ action: 'mask' }],
    [{ action: 'mask', spans: [] }],
    [{ action: 'mask', spans: [{ text: 1, start: 0, end: 1 }] }],
    [{ action: 'mask', spans: [{ text: 0, start: 0, end: 99 }] }],
    [{ action: 'mask', spans: [{ text: 0, start: 1, end: 2 }] }],
    [{ action: 'mask', spans: [{ text: 0, start: 3, end: 3 }] }],
    [{ action: 'mask', spans: 'all' }],
    [{ action: 'rewrite' }],
    [{ action: 'rewrite', texts: [] }],
    [{ action: 'rewrite', texts: ['a', 'b'] }],
    [{ action: 'rewrite', texts: [1] }],
    [{ action: 'block', categories: 'spam' }],
    [{ action: 'block', score: 7 }],
    [{ action: ['pass'] }],
    [{ Action: 'pass' }],
  ])('an answer that is unclear is no judgement: %j', async (answer) => {
    const { url } = service(() => answer)
    const error = await judgeFailure(() => guard('webhook', { url }).judge(guardQuestion(['😀ab'])))
    expect(error.kind).toBe('guardrail_unavailable')
  })
})

describe('remembering', () => {
  const nemoAnswer = ({ messages }: JsonObject) => {
    const [{ content }] = messages as [{ content: string }]
    return { status: content === 'bad' ? 'blocked' : 'passed', content, rail: 'r' }
  }

  test('is off: every text is asked every time', async () => {
    const { seen, url } = service(nemoAnswer)
    const nemo = guard('nemo', { url })
    await nemo.judge(guardQuestion(['one']))
    await nemo.judge(guardQuestion(['one', 'two']))
    expect(seen).toHaveLength(3)
  })

  test('only what has passed is not asked again, and only of what comes in', async () => {
    const { seen, url } = service(nemoAnswer)
    const nemo = guard('nemo', { url, remember_s: 60 })
    await nemo.judge(guardQuestion(['one']))
    await nemo.judge(guardQuestion(['one', 'two']))
    expect(seen).toHaveLength(2)
    for (let count = 0; count < 2; count += 1) {
      expect(await nemo.judge(guardQuestion(['one', 'bad']))).toMatchObject({ hit: true })
    }
    expect(seen).toHaveLength(4)
    await nemo.judge(guardQuestion(['one'], { stage: 'output' }))
    expect(seen).toHaveLength(5)
  })

  test('ends with its time, and has a bound', () => {
    const clock = new FakeClock()
    const passed = new PassedTexts(clock, 1_000)
    passed.add('a')
    clock.advance(999)
    expect(passed.has('a')).toBe(true)
    clock.advance(1)
    expect(passed.has('a')).toBe(false)
    for (let count = 0; count <= LIMITS.guardPassedTextsMax; count += 1) passed.add(`t${count}`)
    expect(passed.has('t0')).toBe(false)
    expect(passed.has('t1')).toBe(true)
  })
})

describe('options', () => {
  test.each([
    ['nemo', {}, 'url'],
    ['nemo', { url: 'http://x', config_id: 'a', config_ids: ['b'] }, 'config_ids'],
    ['nemo', { url: 'http://x', secrets: 1 }, 'secrets'],
    ['presidio', { url: 'http://x', score_threshold: 2 }, 'score_threshold'],
    ['presidio', { url: 'http://x?a=b' }, 'url'],
    ['moderation', { thresholds: { violence: 2 } }, 'thresholds'],
    ['moderation', { categories: ['a'], thresholds: { b: 0.5 } }, 'thresholds'],
    ['llama_guard', {}, 'model'],
    ['llama_guard', { model: 'm', categories: { S1: 'x' } }, 'categories'],
    ['llama_guard', { model: 'm', template: 'written', categories: { one: 'x' } }, 'categories'],
    ['llama_guard', { model: 'm', count: ['S99'] }, 'count'],
    ['shield_gemma', { model: 'm', built_in: ['nonsense'] }, 'built_in'],
    // Those that ask for nothing would never find anything.
    ['shield_gemma', { model: 'm', built_in: [] }, 'built_in'],
    ['llama_guard', { model: 'm', count: [] }, 'count'],
    ['moderation', { categories: [] }, 'categories'],
    ['webhook', { url: 'http://x', headers: { 'content-length': '1' } }, 'headers'],
    ['webhook', { url: 'http://x', headers: { ok: 'bad\nvalue' } }, 'headers'],
    ['webhook', { url: 'http://x', proxy: 'socks://x' }, 'proxy'],
    ['webhook', { url: 'http://x', ca: 'nonsense' }, 'ca'],
  ])('%s %j is refused at %s', (kind, options, path) => {
    const [problem] = checkProblems(kind, options as JsonObject)
    expect(problem?.path ?? 'nothing is wrong').toBe(path)
  })

  test('only the file names files', () => {
    const options = { url: 'http://x', ca_file: '/etc/shadow' }
    expect(() => guard('webhook', options, { origin: 'store', tenantId: 'blue' })).toThrow(
      /ca_file/,
    )
    expect(() => guard('webhook', options, { origin: 'store' })).toThrow(/ca_file/)
    expect(guard('webhook', options).rule.id).toBe('rule')
  })

  test('the least of each kind is enough', () => {
    for (const [kind, options] of [
      ['nemo', { url: 'http://x' }],
      ['presidio', { url: 'http://x' }],
      ['moderation', {}],
      ['llama_guard', { model: 'm' }],
      ['shield_gemma', { model: 'm' }],
      ['webhook', { url: 'http://x' }],
    ] as const) {
      expect(checkProblems(kind, options)).toEqual([])
    }
  })
})
