// What rules do, in the audit: a request that was ended or is to be looked at, a check that nobody answered. Whoever runs into the same rule again and again is
// recorded once a minute and counted meanwhile, so that the audit shows who tried what and nobody can fill it.

import type { Actor, AuditEvent } from '../../core/audit.ts'
import type { AuditExcerpt } from '../../core/content.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Clock, Logger } from '../../core/ports.ts'
import { callerOf, type Principal } from '../../core/principal.ts'
import type { GuardEvent } from './ports.ts'

export interface GuardAuditPorts {
  readonly clock: Clock
  readonly logger: Logger
  record(event: AuditEvent, by: Actor, excerpt?: AuditExcerpt): Promise<void>
  /** What may be quoted of its texts; undefined: nothing. Absent: of none. */
  excerpt?(told: GuardEvent): string | undefined
}

interface Recent {
  readonly recordedMs: number
  /** Since then. */
  repeats: number
}

export class GuardAudit {
  private readonly ports: GuardAuditPorts
  /** By rule, what became of it, and caller; the one recorded longest ago is forgotten first. */
  private readonly recent = new Map<string, Recent>()

  constructor(ports: GuardAuditPorts) {
    this.ports = ports
  }

  /** Returns at once and never throws: what the rule has decided stands, whether or not it can be recorded. */
  note(told: GuardEvent): void {
    const { action, principal, rule, stage, verdict } = told
    const { clock, logger, record } = this.ports
    const { tenantId } = principal
    const caller = callerOf(principal) ?? ''
    const key = JSON.stringify([tenantId, rule.tenantId ?? '', rule.id, action, caller])
    const before = this.recent.get(key)
    const nowMs = clock.monotonicMs()
    if (before !== undefined && nowMs - before.recordedMs < LIMITS.guardAuditIntervalMs) {
      before.repeats += 1
      return
    }
    this.recent.delete(key)
    this.recent.set(key, { recordedMs: nowMs, repeats: 0 })
    if (this.recent.size > LIMITS.guardAuditEntriesMax) {
      const oldest = this.recent.keys().next()
      if (oldest.done !== true) this.recent.delete(oldest.value)
    }
    const repeats = before?.repeats ?? 0
    const event: AuditEvent = {
      tenantId,
      action,
      target: { kind: 'guardrail', id: rule.id },
      after: {
        check: rule.check,
        stage,
        verdict,
        categories: told.categories,
        model: told.model,
        ...(repeats === 0 ? {} : { alsoBefore: repeats }),
      },
    }
    const by = { ...actorOf(principal), requestId: told.requestId }
    const excerpt = this.excerpt(told)
    const recorded = excerpt === undefined ? record(event, by) : record(event, by, excerpt)
    recorded.catch((error: unknown) => {
      logger.warn('what a guardrail did could not be recorded', {
        rule: rule.id,
        error: String(error),
      })
    })
  }

  private excerpt(told: GuardEvent): AuditExcerpt | undefined {
    const { arrivedMs, logId, principal, rule } = told
    const { keyId, userId } = principal
    try {
      const text = this.ports.excerpt?.(told)
      if (text === undefined) return undefined
      return {
        logId,
        timestampMs: arrivedMs,
        ...(userId === undefined ? {} : { userId }),
        ...(keyId === undefined ? {} : { keyId }),
        text,
      }
    } catch (error) {
      // The entry matters more than what it quotes. The error may quote as well, so its name alone is told.
      this.ports.logger.warn('what a guardrail was asked about could not be quoted', {
        rule: rule.id,
        error: error instanceof Error ? error.name : 'unknown',
      })
      return undefined
    }
  }
}

/** Who asked, in the audit's words. */
function actorOf({ keyId, keyName, kind, name, serviceId, tenantId, userId }: Principal): Actor {
  if (kind === 'key' && keyId !== undefined) {
    return { kind: 'key', id: keyId, tenantId, ...named(keyName) }
  }
  if (userId !== undefined) return { kind: 'user', id: userId, tenantId, ...named(name) }
  if (serviceId !== undefined) return { kind: 'service', id: serviceId, tenantId, ...named(name) }
  return { kind: 'anonymous', id: '', tenantId }
}

function named(name: string | undefined): { name?: string } {
  return name === undefined ? {} : { name }
}
