// How one target is to be asked: which dialect it speaks for this operation, whether the client's bytes can be relayed, and
// the body to send. The client's body is decoded at most once, whatever the number of targets.

import type { Model, Provider, Target } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { EmbeddingRequest } from '../core/ir/embedding.ts'
import type { Encoded } from '../core/ir/loss.ts'
import type { ChatRequest, DialectName } from '../core/ir/request.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { splice, type Edit } from '../core/json-span.ts'
import type {
  ChatCodec,
  Dialect,
  EmbeddingCodec,
  EncodeTarget,
  Operation,
  Quirks,
} from '../dialects/dialect.ts'
import { dialects } from '../dialects/registry.ts'
import type { ProviderKind } from '../providers/provider.ts'
import { providerKind } from '../providers/registry.ts'
import { roomOptions, uncut, type ContextRoom } from './context-guard.ts'
import { defaultsFor } from './defaults.ts'
import type { Inbound } from './inbound.ts'
import { refuseLosses } from './loss-policy.ts'
import type { Peeked } from './peek.ts'
import { isUsable } from './resolve.ts'
import type { Catalog } from './snapshot.ts'

/** Asked for where a dialect demands an output limit (Anthropic) and the client gave none. */
const DEFAULT_MAX_TOKENS = 4_096

export interface TargetPlan {
  readonly provider: Provider
  readonly kind: ProviderKind
  /** The provider's own model name. */
  readonly model: string
  readonly mode: 'relay' | 'translate'
  readonly upstream: Dialect
  /** The operation on the provider's side: a completion may be asked as a chat. */
  readonly operation: Operation
  readonly quirks: Quirks
}

/** One client request while targets are tried: holds the decoded form once it is needed. */
export class RequestForms {
  readonly inbound: Inbound
  readonly peeked: Peeked
  readonly model: Model
  private chat: ChatRequest | undefined
  private embedding: EmbeddingRequest | undefined

  constructor(inbound: Inbound, peeked: Peeked, model: Model) {
    this.inbound = inbound
    this.peeked = peeked
    this.model = model
  }

  /** The request in the IR. @throws GatewayError `invalid_request` naming the parameter. */
  decoded(): ChatRequest | EmbeddingRequest {
    return this.inbound.operation === 'embedding' ? this.decodedEmbedding() : this.decodedChat()
  }

  decodedChat(): ChatRequest {
    if (this.chat === undefined) {
      const { inbound } = this
      this.chat = clientChatCodec(inbound).decodeRequest(this.bodyWithDefaults(), inbound.hints)
      this.chat.stream = this.peeked.stream
    }
    return this.chat
  }

  decodedEmbedding(): EmbeddingRequest {
    const codec = dialects[this.inbound.dialect].embedding
    if (codec === undefined) throw new GatewayError('unknown_url')
    return (this.embedding ??= codec.decodeRequest(this.bodyWithDefaults(), this.inbound.hints))
  }

  /** Another body of this client's, decoded as this one is. @throws GatewayError `invalid_request` */
  decodeAnew(body: JsonObject): ChatRequest | EmbeddingRequest {
    const { dialect, hints, operation } = this.inbound
    return operation === 'embedding'
      ? dialects[dialect].embedding!.decodeRequest(body, hints)
      : clientChatCodec(this.inbound).decodeRequest(body, hints)
  }

  /** The client's body with the model's defaults where it says nothing, for decoding. */
  bodyWithDefaults(): JsonObject {
    const { body } = this.peeked
    const { defaults } = this.model
    if (Object.keys(defaults).length === 0) return body
    const given = present(body)
    const { dialect, operation } = this.inbound
    const { members, objects } = defaultsFor(dialect, operation, given, defaults)
    return { ...given, ...members, ...objects }
  }
}

/** Codec of the client's side for chats and completions. */
export function clientChatCodec(inbound: Inbound): ChatCodec {
  const dialect = dialects[inbound.dialect]
  const codec = inbound.operation === 'completion' ? dialect.completion : dialect.chat
  if (codec === undefined) throw new GatewayError('unknown_url')
  return codec
}

/** Codec of the provider's side. */
export function upstreamChatCodec(plan: TargetPlan): ChatCodec {
  return (plan.operation === 'completion' ? plan.upstream.completion : plan.upstream.chat)!
}

