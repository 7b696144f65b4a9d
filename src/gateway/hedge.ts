// Two targets asked for one answer: the second after the first has kept silent for a while. The first good answer wins and the
// other is cut off at once. It decides nothing about who is asked.

import { GatewayError } from '../core/error.ts'
import type { UpstreamResponse } from '../core/ports.ts'
import { isFailure, type Reached, type TargetFailure } from './target-run.ts'

export interface HedgeOptions<T> {
  readonly afterMs: number
  /** Fires when nobody waits for the answer any more. */
  readonly signal: AbortSignal
  first(signal: AbortSignal): Promise<Reached<T> | TargetFailure>
  /** Undefined when there is nobody to ask. */
  second(signal: AbortSignal): Promise<Reached<T> | TargetFailure> | undefined
}

/**
 * The first good answer of the two, else the failure that is the request's own, else that of the one that failed last. A first that fails before the second was asked is
 * told at once. Rejects only for a fault of this program.
 */
export async function hedged<T extends { readonly upstream: UpstreamResponse }>(
  options: HedgeOptions<T>,
): Promise<Reached<T> | TargetFailure> {
  const one = new Leg(options.signal)
  const first = options.first(one.signal)
  const early = await Promise.race([first, one.after(options.afterMs)])
  if (early !== 'slow') {
    one.over()
    return early
  }
  const two = new Leg(options.signal)
  const second = options.second(two.signal)
  if (second === undefined) return await first.finally(() => one.over())
  try {
    return await firstGood([
      { leg: one, result: first },
      { leg: two, result: second },
    ])
  } finally {
    one.over()
    two.over()
  }
}

/** A signal of its own for one of the two, which fires with the client's too. */
class Leg {
  private readonly controller = new AbortController()
  private readonly outer: AbortSignal
  private readonly leave = () => this.controller.abort(this.outer.reason)
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(outer: AbortSignal) {
    this.outer = outer
    outer.addEventListener('abort', this.leave, { once: true })
    if (outer.aborted) this.leave()
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  after(delayMs: number): Promise<'slow'> {
    return new Promise((resolve) => {
      this.timer = setTimeout(() => resolve('slow'), delayMs)
    })
  }

  /** The other one has answered. */
  cut(): void {
    this.controller.abort(new GatewayError('client_closed', { cause: 'another target was faster' }))
  }

  /** The race is over. The signal stays bound to the client where this one's answer is read on. */
  over(): void {
    clearTimeout(this.timer)
    if (this.controller.signal.aborted) this.outer.removeEventListener('abort', this.leave)
  }
}

interface Runner<T> {
  readonly leg: Leg
  readonly result: Promise<Reached<T> | TargetFailure>
}

async function firstGood<T extends { readonly upstream: UpstreamResponse }>(
  runners: readonly Runner<T>[],
): Promise<Reached<T> | TargetFailure> {
  const { promise, resolve, reject } = Promise.withResolvers<Reached<T> | TargetFailure>()
  let running = runners.length
  let over = false
  let final: TargetFailure | undefined
  const end = (winner: Runner<T>) => {
    over = true
    for (const other of runners) if (other !== winner) other.leg.cut()
  }
  for (const runner of runners) {
    runner.result.then(
      (result) => {
        running -= 1
        if (!isFailure(result)) {
          // Both answered in the same moment: nobody reads this one.
          if (over) return drop(result)
          end(runner)
          return resolve(result)
        }
        if (result.stop) final ??= result
        if (running === 0) resolve(final ?? result)
      },
      (fault: unknown) => {
        end(runner)
        reject(fault)
      },
    )
  }
  return await promise
}

function drop<T extends { readonly upstream: UpstreamResponse }>(reached: Reached<T>): void {
  reached.answer.upstream.cancel()
  reached.over()
}
