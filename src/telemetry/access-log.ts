// The access log: a line of the program's log for each request that ended, where that is asked for. It writes at once, as the rest of the log
// does, and holds nothing.

import type { Outcome, OutcomeSink } from '../core/outcome.ts'
import type { Logger } from '../core/ports.ts'
import { accessFields, accessLevel } from './access-fields.ts'

export class AccessLog implements OutcomeSink {
  readonly which: 'errors' | 'all'
  private readonly logger: Logger

  constructor(which: 'errors' | 'all', logger: Logger) {
    this.which = which
    this.logger = logger
  }

  record(outcome: Outcome): void {
    const isFailed = outcome.errorKind !== undefined || outcome.status >= 400
    if (this.which === 'errors' && !isFailed) return
    this.logger[accessLevel(outcome)]('request', accessFields(outcome))
  }

  stop(): Promise<void> {
    return Promise.resolve()
  }
}
