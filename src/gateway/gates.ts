// How many requests run at once, of all providers and of each one that has a bound of its own, and who waits for a turn. Clients
// take turns in a queue, so that one that sends much cannot push others out.

import { providerUid, type ConcurrencySettings, type Provider } from '../core/catalog.ts'
import { endReason } from '../core/end-reason.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { FairQueue, type Waiting } from '../core/policy/fair-queue.ts'
import type { Deadline, Deadlines } from '../core/ports.ts'
import { shuttingDown } from './shutdown.ts'

/** A place among those that run. */
export interface Slot {
  /** Gives it back; the second time does nothing. */
  release(): void
  /** How long it was waited for; absent where it was not. */
  readonly queuedMs?: number
}

export interface Gate {
  readonly running: number
  readonly waiting: number
  /** A place at once; undefined when none is free or others wait for one. */
  tryEnter(): Slot | undefined
  /**
   * Waits for a place.
   * @param client whose turn it is: the id of the API key, or one name for all without one
   * @throws GatewayError `overloaded` (503) or, where the client's own requests fill the queue, `concurrency_limit` (429), both with
   * `retryAfterMs`; `client_closed` when the signal fires; `shutting_down`
   */
  enter(client: string, signal: AbortSignal): Promise<Slot>
}

export interface GatesOptions {
  /** The bound of all together. */
  readonly all: ConcurrencySettings
  readonly deadlines: Deadlines
  /** In [0, 1): spreads the moments at which refused clients come back. */
  random(): number
}

/** What a provider that lost its bound is given until the last of its requests has left. */
const UNBOUNDED: ConcurrencySettings = { max: Infinity, queue: 0, queueTimeoutMs: 0 }

export class Gates {
  private readonly whole: BoundedGate
  private readonly ofProviders = new Map<string, BoundedGate>()
  private readonly options: GatesOptions
  private inForce: ReadonlyMap<string, Provider> = new Map()

  constructor(options: GatesOptions) {
    this.options = options
    this.whole = new BoundedGate(options.all, options)
  }

  /** The bound of all providers together. */
  get all(): Gate {
    return this.whole
  }

  /** The bound of one provider; undefined where it has none. */
  of(provider: Provider): Gate | undefined {
    if (provider.concurrency === undefined) return undefined
    const id = providerUid(provider)
    // A request that is older than the last change of the catalogue brings bounds that hold no more.
    const concurrency = this.inForce.get(id)?.concurrency ?? provider.concurrency
    const known = this.ofProviders.get(id)
    if (known !== undefined) {
      known.configure(concurrency)
      return known
    }
    const gate = new BoundedGate(concurrency, this.options)
    this.ofProviders.set(id, gate)
    return gate
  }

  /** The bound of all has changed: who may run now runs, and what runs beyond it is left alone. */
  configure(all: ConcurrencySettings): void {
    this.whole.configure(all)
  }

  /**
   * Takes over the bounds of these providers, and drops what is kept of others once nothing of it runs.
   * @param providers by `providerUid`
   */
  keep(providers: ReadonlyMap<string, Provider>): void {
    this.inForce = providers
    for (const [id, gate] of this.ofProviders) {
      const concurrency = providers.get(id)?.concurrency
      gate.configure(concurrency ?? UNBOUNDED)
      if (concurrency === undefined && gate.running === 0) this.ofProviders.delete(id)
    }
  }

  /** Gates of providers that are kept, by `providerUid`, for whoever shows them. */
  providers(): ReadonlyMap<string, Gate> {
    return this.ofProviders
  }

  /**
   * Refuses who waits for its turn among all, and whoever comes after, with `shutting_down`. Those that run go on, and wait on for
   * their provider.
   */
  close(): void {
    this.whole.close()
  }
}

interface Waiter {
  readonly settle: (result: Slot | GatewayError) => void
}

class BoundedGate implements Gate {
  running = 0
  private readonly queue = new FairQueue<Waiter>()
  private readonly options: Pick<GatesOptions, 'deadlines' | 'random'>
  private settings: ConcurrencySettings
  private closed = false

  constructor(settings: ConcurrencySettings, options: Pick<GatesOptions, 'deadlines' | 'random'>) {
    this.settings = settings
    this.options = options
  }

  get waiting(): number {
    return this.queue.size
  }

  tryEnter(): Slot | undefined {
    if (this.closed || this.queue.size > 0) return undefined
    return this.running < this.settings.max ? this.taken() : undefined
  }

  enter(client: string, signal: AbortSignal): Promise<Slot> {
    if (signal.aborted) return Promise.reject(endReason(signal))
    if (this.closed) return Promise.reject(shuttingDown())
    const slot = this.tryEnter()
    if (slot !== undefined) return Promise.resolve(slot)
    const { queue, queueTimeoutMs } = this.settings
    return this.wait(client, signal, queueTimeoutMs === 0 ? 0 : queue)
  }

  configure(settings: ConcurrencySettings): void {
    if (settings === this.settings) return
    this.settings = settings
    this.letIn()
  }

  close(): void {
    this.closed = true
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      next.value.settle(shuttingDown())
    }
  }

  private wait(client: string, signal: AbortSignal, queueMax: number): Promise<Slot> {
    const { promise, resolve, reject } = Promise.withResolvers<Slot>()
    let limit: Deadline | undefined
    const settle = (result: Slot | GatewayError) => {
      limit?.cancel()
      signal.removeEventListener('abort', leave)
      if (result instanceof GatewayError) reject(result)
      else resolve(result)
    }
    const leave = () => giveUp(() => endReason(signal))
    const arrived = this.queue.arrive(client, { settle }, queueMax)
    if ('refused' in arrived) {
      return Promise.reject(arrived.refused === 'own' ? this.tooMany() : this.overloaded())
    }
    const { entry, displaced } = arrived
    displaced?.value.settle(this.tooMany())
    const giveUp = (error: () => GatewayError) => {
      if (this.queue.remove(entry)) settle(error())
    }
    signal.addEventListener('abort', leave, { once: true })
    limit = this.options.deadlines.after(this.settings.queueTimeoutMs, () =>
      giveUp(() => this.overloaded('No place came free in time.')),
    )
    return promise
  }

  private taken(): Slot {
    this.running += 1
    let held = true
    return {
      release: () => {
        if (!held) return
        held = false
        this.running -= 1
        this.letIn()
      },
    }
  }

  private letIn(): void {
    while (this.running < this.settings.max) {
      const next: Waiting<Waiter> | undefined = this.queue.shift()
      if (next === undefined) return
      next.value.settle(this.taken())
    }
  }

  private overloaded(cause?: string): GatewayError {
    const { overloadRetryMinMs, overloadRetryMaxMs } = LIMITS
    const spreadMs = (overloadRetryMaxMs - overloadRetryMinMs) * this.options.random()
    return new GatewayError('overloaded', {
      retryAfterMs: Math.round(overloadRetryMinMs + spreadMs),
      ...(cause === undefined ? {} : { cause }),
    })
  }

  /** The client's own requests are in its way. */
  private tooMany(): GatewayError {
    const spreadMs = LIMITS.overloadRetryMinMs * this.options.random()
    return new GatewayError('concurrency_limit', {
      retryAfterMs: Math.max(1, Math.round(spreadMs)),
    })
  }
}
