// Whether the guardrails of a configuration can be asked: every pattern compiled, every schema read. Reading the file alone does not tell, and
// whoever has no guardrail does not pay for the engine that does.

import type { Config } from '../config/config.ts'
import { childPath } from '../config/lines.ts'
import type { ConfigProblem } from '../config/problem.ts'

/** What is wrong with them, in the words of the file; values are never repeated. */
export async function guardrailProblems({ guardrails }: Config): Promise<ConfigProblem[]> {
  if (guardrails.length === 0) return []
  const { checkProblems } = await import('../guardrails/ready.ts')
  return guardrails.flatMap(({ check, options }, index) =>
    checkProblems(check, options).map(({ path, problem }) => ({
      path: path
        .split('.')
        .filter((part) => part !== '')
        .reduce(
          (at, part) => childPath(at, /^\d+$/.test(part) ? Number(part) : part),
          childPath('guardrails', index),
        ),
      message: problem,
    })),
  )
}
