// The table of every official client against a provider of each protocol: the same scenarios for each cell, run through the
// executable. A scenario says what must hold; a client says only how it is asked.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Client, Failure, Wire } from './client.ts'
import { NOW, PERSON, USAGE, vectorOf, WEATHER, WEATHER_TOO } from './script.ts'
import {
  MODELS,
  PROVIDER_KEYS,
  PROVIDERS,
  startUpstreams,
  type ProviderName,
  type Upstreams,
} from './upstreams.ts'
import { expectSingleRows, startWeir, type Weir } from './weir.ts'

/** How long after a client left its provider may still be at work. */
const CANCEL_LIMIT_MS = 250

const CLIENT_KEY = 'weir-test-key-of-the-official-clients-0001'
const BODY_LIMIT = '256KB'
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

interface Cell {
  readonly client: Client
  readonly wire: Wire
  readonly provider: ProviderName
  readonly model: string
  readonly weir: Weir
  readonly upstreams: Upstreams
}

type Scenario = (cell: Cell) => Promise<void>

/** Makes a client for an address, a key and a wire. */
export type ClientMaker = (options: { url: string; key: string; wire: Wire }) => Client

async function failureOf(cell: Cell, ask: () => Promise<unknown>): Promise<Failure> {
  try {
    await ask()
  } catch (error) {
    return cell.client.failure(error)
  }
  throw new Error('the client was answered, though an error was due')
}

async function expectFailure(
  cell: Cell,
  ask: () => Promise<unknown>,
  due: { name: keyof Client['errors']; status: number; code: string; attempts: number },
): Promise<Failure> {
  const { client, wire, weir } = cell
  const failure = await failureOf(cell, ask)
  expect(failure.name).toBe(client.errors[due.name])
  expect(failure.status).toBe(due.status)
  if (client.tells.code) expect(failure.code).toBe(due.code)
  if (client.tells.requestId) expect(failure.requestId).toBe(wire.lastId)
  expect(failure.message).not.toMatch(/\bat .*\.(ts|js):\d|127\.0\.0\.1|sk-/)
  expect(wire.attempts).toBe(due.attempts)
  for (const id of wire.ids) expect((await weir.row(id))['status']).toBe(due.status)
  return failure
}

/** OpenAI's code or Anthropic's type, whichever the client's protocol has. */
function word(cell: Cell, openai: string, anthropic: string): string {
  return cell.client.dialect === 'anthropic' ? anthropic : openai
}

function expectUsage(usage: { input: number | undefined; output: number | undefined }): void {
  expect(usage).toEqual({ input: USAGE.input, output: USAGE.output })
}

/** An answered request has its one row, with usage, and says which way it went. */
async function expectAnswered(cell: Cell): Promise<void> {
  const { client, wire, provider, weir } = cell
  expect(wire.headers.get('x-weir-provider')).toBe(provider)
  expect(wire.headers.get('x-weir-attempts')).toBe('1')
  // Ollama serves OpenAI's protocol too, so that OpenAI clients are relayed there.
  const own = provider === 'openai' ? 'openai-chat' : provider
  const relayed =
    client.dialect === own || (client.dialect === 'openai-chat' && provider === 'ollama')
  expect(wire.headers.get('x-weir-mode')).toBe(relayed ? 'relay' : 'translate')
  const row = await weir.row(wire.lastId)
  expect(row['status']).toBe(200)
  expect(row['provider_id']).toBe(provider)
  expect(row['client_format']).toBe(client.dialect)
  expect(row['output_tokens']).toBe(USAGE.output)
  expect(row['usage_estimated']).not.toBe(1)
}

