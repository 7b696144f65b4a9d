// One rule asked once: its deadline, its failure policy, and the proof that what it answers is a judgement. What follows from one is decided
// by whoever asks.

import { GatewayError } from '../../core/error.ts'
import type { Guard, GuardJudgement, GuardQuestion } from '../../core/guardrail.ts'
import { isObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Deadlines } from '../../core/ports.ts'

/** Nobody answered in time, or what was answered is no judgement. The cause is for the log. */
export class Unanswered extends Error {}

/**
 * The judgement of a rule on some texts; at once where nobody outside is asked.
 * @param signal aborts when the client leaves, or the request is over
 * @throws Unanswered; GatewayError `client_closed` where the signal has ended it
 */
export function judgement(
  guard: Guard,
  question: Omit<GuardQuestion, 'signal'>,
  signal: AbortSignal,
  deadlines: Deadlines,
): GuardJudgement | Promise<GuardJudgement> {
  const deadline = new AbortController()
  const both = AbortSignal.any([signal, deadline.signal])
  let answer: GuardJudgement | Promise<GuardJudgement>
  try {
    answer = guard.judge({ ...question, signal: both })
  } catch (error) {
    throw unanswered(error)
  }
  if (!(answer instanceof Promise)) return proven(answer, question.texts.length)
  return inTime(answer, question.texts.length, guard.rule.timeoutMs, {
    signal,
    deadline,
    deadlines,
  })
}

interface Ends {
  readonly signal: AbortSignal
  readonly deadline: AbortController
  readonly deadlines: Deadlines
}

async function inTime(
  answer: Promise<GuardJudgement>,
  texts: number,
  timeoutMs: number,
  { deadline, deadlines, signal }: Ends,
): Promise<GuardJudgement> {
  const ended = Promise.withResolvers<never>()
  const leave = () => ended.reject(new GatewayError('client_closed'))
  const timer = deadlines.after(timeoutMs, () => {
    ended.reject(new Unanswered(`no judgement within ${timeoutMs} ms`))
    deadline.abort(new GatewayError('guardrail_unavailable'))
  })
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  try {
    return proven(await Promise.race([answer, ended.promise]), texts)
  } catch (error) {
    if (error instanceof GatewayError && error.kind === 'client_closed') throw error
    throw unanswered(error)
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', leave)
    // What lost the race may fail in its own time.
    ended.promise.catch(() => undefined)
    answer.catch(() => undefined)
  }
}

function unanswered(error: unknown): Unanswered {
  if (error instanceof Unanswered) return error
  return new Unanswered(error instanceof Error ? error.message : 'the check failed', {
    cause: error,
  })
}

/** A check is code of ours and answers of others: what is no judgement is none. @throws Unanswered */
function proven(answer: GuardJudgement, texts: number): GuardJudgement {
  const spans = answer?.spans
  const isJudgement =
    isObject(answer) && typeof answer.hit === 'boolean' && Array.isArray(answer.categories)
  if (!isJudgement) throw new Unanswered('the answer is no judgement')
  if (answer.rewritten !== undefined && answer.rewritten.length !== texts) {
    throw new Unanswered('the answer rewrites other texts than were asked')
  }
  if (spans !== undefined && spans.length > LIMITS.guardSpansMax) {
    throw new Unanswered('the answer names too many places')
  }
  return answer
}
