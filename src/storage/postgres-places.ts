// So many at once, a bounded queue behind them in which the first to come is the first to go, and a bounded wait in it.

import { PoolError } from './errors.ts'

interface Waiter {
  readonly enter: () => void
  readonly timer: ReturnType<typeof setTimeout>
}

/** Places of a pool; who enters must leave. */
export class Places {
  private readonly all: number
  private free: number
  private readonly queueMax: number
  private readonly timeoutMs: number
  private readonly waiting = new Set<Waiter>()
  private whenAllFree: (() => void) | undefined

  constructor(places: number, queueMax: number, timeoutMs: number) {
    this.all = places
    this.free = places
    this.queueMax = queueMax
    this.timeoutMs = timeoutMs
  }

  /** @throws PoolError `QUEUE_FULL` or `QUEUE_TIMEOUT` */
  enter(): Promise<void> {
    if (this.free > 0) {
      this.free -= 1
      return Promise.resolve()
    }
    if (this.waiting.size >= this.queueMax) return Promise.reject(new PoolError('QUEUE_FULL'))
    const { promise, reject, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      this.waiting.delete(waiter)
      reject(new PoolError('QUEUE_TIMEOUT'))
    }, this.timeoutMs)
    const waiter: Waiter = { enter: resolve, timer }
    this.waiting.add(waiter)
    return promise
  }

  leave(): void {
    const [next] = this.waiting
    if (next === undefined) {
      this.free += 1
      if (this.free === this.all) this.whenAllFree?.()
      return
    }
    this.waiting.delete(next)
    clearTimeout(next.timer)
    next.enter()
  }

  /** Resolves when nobody is inside. */
  allFree(): Promise<void> {
    if (this.free === this.all) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.whenAllFree = resolve
    return promise
  }
}
