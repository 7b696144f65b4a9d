// Guardrails of an import: the steps that change them, by the same ways that single changes go, and how each is taken back. Apart from
// `config-import.ts` only because of its length.

import type { GuardrailRule } from '../../core/guardrail.ts'
import type { ServerDeps } from '../context.ts'
import type { ImportAsking } from './config-import.ts'
import type { PlanStep } from './config-plan.ts'
import { Guardrails } from './guardrails.ts'

export class GuardrailImport {
  private readonly asking: ImportAsking
  private readonly deps: ServerDeps

  constructor(asking: ImportAsking, deps: ServerDeps) {
    this.asking = asking
    this.deps = deps
  }

  /** Proves what would be taken in. @throws GatewayError `invalid_request` */
  async look({ thing }: PlanStep): Promise<void> {
    if (thing !== undefined) await this.proven(thing.value as GuardrailRule)
  }

  /** @returns what takes it back, the order that there was included */
  async run({ action, name, thing }: PlanStep): Promise<() => Promise<unknown>> {
    const { actor, tenantId } = this.asking
    const { rules } = this.deps.guard.guardrails
    const there = (await rules.list(tenantId)).map(({ rule }) => rule)
    const before = there.find(({ id }) => id === name)
    if (action === 'delete' || thing === undefined) await rules.remove(tenantId, name, actor)
    else await rules.save(tenantId, await this.proven(thing.value as GuardrailRule), actor)
    return async () => {
      if (before === undefined) return await rules.remove(tenantId, name, actor)
      await rules.save(tenantId, before, actor)
      const ids = there.map(({ id }) => id)
      return await rules.reorder(tenantId, ids, actor)
    }
  }

  private async proven(rule: GuardrailRule): Promise<GuardrailRule> {
    const own = { ...rule, tenantId: this.asking.tenantId }
    // Models may be of the same import: whether there is one is not asked.
    await new Guardrails(this.deps).prove(own)
    return own
  }
}