export function upstreamEmbeddingCodec(plan: TargetPlan): EmbeddingCodec {
  return plan.upstream.embedding!
}

/** How to ask this target, or undefined when it cannot be asked at all (provider gone, or without this operation). */
export function planTarget(
  target: Target,
  catalog: Catalog,
  inbound: Inbound,
  peeked: Peeked,
): TargetPlan | undefined {
  const provider = catalog.providers.get(target.providerId)
  const kind = provider === undefined ? undefined : providerKind(provider.type)
  if (provider === undefined || kind === undefined) return undefined
  if (!isUsable(provider)) return undefined
  const spoken = kind.dialects(provider, inbound.operation, target.model)
  const name = chosenDialect(spoken, inbound, peeked.body, (dialect) =>
    kind.quirks(provider, target.model, dialect),
  )
  if (name === undefined) return undefined
  const speaksOwn = name === inbound.dialect
  const quirks = kind.quirks(provider, target.model, name)
  const refuses = wouldRefuse(quirks, peeked.body)
  const own =
    speaksOwn &&
    !refuses &&
    // Turns were put into the body: the bytes don't say them.
    peeked.earlier?.ownInput === undefined &&
    dialects[inbound.dialect].refusesRelay?.(
      peeked.body,
      inbound.operation,
      target.model,
      quirks,
    ) !== true
  const upstream = dialects[name]
  const operation = upstreamOperation(upstream, inbound.operation)
  if (operation === undefined) return undefined
  return {
    provider,
    kind,
    model: target.model,
    mode: own ? 'relay' : 'translate',
    upstream,
    operation,
    quirks,
  }
}

/** The client's own dialect where the provider speaks it well enough for this body, else the one it prefers. */
function chosenDialect(
  spoken: readonly DialectName[],
  inbound: Inbound,
  body: JsonObject,
  quirksOf: (dialect: DialectName) => Quirks,
): DialectName | undefined {
  const { dialect } = inbound
  if (!spoken.includes(dialect)) return preferred(spoken, inbound, body)
  if (dialects[dialect].outOfReach?.(body, quirksOf(dialect)) !== true) return dialect
  const others = spoken.filter((name) => name !== dialect)
  return preferred(others, inbound, body) ?? dialect
}

/** Ollama's prompts are put into the model's template unless they are raw, which elsewhere is what a chat does. */
function preferred(
  spoken: readonly DialectName[],
  { dialect, operation }: Inbound,
  body: JsonObject,
): DialectName | undefined {
  const templated = dialect === 'ollama' && operation === 'completion' && body['raw'] !== true
  const chat = templated ? spoken.find((name) => name !== 'openai-completions') : undefined
  return chat ?? spoken[0]
}

/** The provider is known to refuse something in the client's own body, so relaying it would only fetch the refusal. */
function wouldRefuse(quirks: Quirks, body: JsonObject): boolean {
  if (quirks.refusedFields?.some((field) => body[field] != null) === true) return true
  if (quirks.refuses?.(body) === true) return true
  if (quirks.noDeveloperRole !== true && quirks.refusedMessageFields === undefined) return false
  const messages = Array.isArray(body['messages']) ? body['messages'] : []
  return messages.some(
    (message) =>
      isObject(message) &&
      ((quirks.noDeveloperRole === true && message['role'] === 'developer') ||
        quirks.refusedMessageFields?.some((field) => message[field] != null) === true),
  )
}

function upstreamOperation(upstream: Dialect, wanted: Operation): Operation | undefined {
  if (wanted === 'embedding') return upstream.embedding === undefined ? undefined : 'embedding'
  if (wanted === 'token-count') return upstream.tokenCount === undefined ? undefined : 'token-count'
  if (wanted === 'completion' && upstream.completion !== undefined) return 'completion'
  return upstream.chat === undefined ? undefined : 'chat'
}

export interface RelayBody {
  readonly bytes: Uint8Array
  /** The usage event was asked for by us and must be taken out again. */
  readonly withholdUsage: boolean
}

