// What must hold for every official client against every provider, as scenarios: asked through what all clients have in common,
// judged by what the script says and by what the log holds. Which client runs them where is not known here.

import { expect } from 'bun:test'
import type { Client, Failure, SpokenUsage, Wire } from './client.ts'
import {
  CUT_SHORT,
  NOW,
  PERSON,
  STOP_WORD,
  STOPPED,
  THINKING,
  TOKEN_LIMIT,
  USAGE,
  vectorOf,
  WEATHER,
  WEATHER_TOO,
} from './script.ts'
import { resultOf } from './tools.ts'
import { embeddingModelOf, FAKES, type ProviderName, type Upstreams } from './upstreams.ts'
import type { Weir } from './weir.ts'

/** How long after a client left its provider may still be at work. */
const CANCEL_LIMIT_MS = 250
/** The fastest of so many counts: a busy machine may hold up any, and what takes longer by itself takes longer each time. */
const CANCEL_TURNS = 3

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

/** One scenario of one client against one provider, with a wire and a client of its own. */
export interface Cell {
  readonly client: Client
  readonly wire: Wire
  readonly provider: ProviderName
  readonly model: string
  readonly weir: Weir
  readonly upstreams: Upstreams
  /** A key of the executable. */
  readonly key: string
}

export type Scenario = (cell: Cell) => Promise<void>

let marks = 0

/** A word that stands in no other request, so that a provider's can be found. */
function nextMark(): string {
  marks += 1
  return `mark-${process.pid}-${marks}-`
}

/** What the provider of a cell was asked with that mark, in order. */
function askedWith({ upstreams, provider }: Cell, mark: string) {
  return upstreams.servers[provider].requests.filter((request) => request.text.includes(mark))
}

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

function expectUsage({ client, provider }: Cell, usage: SpokenUsage, streamed: boolean): void {
  const { cached, ...rest } = usage
  const due = client.usage?.(provider, streamed)
  if (due === 'estimated') expect(Math.min(rest.input ?? 0, rest.output ?? 0)).toBeGreaterThan(3)
  else expect(rest).toEqual(due ?? { input: USAGE.input, output: USAGE.output })
  if (due !== undefined) return
  // Cohere's own prompt is in its count of what was cached: only its own clients can make something of that.
  if (!('cached' in usage) || provider === 'cohere') return
  // Where the provider tells nothing, nothing and none are the same to a client.
  expect(cached ?? 0).toBe(FAKES[provider].tellsCached ? USAGE.cached : 0)
}

/** An answered request has its one row, with usage, and says which way it went. */
async function expectAnswered(cell: Cell): Promise<void> {
  const { client, wire, provider, weir } = cell
  expect(wire.headers.get('x-weir-provider')).toBe(provider)
  expect(wire.headers.get('x-weir-attempts')).toBe('1')
  const relayed = FAKES[provider].relays.includes(client.dialect)
  // These two are relayed but for what they refuse, which official clients of others send.
  const mode = relayed ? 'relay' : 'translate'
  const modes = ['mistral', 'openrouter'].includes(provider) ? ['relay', 'translate'] : [mode]
  expect<(string | null)[]>(modes).toContain(wire.headers.get('x-weir-mode'))
  const row = await weir.row(wire.lastId)
  expect(row['status']).toBe(200)
  expect(row['provider_id']).toBe(provider)
  expect(row['client_format']).toBe(client.dialect)
  expect(row['output_tokens']).toBe(USAGE.output)
  expect(row['usage_estimated']).not.toBe(1)
}

export const SAID = 'Grüße, 世界 👋🏽 and a "quote"\n\tindented'

