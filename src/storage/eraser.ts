// Carries erasures out: one person's rows, bodies, objects, kept answers and sessions, in small steps with pauses in which requests go on.
// How far it is is kept, so another process goes on where one has stopped; what a legal hold keeps waits until it is released.

import { systemActor } from '../core/audit.ts'
import type { Erasure, ErasureCounts, Hold } from '../core/content.ts'
import { LIMITS } from '../core/limits.ts'
import type {
  AuditContentRepository,
  ErasureRepository,
  HoldRepository,
} from '../core/ports-content.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type { ContentLog } from './content-log.ts'
import { describeFailure } from './errors.ts'
import { pause } from './pause.ts'
import type { Store } from './store.ts'

export interface EraserOptions {
  readonly erasures: Pick<ErasureRepository, 'unfinished' | 'advance'>
  readonly holds: Pick<HoldRepository, 'all'>
  readonly log: Pick<ContentLog, 'step' | 'forget' | 'forgetTotals'>
  readonly quoted: Pick<AuditContentRepository, 'erase'>
  /** Under which names a person has kept things for later requests: their keys, and themselves. */
  callersOf(erasure: Erasure): Promise<readonly string[]>
  /** Ends every session of a user; how many. */
  endSessions(tenantId: string, userId: string): Promise<number>
  /** Rows that wait to be written are written first, or an erasure would miss them. */
  flush(): Promise<unknown>
  /** Forgets answers that callers have asked for, where the response cache keeps them elsewhere than in the store; how many. */
  forgetAnswers?(tenantId: string, callers: readonly string[]): Promise<number>
  /** Objects were marked to go. */
  marked(): void
  /** Deletes what another place has of the person's rows, but for what is held; how many those are. What it throws is tried again. */
  elsewhere?(erasure: Erasure, holds: readonly Hold[]): Promise<number>
  readonly clock: Pick<Clock, 'nowMs'>
  readonly logger: Logger
  readonly pauseMs?: number
}

type Unfinished = { readonly erasure: Erasure; readonly changes: number }

export class Eraser {
  private readonly options: EraserOptions
  private readonly stopping = new AbortController()
  private timer: ReturnType<typeof setTimeout> | undefined
  private running: Promise<void> | undefined
  private isWanted = false

  constructor(options: EraserOptions) {
    this.options = options
  }

  /** Looks for erasures now and then from now on, for the first time soon. */
  start(): void {
    this.arm(LIMITS.backgroundStartMs)
  }

  /** Something is to be erased, or may be now: it is looked at soon. */
  wake(): void {
    this.isWanted = true
    this.arm(0)
  }

