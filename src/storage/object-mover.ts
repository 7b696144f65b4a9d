// Brings packed bodies out of the store to objects, and deletes objects whose rows are gone. What is to be done is in the store itself, so
// nothing is lost while the bucket is away, nothing waits in memory, and another process goes on where this one stopped.

import type { Bodies } from '../core/content.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { ContentObjects } from '../core/ports-content.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type { ContentLog, ContentObject } from './content-log.ts'
import { describeFailure } from './errors.ts'
import { isObjectKey } from './object-key.ts'
import { unpackBodies } from './packed-bodies.ts'
import { ReportInterval } from './report-interval.ts'
import { S3Error } from './s3-error.ts'
import type { S3Store } from './s3-store.ts'

export interface ObjectMoverOptions {
  readonly log: Pick<
    ContentLog,
    | 'claim'
    | 'packedOf'
    | 'moved'
    | 'later'
    | 'gone'
    | 'hurry'
    | 'markStray'
    | 'unknownOf'
    | 'counts'
  >
  readonly clock: Clock
  readonly logger: Logger
  /** In [0, 1). */
  readonly random: () => number
  readonly roundIntervalMs?: number
}

export interface MoverCounters {
  /** Since the start of this process. */
  readonly moved: number
  readonly deleted: number
  readonly failed: number
  /** Why the bucket is not reached now; undefined while it is. */
  readonly problem: string | undefined
}

export interface SweepReport {
  /** Objects of the bucket that were looked at. */
  readonly looked: number
  /** Of these, those that no row knows. */
  readonly orphans: number
  readonly deleted: number
  readonly isDryRun: boolean
}

export class ObjectMover implements ContentObjects {
  private readonly options: ObjectMoverOptions
  private store: S3Store | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private running: Promise<void> | undefined
  private readonly stopping = new AbortController()
  private sweptMs: number | undefined
  private isSoon = false
  private moved = 0
  private deleted = 0
  private failed = 0
  private problem: string | undefined
  private readonly reports: ReportInterval

  constructor(options: ObjectMoverOptions) {
    this.options = options
    this.reports = new ReportInterval(options.clock)
  }

  /** From now on objects lie there; undefined: nothing goes out any more, and what lies outside is not reached. */
  use(store: S3Store | undefined): void {
    const isOther = JSON.stringify(store?.settings) !== JSON.stringify(this.store?.settings)
    this.store = store
    if (isOther && store !== undefined) void this.hurry()
    this.arm(0)
  }

  get counters(): MoverCounters {
    const { deleted, failed, moved, problem } = this
    return { deleted, failed, moved, problem }
  }

  /** What waits in the store. */
  async waiting() {
    return await this.options.log.counts()
  }

  async bodiesOf(objectKey: string): Promise<Bodies> {
    const { store } = this
    if (store === undefined) throw unavailable('No bucket is configured.')
    let packed: Uint8Array | undefined
    try {
      packed = await store.get(objectKey, this.stopping.signal)
    } catch (error) {
      throw unavailable(reasonOf(error))
    }
    if (packed !== undefined) return await unpackBodies(packed)
    throw new GatewayError('invalid_request', {
      status: 404,
      code: 'content_not_found',
      message: 'The object with the content is not in the bucket any more.',
    })
  }

  /** Something has been put on its way. While the bucket is away that is no reason to ask it again. */
  soon(): void {
    if (this.isSoon || this.problem !== undefined) return
    this.isSoon = true
    this.arm(LIMITS.objectSoonMs)
  }

  /** One round: what waits goes out, what is to go goes. Never rejects. */
  async run(): Promise<void> {
    this.running ??= this.round().finally(() => {
      this.running = undefined
    })
    await this.running
  }

