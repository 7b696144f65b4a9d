// Arbitrary outcomes for the contract of the request log: every optional field absent or present, zero, empty and false
// included. Imported by tests alone.

import * as fc from 'fast-check'
import { GUARD_STAGES, type GuardrailVerdict } from '../core/guardrail.ts'
import type { AttemptRecord, CacheRecord, Outcome, RouteRecord } from '../core/outcome.ts'

/** Without NUL and lone surrogates, which no JSON column of Postgres takes. */
const text = (): fc.Arbitrary<string> =>
  fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => value.replaceAll('\0', ''))
const count = (): fc.Arbitrary<number> => fc.nat({ max: 2 ** 40 })

function attempts(): fc.Arbitrary<AttemptRecord> {
  return fc.record(
    {
      providerId: text(),
      model: text(),
      keyHint: text(),
      mode: fc.constantFrom('relay', 'translate'),
      status: fc.nat({ max: 599 }),
      error: text(),
      as: fc.constantFrom('retry', 'hedge', 'continuation'),
      durationMs: fc.nat(),
      startedMs: fc.nat(),
      firstByteMs: fc.nat(),
    },
    { requiredKeys: ['providerId', 'model', 'mode', 'durationMs'] },
  )
}

function routes(): fc.Arbitrary<RouteRecord> {
  const candidate = fc.record(
    { providerId: text(), model: text(), rank: fc.nat(), reason: text() },
    { requiredKeys: ['providerId', 'model', 'reason'] },
  )
  return fc.record(
    {
      model: text(),
      by: text(),
      fallbackFor: text(),
      candidates: fc.array(candidate, { maxLength: 3 }),
    },
    { requiredKeys: ['model', 'by', 'candidates'] },
  )
}

function verdicts(): fc.Arbitrary<GuardrailVerdict> {
  return fc.record({
    ruleId: text(),
    check: fc.constantFrom('pii', 'json_schema', 'webhook'),
    stage: fc.constantFrom(...GUARD_STAGES),
    verdict: fc.constantFrom('pass', 'blocked', 'masked', 'failed-open', 'failed-closed'),
    categories: fc.array(text(), { maxLength: 2 }),
    durationMs: fc.nat(),
    startedMs: fc.nat(),
    asked: fc.nat(),
  })
}

function cacheRecords(): fc.Arbitrary<CacheRecord> {
  return fc.record(
    {
      state: fc.constantFrom('hit', 'miss', 'bypass'),
      kind: fc.constantFrom('exact', 'semantic'),
      savedNanoUsd: fc.maxSafeNat(),
      ageMs: fc.nat(),
      startedMs: fc.nat(),
      durationMs: fc.nat(),
    },
    { requiredKeys: ['state', 'kind'] },
  )
}

/** A usage with at least one field: one without any means the same as none and comes back as none. */
function usages(): fc.Arbitrary<NonNullable<Outcome['usage']>> {
  const fields = {
    inputTokens: count(),
    cacheReadTokens: count(),
    cacheWrite5mTokens: count(),
    cacheWrite1hTokens: count(),
    outputTokens: count(),
    reasoningTokens: count(),
    inputAudioTokens: count(),
    outputAudioTokens: count(),
    estimated: fc.boolean(),
  }
  return fc
    .record(fields, { requiredKeys: [] })
    .filter((usage) => Object.keys(usage).length > 0)
    .map((usage) => ({ ...usage }))
}

/** Outcomes with whole durations, as the log keeps them. */
export function outcomes(): fc.Arbitrary<Outcome> {
  const always = {
    logId: fc.uuid({ version: 7 }),
    timestampMs: count(),
    tenantId: fc.constantFrom('default', 'team'),
    requestId: text(),
    direction: fc.constant('inbound' as const),
    endpoint: text(),
    clientFormat: text(),
    operation: text(),
    stream: fc.boolean(),
    status: fc.integer({ min: 100, max: 599 }),
    losses: fc.array(
      fc.record(
        {
          feature: text(),
          path: text(),
          action: fc.constantFrom('dropped', 'adapted'),
          detail: text(),
        },
        { requiredKeys: ['feature', 'path', 'action'] },
      ),
      { maxLength: 3 },
    ),
    attempts: fc.array(attempts(), { maxLength: 3 }),
    totalMs: fc.nat(),
    requestBytes: count(),
    responseBytes: count(),
  }
  const sometimes = {
    traceId: text(),
    apiKeyHash: text(),
    apiKeyId: text(),
    errorKind: text(),
    errorText: text(),
    modelRequested: text(),
    modelResolved: text(),
    providerId: text(),
    mode: fc.constantFrom('relay' as const, 'translate' as const),
    finish: text(),
    usage: usages(),
    route: fc.array(routes(), { maxLength: 2 }),
    costNanoUsd: fc.maxSafeNat(),
    providerMs: fc.nat(),
    firstTokenMs: fc.nat(),
    userAgent: text(),
    userId: text(),
    teamId: text(),
    serviceId: text(),
    requestBody: text(),
    responseBody: text(),
    providerRequestBody: text(),
    providerResponseBody: text(),
    queuedMs: fc.nat(),
    guardrails: fc.array(verdicts(), { maxLength: 3 }),
    cache: cacheRecords(),
  }
  const requiredKeys = Object.keys(always) as (keyof typeof always)[]
  return fc.record({ ...always, ...sometimes }, { requiredKeys })
}
