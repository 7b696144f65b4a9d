// What a provider type is: data and small functions that say which dialects an upstream speaks, where each operation
// lives, how to present a credential and where it departs from its dialect. No I/O here; `transport` sends.

import type { Provider, ProviderType } from '../core/catalog.ts'
import type { DialectName } from '../core/ir/request.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'
import type { ModelFacts } from '../core/model-status.ts'
import type { UpstreamRequest } from '../core/ports.ts'
import type { Operation, Quirks } from '../dialects/dialect.ts'

/** A model as a provider lists it. */
export interface ListedModel {
  readonly id: string
  readonly contextWindow?: number
  readonly capabilities?: readonly string[]
  readonly createdMs?: number
  /** What else is said of it: the model behind a deployment, its condition, when it ends. */
  readonly facts?: ModelFacts
}

/** What a local server says of one of its models. */
export interface LocalModelFacts {
  /** Tokens the model was made for. */
  readonly contextLength?: number
  /** The context its owner has set for it. */
  readonly configuredContext?: number
  readonly capabilities?: readonly string[]
  /** It runs somewhere else: its context is not this server's to choose. */
  readonly remote?: boolean
}

export interface EndpointRequest {
  readonly provider: Provider
  readonly dialect: DialectName
  readonly operation: Operation
  /** The provider's own model name. */
  readonly model: string
  readonly stream: boolean
  readonly legacy?: boolean
  /** The body holds a list of embedding requests (Gemini's `batchEmbedContents`). */
  readonly batch?: boolean
}

/** What can be asked beyond chats and embeddings: relayed in one shape (OpenAI's; of reranking Cohere's), never translated. */
export const RELAYED_OPERATIONS = [
  'moderation',
  'image',
  'image-edit',
  'image-variation',
  'audio-transcription',
  'audio-translation',
  'audio-speech',
  'rerank',
  'response-compact',
  'file',
  'batch',
] as const

export type RelayedOperation = (typeof RELAYED_OPERATIONS)[number]

export interface RelayedRequest {
  readonly provider: Provider
  readonly operation: RelayedOperation
  /** The provider's own model name; absent for files and batches. */
  readonly model?: string
  /** What follows the path of all files or batches: `/file-1/content`. */
  readonly item?: string
}

/** A request with all its fields, as it is to be signed. */
export interface SigningRequest {
  readonly provider: Provider
  readonly secret: string
  readonly method: string
  readonly url: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: UpstreamRequest['body']
  readonly nowMs: number
}

export interface ProviderKind {
  readonly type: ProviderType
  /** Used when the configuration gives none; absent: `base_url` is required. */
  readonly defaultBaseUrl?: string
  /** Whether requests need a key at all (a local server does not). */
  readonly needsKey: boolean
  /**
   * Dialects spoken per operation, the preferred first; a client's own dialect in the list means relay. Some upstreams
   * speak another dialect for some models, so give the provider's own `model` name where it is known. Empty: it cannot.
   */
  dialects(provider: Provider, operation: Operation, model?: string): readonly DialectName[]
  /** Absolute URL of an operation. */
  endpoint(request: EndpointRequest): string
  /** Header fields that carry the credential and the protocol version. */
  authorize(
    provider: Provider,
    secret: string | undefined,
    dialect: DialectName,
  ): Record<string, string>
  /**
   * Header fields that sign the request as it stands, for credentials that are not presented: none for a key that is. They
   * go on top of those given, and nothing of the request may change after it.
   * @throws GatewayError `unsupported` for what cannot be signed
   */
  sign?(request: SigningRequest): Record<string, string>
  /** `dialect` is the one chosen: some upstreams keep their habits to one of theirs. */
  quirks(provider: Provider, model: string, dialect?: DialectName): Quirks
  /**
   * The body of a request whose last message is the beginning of an answer, so that this upstream goes on from there; undefined
   * where it would begin anew. Absent: it always would.
   * @param told what the operator says of the target (`abilities.prefill`)
   */
  goingOn?(
    body: JsonObject,
    target: { readonly model: string; readonly dialect: DialectName; readonly told?: boolean },
  ): JsonObject | undefined
  /** It says the beginning that it goes on from again. */
  readonly saysBeginningAgain?: true
  /** Absolute URL of an operation beyond chat; undefined where this upstream does not have it. Absent: it has none. */
  relayed?(request: RelayedRequest): string | undefined
  /** How a server that loads models is asked about one of them; absent where it cannot be. */
  readonly local?: {
    showUrl(provider: Provider): string
    readShow(body: JsonValue): LocalModelFacts
    /** The models in memory now. */
    loadedUrl(provider: Provider): string
    /** Tokens of context each has been loaded with, by name. */
    readLoaded(body: JsonValue): ReadonlyMap<string, number>
  }
  /** Where the model list is, and how to read it; absent where a provider has none. */
  readonly models?: {
    url(provider: Provider): string
    read(body: JsonValue): ListedModel[]
    /** Address of the page behind this one, made of its own; undefined where it was the last. Absent: there is only one. */
    next?(body: JsonValue, url: string): string | undefined
  }
}
