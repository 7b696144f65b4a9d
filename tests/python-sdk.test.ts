// The official Python clients and the frameworks above them against every provider, through the executable. Each client is a
// process with providers and an executable of its own; each of its scenarios is a test case here. Left out, with the reason,
// where there is no Python.

import { afterAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { pythonEnvironment, runPython } from './harness/python.ts'
import {
  CUT_SHORT,
  NOW,
  PERSON,
  STOP_WORD,
  STOPPED,
  TOKEN_LIMIT,
  USAGE,
  vectorOf,
  WEATHER,
  WEATHER_TOO,
} from './harness/script.ts'
import { TOOLS } from './harness/tools.ts'
import { COUNTED } from './harness/upstream-cohere.ts'
import {
  FAKES,
  MODELS,
  PROVIDERS,
  providersOf,
  startUpstreams,
  type Upstreams,
} from './harness/upstreams.ts'
import { startWeir, type Weir } from './harness/weir.ts'

/** By the environment they live in. The modules are named after them. */
const CLIENTS = {
  clients: [
    'openai',
    'responses',
    'anthropic',
    'ollama',
    'google',
    'cohere',
    'mistral',
    'langchain',
    'langchain_google',
  ],
  frameworks: ['llamaindex', 'langchain_cohere'],
} as const

/** They wait more than they work. */
const AT_ONCE = 3
const KEY = 'weir-test-key-of-the-python-clients-00001'
const RUN_LIMIT_MS = 600_000
/** How often each client leaves a stream of each provider. */
const CANCEL_TURNS = 3
/** Until a provider has noticed that a client of its stream left. */
const LEFT_LIMIT_MS = 20_000
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
/** 32-bit floats hold these exactly, so that base64 and JSON give the same. */
const TEXTS = ['one', 'zwei 世界']

interface Line {
  readonly name: string
  readonly ok?: boolean
  readonly detail?: string
  /** Why the client has no part in this. */
  readonly without?: string
}

interface Run {
  readonly client: string
  readonly lines: readonly Line[]
  readonly code: number
  readonly error: string
  /** Held streams, and those whose provider was not told that the client left. */
  readonly held: number
  readonly notCancelled: number
  readonly stopCode: number
  readonly failures: readonly unknown[]
}

function settingsOf(weir: Weir): string {
  const providers = PROVIDERS.map((name) => {
    const { model, embeddingModel, relays, lacks } = FAKES[name]
    return [name, { model, embeddingModel: embeddingModel ?? model, relays, lacks: lacks ?? {} }]
  })
  return JSON.stringify({
    url: weir.url,
    key: KEY,
    log: join(weir.dataFolder, 'weir-log.db'),
    providers: Object.fromEntries(providers),
    usage: USAGE,
    cohereCounted: COUNTED,
    tools: TOOLS,
    person: PERSON,
    calls: { '#tool': [WEATHER], '#tools': [WEATHER, WEATHER_TOO], '#empty': [NOW] },
    cancelTurns: CANCEL_TURNS,
    ends: { limit: TOKEN_LIMIT, cutShort: CUT_SHORT, stopWord: STOP_WORD, stopped: STOPPED },
    png: { base64: PNG.toString('base64'), bytes: PNG.length },
    vectors: Object.fromEntries(TEXTS.map((text) => [text, vectorOf(text)])),
  })
}

async function runClient(python: string, client: string): Promise<Run> {
  const upstreams = startUpstreams({ retries: { max: 0 } })
  let weir: Weir | undefined
  let stopCode: number | undefined
  try {
    weir = await startWeir({
      config: {
        auth: { anonymous: 'never' },
        keys: [{ name: 'python', key: KEY }],
        providers: providersOf(upstreams),
        models: PROVIDERS.map((provider) => ({
          id: `alias-${provider}`,
          targets: [{ provider, model: MODELS[provider] }],
        })),
      },
    })
    const { code, out, error } = await runPython(python, 'clients.py', {
      args: [client],
      env: { WEIR_TEST: settingsOf(weir) },
      timeoutMs: RUN_LIMIT_MS,
    })
    const printed = out.split('\n').filter((line) => line.startsWith('{'))
    const lines = printed.map((line) => JSON.parse(line) as Line)
    const cancelled = await heldStreams(upstreams)
    stopCode = await weir.stop()
    const failures = PROVIDERS.flatMap((provider) => upstreams.servers[provider].failures)
    return { client, lines, code, error, stopCode, failures, ...cancelled }
  } finally {
    if (stopCode === undefined) await weir?.stop('SIGKILL')
    await upstreams.close()
  }
}

async function heldStreams(upstreams: Upstreams): Promise<Pick<Run, 'held' | 'notCancelled'>> {
  const asked = PROVIDERS.flatMap((provider) => upstreams.servers[provider].requests)
  const held = asked.filter((request) => request.text.includes('#hold'))
  const left = await Promise.all(
    held.map((request) =>
      Promise.race([request.disconnected.then(() => 0), Bun.sleep(LEFT_LIMIT_MS).then(() => 1)]),
    ),
  )
  return { held: held.length, notCancelled: left.filter((late) => late === 1).length }
}

/** Runs them, a few at a time, in their order. */
async function runClients(python: string, clients: readonly string[]): Promise<Run[]> {
  const runs: Run[] = []
  const waiting = [...clients]
  const work = async () => {
    for (let client = waiting.shift(); client !== undefined; client = waiting.shift()) {
      runs.push(await runClient(python, client))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return runs.sort((left, right) => clients.indexOf(left.client) - clients.indexOf(right.client))
}

const cellOf = (name: string) => name.replace(/: .*$/, '')

for (const [name, clients] of Object.entries(CLIENTS)) {
  const environment = await pythonEnvironment(name as keyof typeof CLIENTS)
  if ('reason' in environment) {
    const told = `official Python clients (${clients.join(', ')})`
    process.stdout.write(`left out: ${told}: ${environment.reason}\n`)
    test.skip(told, () => undefined)
    continue
  }
  const started = performance.now()
  const runs = await runClients(environment.python, clients)
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  for (const run of runs) declare(run)
  afterAll(() => {
    for (const run of runs) print(run)
    process.stdout.write(`python ${name}: ${seconds} s\n`)
  })
}

function declare(run: Run): void {
  for (const { name, ok, detail, without } of run.lines) {
    if (without !== undefined) continue
    test(`python ${name}`, () => {
      if (ok !== true) throw new Error(detail)
    })
  }
  test(`python ${run.client}: was run to its end, against every provider`, () => {
    // Warnings of the clients are no failure; an exception is told by the code.
    if (run.code !== 0) throw new Error(`it ended with ${run.code}: ${run.error.slice(-2_000)}`)
    const cells = Map.groupBy(run.lines, ({ name }) => cellOf(name))
    expect(cells.size).toBe(PROVIDERS.length)
    for (const lines of cells.values()) expect(lines.length).toBeGreaterThan(18)
  })
  test(`python ${run.client}: when it leaves, its provider's work ends`, () => {
    const cancelled = run.lines.filter(({ name, ok }) => name.endsWith(': cancel') && ok === true)
    expect(run.held).toBe(CANCEL_TURNS * cancelled.length)
    expect(run.notCancelled).toBe(0)
    expect(run.failures).toEqual([])
    expect(run.stopCode).toBe(0)
  })
}

function print(run: Run): void {
  for (const [cell, lines] of Map.groupBy(run.lines, ({ name }) => cellOf(name))) {
    const [client = '', provider = ''] = cell.split(' × ')
    const absent = lines.filter(({ without }) => without !== undefined)
    const passed = lines.filter(({ ok }) => ok === true).length
    const told = absent.map(({ name, without }) => `${name.slice(cell.length + 2)} - ${without}`)
    const reasons = told.length === 0 ? '' : ` (${told.join('; ')})`
    const counts = `${passed} of ${lines.length - absent.length} passed, ${absent.length} without`
    process.stdout.write(`matrix: ${client} (Python) × ${provider}: ${counts}${reasons}\n`)
  }
}
