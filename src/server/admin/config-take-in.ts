// Taking a configuration in, from its text to what came of it: read, planned, proven and, where nothing stands against it, applied. The
// management API and the command line go through here; who may ask is decided before.

import type { JsonObject } from '../../core/json.ts'
import type { ServerDeps } from '../context.ts'
import { ConfigImport, type ImportAsking, isChange, stepJson } from './config-import.ts'
import { planImport, type PlanStep } from './config-plan.ts'
import type { ImportProblem } from './settings-deps.ts'

export interface TakeIn {
  readonly yaml: string
  /** What `${NAME}` stands for. */
  readonly secrets: Readonly<Record<string, string>>
  readonly isDryRun: boolean
  readonly isReplacing: boolean
  /** Whether settings may be changed by whoever asks. */
  readonly maySet: boolean
}

/**
 * The report: `applied`, `plan`, `problems`, `skipped`.
 * @returns rejects with GatewayError where a step failed; those before it are taken back then
 */
export async function takeIn(
  { isDryRun, isReplacing, maySet, secrets, yaml }: TakeIn,
  asking: ImportAsking,
  deps: ServerDeps,
): Promise<JsonObject> {
  const { actor, principal, rule, tenantId } = asking
  const read = deps.configuration.read(yaml, {
    format: 'yaml',
    secrets,
    providerIds: [...deps.gateway.snapshot().of(tenantId).providers.keys()],
  })
  const { skipped } = read
  if (read.problems.length > 0) return report([], read.problems, skipped)
  const plan = await planImport(read, { principal, tenantId, isReplacing, maySet }, deps)
  if (plan.some(({ action }) => action === 'forbidden')) deps.denials.note(actor, rule)
  const work = new ConfigImport(asking, deps)
  const problems = await work.problems(plan)
  const isStopped = plan.some(({ action }) => action === 'conflict' || action === 'forbidden')
  if (isDryRun || problems.length > 0 || isStopped) return report(plan, problems, skipped)
  if (plan.filter(isChange).length > 0) await work.apply(plan)
  return { ...report(plan, [], skipped), applied: true }
}

function report(
  plan: readonly PlanStep[],
  problems: readonly ImportProblem[],
  skipped: readonly { readonly path: string; readonly line: number | null }[],
): JsonObject {
  return {
    applied: false,
    plan: plan.map(stepJson),
    problems: problems.map(({ line, message, path, suggestion }) => ({
      path,
      line: line ?? null,
      message,
      suggestion: suggestion ?? null,
    })),
    skipped: skipped.map(({ line, path }) => ({ path, line })),
  }
}
