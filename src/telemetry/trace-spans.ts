// The spans of one request, made of its outcome when it is over: one for the request, one for each time a provider was asked, and one for
// each guardrail, look-up in a cache and wait. Names and attributes follow the semantic conventions of OpenTelemetry for HTTP
// (https://opentelemetry.io/docs/specs/semconv/http/http-spans/) and generative AI (https://github.com/open-telemetry/semantic-conventions-genai);
// what they have no word for is `weir.*`. No key and no text of a user, but for content where that is asked for.

import type { Provider } from '../core/catalog.ts'
import type { GuardrailVerdict } from '../core/guardrail.ts'
import { totalInputTokens } from '../core/ir/usage.ts'
import { LIMITS } from '../core/limits.ts'
import { NANO_PER_USD } from '../core/nano-usd.ts'
import type { AttemptRecord, Outcome, TraceStep } from '../core/outcome.ts'
import { derivedSpanId, spanIdOf, traceIdOf } from '../core/trace-context.ts'
import type { AttributeValue, Span } from './otlp.ts'
import { contentAttributes } from './trace-content.ts'

/** What is known of a provider now. */
export type AskedProvider = Pick<Provider, 'type' | 'baseUrl'>

export interface SpanOptions {
  readonly content: boolean
  /** Undefined for one that is not there any more. */
  provider(tenantId: string, providerId: string): AskedProvider | undefined
}

type Fields = Record<string, AttributeValue | undefined>

/** Operations by the names of the conventions; others have none. */
const OPERATIONS: Readonly<Record<string, string>> = {
  chat: 'chat',
  completion: 'text_completion',
  embedding: 'embeddings',
}

/** Types of providers by the names of the conventions; others go by their own. */
const PROVIDERS: Readonly<Partial<Record<Provider['type'], string>>> = {
  azure: 'azure.ai.openai',
  bedrock: 'aws.bedrock',
  gemini: 'gcp.gemini',
  mistral: 'mistral_ai',
}

/** The spans of one request, its own first. */
export function spansOf(outcome: Outcome, options: SpanOptions): Span[] {
  const root = rootOf(outcome)
  const answering = outcome.attempts.findLastIndex(({ error }) => error === undefined)
  const under = (name: string, kind: Span['kind'], spanId: string, from: Times, fields: Fields) =>
    spanOf(root, name, kind, spanId, from, fields)
  let place = 1
  const next = () => derivedSpanId(outcome.logId, place++)
  return [
    { ...root, attributes: present(requestFields(outcome, options)) },
    ...outcome.attempts.map((attempt, index) => {
      const own = next()
      const fields = {
        ...attemptFields(outcome, attempt, options),
        ...(index === answering ? answerFields(outcome, attempt, options) : {}),
      }
      const name = attemptName(outcome, attempt)
      return under(name, 'client', attempt.spanId ?? own, timesOf(outcome, index), fields)
    }),
    ...(outcome.guardrails ?? []).map((verdict) =>
      under(`guardrail ${verdict.ruleId}`, 'internal', next(), verdict, guardrailFields(verdict)),
    ),
    ...(outcome.cache?.startedMs === undefined
      ? []
      : [
          under(
            `cache ${outcome.cache.kind}`,
            'internal',
            next(),
            { startedMs: outcome.cache.startedMs, durationMs: outcome.cache.durationMs ?? 0 },
            cacheFields(outcome),
          ),
        ]),
    ...stepsOf(outcome).map((step) =>
      under(step.name, 'internal', next(), step, { 'weir.step': step.name }),
    ),
  ]
}

/** Waits; that for the cache is the cache's own span already. */
function stepsOf({ cache, trace }: Outcome): readonly TraceStep[] {
  const steps = trace?.steps ?? []
  return cache?.startedMs === undefined ? steps : steps.filter(({ name }) => name !== 'cache')
}

interface Times {
  /** Milliseconds after the request arrived. */
  readonly startedMs: number
  readonly durationMs: number
}

