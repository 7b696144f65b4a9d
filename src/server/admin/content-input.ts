// What rules of content, holds and erasures are said to be, by a client of the management API or on the command line, in the words of the
// core, and how they look there. Pure; whether somebody may do it is not decided here.

import type { Static } from '@sinclair/typebox'
import {
  CONTENT_KEEPS,
  CONTENT_SUBJECTS,
  ERASURE_KINDS,
  ERASURE_MODES,
  ERASURE_STATES,
  HOLD_KINDS,
  NOTHING_ERASED,
  REDACTIONS,
  type ContentRule,
  type Erasure,
  type Hold,
} from '../../core/content.ts'
import type { JsonObject } from '../../core/json.ts'
import { invalidMember } from './body.ts'
import { moment, nullable, oneOf, strict, t, words } from './contract.ts'
import { ONLY, RULE_ID } from './money-schemas.ts'
import { declaredReason } from './read-only.ts'

const KEEP = oneOf(CONTENT_KEEPS, {
  description:
    '`none` keeps no row at all, `metadata` a row, `content` bodies as well, `content-on-error` bodies of requests that fail.',
})

const RULE = {
  per: oneOf(CONTENT_SUBJECTS, { description: 'Whose requests.' }),
  only: ONLY,
  keep: KEEP,
  redact: t.Optional(
    nullable(t.Array(oneOf(REDACTIONS), { maxItems: REDACTIONS.length, uniqueItems: true }), {
      description: 'Taken out of what is kept, beside what is taken out of everything.',
    }),
  ),
}

export const ContentRuleBody = strict(RULE, { $id: 'ContentRuleChange' })
export const NewContentRuleBody = strict({ id: RULE_ID, ...RULE }, { $id: 'NewContentRule' })
export type ContentRuleAsked = Static<typeof ContentRuleBody>

export const ContentRuleSchema = t.Object(
  {
    id: t.String(),
    tenant: t.String(),
    origin: oneOf(['file', 'environment', 'store']),
    read_only: nullable(t.String(), { description: 'Why it cannot be changed here.' }),
    per: RULE.per,
    only: nullable(t.String()),
    keep: KEEP,
    redact: t.Array(t.String()),
  },
  { $id: 'ContentRule' },
)

/** @throws GatewayError `invalid_request` naming the member */
export function contentRuleOf(
  { keep, only, per, redact }: ContentRuleAsked,
  { id, tenantId }: { readonly id: string; readonly tenantId: string },
): ContentRule & { readonly tenantId: string } {
  return {
    id,
    tenantId,
    origin: 'store',
    per,
    keep,
    ...(only === undefined || only === null ? {} : { only }),
    ...(redact === undefined || redact === null ? {} : { redact }),
  }
}

/** @param tenantId whose requests are meant */
export function contentRuleJson(rule: ContentRule, tenantId: string): JsonObject {
  return {
    id: rule.id,
    tenant: tenantId,
    origin: rule.origin,
    read_only: declaredReason(rule.origin, 'content rule'),
    per: rule.per,
    only: rule.only ?? null,
    keep: rule.keep,
    redact: [...(rule.redact ?? [])],
  }
}

const REASON = words(1_000, { description: 'Why, for the record; no personal data.' })
const SUBJECT = t.String({ minLength: 1, maxLength: 300, pattern: '^[^\\u0000-\\u001f]+$' })

export const NewHoldBody = strict(
  {
    id: RULE_ID,
    kind: oneOf(HOLD_KINDS, {
      description: 'What is held: one request, those of a user or a key, or all within a span.',
    }),
    subject: t.Optional(
      nullable(SUBJECT, {
        description: '`log_id` of the request, id of the user or the key; none for a span.',
      }),
    ),
    since: t.Optional(nullable(moment(), { description: 'Only what arrived at or after it.' })),
    until: t.Optional(nullable(moment(), { description: 'Only what arrived before it.' })),
    reason: REASON,
  },
  { $id: 'NewHold' },
)
export type HoldAsked = Static<typeof NewHoldBody>

export const ReleaseBody = strict({ reason: REASON }, { $id: 'HoldRelease' })

export const HoldSchema = t.Object(
  {
    id: t.String(),
    tenant: t.String(),
    kind: oneOf(HOLD_KINDS),
    subject: nullable(t.String()),
    since: nullable(moment()),
    until: nullable(moment()),
    reason: t.String(),
    created: moment(),
    created_by: t.String(),
  },
  { $id: 'Hold' },
)

