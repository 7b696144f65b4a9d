// The order in which rules of feature flags are asked, whoever made them: what holds for a tenant before what holds for all, and in each the
// file before the store, which nobody who runs the program from outside may overrule. Pure.

import { flagProblem, isFlagName, type FlagRule } from './flags.ts'
import type { StoredFlag } from './ports-guard.ts'

/**
 * Rules as `Flags` wants them. What the store has of another version (a flag that is gone, a value that is none any more) is passed over.
 */
export function flagsInOrder(
  declared: readonly FlagRule[],
  stored: readonly StoredFlag[],
): FlagRule[] {
  const all = [...declared, ...stored.filter(isRule)]
  const isTenants = ({ tenantId }: FlagRule) => tenantId !== undefined
  return [...all.filter(isTenants), ...all.filter((rule) => !isTenants(rule))]
}

function isRule(stored: StoredFlag): stored is StoredFlag & FlagRule {
  return isFlagName(stored.flag) && flagProblem(stored.flag, stored.value) === undefined
}
