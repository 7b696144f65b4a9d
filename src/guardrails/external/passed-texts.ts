// Which texts a service has let through a short while ago, so that a long conversation is not judged anew from its beginning with each turn.
// Off unless a rule says for how long; kept as digests, and no text that was found fault with is in it.

import { hash } from 'node:crypto'
import { LIMITS } from '../../core/limits.ts'
import type { Clock } from '../../core/ports.ts'

export class PassedTexts {
  private readonly clock: Pick<Clock, 'monotonicMs'>
  private readonly keepMs: number
  /** Digest and when it is forgotten, the oldest first. */
  private readonly until = new Map<string, number>()

  /** @param keepMs 0 remembers nothing */
  constructor(clock: Pick<Clock, 'monotonicMs'>, keepMs: number) {
    this.clock = clock
    this.keepMs = keepMs
  }

  has(text: string): boolean {
    if (this.keepMs === 0) return false
    const until = this.until.get(digest(text))
    return until !== undefined && until > this.clock.monotonicMs()
  }

  /** It has passed now; that it had before does not count. */
  add(text: string): void {
    if (this.keepMs === 0) return
    const key = digest(text)
    this.until.delete(key)
    this.until.set(key, this.clock.monotonicMs() + this.keepMs)
    const [oldest] = this.until.keys()
    if (this.until.size > LIMITS.guardPassedTextsMax && oldest !== undefined) {
      this.until.delete(oldest)
    }
  }
}

function digest(text: string): string {
  return hash('sha256', text, 'base64')
}
