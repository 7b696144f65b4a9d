// A team's installation for tests: several replicas of the executable on one Postgres, two tenants, and a provider that keeps its own
// books of what it was asked and what that costs, so that Weir's can be held against them. It judges nothing: tests do.

import { isObject, type JsonObject, type JsonValue } from '../../src/core/json.ts'
import type { TestPostgres } from '../../src/testing/postgres.ts'
import { startUpstream, type Upstream } from '../../src/testing/upstream.ts'
import { executablePath, startWeir, type CliResult, type Weir } from './weir.ts'

/** Nano-dollars for one token, as the price of `priced` in US dollars per million says. */
const NANO_PER_INPUT = 1_000
const NANO_PER_OUTPUT = 10_000
export const PRICE = { input: 1, output: 10 }

/** Longest answer that `ask` asks for, and the provider gives. */
const ANSWER_TOKENS_MAX = 150
const PROMPT_TOKENS_MAX = 50

/** The longest answer to `ask`, and the most that the seller takes for a request: no prompt counts more tokens there. */
export const ANSWER_NANO_USD = ANSWER_TOKENS_MAX * NANO_PER_OUTPUT
export const DEAREST_NANO_USD = PROMPT_TOKENS_MAX * NANO_PER_INPUT + ANSWER_NANO_USD

const WAIT_LIMIT_MS = 60_000

/** A provider that writes down what it sells. */
export interface Seller {
  readonly url: string
  readonly sold: { requests: number; inputTokens: number; outputTokens: number }
  nanoUsd(): number
  close(): Promise<void>
}

/** Answers differ in size, so that sums that agree are not agreed by chance. */
export function startSeller(): Seller {
  const sold = { requests: 0, inputTokens: 0, outputTokens: 0 }
  const upstream: Upstream = startUpstream((request) => {
    if (request.method === 'GET') return Response.json({ object: 'list', data: [] })
    const inputTokens = 20 + (request.index % 31)
    const outputTokens = 60 + ((request.index * 37) % 91)
    sold.requests += 1
    sold.inputTokens += inputTokens
    sold.outputTokens += outputTokens
    return Response.json({
      id: `chatcmpl-${request.index}`,
      object: 'chat.completion',
      created: 1,
      model: 'sold',
      choices: [
        { index: 0, message: { role: 'assistant', content: 'Sold.' }, finish_reason: 'stop' },
      ],
      usage: {
        prompt_tokens: inputTokens,
        completion_tokens: outputTokens,
        total_tokens: inputTokens + outputTokens,
      },
    })
  })
  return {
    url: upstream.url,
    sold,
    nanoUsd: () => sold.inputTokens * NANO_PER_INPUT + sold.outputTokens * NANO_PER_OUTPUT,
    close: () => upstream.close(),
  }
}

/** A provider of the OpenAI kind as the file declares it. */
export function providerAt(id: string, url: string): object {
  return {
    id,
    type: 'custom',
    compatible: 'openai',
    base_url: `${url}/v1`,
    keys: ['sk-team'],
    retries: { max: 0 },
  }
}

export interface TeamOptions {
  readonly postgres: TestPostgres
  /** Absent: replicas share Postgres alone. */
  readonly redisUrl?: string
  /** Beside what every team has. */
  readonly config: object
}

export interface Team {
  /** As started; a killed one stays in its place. */
  readonly replicas: readonly [Weir, Weir]
  /** Runs SQL on its database; rows as lines, columns parted by `|`. */
  sql(text: string): Promise<string>
  /** One number that SQL says. */
  number(text: string): Promise<number>
  /** Runs a command on the same store. @throws with what it said when it fails */
  cli(...args: string[]): Promise<string>
  /** The same with a text on its standard input. */
  cliWith(input: string, ...args: string[]): Promise<string>
  stop(): Promise<void>
}

export const TENANTS = ['acme', 'globex'] as const

/** Two replicas with the tenants made. */
export async function startTeam({ config, postgres, redisUrl }: TeamOptions): Promise<Team> {
  const { name, url } = await postgres.createDatabase()
  const whole = {
    storage: { url, connections: 5 },
    ...(redisUrl === undefined ? {} : { redis: { url: redisUrl } }),
    secrets: { master_key: 'a master key that all replicas share' },
    auth: { anonymous: 'never' },
    log: { level: 'info', format: 'json' },
    ...config,
  }
  const [first, second] = await Promise.all([
    startWeir({ config: whole }),
    startWeir({ config: whole }),
  ])
  const cliWith = async (input: string, ...args: string[]) => {
    const result = await runWith(first, input, args)
    if (result.code === 0) return result.stdout
    throw new Error(`weir ${args.join(' ')}: ${result.stderr}${result.stdout}`)
  }
  for (const tenant of TENANTS) await cliWith('', 'tenants', 'create', tenant)
  const sql = (text: string) => postgres.sql(text, name)
  return {
    replicas: [first, second],
    sql,
    number: async (text) => Number(await sql(text)),
    cli: (...args) => cliWith('', ...args),
    cliWith,
    stop: async () => {
      await Promise.all([first.stop(), second.stop()])
    },
  }
}

