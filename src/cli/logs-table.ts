// How a recorded request looks to a person: one line of a table, or all of it. Only words and numbers are chosen here; making
// them harmless is `printable`'s work, which everything from outside passes.

import type { GuardrailVerdict } from '../core/guardrail.ts'
import { lossToken } from '../core/ir/loss.ts'
import { totalInputTokens } from '../core/ir/usage.ts'
import type { AttemptRecord, CacheRecord, Outcome, RouteRecord } from '../core/outcome.ts'
import { formatMs, formatTime, formatUsd, printable } from './format.ts'
import type { Column } from './table.ts'

export const LOG_COLUMNS: readonly Column[] = [
  { header: 'TIME (UTC)' },
  { header: 'STATUS', align: 'right' },
  { header: 'CLIENT' },
  { header: 'MODEL', maxWidth: 60 },
  { header: 'MODE' },
  { header: 'IN', align: 'right' },
  { header: 'OUT', align: 'right' },
  { header: 'COST', align: 'right' },
  { header: 'TOTAL', align: 'right' },
  { header: 'FIRST', align: 'right' },
  { header: 'LOSSES', align: 'right' },
  { header: 'NOTES', maxWidth: 60 },
  { header: 'ERROR' },
]

const UNKNOWN = '-'

/** One request as cells of `LOG_COLUMNS`; `-` is unknown, 0 is 0. */
export function logCells(outcome: Outcome): string[] {
  const { firstTokenMs, losses, usage } = outcome
  return [
    formatTime(outcome.timestampMs),
    String(outcome.status),
    outcome.clientFormat,
    modelText(outcome),
    outcome.mode ?? UNKNOWN,
    tokens(usage && totalInputTokens(usage), usage?.estimated),
    tokens(usage?.outputTokens, usage?.estimated),
    costText(outcome),
    formatMs(outcome.totalMs),
    firstTokenMs === undefined ? UNKNOWN : formatMs(firstTokenMs),
    String(losses.length),
    notes(outcome),
    errorText(outcome),
  ]
}

/** `fast → openai/gpt-5-mini`; once where both are the same. */
function modelText({ modelRequested, modelResolved, providerId }: Outcome): string {
  const asked = modelRequested ?? UNKNOWN
  if (providerId === undefined) return asked
  const answered = `${providerId}/${modelResolved ?? ''}`
  return answered === asked ? asked : `${asked} → ${answered}`
}

/** What else had a part in it: the cache where it answered, guardrails that found something, other targets. */
function notes({ attempts, cache, guardrails = [] }: Outcome): string {
  const told = guardrails.filter(({ verdict }) => verdict !== 'pass')
  return [
    ...(cache?.state === 'hit' ? [`cache ${cache.kind}`] : []),
    ...told.map(({ ruleId, verdict }) => `${ruleId} ${verdict}`),
    ...(attempts.length > 1 ? [`${attempts.length} attempts`] : []),
  ].join(', ')
}

function guardrailText(verdict: GuardrailVerdict): string {
  const found = verdict.categories.length === 0 ? '' : ` (${verdict.categories.join(', ')})`
  const asked = verdict.asked === 1 ? '' : `, asked ${verdict.asked} times`
  return `${verdict.ruleId} (${verdict.check}) on ${verdict.stage}: ${verdict.verdict}${found} in ${formatMs(verdict.durationMs)}${asked}`
}

function cacheText({ ageMs, kind, savedNanoUsd, state }: CacheRecord): string {
  const age = ageMs === undefined ? '' : `, ${formatMs(ageMs)} old`
  const saved = savedNanoUsd === undefined ? '' : `, saved ${formatUsd(savedNanoUsd)}`
  return `${kind}: ${state}${age}${saved}`
}

/** `~` marks numbers that are ours, not the provider's. */
function tokens(count: number | undefined, estimated: boolean | undefined): string {
  if (count === undefined) return UNKNOWN
  return estimated === true ? `~${count}` : String(count)
}

function costText({ costNanoUsd }: Outcome): string {
  return costNanoUsd === undefined ? UNKNOWN : formatUsd(costNanoUsd)
}

function errorText({ errorKind, errorText: text }: Outcome): string {
  if (errorKind === undefined) return ''
  return text === undefined ? errorKind : `${errorKind}: ${text}`
}

