// `/proxy/{provider}/…`: one request to one provider in the provider's own words, under our credential. What goes out is the
// client's method, body and a few header fields; where it goes is decided here, and what comes back is what may be seen.

import { admit } from '../admit.ts'
import { GatewayError } from '../../core/error.ts'
import { parseJson, type JsonObject, type JsonValue } from '../../core/json.ts'
import { mayAskProvider, mayUseEveryModel } from '../../core/permission.ts'
import { classify } from '../../core/policy/classify.ts'
import { upstreamError } from '../../core/policy/upstream-error.ts'
import type { UpstreamMethod } from '../../core/ports.ts'
import { dialects } from '../../dialects/registry.ts'
import type { GatewayDeps } from '../deps.ts'
import { guardQuery, guardRawBytes, passOnGuarded, rawGuard, type RawShape } from '../guard/raw.ts'
import type { RequestGuard } from '../guard/request-guard.ts'
import { isSafeValue } from '../headers.ts'
import type { Arrival, Reply } from '../inbound.ts'
import { requireOneReading } from '../model-access.ts'
import { peekBody } from '../peek.ts'
import { RequestRecord } from '../record.ts'
import { refuse } from '../refuse.ts'
import { isFailure } from '../target-run.ts'
import { scrubbed } from '../upstream.ts'
import { ask, type Asked, type Question } from './ask.ts'
import { providerNotFound, usableProvider, type ChosenProvider } from './provider-choice.ts'
import { modelShown, modelsNamed, proxyShape, type ProxyShape } from './proxy-shape.ts'
import { proxyTarget } from './proxy-target.ts'
import { ReceivedForm, type ReceivedBody } from './receive.ts'
import { finishedReply, replyHeaders } from './reply.ts'

export interface ProxyInbound extends Arrival {
  readonly operation: 'proxy'
  readonly method: UpstreamMethod
  readonly provider: string
  /** What follows the provider in the path, as it was sent, without its first slash. */
  readonly rest: string
  /** As it was sent, without its question mark. */
  readonly query: string
  /** The body where it is not the JSON of `bytes`. */
  readonly received?: ReceivedBody
}

/** What of a client's own header fields a provider may see. Never a credential, an account, an address or a cookie. */
const FORWARDED: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'anthropic-beta',
  'anthropic-version',
  'http-referer',
  'idempotency-key',
  'openai-beta',
  'range',
  'x-client-name',
  'x-goog-api-client',
  'x-title',
])

/** Answers one raw request and gives its body back. Never rejects. */
export async function proxy(inbound: ProxyInbound, deps: GatewayDeps): Promise<Reply> {
  const record = new RequestRecord(inbound, deps)
  if (inbound.received !== undefined) record.requestBytes = inbound.received.bytes
  const onOver = () => void inbound.received?.dispose()
  try {
    const catalog = deps.snapshot().of(inbound.principal.tenantId)
    const chosen = usableProvider(inbound.provider, catalog)
    if (chosen === undefined) throw providerNotFound()
    const { provider, kind } = chosen
    const url = proxyTarget(provider.baseUrl, inbound.rest, inbound.query)
    const shape = proxyShape(new URL(url).pathname, inbound.method)
    const { body, model } = judge(inbound, shape, chosen, url)
    if (model !== '') record.model = `${provider.id}/${model}`
    await deps.prices.ready()
    const modelName = model === '' ? '' : `${provider.id}/${model}`
    const dialect = shape.dialect ?? kind.dialects(provider, 'chat')[0] ?? 'openai-chat'
    const { operation } = shape
    if (operation !== undefined) record.asksFor = operation
    const raw = operation === undefined ? {} : { raw: { dialect, operation } }
    const json = body === undefined ? {} : { body }
    const stream = asksForStream(shape, url, body)
    await admit({ inbound, modelName, stream, ...json, ...raw }, record, deps)
    const guard = rawGuard(modelName, record, deps)
    const asked = { ...shape, model }
    const given = guard === undefined ? inbound : await judged(guard, inbound, asked)
    const result = await ask(questionFor(given, chosen, url, model, dialect), record, deps)
    if (isFailure(result)) throw result.error
    if (result.failed !== undefined) return failedReply(result, result.failed, record, deps, onOver)
    const tapped = shape.dialect !== undefined
    return await passOnGuarded({ asked: result, record, deps, tapped, onOver }, guard, asked, body)
  } catch (thrown) {
    onOver()
    return refuse(record, thrown, deps)
  }
}

/** The request as the rules let it through. @throws GatewayError of a rule */
async function judged(
  guard: RequestGuard,
  inbound: ProxyInbound,
  shape: RawShape,
): Promise<ProxyInbound> {
  await guardQuery(guard, inbound.query)
  const bytes = await guardRawBytes(guard, inbound.bytes, inbound.received !== undefined, shape)
  return { ...inbound, bytes }
}

function asksForStream(
  { dialect }: ProxyShape,
  url: string,
  body: JsonObject | undefined,
): boolean {
  if (dialect === 'gemini') return url.includes(':streamGenerateContent')
  return body?.['stream'] === true || (dialect === 'ollama' && body?.['stream'] !== false)
}

