// The rules that hold for one request, and what they have come to: asked one after the other, each sees what the one before has masked.
// Input, whole answers and streams go through here; where their texts come from and where masked ones go is theirs.

import { GatewayError } from '../../core/error.ts'
import type {
  Guard,
  GuardJudgement,
  GuardModelCaller,
  GuardrailVerdict,
  GuardStage,
  GuardText,
} from '../../core/guardrail.ts'
import type { Loss } from '../../core/ir/loss.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Clock, Deadlines, Logger } from '../../core/ports.ts'
import type { Arrival } from '../inbound.ts'
import { logIds } from '../log-ids.ts'
import { judgement, Unanswered } from './asking.ts'
import type { GuardEvent, GuardPorts, Masking } from './ports.ts'
import { foundEdits, rewrittenEdits } from './findings.ts'
import type { Edits } from './edits.ts'
import { askedTexts, type Asked, type TextPart } from './texts.ts'
import { Verdicts } from './verdicts.ts'

export interface GuardSources extends GuardPorts {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly logger: Logger
}

/** What a rule was asked about. */
interface Asking {
  readonly stage: GuardStage
  readonly texts: readonly GuardText[]
}

/** What a rule's judgement means for the texts it was asked about. */
export type Consequence = 'block' | Edits | undefined

export class RequestGuard {
  readonly verdicts = new Verdicts()
  /** What was said before the answer. */
  context: readonly GuardText[] = []
  private readonly guards: readonly Guard[]
  private readonly inbound: Arrival
  private readonly logId: string
  private readonly model: string
  private readonly sources: GuardSources
  private readonly ending = new AbortController()
  private readonly signal: AbortSignal
  private placeholders: Masking | undefined
  private readonly left = new Set<string>()
  /** What each was last asked about. */
  private readonly asked = new Map<Guard, Asking>()
  private readonly callers = new Map<Guard, GuardModelCaller>()

  constructor(
    guards: readonly Guard[],
    { inbound, logId }: { readonly inbound: Arrival; readonly logId: string },
    model: string,
    sources: GuardSources,
  ) {
    this.guards = guards
    this.inbound = inbound
    this.logId = logId
    this.model = model
    this.sources = sources
    this.signal = AbortSignal.any([inbound.signal, this.ending.signal])
  }

  /** All of them, in their order. */
  get all(): readonly Guard[] {
    return this.guards
  }

  /** Those asked at a stage, in their order. */
  at(stage: GuardStage): readonly Guard[] {
    return this.guards.filter(({ rule }) => rule.stages.includes(stage))
  }

  /** Placeholders in an answer have to be put back. */
  get restores(): boolean {
    return this.placeholders?.active === true
  }

  get masking(): Masking | undefined {
    return this.placeholders
  }

  /** The answer has to be understood before the client gets it. */
  get watchesAnswer(): boolean {
    return this.restores || this.guards.some(({ rule }) => rule.stages.includes('output'))
  }

  /** Something of an answer is not sent because it cannot be judged. */
  lost(feature: string): void {
    this.left.add(feature)
  }

  losses(): readonly Loss[] {
    const detail = 'rules hold for what is said'
    return [...this.left].map((feature) => ({ feature, path: feature, action: 'dropped', detail }))
  }

  /** Something was replaced at a stage. */
  hasMasked(stage: GuardStage): boolean {
    return this.verdicts.has(stage, 'masked')
  }

  list(): readonly GuardrailVerdict[] {
    return this.verdicts.list()
  }

  /** The request is over: whoever judges need not go on. */
  end(): void {
    this.ending.abort(new GatewayError('client_closed'))
  }

