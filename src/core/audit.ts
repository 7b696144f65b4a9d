// Who did what to which control data, as it is recorded beside the change itself and never changed afterwards. Pure words: the
// chain of hashes is the store's, masking is whoever writes the event.

/** Who causes a change or is refused one. */
export interface Actor {
  readonly kind: 'user' | 'service' | 'key' | 'anonymous' | 'cli' | 'system'
  /** Row id; of `cli` the name of the operating system's user, of `system` what part of the program. */
  readonly id: string
  /** As people know it: a name or an address of mail, of a key its name. */
  readonly name?: string
  /** The tenant it belongs to; absent for `cli` and `system`. */
  readonly tenantId?: string
  /** Address of the client. */
  readonly from?: string
  readonly requestId?: string
  /**
   * What must hold for a change to be made at all. It is asked within the change, on the state that the change is made on, and rejects
   * where that is not the one it was decided upon (`If-Match`). Not recorded.
   */
  readonly precondition?: () => Promise<void>
}

/** The program itself, for changes that nobody asked for. */
export function systemActor(part: string): Actor {
  return { kind: 'system', id: part }
}

/** What is recorded; who and when come beside it. */
export interface AuditEvent {
  /** Whose audit it is in; `PLATFORM_TENANT_ID` for what concerns the whole installation. */
  readonly tenantId: string
  /** `key.create`, `login.succeeded`, `access.denied`, `secret.used`, …: what happened, in the words of `AUDIT_ACTIONS`. */
  readonly action: AuditAction
  readonly target: { readonly kind: string; readonly id: string }
  /** The whole of it before and after, secrets masked; absent before a creation and after a deletion. */
  readonly before?: Readonly<Record<string, unknown>>
  readonly after?: Readonly<Record<string, unknown>>
}

/** Every action there is. One that is not in the list cannot be recorded, so the documentation can name them all. */
export const AUDIT_ACTIONS = [
  'tenant.create',
  'tenant.update',
  'tenant.delete',
  'team.create',
  'team.update',
  'team.delete',
  'user.create',
  'user.update',
  'user.delete',
  'group.create',
  'group.update',
  'group.delete',
  'service.create',
  'service.update',
  'service.delete',
  'membership.add',
  'membership.remove',
  'role.create',
  'role.update',
  'role.delete',
  'assignment.create',
  'assignment.delete',
  'provider.save',
  'provider.delete',
  'provider_key.create',
  'provider_key.update',
  'provider_key.delete',
  'model.save',
  'model.delete',
  'key.create',
  'key.update',
  'key.rotate',
  'key.revoke',
  'limit.save',
  'limit.delete',
  'budget.save',
  'budget.delete',
  'budget.reset',
  'guardrail.save',
  'guardrail.delete',
  'guardrail.reorder',
  'guardrail.blocked',
  'guardrail.flagged',
  'guardrail.failed',
  'flag.save',
  'flag.delete',
  'cache.purge',
  'content_rule.save',
  'content_rule.delete',
  'content.read',
  'content.export',
  'hold.create',
  'hold.release',
  'erasure.create',
  'erasure.end',
  'login.succeeded',
  'login.failed',
  'logout',
  'session.revoke',
  'access.denied',
  'secret.used',
  'secret.rotate',
  'settings.update',
  'setup.link',
  'login.link',
  'store.copy',
  'store.restore',
] as const

export type AuditAction = (typeof AUDIT_ACTIONS)[number]

/** One link of the chain, as it is read back. */
export interface AuditRecord extends AuditEvent {
  /** 1, 2, 3, … without a gap. */
  readonly sequence: number
  readonly timestampMs: number
  readonly actor: Actor
  /** Hex HMAC-SHA-256 over the record and the hash before it. */
  readonly hash: string
}
