// What the page of the audit asks for.

import { api, unwrap } from '../api.ts'

/** Filters that stand in the address. */
export const FILTERS = ['action', 'actor', 'target_kind', 'target'] as const

export type AuditQuery = NonNullable<NonNullable<Parameters<typeof api.audit.get>[0]>['query']>

/** A page of records, the newest first. */
export function auditOf(query: AuditQuery, options: { readonly signal?: AbortSignal } = {}) {
  return unwrap(api.audit.get({ query, fetch: options }))
}

export type AuditRecord = Awaited<ReturnType<typeof auditOf>>['data'][number]