  /**
   * Asks one rule about some texts, and takes note of what it says.
   * @returns what was found; undefined where nothing was, or where nobody answered and that lets it through
   * @throws GatewayError `guardrail_unavailable` where nobody answered and that does not; `client_closed`
   */
  ask(
    guard: Guard,
    stage: GuardStage,
    texts: readonly GuardText[],
  ): GuardJudgement | undefined | Promise<GuardJudgement | undefined> {
    const { clock, deadlines } = this.sources
    const { arrivedMonotonicMs, principal, requestId } = this.inbound
    const fromMs = clock.monotonicMs()
    this.asked.set(guard, { stage, texts })
    const over = () => {
      const nowMs = clock.monotonicMs()
      this.verdicts.asked(guard, stage, fromMs - arrivedMonotonicMs, nowMs - fromMs)
    }
    const question = {
      stage,
      texts,
      context: stage === 'input' ? [] : this.context,
      tenantId: principal.tenantId,
      requestId,
      model: this.model,
      ...this.asking(guard),
    }
    try {
      const answer = judgement(guard, question, this.signal, deadlines)
      if (!(answer instanceof Promise)) {
        over()
        return answer.hit ? answer : undefined
      }
      return answer.then(
        (told) => {
          over()
          return told.hit ? told : undefined
        },
        (error: unknown) => {
          over()
          return this.failed(guard, stage, error)
        },
      )
    } catch (error) {
      over()
      return this.failed(guard, stage, error)
    }
  }

  private asking(guard: Guard): { ask?: GuardModelCaller } {
    let caller = this.callers.get(guard)
    if (caller === undefined) {
      caller = this.sources.guardCaller?.(this.inbound, guard.rule)
      if (caller !== undefined) this.callers.set(guard, caller)
    }
    return caller === undefined ? {} : { ask: caller }
  }

  /** Nobody answered. @throws GatewayError where that ends the request */
  failed(guard: Guard, stage: GuardStage, error: unknown): undefined {
    if (!(error instanceof Unanswered)) throw error
    const { rule } = guard
    // Who only looks on stops nobody.
    const isOpen = rule.onFailure === 'open' || rule.mode === 'observe'
    this.note(guard, stage, isOpen ? 'failed-open' : 'failed-closed', [])
    const why = reasonFor(error).slice(0, LIMITS.logErrorCharsMax)
    this.sources.logger.warn('a guardrail gave no judgement', {
      rule: rule.id,
      ...logIds(this.inbound),
      lets: isOpen ? 'through' : 'nothing through',
      error: why,
    })
    if (isOpen) return undefined
    throw unavailable(rule.id, why)
  }

  /** Takes note of a verdict, and tells the audit of what ends a request, is to be looked at or was not judged. */
  note(
    guard: Guard,
    stage: GuardStage,
    verdict: GuardrailVerdict['verdict'],
    categories: readonly string[],
  ): void {
    if (!this.verdicts.note(guard, stage, verdict, categories)) return
    const isFailure = verdict === 'failed-open' || verdict === 'failed-closed'
    const action = isFailure ? 'guardrail.failed' : AUDITED[verdict]
    if (action === undefined) return
    const { arrivedMs, principal, requestId } = this.inbound
    const asked = this.asked.get(guard)
    this.sources.guardEvent?.({
      action,
      rule: guard.rule,
      stage,
      verdict,
      categories: categories.slice(0, LIMITS.guardCategoriesMax),
      texts: () => (asked?.stage === stage ? asked.texts : []),
      principal,
      requestId,
      logId: this.logId,
      arrivedMs,
      model: this.model,
    })
  }

  /** Asks one rule about parts of a whole, and says what follows. @throws GatewayError as `ask` does */
  async judge(guard: Guard, stage: GuardStage, parts: readonly TextPart[]): Promise<Consequence> {
    const asked = askedTexts(parts, guard.rule.check)
    if (asked.length === 0) return undefined
    const asking = this.ask(
      guard,
      stage,
      asked.map(({ text }) => text),
    )
    const found = asking instanceof Promise ? await asking : asking
    if (found === undefined) return undefined
    return this.follows(guard, stage, found, parts, asked)
  }

