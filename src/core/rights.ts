// From an identity to a principal: the assignments, memberships and claims that concern somebody, gathered once for each reading of the
// store. It decides nothing: what the grants allow is `permission.ts`'s.

import type { ApiKey } from './catalog.ts'
import {
  PLATFORM_TENANT_ID,
  platformAssigneeId,
  type AssigneeKind,
  type Claimed,
  type Directory,
  type Group,
  type RoleAssignment,
  type RoleDefinition,
  type Service,
  type Team,
  type Tenant,
  type User,
} from './identity.ts'
import { scopes, tenantOfScope } from './permission.ts'
import { DEFAULT_TENANT_ID, type Grant, type Principal } from './principal.ts'
import { builtInRole } from './roles.ts'

/** There without being made: a laptop needs no other. */
export const DEFAULT_TENANT: Tenant = {
  id: DEFAULT_TENANT_ID,
  name: 'Default',
  status: 'active',
  createdMs: 0,
}

const NO_CLAIMS: Claimed = { roles: [], groups: [] }

/** Behind a role's id where it holds for the whole installation. */
const PLATFORM_SUFFIX = '@/'

/** Why somebody has a role that a token gave them. */
const ISSUER = 'the issuer'

/** Rights as they follow from one reading of the store and the configuration. Immutable. */
export class Rights {
  private readonly tenants: ReadonlyMap<string, Tenant>
  private readonly usersById: ReadonlyMap<string, User>
  private readonly usersBySubject: ReadonlyMap<string, User>
  private readonly servicesById: ReadonlyMap<string, Service>
  private readonly servicesByClient: ReadonlyMap<string, Service>
  private readonly groups: ReadonlyMap<string, readonly Group[]>
  private readonly teamsById: ReadonlyMap<string, Team>
  private readonly roles: ReadonlyMap<string, RoleDefinition>
  /** By tenant and assignee. */
  private readonly assignments: ReadonlyMap<string, readonly RoleAssignment[]>
  private readonly memberships: ReadonlyMap<string, readonly { kind: string; id: string }[]>

  constructor(directory: Directory) {
    this.tenants = new Map(
      [DEFAULT_TENANT, ...directory.tenants].map((tenant) => [tenant.id, tenant]),
    )
    this.usersById = byName(directory.users, (user) => name(user.tenantId, user.id))
    this.usersBySubject = byName(directory.users, (user) => name(user.issuer, user.subject))
    this.servicesById = byName(directory.services, (each) => name(each.tenantId, each.id))
    this.servicesByClient = byName(
      directory.services.filter(({ clientId }) => clientId !== undefined),
      (each) => name(each.issuer ?? '', each.clientId ?? ''),
    )
    this.groups = Map.groupBy(directory.groups, ({ tenantId }) => tenantId)
    this.teamsById = byName(directory.teams, (team) => name(team.tenantId, team.id))
    this.roles = byName(directory.roles, (role) => name(role.tenantId ?? '', role.id))
    this.assignments = Map.groupBy(directory.assignments.filter(isInItsTenant), (assignment) =>
      name(assignment.tenantId, assignment.assignee.kind, assignment.assignee.id),
    )
    this.memberships = Map.groupBy(directory.memberships, (each) =>
      name(each.tenantId, each.userId),
    )
  }

  /** More than the one that is always there: then what concerns the whole process is no tenant's business. */
  get hasManyTenants(): boolean {
    return this.tenants.size > 1
  }

  /** Whether a tenant is there and not turned off. */
  isOpen(tenantId: string): boolean {
    return this.tenants.get(tenantId)?.status === 'active'
  }

  tenant(id: string): Tenant | undefined {
    return this.tenants.get(id)
  }

  allTenants(): readonly Tenant[] {
    return [...this.tenants.values()]
  }

  user(tenantId: string, id: string): User | undefined {
    return this.usersById.get(name(tenantId, id))
  }

  userBySubject(issuer: string, subject: string): User | undefined {
    return this.usersBySubject.get(name(issuer, subject))
  }

  service(tenantId: string, id: string): Service | undefined {
    return this.servicesById.get(name(tenantId, id))
  }

  serviceByClient(issuer: string, clientId: string): Service | undefined {
    return this.servicesByClient.get(name(issuer, clientId))
  }

  team(tenantId: string, id: string): Team | undefined {
    return this.teamsById.get(name(tenantId, id))
  }

