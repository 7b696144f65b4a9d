// Notices that control data in SQLite changed, whoever changed it: another process through SQLite's own counter, this one through
// `changed`. Both end in the same listener, which replaces the gateway's snapshot; runs of it never overlap.

import type { Database, Statement } from 'bun:sqlite'
import { statSync } from 'node:fs'
import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'
import { ChangeRuns, type ChangeListener, type StoreWatcher } from './change-runs.ts'
import { describeFailure } from './errors.ts'

export interface ControlWatcherOptions {
  readonly logger: Logger
  /** Database files that must stay the ones that were opened; a deleted file would swallow every write in silence. */
  readonly files: readonly string[]
  readonly intervalMs?: number
}

function fileIdentity(path: string): string | undefined {
  const status = statSync(path, { throwIfNoEntry: false })
  return status === undefined ? undefined : `${status.dev}:${status.ino}`
}

/** Watches one control database. */
export class ControlWatcher implements StoreWatcher {
  private readonly logger: Logger
  private readonly intervalMs: number
  private readonly version: Statement<{ data_version: number }, []>
  private readonly files: readonly {
    readonly path: string
    readonly identity: string | undefined
  }[]
  private lastVersion: number
  private readonly runs: ChangeRuns
  private timer: ReturnType<typeof setInterval> | undefined
  private trouble: string | undefined

  /** Changes count from here on, though the listener may come later. */
  constructor(database: Database, options: ControlWatcherOptions) {
    this.logger = options.logger
    this.runs = new ChangeRuns(options.logger)
    this.intervalMs = options.intervalMs ?? LIMITS.controlPollIntervalMs
    this.version = database.prepare('PRAGMA data_version')
    this.files = options.files.map((path) => ({ path, identity: fileIdentity(path) }))
    this.lastVersion = this.readVersion()
  }

  /** Calls the listener after each change from now on. The timer does not keep the process alive. */
  start(listener: ChangeListener): void {
    this.runs.listen(listener)
    if (this.timer !== undefined) return
    this.timer = setInterval(() => this.poll(), this.intervalMs)
    this.timer.unref()
  }

  /** Stops and frees; waits for a running listener. */
  async stop(): Promise<void> {
    clearInterval(this.timer)
    this.timer = undefined
    await this.runs.stop()
    this.version.finalize()
  }

  /** Tells that this process changed something. Resolves when a run of the listener that began afterwards has ended. */
  changed(): Promise<void> {
    return this.runs.changed()
  }

  /** Why changes cannot be noticed or kept now; undefined while all is well. */
  get problem(): string | undefined {
    return this.trouble
  }

  /** One look, as the timer takes; never throws. */
  poll(): void {
    const before = this.trouble
    try {
      this.trouble = this.missingFile()
      const version = this.readVersion()
      if (version !== this.lastVersion || this.runs.failedLastTime) {
        this.lastVersion = version
        void this.changed()
      }
    } catch (error) {
      this.trouble = `The control database cannot be read (${describeFailure(error)}).`
    }
    if (this.trouble !== undefined && this.trouble !== before) this.logger.error(this.trouble)
  }

  private readVersion(): number {
    return this.version.get()?.data_version ?? 0
  }

  private missingFile(): string | undefined {
    const missing = this.files.find(({ path, identity }) => fileIdentity(path) !== identity)
    if (missing === undefined) return undefined
    return `The database file ${missing.path} was deleted or replaced while in use; restart to use the new one.`
  }
}
