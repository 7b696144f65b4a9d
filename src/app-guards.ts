// What the server is given of guardrails and feature flags: rules of file and store, what keeps them from being asked, and checks to try. It
// puts together and decides nothing.

import type { Config } from './config/config.ts'
import { flagsInOrder } from './core/flag-order.ts'
import type { GuardrailRule } from './core/guardrail.ts'
import { modelAsked } from './core/guardrail-model.ts'
import { outboundNetwork } from './core/network.ts'
import { DEFAULT_TENANT_ID } from './core/principal.ts'
import type { GatewayDeps } from './gateway/deps.ts'
import { judgeCatalog } from './gateway/guard/judge-catalog.ts'
import { resolve } from './gateway/resolve.ts'
import type { GuardService } from './guard-service.ts'
import type { GuardDeps, GuardrailProblem } from './server/admin/guard-deps.ts'
import type { Store } from './storage/store.ts'

export interface GuardParts {
  readonly gateway: GatewayDeps
  readonly guards: GuardService
  readonly store: Store
  config(): Config
}

export function guardDeps({ config, gateway, guards, store }: GuardParts): GuardDeps {
  return {
    guardrails: {
      rules: store.guardrailRules,
      declared: () => config().guardrails,
      problems: (tenantId) => [
        ...guards
          .problems()
          .filter((one) => tenantId === undefined || (one.tenantId ?? tenantId) === tenantId),
        ...missingModels(guards.rulesOf(tenantId), tenantId, gateway),
      ],
      ready: (rule) => guards.readyFor(rule),
      prove: async (rule) => (await guards.readyFor(rule)).close?.(),
      mayReachInner: (url) => outboundNetwork(url, false, config().network).allowPrivate === true,
    },
    flags: {
      rules: store.flagRules,
      inOrder: (stored) => flagsInOrder(config().flags, stored),
    },
  }
}

/** Rules whose check asks a model that is not there: nobody answers, and what follows is what the rule says of that. */
function missingModels(
  rules: readonly GuardrailRule[],
  tenantId: string | undefined,
  gateway: GatewayDeps,
): GuardrailProblem[] {
  return rules.flatMap((rule) => {
    const { enabled, id, tenantId: owner } = rule
    const model = modelAsked(rule)
    if (!enabled || model === undefined) return []
    const catalog = judgeCatalog(rule, model, tenantId ?? DEFAULT_TENANT_ID, gateway)
    if (resolve(model, catalog, gateway.directory) !== undefined) return []
    const problem = `There is no model ${model} for its check to ask.`
    return [{ id, problem, ...(owner === undefined ? {} : { tenantId: owner }) }]
  })
}
