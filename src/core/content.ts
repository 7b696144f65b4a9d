// What is kept of requests' content, for how long and for whom: the rules of the policy, legal holds that keep rows from being deleted, and
// erasures that delete one person's. Pure words and decisions; who stores, deletes and asks is elsewhere.

import type { AwsCredentials } from './aws.ts'
import type { Origin } from './catalog.ts'
import { GatewayError } from './error.ts'
import { matchesPattern, type Principal } from './principal.ts'

/** From the least to the most. `content-on-error` keeps bodies of requests that fail. */
export const CONTENT_KEEPS = ['none', 'metadata', 'content-on-error', 'content'] as const
export type ContentKeep = (typeof CONTENT_KEEPS)[number]

export const CONTENT_SUBJECTS = ['tenant', 'model', 'key'] as const
export type ContentSubject = (typeof CONTENT_SUBJECTS)[number]

/** What redaction looks for. */
export const REDACTIONS = ['email', 'phone', 'card', 'iban', 'ip', 'secret', 'national_id'] as const
export type Redaction = (typeof REDACTIONS)[number]

/** One rule of the policy. */
export interface ContentRule {
  readonly id: string
  /** Whose it is; absent for one of the file, which holds in every tenant. */
  readonly tenantId?: string
  readonly origin: Origin
  readonly per: ContentSubject
  /** Id or name, `*` standing for any text; absent: each of them. */
  readonly only?: string
  readonly keep: ContentKeep
  /** Taken out of what is kept, beside what is taken out of everything. */
  readonly redact?: readonly Redaction[]
}

/** What holds for one request. */
export interface ContentPolicy {
  readonly keep: ContentKeep
  readonly redact: readonly Redaction[]
}

/** Takes what must not be kept out of a text. Linear in the text; the text itself where there is nothing to take out. */
export type Redactor = (text: string) => string

export type RedactorFactory = (detectors: readonly Redaction[]) => Redactor

/** Whom a request is by, as far as the rules ask. */
export type ContentAsker = Pick<Principal, 'tenantId' | 'keyId' | 'keyName'>

/** The four bodies of a request. */
export interface Bodies {
  readonly requestBody?: string
  readonly responseBody?: string
  readonly providerRequestBody?: string
  readonly providerResponseBody?: string
}

/** There is content, and nothing that is done again makes it readable. */
export function contentDamaged(): GatewayError {
  return new GatewayError('invalid_request', {
    status: 404,
    code: 'content_damaged',
    message: 'The content of the request is damaged and cannot be read.',
  })
}

/**
 * The policies of all tenants, ready to be asked: a request costs what its own tenant's rules and the file's do. The most specific rule wins: of the key over of the model
 * over of the tenant over what holds for all; of several of the same kind the file's before the store's, then the one that names
 * exactly before the pattern before none, then the one that keeps least. What a tenant's rule forbids (`none`) no rule of a model or
 * key brings back. What is redacted is added up over every rule that fits.
 */
export class ContentRules {
  private readonly all: ContentPolicy
  /** Those that hold in every tenant; for a tenant with rules of its own, these among them. */
  private readonly common: readonly ContentRule[]
  private readonly byTenant: ReadonlyMap<string, readonly ContentRule[]>

  constructor(all: ContentPolicy, rules: readonly ContentRule[] = []) {
    this.all = all
    const groups = Map.groupBy(rules, ({ tenantId }) => tenantId)
    const common = groups.get(undefined) ?? []
    this.common = common.toSorted(byWeight)
    const own = [...groups].flatMap(([tenantId, group]) =>
      tenantId === undefined ? [] : [[tenantId, [...common, ...group].toSorted(byWeight)] as const],
    )
    this.byTenant = new Map(own)
  }

  /** The same object each time where no rule is there. */
  policyFor(asker: ContentAsker, model: string | undefined): ContentPolicy {
    const rules = this.byTenant.get(asker.tenantId) ?? this.common
    if (rules.length === 0) return this.all
    let keep: ContentKeep | undefined
    let tenantKeep: ContentKeep | undefined
    let redact: Set<Redaction> | undefined
    for (const rule of rules) {
      if (!concerns(rule, asker, model)) continue
      keep ??= rule.keep
      if (rule.per === 'tenant') tenantKeep ??= rule.keep
      for (const name of rule.redact ?? []) (redact ??= new Set(this.all.redact)).add(name)
    }
    if (keep === undefined) return this.all
    return {
      keep: tenantKeep === 'none' ? 'none' : keep,
      redact: redact === undefined ? this.all.redact : [...redact],
    }
  }
}

const WEIGHTS: Readonly<Record<ContentSubject, number>> = { key: 0, model: 1, tenant: 2 }

function byWeight(one: ContentRule, other: ContentRule): number {
  return (
    WEIGHTS[one.per] - WEIGHTS[other.per] ||
    Number(one.origin === 'store') - Number(other.origin === 'store') ||
    exactness(one) - exactness(other) ||
    CONTENT_KEEPS.indexOf(one.keep) - CONTENT_KEEPS.indexOf(other.keep) ||
    (one.id < other.id ? -1 : 1)
  )
}

function exactness({ only }: ContentRule): number {
  if (only === undefined) return 2
  return only.includes('*') ? 1 : 0
}

