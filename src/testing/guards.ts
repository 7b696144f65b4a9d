// Guards made by hand for tests: they find words, mask them, or fail as a service outside would. They remember what they were asked.

import { Masking, maskStyle } from '../guardrails/mask.ts'
import type { Guard, GuardJudgement, GuardQuestion, GuardrailRule } from '../core/guardrail.ts'
import type { GatewayDeps } from '../gateway/deps.ts'
import type { GuardEvent } from '../gateway/guard/ports.ts'

export interface TestGuard extends Guard {
  readonly questions: GuardQuestion[]
}

/** A rule of input, tool results and output that blocks, unless told otherwise. */
export function testRule(over: Partial<GuardrailRule> = {}): GuardrailRule {
  return {
    id: 'words',
    origin: 'file',
    enabled: true,
    stages: ['input', 'tool_result', 'output'],
    mode: 'block',
    check: 'words',
    options: {},
    timeoutMs: 200,
    onFailure: 'closed',
    windowChars: 32,
    ...over,
  }
}

export interface TestGuardOptions {
  /** What it finds. */
  readonly pattern?: RegExp
  readonly label?: string
  readonly sees?: Guard['sees']
  readonly reversible?: boolean
  /** Says what was found, and not where. */
  readonly withoutSpans?: boolean
  /** Answers later, after this was waited for. */
  readonly later?: () => Promise<unknown>
  /** Answers in place of the pattern. */
  readonly judge?: (question: GuardQuestion) => GuardJudgement | Promise<GuardJudgement>
}

export function testGuard(
  rule: Partial<GuardrailRule> = {},
  options: TestGuardOptions = {},
): TestGuard {
  const { label = 'secret', later, pattern = /secret-word/g, withoutSpans } = options
  const questions: GuardQuestion[] = []
  const found = ({ texts }: GuardQuestion): GuardJudgement => {
    const spans = texts.flatMap(({ text }, index) =>
      [...text.matchAll(pattern)].map((match) => ({
        text: index,
        start: match.index,
        end: match.index + match[0].length,
        label,
      })),
    )
    const hit = spans.length > 0
    const places = withoutSpans === true ? {} : { spans }
    return { hit, categories: hit ? [label] : [], ...places }
  }
  return {
    rule: testRule(rule),
    reversible: options.reversible ?? true,
    sees: options.sees ?? 'piece',
    questions,
    judge(question) {
      questions.push(question)
      const judged = options.judge ?? found
      return later === undefined ? judged(question) : later().then(() => judged(question))
    },
  }
}

/** Puts guards into a gateway. @returns the events that the audit would be told of */
export function withGuards(deps: GatewayDeps, ...guards: Guard[]): GuardEvent[] {
  const events: GuardEvent[] = []
  Object.assign(deps, {
    guards: () => (guards.length === 0 ? undefined : guards),
    maskings: { create: () => new Masking(), style: maskStyle },
    guardEvent: (event: GuardEvent) => events.push(event),
  } satisfies Partial<GatewayDeps>)
  return events
}
