// What one request adds to the totals of its hour. The totals are written from this with the request's row; `reconcile` says the same in
// SQL over the rows, and a test holds the two together. Pure.

import type { Outcome } from './outcome.ts'

export const HOUR_MS = 60 * 60_000

/** What totals are kept apart by, in the order of the table's key; `''` stands for none. */
export interface RollupKey {
  readonly hourMs: number
  readonly tenantId: string
  readonly teamId: string
  readonly userId: string
  readonly serviceId: string
  readonly keyId: string
  readonly model: string
  readonly providerId: string
  readonly providerModel: string
  readonly operation: string
}

export interface RollupAmounts {
  requests: number
  errors: number
  inputTokens: number
  cacheReadTokens: number
  cacheWrite5mTokens: number
  cacheWrite1hTokens: number
  outputTokens: number
  reasoningTokens: number
  inputAudioTokens: number
  outputAudioTokens: number
  costNanoUsd: number
  unpricedRequests: number
  estimatedRequests: number
  totalMs: number
  /** Of `errors`, those from 500 on. */
  serverErrors: number
  /** More than one attempt was made. */
  fallbacks: number
  /** Something of the prompt was read from the provider's cache. */
  cacheHits: number
  /** Summed over `firstTokenRequests`, those that came to a first byte. */
  firstTokenMs: number
  firstTokenRequests: number
  /** Answered from the response cache. */
  responseHits: number
  /** What those had cost when they were bought. */
  savedNanoUsd: number
}

/** Operations that cost something even where no usage is told. */
export const BILLED_OPERATIONS = [
  'chat',
  'completion',
  'embedding',
  'image',
  'image-edit',
  'image-variation',
  'audio-transcription',
  'audio-translation',
  'audio-speech',
  'rerank',
  'response-compact',
] as const

/** Statuses below 500 that say nothing against the model's name. */
export const NAMING_STATUSES = [408, 429, 499] as const

const BILLED: ReadonlySet<string> = new Set(BILLED_OPERATIONS)
const NAMING: ReadonlySet<number> = new Set(NAMING_STATUSES)

/** Where a request is counted. */
export function rollupKey(outcome: Outcome): RollupKey {
  const isNamed = hasModel(outcome)
  return {
    hourMs: Math.floor(outcome.timestampMs / HOUR_MS) * HOUR_MS,
    tenantId: outcome.tenantId,
    teamId: outcome.teamId ?? '',
    userId: outcome.userId ?? '',
    serviceId: outcome.serviceId ?? '',
    keyId: outcome.apiKeyId ?? '',
    model: isNamed ? (outcome.modelRequested ?? '') : '',
    providerId: outcome.providerId ?? '',
    providerModel: isNamed ? (outcome.modelResolved ?? '') : '',
    operation: outcome.operation,
  }
}

/**
 * Whether the name asked for is one of a model: anybody may invent names, and each would be a line of the totals for ever. One that no
 * provider was asked for is none, and one that a provider refused as wrong need be none.
 */
function hasModel({ cache, providerId, status, usage }: Outcome): boolean {
  // A provider has answered to that name before.
  if (cache?.state === 'hit') return true
  if (providerId === undefined) return false
  if (status < 400 || status >= 500 || NAMING.has(status)) return true
  return usage?.inputTokens !== undefined || usage?.outputTokens !== undefined
}

/** What a request counts for. */
export function rollupAmounts(outcome: Outcome): RollupAmounts {
  const { attempts, cache, costNanoUsd, firstTokenMs, operation, providerId } = outcome
  const { status, totalMs, usage } = outcome
  const isBilled =
    usage !== undefined || (status < 400 && providerId !== undefined && BILLED.has(operation))
  return {
    requests: 1,
    errors: status >= 400 ? 1 : 0,
    inputTokens: usage?.inputTokens ?? 0,
    cacheReadTokens: usage?.cacheReadTokens ?? 0,
    cacheWrite5mTokens: usage?.cacheWrite5mTokens ?? 0,
    cacheWrite1hTokens: usage?.cacheWrite1hTokens ?? 0,
    outputTokens: usage?.outputTokens ?? 0,
    reasoningTokens: usage?.reasoningTokens ?? 0,
    inputAudioTokens: usage?.inputAudioTokens ?? 0,
    outputAudioTokens: usage?.outputAudioTokens ?? 0,
    costNanoUsd: costNanoUsd ?? 0,
    unpricedRequests: costNanoUsd === undefined && isBilled ? 1 : 0,
    estimatedRequests: usage?.estimated === true ? 1 : 0,
    totalMs: Math.round(totalMs),
    serverErrors: status >= 500 ? 1 : 0,
    fallbacks: attempts.length > 1 ? 1 : 0,
    cacheHits: (usage?.cacheReadTokens ?? 0) > 0 ? 1 : 0,
    firstTokenMs: firstTokenMs === undefined ? 0 : Math.round(firstTokenMs),
    firstTokenRequests: firstTokenMs === undefined ? 0 : 1,
    responseHits: cache?.state === 'hit' ? 1 : 0,
    savedNanoUsd: cache?.savedNanoUsd ?? 0,
  }
}