export const SAID = 'Grüße, 世界 👋🏽 and a "quote"\n\tindented'

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  async plain(cell) {
    const { text, usage } = await cell.client.plain(cell.model, SAID)
    expect(text).toBe(`Echo: ${SAID}`)
    expectUsage(usage)
    await expectAnswered(cell)
  },
  async system(cell) {
    const { text } = await cell.client.plain(cell.model, '#system', 'Be brief.')
    expect(text).toBe('System: Be brief.')
  },
  async streamed(cell) {
    const { text, usage, pieces } = await cell.client.stream(cell.model, SAID)
    expect(text).toBe(`Echo: ${SAID}`)
    expect(pieces).toBeGreaterThan(2)
    const due = cell.client.streamedUsage?.(cell.provider)
    if (due === undefined) expectUsage(usage)
    else expect(usage).toEqual(due)
    await expectAnswered(cell)
  },
  async 'usage nobody asked for'(cell) {
    // Metered all the same, and kept from a client that does not expect it.
    cell.wire.mutate = ({ stream_options: _asked, ...body }) => body
    const { text, usage } = await cell.client.stream(cell.model, SAID)
    expect(text).toBe(`Echo: ${SAID}`)
    expect(usage).toEqual({ input: undefined, output: undefined })
    await expectAnswered(cell)
  },
  ...toolScenarios(),
  async image(cell) {
    const text = await cell.client.image(cell.model, '#image', PNG)
    expect(text).toBe(`image/png ${PNG.length}`)
  },
  async structured(cell) {
    expect(await cell.client.structured(cell.model, '#json')).toEqual({ ...PERSON })
  },
  async embeddings(cell) {
    const { client, provider, model, wire, weir } = cell
    if (client.embed === undefined) throw new Error('this client has no embeddings')
    const texts = ['one', 'zwei 世界']
    if (provider === 'anthropic') {
      const failure = await failureOf(cell, () => client.embed!(model, texts))
      expect([400, 404]).toContain(failure.status ?? 0)
      expect((await weir.row(wire.lastId))['status']).toBe(failure.status ?? 0)
      return
    }
    for (const vectors of await client.embed(model, texts))
      expect(vectors).toEqual(texts.map(vectorOf))
  },
  async 'wrong key'(cell) {
    cell.wire.key = 'weir_wrong-key-wrong-key-wrong-key'
    const due = { name: 'unauthorized', status: 401, attempts: 1 } as const
    const code = word(cell, 'invalid_api_key', 'authentication_error')
    await expectFailure(cell, () => cell.client.plain(cell.model, 'hi'), { ...due, code })
  },
  async 'unknown model'(cell) {
    const due = { name: 'notFound', status: 404, attempts: 1 } as const
    const code = word(cell, 'model_not_found', 'not_found_error')
    const failure = await expectFailure(cell, () => cell.client.plain('nobody/nothing', 'hi'), {
      ...due,
      code,
    })
    expect(failure.message).toContain('does not exist')
  },
  async 'bad parameter'(cell) {
    cell.wire.mutate = (body) =>
      cell.client.dialect === 'ollama'
        ? { ...body, options: { temperature: 'hot' } }
        : { ...body, temperature: 'hot' }
    const failure = await failureOf(cell, () => cell.client.plain(cell.model, 'hi'))
    expect(failure.name).toBe(cell.client.errors.badRequest)
    expect(failure.status).toBe(400)
    expect(failure.message).toContain('temperature')
    expect(failure.message).not.toContain('hot')
    expect(cell.wire.attempts).toBe(1)
  },
  async "provider's 400"(cell) {
    const due = { name: 'badRequest', status: 400, attempts: 1 } as const
    const code = word(cell, 'invalid_value', 'invalid_request_error')
    const failure = await expectFailure(cell, () => cell.client.plain(cell.model, '#fail-400'), {
      ...due,
      code,
    })
    expect(failure.message).toContain('The provider says 400.')
  },
  async "provider's 401"(cell) {
    // A refused key is set aside, so the model's own provider is not used for this; clients that would ask again in spite of
    // `x-should-retry: false` find none left.
    cell.wire.retriesMax = 0
    const due = { name: 'badGateway', status: 502, attempts: 1 } as const
    const code = word(cell, 'upstream_auth_error', 'api_error')
    const model = `spare-${cell.provider}/err-401`
    await expectFailure(cell, () => cell.client.plain(model, 'hi'), { ...due, code })
  },
  async "provider's 429"(cell) {
    const due = {
      name: 'rateLimited',
      status: 429,
      attempts: cell.client.attempts.rateLimited,
    } as const
    const code = word(cell, 'upstream_rate_limited', 'rate_limit_error')
    await expectFailure(cell, () => cell.client.plain(cell.model, '#fail-429'), { ...due, code })
    expect(cell.wire.headers.get('retry-after')).toBe('1')
    expect(cell.wire.headers.get('x-should-retry')).toBe('true')
  },
  async "provider's 500"(cell) {
    const due = {
      name: 'badGateway',
      status: 502,
      attempts: cell.client.attempts.badGateway,
    } as const
    const code = word(cell, 'upstream_error', 'api_error')
    await expectFailure(cell, () => cell.client.plain(cell.model, '#fail-500'), { ...due, code })
    expect(cell.wire.headers.get('x-should-retry')).toBe('false')
  },
  async 'too large'(cell) {
    const due = { name: 'tooLarge', status: 413, attempts: 1 } as const
    const code = word(cell, 'request_too_large', 'request_too_large')
    const large = 'x'.repeat(300_000)
    await expectFailure(cell, () => cell.client.plain(cell.model, large), { ...due, code })
  },
  async 'cut in the middle'(cell) {
    cell.wire.retriesMax = 0
    const failure = await failureOf(cell, () => cell.client.stream(cell.model, '#cut'))
    expect(failure.message).not.toBe('')
    expect(cell.wire.attempts).toBe(1)
    const row = await cell.weir.row(cell.wire.lastId)
    expect(row['error_kind']).toBe('upstream_error')
  },
  async cancel(cell) {
    const { client, wire, weir, upstreams, provider } = cell
    const asked = upstreams.servers[provider].requests.length
    const abort = new AbortController()
    const heard = Promise.withResolvers<void>()
    const reading = client
      .hold(cell.model, '#hold', abort.signal, heard.resolve)
      .catch(() => 'left')
    await heard.promise
    const request = await upstreams.servers[provider].request(asked)
    const leftMs = performance.now()
    abort.abort()
    await request.disconnected
    expect(performance.now() - leftMs).toBeLessThan(CANCEL_LIMIT_MS)
    await reading
    const row = await weir.row(wire.lastId)
    expect(row['status']).toBe(499)
    expect(row['output_tokens']).toBeGreaterThan(0)
  },
}