/** Everything about one request, one line each; bodies last. */
export function logDetails(outcome: Outcome): string {
  const { firstTokenMs, losses, providerMs, requestBody, responseBody } = outcome
  const lines: (readonly [string, string | undefined])[] = [
    ['log id', outcome.logId],
    ['request id', outcome.requestId],
    ['trace id', outcome.traceId],
    ['time', `${formatTime(outcome.timestampMs)} UTC`],
    ['status', String(outcome.status)],
    ['error', errorText(outcome) || undefined],
    ['endpoint', outcome.endpoint],
    [
      'client',
      `${outcome.clientFormat}, ${outcome.operation}${outcome.stream ? ', streamed' : ''}`,
    ],
    ['user agent', outcome.userAgent],
    ['api key', outcome.apiKeyId ?? 'none'],
    ['model', modelText(outcome)],
    ['mode', outcome.mode],
    ['finish', outcome.finish],
    ['tokens', usageText(outcome)],
    ['cost', outcome.costNanoUsd === undefined ? 'unknown' : costText(outcome)],
    ['total', formatMs(outcome.totalMs)],
    ['provider', providerMs === undefined ? undefined : formatMs(providerMs)],
    ['first token', firstTokenMs === undefined ? undefined : formatMs(firstTokenMs)],
    ['bytes', `${outcome.requestBytes} in, ${outcome.responseBytes} out`],
    ...losses.map((loss) => ['loss', `${lossToken(loss)} ${loss.action}`] as const),
    ['cache', outcome.cache === undefined ? undefined : cacheText(outcome.cache)],
    ...(outcome.guardrails ?? []).map((verdict) => ['guardrail', guardrailText(verdict)] as const),
    ...(outcome.route ?? []).flatMap(routeLines),
    ...outcome.attempts.map((attempt) => ['attempt', attemptText(attempt)] as const),
  ]
  const width = Math.max(...lines.map(([name]) => name.length))
  const text = lines
    .filter((line): line is readonly [string, string] => line[1] !== undefined)
    .map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}\n`)
  if (requestBody !== undefined) text.push(`\nrequest body\n${printable(requestBody)}\n`)
  if (responseBody !== undefined) text.push(`\nresponse body\n${printable(responseBody)}\n`)
  return text.join('')
}

const CLASSES = [
  ['inputTokens', 'input'],
  ['cacheReadTokens', 'cache read'],
  ['cacheWrite5mTokens', 'cache write 5m'],
  ['cacheWrite1hTokens', 'cache write 1h'],
  ['outputTokens', 'output'],
  ['reasoningTokens', 'of it reasoning'],
  ['inputAudioTokens', 'audio in'],
  ['outputAudioTokens', 'audio out'],
] as const

function usageText({ usage }: Outcome): string {
  if (usage === undefined) return 'unknown'
  const parts = CLASSES.flatMap(([key, word]) => {
    const count = usage[key]
    return count === undefined ? [] : [`${count} ${word}`]
  })
  return `${parts.join(', ')}${usage.estimated === true ? ' (estimated)' : ''}`
}

/** One line for each model that was decided for, one for each of its targets in the order they were tried. */
function routeLines({
  by,
  candidates,
  fallbackFor,
  model,
}: RouteRecord): (readonly [string, string])[] {
  const cause = fallbackFor === undefined ? '' : `, fallen back to: ${fallbackFor}`
  const targets = candidates.map((target) => {
    const place = target.rank === undefined ? '-' : String(target.rank + 1)
    return ['', `${place}  ${target.providerId}/${target.model}: ${target.reason}`] as const
  })
  return [['route', `${model} by ${by}${cause}`], ...targets]
}

function attemptText(attempt: AttemptRecord): string {
  const key = attempt.keyHint === undefined ? '' : ` key …${attempt.keyHint}`
  const status = attempt.status === undefined ? '' : ` ${attempt.status}`
  const result = attempt.error ?? 'ok'
  const as = attempt.as === undefined ? '' : ` (${attempt.as})`
  return `${attempt.providerId}/${attempt.model} ${attempt.mode}${as}${key}:${status} ${result} in ${formatMs(attempt.durationMs)}`
}