  /** Goes on with everything there is to go on with. Never rejects. */
  async run(): Promise<void> {
    this.running ??= this.round().finally(() => {
      this.running = undefined
    })
    await this.running
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer)
    this.stopping.abort()
    await this.running
  }

  private arm(delayMs: number): void {
    clearTimeout(this.timer)
    if (this.stopping.signal.aborted) return
    this.timer = setTimeout(() => {
      void this.run().finally(() => this.arm(this.isWanted ? 0 : LIMITS.erasureIntervalMs))
    }, delayMs)
    this.timer.unref()
  }

  private async round(): Promise<void> {
    this.isWanted = false
    await this.trying(async () => {
      for (const unfinished of await this.options.erasures.unfinished()) {
        if (this.stopping.signal.aborted) return
        // Whatever is new goes before what waits.
        if (this.isWanted && unfinished.erasure.state === 'waiting') return
        // One that cannot go on holds up no other.
        await this.trying(() => this.erase(unfinished))
      }
    })
  }

  private async trying(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      const reason = describeFailure(error)
      this.options.logger.warn('An erasure could not go on; it is tried again.', { reason })
    }
  }

  /** One pass over the log; what is held is left for another. */
  private async erase({ changes, erasure }: Unfinished): Promise<void> {
    const { erasures, holds, log } = this.options
    await this.options.flush()
    let at = changes
    // A pass that a hold kept from ending begins anew: what it passed over may be free now.
    let current: Erasure =
      erasure.state === 'waiting'
        ? { ...erasure, state: 'running', afterSequence: 0, counts: { ...erasure.counts, held: 0 } }
        : erasure
    for (;;) {
      if (this.stopping.signal.aborted) return
      const step = await log.step(current, await holds.all(), LIMITS.erasureStepRows)
      if (step.objects > 0) this.options.marked()
      if (step.lastSequence === undefined) break
      const isUntouched = step.requests === 0 && step.held === 0
      current = {
        ...current,
        afterSequence: step.lastSequence,
        counts: added(current.counts, step),
      }
      // Where nothing was found nothing is lost when the pass is made again.
      if (!isUntouched) {
        if (!(await erasures.advance(current, at))) return
        at += 1
      }
      await pause(this.options.pauseMs ?? LIMITS.erasurePauseMs)
    }
    await this.end(current, at, erasure)
  }

  private async end(erasure: Erasure, changes: number, before: Erasure): Promise<void> {
    const { clock, elsewhere, erasures, holds, log, quoted } = this.options
    const { counts, kind, subject, tenantId } = erasure
    const callers = await this.options.callersOf(erasure)
    const answers = (await this.options.forgetAnswers?.(tenantId, callers)) ?? 0
    const quotations = await quoted.erase(erasure)
    const rest = {
      ...counts,
      kept: counts.kept + answers + quotations.deleted + (await log.forget(tenantId, callers)),
      sessions:
        counts.sessions + (kind === 'user' ? await this.options.endSessions(tenantId, subject) : 0),
    }
    // As long as rows are held under the name, what is counted stays under it as well.
    if (counts.held === 0) await log.forgetTotals(erasure)
    const heldElsewhere = await elsewhere?.(erasure, await holds.all()).catch(
      async (error: unknown) => {
        // What is done here is taken down all the same.
        await erasures.advance({ ...erasure, counts: rest, state: 'running' }, changes)
        throw error
      },
    )
    // Most of those are the same rows.
    const held = Math.max(counts.held, quotations.held, heldElsewhere ?? 0)
    const isHeld = held > 0
    const ended: Erasure = {
      ...erasure,
      counts: { ...rest, held },
      state: isHeld ? 'waiting' : 'done',
      ...(isHeld ? {} : { finishedMs: clock.nowMs() }),
    }
    // Waiting as before is no news.
    const isNews = !(before.state === 'waiting' && isHeld)
    await erasures.advance(ended, changes, isNews ? systemActor('erasure') : undefined)
  }
}

function added(
  counts: ErasureCounts,
  step: Pick<ErasureCounts, 'requests' | 'bodies' | 'objects' | 'held'>,
): ErasureCounts {
  return {
    ...counts,
    requests: counts.requests + step.requests,
    bodies: counts.bodies + step.bodies,
    objects: counts.objects + step.objects,
    held: counts.held + step.held,
  }
}

/** The eraser of a store. @param more what is another in a server and in a command */
export function storeEraser(
  store: Pick<Store, 'auditContent' | 'contentLog' | 'erasures' | 'holds' | 'keys' | 'sessions'>,
  more: Pick<
    EraserOptions,
    'clock' | 'elsewhere' | 'flush' | 'forgetAnswers' | 'logger' | 'marked' | 'pauseMs'
  >,
): Eraser {
  return new Eraser({
    ...more,
    erasures: store.erasures,
    holds: store.holds,
    log: store.contentLog,
    quoted: store.auditContent,
    endSessions: (tenantId, userId) => store.sessions.endOfUser(tenantId, userId),
    async callersOf({ kind, subject, tenantId }) {
      if (kind === 'key') return [subject]
      const keys = await store.keys.list(tenantId)
      const own = keys.filter(({ owner }) => owner?.kind === 'user' && owner.id === subject)
      return [`user:${subject}`, ...own.map(({ id }) => id)]
    },
  })
}
