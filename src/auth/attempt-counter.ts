// How often somebody has tried: a bound on logins and passwords for an address or a name, in memory. It forgets nobody within the window
// unless there are more to remember than there is room for, and then those longest ago.

import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock } from '../core/ports.ts'

interface Counter {
  /** When the tries were, the oldest first. */
  readonly atMs: number[]
}

export class AttemptCounter {
  private readonly clock: Clock
  private readonly max: number
  private readonly counters = new Map<string, Counter>()

  constructor(clock: Clock, max: number) {
    this.clock = clock
    this.max = max
  }

  /**
   * Counts one try.
   * @throws GatewayError `rate_limit` when there were too many within the window; this one is not counted then
   */
  take(name: string): void {
    const nowMs = this.clock.monotonicMs()
    const counter = this.counters.get(name) ?? { atMs: [] }
    const { atMs } = counter
    while (atMs.length > 0 && nowMs - (atMs[0] ?? 0) >= LIMITS.loginWindowMs) atMs.shift()
    if (atMs.length >= this.max) {
      throw new GatewayError('rate_limit', {
        code: 'too_many_logins',
        message: 'Too many logins were tried. Wait a minute.',
        retryAfterMs: Math.max(1_000, LIMITS.loginWindowMs - (nowMs - (atMs[0] ?? nowMs))),
      })
    }
    atMs.push(nowMs)
    // Behind all others: whoever tried longest ago is forgotten first.
    this.counters.delete(name)
    this.counters.set(name, counter)
    if (this.counters.size <= LIMITS.loginCountersMax) return
    const oldest = this.counters.keys().next()
    if (oldest.done !== true) this.counters.delete(oldest.value)
  }

  /** It was no try after all: it succeeded. */
  giveBack(name: string): void {
    this.counters.get(name)?.atMs.pop()
  }
}

/** Whoever has one address of an IPv6 network has all of its last 64 bits. */
export function addressGroup(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [head = '', tail] = address.toLowerCase().split('::')
  const front = head.split(':').filter((part) => part !== '')
  const back = (tail ?? '').split(':').filter((part) => part !== '')
  const gap =
    tail === undefined ? [] : Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0')
  return [...front, ...gap, ...back].slice(0, 4).join(':')
}
