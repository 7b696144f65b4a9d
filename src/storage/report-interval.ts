// How often somebody who fails for long says so in the log: at most once in an interval, as a full disk must not fill the other log too.

import { LIMITS } from '../core/limits.ts'
import type { Clock } from '../core/ports.ts'

export class ReportInterval {
  private readonly clock: Pick<Clock, 'monotonicMs'>
  private reportedMs: number | undefined

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.clock = clock
  }

  /** True when a report may be made now; it is taken as made, and the interval begins anew. */
  begin(): boolean {
    const nowMs = this.clock.monotonicMs()
    const { reportedMs } = this
    if (reportedMs !== undefined && nowMs - reportedMs < LIMITS.logProblemReportIntervalMs) {
      return false
    }
    this.reportedMs = nowMs
    return true
  }

  /** What was reported is over: the next report is not held back. */
  reset(): void {
    this.reportedMs = undefined
  }
}
