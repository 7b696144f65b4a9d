// Runs the listener of changes to control data: after each change, never two at once, and once more when something changed while
// one ran. What notices changes is the engine's; this is what both have in common.

import type { Logger } from '../core/ports.ts'

/** Reads the new state. Must not write control data: the write would wait for the listener and the listener for the write. */
export type ChangeListener = () => void | Promise<void>

/** What tells of changes of control data, whichever engine is behind. */
export interface StoreWatcher {
  /** Calls the listener after each change from now on, and for those since the store was opened. */
  start(listener: ChangeListener): void
  /** Stops and frees; waits for a running listener. */
  stop(): Promise<void>
  /** Tells that this process changed something. Resolves when a run of the listener that began afterwards has ended. */
  changed(): Promise<void>
  /** Why changes cannot be noticed or kept now; undefined while all is well. */
  readonly problem: string | undefined
}

/** The runs of one listener. */
export class ChangeRuns {
  private readonly logger: Logger
  private listener: ChangeListener | undefined
  private wanted = false
  private running: Promise<void> | undefined
  private hasFailed = false

  constructor(logger: Logger) {
    this.logger = logger
  }

  /** The last run failed: what it should have read is still to be read. */
  get failedLastTime(): boolean {
    return this.hasFailed
  }

  listen(listener: ChangeListener): void {
    this.listener = listener
  }

  /** No run begins any more; resolves when the last has ended. */
  async stop(): Promise<void> {
    this.listener = undefined
    await this.running
  }

  /** Resolves when a run that began after this call has ended; it never fails. */
  changed(): Promise<void> {
    if (this.listener === undefined) return Promise.resolve()
    this.wanted = true
    this.running ??= this.run().finally(() => {
      this.running = undefined
    })
    return this.running
  }

  private async run(): Promise<void> {
    // A change during a run may have come after what that run read, so one more follows.
    while (this.wanted && this.listener !== undefined) {
      this.wanted = false
      try {
        await this.listener()
        this.hasFailed = false
      } catch (error) {
        this.hasFailed = true
        this.logger.error(
          'A change of the control data could not be taken over; it is tried again.',
          { reason: error instanceof Error ? error.message : 'unknown' },
        )
      }
    }
  }
}