function concerns(
  { only, per }: ContentRule,
  asker: ContentAsker,
  model: string | undefined,
): boolean {
  const is = (name: string | undefined) =>
    name !== undefined && (only === undefined || matchesPattern(only, name))
  switch (per) {
    case 'tenant':
      return is(asker.tenantId)
    case 'model':
      return is(model)
    case 'key':
      return is(asker.keyId) || is(asker.keyName)
  }
}

/** Whether bodies may be wanted once it is known how the request ends. */
export function mayKeepBodies(keep: ContentKeep): boolean {
  return keep === 'content' || keep === 'content-on-error'
}

/** Whether they are wanted. @param hasFailed an error of ours, or a status of 400 and up */
export function keepsBodies(keep: ContentKeep, hasFailed: boolean): boolean {
  return keep === 'content' || (keep === 'content-on-error' && hasFailed)
}

export const HOLD_KINDS = ['request', 'user', 'key', 'span'] as const
export type HoldKind = (typeof HOLD_KINDS)[number]

/** Rows that nothing deletes until it is released: of one request, of one person, or of a span of time of the whole tenant. */
export interface Hold {
  readonly tenantId: string
  readonly id: string
  readonly kind: HoldKind
  /** The request's `log_id`, the id of the user or of the key; of a span none. */
  readonly subject?: string
  /** Requests that arrived at or after it; absent: from the first. */
  readonly sinceMs?: number
  /** Requests that arrived before it; absent: to the last, those still to come among them. */
  readonly untilMs?: number
  readonly reason: string
  readonly createdMs: number
  /** Who made it, as the audit names them. */
  readonly createdBy: string
}

/** Whether a hold keeps a row. The store says the same in SQL, and a test holds the two together. */
export function isHeldBy(
  hold: Hold,
  row: {
    readonly tenantId: string
    readonly logId: string
    readonly timestampMs: number
    readonly userId?: string | undefined
    readonly apiKeyId?: string | undefined
  },
): boolean {
  if (hold.tenantId !== row.tenantId) return false
  if (hold.sinceMs !== undefined && row.timestampMs < hold.sinceMs) return false
  if (hold.untilMs !== undefined && row.timestampMs >= hold.untilMs) return false
  switch (hold.kind) {
    case 'request':
      return row.logId === hold.subject
    case 'user':
      return row.userId === hold.subject
    case 'key':
      return row.apiKeyId === hold.subject
    case 'span':
      return true
  }
}

export const ERASURE_KINDS = ['user', 'key'] as const
export type ErasureKind = (typeof ERASURE_KINDS)[number]

/** `anonymise` leaves the row as a figure without anybody's name; `delete` takes the row as well. */
export const ERASURE_MODES = ['anonymise', 'delete'] as const
export type ErasureMode = (typeof ERASURE_MODES)[number]

/** `waiting`: everything but what is held is gone; it goes on when the hold is released. */
export const ERASURE_STATES = ['running', 'waiting', 'done'] as const
export type ErasureState = (typeof ERASURE_STATES)[number]

/** What an erasure has done so far. */
export interface ErasureCounts {
  /** Rows of the person that were found and are done with. */
  readonly requests: number
  /** Of these, those whose bodies were deleted, in the store or as objects. */
  readonly bodies: number
  readonly objects: number
  readonly sessions: number
  /** Kept answers, what else is kept for later requests, and what the audit quoted. */
  readonly kept: number
  /** Rows that a hold keeps. */
  readonly held: number
}

export const NOTHING_ERASED: ErasureCounts = {
  requests: 0,
  bodies: 0,
  objects: 0,
  sessions: 0,
  kept: 0,
  held: 0,
}

/** The deletion of one person's data, and its report. */
export interface Erasure {
  readonly tenantId: string
  readonly id: string
  readonly kind: ErasureKind
  readonly subject: string
  readonly mode: ErasureMode
  readonly reason: string
  readonly state: ErasureState
  readonly counts: ErasureCounts
  /** Rows up to this number are looked at. */
  readonly afterSequence: number
  readonly createdMs: number
  readonly createdBy: string
  readonly finishedMs?: number
}

/** What entries of the audit quote of requests. */
export const AUDIT_CONTENTS = ['none', 'excerpt'] as const
export type AuditContents = (typeof AUDIT_CONTENTS)[number]

/** A part of a request that an entry of the audit quotes, and whose it is. */
export interface AuditExcerpt {
  /** Of the request's row in the log. */
  readonly logId: string
  readonly userId?: string
  readonly keyId?: string
  /** When the request arrived. */
  readonly timestampMs: number
  /** Redacted and cut. */
  readonly text: string
}

/** A bucket of S3, or of a server that speaks its protocol. */
export interface S3Settings {
  /** `https://host[:port]`, without a path. */
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  /** In front of every name; empty or with a slash at its end. */
  readonly prefix: string
  /** The bucket in the path instead of the host's name. */
  readonly pathStyle: boolean
  /** `none` leaves it to the bucket. */
  readonly encryption: 'none' | 'AES256' | 'aws:kms'
  readonly kmsKeyId?: string
}

/** Where bodies lie that are not in the store. */
export interface ContentStoreSettings {
  /** Packed bodies of a request from this size on. */
  readonly thresholdBytes: number
  readonly s3: S3Settings
  /** Absent: where AWS's own tools look for them. */
  readonly credentials?: AwsCredentials
}
