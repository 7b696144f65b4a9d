// What a dialect is: one wire protocol, both directions. A folder under `dialects/` exports one of these.
// Codecs are pure: no clock, no random, no I/O; what they need comes in through the contexts below.

import type { GatewayError } from '../core/error.ts'
import type { EmbeddingRequest, EmbeddingResponse } from '../core/ir/embedding.ts'
import type { IrEvent } from '../core/ir/event.ts'
import type { Encoded, Loss } from '../core/ir/loss.ts'
import type { ChatRequest, DialectName } from '../core/ir/request.ts'
import type { ChatResponse } from '../core/ir/response.ts'
import type { Usage } from '../core/ir/usage.ts'
import type { JsonObject } from '../core/json.ts'

export type { DialectName } from '../core/ir/request.ts'

/** What a request asks for. A dialect has at most one wire shape for each. */
export const OPERATIONS = ['chat', 'completion', 'embedding', 'token-count'] as const

export type Operation = (typeof OPERATIONS)[number]

/** What of a request stands outside its body. */
export interface RequestHints {
  /** The model in the path (Azure deployments, Gemini), which wins over the body's. */
  readonly model?: string
  /** Ollama's older `/api/embeddings`, whose body and answer differ from `/api/embed`. */
  readonly legacy?: boolean
  /** Gemini's `batchEmbedContents`, whose body holds a list of what `embedContent` takes. */
  readonly batch?: boolean
  /** The path asks for a stream or for none (Gemini), as no member of the body does. */
  readonly stream?: boolean
}

/**
 * Where an upstream departs from its dialect. All optional; absent means "as the dialect's own vendor does".
 * A quirk is data of a provider, read by the encoder of the dialect.
 */
export interface Quirks {
  /** Name of the output limit on openai-chat. `auto`: `max_completion_tokens` for reasoning model names, else `max_tokens`. */
  readonly maxTokensField?: 'max_tokens' | 'max_completion_tokens' | 'auto'
  /** Name of the seed (Mistral: `random_seed`). */
  readonly seedField?: string
  /** `stream_options` is refused, and usage comes unasked. */
  readonly noStreamOptions?: boolean
  /** The word for "must call some tool" (Mistral: `any`). */
  readonly toolChoiceRequired?: string
  /** `developer` is not known: say `system`. */
  readonly noDeveloperRole?: boolean
  /** Tool-call ids must match this; others are mapped to it deterministically (Mistral: nine letters or digits). */
  readonly toolCallIdPattern?: RegExp
  /** Top-level request fields that the upstream refuses. A client's body that has one is translated, not relayed. */
  readonly refusedFields?: readonly string[]
  /** Members of a message that the upstream refuses, likewise. */
  readonly refusedMessageFields?: readonly string[]
  /** JSON can be asked for, but not by a schema: that is told in words (loss `schema`, adapted). */
  readonly noJsonSchema?: boolean
  /** Of the tools of Responses only functions are known: a body with others is asked in another dialect the upstream speaks. */
  readonly plainTools?: boolean
  /** Whether this model is known to refuse a client's body in the upstream's own dialect, for more than its fields. */
  readonly refuses?: (body: JsonObject) => boolean
  /** The words of `reasoning_effort` for thinking and for none, where there are just these two (Mistral). */
  readonly reasoningEfforts?: { readonly on: string; readonly off: string }
  /** The name under which thinking is sent and taken back on openai-chat. */
  readonly reasoningField?: 'reasoning_content' | 'reasoning'
  /** `reasoning_details` is understood (OpenRouter). */
  readonly reasoningDetails?: boolean
  /** Thinking of an earlier turn stands in `content` as a part of type `thinking` (Mistral). */
  readonly thinkingParts?: boolean
  /** A message that calls tools must have `reasoningField`, empty where there is no thinking to give back (DeepSeek). */
  readonly reasoningOnCalls?: boolean
  /** `cache_control` in messages, content parts and tools is understood (OpenRouter). */
  readonly cacheControl?: boolean
  /** Names of the sampling options that OpenAI itself does not know, where the upstream does. */
  readonly samplingFields?: {
    readonly topK?: string
    readonly minP?: string
    readonly repeatPenalty?: string
  }
  /** Name of an embedding's size (Mistral: `output_dimension`). */
  readonly dimensionsField?: string
  /** A file goes as a part of type `document_url`, or `file` with its id alone (Mistral). */
  readonly documentParts?: boolean
  /** A function tool must have `parameters` (Mistral). */
  readonly parametersRequired?: boolean
  /**
   * Reasoning of turns with calls is wanted back, and clients of this protocol drop it: answers are looked at while they are
   * relayed, and a request that lacks what is remembered is translated, not relayed.
   */
  readonly remembersReasoning?: boolean
  /** Errors, in streams too, tell the id of the account and what the vendor behind it said (OpenRouter). */
  readonly accountInErrors?: boolean
  /** The last hand on an encoded body, for what the upstream wants beside the dialect (NeMo Guardrails: its configuration). */
  readonly shape?: (body: JsonObject) => JsonObject
  /** Deployment-style URL: the body's `model` is ignored. */
  readonly modelInPath?: boolean
}

/** What an encoder of a request must know of the target. */
export interface EncodeTarget {
  /** The provider's own model name, put into the body. */
  readonly model: string
  readonly quirks: Quirks
  /** Output limit to ask for where the dialect demands one and the client gave none. */
  readonly defaultMaxTokens: number
}

