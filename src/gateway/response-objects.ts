// Kept answers as objects of the Responses API: fetch, delete, list what was sent, cancel. What is kept here is answered from here;
// what a provider keeps is asked of that provider. Never billed: the request that made the answer was.

import { GatewayError } from '../core/error.ts'
import { asObject, asString, type JsonObject, type JsonValue } from '../core/json.ts'
import { isTargetDenied } from '../core/permission.ts'
import type { UpstreamMethod } from '../core/ports.ts'
import { admit } from './admit.ts'
import { answerStream } from './answer-stream.ts'
import type { GatewayDeps } from './deps.ts'
import type { Arrival, Reply } from './inbound.ts'
import { findResponse, inputOf, type KeptResponse } from './kept-responses.ts'
import { ask, type Asked } from './passthrough/ask.ts'
import { BytesPump } from './passthrough/bytes-pump.ts'
import { usableProvider } from './passthrough/provider-choice.ts'
import { finishedReply, replyHeaders } from './passthrough/reply.ts'
import { dialects } from '../dialects/registry.ts'
import { RequestRecord } from './record.ts'
import { refuse } from './refuse.ts'
import { isFailure } from './target-run.ts'

export type ResponseAction = 'get' | 'delete' | 'input_items' | 'cancel'

export interface ResponseInbound extends Arrival {
  readonly action: ResponseAction
  readonly id: string
  readonly query: URLSearchParams
}

const METHODS: Readonly<Record<ResponseAction, UpstreamMethod>> = {
  get: 'GET',
  delete: 'DELETE',
  input_items: 'GET',
  cancel: 'POST',
}

/** Ids as providers make them. Nothing else goes into a path. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/

/** Query members that a provider may see. */
const FORWARDED_QUERY: ReadonlySet<string> = new Set([
  'include',
  'include[]',
  'include_obfuscation',
  'starting_after',
  'stream',
  'after',
  'before',
  'limit',
  'order',
])

const LIST_LIMIT_DEFAULT = 20
const LIST_LIMIT_MAX = 100

/** Prefixes of the ids that items without one are listed under. */
const ITEM_PREFIXES: Readonly<Record<string, string>> = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  function_call_output: 'fco',
}

/** Answers one request about a kept answer. Never rejects. */
export async function responseObject(inbound: ResponseInbound, deps: GatewayDeps): Promise<Reply> {
  const record = new RequestRecord(inbound, deps)
  try {
    await admit({ inbound, modelName: '', stream: false }, record, deps)
    const { id, principal } = inbound
    const kept = ID.test(id) ? await findResponse(id, principal, deps) : undefined
    if (kept === undefined) throw notFound(id)
    if (kept.held === 'provider') return await forwarded(kept, inbound, record, deps)
    const value = await own(kept, inbound, deps)
    const headers = {
      ...record.limitHeaders,
      'content-type': 'application/json',
      'x-weir-provider': kept.item.providerId,
    }
    const onOver = () => {}
    return finishedReply({ record, onOver }, 200, headers, JSON.stringify(value))
  } catch (thrown) {
    return refuse(record, thrown, deps)
  }
}

async function own(
  kept: KeptResponse & { held: 'here' },
  inbound: ResponseInbound,
  deps: GatewayDeps,
): Promise<JsonObject> {
  const { action, id, principal, query } = inbound
  switch (action) {
    case 'get':
      if (query.get('stream') === 'true') {
        throw new GatewayError('unsupported', {
          param: 'stream',
          message: 'An answer that has ended is not streamed again; fetch it without stream.',
        })
      }
      return kept.turn.response
    case 'delete':
      await deps.kept.remove('response', principal.tenantId, id)
      return { id, object: 'response', deleted: true }
    case 'input_items':
      return page(listed(await inputOf(kept, principal, deps), id), query)
    case 'cancel':
      throw new GatewayError('invalid_request', {
        message: 'Cannot cancel a synchronous response.',
      })
  }
}

/** Items as OpenAI lists them: each with its id, messages with their type and parts. */
function listed(items: readonly JsonValue[], responseId: string): JsonObject[] {
  const core = responseId.replace(/^resp_/, '')
  return items.flatMap((value, index) => {
    const item = asObject(value)
    if (item === undefined) return []
    const type = asString(item['type']) ?? 'message'
    const id = asString(item['id']) ?? `${ITEM_PREFIXES[type] ?? 'item'}_${core}_${index}`
    if (type !== 'message') return [{ ...item, id }]
    const { content, role } = item
    const part =
      role === 'assistant' ? { type: 'output_text', annotations: [] } : { type: 'input_text' }
    const parts = typeof content === 'string' ? [{ ...part, text: content }] : content
    return [{ status: 'completed', ...item, id, type, content: parts }]
  })
}