function rootOf(outcome: Outcome): Span {
  const { logId, operation, status, timestampMs, totalMs, trace, traceId } = outcome
  return {
    // Raw paths and ids in them would be a name for each request.
    name: OPERATIONS[operation] === undefined ? operation : `POST ${routeOf(outcome)}`,
    kind: 'server',
    traceId: traceId ?? traceIdOf(logId),
    spanId: trace?.spanId ?? spanIdOf(logId),
    ...(trace?.parentSpanId === undefined
      ? {}
      : { parentSpanId: trace.parentSpanId, isParentRemote: true }),
    sampled: trace?.sampled ?? true,
    startMs: timestampMs,
    endMs: timestampMs + totalMs,
    attributes: {},
    // A server's own failures are errors of its span, its clients' are not; one that broke off after a good status is.
    status: status >= 500 || (outcome.errorKind !== undefined && status < 400) ? 'error' : 'unset',
    ...(outcome.firstTokenMs === undefined || operation === 'embedding'
      ? {}
      : { events: [{ name: 'first_token', timeMs: timestampMs + outcome.firstTokenMs }] }),
  }
}

function spanOf(
  root: Span,
  name: string,
  kind: Span['kind'],
  spanId: string,
  { durationMs, startedMs }: Times,
  fields: Fields,
): Span {
  const startMs = root.startMs + Math.max(0, startedMs)
  return {
    name,
    kind,
    traceId: root.traceId,
    spanId,
    parentSpanId: root.spanId,
    sampled: root.sampled,
    startMs,
    endMs: startMs + Math.max(0, durationMs),
    attributes: present(fields),
    status: fields['error.type'] === undefined ? 'unset' : 'error',
  }
}

/** An attempt that streamed ends with the request, or where another went on with its answer. */
function timesOf(outcome: Outcome, index: number): Times {
  const attempt = outcome.attempts[index]!
  const { durationMs, error, startedMs = 0 } = attempt
  if (error !== undefined || !outcome.stream) return { startedMs, durationMs }
  const following = outcome.attempts.find((other, at) => at > index && other.as === 'continuation')
  const endMs = following?.startedMs ?? outcome.totalMs
  return { startedMs, durationMs: Math.max(durationMs, endMs - startedMs) }
}

function requestFields(outcome: Outcome, { content }: SpanOptions): Fields {
  const { attempts, cache, losses, queuedMs } = outcome
  return {
    'http.request.method': methodOf(outcome),
    'http.route': methodOf(outcome) === undefined ? undefined : routeOf(outcome),
    'url.path': outcome.endpoint,
    'http.response.status_code': outcome.status,
    'http.request.body.size': outcome.requestBytes,
    'http.response.body.size': outcome.responseBytes,
    'user_agent.original': outcome.userAgent,
    'error.type': outcome.errorKind,
    'user.id': outcome.userId,
    'weir.request_id': outcome.requestId,
    'weir.log_id': outcome.logId,
    'weir.tenant': outcome.tenantId,
    'weir.key_id': outcome.apiKeyId,
    'weir.team': outcome.teamId,
    'weir.service': outcome.serviceId,
    'weir.operation': outcome.operation,
    'weir.client_format': outcome.clientFormat,
    'weir.stream': outcome.stream,
    'weir.model': outcome.modelRequested,
    'weir.provider': outcome.providerId,
    'weir.mode': outcome.mode,
    'weir.attempts': attempts.length,
    'weir.cost_usd': usd(outcome.costNanoUsd),
    'weir.losses': losses.length === 0 ? undefined : losses.length,
    'weir.queued_ms': queuedMs,
    'weir.cache': cache?.state,
    'weir.first_token_ms': outcome.firstTokenMs,
    // Where nobody answered, there is no span of a provider to hold it.
    ...(content && attempts.every(({ error }) => error !== undefined)
      ? contentAttributes(outcome)
      : {}),
  }
}

/** Requests of a dialect are all of one method; of others the record does not tell. */
function methodOf({ operation }: Outcome): string | undefined {
  return OPERATIONS[operation] === undefined ? undefined : 'POST'
}

/** The path without what clients put into it: names of models and deployments. */
function routeOf({ endpoint }: Outcome): string {
  return endpoint
    .replace(/\/models\/[^:]*(:?)/, '/models/{model}$1')
    .replace(/\/deployments\/[^/]*/, '/deployments/{deployment}')
    .slice(0, 100)
}

function attemptName({ operation }: Outcome, { model }: AttemptRecord): string {
  const name = OPERATIONS[operation] ?? operation
  return model === '' ? name : `${name} ${model}`
}