/** @throws GatewayError `invalid_request` naming the member */
export function holdOf(
  { kind, reason, since, subject, until }: HoldAsked,
  made: Pick<Hold, 'createdBy' | 'createdMs' | 'id' | 'tenantId'>,
): Hold {
  const sinceMs = timeOf(since)
  const untilMs = timeOf(until)
  const named = subject ?? undefined
  if (kind === 'span') {
    if (named !== undefined) throw invalidMember('subject', 'A span of time has none.')
    if (sinceMs === undefined && untilMs === undefined) {
      throw invalidMember('since', 'A span of time begins or ends somewhere.')
    }
  } else if (named === undefined) throw invalidMember('subject', 'Say what is held.')
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs >= untilMs) {
    throw invalidMember('until', 'Must be later than since.')
  }
  return {
    ...made,
    kind,
    reason,
    ...(named === undefined ? {} : { subject: kind === 'request' ? named.toLowerCase() : named }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  }
}

export function holdJson(hold: Hold): JsonObject {
  return {
    id: hold.id,
    tenant: hold.tenantId,
    kind: hold.kind,
    subject: hold.subject ?? null,
    since: isoOf(hold.sinceMs),
    until: isoOf(hold.untilMs),
    reason: hold.reason,
    created: new Date(hold.createdMs).toISOString(),
    created_by: hold.createdBy,
  }
}

export const NewErasureBody = strict(
  {
    kind: oneOf(ERASURE_KINDS, { description: 'Whose data: a user’s or a key’s.' }),
    subject: SUBJECT,
    mode: t.Optional(
      oneOf(ERASURE_MODES, {
        description:
          '`anonymise` (unless given) leaves rows as figures without a name, so that money still adds up; `delete` takes the rows as well.',
      }),
    ),
    reason: REASON,
    when_held: t.Optional(
      oneOf(['wait', 'refuse'], {
        description:
          'Where a legal hold keeps some of it: erase the rest and wait for the release (unless given), or do nothing at all.',
      }),
    ),
    dry_run: t.Optional(t.Boolean({ description: 'Only count what would go.' })),
  },
  { $id: 'NewErasure' },
)
export type ErasureAsked = Static<typeof NewErasureBody>

export const ErasureSchema = t.Object(
  {
    id: nullable(t.String(), { description: 'Null for one that was only counted.' }),
    tenant: t.String(),
    kind: oneOf(ERASURE_KINDS),
    subject: t.String(),
    mode: oneOf(ERASURE_MODES),
    reason: t.String(),
    state: oneOf([...ERASURE_STATES, 'counted'] as const, {
      description: '`waiting`: all but what is held is gone; it goes on by itself.',
    }),
    requests: t.Integer({ description: 'Rows that were erased.' }),
    bodies: t.Integer({ description: 'Of these, those with bodies.' }),
    objects: t.Integer({ description: 'Of these, those with bodies outside of the store.' }),
    kept: t.Integer({ description: 'Kept answers, and what else was kept for later requests.' }),
    sessions: t.Integer(),
    held: t.Integer({ description: 'Rows that a legal hold keeps.' }),
    created: nullable(moment()),
    created_by: nullable(t.String()),
    finished: nullable(moment()),
  },
  { $id: 'Erasure' },
)

export function erasureOf(
  { kind, mode = 'anonymise', reason, subject }: ErasureAsked,
  made: Pick<Erasure, 'createdBy' | 'createdMs' | 'id' | 'tenantId'>,
): Erasure {
  return {
    ...made,
    kind,
    subject,
    mode,
    reason,
    state: 'running',
    counts: NOTHING_ERASED,
    afterSequence: 0,
  }
}

export function erasureJson(erasure: Erasure): JsonObject {
  const { counts } = erasure
  return {
    id: erasure.id,
    tenant: erasure.tenantId,
    kind: erasure.kind,
    subject: erasure.subject,
    mode: erasure.mode,
    reason: erasure.reason,
    state: erasure.state,
    requests: counts.requests,
    bodies: counts.bodies,
    objects: counts.objects,
    kept: counts.kept,
    sessions: counts.sessions,
    held: counts.held,
    created: isoOf(erasure.createdMs),
    created_by: erasure.createdBy,
    finished: isoOf(erasure.finishedMs),
  }
}

function timeOf(text: string | null | undefined): number | undefined {
  return text === undefined || text === null ? undefined : Date.parse(text)
}

function isoOf(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : new Date(timeMs).toISOString()
}
