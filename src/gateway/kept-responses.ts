// Answers of the Responses protocol that a later request may refer to by `previous_response_id`. What was translated is kept here,
// turn by turn, each naming the one before; what was relayed is kept by its provider, and here only where it is. Strictly per
// tenant and key. https://platform.openai.com/docs/api-reference/responses

import type { Target } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { asArray, asObject, asString, invalidType, parseJson } from '../core/json.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { KeptItem } from '../core/ports.ts'
import { callerOf, type Principal } from '../core/principal.ts'
import type { GatewayDeps } from './deps.ts'
import type { Inbound } from './inbound.ts'
import type { Peeked } from './peek.ts'
import type { TargetPlan } from './plan.ts'
import type { RequestRecord } from './record.ts'

/** What a request's `previous_response_id` has come to. */
export interface EarlierTurns {
  readonly responseId: string
  /** The turns are in the body now, which the client's bytes no longer say: it can't be relayed. */
  readonly ownInput?: JsonValue
  /** How much they are. */
  readonly bytes?: number
  /** The provider that holds them: only it can be asked. */
  readonly providerId?: string
  /** Which of its keys they were made with: another may be of another account, which has none of them. */
  readonly providerKeyId?: string | undefined
}

/** One kept answer. */
export type KeptResponse =
  /** Held by the provider, known here by its id and the provider's key that it was made with. */
  | { readonly held: 'provider'; readonly item: KeptItem; readonly providerKeyId?: string }
  | { readonly held: 'here'; readonly item: KeptItem; readonly turn: KeptTurn }

export interface KeptTurn {
  /** The answer before it in the conversation. */
  readonly previous?: string
  /** What the client sent in this turn alone. */
  readonly input: readonly JsonValue[]
  /** The whole answer as the client got it. */
  readonly response: JsonObject
}

/** Ids are short; anything longer is nobody's. */
const ID_CHARS_MAX = 256

/**
 * The request with the turns it refers to. Instructions of earlier turns are not carried over, as at OpenAI.
 * @throws GatewayError 400 `previous_response_not_found`; `storage_unavailable` when nobody can know
 */
export async function withEarlierTurns(
  peeked: Peeked,
  inbound: Inbound,
  deps: GatewayDeps,
): Promise<Peeked> {
  const { body } = peeked
  const { responseId, last } = await previousOf(body, inbound.principal, deps)
  if (last.held === 'provider') return { ...peeked, earlier: heldTurns(responseId, last) }
  const earlier = await conversationOf(last, inbound.principal, deps)
  const { previous_response_id: _id, ...rest } = body
  const ownInput = body['input'] ?? []
  const input = [...earlier, ...inputItems(ownInput)]
  const bytes = Buffer.byteLength(JSON.stringify(earlier))
  return { ...peeked, body: { ...rest, input }, earlier: { responseId, ownInput, bytes } }
}

/** True when a request has to be looked at by `withEarlierTurns`. */
export function refersToEarlier(peeked: Peeked, inbound: Inbound): boolean {
  return namesPrevious(peeked.body) && inbound.dialect === 'openai-responses'
}

/**
 * Who holds what a request refers to that only a provider can do; undefined where it refers to nothing.
 * @throws GatewayError 400 `previous_response_not_found` also for what is held here, where the provider has none of it
 */
export async function heldByProvider(
  body: JsonObject,
  principal: Principal,
  deps: GatewayDeps,
): Promise<EarlierTurns | undefined> {
  if (!namesPrevious(body)) return undefined
  const { responseId, last } = await previousOf(body, principal, deps)
  if (last.held === 'here') throw previousNotFound(responseId)
  return heldTurns(responseId, last)
}

/**
 * The targets that can be asked: those of one provider alone where it holds what the request refers to.
 * @throws GatewayError 400 where the model has none there
 */
export function holdersAmong(
  targets: readonly Target[],
  earlier: EarlierTurns | undefined,
): readonly Target[] {
  if (earlier?.providerId === undefined) return targets
  const holders = targets.filter((target) => target.providerId === earlier.providerId)
  if (holders.length > 0) return holders
  throw new GatewayError('invalid_request', {
    code: 'previous_response_not_found',
    param: 'previous_response_id',
    message: 'The previous response is held by a provider that this model does not use.',
  })
}