  /**
   * Looks at every object of the bucket behind the prefix, and deletes those that no row knows and that are old enough for theirs not to
   * be on its way. The prefix must be this store's alone; objects of other names are left alone.
   * @throws S3Error, or GatewayError of the transport or the store
   */
  async sweep(isDryRun: boolean): Promise<SweepReport> {
    const { store } = this
    if (store === undefined) {
      throw new GatewayError('invalid_request', {
        status: 409,
        code: 'no_content_store',
        message: 'No bucket is configured (`content_store.s3`).',
      })
    }
    const { clock, log } = this.options
    const report = { looked: 0, orphans: 0, deleted: 0, isDryRun }
    const { signal } = this.stopping
    let after: string | undefined
    do {
      const page = await store.list(after, signal)
      report.looked += page.objects.length
      const before = clock.nowMs() - LIMITS.objectOrphanAgeMs
      const { prefix } = store.settings
      const old = page.objects.filter(
        ({ changedMs, key }) => changedMs < before && isObjectKey(prefix, key),
      )
      const orphans = old.length === 0 ? [] : await log.unknownOf(old.map(({ key }) => key))
      report.orphans += orphans.length
      for (const key of isDryRun ? [] : orphans) {
        await store.delete(key, signal)
        report.deleted += 1
      }
      after = page.next
    } while (after !== undefined && !signal.aborted)
    return report
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer)
    this.stopping.abort()
    await this.running
  }

  private arm(delayMs: number): void {
    clearTimeout(this.timer)
    if (this.stopping.signal.aborted || this.store === undefined) return
    this.timer = setTimeout(() => {
      this.isSoon = false
      void this.run().finally(() => this.rest())
    }, delayMs)
    this.timer.unref()
  }

  private rest(): void {
    // What was put on its way meanwhile has its own time already.
    if (!this.isSoon) this.arm(this.options.roundIntervalMs ?? LIMITS.objectRoundIntervalMs)
  }

  private async hurry(): Promise<void> {
    try {
      await this.options.log.hurry()
    } catch (error) {
      this.options.logger.debug('objects could not be hurried', { reason: describeFailure(error) })
    }
  }

  private async round(): Promise<void> {
    const { store } = this
    if (store === undefined) return
    try {
      await this.markStrays()
      await this.each('waiting', (object, signal) => this.bringOut(store, object, signal))
      await this.each('leaving', (object, signal) => this.takeAway(store, object, signal))
    } catch (error) {
      this.report(describeFailure(error))
    }
  }

  private async each(
    state: 'waiting' | 'leaving',
    work: (object: ContentObject, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { clock, log } = this.options
    const { signal } = this.stopping
    while (!signal.aborted) {
      const objects = await log.claim(state, clock.nowMs(), LIMITS.objectTimeoutMs * 2)
      if (objects.length === 0) return
      const failedBefore = this.failed
      const left = [...objects]
      const worker = async (): Promise<void> => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          await this.attempt(next, (object) => work(object, signal))
        }
      }
      await Promise.all(Array.from({ length: LIMITS.objectsAtOnceMax }, worker))
      // A bucket that is away is not asked again at once for all the others.
      if (this.failed > failedBefore) return
    }
  }

  private async attempt(
    object: ContentObject,
    work: (object: ContentObject) => Promise<void>,
  ): Promise<void> {
    const { clock, log, random } = this.options
    try {
      await work(object)
      this.problem = undefined
    } catch (error) {
      this.failed += 1
      this.report(reasonOf(error))
      const { objectRetryBaseMs, objectRetryCapMs } = LIMITS
      const waitMs = Math.min(
        objectRetryCapMs,
        objectRetryBaseMs * 2 ** Math.min(20, object.tries - 1),
      )
      await log.later(object, clock.nowMs() + Math.round(waitMs * (0.5 + 0.5 * random())))
    }
  }

  private async bringOut(store: S3Store, object: ContentObject, signal: AbortSignal) {
    const { log } = this.options
    const packed = await log.packedOf(object)
    if (packed === undefined) {
      // The row went meanwhile, or another process was quicker and could not say so: whichever, the bucket is asked to forget it.
      await log.moved(object)
      return
    }
    await store.put(object.objectKey, packed, signal)
    if (await log.moved(object)) this.moved += 1
    else await store.delete(object.objectKey, signal)
  }

  private async takeAway(store: S3Store, object: ContentObject, signal: AbortSignal) {
    await store.delete(object.objectKey, signal)
    await this.options.log.gone(object)
    this.deleted += 1
  }

  /** Rows go by retention, by size, by months at once: their objects are found by being without one. */
  private async markStrays(): Promise<void> {
    const { clock, log } = this.options
    const nowMs = clock.monotonicMs()
    if (this.sweptMs !== undefined && nowMs - this.sweptMs < LIMITS.objectSweepIntervalMs) return
    this.sweptMs = nowMs
    for (let after: string | undefined = ''; after !== undefined;) {
      if (this.stopping.signal.aborted) return
      after = await log.markStray(after)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Looks for objects without rows at the next round, whenever the last time was. */
  lookForStrays(): void {
    this.sweptMs = undefined
    this.arm(0)
  }

  private report(reason: string): void {
    this.problem = reason
    if (!this.reports.begin()) return
    this.options.logger.error('Objects with content cannot be moved; they wait in the store.', {
      reason,
      failed: this.failed,
    })
  }
}

/** Without an address or a name of the bucket. */
function reasonOf(error: unknown): string {
  if (error instanceof S3Error) return `${error.status} ${error.code}`
  return error instanceof GatewayError ? error.kind : describeFailure(error)
}

function unavailable(reason: string): GatewayError {
  return new GatewayError('storage_unavailable', {
    code: 'content_unavailable',
    message: 'The content lies outside of the store and cannot be had now.',
    cause: reason,
  })
}
