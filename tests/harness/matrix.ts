// The table of every official client against every provider: the same scenarios for each cell, run through the executable, and
// its rows printed at the end. What a client or a provider has no part in stands in it with the reason.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Wire, type ClientMaker } from './client.ts'
import { SCENARIOS, thinkingScenarios, TIMED, type Scenario } from './scenarios.ts'
import {
  FAKES,
  PROVIDERS,
  providersOf,
  startUpstreams,
  type ProviderName,
  type Upstreams,
} from './upstreams.ts'
import { expectSingleRows, startWeir, type Weir } from './weir.ts'

const CLIENT_KEY = 'weir-test-key-of-the-official-clients-0001'
const BODY_LIMIT = '256KB'

/** Scenarios that a client has no part in, each with the reason. */
export type Lacking = Readonly<Record<string, string>>

export const NO_EMBEDDINGS: Lacking = { embeddings: 'its protocol has none' }
/** For protocols whose streams always tell. */
export const TOLD_ANYWAY: Lacking = { 'usage nobody asked for': 'its protocol always tells' }
export const NO_COUNT: Lacking = { 'count of tokens': 'its protocol has no counter' }
/** Of clients that ask a model of chat to think over the Responses API, which refuses that. */
export function chatModels(provider: ProviderName): Lacking {
  if (provider !== 'openai') return {}
  const reason = 'its model can not think, and the API refuses to ask it'
  return Object.fromEntries(Object.keys(thinkingScenarios()).map((title) => [title, reason]))
}

export interface ClientTests {
  readonly lacking?: Lacking
  /** The same for one provider alone. */
  readonly lackingWith?: (provider: ProviderName) => Lacking
  /** Scenarios of this client alone. */
  readonly own?: Readonly<Record<string, Scenario>>
}

/** The scenarios of a provider that it has no part in. */
function lackingAt(provider: ProviderName): Lacking {
  const { image, structured, stop } = FAKES[provider].lacks ?? {}
  return {
    ...(image === undefined ? {} : { image }),
    ...(structured === undefined ? {} : { structured }),
    ...(stop === undefined ? {} : { 'stop sequence': stop }),
  }
}

/** Those of which a client waits between its attempts, a second or two: nothing but that takes time, so all of them begin at once. */
const WAITING: readonly string[] = ["provider's 429", "provider's 500"]

/** Declares the tests of one client against every provider, and prints its rows of the matrix at the end. */
export function testClient(name: string, make: ClientMaker, tests: ClientTests = {}): void {
  const { own = {} } = tests
  setDefaultTimeout(120_000)
  const passed = new Map<ProviderName, number>()
  const begun = new Map<string, Promise<void>>()
  let weir: Weir
  let upstreams: Upstreams
  beforeAll(async () => {
    upstreams = startUpstreams({ retries: { max: 0 } })
    weir = await startWeir({
      config: {
        server: { max_body_size: BODY_LIMIT, drain_timeout: '1s' },
        auth: { anonymous: 'never' },
        keys: [{ name: 'clients', key: CLIENT_KEY }],
        providers: providersOf(upstreams),
      },
    })
    // All four entries of a provider are asked for its models after the start: only the tests' requests come after that.
    await Promise.all(PROVIDERS.map((provider) => upstreams.servers[provider].request(3)))
    for (const provider of PROVIDERS) {
      for (const [title, scenario] of chosen(provider, SCENARIOS)) {
        if (!WAITING.includes(title)) continue
        const result = run(provider, scenario)()
        // Its failure is its test's, which may look for it later.
        result.catch(() => undefined)
        begun.set(`${provider} ${title}`, result)
      }
    }
  })
  const lacking = (provider: ProviderName): Lacking => ({
    ...tests.lacking,
    ...tests.lackingWith?.(provider),
    ...lackingAt(provider),
  })
  const run = (provider: ProviderName, scenario: Scenario) => async () => {
    const wire = new Wire()
    const client = make({ url: weir.url, key: CLIENT_KEY, wire })
    const model = `${provider}/${FAKES[provider].model}`
    await scenario({ client, wire, provider, model, weir, upstreams, key: CLIENT_KEY })
    passed.set(provider, (passed.get(provider) ?? 0) + 1)
  }
  const chosen = (provider: ProviderName, scenarios: Readonly<Record<string, Scenario>>) =>
    Object.entries(scenarios).filter(([title]) => lacking(provider)[title] === undefined)
  for (const provider of PROVIDERS) {
    describe(`${name} × ${provider}`, () => {
      for (const [title, scenario] of chosen(provider, { ...SCENARIOS, ...own })) {
        const start = run(provider, scenario)
        test.concurrent(title, () => begun.get(`${provider} ${title}`) ?? start())
      }
    })
  }
  for (const provider of PROVIDERS) {
    describe(`${name} × ${provider}`, () => {
      for (const [title, scenario] of chosen(provider, TIMED)) test(title, run(provider, scenario))
    })
  }
  afterAll(async () => {
    const all = { ...SCENARIOS, ...own, ...TIMED }
    for (const provider of PROVIDERS) {
      const count = chosen(provider, all).length
      const absent = Object.entries(lacking(provider))
        .filter(([title]) => all[title] !== undefined)
        .map(([title, reason]) => `${title} - ${reason}`)
      const without = absent.length === 0 ? '' : ` (${absent.join('; ')})`
      const told = `${passed.get(provider) ?? 0} of ${count} passed, ${absent.length} without`
      process.stdout.write(`matrix: ${name} × ${provider}: ${told}${without}\n`)
    }
    for (const server of Object.values(upstreams.servers)) expect(server.failures).toEqual([])
    expectSingleRows(weir)
    const code = await weir.stop()
    await upstreams.close()
    expect(code).toBe(0)
  })
}
