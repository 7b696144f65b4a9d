// Routing through the executable: two providers behind it, and for each wish, need and strategy which of them got the request, what
// the log row says of the decision, and what `weir route` had said before.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { isObject, type JsonObject } from '../src/core/json.ts'
import { startUpstream, type Upstream } from '../src/testing/upstream.ts'
import { json } from '../src/testing/upstream-answers.ts'
import { expectSingleRows, startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(30_000)

const ADMIN_KEY = 'weir-test-admin-0123456789abcdefghijk'
const USER_KEY = 'weir-test-user-0123456789abcdefghijkl'

/** Answers in the model's own name, so that nothing but the way differs. */
const answering = json({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
})

let one: Upstream
let two: Upstream
let weir: Weir

function config(): JsonObject {
  const provider = (id: string, upstream: Upstream) => ({
    id,
    type: 'custom',
    compatible: 'openai',
    base_url: `${upstream.url}/v1`,
    keys: ['sk-0123456789'],
    network: { allow_private: true },
  })
  const both = [
    {
      provider: 'one',
      model: 'm',
      tags: ['eu', 'cheap'],
      abilities: { vision: false, tools: false },
    },
    { provider: 'two', model: 'm', tags: ['eu'], abilities: { context_window: 1_000 } },
  ]
  const plain = both.map(({ model, provider: id }) => ({ provider: id, model }))
  const model = (id: string, routing: JsonObject, targets: readonly JsonObject[] = plain) => ({
    id,
    targets: [...targets],
    routing,
  })
  return {
    providers: [provider('one', one), provider('two', two)],
    models: [
      model('listed', { strategy: 'order' }, both),
      model('turns', { strategy: 'round_robin' }),
      model('session', { strategy: 'round_robin', sticky: 'session' }),
      model('key', { sticky: 'key' }),
      model('busy', { strategy: 'least_busy' }),
      model('fast', { strategy: 'latency' }),
      model('priced', { strategy: 'cost' }),
      model('spared', { strategy: 'order', fallbacks: { context_length: ['listed'] } }, [
        { provider: 'two', model: 'm', abilities: { context_window: 10 } },
      ]),
      { id: 'plain', targets: [{ provider: 'two', model: 'm' }] },
    ],
    keys: [
      { name: 'admin', key: ADMIN_KEY, roles: ['admin'] },
      { name: 'user', key: USER_KEY },
    ],
  }
}

beforeAll(async () => {
  one = startUpstream(answering)
  two = startUpstream(answering)
  weir = await startWeir({ config: config(), env: { WEIR_ADMIN_KEY: ADMIN_KEY } })
})
afterAll(async () => {
  expectSingleRows(weir)
  expect(await weir.stop()).toBe(0)
  expect([...one.failures, ...two.failures]).toEqual([])
  await Promise.all([one.close(), two.close()])
})

interface Asked {
  readonly status: number
  readonly body: JsonObject
  /** Requests that each upstream got. */
  readonly got: { readonly one: number; readonly two: number }
  /** The decision in the log row; null where there was none. */
  readonly route: JsonObject[] | null
  readonly row: Readonly<Record<string, string | number | null>>
}

let serial = 0

/** Requests for an answer: the list of models is asked for as well. */
const asked = ({ requests }: Upstream) => requests.filter(({ method }) => method === 'POST').length

async function ask(
  model: string,
  headers: Record<string, string> = {},
  more: JsonObject = {},
  path = '/v1/chat/completions',
): Promise<Asked> {
  const id = `routing-${(serial += 1)}`
  const before = [asked(one), asked(two)] as const
  const response = await fetch(`${weir.url}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${USER_KEY}`,
      'x-request-id': id,
      ...headers,
    },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], ...more }),
  })
  const body: unknown = await response.json()
  if (!isObject(body)) throw new Error('the answer is no object')
  const row = await weir.row(id)
  const route = typeof row['route'] === 'string' ? (JSON.parse(row['route']) as JsonObject[]) : null
  return {
    status: response.status,
    body,
    got: { one: asked(one) - before[0], two: asked(two) - before[1] },
    route,
    row,
  }
}

const ADMIN = { authorization: `Bearer ${ADMIN_KEY}` }
const ONE = { one: 1, two: 0 }
const TWO = { one: 0, two: 1 }
const NOBODY = { one: 0, two: 0 }
const PICTURE: JsonObject = {
  messages: [
    {
      role: 'user',
      content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }],
    },
  ],
}
const TOOLS: JsonObject = {
  tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
}

