// Whether the guardrails that are on can be asked: each is made ready, and those that ask a service outside ask it about one harmless text. A
// rule that fails here refuses requests, or lets them through unjudged, as it says itself.

import type { Config } from '../config/config.ts'
import { GatewayError } from '../core/error.ts'
import type { Guard, GuardrailRule } from '../core/guardrail.ts'
import { modelAsked } from '../core/guardrail-model.ts'
import { checkDescription } from '../core/guardrail-options.ts'
import type { StoredGuardrail } from '../core/ports-guard.ts'
import { tryGuards } from '../gateway/guard/try.ts'
import type { Catalog } from '../gateway/snapshot.ts'
import { GuardService } from '../guard-service.ts'
import { systemClock } from '../system.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { SharedDeadlines } from '../transport/deadlines.ts'
import { createTransport } from '../transport/http-transport.ts'
import { type Finding, runStep, type Step, StepFailure } from './doctor-steps.ts'

export interface GuardExamination {
  readonly config: Config
  readonly rules: readonly StoredGuardrail[]
  /** What the tenant sees, for checks that ask a model. */
  readonly catalog: Catalog
  readonly tenantId: string
}

/** What tries each guardrail that is on, in the order in which they are asked; any of them at once. */
export function guardExaminations({
  catalog,
  config,
  rules,
  tenantId,
}: GuardExamination): (() => Promise<Step>)[] {
  const deadlines = new SharedDeadlines(systemClock)
  const transport = createTransport(systemClock, deadlines)
  const ports = { transport, clock: systemClock, logger: SILENT_LOGGER, config: () => config }
  const service = new GuardService(ports)
  const enabled = rules.filter(({ rule }) => rule.enabled)
  return enabled.map(({ problem, rule }) => async () => {
    const work = async (): Promise<Finding> => {
      if (problem !== undefined) throw failure(rule, problem)
      const guard = await ready(rule, service)
      try {
        return await asked(guard, catalog, tenantId, deadlines)
      } finally {
        guard.close?.()
      }
    }
    const step = await runStep('guardrail', systemClock.monotonicMs, work)
    return { ...step, label: rule.id }
  })
}

async function ready(rule: GuardrailRule, service: GuardService): Promise<Guard> {
  try {
    return await service.readyFor(rule)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    throw failure(rule, error.message)
  }
}

async function asked(
  guard: Guard,
  catalog: Catalog,
  tenantId: string,
  deadlines: SharedDeadlines,
): Promise<Finding> {
  const { rule } = guard
  const model = modelAsked(rule)
  if (model !== undefined) return modelFinding(rule, model, catalog)
  if (checkDescription(rule.check)?.asks !== true) return `${rule.check}, judged in this program`
  const [stage = 'input'] = rule.stages
  const { Masking, maskStyle } = await import('../guardrails/mask.ts')
  const { verdicts } = await tryGuards(
    [guard],
    {
      stage,
      texts: [{ text: 'Hello.', role: 'user', kind: 'text' }],
      context: [],
      tenantId,
      requestId: 'weir doctor',
      model: '',
      signal: new AbortController().signal,
    },
    {
      clock: systemClock,
      deadlines,
      maskings: { create: () => new Masking(), style: maskStyle },
    },
  )
  const [told] = verdicts
  if (told?.failure !== undefined) throw failure(rule, told.failure)
  const result = `${rule.check} answers`
  if (told?.verdict === 'pass') return result
  const reason = 'it finds something in the text ‘Hello.’'
  return { result, warning: { reason, todo: 'Look at its rules.' } }
}

/** A server that runs may know more names than the catalogue; what it can tell is whether the provider is there. */
function modelFinding({ check }: GuardrailRule, model: string, catalog: Catalog): Finding {
  const [provider = ''] = model.split('/', 1)
  const isKnown = catalog.models.has(model) || catalog.providers.has(provider)
  if (isKnown) return `${check}, asks the model ${model}`
  return {
    result: `${check}, asks the model ${model}`,
    warning: {
      reason: 'no alias and no provider of that name is known',
      todo: 'See weir models list. A name that only a provider lists may be meant.',
    },
  }
}

function failure({ mode, onFailure }: GuardrailRule, reason: string): StepFailure {
  const isOpen = onFailure === 'open' || mode === 'observe'
  const todo = isOpen
    ? 'Until it answers, what it concerns is let through unjudged.'
    : 'Until it answers, what it concerns is refused with 503.'
  return new StepFailure({ reason, todo })
}
