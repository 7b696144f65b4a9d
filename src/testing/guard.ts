// What tests of guardrails begin with: rules, questions, and services outside that answer as a test wants, on loopback.

import { GatewayError } from '../core/error.ts'
import type {
  GuardCheckKind,
  GuardJudgement,
  GuardModelCaller,
  GuardQuestion,
  GuardrailRule,
} from '../core/guardrail.ts'
import type { JsonObject } from '../core/json.ts'
import type { NetworkSettings } from '../core/catalog.ts'
import { GuardServers } from '../guardrails/external/servers.ts'
import { systemClock } from '../system.ts'
import { transport } from './transport.ts'

export function guardRule(
  check: GuardCheckKind,
  options: JsonObject,
  over: Partial<GuardrailRule> = {},
): GuardrailRule {
  return {
    id: 'rule',
    origin: 'file',
    enabled: true,
    stages: ['input', 'tool_result', 'output'],
    mode: 'block',
    check,
    options,
    // Tests that are about time set their own: a machine that stands still for a while must not make a service late.
    timeoutMs: 60_000,
    onFailure: 'closed',
    windowChars: 200,
    ...over,
  }
}

/** A question about texts of a user. */
export function guardQuestion(
  texts: readonly string[],
  over: Partial<GuardQuestion> = {},
): GuardQuestion {
  const role = over.stage === 'output' ? 'assistant' : 'user'
  return {
    stage: 'input',
    texts: texts.map((text) => ({ text, role, kind: 'text' })),
    context: [],
    tenantId: 'default',
    requestId: 'req-1',
    model: 'fast',
    signal: new AbortController().signal,
    ...over,
  }
}

/** Services as the program has them, over the real transport. */
export function guardServers(
  network: (url: string, isOperators: boolean, own: NetworkSettings) => NetworkSettings = (
    _url,
    _isOperators,
    own,
  ) => ({ allowPrivate: true, ...own }),
): GuardServers {
  return new GuardServers({ transport: transport(), clock: systemClock, network })
}

/** The error that a judgement ends with. */
export async function judgeFailure(
  judging: () => GuardJudgement | Promise<GuardJudgement>,
): Promise<GatewayError> {
  try {
    const judgement = await judging()
    throw new Error(`it judged: ${JSON.stringify(judgement)}`)
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
}

/** A model that answers with a text of the test's. */
export function answeringModel(
  answer: (
    asked: Parameters<GuardModelCaller['chat']>[0],
  ) => Awaited<ReturnType<GuardModelCaller['chat']>> | Promise<never>,
): GuardModelCaller {
  const none = () => Promise.reject(new Error('not asked for'))
  return { chat: async (asked) => await answer(asked), embed: none, moderate: none }
}
