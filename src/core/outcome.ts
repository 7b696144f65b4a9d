// The one record made of a request when it ends, however it ends. Every sink (log store, metrics, later audit) reads it.
// It never holds a secret; bodies only where the log policy is `content`.

import type { Redaction } from './content.ts'
import type { GuardrailVerdict } from './guardrail.ts'
import type { Loss } from './ir/loss.ts'
import type { Usage } from './ir/usage.ts'

/** Why and how one attempt at one target ended. */
export interface AttemptRecord {
  readonly providerId: string
  /** The provider's own model name. */
  readonly model: string
  /** Last four characters of the provider key used. */
  readonly keyHint?: string
  readonly mode: 'relay' | 'translate'
  /** HTTP status of the provider, absent where none came. */
  readonly status?: number
  /** Error kind of ours, absent when the attempt succeeded. */
  readonly error?: string
  /** What it was besides the first try: another one, beside a slow one, or the rest of an answer that broke off. */
  readonly as?: 'retry' | 'hedge' | 'continuation'
  readonly durationMs: number
  /** Milliseconds after the request arrived at which it began; absent in rows of before this was kept. */
  readonly startedMs?: number
  /** The same of the head of its answer; absent where none came. */
  readonly firstByteMs?: number
  /** Id of its span, hexadecimal; only while requests are traced. */
  readonly spanId?: string
}

/** What the response cache had to do with a request. */
export interface CacheRecord {
  /** `bypass`: the request or its client wants none; nothing was looked up. */
  readonly state: 'hit' | 'miss' | 'bypass'
  readonly kind: 'exact' | 'semantic'
  /** What the answer had cost when it was bought; of a hit, where it is known. */
  readonly savedNanoUsd?: number
  /** Of a hit: how long ago it was bought. */
  readonly ageMs?: number
  /** Milliseconds after the request arrived at which it was looked up, and how long that took. */
  readonly startedMs?: number
  readonly durationMs?: number
}

/** The place of a request in a distributed trace (https://www.w3.org/TR/trace-context/). Only while requests are traced. */
export interface TraceRecord {
  /** Of the request's own span, hexadecimal. */
  readonly spanId: string
  /** Of the client's span, where it named one. */
  readonly parentSpanId?: string
  /** Whether the client, or the dice, wants it kept whatever comes of it. */
  readonly sampled: boolean
  /** Waits for a store or for others of this program, worth a span of their own. */
  readonly steps: readonly TraceStep[]
}

export interface TraceStep {
  /** `admit`, `kept`, … */
  readonly name: string
  /** Milliseconds after the request arrived. */
  readonly startedMs: number
  readonly durationMs: number
}

/** One target in a decision: at which place it was taken, or why it was passed over. */
export interface RouteCandidate {
  readonly providerId: string
  readonly model: string
  /** 0 is tried first; absent for one that is passed over. */
  readonly rank?: number
  /** Why it stands there, or why it does not: a few words, without anything of the request's content. */
  readonly reason: string
}

/** How the targets of one model were put into an order for one request. */
export interface RouteRecord {
  /** The model whose targets these are: the one asked for, or one it falls back to. */
  readonly model: string
  /** `weighted`, `latency`, …; `pinned` where the client named the target. */
  readonly by: string
  /** Why this model was asked instead of the one before it. */
  readonly fallbackFor?: string
  readonly candidates: readonly RouteCandidate[]
}

/** What a request takes out of one window of a budget; it is written in the same transaction as the request's row. */
export interface BudgetCharge {
  readonly tenantId: string
  readonly ruleId: string
  readonly subject: string
  /** The window in which the request was admitted. */
  readonly startMs: number
  /** Absent: it has no end. */
  readonly endMs?: number
  /** Whose lease it was held from; empty where nothing was held. */
  readonly lease: string
  readonly nanoUsd: number
  /** What had been held for it. */
  readonly heldNanoUsd: number
  /** The part of `nanoUsd` that the lease covers. */
  readonly leasedNanoUsd: number
}

