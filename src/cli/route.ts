// `weir route MODEL`: which targets a request would be put to, in which order and why, without sending it. A running server is asked
// first, as only it knows how its providers fare; where none answers, the configuration alone decides, and that is said.

import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { GatewayError } from '../core/error.ts'
import { isObject, parseJson, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { ExplainedModel, ExplainedRoute } from '../gateway/route-explain.ts'
import { systemClock, systemIds } from '../system.ts'
import { createTransport } from '../transport/http-transport.ts'
import { integerOption, isOn, listOption, requiredArgument, textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { formatMs, jsonText, printable } from './format.ts'
import { allKeys, readCatalog, tenantOf } from './store.ts'
import { renderTable, tableStyle } from './table.ts'

const TOKENS_MAX = 1_000_000_000
const ANSWER_BYTES_MAX = 4 * 1_024 * 1_024

export const route: Command = {
  name: 'route',
  summary: 'show where a request would go, without sending it',
  usage:
    'route MODEL [--needs vision,tools,json_schema] [--tokens N] [--tags A,B] [--session S] [--key NAME] [--tenant ID] [--json]',
  options: [
    { flag: '--needs', value: 'LIST', doc: 'what the request needs: vision, tools, json_schema' },
    { flag: '--tokens', value: 'N', doc: 'tokens of the prompt and the answer together' },
    { flag: '--tags', value: 'LIST', doc: 'as x-weir-tags: only targets with all of them' },
    { flag: '--target', value: 'TARGET', doc: 'as x-weir-target: provider or provider/model' },
    {
      flag: '--session',
      value: 'S',
      doc: 'as x-session-id, for models that are sticky by session',
    },
    { flag: '--user', value: 'U', doc: 'the request’s user, for models that are sticky by user' },
    { flag: '--key', value: 'NAME', doc: 'as if asked with this API key, by name or id' },
    { flag: '--tenant', value: 'ID', doc: 'as if asked in this tenant' },
    { flag: '--completion', doc: 'a legacy completion instead of a chat' },
    { flag: '--json', doc: 'print the decision as JSON' },
    {
      flag: '--host',
      value: 'HOST',
      doc: 'where the running server listens (else the configuration)',
    },
    { flag: '--port', value: 'PORT', doc: 'its port (else the configuration)' },
  ],
  examples: [
    'weir route fast',
    'weir route fast --needs vision --tokens 90000',
    'WEIR_ADMIN_KEY=weir_… weir route fast --json',
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { output } = input
  const question = questionOf(input)
  const { config } = loadConfig({ flags: input.configFlags })
  const asked = await askServer(config.server, question)
  if (asked.kind === 'refused') {
    output.error(`${printable(asked.message)}\n`)
    return 1
  }
  if (asked.kind === 'answer') return show(asked.answer, true, input)
  output.error(
    `${printable(asked.why)} Decided from the configuration alone: how providers fare now does not count.\n`,
  )
  try {
    return show(await decideHere(question, input), false, input)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    output.error(`${printable(errorText(error.kind, error.message, error.param))}\n`)
    return 1
  }
}

function questionOf(input: CommandInput): JsonObject {
  const question: JsonObject = { model: requiredArgument(input, 'the model') }
  for (const name of ['needs', 'tags']) {
    const list = listOption(input, name)
    if (list !== undefined) question[name] = list
  }
  for (const name of ['target', 'session', 'user', 'key', 'tenant']) {
    const text = textOption(input, name)
    if (text !== undefined) question[name] = text
  }
  const known = ['vision', 'tools', 'json_schema']
  const needs = listOption(input, 'needs') ?? []
  const unknown = needs.find((need) => !known.includes(need))
  if (unknown !== undefined) {
    throw new UsageError(`--needs takes ${known.join(', ')}, not '${printable(unknown)}'.`)
  }
  const tokens = integerOption(input, 'tokens', { min: 0, max: TOKENS_MAX })
  if (tokens !== undefined) question['tokens'] = tokens
  if (isOn(input, 'completion')) question['completion'] = true
  return question
}

type Asked =
  | { readonly kind: 'answer'; readonly answer: ExplainedModel }
  /** The server has understood, and there is nothing to show. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'none'; readonly why: string }

async function askServer(server: Config['server'], question: JsonObject): Promise<Asked> {
  const url = `http://${reachable(server.host)}:${server.port}/admin/route`
  const none = (why: string): Asked => ({ kind: 'none', why })
  if (server.port === 0) return none('The port of a running server is not known (see --port).')
  const key = process.env['WEIR_ADMIN_KEY'] ?? ''
  const timeoutMs = LIMITS.routeAskTimeoutMs
  try {
    const response = await createTransport(systemClock).send({
      url,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify(question),
      timeouts: {
        connectMs: timeoutMs,
        firstByteMs: timeoutMs,
        idleMs: timeoutMs,
        totalMs: timeoutMs,
      },
      network: { allowPrivate: true },
      signal: AbortSignal.timeout(timeoutMs),
    })
    const body = parseJson(new TextDecoder().decode(await response.bytes(ANSWER_BYTES_MAX)))
    return readAnswer(response.status, body, url)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return none(`No server answers at ${url}.`)
  }
}

function readAnswer(status: number, body: unknown, url: string): Asked {
  if (status === 200 && isObject(body) && Array.isArray(body['routes'])) {
    return { kind: 'answer', answer: body as unknown as ExplainedModel }
  }
  // Problem details (RFC 9457), as every error below `/admin`; another server's errors have another shape.
  const problem = isObject(body) && typeof body['detail'] === 'string' ? body : undefined
  const code = problem?.['code']
  const why =
    status === 401 || status === 403
      ? `The server at ${url} wants a key with the role admin in WEIR_ADMIN_KEY.`
      : `What answers at ${url} is no server that can be asked.`
  if (typeof code !== 'string' || code === 'unknown_url' || status === 401 || status === 403) {
    return { kind: 'none', why }
  }
  const param = problem?.['param']
  const message = errorText(
    code,
    String(problem?.['detail']),
    typeof param === 'string' ? param : null,
  )
  return { kind: 'refused', message }
}

function errorText(code: string, message: string, param: string | null): string {
  return `${code}${param === null ? '' : ` (${param})`}: ${message}`
}

/** Where a server that listens on every address can be reached. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

async function decideHere(question: JsonObject, input: CommandInput): Promise<ExplainedModel> {
  const { configFlags, output } = input
  // Loaded only here: where a server answers none of it is needed.
  const { explainRoute } = await import('../gateway/route-explain.ts')
  const { routingWithoutServer } = await import('./route-alone.ts')
  const { config, snapshot } = await readCatalog(configFlags, output)
  const keys = await allKeys(config, output, tenantOf(input))
  const keysByHash = new Map(keys.map((key) => [key.hash, key]))
  return explainRoute(question, { ...snapshot, keysByHash }, await routingWithoutServer(systemIds))
}

const COLUMNS = [
  { header: '', align: 'right' as const },
  { header: 'TARGET', maxWidth: 60 },
  { header: 'WHY', maxWidth: 100 },
]

function show(answer: ExplainedModel, isLive: boolean, input: CommandInput): number {
  const { output } = input
  if (isOn(input, 'json')) {
    output.out(`${jsonText({ ...answer, live: isLive }, 2)}\n`)
    return 0
  }
  const sticky = answer.sticky === null ? '' : `, sticky by ${answer.sticky}`
  output.out(`${printable(answer.model)}: ${printable(answer.strategy)}${printable(sticky)}\n`)
  for (const one of answer.routes) {
    if (one.fallback_for !== null) {
      output.out(`\n${printable(`when ${one.fallback_for}: ${one.model}`)}\n`)
    }
    if (one.candidates.length > 0) {
      output.out(renderTable(COLUMNS, one.candidates.map(cells), tableStyle(output)))
    }
    const end = endText(one)
    if (end !== undefined) output.out(`${printable(end)}\n`)
  }
  return 0
}

function cells({ model, provider, rank, reason }: ExplainedRoute['candidates'][number]): string[] {
  return [rank === null ? '-' : String(rank + 1), `${provider}/${model}`, reason]
}

function endText({
  candidates,
  refused,
  retry_after_ms: retryMs,
}: ExplainedRoute): string | undefined {
  if (refused !== null) return `nobody would be asked: ${refused.kind}: ${refused.message}`
  if (retryMs !== null) return `nobody can be asked for another ${formatMs(retryMs)}`
  return candidates.some(({ rank }) => rank !== null) ? undefined : 'nobody can be asked'
}