async function runWith(weir: Weir, input: string, args: readonly string[]): Promise<CliResult> {
  const common = ['--config', weir.configFile, '--data', weir.dataFolder]
  const child = Bun.spawn([executablePath(), ...args, ...common], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdin: new Blob([input]),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, stdout, stderr }
}

export interface Asking {
  readonly model?: string
  /** `x-request-id`. */
  readonly id?: string
}

/** What became of one request. */
export interface Answered {
  readonly status: number
  /** Of an error; '' of an answer. */
  readonly code: string
  readonly retryAfterSeconds: number | undefined
  readonly text: string
}

/** Asks a replica with a key; the longest answer is bounded, so that what it may cost is. */
export async function ask(weir: Weir, key: string, asking: Asking = {}): Promise<Answered> {
  const response = await post(weir, key, asking, false)
  const text = await response.text()
  const retryAfter = response.headers.get('retry-after')
  return {
    status: response.status,
    code: codeOf(text),
    retryAfterSeconds: retryAfter === null ? undefined : Number(retryAfter),
    text,
  }
}

/** A request whose answer is still to be read. */
export function post(
  weir: Weir,
  key: string,
  { id, model = 'mock/echo' }: Asking,
  stream: boolean,
): Promise<Response> {
  return fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      ...(id === undefined ? {} : { 'x-request-id': id }),
    },
    body: JSON.stringify({
      model,
      max_tokens: ANSWER_TOKENS_MAX,
      messages: [{ role: 'user', content: 'hello' }],
      ...(stream ? { stream: true } : {}),
    }),
  })
}

function codeOf(text: string): string {
  const error = memberOf(parsed(text), 'error')
  const code = memberOf(error, 'code')
  return typeof code === 'string' ? code : ''
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isObject(value) ? value[name] : undefined
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    // An answer that is no JSON has no code.
    return undefined
  }
}

/** `/admin/…` of a replica. */
export async function admin(
  weir: Weir,
  key: string,
  path: string,
  method = 'GET',
  body?: object,
): Promise<{ readonly status: number; readonly text: string; readonly json: JsonObject }> {
  const response = await fetch(`${weir.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const json = parsed(text)
  return { status: response.status, text, json: isObject(json) ? json : {} }
}

/** The same of a limit that is closed while it cannot be counted: who was not counted within the bound, as on a busy machine, comes again. */
export async function askCounted(weir: Weir, key: string, asking: Asking = {}): Promise<Answered> {
  let answered: Answered | undefined
  await until('it is counted', async () => {
    answered = await ask(weir, key, asking)
    return answered.status !== 503
  })
  return answered!
}

/** So many clients at once, each with its number; resolves when the last has ended. */
export async function crowd(
  clients: number,
  client: (number: number) => Promise<void>,
): Promise<void> {
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
}

/** How many answers had which status. */
export class Tally {
  readonly answers: Answered[] = []

  add(answered: Answered): Answered {
    this.answers.push(answered)
    return answered
  }

  get byStatus(): Readonly<Record<number, number>> {
    const counts: Record<number, number> = {}
    for (const { status } of this.answers) counts[status] = (counts[status] ?? 0) + 1
    return counts
  }
}

/** Asks until it holds; how long that took. @throws naming what was waited for */
export async function until(
  name: string,
  holds: () => Promise<boolean> | boolean,
  limitMs = WAIT_LIMIT_MS,
): Promise<number> {
  const startedMs = performance.now()
  while (!(await holds())) {
    if (performance.now() - startedMs > limitMs) throw new Error(`waited in vain until ${name}`)
    await Bun.sleep(5)
  }
  return performance.now() - startedMs
}

/**
 * Asks until it holds; how long after the start the last one asked for whom it did not hold yet, in milliseconds. How long its answer
 * took is the machine's affair.
 * @throws naming what was waited for
 */
export async function lastBefore(
  name: string,
  holds: () => Promise<boolean> | boolean,
): Promise<number> {
  const startedMs = performance.now()
  let askedMs = startedMs
  let lastMs = startedMs
  await until(name, async () => {
    lastMs = askedMs
    askedMs = performance.now()
    return await holds()
  })
  return lastMs - startedMs
}