/**
 * The model asked for, or '' where none is named, and the body where it can be read.
 * @throws GatewayError 404 for what the caller may not ask, the same as for a provider that is not there
 */
function judge(
  inbound: ProxyInbound,
  shape: ProxyShape,
  { provider, kind }: ChosenProvider,
  url: string,
): { readonly body: JsonObject | undefined; readonly model: string } {
  const { principal, received } = inbound
  const isRestricted = !mayUseEveryModel(principal)
  const body = inbound.bytes.length === 0 ? undefined : readBody(inbound.bytes, isRestricted)
  const fields = received instanceof ReceivedForm ? received.fields : undefined
  const named = modelsNamed(shape, body, fields)
  if (!mayAskProvider(principal, provider.id, named)) throw providerNotFound()
  for (const operation of ['file', 'batch'] as const) {
    const owned = kind.relayed?.({ provider, operation })
    if (owned === undefined || !isBelow(url, owned)) continue
    throw new GatewayError('permission', {
      message: `Ask for these under /v1/${operation === 'file' ? 'files' : 'batches'}, with the provider in 'x-weir-provider': there each tenant sees its own.`,
    })
  }
  return { body, model: modelShown(shape, named, body) }
}

/** One whose models are counted must send a body that can be read in one way only. */
function readBody(bytes: Uint8Array, strict: boolean): JsonObject | undefined {
  if (strict) {
    const peeked = peekBody(bytes)
    requireOneReading(peeked)
    return peeked.body
  }
  try {
    return peekBody(bytes).body
  } catch (error) {
    // What the provider makes of it is between the two of them.
    if (error instanceof GatewayError) return undefined
    throw error
  }
}

/** Whether a URL leads to this collection or into it, however its letters are written. */
function isBelow(url: string, collection: string): boolean {
  const path = plainPath(url)
  const root = plainPath(collection)
  return path === root || path.startsWith(`${root}/`)
}

function plainPath(url: string): string {
  const path = new URL(url).pathname.replace(/\/+$/, '')
  return path
    .replace(/%([0-9A-Fa-f]{2})/g, (_match, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    .replace(/;[^/]*/g, '')
    .toLowerCase()
}

function questionFor(
  inbound: ProxyInbound,
  { provider, kind }: ChosenProvider,
  url: string,
  model: string,
  dialect: Question['dialect'],
): Question {
  const { received, bytes, method } = inbound
  const type = received?.contentType ?? inbound.headers.get('content-type')
  const body = received?.content() ?? (bytes.length === 0 ? undefined : bytes)
  const hasBody = body !== undefined && ('open' in body || body.length > 0)
  return {
    provider,
    kind,
    model,
    dialect,
    url,
    method,
    headers: {
      ...forwarded(inbound.headers),
      ...(hasBody && type !== null ? { 'content-type': type } : {}),
    },
    ...(hasBody ? { body } : {}),
    repeating: 'never',
    wholeJson: false,
    raw: true,
  }
}

function forwarded(headers: Headers): Record<string, string> {
  const hopByHop = new Set(
    (headers.get('connection') ?? '').split(',').map((name) => name.trim().toLowerCase()),
  )
  const result: Record<string, string> = {}
  for (const [name, value] of headers) {
    if (FORWARDED.has(name) && !hopByHop.has(name) && isSafeValue(value)) result[name] = value
  }
  return result
}

/** A provider's refusal in its own words and under its own status, without anything of our account. */
function failedReply(
  asked: Asked,
  bytes: Uint8Array,
  record: RequestRecord,
  deps: GatewayDeps,
  onOver: () => void,
): Reply {
  const { provider, dialect, method } = asked.question
  const { status, headers } = asked.upstream
  const text = new TextDecoder().decode(bytes)
  const value = parseJson(text)
  const body =
    value === undefined
      ? scrubbed(text, provider)
      : JSON.stringify(scrubbedJson(value, provider, 0))
  const told = dialects[dialect].errors.decode(text)
  const failure = { status, headers, ...(told === undefined ? {} : { body: told }) }
  const error = upstreamError(failure, classify(failure, deps.clock.nowMs()), (words) =>
    scrubbed(words, provider),
  )
  const reply = replyHeaders(asked, record)
  reply['content-type'] = value === undefined ? 'text/plain; charset=utf-8' : 'application/json'
  const shown = method === 'HEAD' ? '' : body
  return finishedReply({ record, onOver }, status, reply, shown, error)
}

/** Strings of an error body are scrubbed each by itself, so that it stays JSON. */
function scrubbedJson(
  value: JsonValue,
  provider: Asked['question']['provider'],
  depth: number,
): JsonValue {
  if (typeof value === 'string') return scrubbed(value, provider)
  if (typeof value !== 'object' || value === null) return value
  // An error nested deeper than this is none anybody reads.
  if (depth > 16) return null
  if (Array.isArray(value)) return value.map((item) => scrubbedJson(item, provider, depth + 1))
  const entries = Object.entries(value).map(([name, item]) => [
    name,
    item === undefined ? undefined : scrubbedJson(item, provider, depth + 1),
  ])
  return Object.fromEntries(entries) as JsonObject
}