  usersOf(tenantId: string): readonly User[] {
    return [...this.usersById.values()].filter((user) => user.tenantId === tenantId)
  }

  teamsOf(tenantId: string): readonly Team[] {
    return [...this.teamsById.values()].filter((team) => team.tenantId === tenantId)
  }

  /** A role that can be assigned in a tenant: its own, or a built-in one. */
  role(tenantId: string, id: string): RoleDefinition | undefined {
    return builtInRole(id) ?? this.roles.get(name(tenantId, id))
  }

  /** Who asks with this key; undefined when its owner or tenant is gone or turned off. */
  ofKey(key: ApiKey): Principal | undefined {
    if (!this.isOpen(key.tenantId)) return undefined
    const owner = this.ownerOf(key)
    if (owner === undefined) return undefined
    // A key of a user has no more rights than they: what is given to it by itself counts only where it takes away.
    const ownGrants = this.assigned(key.tenantId, 'key', key.id, `key ${key.name}`).filter(
      ({ effect }) => effect === 'deny' || key.owner?.kind !== 'user',
    )
    return {
      ...owner,
      kind: 'key',
      keyId: key.id,
      keyName: key.name,
      keyHash: key.hash,
      grants: [...owner.grants, ...ownGrants],
      ...(key.models === undefined ? {} : { models: key.models }),
      ...(key.actions === undefined ? {} : { actions: key.actions }),
      ...(key.own === undefined ? {} : { own: key.own }),
    }
  }

  /** A user with what the issuer says now. Undefined when user or tenant is turned off. */
  ofUser(user: User, claimed: Claimed = user.claimed ?? NO_CLAIMS): Principal | undefined {
    if (user.status !== 'active' || !this.isOpen(user.tenantId)) return undefined
    const { id, tenantId } = user
    const memberships = this.memberships.get(name(tenantId, id)) ?? []
    const groups = this.groupsOf(tenantId, memberships, claimed)
    const teamIds = memberships.filter(({ kind }) => kind === 'team').map((each) => each.id)
    const shown = user.email ?? user.name ?? user.subject
    return {
      kind: 'user',
      tenantId,
      userId: id,
      name: shown,
      groups,
      teamIds,
      grants: [
        ...this.claimedGrants(tenantId, claimed),
        ...this.assigned(tenantId, 'user', id, `user ${shown}`),
        ...this.viaGroupsAndTeams(tenantId, groups, teamIds),
        ...this.assigned(tenantId, 'everyone', '*', 'everyone'),
      ],
    }
  }

  /** What holds for everybody in a tenant, whoever they are. */
  everyonesGrants(tenantId: string): readonly Grant[] {
    return this.assigned(tenantId, 'everyone', '*', 'everyone')
  }

  /** A service with what the issuer says now. Undefined when service or tenant is turned off. */
  ofService(service: Service, claimed: Claimed = NO_CLAIMS): Principal | undefined {
    if (service.status !== 'active' || !this.isOpen(service.tenantId)) return undefined
    const { id, tenantId } = service
    const groups = this.groupsOf(tenantId, [], claimed)
    return {
      kind: 'service',
      tenantId,
      serviceId: id,
      name: service.name,
      groups,
      grants: [
        ...this.claimedGrants(tenantId, claimed),
        ...this.assigned(tenantId, 'service', id, `service ${service.name}`),
        ...this.viaGroupsAndTeams(tenantId, groups, []),
        ...this.assigned(tenantId, 'everyone', '*', 'everyone'),
      ],
    }
  }

  /**
   * Somebody who was let in before, as they are by this reading, with what their issuer said then. Undefined when they are gone or turned
   * off; whoever is no row of a directory stays as they were.
   * @param key what they asked with, where it is a key that is still there
   */
  again(principal: Principal, key: ApiKey | undefined): Principal | undefined {
    const { grants, groups = [], kind, serviceId, tenantId, userId } = principal
    if (kind === 'anonymous') return principal
    if (kind === 'key') return key && this.ofKey(key)
    const roles = grants
      .filter(({ because }) => because === ISSUER)
      .map(({ role, scope }) => (scope === scopes.platform ? role.id + PLATFORM_SUFFIX : role.id))
    const claimed = { roles, groups }
    const user = userId === undefined ? undefined : this.user(tenantId, userId)
    const service = serviceId === undefined ? undefined : this.service(tenantId, serviceId)
    const now =
      user === undefined ? service && this.ofService(service, claimed) : this.ofUser(user, claimed)
    return now && { ...principal, ...now }
  }