function toolScenarios(): Record<string, Scenario> {
  const trip =
    (text: string, stream: boolean, ...calls: (typeof WEATHER)[]): Scenario =>
    async (cell) => {
      const result = await cell.client.tools(cell.model, text, stream)
      expect(result.calls).toEqual(calls)
      const told = calls.map((call) => `${call.name}=${resultOf(call)}`)
      expect(result.text).toBe(`Results: ${told.join('; ')}`)
    }
  return {
    tool: trip('#tool', false, WEATHER),
    'tool streamed': trip('#tool', true, WEATHER),
    'parallel tools': trip('#tools', false, WEATHER, WEATHER_TOO),
    'parallel tools streamed': trip('#tools', true, WEATHER, WEATHER_TOO),
    'tool without arguments': trip('#empty', false, NOW),
    'tool without arguments streamed': trip('#empty', true, NOW),
  }
}

/** What a client answers to a call: every client's adapter uses it. */
export function resultOf(call: { name: string; input: unknown }): string {
  const city = (call.input as { city?: string }).city
  return city === undefined ? '12:00' : `sunny in ${city}`
}

/** Scenarios that a client has no part in, each with the reason. */
export type Lacking = Readonly<Record<string, string>>

export const NO_EMBEDDINGS: Lacking = { embeddings: 'its protocol has none' }
/** For protocols whose streams always tell. */
export const TOLD_ANYWAY: Lacking = { 'usage nobody asked for': 'its protocol always tells' }

/** Declares the tests of one client against every provider, and prints its rows of the matrix at the end. */
export function testClient(
  name: string,
  wire: Wire,
  make: ClientMaker,
  lacking: Lacking = {},
): void {
  const scenarios = Object.entries(SCENARIOS).filter(([title]) => lacking[title] === undefined)
  setDefaultTimeout(30_000)
  const passed = new Map<ProviderName, number>()
  let weir: Weir
  let upstreams: Upstreams
  let client: Client
  beforeAll(async () => {
    upstreams = startUpstreams({ retries: { max: 0 } })
    const spare = PROVIDERS.map((provider, at) => ({
      ...upstreams.providers[at],
      id: `spare-${provider}`,
      keys: Array.from({ length: 3 }, (_, index) => `${PROVIDER_KEYS[provider]}-${index}`),
    }))
    weir = await startWeir({
      config: {
        server: { max_body_size: BODY_LIMIT, drain_timeout: '1s' },
        auth: { anonymous: 'never' },
        keys: [{ name: 'clients', key: CLIENT_KEY }],
        providers: [...upstreams.providers, ...spare],
      },
    })
    client = make({ url: weir.url, key: CLIENT_KEY, wire })
    // Both entries of a provider are asked for its models after the start: only the tests' requests come after that.
    await Promise.all(Object.values(upstreams.servers).map((server) => server.request(1)))
  })
  afterAll(async () => {
    const absent = Object.entries(lacking).map(([title, reason]) => `${title}: ${reason}`)
    if (lacking['cancel'] !== undefined) {
      process.stdout.write(`left out: cancel with ${name}: ${lacking['cancel']}\n`)
    }
    const without = absent.length === 0 ? '' : ` (without ${absent.join('; ')})`
    for (const provider of PROVIDERS) {
      process.stdout.write(
        `matrix: ${name} × ${provider}: ${passed.get(provider) ?? 0} of ${scenarios.length} passed${without}
`,
      )
    }
    expect(upstreams.servers.openai.failures).toEqual([])
    expect(upstreams.servers.anthropic.failures).toEqual([])
    expect(upstreams.servers.ollama.failures).toEqual([])
    expectSingleRows(weir)
    const code = await weir.stop()
    await upstreams.close()
    expect(code).toBe(0)
  })
  for (const provider of PROVIDERS) {
    describe(`${name} × ${provider}`, () => {
      for (const [title, scenario] of scenarios) {
        test(title, async () => {
          wire.begin()
          const model = `${provider}/${MODELS[provider]}`
          await scenario({ client, wire, provider, model, weir, upstreams })
          passed.set(provider, (passed.get(provider) ?? 0) + 1)
        })
      }
    })
  }
}
