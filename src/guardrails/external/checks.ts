// The checks that ask somebody outside, as the registry of kinds wants them (`guardrails/ready.ts`). It asks nobody.

import { GatewayError } from '../../core/error.ts'
import type { Guard, GuardCheckKind, GuardrailRule } from '../../core/guardrail.ts'
import type { OptionProblem } from '../../core/guardrail-option.ts'
import type { JsonObject } from '../../core/json.ts'
import type { CheckModule, GuardDeps } from '../check.ts'
import { llamaGuard } from './llama-guard.ts'
import { moderationGuard } from './moderation.ts'
import { nemoGuard } from './nemo.ts'
import { presidioGuard } from './presidio.ts'
import { GuardServers } from './servers.ts'
import { shieldGemmaGuard } from './shield-gemma.ts'
import { unavailable } from './unavailable.ts'
import { webhookGuard } from './webhook.ts'

type Make = (rule: GuardrailRule, deps: Pick<GuardDeps, 'clock' | 'servers'>) => Guard

function check(kind: GuardCheckKind, make: Make): CheckModule {
  return { make, problems: (options) => problemsOf(kind, options, make) }
}

/** Kinds and who judges them. */
export const EXTERNAL: Readonly<Partial<Record<GuardCheckKind, CheckModule>>> = {
  nemo: check('nemo', (rule, { clock, servers }) => nemoGuard(rule, servers, clock)),
  presidio: check('presidio', (rule, { clock, servers }) => presidioGuard(rule, servers, clock)),
  moderation: check('moderation', (rule, { servers }) => moderationGuard(rule, servers)),
  llama_guard: check('llama_guard', llamaGuard),
  shield_gemma: check('shield_gemma', shieldGemmaGuard),
  webhook: check('webhook', (rule, { clock, servers }) => webhookGuard(rule, servers, clock)),
}

/** Makes the check for nobody: what it refuses is the problem. */
function problemsOf(kind: GuardCheckKind, options: JsonObject, make: Make): OptionProblem[] {
  const rule: GuardrailRule = {
    id: 'proof',
    origin: 'file',
    enabled: true,
    stages: ['input'],
    mode: 'block',
    check: kind,
    options,
    timeoutMs: 1,
    onFailure: 'closed',
    windowChars: 1,
  }
  const clock = { nowMs: () => 0, monotonicMs: () => 0 }
  const servers = new GuardServers({
    transport: { send: () => Promise.reject(unavailable('it is only proven')) },
    clock,
    network: () => ({}),
  })
  try {
    make(rule, { clock, servers })
    return []
  } catch (error) {
    if (!(error instanceof GatewayError) || error.param === null) throw error
    const path = error.param.replace(/^options\./, '')
    const problem = error.message.replace(/^The option '[^']*' /, '').replace(/\.$/, '')
    return [{ path, problem }]
  }
}
