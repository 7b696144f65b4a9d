// What rules and the response cache had to do with a request, as JSON for people and programs outside: in the log, in the management API.
// Stable members; what is not known is null. Pure; it adds nothing and hides nothing.

import type { GuardrailVerdict } from './guardrail.ts'
import { NANO_PER_USD } from './nano-usd.ts'
import type { CacheRecord } from './outcome.ts'

export interface VerdictJson {
  readonly rule: string
  readonly check: string
  readonly stage: GuardrailVerdict['stage']
  readonly verdict: GuardrailVerdict['verdict']
  readonly categories: readonly string[]
  readonly started_ms: number
  readonly duration_ms: number
  /** How often it was asked. */
  readonly asked: number
}

export interface CacheJson {
  readonly state: CacheRecord['state']
  readonly kind: CacheRecord['kind']
  /** What the answer had cost when it was bought. */
  readonly saved_usd: number | null
  readonly age_ms: number | null
  readonly started_ms: number | null
  readonly duration_ms: number | null
}

export function verdictJson(verdict: GuardrailVerdict): VerdictJson {
  return {
    rule: verdict.ruleId,
    check: verdict.check,
    stage: verdict.stage,
    verdict: verdict.verdict,
    categories: verdict.categories,
    started_ms: verdict.startedMs,
    duration_ms: verdict.durationMs,
    asked: verdict.asked,
  }
}

export function cacheJson(cache: CacheRecord): CacheJson {
  return {
    state: cache.state,
    kind: cache.kind,
    saved_usd: cache.savedNanoUsd === undefined ? null : cache.savedNanoUsd / NANO_PER_USD,
    age_ms: cache.ageMs ?? null,
    started_ms: cache.startedMs ?? null,
    duration_ms: cache.durationMs ?? null,
  }
}