/** By their titles. They may run at once, whatever the client and the provider. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  async plain(cell) {
    const { text, usage } = await cell.client.plain(cell.model, SAID)
    expect(text).toBe(`Echo: ${SAID}`)
    expectUsage(cell, usage, false)
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
    expectUsage(cell, usage, true)
    await expectAnswered(cell)
  },
  async 'usage nobody asked for'(cell) {
    // Metered all the same, and kept from a client that does not expect it.
    cell.wire.mutate = ({ stream_options: _asked, ...body }) => body
    const { text, usage } = await cell.client.stream(cell.model, SAID)
    expect(text).toBe(`Echo: ${SAID}`)
    const { relays, tellsUsageAnyway } = FAKES[cell.provider]
    const relayed = relays.includes(cell.client.dialect) && tellsUsageAnyway === true
    const told = { input: USAGE.input, output: USAGE.output }
    const none = { input: undefined, output: undefined }
    const allowed = relayed ? [none, told] : [none]
    expect<SpokenUsage[]>(allowed).toContainEqual({ input: usage.input, output: usage.output })
    await expectAnswered(cell)
  },
  ...toolScenarios(),
  ...thinkingScenarios(),
  async 'limit of tokens'(cell) {
    const settings = { maxTokens: TOKEN_LIMIT }
    const { text, finish } = await cell.client.finish(cell.model, '#long', settings)
    expect(text).toBe(CUT_SHORT)
    expect(finish).toBe(cell.client.finishes.length)
  },
  async 'stop sequence'(cell) {
    const settings = { stop: [STOP_WORD, '###'] }
    const { text, finish } = await cell.client.finish(cell.model, '#stop', settings)
    expect(text).toBe(STOPPED)
    expect(cell.client.finishes.stop).toContain(finish)
  },
  async image(cell) {
    const text = await cell.client.image(cell.model, '#image', PNG)
    expect(text).toBe(`image/png ${PNG.length}`)
  },
  async structured(cell) {
    expect(await cell.client.structured(cell.model, '#json')).toEqual({ ...PERSON })
  },
  async embeddings(cell) {
    const { client, provider, wire, weir } = cell
    const texts = ['one', 'zwei 世界']
    const model = embeddingModelOf(provider)
    if (FAKES[provider].lacks?.embeddings !== undefined) {
      const failure = await failureOf(cell, () => client.embed!(model, texts))
      expect([400, 404]).toContain(failure.status ?? 0)
      expect((await weir.row(wire.lastId))['status']).toBe(failure.status ?? 0)
      return
    }
    for (const vectors of await client.embed!(model, texts)) {
      expect(vectors).toEqual(texts.map(vectorOf))
    }
  },
  async 'count of tokens'(cell) {
    const count = await cell.client.count!(cell.model, SAID)
    // An estimate where the provider has no counter.
    if (FAKES[cell.provider].counts === true) expect(count).toBe(USAGE.input)
    else expect(count).toBeGreaterThan(3)
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
    const place = { ollama: 'options', gemini: 'generationConfig' } as Record<string, string>
    const inside = place[cell.client.dialect]
    const hot = { temperature: 'hot' }
    cell.wire.mutate = (body) => ({ ...body, ...(inside === undefined ? hot : { [inside]: hot }) })
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
    const model = `busy-${cell.model}`
    await expectFailure(cell, () => cell.client.plain(model, '#fail-429'), { ...due, code })
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
    const model = `broken-${cell.model}`
    await expectFailure(cell, () => cell.client.plain(model, '#fail-500'), { ...due, code })
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
}

/** Left to the end and run alone: they measure time. */
export const TIMED: Readonly<Record<string, Scenario>> = {
  async cancel(cell) {
    const tookMs: number[] = []
    for (let turn = 0; turn < CANCEL_TURNS; turn += 1) tookMs.push(await cancelled(cell))
    expect(Math.min(...tookMs)).toBeLessThan(CANCEL_LIMIT_MS)
  },
}

/** A client leaves in the middle of a stream; how long after that its provider saw it go, in milliseconds. */
async function cancelled(cell: Cell): Promise<number> {
  const { client, wire, weir } = cell
  const mark = nextMark()
  const abort = new AbortController()
  const heard = Promise.withResolvers<void>()
  const reading = client.hold(cell.model, `#hold ${mark}`, abort.signal, heard.resolve).then(
    () => undefined,
    (error: unknown) => error,
  )
  await Promise.race([heard.promise, reading.then((error) => Promise.reject(error))])
  const [request] = askedWith(cell, mark)
  if (request === undefined) throw new Error('its provider was never asked')
  const leftMs = performance.now()
  abort.abort()
  await request.disconnected
  const tookMs = performance.now() - leftMs
  await reading
  const row = await weir.row(wire.lastId)
  expect(row['status']).toBe(499)
  expect(row['output_tokens']).toBeGreaterThan(0)
  return tookMs
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

/** Whether a model's thinking reaches that client; where it does not the client is told so. */
function tellsThinking({ client, provider }: Cell): boolean {
  const { dialect } = client
  // A summary is a service of its own there, and not every account has it: only those who ask for one get one.
  if (provider === 'openai-responses') return dialect === 'openai-responses'
  // It takes yes or no: an effort alone is not taken for a yes, as models that can't think refuse that.
  if (provider === 'ollama') return dialect !== 'openai-chat' && dialect !== 'openai-responses'
  return FAKES[provider].tellsThinking
}

/** What a model thinks, told, and brought back with its calls. */
export function thinkingScenarios(): Record<string, Scenario> {
  const thought =
    (stream: boolean): Scenario =>
    async (cell) => {
      const { thinking, text } = await cell.client.think!(cell.model, SAID, stream)
      expect(text).toBe(`Echo: ${SAID}`)
      expect(thinking).toBe(tellsThinking(cell) ? THINKING : '')
    }
  const called =
    (stream: boolean): Scenario =>
    async (cell) => {
      const mark = nextMark()
      const result = await cell.client.tools(cell.model, `#tool ${mark}`, stream, true)
      expect(result.calls).toEqual([WEATHER])
      expect(result.text).toBe(`Results: ${WEATHER.name}=${resultOf(WEATHER)}`)
      const { seal, relays } = FAKES[cell.provider]
      // A thread whose items its provider keeps needs no seal.
      const kept = cell.client.dialect === 'openai-responses'
      if (seal === undefined || (kept && relays.includes('openai-responses'))) return
      // What the model thought came back with its calls, or the client was told that it did not.
      const last = askedWith(cell, mark).at(-1)?.text ?? ''
      const losses = cell.wire.headers.get('x-weir-losses') ?? ''
      if (!last.includes(seal)) expect(losses).toMatch(/thinking|reasoning|seal/)
    }
  return {
    thinking: thought(false),
    'thinking streamed': thought(true),
    'tool after thinking': called(false),
    'tool after thinking streamed': called(true),
  }
}
