// Rules tried on texts that nobody sends anywhere: what each would say, what it would mask, how long it takes. The same way through the
// rules as a request's, so that what is seen here is what happens there; no request is recorded, and nothing is kept.

import { GatewayError } from '../../core/error.ts'
import type {
  Guard,
  GuardJudgement,
  GuardModelCaller,
  GuardQuestion,
  GuardrailRule,
  GuardrailVerdict,
  GuardSpan,
} from '../../core/guardrail.ts'
import type { Clock, Deadlines } from '../../core/ports.ts'
import { judgement, Unanswered } from './asking.ts'
import type { Masking, Maskings } from './ports.ts'

export interface TrialPorts {
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** Absent: nothing can be masked, so that what would be is refused. */
  readonly maskings?: Maskings
  /** Asks models for the check of a rule; absent: rules that ask one give no judgement. */
  caller?(rule: GuardrailRule): GuardModelCaller
}

/** What is asked about. */
export type Trial = Omit<GuardQuestion, 'ask'>

/** What one rule said. */
export interface TrialVerdict {
  readonly rule: GuardrailRule
  readonly verdict: GuardrailVerdict['verdict']
  readonly categories: readonly string[]
  readonly score?: number
  /** Places in the texts as this rule saw them. */
  readonly spans: readonly GuardSpan[]
  readonly durationMs: number
  /** Why there was no judgement, for whoever made the rule. */
  readonly failure?: string
}

export interface TrialResult {
  /** The rule that refuses, by its finding or because nobody answered for it; absent: it would pass. */
  readonly refusedBy?: string
  /** The texts as the rules have left them. */
  readonly texts: readonly string[]
  /** One for each rule that was asked: after one that refuses, no other is. */
  readonly verdicts: readonly TrialVerdict[]
}

/**
 * Asks the rules in their order, each about what the ones before have left; those of other stages are passed over.
 * @throws GatewayError `client_closed`
 */
export async function tryGuards(
  guards: readonly Guard[],
  trial: Trial,
  ports: TrialPorts,
): Promise<TrialResult> {
  const masking = ports.maskings?.create()
  const verdicts: TrialVerdict[] = []
  let { texts } = trial
  const left = () => texts.map(({ text }) => text)
  for (const guard of guards) {
    if (!guard.rule.stages.includes(trial.stage)) continue
    const { found, told } = await tryOne(guard, { ...trial, texts }, ports)
    const masked =
      told.verdict === 'masked'
        ? maskedTexts(guard, found!, left(), trial, masking, ports)
        : undefined
    const verdict = told.verdict === 'masked' && masked === undefined ? 'blocked' : told.verdict
    verdicts.push({ ...told, verdict })
    if (verdict === 'blocked' || verdict === 'failed-closed') {
      return { refusedBy: guard.rule.id, texts: left(), verdicts }
    }
    if (masked !== undefined) {
      texts = texts.map((one, index) => ({ ...one, text: masked[index] ?? one.text }))
    }
  }
  return { texts: left(), verdicts }
}

/** The texts with what was found replaced; undefined where that cannot be. */
function maskedTexts(
  { rule }: Guard,
  { rewritten, spans = [] }: GuardJudgement,
  texts: readonly string[],
  { stage }: Trial,
  masking: Masking | undefined,
  { maskings }: TrialPorts,
): readonly string[] | undefined {
  if (spans.length === 0) return rewritten
  if (masking === undefined || maskings === undefined) return undefined
  return masking.mask(texts, spans, maskings.style(rule, stage))
}

async function tryOne(
  guard: Guard,
  trial: Trial,
  { caller, clock, deadlines }: TrialPorts,
): Promise<{ readonly told: TrialVerdict; readonly found?: GuardJudgement }> {
  const { rule } = guard
  const { signal, ...question } = trial
  const fromMs = clock.monotonicMs()
  const about = () => ({ rule, durationMs: clock.monotonicMs() - fromMs })
  try {
    const ask = caller?.(rule)
    const asked = ask === undefined ? question : { ...question, ask }
    const found = await judgement(guard, asked, signal, deadlines)
    const { categories, score, spans = [] } = found
    const scored = score === undefined ? {} : { score }
    return {
      told: { ...about(), verdict: verdictOf(rule, found), categories, spans, ...scored },
      found,
    }
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error
    // Who only looks on stops nobody.
    const isOpen = rule.onFailure === 'open' || rule.mode === 'observe'
    const verdict = isOpen ? 'failed-open' : 'failed-closed'
    return { told: { ...about(), verdict, categories: [], spans: [], failure: reasonOf(error) } }
  }
}

function verdictOf({ mode }: GuardrailRule, found: GuardJudgement): TrialVerdict['verdict'] {
  if (!found.hit) return 'pass'
  if (mode === 'flag') return 'flagged'
  if (mode === 'observe') return 'observed'
  const isPlaced = (found.spans?.length ?? 0) > 0 || found.rewritten !== undefined
  return mode === 'mask' && isPlaced ? 'masked' : 'blocked'
}

/** Why there was no judgement, in words for whoever runs the check. */
function reasonOf(error: Unanswered): string {
  const { cause } = error
  if (!(cause instanceof GatewayError)) return error.message
  return typeof cause.cause === 'string' ? cause.cause : cause.message
}
