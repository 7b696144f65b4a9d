// `POST /admin/guardrails/try`: what guardrails, saved ones or one that is only thought of, would say to some texts. Nothing is changed; what a
// check asks of models is a request of whoever tries it, counted and charged as such.

import { Elysia } from 'elysia'
import type { Static } from '@sinclair/typebox'
import { GatewayError } from '../../core/error.ts'
import { GUARD_STAGES, type Guard, type GuardText } from '../../core/guardrail.ts'
import type { JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { StoredGuardrail } from '../../core/ports-guard.ts'
import type { Arrival } from '../../gateway/inbound.ts'
import { tryGuards, type TrialResult, type TrialVerdict } from '../../gateway/guard/try.ts'
import { admissionOf, type ServerDeps } from '../context.ts'
import { notFound } from './body.ts'
import {
  adminRoutes,
  nullable,
  oneOf,
  strict,
  t,
  type Ask,
  type RouteContract,
} from './contract.ts'
import { GuardrailBody } from './guardrail-input.ts'
import { Guardrails } from './guardrails.ts'

const PATH = '/admin/guardrails/try'

const ROLES = ['system', 'user', 'assistant', 'tool'] as const
const KINDS = ['text', 'thinking', 'refusal', 'tool_input', 'tool_result', 'data'] as const

const TextBody = strict({
  text: t.String(),
  role: t.Optional(oneOf(ROLES, { description: 'As the stage has it, unless given.' })),
  kind: t.Optional(oneOf(KINDS, { description: '`text` or `tool_result`, unless given.' })),
})

const TryBody = strict(
  {
    texts: t.Array(t.Union([t.String(), TextBody]), {
      minItems: 1,
      maxItems: LIMITS.guardTrialTextsMax,
    }),
    stage: t.Optional(oneOf(GUARD_STAGES, { description: '`input` unless given.' })),
    rules: t.Optional(
      t.Array(t.String({ maxLength: 63 }), {
        maxItems: LIMITS.guardTrialRulesMax,
        description:
          'Ids of guardrails, also such as are off. Absent, and without `rule`: all that are on.',
      }),
    ),
    rule: t.Optional(GuardrailBody),
    context: t.Optional(
      t.Array(t.Union([t.String(), TextBody]), {
        maxItems: LIMITS.guardTrialTextsMax,
        description: 'What was said before, for checks that judge an answer by its question.',
      }),
    ),
    model: t.Optional(t.String({ maxLength: 300, description: 'The model a client asks for.' })),
  },
  { $id: 'GuardrailTrial' },
)

const VerdictSchema = t.Object({
  rule: t.String(),
  check: t.String(),
  mode: t.String(),
  verdict: oneOf([
    'pass',
    'blocked',
    'masked',
    'flagged',
    'observed',
    'failed-open',
    'failed-closed',
  ]),
  categories: t.Array(t.String()),
  score: nullable(t.Number()),
  spans: t.Array(
    t.Object({
      text: t.Integer({
        description: 'Index in `texts`, as those before this rule have left them.',
      }),
      start: t.Integer(),
      end: t.Integer(),
      label: t.String(),
    }),
  ),
  duration_ms: t.Number(),
  failure: nullable(t.String(), { description: 'Why there was no judgement.' }),
})

const TRY = {
  summary: 'Try guardrails',
  description:
    'What they would say to these texts, up to the first that would refuse them, and what a provider (of an answer: the client) would get. What a check asks of models is charged as a request of yours.',
  tag: 'Guardrails',
  body: TryBody,
  bodyBytesMax: LIMITS.guardrailBodyBytesMax,
  answers: {
    200: t.Object(
      {
        refused_by: nullable(t.String(), { description: 'Null: it would pass.' }),
        texts: nullable(t.Array(t.String()), { description: 'Null: nobody would get them.' }),
        verdicts: t.Array(VerdictSchema),
        not_asked: t.Array(t.String(), { description: 'Those that are not for this stage.' }),
      },
      { $id: 'GuardrailTrialResult' },
    ),
  },
  errors: [404],
  examples: {
    'a new one': {
      texts: ['My card is 4111 1111 1111 1111.'],
      rule: { check: 'pii', mode: 'mask' },
    },
    all: { texts: ['Hello.'], stage: 'output' },
  },
} as const satisfies RouteContract

/** Of the unsaved one. */
const UNSAVED_ID = 'unsaved'

export function guardrailTrialRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const guardrails = new Guardrails(deps)
  const answer = async (ask: Ask<typeof TRY>) => {
    const { body, principal, reply, request, tenantId } = ask
    const { stage = 'input' } = body
    const wanted = await wantedRules(body, tenantId, guardrails)
    const asked = wanted.filter(({ rule }) => rule.stages.includes(stage))
    const guards = await Promise.all(asked.map((one) => readied(one, deps)))
    const { requestId } = admissionOf(request)
    const trial = {
      stage,
      texts: body.texts.map((one) => textOf(one, stage)),
      context: (body.context ?? []).map((one) => textOf(one, 'input')),
      tenantId,
      requestId,
      model: body.model ?? '',
      signal: request.signal,
    }
    const arrival = arrivalOf(request, { ...principal, tenantId }, requestId)
    const { clock, deadlines, guardCaller, maskings } = deps.gateway
    try {
      const tried = await tryGuards(guards, trial, {
        clock,
        deadlines,
        ...(maskings === undefined ? {} : { maskings }),
        ...(guardCaller === undefined ? {} : { caller: (rule) => guardCaller(arrival, rule) }),
      })
      const left = wanted.filter((one) => !asked.includes(one))
      return reply({ ...trialJson(tried), not_asked: left.map(({ rule }) => rule.id) })
    } finally {
      for (const guard of guards) guard.close?.()
    }
  }
  return new Elysia({ name: 'guardrail-trial-routes' }).post(PATH, ...on('POST', PATH, TRY, answer))
}

