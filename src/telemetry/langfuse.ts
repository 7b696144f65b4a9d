// The spans of one request as Langfuse wants them (https://langfuse.com/integrations/native/opentelemetry): the same as for any collector,
// with the fields of its own for trace, generation, usage and cost beside them. A request that was not traced gets ids that follow from its
// record, so that one that is sent twice is there once.

import type { Usage } from '../core/ir/usage.ts'
import { NANO_PER_USD } from '../core/nano-usd.ts'
import type { AttemptRecord, Outcome } from '../core/outcome.ts'
import type { Attributes, Span } from './otlp.ts'
import { spansOf, type SpanOptions } from './trace-spans.ts'

/** Operations that are a generation there. */
const GENERATIONS: ReadonlySet<string> = new Set(['chat', 'completion'])

/** The spans of one request, its own first. */
export function langfuseSpans(outcome: Outcome, options: SpanOptions): Span[] {
  const { attempts } = outcome
  const answering = attempts.findLastIndex(({ error }) => error === undefined)
  const common = commonFields(outcome)
  return spansOf(outcome, options).map((span, index) => {
    const attempt = attempts[index - 1]
    let own: Attributes = {}
    if (index === 0) own = traceFields(outcome)
    // Those of attempts come next, in their order.
    else if (attempt !== undefined && index - 1 === answering) own = answerFields(outcome)
    else if (attempt !== undefined) own = failureFields(attempt)
    return { ...span, sampled: true, attributes: { ...span.attributes, ...common, ...own } }
  })
}

/** What stands at every observation of a trace. */
function commonFields({ apiKeyId, serviceId, tenantId, userId }: Outcome): Attributes {
  const person = userId ?? serviceId ?? apiKeyId
  return {
    ...(person === undefined ? {} : { 'langfuse.user.id': person }),
    'langfuse.trace.metadata.tenant': tenantId,
  }
}

function traceFields(outcome: Outcome): Attributes {
  const { modelRequested, operation, requestId } = outcome
  return {
    'langfuse.trace.name':
      modelRequested === undefined ? operation : `${operation} ${modelRequested}`,
    'langfuse.trace.metadata.request_id': requestId,
    'langfuse.observation.type': 'span',
    ...levelOf(outcome.errorKind, outcome.status),
  }
}

function failureFields({ error }: AttemptRecord): Attributes {
  return {
    'langfuse.observation.type': 'span',
    // One that broke off after its beginning, and was gone on with, has none of its own.
    ...(error === undefined ? {} : levelOf(error, 502)),
  }
}

function answerFields(outcome: Outcome): Attributes {
  const { costNanoUsd, firstTokenMs, operation, stream, timestampMs, usage } = outcome
  const type = operation === 'embedding' ? 'embedding' : 'generation'
  const isKnown = GENERATIONS.has(operation) || operation === 'embedding'
  return {
    'langfuse.observation.type': isKnown ? type : 'span',
    ...(usage === undefined
      ? {}
      : { 'langfuse.observation.usage_details': JSON.stringify(usageDetails(usage)) }),
    ...(costNanoUsd === undefined
      ? {}
      : {
          'langfuse.observation.cost_details': JSON.stringify({
            total: costNanoUsd / NANO_PER_USD,
          }),
        }),
    ...(firstTokenMs === undefined || !stream
      ? {}
      : {
          'langfuse.observation.completion_start_time': JSON.stringify(
            new Date(timestampMs + firstTokenMs).toISOString(),
          ),
        }),
  }
}

/** Classes that do not overlap: there they are added up. */
function usageDetails(usage: Usage): Record<string, number> {
  const { cacheReadTokens, cacheWrite1hTokens, cacheWrite5mTokens, inputTokens } = usage
  const { outputTokens, reasoningTokens } = usage
  const written = [cacheWrite5mTokens, cacheWrite1hTokens].filter((tokens) => tokens !== undefined)
  const details: Record<string, number | undefined> = {
    input: inputTokens,
    cache_read_input_tokens: cacheReadTokens,
    cache_creation_input_tokens:
      written.length === 0 ? undefined : written.reduce((sum, tokens) => sum + tokens, 0),
    output: outputTokens === undefined ? undefined : outputTokens - (reasoningTokens ?? 0),
    output_reasoning_tokens: reasoningTokens,
  }
  return Object.fromEntries(
    Object.entries(details).filter((entry): entry is [string, number] => entry[1] !== undefined),
  )
}

function levelOf(errorKind: string | undefined, status: number): Attributes {
  if (errorKind === undefined && status < 400) return {}
  return {
    'langfuse.observation.level': status >= 500 || status < 400 ? 'ERROR' : 'WARNING',
    ...(errorKind === undefined ? {} : { 'langfuse.observation.status_message': errorKind }),
  }
}
