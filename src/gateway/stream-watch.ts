// One timer for all running streams: it looks at each a few times a second for deadlines and keepalives, where a timer per
// stream and per chunk would cost more than the chunk. It is armed only while streams run.

import type { Clock } from '../core/ports.ts'
import { LIMITS } from '../core/limits.ts'

export interface Watched {
  /** It is an answer on its way to a client. */
  readonly isStream?: true
  /** Called every `LIMITS.streamTickMs` or so with the monotonic time. */
  tick(nowMs: number): void
}

export class StreamWatch {
  private readonly streams = new Set<Watched>()
  private timer: ReturnType<typeof setInterval> | undefined
  private readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
  }

  get size(): number {
    return this.streams.size
  }

  /** Answers on their way to clients now. */
  get streamsNow(): number {
    let count = 0
    for (const { isStream } of this.streams) if (isStream === true) count += 1
    return count
  }

  add(stream: Watched): void {
    this.streams.add(stream)
    this.timer ??= setInterval(() => this.tick(), LIMITS.streamTickMs)
  }

  delete(stream: Watched): void {
    this.streams.delete(stream)
    if (this.streams.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }

  private tick(): void {
    const nowMs = this.clock.monotonicMs()
    for (const stream of this.streams) stream.tick(nowMs)
  }
}
