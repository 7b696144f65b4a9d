// A question that nobody has answered: one error for every way in which a check outside can fail. Its cause is for the log and made of our
// own words, codes and numbers alone: what a service says of a request may repeat its text.

import { endReason } from '../../core/end-reason.ts'
import { GatewayError } from '../../core/error.ts'
import type { GuardQuestion, GuardrailRule } from '../../core/guardrail.ts'

const RETRY_AFTER_MS = 2_000

/** Ends of a question that say nothing of whoever was asked. */
const DECIDED = 'it is decided already'
const CALLED_OFF = 'called off'

/** @param cause for the log; holds nothing of the request and no address */
export function unavailable(cause: string, retryAfterMs = RETRY_AFTER_MS): GatewayError {
  return new GatewayError('guardrail_unavailable', { cause, retryAfterMs })
}

/** What somebody threw, as the check's own error. A client that has left and a server that stops stay what they are. */
export function asUnavailable(thrown: unknown): GatewayError {
  if (!(thrown instanceof GatewayError)) {
    return unavailable(`unexpected: ${thrown instanceof Error ? thrown.name : typeof thrown}`)
  }
  const { kind } = thrown
  if (kind === 'guardrail_unavailable' || kind === 'client_closed' || kind === 'shutting_down') {
    return thrown
  }
  const code = (thrown.cause as { code?: unknown } | undefined)?.code
  return unavailable(typeof code === 'string' ? `${kind}: ${code}` : kind)
}

/** Whether a signal tells that time is over: then whoever was asked has failed. A client that left says nothing of them. */
export function isLate({ reason }: AbortSignal): boolean {
  return (
    reason instanceof GatewayError &&
    reason.kind === 'guardrail_unavailable' &&
    reason.cause !== DECIDED &&
    reason.cause !== CALLED_OFF
  )
}

/**
 * Runs a judgement within the rule's time, whatever those who are asked make of the signal that they get.
 * @throws GatewayError `guardrail_unavailable`; `client_closed` or `shutting_down` where that was the reason
 */
export async function withinTime<T>(
  rule: GuardrailRule,
  question: GuardQuestion,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal } = question
  const controller = new AbortController()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  void Promise.allSettled([ended])
  const end = (error: GatewayError) => {
    reject(error)
    controller.abort(error)
  }
  // A signal of the asker's that carries no reason of ours is the rule's deadline or a client that has left: nobody answers either.
  const leave = () =>
    end(
      signal.reason instanceof GatewayError
        ? asUnavailable(endReason(signal))
        : unavailable(CALLED_OFF),
    )
  const timer = setTimeout(() => end(unavailable('no answer in time')), rule.timeoutMs)
  signal.addEventListener('abort', leave, { once: true })
  try {
    if (signal.aborted) leave()
    // Where it was called off already nothing is asked.
    return await Promise.race([ended, controller.signal.aborted ? ended : run(controller.signal)])
  } catch (thrown) {
    throw asUnavailable(thrown)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
    // What is still asked of others is of no use any more.
    if (!controller.signal.aborted) controller.abort(unavailable(DECIDED))
  }
}
