// What the routes of content need of the outside: rules, holds and erasures of the store, objects outside of it, and the audit. Words alone;
// who fills them is `app-server.ts`.

import type { Actor, AuditEvent } from '../../core/audit.ts'
import type { ContentRule } from '../../core/content.ts'
import type {
  AuditContentRepository,
  ContentObjects,
  ContentRuleRepository,
  ErasureLog,
  ErasureRepository,
  HoldRepository,
} from '../../core/ports-content.ts'

/** What lies outside of the store, and what is on its way there or away. */
export interface ContentStanding {
  readonly isConfigured: boolean
  readonly objects: readonly {
    readonly state: 'waiting' | 'stored' | 'leaving'
    readonly objects: number
    readonly bytes: number
  }[]
  readonly moved: number
  readonly deleted: number
  readonly failed: number
  /** Why the bucket is not reached; undefined while it is. */
  readonly problem: string | undefined
  /** Rows that this process kept without their bodies. */
  readonly withoutBodies: number
}

export interface SweepReport {
  readonly looked: number
  readonly orphans: number
  readonly deleted: number
  readonly isDryRun: boolean
}

export interface ContentDeps {
  readonly rules: Pick<ContentRuleRepository, 'list' | 'save' | 'remove'>
  /** Those in force for a tenant, of file and store. */
  rulesOf(tenantId: string): readonly ContentRule[]
  readonly holds: Pick<HoldRepository, 'all' | 'list' | 'create' | 'release'>
  readonly erasures: Pick<ErasureRepository, 'list' | 'find' | 'create'>
  /** What an erasure would find. */
  count: ErasureLog['count']
  /** Something is to be erased, or may be from now on. */
  wake(): void
  readonly objects: ContentObjects
  /** What an entry of the audit quotes. */
  quoted: AuditContentRepository['find']
  standing(): Promise<ContentStanding>
  sweep(isDryRun: boolean): Promise<SweepReport>
  /** Records what changes nothing: that content was read. */
  record(event: AuditEvent, by: Actor): Promise<void>
}
