// Logins and sessions as the audit has them, and in whose name. Nothing in it lets anybody in: a session is named by the beginning of its
// hash.

import type { Actor, AuditEvent } from '../core/audit.ts'
import type { Session } from '../core/ports-people.ts'
import type { Principal } from '../core/principal.ts'
import type { Origin } from './accounts.ts'

/** What a session is called where people see it: it lets nobody in. */
export function sessionId(session: Pick<Session, 'idHash'>): string {
  return session.idHash.slice(0, 32)
}

/** A session that ended. */
export function sessionEvent(action: 'logout' | 'session.revoke', session: Session): AuditEvent {
  const { issuer, tenantId, userId } = session
  const target = { kind: 'session', id: sessionId(session) }
  return { tenantId, action, target, before: { userId, issuer } }
}

/** Whoever logs in or out. */
export function personOf(
  { name, tenantId, userId }: Principal,
  { issuer }: { readonly issuer: string },
  origin: Origin,
): Actor {
  return {
    kind: 'user',
    id: userId ?? issuer,
    tenantId,
    ...(name === undefined ? {} : { name }),
    ...origin,
  }
}

/** What is recorded of where somebody is. */
export function originOf({ from, requestId }: Origin): Origin {
  return {
    ...(from === undefined ? {} : { from }),
    ...(requestId === undefined ? {} : { requestId }),
  }
}
