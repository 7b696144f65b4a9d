// People and rights as the management API and the commands show them: never anything of a password, and ids beside names.

import { PLATFORM_TENANT_ID } from '../../../core/identity.ts'
import type {
  Group,
  RoleAssignment,
  RoleDefinition,
  Service,
  Team,
  Tenant,
  User,
} from '../../../core/identity.ts'
import { LOCAL_ISSUER } from '../../../core/issuer.ts'
import { ACTIONS, roleGives, type Action } from '../../../core/permission.ts'
import { DEFAULT_TENANT_ID, type Grant } from '../../../core/principal.ts'

/** ISO 8601, or null where nothing is known. */
export function isoTime(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : new Date(timeMs).toISOString()
}

/** A user as commands show one. */
export function userJson(user: User) {
  const { claimed, createdMs, email, id, issuer, lastLoginMs, name, status, subject } = user
  return {
    tenant: user.tenantId,
    id,
    issuer,
    subject,
    name: name ?? null,
    email: email ?? null,
    status,
    claimed_roles: [...(claimed?.roles ?? [])],
    claimed_groups: [...(claimed?.groups ?? [])],
    created: isoTime(createdMs),
    last_login: isoTime(lastLoginMs),
  }
}

/** The same with why name and mail stay as they are. */
export function shownUser(user: User) {
  return { ...userJson(user), profile_read_only: profileReason(user) }
}

/** Why name and mail are not ours to change; null where they are. */
export function profileReason({ issuer }: Pick<User, 'issuer'>): string | null {
  if (issuer === LOCAL_ISSUER) return null
  return `Name and mail come from the identity provider ${issuer} at each login.`
}

/** What a user's `ETag` is made of: logins change the rest by themselves. */
export function userVersion({ email, id, name, status }: User) {
  return { id, name: name ?? null, email: email ?? null, status }
}

export function groupJson({ createdMs, external, id, name, tenantId }: Group) {
  return { tenant: tenantId, id, name, external: external ?? null, created: isoTime(createdMs) }
}

export function teamJson({ createdMs, id, name, tenantId }: Team) {
  return { tenant: tenantId, id, name, created: isoTime(createdMs) }
}

export function serviceJson({ clientId, createdMs, id, issuer, name, status, tenantId }: Service) {
  return {
    tenant: tenantId,
    id,
    name,
    status,
    issuer: issuer ?? null,
    client_id: clientId ?? null,
    created: isoTime(createdMs),
  }
}

export function tenantJson({ createdMs, id, name, status }: Tenant) {
  return { id, name, status, created: createdMs === 0 ? null : isoTime(createdMs) }
}

export function shownTenant(tenant: Tenant) {
  const isBuiltIn = tenant.id === DEFAULT_TENANT_ID
  const reason = 'This tenant is always there and stays as it is.'
  return { ...tenantJson(tenant), read_only: isBuiltIn ? reason : null }
}

/** A role as commands show one. */
export function roleJson({ actions, description, id, name, notActions, tenantId }: RoleDefinition) {
  const owner = tenantId === PLATFORM_TENANT_ID ? '/' : (tenantId ?? null)
  return {
    id,
    name,
    description,
    actions: [...actions],
    not_actions: [...notActions],
    tenant: owner,
  }
}

/** The same with every action it gives, patterns worked out. */
export function shownRole(role: RoleDefinition) {
  const isBuiltIn = role.tenantId === undefined
  return {
    ...roleJson(role),
    gives: actionsOf(role),
    origin: isBuiltIn ? 'built_in' : 'store',
    read_only: isBuiltIn ? 'Built-in roles stay as they are; make one of your own.' : null,
  }
}

/** Every action a role gives. */
export function actionsOf(role: Grant['role']): Action[] {
  return (Object.keys(ACTIONS) as Action[]).filter((action) => roleGives(role, action))
}

/** @param name of the assignee, for people */
export function shownAssignment(assignment: RoleAssignment, name: string) {
  const { assignee, createdMs, effect, id, roleId, scope, tenantId } = assignment
  return {
    id,
    tenant: tenantId === PLATFORM_TENANT_ID ? '/' : tenantId,
    role: roleId,
    assignee: { kind: assignee.kind, id: assignee.id, name },
    scope,
    effect,
    created: isoTime(createdMs),
  }
}

export function grantJson({ because, effect, role, scope }: Grant) {
  return { role: role.id, scope, effect, because }
}
