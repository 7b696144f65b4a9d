// Which rules of limits and budgets a tenant sees: its own, and of the operator's those that hold for anything it has. Where there is but one
// tenant that is all of them. Pure.

import type { BudgetRule, LimitRule } from '../../core/money.ts'
import { matchesPattern } from '../../core/principal.ts'
import { tenantPlaces } from '../../gateway/limit-places.ts'
import type { Snapshot } from '../../gateway/snapshot.ts'

/** Whether a rule is a tenant's to see: a rule for one of another tenant would tell that it is there. */
export function concernsTenant(
  rule: Pick<LimitRule | BudgetRule, 'only' | 'origin' | 'per' | 'tenantId'>,
  tenantId: string,
  snapshot: Snapshot,
): boolean {
  const { only, origin, per } = rule
  if (rule.tenantId !== undefined && rule.tenantId !== tenantId) return false
  if (origin === 'store' || only === undefined || !snapshot.rights.hasManyTenants) return true
  // An address is nobody's.
  if (per === 'ip' || per === 'global') return true
  return tenantPlaces(per, tenantId, snapshot).some(({ subject }) =>
    subject.names.some((name) => matchesPattern(only, name)),
  )
}
