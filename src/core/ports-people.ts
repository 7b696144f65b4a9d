// The interfaces behind which people, rights, sessions and the audit are kept. Apart from `ports.ts` only because of their number; the
// rules are the same: every method names its tenant, and every change names who makes it.

import type { Actor, AuditAction, AuditEvent, AuditRecord } from './audit.ts'
import type {
  Claimed,
  Directory,
  Group,
  Membership,
  RoleAssignment,
  RoleDefinition,
  Service,
  Status,
  Team,
  Tenant,
  User,
} from './identity.ts'
import type { ListAsked, ListPart } from './list-page.ts'
import type { CalledBack } from './recall.ts'

/** Tenants are the one kind of row that belongs to none. */
export interface TenantRepository {
  create(tenant: Omit<Tenant, 'status'>, by: Actor): Promise<Tenant>
  list(): Promise<Tenant[]>
  find(id: string): Promise<Tenant | undefined>
  update(
    id: string,
    change: { readonly name?: string; readonly status?: Status },
    by: Actor,
  ): Promise<Tenant | undefined>
  /** Only an empty one: false when there is none; GatewayError 409 `not_empty` when it still owns rows. */
  remove(id: string, by: Actor): Promise<boolean>
}

export interface TeamRepository {
  create(team: Team, by: Actor): Promise<Team>
  list(tenantId: string): Promise<Team[]>
  rename(tenantId: string, id: string, name: string, by: Actor): Promise<Team | undefined>
  /** With its memberships and assignments; false when there is none. */
  remove(tenantId: string, id: string, by: Actor): Promise<boolean>
}

export interface NewUser extends Pick<
  User,
  'tenantId' | 'id' | 'issuer' | 'subject' | 'createdMs' | 'name' | 'email'
> {
  /** Argon2id, of a local user alone. */
  readonly passwordHash?: string
}

/** What pages of users are sorted by: `name` is what they are shown by. */
export type UserSort = 'name' | 'subject' | 'email' | 'created' | 'last_login'

export interface UserFilter {
  readonly status?: Status
  readonly issuer?: string
}

export interface UserRepository {
  /** GatewayError 409 `already_exists` when issuer and subject are known, in any tenant. */
  create(user: NewUser, by: Actor): Promise<User>
  list(tenantId: string): Promise<User[]>
  /** One page of a tenant's users; searched are name, mail, subject and id. The texts of what is asked hold no NUL. */
  page(tenantId: string, filter: UserFilter, asked: ListAsked<UserSort>): Promise<ListPart<User>>
  find(tenantId: string, id: string): Promise<User | undefined>
  /** By what a token says; over all tenants, as a login does not know which. */
  bySubject(issuer: string, subject: string): Promise<User | undefined>
  update(
    tenantId: string,
    id: string,
    change: { readonly name?: string; readonly email?: string; readonly status?: Status },
    by: Actor,
  ): Promise<User | undefined>
  /** With memberships, assignments and sessions; keys that the user owns are revoked. */
  remove(tenantId: string, id: string, by: Actor): Promise<boolean>
  /** What a login brings: the name and mail of now, and when. No audit of its own: the login is audited. */
  loggedIn(
    tenantId: string,
    id: string,
    facts: {
      readonly name?: string
      readonly email?: string
      readonly claimed: Claimed
      readonly atMs: number
    },
  ): Promise<void>
  passwordHash(tenantId: string, id: string): Promise<string | undefined>
  setPasswordHash(tenantId: string, id: string, hash: string, by: Actor): Promise<boolean>
}

export interface GroupRepository {
  create(group: Group, by: Actor): Promise<Group>
  list(tenantId: string): Promise<Group[]>
  update(
    tenantId: string,
    id: string,
    change: { readonly name?: string; readonly external?: string | null },
    by: Actor,
  ): Promise<Group | undefined>
  remove(tenantId: string, id: string, by: Actor): Promise<boolean>
}

export interface MembershipRepository {
  /** False when the user, team or group is not of this tenant, or the membership is there already. */
  add(membership: Membership, by: Actor): Promise<boolean>
  remove(membership: Membership, by: Actor): Promise<boolean>
  list(tenantId: string, kind: Membership['kind'], id: string): Promise<Membership[]>
  /** The teams and groups that list a user. */
  ofUser(tenantId: string, userId: string): Promise<Membership[]>
}

export interface ServiceRepository {
  create(service: Omit<Service, 'status'>, by: Actor): Promise<Service>
  list(tenantId: string): Promise<Service[]>
  update(
    tenantId: string,
    id: string,
    change: { readonly name?: string; readonly status?: Status },
    by: Actor,
  ): Promise<Service | undefined>
  /** With its assignments; keys that it owns are revoked. */
  remove(tenantId: string, id: string, by: Actor): Promise<boolean>
}

/** A tenant's own role definitions. */
export interface RoleRepository {
  /** Creates or replaces; the id of a built-in role is refused with GatewayError 409. */
  save(role: RoleDefinition & { readonly tenantId: string }, by: Actor): Promise<void>
  list(tenantId: string): Promise<RoleDefinition[]>
  /** GatewayError 409 `in_use` while it is assigned. */
  remove(tenantId: string, id: string, by: Actor): Promise<boolean>
}

