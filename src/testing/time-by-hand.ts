// Time that passes when a test says so: deadlines that it lets end, and streams that it looks at. A limit of time is then tested by what was
// set and what comes of its end, on a machine that may stand still at any moment too; how long a real clock took is not its matter.

import type { Deadline, Deadlines } from '../core/ports.ts'
import type { GatewayDeps } from '../gateway/deps.ts'
import type { Watched } from '../gateway/stream-watch.ts'

/** Deadlines none of which ends before the test lets it. */
export class HandDeadlines implements Deadlines {
  /** The lengths of all that were set, in order. */
  readonly lengths: number[] = []
  private readonly running = new Set<{ readonly delayMs: number; readonly fire: () => void }>()
  private waiting: { readonly isSo: () => boolean; readonly resolve: () => void }[] = []

  after(delayMs: number, fire: () => void): Deadline {
    const entry = { delayMs, fire }
    this.lengths.push(delayMs)
    this.running.add(entry)
    const met = this.waiting.filter(({ isSo }) => isSo())
    this.waiting = this.waiting.filter((one) => !met.includes(one))
    for (const { resolve } of met) resolve()
    return { cancel: () => void this.running.delete(entry) }
  }

  /** How many of that length were set so far. */
  count(delayMs: number): number {
    return this.lengths.filter((each) => each === delayMs).length
  }

  /** Resolves once so many of that length were set. */
  async reached(delayMs: number, count = 1): Promise<void> {
    const isSo = () => this.count(delayMs) >= count
    if (isSo()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.waiting.push({ isSo, resolve })
    await promise
  }

  /** Ends those of that length that nobody has cancelled. @returns how many these were */
  pass(delayMs: number): number {
    const due = [...this.running].filter((entry) => entry.delayMs === delayMs)
    for (const entry of due) this.running.delete(entry)
    for (const { fire } of due) fire()
    return due.length
  }
}

/** Takes the deadlines of these lengths, those of its transport too, out of a gateway's hands. All others end by the clock. */
export function handDeadlines({ deadlines }: GatewayDeps, ...lengths: number[]): HandDeadlines {
  const hand = new HandDeadlines()
  const byClock = deadlines.after.bind(deadlines)
  const after: Deadlines['after'] = (delayMs, fire) =>
    lengths.includes(delayMs) ? hand.after(delayMs, fire) : byClock(delayMs, fire)
  Object.assign(deadlines, { after })
  return hand
}

/** The streams that a gateway watches from now on, for a test to look at them as of any time. */
export function watchedStreams({ watch }: GatewayDeps): Watched[] {
  const watched: Watched[] = []
  const add = watch.add.bind(watch)
  watch.add = (stream) => {
    watched.push(stream)
    add(stream)
  }
  return watched
}