/** The client's bytes with at most the model, the usage option, configured defaults and a local model's room put in. */
export function relayBody(plan: TargetPlan, forms: RequestForms, room?: ContextRoom): RelayBody {
  const { peeked, inbound } = forms
  const edits: Edit[] = []
  const inserts: string[] = []
  const span = peeked.scan.spans.get('model')
  const name = JSON.stringify(plan.model)
  if (plan.quirks.modelInPath !== true) {
    if (span === undefined) inserts.push(`"model":${name}`)
    else if (peeked.body['model'] !== plan.model) {
      edits.push({ start: span.start, end: span.end, text: name })
    }
  }
  insertDefaults(forms, room, edits, inserts)
  if (room !== undefined) {
    for (const [key, value] of Object.entries(uncut(peeked.body))) {
      inserts.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`)
    }
  }
  const withholdUsage = meterStream(plan, peeked, inbound, edits, inserts)
  if (inserts.length > 0) {
    const at = peeked.scan.bodyStart
    const text = inserts.join(',') + (peeked.scan.empty ? '' : ',')
    edits.push({ start: at, end: at, text })
  }
  return { bytes: splice(peeked.bytes, edits), withholdUsage }
}

function insertDefaults(
  forms: RequestForms,
  room: ContextRoom | undefined,
  edits: Edit[],
  inserts: string[],
): void {
  const { body, scan } = forms.peeked
  const { dialect, operation } = forms.inbound
  const { members, objects } = defaultsFor(dialect, operation, body, forms.model.defaults)
  for (const name of Object.keys(members)) {
    inserts.push(`${JSON.stringify(name)}:${JSON.stringify(members[name])}`)
  }
  const whole: Record<string, JsonObject> = { ...objects }
  if (room !== undefined) {
    const options = objects['options'] ?? body['options']
    whole['options'] = { ...(isObject(options) ? present(options) : {}), ...roomOptions(room) }
  }
  for (const name of Object.keys(whole)) {
    const text = JSON.stringify(whole[name])
    const span = scan.spans.get(name)
    if (span === undefined) inserts.push(`${JSON.stringify(name)}:${text}`)
    else edits.push({ start: span.start, end: span.end, text })
  }
}

/** Asks for the usage event where the dialect has one and the client did not. */
function meterStream(
  plan: TargetPlan,
  peeked: Peeked,
  inbound: Inbound,
  edits: Edit[],
  inserts: string[],
): boolean {
  const openai = inbound.dialect === 'openai-chat' || inbound.dialect === 'openai-completions'
  if (!openai || !peeked.stream || plan.quirks.noStreamOptions === true) return false
  const given = peeked.body['stream_options']
  if (isObject(given) && given['include_usage'] === true) return false
  const options: JsonValue = { ...(isObject(given) ? given : {}), include_usage: true }
  const text = JSON.stringify(options)
  const span = peeked.scan.spans.get('stream_options')
  if (span === undefined) inserts.push(`"stream_options":${text}`)
  else edits.push({ start: span.start, end: span.end, text })
  return true
}

/** What the encoder of a request must know of this target. */
export function encodeTarget(plan: TargetPlan): EncodeTarget {
  return { model: plan.model, quirks: plan.quirks, defaultMaxTokens: DEFAULT_MAX_TOKENS }
}

/**
 * The request in the provider's dialect, with what it could not say.
 * @param completed the client's request with what was put into it, where something was
 */
export function translatedBody(
  plan: TargetPlan,
  forms: RequestForms,
  completed?: ChatRequest,
): Encoded<JsonObject> {
  const target = encodeTarget(plan)
  const encoded =
    plan.operation === 'embedding'
      ? upstreamEmbeddingCodec(plan).encodeRequest(forms.decodedEmbedding(), target)
      : upstreamChatCodec(plan).encodeRequest(completed ?? forms.decodedChat(), target)
  if (forms.model.losses === 'reject') {
    const { bytes } = forms.peeked
    refuseLosses(encoded.losses, forms.bodyWithDefaults(), bytes.length, (body) =>
      forms.decodeAnew(body),
    )
  }
  return encoded
}

function present(body: JsonObject): JsonObject {
  const result: JsonObject = {}
  for (const key in body) if (body[key] !== undefined && body[key] !== null) result[key] = body[key]
  return result
}