  /** What follows from a finding in whole texts. */
  private follows(
    guard: Guard,
    stage: GuardStage,
    found: GuardJudgement,
    parts: readonly TextPart[],
    asked: readonly Asked[],
  ): Consequence {
    const { mode } = guard.rule
    if (mode === 'flag' || mode === 'observe') {
      this.note(guard, stage, mode === 'flag' ? 'flagged' : 'observed', found.categories)
      return undefined
    }
    const edits = mode === 'mask' ? this.edits(guard, stage, found, parts, asked) : undefined
    // What nobody can mask does not get through.
    const isMasked = edits !== undefined && !edits.isEmpty
    this.note(guard, stage, isMasked ? 'masked' : 'blocked', found.categories)
    return isMasked ? edits : 'block'
  }

  /** Whether what nobody can read is refused for a rule, which is noted then: it needs to know what it says, and its options allow nothing else. */
  refusesUnread(guard: Guard, stage: GuardStage): boolean {
    const { mode, onFailure, options } = guard.rule
    if (mode !== 'block' && mode !== 'mask') return false
    if (onFailure === 'open' || options['unjudged'] === 'allow') return false
    this.note(guard, stage, 'blocked', ['unjudged'])
    return true
  }

  /** What could not be masked after all is blocked. */
  unmaskable(guard: Guard, stage: GuardStage): void {
    this.note(guard, stage, 'blocked', ['unmaskable'])
  }

  /** Replacements for what was found; undefined where it cannot be said what to replace. */
  private edits(
    guard: Guard,
    stage: GuardStage,
    found: GuardJudgement,
    parts: readonly TextPart[],
    asked: readonly Asked[],
  ): Edits | undefined {
    if (found.rewritten !== undefined && (found.spans ?? []).length === 0) {
      return rewrittenEdits(found.rewritten, asked)
    }
    const replace = this.replacer(guard, stage, parts)
    const { check } = guard.rule
    return replace && foundEdits(found.spans ?? [], { parts, asked, replace, check })
  }

  /** Gives a value what stands in its place; undefined where nothing can be masked here. */
  replacer(
    { reversible, rule }: Guard,
    stage: GuardStage,
    parts: readonly TextPart[],
  ): ((value: string, label: string) => string) | undefined {
    const { maskings } = this.sources
    if (maskings === undefined) return undefined
    this.placeholders ??= maskings.create()
    const masking = this.placeholders
    const wanted = maskings.style(rule, stage)
    // What an answer has lost is nobody's to put back.
    const style = wanted === 'placeholder' && (stage === 'output' || !reversible) ? 'label' : wanted
    masking.mask(
      parts.map(({ text }) => text),
      [],
      style,
    )
    return (value, label) =>
      masking.mask([value], [{ text: 0, start: 0, end: value.length, label }], style)[0]!
  }
}

/** Findings that the audit is told of. */
const AUDITED: Readonly<Partial<Record<GuardrailVerdict['verdict'], GuardEvent['action']>>> = {
  blocked: 'guardrail.blocked',
  flagged: 'guardrail.flagged',
}

/** The error of a request that a rule refuses. Names the rule, never what was found. */
export function refusedBy(ruleId: string): GatewayError {
  return new GatewayError('content_filter', {
    message: `The request was refused by the content rule '${ruleId}'.`,
  })
}

/** Why there was no judgement, for the log: words of ours. What anything else that was thrown says may quote the text that was judged. */
function reasonFor({ cause, message }: Unanswered): string {
  if (cause === undefined) return message
  if (cause instanceof GatewayError) {
    return typeof cause.cause === 'string' ? cause.cause : cause.message
  }
  return cause instanceof Error ? cause.name : 'it failed'
}

function unavailable(ruleId: string, cause: string): GatewayError {
  return new GatewayError('guardrail_unavailable', {
    message: `The content rule '${ruleId}' could not be checked.`,
    retryAfterMs: LIMITS.guardRetryAfterMs,
    cause,
  })
}
