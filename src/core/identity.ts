// The words of people and rights: tenants with their teams, users, groups and services, role definitions and their assignments.
// Pure data, as store and configuration both declare it; what follows from it is decided in `permission.ts` alone.

import type { Origin } from './catalog.ts'

/** Rows that belong to no tenant: assignments of the whole installation. No tenant may be called so. */
export const PLATFORM_TENANT_ID = '_platform'

/** A tenant, team, group, service or role that can be turned off without being forgotten. */
export type Status = 'active' | 'disabled'

/** A closed world: its rows are seen by its own principals, and by those with rights over the whole installation. */
export interface Tenant {
  /** Chosen by people: lower-case letters, digits, `-`. */
  readonly id: string
  readonly name: string
  readonly status: Status
  readonly createdMs: number
}

export interface Team {
  readonly tenantId: string
  /** Unique in its tenant; chosen as a tenant's. */
  readonly id: string
  readonly name: string
  readonly createdMs: number
}

/** A person. `issuer` and `subject` together are the identity: never the address of their mail. */
export interface User {
  readonly tenantId: string
  /** UUIDv7. */
  readonly id: string
  /** Id of a configured issuer, or `local`. */
  readonly issuer: string
  /** `sub`, at Entra ID `tid:oid`; of a local user the name they log in with. */
  readonly subject: string
  readonly name?: string
  readonly email?: string
  readonly status: Status
  readonly createdMs: number
  readonly lastLoginMs?: number
  /** What the issuer said at the last login: roles of ours, and groups in its own words. Keys of the user have them too. */
  readonly claimed?: Claimed
}

/** Rights that come with a token instead of from the store. */
export interface Claimed {
  /** Ids of roles, each with `@/` behind it where it holds for the whole installation. */
  readonly roles: readonly string[]
  readonly groups: readonly string[]
}

export interface Group {
  readonly tenantId: string
  /** Unique in its tenant; chosen as a tenant's. */
  readonly id: string
  readonly name: string
  /** What an issuer calls it in its tokens (a name, or an Entra object id); absent: its members are listed here. */
  readonly external?: string
  readonly createdMs: number
}

/** A program that is known by itself: owner of keys, or a client of an issuer (client credentials). */
export interface Service {
  readonly tenantId: string
  /** Unique in its tenant; chosen as a tenant's. */
  readonly id: string
  readonly name: string
  /** Id of the issuer whose tokens name it; absent: it has keys only. */
  readonly issuer?: string
  /** What those tokens call it (`azp`, `client_id` or `sub`). */
  readonly clientId?: string
  readonly status: Status
  readonly createdMs: number
}

/** A list of actions under a name. */
export interface RoleDefinition {
  /** Tenant it can be assigned in; absent for the built-in ones. */
  readonly tenantId?: string
  readonly id: string
  readonly name: string
  readonly description: string
  /** Actions or patterns of them (`key.*`, `*`). */
  readonly actions: readonly string[]
  /** Taken off `actions` again; no denial: another role may give them. */
  readonly notActions: readonly string[]
}

export type AssigneeKind = 'user' | 'group' | 'service' | 'key' | 'team' | 'everyone'

export interface Assignee {
  readonly kind: AssigneeKind
  /**
   * Row id; of a group its id or what the issuer calls it. `*` for everyone in the tenant. In assignments of the whole
   * installation as `platformAssigneeId` says.
   */
  readonly id: string
}

/**
 * Where rights hold, as a path: `/` is the whole installation, `/tenants/{t}` a tenant, and below it `/teams/{id}`,
 * `/providers/{id}`, `/models/{name}`. The last part of the last two may hold `*`. Whatever lies below a scope is within it.
 */
export type Scope = string

/**
 * The id of an assignee in an assignment of the whole installation. Groups, teams and services have names that people choose in each
 * tenant, so there they are named with it (`acme/admins`); users and keys have ids that nobody else has. `*` of everyone is everyone in
 * every tenant, `acme/*` everyone in one.
 */
export function platformAssigneeId(tenantId: string, { id, kind }: Assignee): string {
  return kind === 'user' || kind === 'key' ? id : `${tenantId}/${id}`
}

/** A role given to somebody at a scope; `deny` takes it from them and beats every `allow`. */
export interface RoleAssignment {
  readonly id: string
  /** The tenant of the scope, or `PLATFORM_TENANT_ID`. */
  readonly tenantId: string
  readonly roleId: string
  readonly assignee: Assignee
  readonly scope: Scope
  readonly effect: 'allow' | 'deny'
  readonly createdMs: number
  readonly origin: Origin
}

/** Everything the rights of a principal follow from, as one reading of the store. */
export interface Directory {
  readonly tenants: readonly Tenant[]
  readonly teams: readonly Team[]
  readonly users: readonly User[]
  readonly groups: readonly Group[]
  readonly services: readonly Service[]
  readonly roles: readonly RoleDefinition[]
  readonly assignments: readonly RoleAssignment[]
  /** Who is in which team, and in which group whose members are listed here. */
  readonly memberships: readonly Membership[]
}

export interface Membership {
  readonly tenantId: string
  readonly kind: 'team' | 'group'
  /** Of the team or group. */
  readonly id: string
  readonly userId: string
}

export const EMPTY_DIRECTORY: Directory = {
  tenants: [],
  teams: [],
  users: [],
  groups: [],
  services: [],
  roles: [],
  assignments: [],
  memberships: [],
}
