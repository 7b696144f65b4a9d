// Refusals for lack of a right, in the audit. One who is refused the same thing again and again is recorded once in a while and
// counted meanwhile: the audit shows who tried what, and nobody can fill it.

import type { AuditEvent, Actor } from '../core/audit.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type { RouteRule } from './route-actions.ts'

export interface DenialPorts {
  readonly clock: Clock
  readonly logger: Logger
  record(event: AuditEvent, by: Actor): Promise<void>
}

interface Recent {
  readonly recordedMs: number
  /** Since then. */
  repeats: number
}

export class Denials {
  private readonly ports: DenialPorts
  /** By actor and action; the one recorded longest ago is forgotten first. */
  private readonly recent = new Map<string, Recent>()

  constructor(ports: DenialPorts) {
    this.ports = ports
  }

  /** Somebody was refused. Returns at once and never throws: the refusal stands whether or not it can be recorded. */
  note(by: Actor, { action, method, path }: RouteRule): void {
    const { clock, logger, record } = this.ports
    const key = JSON.stringify([by.kind, by.id, action])
    const before = this.recent.get(key)
    const nowMs = clock.monotonicMs()
    if (before !== undefined && nowMs - before.recordedMs < LIMITS.denialRecordIntervalMs) {
      before.repeats += 1
      return
    }
    this.recent.delete(key)
    this.recent.set(key, { recordedMs: nowMs, repeats: 0 })
    if (this.recent.size > LIMITS.denialEntriesMax) {
      const oldest = this.recent.keys().next()
      if (oldest.done !== true) this.recent.delete(oldest.value)
    }
    const repeats = before?.repeats ?? 0
    const event: AuditEvent = {
      tenantId: by.tenantId ?? '',
      action: 'access.denied',
      target: { kind: 'action', id: action },
      after: { route: `${method} ${path}`, ...(repeats === 0 ? {} : { alsoBefore: repeats }) },
    }
    record(event, by).catch((error: unknown) => {
      logger.warn('a refusal could not be recorded', { action, error: String(error) })
    })
  }
}