  /** The rights a key has from whoever owns it. */
  private ownerOf(key: ApiKey): Principal | undefined {
    const { owner, tenantId } = key
    if (owner?.kind === 'user') {
      const user = this.user(tenantId, owner.id)
      return user === undefined ? undefined : this.ofUser(user)
    }
    const everyone = this.assigned(tenantId, 'everyone', '*', 'everyone')
    const implied = this.impliedOfKey(key)
    if (owner?.kind === 'service') {
      const service = this.service(tenantId, owner.id)
      const principal = service === undefined ? undefined : this.ofService(service)
      return principal && { ...principal, grants: [...principal.grants, ...implied] }
    }
    if (owner?.kind === 'team') {
      if (this.team(tenantId, owner.id) === undefined) return undefined
      const ofTeam = this.assigned(tenantId, 'team', owner.id, `team ${owner.id}`)
      const grants = [...implied, ...ofTeam, ...everyone]
      return { kind: 'key', tenantId, teamId: owner.id, grants }
    }
    return { kind: 'key', tenantId, grants: [...implied, ...everyone] }
  }

  /** What a key may that no user stands behind: somebody with the right to make it gave it that. */
  private impliedOfKey(key: ApiKey): Grant[] {
    const scope = scopes.tenant(key.tenantId)
    const roles = key.roles === undefined || key.roles.length === 0 ? ['member'] : key.roles
    return roles.flatMap((id) => {
      const role = builtInRole(id)
      return role === undefined
        ? []
        : [{ scope, effect: 'allow', role, because: `key ${key.name}` }]
    })
  }

  private groupsOf(
    tenantId: string,
    memberships: readonly { readonly kind: string; readonly id: string }[],
    claimed: Claimed,
  ): readonly string[] {
    const known = this.groups.get(tenantId) ?? []
    const ids = new Set(claimed.groups)
    // A group of ours is not another's to say who is in it: a token's group that happens to be called so is none of it.
    for (const { external, id } of known) if (external !== id) ids.delete(id)
    for (const { external, id } of known) {
      if (external !== undefined && claimed.groups.includes(external)) ids.add(id)
    }
    for (const { id, kind } of memberships) if (kind === 'group') ids.add(id)
    return [...ids]
  }

  private viaGroupsAndTeams(
    tenantId: string,
    groups: readonly string[],
    teamIds: readonly string[],
  ): Grant[] {
    return [
      ...groups.flatMap((id) => this.assigned(tenantId, 'group', id, `group ${id}`)),
      ...teamIds.flatMap((id) => this.assigned(tenantId, 'team', id, `team ${id}`)),
    ]
  }

  private claimedGrants(tenantId: string, { roles }: Claimed): Grant[] {
    return roles.flatMap((text) => {
      const isPlatform = text.endsWith(PLATFORM_SUFFIX)
      const id = isPlatform ? text.slice(0, -PLATFORM_SUFFIX.length) : text
      // What holds for the whole installation is no tenant's to define.
      const role = this.role(isPlatform ? PLATFORM_TENANT_ID : tenantId, id)
      if (role === undefined) return []
      const scope = isPlatform ? scopes.platform : scopes.tenant(tenantId)
      return [{ scope, effect: 'allow', role, because: ISSUER }]
    })
  }

  private assigned(tenantId: string, kind: AssigneeKind, id: string, because: string): Grant[] {
    const inTenant = this.assignments.get(name(tenantId, kind, id)) ?? []
    const everywhere = [
      platformAssigneeId(tenantId, { kind, id }),
      ...(kind === 'everyone' ? ['*'] : []),
    ].flatMap((each) => this.assignments.get(name(PLATFORM_TENANT_ID, kind, each)) ?? [])
    return [...inTenant, ...everywhere].flatMap(({ effect, roleId, scope, tenantId: where }) => {
      const role = this.role(where, roleId)
      return role === undefined ? [] : [{ scope, effect, role, because }]
    })
  }
}

/** An assignment must not reach out of the tenant that it is a row of. */
function isInItsTenant({ scope, tenantId }: RoleAssignment): boolean {
  return tenantId === PLATFORM_TENANT_ID || tenantOfScope(scope) === tenantId
}

function name(...parts: readonly string[]): string {
  return parts.join('\n')
}

function byName<T>(values: readonly T[], nameOf: (value: T) => string): Map<string, T> {
  return new Map(values.map((value) => [nameOf(value), value]))
}