function namesPrevious(body: JsonObject): boolean {
  const given = body['previous_response_id']
  return given !== undefined && given !== null
}

async function previousOf(
  body: JsonObject,
  principal: Principal,
  deps: GatewayDeps,
): Promise<{ responseId: string; last: KeptResponse }> {
  const responseId = asString(body['previous_response_id'])
  if (responseId === undefined) throw invalidType('previous_response_id', 'a string')
  const last = await findResponse(responseId, principal, deps)
  if (last === undefined) throw previousNotFound(responseId)
  return { responseId, last }
}

function heldTurns(
  responseId: string,
  { item, providerKeyId }: KeptResponse & { held: 'provider' },
): EarlierTurns {
  return { responseId, providerId: item.providerId, providerKeyId }
}

/** The kept answer of that id that the caller may have; what is another's is as if it were not there. */
export async function findResponse(
  id: string,
  principal: Principal,
  deps: GatewayDeps,
): Promise<KeptResponse | undefined> {
  if (id === '' || id.length > ID_CHARS_MAX) return undefined
  const item = await deps.kept.find('response', principal.tenantId, id)
  if (item === undefined || item.keyId !== callerOf(principal)) return undefined
  if (item.value === undefined) return { held: 'provider', item }
  const value = asObject(parseJson(item.value))
  const providerKeyId = asString(value?.['providerKey'])
  if (providerKeyId !== undefined) return { held: 'provider', item, providerKeyId }
  const turn = readTurn(value)
  return turn === undefined ? undefined : { held: 'here', item, turn }
}

/**
 * All items of a conversation up to and with an answer, oldest first.
 * @throws GatewayError 400 when a turn of it is gone or it is longer than is brought back
 */
export async function conversationOf(
  last: KeptResponse & { held: 'here' },
  principal: Principal,
  deps: GatewayDeps,
): Promise<JsonValue[]> {
  const turns: KeptTurn[] = []
  let bytes = 0
  for (let at: KeptResponse = last; ;) {
    // An answer that a provider holds is never the beginning of one that is held here.
    if (at.held === 'provider') throw previousNotFound(at.item.id)
    turns.push(at.turn)
    bytes += at.item.value?.length ?? 0
    if (turns.length > LIMITS.responseChainMax || bytes > LIMITS.responseChainBytesMax) {
      throw new GatewayError('invalid_request', {
        code: 'context_length_exceeded',
        param: 'previous_response_id',
        message: 'The conversation behind this previous response is longer than is kept.',
      })
    }
    const { previous } = at.turn
    if (previous === undefined) break
    const before = await findResponse(previous, principal, deps)
    if (before === undefined) throw previousNotFound(previous)
    at = before
  }
  const items: JsonValue[] = []
  for (const { input, response } of turns.toReversed()) {
    for (const item of input) items.push(item)
    for (const item of asArray(response['output']) ?? []) items.push(item)
  }
  return items
}

/** What was sent in a turn with all before it: what `input_items` lists. @throws GatewayError as `conversationOf` does */
export async function inputOf(
  last: KeptResponse & { held: 'here' },
  principal: Principal,
  deps: GatewayDeps,
): Promise<JsonValue[]> {
  const items = await conversationOf(last, principal, deps)
  const output = asArray(last.turn.response['output'])?.length ?? 0
  return output === 0 ? items : items.slice(0, -output)
}

/** `input` as a list of items: a plain text is one message of the user. */
export function inputItems(input: JsonValue | undefined): JsonValue[] {
  if (typeof input !== 'string') return asArray(input) ?? []
  const content = [{ type: 'input_text', text: input }]
  return [{ type: 'message', role: 'user', content }]
}

/** Keeps the answer to one request. Made only where there is something to keep. */
export class ResponseKeeper {
  private readonly peeked: Peeked
  private readonly plan: TargetPlan
  private readonly record: RequestRecord
  private readonly deps: GatewayDeps

  constructor(peeked: Peeked, plan: TargetPlan, record: RequestRecord, deps: GatewayDeps) {
    this.peeked = peeked
    this.plan = plan
    this.record = record
    this.deps = deps
  }

  /** The client asked for an answer that goes on without it; it may be fetched before it has ended. */
  get background(): boolean {
    return this.peeked.body['background'] === true
  }