const candidates = (route: JsonObject | undefined) =>
  ((route?.['candidates'] ?? []) as JsonObject[]).map(({ providerId, rank, reason }) =>
    [providerId, rank ?? null, reason].join(' '),
  )

/** What `weir route` says, asked of the running server. */
async function told(...args: string[]) {
  const { code, stderr, stdout } = await weir.runCli(
    'route',
    ...args,
    '--json',
    '--port',
    String(weir.port),
  )
  expect([code, stderr]).toEqual([0, ''])
  const answer = JSON.parse(stdout) as {
    live: boolean
    routes: {
      model: string
      fallback_for: string | null
      refused: { kind: string } | null
      candidates: { provider: string; rank: number | null; reason: string }[]
    }[]
  }
  expect(answer.live).toBe(true)
  return answer.routes.map((route) => ({
    ...route,
    candidates: route.candidates.map(({ provider, rank, reason }) =>
      [provider, rank, reason].join(' '),
    ),
  }))
}

test('a target is named by an admin alone, and must be one of the model', async () => {
  const user = await ask('listed', { 'x-weir-target': 'two' })
  expect([user.status, user.got]).toEqual([403, NOBODY])
  expect((user.body['error'] as JsonObject)['param']).toBe('x-weir-target')
  for (const target of ['three', 'two/other', '', '/', 'x'.repeat(3_000)]) {
    const wrong = await ask('listed', { ...ADMIN, 'x-weir-target': target })
    expect([wrong.status, wrong.got]).toEqual([400, NOBODY])
    expect((wrong.body['error'] as JsonObject)['param']).toBe('x-weir-target')
  }
  const named = await ask('listed', { ...ADMIN, 'x-weir-target': 'two/m' })
  expect([named.status, named.got]).toEqual([200, TWO])
  expect(named.route?.[0]?.['by']).toBe('pinned')
  expect(candidates(named.route?.[0])).toEqual([
    'two 0 named by x-weir-target',
    'one  not the target that was named',
  ])
  const against = await ask('listed', { ...ADMIN, 'x-weir-target': 'one' }, PICTURE)
  expect([against.status, against.got]).toEqual([200, ONE])
})

test('tags leave those that have all of them', async () => {
  const cheap = await ask('listed', { 'x-weir-tags': 'cheap, eu' })
  expect([cheap.status, cheap.got]).toEqual([200, ONE])
  expect(candidates(cheap.route?.[0])).toEqual([
    'one 0 as listed',
    'two  without the tags that were asked for',
  ])
  for (const tags of ['us', 'eu,us', ',', 'é']) {
    const none = await ask('listed', { 'x-weir-tags': tags })
    expect([none.status, none.got]).toEqual([400, NOBODY])
    expect((none.body['error'] as JsonObject)['param']).toBe('x-weir-tags')
  }
  const [said] = await told('listed', '--tags', 'cheap,eu')
  expect(said?.candidates).toEqual(candidates(cheap.route?.[0]))
})

test('a request goes past what cannot take it, in each dialect, and `weir route` had said so', async () => {
  const usual = await ask('listed')
  expect([usual.status, usual.got]).toEqual([200, ONE])
  const picture = await ask('listed', {}, PICTURE)
  expect([picture.status, picture.got]).toEqual([200, TWO])
  expect(candidates(picture.route?.[0])).toEqual([
    'two 0 as listed',
    'one  declared without vision',
  ])
  const [said] = await told('listed', '--needs', 'vision')
  expect(said?.candidates).toEqual(candidates(picture.route?.[0]))
  expect((await ask('listed', {}, TOOLS)).got).toEqual(TWO)
  const source = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' }
  const content = [{ type: 'image', source }]
  const messages = [{ role: 'user', content }]
  const anthropic = await ask('listed', {}, { messages, max_tokens: 9 }, '/v1/messages')
  expect([anthropic.status, anthropic.got]).toEqual([200, TWO])
  const ollama = {
    messages: [{ role: 'user', content: 'a', images: ['iVBORw0KGgo='] }],
    stream: false,
  }
  expect((await ask('listed', {}, ollama, '/api/chat')).got).toEqual(TWO)
})

