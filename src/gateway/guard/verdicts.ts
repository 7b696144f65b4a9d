// What became of each rule in one request: one verdict for each rule and stage, however often it was asked. Holds no text of the request.

import type { Guard, GuardrailVerdict, GuardStage } from '../../core/guardrail.ts'
import { LIMITS } from '../../core/limits.ts'

type Verdict = GuardrailVerdict['verdict']

/** The later one tells more, whichever came first. */
const RANK: readonly Verdict[] = [
  'pass',
  'observed',
  'flagged',
  'masked',
  'failed-open',
  'failed-closed',
  'blocked',
]

/** Verdicts that the client is told of. */
const TOLD: ReadonlySet<Verdict> = new Set<Verdict>(['flagged', 'masked', 'failed-open', 'blocked'])

interface Line {
  readonly guard: Guard
  readonly stage: GuardStage
  readonly startedMs: number
  readonly categories: Set<string>
  verdict: Verdict
  durationMs: number
  asked: number
}

export class Verdicts {
  private readonly lines = new Map<string, Line>()

  /** A rule was asked once. @param startedMs after the request arrived */
  asked(guard: Guard, stage: GuardStage, startedMs: number, durationMs: number): void {
    const line = this.line(guard, stage, startedMs)
    line.asked += 1
    line.durationMs += durationMs
  }

  /** What came of it. True when the rule had not come to this verdict before. */
  note(guard: Guard, stage: GuardStage, verdict: Verdict, categories: readonly string[]): boolean {
    const line = this.line(guard, stage, 0)
    for (const category of categories) {
      if (line.categories.size >= LIMITS.guardCategoriesMax) break
      line.categories.add(category.slice(0, LIMITS.guardCategoryCharsMax))
    }
    if (RANK.indexOf(verdict) <= RANK.indexOf(line.verdict)) return false
    line.verdict = verdict
    return true
  }

  has(stage: GuardStage, verdict: Verdict): boolean {
    for (const line of this.lines.values()) {
      if (line.stage === stage && line.verdict === verdict) return true
    }
    return false
  }

  list(): GuardrailVerdict[] {
    return [...this.lines.values()].map((line) => ({
      ruleId: line.guard.rule.id,
      check: line.guard.rule.check,
      stage: line.stage,
      verdict: line.verdict,
      categories: [...line.categories],
      durationMs: round(line.durationMs),
      startedMs: round(line.startedMs),
      asked: line.asked,
    }))
  }

  /** `id=verdict` of those the client is told of; undefined where there are none. */
  header(): string | undefined {
    const told = new Map<string, Verdict>()
    for (const { guard, verdict } of this.lines.values()) {
      const before = told.get(guard.rule.id)
      const tellsMore = before === undefined || RANK.indexOf(verdict) > RANK.indexOf(before)
      if (TOLD.has(verdict) && tellsMore) told.set(guard.rule.id, verdict)
    }
    if (told.size === 0) return undefined
    const tokens = [...told].map(([id, verdict]) => `${id.replace(/[^\w.-]/g, '_')}=${verdict}`)
    const shown = tokens.slice(0, LIMITS.guardHeaderRulesMax)
    const more = tokens.length - shown.length
    return shown.join(', ') + (more > 0 ? `, +${more} more` : '')
  }

  private line(guard: Guard, stage: GuardStage, startedMs: number): Line {
    const key = `${stage} ${guard.rule.id}`
    const known = this.lines.get(key)
    if (known !== undefined) return known
    const line: Line = {
      guard,
      stage,
      startedMs,
      categories: new Set(),
      verdict: 'pass',
      durationMs: 0,
      asked: 0,
    }
    this.lines.set(key, line)
    return line
  }
}

/** To microseconds: more is noise. */
function round(durationMs: number): number {
  return Math.round(durationMs * 1_000) / 1_000
}