function attemptFields(outcome: Outcome, attempt: AttemptRecord, options: SpanOptions): Fields {
  const asked = options.provider(outcome.tenantId, attempt.providerId)
  const url = asked === undefined ? null : URL.parse(asked.baseUrl)
  const operation = OPERATIONS[outcome.operation]
  return {
    'gen_ai.operation.name': operation ?? outcome.operation,
    'gen_ai.provider.name': (asked && PROVIDERS[asked.type]) ?? asked?.type ?? attempt.providerId,
    'gen_ai.request.model': attempt.model === '' ? undefined : attempt.model,
    'gen_ai.request.stream': outcome.stream ? true : undefined,
    'server.address': url?.hostname.replace(/^\[|\]$/g, ''),
    'server.port': url === null ? undefined : portOf(url),
    'http.request.method': methodOf(outcome),
    'http.response.status_code': attempt.status,
    'error.type': attempt.error,
    'weir.provider': attempt.providerId,
    'weir.key_hint': attempt.keyHint,
    'weir.mode': attempt.mode,
    'weir.attempt': attempt.as ?? 'first',
  }
}

/** What stands at the attempt that answered, and only there: whoever adds up tokens must not count them twice. */
function answerFields(
  outcome: Outcome,
  { startedMs = 0 }: AttemptRecord,
  { content }: SpanOptions,
): Fields {
  const { finish, firstTokenMs, modelResolved, usage = {} } = outcome
  const { cacheWrite1hTokens, cacheWrite5mTokens } = usage
  const isWritten = cacheWrite5mTokens !== undefined || cacheWrite1hTokens !== undefined
  return {
    'gen_ai.response.model': modelResolved,
    'gen_ai.response.finish_reasons': finish === undefined ? undefined : [finish],
    'gen_ai.response.time_to_first_chunk':
      firstTokenMs === undefined || !outcome.stream
        ? undefined
        : Math.max(0, firstTokenMs - startedMs) / 1_000,
    'gen_ai.usage.input_tokens': totalInputTokens(usage),
    'gen_ai.usage.output_tokens': usage.outputTokens,
    'gen_ai.usage.cache_read.input_tokens': usage.cacheReadTokens,
    'gen_ai.usage.cache_creation.input_tokens': isWritten
      ? (cacheWrite5mTokens ?? 0) + (cacheWrite1hTokens ?? 0)
      : undefined,
    'gen_ai.usage.reasoning.output_tokens': usage.reasoningTokens,
    'weir.usage_estimated': usage.estimated,
    'weir.cost_usd': usd(outcome.costNanoUsd),
    ...(content ? contentAttributes(outcome) : {}),
  }
}

function guardrailFields(verdict: GuardrailVerdict): Fields {
  return {
    'weir.guardrail.rule': verdict.ruleId,
    'weir.guardrail.check': verdict.check,
    'weir.guardrail.stage': verdict.stage,
    'weir.guardrail.verdict': verdict.verdict,
    'weir.guardrail.categories': verdict.categories.length === 0 ? undefined : verdict.categories,
    'weir.guardrail.asked': verdict.asked,
    'error.type': verdict.verdict.startsWith('failed') ? 'guardrail_unavailable' : undefined,
  }
}

function cacheFields({ cache }: Outcome): Fields {
  return {
    'weir.cache.state': cache?.state,
    'weir.cache.kind': cache?.kind,
    'weir.cache.age_ms': cache?.ageMs,
    'weir.cache.saved_usd': usd(cache?.savedNanoUsd),
  }
}

/** Cut where they are made. */
const CONTENT: ReadonlySet<string> = new Set([
  'gen_ai.input.messages',
  'gen_ai.output.messages',
  'gen_ai.system_instructions',
])

/** Without what is not known, and cut. */
function present(fields: Fields): Record<string, AttributeValue> {
  const result: Record<string, AttributeValue> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) continue
    result[name] = typeof value === 'string' && !CONTENT.has(name) ? cut(value) : value
  }
  return result
}

function cut(text: string): string {
  return text.slice(0, LIMITS.traceValueCharsMax).toWellFormed()
}

function usd(nanoUsd: number | undefined): number | undefined {
  return nanoUsd === undefined ? undefined : nanoUsd / NANO_PER_USD
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port)
}