export interface Outcome {
  /** UUIDv7. */
  readonly logId: string
  readonly timestampMs: number
  readonly tenantId: string
  /** What `x-request-id` said. */
  readonly requestId: string
  /** `traceparent`'s trace id, or one of ours while requests are traced; else undefined. */
  readonly traceId?: string
  readonly trace?: TraceRecord
  readonly apiKeyHash?: string
  readonly apiKeyId?: string
  readonly userId?: string
  readonly teamId?: string
  readonly serviceId?: string
  /** `inbound` for clients' requests; the one direction there is today. */
  readonly direction: 'inbound'
  /** Path without query and without a key in it. */
  readonly endpoint: string
  readonly clientFormat: string
  readonly operation: string
  readonly stream: boolean
  /** HTTP status sent to the client; 499 when it left. */
  readonly status: number
  /** Error kind, absent on success. */
  readonly errorKind?: string
  /** Message and cause for the operator, scrubbed of keys. */
  readonly errorText?: string
  readonly modelRequested?: string
  readonly modelResolved?: string
  readonly providerId?: string
  readonly mode?: 'relay' | 'translate'
  /** The protocol the provider was asked in; for metrics, not kept in the log row. */
  readonly providerDialect?: string
  readonly finish?: string
  readonly usage?: Usage
  /** Integer nano-dollars; undefined when a price or the usage is unknown. */
  readonly costNanoUsd?: number
  readonly losses: readonly Loss[]
  readonly attempts: readonly AttemptRecord[]
  /** Absent where there was nothing to decide: one target, and it was asked. */
  readonly route?: readonly RouteRecord[]
  readonly totalMs: number
  /** From sending to the provider until its last byte. */
  readonly providerMs?: number
  /** From the client's request until the first byte of the answer's body. */
  readonly firstTokenMs?: number
  /** Of `totalMs`: for a place among those that run, here or at a provider. Absent where it did not wait. */
  readonly queuedMs?: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly userAgent?: string
  /** Only with the log policy `content`, each cut at its limit. */
  readonly requestBody?: string
  readonly responseBody?: string
  /** What the provider was sent and what it sent back, where that was something else than the client's. Bounded alike. */
  readonly providerRequestBody?: string
  readonly providerResponseBody?: string
  /** What is to be taken out of it before anything of it is kept or told; absent: nothing. Not kept in the row. */
  readonly redact?: readonly Redaction[]
  /** The same four, packed and without what must not be kept; then none of them is there by itself. Only on the way into the store. */
  readonly packedBodies?: Uint8Array
  /** Where the packed bodies are to lie outside of the store, once they are there. Only on the way into the store. */
  readonly objectKey?: string
  /** Rules that were asked; absent where none holds. */
  readonly guardrails?: readonly GuardrailVerdict[]
  /** Absent where no cache is configured for it. */
  readonly cache?: CacheRecord
  /** What it takes out of budgets; for the ledger, not kept in the row. */
  readonly charges?: readonly BudgetCharge[]
  /** It is counted, and leaves no row: the log policy is `none`. */
  readonly withoutRow?: true
}

/** A place outcomes go. `record` must return at once and never throw: a slow sink may not slow a request. */
export interface OutcomeSink {
  record(outcome: Outcome): void
}

/** What became of what a sink was given, since it began, and what waits in it now. */
export interface SinkCounters {
  /** A short word for the sink, as the program or its configuration names it; never an address. Sinks of one name are told together. */
  readonly name: string
  /** Wait to be sent. */
  readonly queued: number
  /** Were taken by the other side. */
  readonly sent: number
  /** Never reached it: the queue was full, it was tried often enough, or the sink ended. */
  readonly dropped: number
  /** Tries to send that failed, those that were made again included. */
  readonly failed: number
}