  /** A whole translated answer, as the client gets it. Can be found as soon as this returns. */
  translated(response: JsonObject): void {
    const id = asString(response['id'])
    const { status } = response
    if (id === undefined || (status !== 'completed' && status !== 'incomplete')) return
    // Said anew, as when a stream was wanted and none came, but its provider has it all the same.
    if (this.plan.mode === 'relay') return this.relayed(id)
    const { body, earlier } = this.peeked
    const turn = {
      previous: earlier?.responseId,
      input: inputItems(earlier?.ownInput ?? body['input']),
      response,
    }
    const value = JSON.stringify(turn)
    if (Buffer.byteLength(value) > LIMITS.keptItemBytesMax) {
      const detail = 'the answer is too large to be kept'
      this.record.addLosses([
        { feature: 'stored-response', path: 'store', action: 'dropped', detail },
      ])
      return
    }
    this.put(id, value)
  }

  /** The last events of a translated stream, in wire form: the whole answer is in the very last. */
  translatedEnd(text: string): void {
    for (const line of text.split('\n').toReversed()) {
      if (!line.startsWith('data: {')) continue
      const response = asObject(asObject(parseJson(line.slice('data: '.length)))?.['response'])
      if (response !== undefined) return this.translated(response)
    }
  }

  /** A relayed answer: its provider has the rest. */
  relayed(id: string | undefined): void {
    if (id === undefined || id === '' || id.length > ID_CHARS_MAX) return
    const { providerKeyId } = this.record
    if (providerKeyId === undefined) this.put(id)
    else this.put(id, JSON.stringify({ providerKey: providerKeyId }))
  }

  private put(id: string, value?: string): void {
    const { principal } = this.record.inbound
    const keyId = callerOf(principal)
    const createdMs = this.deps.clock.nowMs()
    void this.deps.kept.put({
      kind: 'response',
      id,
      tenantId: principal.tenantId,
      ...(keyId === undefined ? {} : { keyId }),
      providerId: this.plan.provider.id,
      model: this.plan.model,
      ...(value === undefined ? {} : { value }),
      createdMs,
      expiresMs: createdMs + LIMITS.keptResponseTtlMs,
    })
  }
}

/** What keeps the answer to this request; undefined where nothing is to be kept. */
export function responseKeeper(
  peeked: Peeked,
  plan: TargetPlan,
  record: RequestRecord,
  deps: GatewayDeps,
): ResponseKeeper | undefined {
  const { dialect, operation } = record.inbound
  if (dialect !== 'openai-responses' || operation !== 'chat') return undefined
  if (peeked.body['store'] === false) return undefined
  return new ResponseKeeper(peeked, plan, record, deps)
}

/** The id in the first bytes of a relayed stream: its first event is about the answer, which begins with its id. */
export function responseIdIn(head: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(head)
  return /"response"\s*:\s*\{[^{}]*?"id"\s*:\s*"([^"\\]{1,256})"/.exec(text)?.[1]
}

/**
 * A conversation that only a provider of this protocol holds can't be told to another one.
 * @throws GatewayError `unsupported` where leaving it out would make the answer wrong
 */
export function refuseHeldElsewhere(plan: TargetPlan, peeked: Peeked, inbound: Inbound): void {
  if (inbound.dialect !== 'openai-responses' || plan.mode === 'relay') return
  const conversation = peeked.body['conversation']
  const held = peeked.earlier?.providerId !== undefined
  if (!held && (conversation === undefined || conversation === null)) return
  throw new GatewayError('unsupported', {
    param: held ? 'previous_response_id' : 'conversation',
    message: 'The model behind this name cannot take a conversation that another provider holds.',
  })
}

/** OpenAI's own words for it. */
export function previousNotFound(id: string): GatewayError {
  return new GatewayError('invalid_request', {
    code: 'previous_response_not_found',
    param: 'previous_response_id',
    message: `Previous response with id '${id.slice(0, ID_CHARS_MAX)}' not found.`,
  })
}

/** What a row says; undefined for what another version wrote in another way. */
function readTurn(turn: JsonObject | undefined): KeptTurn | undefined {
  const input = asArray(turn?.['input'])
  const response = asObject(turn?.['response'])
  if (input === undefined || response === undefined) return undefined
  const previous = asString(turn?.['previous'])
  return previous === undefined ? { input, response } : { previous, input, response }
}