test('what nobody can take is refused, with the reasons in the log, and nothing is sent', async () => {
  const long = { messages: [{ role: 'user', content: 'word '.repeat(4_000) }] }
  expect((await ask('listed', {}, long)).got).toEqual(ONE)
  const both = await ask('listed', {}, { ...long, ...TOOLS })
  expect([both.status, both.got]).toEqual([400, NOBODY])
  expect((both.body['error'] as JsonObject)['code']).toBe('context_length_exceeded')
  expect(both.row['error_text']).toContain('one/m: declared without tools')
  const [said] = await told('listed', '--needs', 'tools', '--tokens', '2000')
  expect(said?.refused?.kind).toBe('context_length')
})

test('a prompt that is too long goes on to the larger model, whose decision says why', async () => {
  const long = { messages: [{ role: 'user', content: 'word '.repeat(100) }] }
  const spared = await ask('spared', {}, long)
  expect([spared.status, spared.got]).toEqual([200, ONE])
  const last = spared.route?.at(-1)
  expect([last?.['model'], last?.['fallbackFor']]).toEqual(['listed', 'context_length'])
  const said = await told('spared', '--tokens', '80')
  expect(said.map(({ fallback_for, model }) => [model, fallback_for])).toEqual([
    ['spared', null],
    ['listed', 'context_length'],
  ])
  expect(said[0]?.refused?.kind).toBe('context_length')
})

test('each in turn, and asking where it would go takes no turn', async () => {
  const first = await ask('turns')
  const next = first.got.one === 1 ? TWO : ONE
  const [said] = await told('turns')
  expect(said?.candidates[0]).toBe(`${next.one === 1 ? 'one' : 'two'} 0 its turn`)
  expect((await ask('turns')).got).toEqual(next)
  expect((await ask('turns')).got).toEqual(first.got)
  expect((await ask('turns')).got).toEqual(next)
})

test('a session stays where it is, others are elsewhere, and none takes turns', async () => {
  const homes = new Set<string>()
  for (let index = 0; index < 12; index += 1) {
    const headers = { 'x-session-id': `session-${index}` }
    const { got, route } = await ask('session', headers)
    homes.add(JSON.stringify(got))
    expect(route?.[0]?.['by']).toBe('sticky')
    expect((await ask('session', headers)).got).toEqual(got)
    const [said] = await told('session', '--session', `session-${index}`, '--key', 'user')
    expect(said?.candidates).toEqual(candidates(route?.[0]))
  }
  expect(homes.size).toBe(2)
  const anyone = [await ask('session'), await ask('session')]
  expect(anyone.map(({ got }) => JSON.stringify(got)).toSorted()).toEqual(
    [ONE, TWO].map((got) => JSON.stringify(got)).toSorted(),
  )
  const byKey = [await ask('key'), await ask('key'), await ask('key')]
  expect(new Set(byKey.map(({ got }) => JSON.stringify(got))).size).toBe(1)
  const [said] = await told('key', '--key', 'user')
  expect(said?.candidates).toEqual(candidates(byKey[0]?.route?.[0]))
})

test('the idle one is asked while the other is busy', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  const holding = async (...args: Parameters<typeof answering>) => {
    await held
    return await answering(...args)
  }
  one.play(holding, answering)
  const index = one.requests.length
  const running = ask('busy', { ...ADMIN, 'x-weir-target': 'one' })
  await one.request(index)
  const seen = [await ask('busy'), await ask('busy'), await ask('busy')]
  release()
  expect(seen.map(({ row }) => row['provider_id'])).toEqual(['two', 'two', 'two'])
  expect(candidates(seen[0]?.route?.[0])).toEqual(['two 0 0 running', 'one 1 1 running'])
  expect((await running).status).toBe(200)
})

test('latency and cost say what they went by', async () => {
  for (let count = 0; count < 3; count += 1) await ask('fast')
  const fast = await ask('fast')
  expect(fast.status).toBe(200)
  expect(candidates(fast.route?.[0])[0]).toMatch(/0 (first byte after \d+ ms|not measured yet)/)
  const priced = await ask('priced')
  expect(candidates(priced.route?.[0]).map((text) => text.slice(6))).toEqual([
    'price unknown',
    'price unknown',
  ])
})

test('one plain target is no decision', async () => {
  const plain = await ask('plain')
  expect([plain.status, plain.got, plain.route]).toEqual([200, TWO, null])
  const [said] = await told('plain')
  expect(said?.candidates).toEqual(['two 0 the only target'])
})

test('the details of a row say the decision to a person', async () => {
  const { row } = await ask('listed', {}, PICTURE)
  const { code, stdout } = await weir.runCli('logs', '--id', String(row['log_id']))
  expect(code).toBe(0)
  expect(stdout).toContain('listed by order')
  expect(stdout).toContain('one/m: declared without vision')
})