/** One page of a list in OpenAI's shape, newest first unless asked otherwise. @throws GatewayError `invalid_request` */
function page(items: readonly JsonObject[], query: URLSearchParams): JsonObject {
  const order = query.get('order') ?? 'desc'
  if (order !== 'asc' && order !== 'desc') throw invalid('order', "expected 'asc' or 'desc'")
  const limit = Number(query.get('limit') ?? LIST_LIMIT_DEFAULT)
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_LIMIT_MAX) {
    throw invalid('limit', `expected an integer from 1 to ${LIST_LIMIT_MAX}`)
  }
  const ordered = order === 'asc' ? items : items.toReversed()
  const after = query.get('after')
  const start = after === null ? 0 : ordered.findIndex((item) => item['id'] === after) + 1
  if (after !== null && start === 0) throw invalid('after', 'expected the id of an item')
  const data = ordered.slice(start, start + limit)
  return {
    object: 'list',
    data,
    first_id: data[0]?.['id'] ?? null,
    last_id: data.at(-1)?.['id'] ?? null,
    has_more: start + limit < ordered.length,
  }
}

/** The same asked of the provider that holds the answer. */
async function forwarded(
  kept: KeptResponse & { held: 'provider' },
  inbound: ResponseInbound,
  record: RequestRecord,
  deps: GatewayDeps,
): Promise<Reply> {
  const { action, id } = inbound
  const { providerId, model } = kept.item
  const { principal } = inbound
  // What was allowed when it was asked may be denied by now.
  if (isTargetDenied(principal, { providerId, model })) throw notFound(id)
  const chosen = usableProvider(providerId, deps.snapshot().of(principal.tenantId))
  if (chosen === undefined) throw new GatewayError('upstream_unavailable')
  const { provider, kind } = chosen
  const dialect = 'openai-responses'
  const base = kind.endpoint({ provider, dialect, operation: 'chat', model, stream: false })
  const asked = await ask(
    {
      provider,
      kind,
      model,
      dialect,
      url: itemUrl(base, inbound),
      method: METHODS[action],
      headers: {
        accept: inbound.query.get('stream') === 'true' ? 'text/event-stream' : 'application/json',
      },
      repeating: METHODS[action] === 'GET' ? 'freely' : 'unless-begun',
      holderKeyId: kept.providerKeyId,
      wholeJson: true,
      raw: false,
    },
    record,
    deps,
  )
  const forget = async () => {
    if (action !== 'delete') return
    await deps.kept.remove('response', inbound.principal.tenantId, id)
  }
  if (isFailure(asked)) {
    if (asked.status !== 404) throw asked.error
    // Another account's key says nothing of whether it is there.
    if (kept.providerKeyId === undefined || asked.keyId === kept.providerKeyId) await forget()
    throw notFound(id)
  }
  await forget()
  return handedOn(asked, record, deps)
}

function itemUrl(base: string, inbound: ResponseInbound): string {
  const url = new URL(base)
  const suffix = inbound.action === 'input_items' || inbound.action === 'cancel'
  url.pathname += `/${inbound.id}${suffix ? `/${inbound.action}` : ''}`
  for (const [name, value] of inbound.query) {
    if (FORWARDED_QUERY.has(name)) url.searchParams.append(name, value)
  }
  return url.href
}

function handedOn(asked: Asked, record: RequestRecord, deps: GatewayDeps): Reply {
  const { upstream, question, whole } = asked
  const headers = replyHeaders(asked, record)
  const onOver = () => {}
  if (whole !== undefined) {
    return finishedReply({ record, onOver }, upstream.status, headers, whole.bytes)
  }
  if (upstream.body === null) {
    return finishedReply({ record, onOver }, upstream.status, headers, new Uint8Array())
  }
  record.stream = true
  headers['cache-control'] = 'no-cache'
  const pump = new BytesPump({
    record,
    // Its usage was counted, or will be, with the request that made the answer.
    form: 'bytes',
    provider: question.provider,
    dialect: dialects[question.dialect],
    tapped: false,
    logger: deps.logger,
    onOver,
  })
  const { timeouts } = question.provider
  const body = answerStream({ upstream, pump, record, deps, timeouts })
  return { status: upstream.status, headers, body }
}

function notFound(id: string): GatewayError {
  return new GatewayError('invalid_request', {
    status: 404,
    code: null,
    message: `Response with id '${id.slice(0, 200)}' not found.`,
  })
}

function invalid(param: string, wanted: string): GatewayError {
  return new GatewayError('invalid_request', {
    param,
    message: `Invalid value for '${param}': ${wanted}.`,
  })
}
