// The interfaces behind which the policy of content, legal holds, erasures and what lies outside of the store are kept. Apart from `ports.ts`
// only because of their number.

import type { Actor, AuditEvent } from './audit.ts'
import type { AuditExcerpt, Bodies, ContentRule, Erasure, Hold } from './content.ts'

export interface ContentRuleRepository {
  all(): Promise<ContentRule[]>
  list(tenantId: string): Promise<ContentRule[]>
  /** Creates or replaces. @throws GatewayError 409 `too_many_rules` */
  save(rule: ContentRule & { readonly tenantId: string }, by: Actor): Promise<void>
  remove(tenantId: string, id: string, by: Actor): Promise<boolean>
}

export interface HoldRepository {
  /** Of all tenants: what deletes asks this before each step. */
  all(): Promise<Hold[]>
  list(tenantId: string): Promise<Hold[]>
  /** From its end on nothing deletes what it holds. @throws GatewayError 409 for an id that is taken, or too many */
  create(hold: Hold, by: Actor): Promise<void>
  /** False when there is none of that id in the tenant. @param reason goes into the audit */
  release(tenantId: string, id: string, reason: string, by: Actor): Promise<boolean>
}

export interface ErasureRepository {
  list(tenantId: string): Promise<Erasure[]>
  find(tenantId: string, id: string): Promise<Erasure | undefined>
  create(erasure: Erasure, by: Actor): Promise<void>
  /** The next of those that are not done, of all tenants, each with the number that `advance` wants; those that wait come last. */
  unfinished(): Promise<readonly { readonly erasure: Erasure; readonly changes: number }[]>
  /**
   * Takes down how far it is. False where another process has gone on with it since `changes`.
   * @param by where it is worth a record of the audit: it waits, or it is done
   */
  advance(erasure: Erasure, changes: number, by?: Actor): Promise<boolean>
}

/** Rows of a person that were dealt with in one step. */
export interface ErasureStep {
  /** Rows up to this number were looked at; undefined: there are no further ones. */
  readonly lastSequence: number | undefined
  readonly requests: number
  readonly bodies: number
  readonly objects: number
  readonly held: number
}

/** What an erasure asks of the request log. */
export interface ErasureLog {
  /** The next rows behind `afterSequence`, those of the person dealt with, all of it or nothing. */
  step(erasure: Erasure, holds: readonly Hold[], rows: number): Promise<ErasureStep>
  /** How many rows of the person there are, and how many of them are held, without touching any. */
  count(
    person: Pick<Erasure, 'kind' | 'subject' | 'tenantId'>,
    holds: readonly Hold[],
  ): Promise<{ readonly requests: number; readonly bodies: number; readonly held: number }>
  /** Deletes what is kept for later requests under these callers; how many items. */
  forget(tenantId: string, callers: readonly string[]): Promise<number>
}

/** Bodies that lie outside of the store. */
export interface ContentObjects {
  /** @throws GatewayError 503 `content_unavailable` while they cannot be had, 404 where they are gone */
  bodiesOf(objectKey: string): Promise<Bodies>
}

/** What entries of the audit quote of requests. It lies beside the chain, which has a hash of it alone: deleting it breaks nothing. */
export interface AuditContentRepository {
  /** Records an event with a quotation, both or neither. @throws GatewayError `storage_unavailable` */
  record(event: AuditEvent, by: Actor, excerpt: AuditExcerpt): Promise<void>
  /**
   * What the entry of this number quotes, and whose it is; undefined where it quotes nothing, or nothing any more.
   * @param tenantId absent: of any tenant
   * @throws GatewayError 404 `content_damaged` where it is not what the entry was made with
   */
  find(
    tenantId: string | undefined,
    sequence: number,
  ): Promise<{ readonly tenantId: string; readonly text: string } | undefined>
  /** Deletes what is quoted of a person, but for what is held. */
  erase(
    person: Pick<Erasure, 'kind' | 'subject' | 'tenantId'>,
  ): Promise<{ readonly deleted: number; readonly held: number }>
  /** Deletes what is quoted of requests that arrived before then, but for what is held, until none is left or `signal` fires. */
  prune(cutoffMs: number, signal: AbortSignal): Promise<number>
}