export interface AssignmentRepository {
  create(assignment: Omit<RoleAssignment, 'origin'>, by: Actor): Promise<RoleAssignment>
  /** Those of one tenant, or of the whole installation (`PLATFORM_TENANT_ID`). */
  list(tenantId: string): Promise<RoleAssignment[]>
  remove(tenantId: string, id: string, by: Actor): Promise<boolean>
}

/** Everything rights follow from, in one reading; for the snapshot alone. */
export interface DirectoryRepository {
  all(): Promise<Directory>
}

/** A browser that is logged in. Its id is known to that browser alone: the store has its SHA-256. */
export interface Session {
  readonly idHash: string
  readonly tenantId: string
  readonly userId: string
  /** Id of the issuer, or `local`. */
  readonly issuer: string
  /** The issuer's own session, where it tells one. */
  readonly issuerSessionId?: string
  readonly claimed: Claimed
  readonly createdMs: number
  readonly lastSeenMs: number
  /** The absolute end. */
  readonly expiresMs: number
  readonly userAgent?: string
  readonly from?: string
}

export interface SessionRepository {
  /** @param secrets what the issuer must be shown later; sealed at rest */
  create(
    session: Session,
    secrets: { readonly idToken?: string; readonly refreshToken?: string },
  ): Promise<void>
  /** Undefined when there is none, it was ended, or its time is over. */
  find(idHash: string, nowMs: number, idleMs: number): Promise<Session | undefined>
  secrets(idHash: string): Promise<{ readonly idToken?: string; readonly refreshToken?: string }>
  /** At most once in so long for each session is written. */
  touch(idHash: string, nowMs: number): Promise<void>
  /** What a refresh at the issuer has brought; secrets are replaced as a whole. False when the session has ended meanwhile. */
  renew(
    idHash: string,
    claimed: Claimed,
    secrets: { readonly idToken?: string; readonly refreshToken?: string },
  ): Promise<boolean>
  list(tenantId: string, userId?: string): Promise<Session[]>
  end(idHash: string): Promise<boolean>
  /** Ends those of an issuer's session or subject; the number of them. */
  endOf(
    issuer: string,
    of: { readonly issuerSessionId?: string; readonly subject?: string },
  ): Promise<number>
  endOfUser(tenantId: string, userId: string): Promise<number>
  /** Deletes what is over; the number of rows. */
  prune(nowMs: number, idleMs: number): Promise<number>
}

/** A login that has begun, kept until the browser comes back with its state. */
export interface LoginAttempt {
  /** SHA-256 of the state. */
  readonly stateHash: string
  readonly issuer: string
  /** SHA-256 of what ties it to the browser (a cookie). */
  readonly browserHash: string
  readonly nonce: string
  readonly codeVerifier: string
  /** A path of ours. */
  readonly returnTo: string
  readonly expiresMs: number
}

/** What may be shown once. */
export type OnceKind = 'logout-token' | 'setup-link' | 'session-refresh' | 'recall'

export interface LoginRepository {
  /** Beyond `loginAttemptsMax` of one issuer, or of one kind of link, the oldest are forgotten. */
  begin(attempt: LoginAttempt): Promise<void>
  /** Gives it once: the second question finds none. */
  take(stateHash: string, nowMs: number): Promise<LoginAttempt | undefined>
  /**
   * True the first time an id is shown; false from then on until it expires. For logout tokens and one-time links, and so that only
   * one replica refreshes a session.
   */
  firstUse(kind: OnceKind, id: string, expiresMs: number): Promise<boolean>
  /**
   * Tokens by these names (`recallName`) are taken back: every replica is told.
   * @param atMs wall clock; known for `bearerForgottenMs` from then on
   */
  callBack(names: readonly string[], atMs: number): Promise<void>
  /** What was called back since then, the oldest first; of more than `bearerForgottenMax` the newest. */
  calledBack(sinceMs: number): Promise<CalledBack[]>
}

export interface AuditFilter {
  /** Absent: of all tenants, for those with rights over the whole installation. */
  readonly tenantId?: string
  /** Besides that tenant's what concerns the whole installation: settings, secrets. */
  readonly withPlatform?: true
  readonly afterSequence?: number
  readonly beforeSequence?: number
  readonly sinceMs?: number
  readonly untilMs?: number
  readonly action?: AuditAction
  readonly actorId?: string
  readonly targetKind?: string
  readonly targetId?: string
  /** At most 1,000. */
  readonly limit: number
}

/** What came of checking the chain. */
export interface AuditVerdict {
  readonly records: number
  /** The first record that is changed, missing or out of place; absent when all is well. */
  readonly broken?: { readonly sequence: number; readonly reason: string }
}

export interface AuditRepository {
  /**
   * Records what is no change of control data: a login, a denial, the use of a secret. Throws GatewayError
   * `storage_unavailable`: what may not happen unrecorded must wait for it.
   */
  record(event: AuditEvent, by: Actor): Promise<void>
  /** Newest first; with `afterSequence` oldest first. */
  list(filter: AuditFilter): Promise<AuditRecord[]>
  /** How many records fit. */
  count(filter: Omit<AuditFilter, 'limit'>): Promise<number>
  verify(): Promise<AuditVerdict>
}
