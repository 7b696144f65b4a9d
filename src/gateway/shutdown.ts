// Where this process is on its way to its end, and the one signal with which a running request is broken off: its client left,
// or the time that running requests were given is over. It orders nothing itself: `app.ts` and the server walk through its states.

import { GatewayError } from '../core/error.ts'

/**
 * `announced`: `/readyz` says no, and everything is served as before. `draining`: what runs goes on, nothing new begins. `cut`: what
 * still runs is told that it ends.
 */
export type ShutdownState = 'running' | 'announced' | 'draining' | 'cut'

/** A request's signal, for as long as it runs. */
export interface RequestSignal {
  /** Fires with a GatewayError: `client_closed` or `shutting_down`. */
  readonly signal: AbortSignal
  /** The request is over: nothing fires any more. */
  release(): void
}

/** A client that is told to go elsewhere may do so at once, and find another process behind the same address soon. */
const RETRY_AFTER_MS = 1_000

export class Shutdown {
  private current: ShutdownState = 'running'
  private readonly callbacks = new Set<() => void>()

  get state(): ShutdownState {
    return this.current
  }

  /** The error of running requests once they are cut; undefined before. */
  error(): GatewayError | undefined {
    return this.current === 'cut' ? shuttingDown() : undefined
  }

  /** The error of a request that arrives now; undefined while requests are taken. */
  refusal(): GatewayError | undefined {
    return this.current === 'draining' || this.current === 'cut' ? shuttingDown() : undefined
  }

  announce(): void {
    if (this.current === 'running') this.current = 'announced'
  }

  drain(): void {
    if (this.current !== 'cut') this.current = 'draining'
  }

  cut(): void {
    if (this.current === 'cut') return
    this.current = 'cut'
    // Each takes itself out while it ends.
    for (const callback of this.callbacks) callback()
    this.callbacks.clear()
  }

  /**
   * Calls back once when running requests are cut; at once when they are already.
   * @returns takes the callback out again
   */
  onCut(callback: () => void): () => void {
    if (this.current === 'cut') {
      callback()
      return () => {}
    }
    this.callbacks.add(callback)
    return () => {
      this.callbacks.delete(callback)
    }
  }

  /** A signal that fires when the client leaves, and when running requests are cut. */
  follow(client: AbortSignal): RequestSignal {
    const controller = new AbortController()
    const leave = () => controller.abort(new GatewayError('client_closed'))
    const off = this.onCut(() => controller.abort(shuttingDown()))
    if (client.aborted) leave()
    else client.addEventListener('abort', leave, { once: true })
    return {
      signal: controller.signal,
      release: () => {
        off()
        client.removeEventListener('abort', leave)
      },
    }
  }
}

/** What a request is told that cannot begin or go on. */
export function shuttingDown(): GatewayError {
  return new GatewayError('shutting_down', { retryAfterMs: RETRY_AFTER_MS })
}
