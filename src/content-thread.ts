// Hands large bodies to the thread that looks through them. It begins with the first of them and ends when there are none for a while; one
// that dies or takes too long costs those bodies, and the next begin another.

import type { RedactionDone, RedactionTask } from './content-worker.ts'
import type { Bodies, Redaction } from './core/content.ts'
import { LIMITS } from './core/limits.ts'

interface Waiting {
  readonly resolve: (bodies: Bodies) => void
  readonly reject: (error: Error) => void
  readonly timer: ReturnType<typeof setTimeout>
}

export class ContentThread {
  private worker: Worker | undefined
  private idle: ReturnType<typeof setTimeout> | undefined
  private readonly waiting = new Map<number, Waiting>()
  private lastId = 0

  /** @throws Error where the thread has died or has taken too long */
  async redact(bodies: Bodies, redact: readonly Redaction[]): Promise<Bodies> {
    const worker = (this.worker ??= this.start())
    clearTimeout(this.idle)
    const id = (this.lastId += 1)
    const { promise, reject, resolve } = Promise.withResolvers<Bodies>()
    const timer = setTimeout(() => this.end('took too long'), LIMITS.contentRedactTimeoutMs)
    timer.unref()
    this.waiting.set(id, { resolve, reject, timer })
    const task: RedactionTask = { id, bodies, redact }
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage(task)
    return await promise
  }

  stop(): void {
    this.end('is stopped')
  }

  private start(): Worker {
    // In the executable it lies beside the program, as in development beside this file.
    const worker = new Worker(new URL('./content-worker.ts', import.meta.url).href)
    worker.addEventListener('message', ({ data }: MessageEvent<RedactionDone>) => this.take(data))
    const died = () => {
      if (this.worker === worker) this.end('has ended')
    }
    worker.addEventListener('error', (event) => {
      event.preventDefault()
      died()
    })
    worker.addEventListener('close', died)
    worker.unref()
    return worker
  }

  private take(answer: RedactionDone): void {
    const waiting = this.waiting.get(answer.id)
    if (waiting === undefined) return
    this.waiting.delete(answer.id)
    clearTimeout(waiting.timer)
    if ('bodies' in answer) waiting.resolve(answer.bodies)
    else waiting.reject(new Error(`bodies could not be looked through: ${answer.problem}`))
    if (this.waiting.size > 0) return
    this.idle = setTimeout(() => this.end('is idle'), LIMITS.contentThreadIdleMs)
    this.idle.unref()
  }

  private end(why: string): void {
    clearTimeout(this.idle)
    const { worker } = this
    this.worker = undefined
    worker?.terminate()
    for (const { reject, timer } of this.waiting.values()) {
      clearTimeout(timer)
      reject(new Error(`the thread that looks through bodies ${why}`))
    }
    this.waiting.clear()
  }
}