/** What an encoder of an answer must know of the client's request. */
export interface ReplyContext {
  /** The model name the client asked for, where an answer gives none of its own. */
  readonly model: string
  /** A fresh id for dialects that need one and answers that have none. */
  readonly id: string
  readonly nowMs: number
  /** The client asked for a usage chunk (OpenAI `stream_options.include_usage`). */
  readonly streamUsage: boolean
  /** For dialects that tell the input at the start of a stream, when the provider tells it at the end. */
  readonly estimatedInputTokens?: number
  /** The decoded request where the answer's shape depends on it (embedding encoding, legacy form, `echo`). */
  readonly request?: ChatRequest | EmbeddingRequest
  /** The kept answer that this one goes on from (openai-responses). */
  readonly previousResponseId?: string
  /** Whether this answer is kept for later requests (openai-responses). */
  readonly store?: boolean
}

/** One unit of a framed stream: an SSE event, or one NDJSON line with no event name. */
export interface Frame {
  readonly event?: string
  readonly data: string
}

/** Turns frames into events. Never throws for what a provider sent: bad input becomes an `error` event. */
export interface StreamDecoder {
  push(frame: Frame): IrEvent[]
  /** The answer is over, by its terminator or by an error: nothing more will come of this stream. */
  readonly ended: boolean
  /** The body ended. A stream without its proper end yields an `error` event with code `truncated`. */
  end(): IrEvent[]
}

/** Turns events into wire text. After an `error` event it says nothing more. */
export interface StreamEncoder {
  push(event: IrEvent): string
  /** The proper end of the stream, with its terminator; `''` after an error. */
  end(): string
  losses(): readonly Loss[]
}

export interface ChatCodec {
  /** Throws GatewayError `invalid_request` naming `param`, never anything else, for any JSON object. */
  decodeRequest(body: JsonObject, hints: RequestHints): ChatRequest
  /** Throws GatewayError `unsupported` only where leaving something out would make the answer wrong (an image that cannot be sent). */
  encodeRequest(request: ChatRequest, target: EncodeTarget): Encoded<JsonObject>
  /** Throws GatewayError `upstream_bad_response` for an object that is no answer. */
  decodeResponse(body: JsonObject): ChatResponse
  encodeResponse(response: ChatResponse, reply: ReplyContext): Encoded<JsonObject>
  createStreamDecoder(): StreamDecoder
  createStreamEncoder(reply: ReplyContext): StreamEncoder
}

export interface EmbeddingCodec {
  decodeRequest(body: JsonObject, hints: RequestHints): EmbeddingRequest
  encodeRequest(request: EmbeddingRequest, target: EncodeTarget): Encoded<JsonObject>
  decodeResponse(body: JsonObject): EmbeddingResponse
  encodeResponse(response: EmbeddingResponse, reply: ReplyContext): Encoded<JsonObject>
}

/** Asks how many input tokens a chat would have. The request is that of the chat codec, less what cannot count. */
export interface TokenCountCodec {
  /** Throws GatewayError `invalid_request` naming `param`. */
  decodeRequest(body: JsonObject, hints: RequestHints): ChatRequest
  encodeRequest(request: ChatRequest, target: EncodeTarget): Encoded<JsonObject>
  /** Input tokens. Throws GatewayError `upstream_bad_response` when the answer tells none. */
  decodeResponse(body: JsonObject): number
  encodeResponse(inputTokens: number): JsonObject
}

/** What a provider's error body says; `message` is not yet scrubbed. */
export interface ProviderError {
  readonly message: string
  readonly type?: string
  readonly code?: string
  readonly param?: string
  /** A wait told in the body (Gemini's RetryInfo). */
  readonly retryAfterMs?: number
}

export interface ErrorCodec {
  /** Reads any body a provider of this dialect may answer with a failing status; undefined when there is nothing to read. */
  decode(text: string): ProviderError | undefined
  /** The body for a client, without secrets or causes. */
  encode(error: GatewayError, requestId: string): JsonObject
  /** The same inside a running stream; the connection closes after it, with no success terminator. */
  encodeStream(error: GatewayError, requestId: string): string
}

/** Reads what a relayed answer says about itself, without changing it. */
export interface Tap {
  /** Usage of a whole (non-streamed) answer, and the finish reason in the provider's words. */
  readResponse(body: JsonObject): TapReading
  /** The same from the frames of the first and the last part of a stream. */
  readFrames(frames: readonly Frame[]): TapReading
}

export interface TapReading {
  readonly usage?: Usage
  readonly finish?: string
  readonly model?: string
  /** The stream reached its proper end (terminator or finish reason). */
  readonly complete: boolean
  /** An error told inside the stream. */
  readonly error?: { readonly message: string; readonly code?: string }
}

/** How a stream is cut into frames. Messages of the binary form are written with all their bytes below 128, so as text. */
export type Framing = 'sse' | 'ndjson' | 'aws-event-stream'

export interface Dialect {
  readonly name: DialectName
  readonly framing: Framing
  readonly errors: ErrorCodec
  readonly tap: Tap
  readonly chat?: ChatCodec
  readonly completion?: ChatCodec
  readonly embedding?: EmbeddingCodec
  readonly tokenCount?: TokenCountCodec
  /**
   * True when a body names its model in places that relay's one edit does not reach, so that it must be translated where the
   * provider's name of the model is another; or when it holds what the provider's quirks say it refuses.
   */
  refusesRelay?(body: JsonObject, operation: Operation, model: string, quirks?: Quirks): boolean
  /**
   * True when a body says what this upstream, speaking the dialect in part, has no words for: then another of its dialects is
   * spoken, if it has one.
   */
  outOfReach?(body: JsonObject, quirks: Quirks): boolean
  /** What keeps a quiet stream open without meaning anything to the client. */
  keepalive(model: string, nowMs: number): string
}