/** @throws GatewayError 404 for an id there is not, 400 for a rule that cannot be */
async function wantedRules(
  { rule, rules }: Static<typeof TryBody>,
  tenantId: string,
  guardrails: Guardrails,
): Promise<readonly StoredGuardrail[]> {
  const seen = await guardrails.seen(tenantId)
  const named = (rules ?? []).map((id) => {
    const found = seen.findLast((one) => one.rule.id === id)
    if (found === undefined) throw notFound('guardrail')
    return found
  })
  const unsaved =
    rule === undefined ? [] : [{ rule: await guardrails.asked(rule, UNSAVED_ID, tenantId) }]
  const isAll = rules === undefined && rule === undefined
  return isAll ? seen.filter((one) => one.rule.enabled) : [...named, ...unsaved]
}

/** A check of its own for the trial; of a rule that cannot be asked one that says so. */
async function readied({ problem, rule }: StoredGuardrail, deps: ServerDeps): Promise<Guard> {
  const refusing = (why: string): Guard => ({
    rule: { ...rule, mode: 'block', onFailure: 'closed' },
    reversible: false,
    sees: 'piece',
    judge: () => {
      throw new GatewayError('guardrail_unavailable', { message: why })
    },
  })
  if (problem !== undefined) return refusing(problem)
  try {
    return await deps.guard.guardrails.ready(rule)
  } catch (error) {
    if (error instanceof GatewayError) return refusing(error.message)
    throw error
  }
}

function textOf(
  given: Static<typeof TryBody>['texts'][number],
  stage: (typeof GUARD_STAGES)[number],
): GuardText {
  const { kind, role, text } = typeof given === 'string' ? { text: given } : given
  const usual = { input: 'user', tool_result: 'tool', output: 'assistant' } as const
  return {
    text,
    role: role ?? usual[stage],
    kind: kind ?? (stage === 'tool_result' ? 'tool_result' : 'text'),
  }
}

/** The request that questions to models are asked within. */
function arrivalOf(request: Request, principal: Arrival['principal'], requestId: string): Arrival {
  const { arrivedMonotonicMs, arrivedMs, from } = admissionOf(request)
  const address = from()
  return {
    dialect: 'openai-chat',
    operation: 'chat',
    endpoint: PATH,
    bytes: new Uint8Array(),
    headers: new Headers(),
    principal,
    requestId,
    ...(address === undefined ? {} : { from: address }),
    signal: request.signal,
    arrivedMs,
    arrivedMonotonicMs,
  }
}

/** What came of a trial, as it is shown. */
export function trialJson({ refusedBy, texts, verdicts }: TrialResult): JsonObject {
  return {
    refused_by: refusedBy ?? null,
    texts: refusedBy === undefined ? [...texts] : null,
    verdicts: verdicts.map(verdictJson),
  }
}

function verdictJson(told: TrialVerdict): JsonObject {
  const { categories, durationMs, failure, rule, score, spans, verdict } = told
  return {
    rule: rule.id,
    check: rule.check,
    mode: rule.mode,
    verdict,
    categories: [...categories],
    score: score ?? null,
    spans: spans.map(({ end, label, start, text }) => ({ text, start, end, label })),
    duration_ms: Math.round(durationMs * 1_000) / 1_000,
    failure: failure ?? null,
  }
}
