// What can be done through the HTTP surface, as actions, and who may do it, in the manner of Azure's role-based access control: roles
// assigned at scopes, denial beating permission. Every route names an action; who may do what is decided here alone and nowhere
// near a path.

import type { RoleAssignment, Scope } from './identity.ts'
import { matchesPattern, type Grant, type Principal } from './principal.ts'

/** Every action there is, each with who it is for in a few words. */
export const ACTIONS = {
  'public.read': 'Anybody, without saying who: health, the page that helps to begin.',
  'model.invoke': 'Ask a model.',
  'model.list': 'See which models one may ask.',
  'provider.proxy': 'Raw requests to one provider.',
  'target.pin': 'Name the target of a request (`x-weir-target`).',
  'metrics.read': 'Counters of the whole process.',
  'health.read': 'How providers, targets and keys fare; no secret, but who is asked.',
  'route.read': 'What a request would be sent to, without sending it.',
  'discovery.read': 'What providers list.',
  'discovery.write': 'Take over what was found.',
  'provider.read': 'See providers.',
  'provider.write': 'Make and change providers.',
  'provider.delete': 'Delete providers.',
  'provider_key.read': 'See the last four characters of provider keys.',
  'provider_key.write': 'Add, rotate, drain and retire provider keys.',
  'model.read': 'See aliases and their targets.',
  'model.write': 'Make and change aliases.',
  'model.delete': 'Delete aliases.',
  'key.read': 'See the API keys of a tenant.',
  'key.write': 'Make, change and rotate API keys of a tenant.',
  'key.delete': 'Revoke API keys of a tenant.',
  'key.self': 'See, make, rotate and revoke one’s own API keys.',
  'user.read': 'See users.',
  'user.write': 'Make, change and disable users.',
  'user.delete': 'Delete users.',
  'group.read': 'See groups and who is in them.',
  'group.write': 'Make and change groups and who is in them.',
  'group.delete': 'Delete groups.',
  'team.read': 'See teams and who is in them.',
  'team.write': 'Make and change teams and who is in them.',
  'team.delete': 'Delete teams.',
  'service.read': 'See services.',
  'service.write': 'Make, change and disable services.',
  'service.delete': 'Delete services.',
  'tenant.read': 'See a tenant.',
  'tenant.write': 'Make, change and disable tenants.',
  'tenant.delete': 'Delete tenants.',
  'role.read': 'See role definitions.',
  'role.write': 'Make and change role definitions.',
  'role.delete': 'Delete role definitions.',
  'assignment.read': 'See who has which role where.',
  'assignment.write': 'Give roles, none beyond one’s own.',
  'assignment.delete': 'Take roles away.',
  'limit.read': 'See limits.',
  'limit.write': 'Make and change limits.',
  'limit.delete': 'Delete limits.',
  'budget.read': 'See budgets and what is left of them.',
  'budget.write': 'Make and change budgets.',
  'budget.delete': 'Delete budgets.',
  'usage.read': 'See what a tenant used and spent.',
  'usage.self': 'See what one used and spent oneself.',
  'request.read': 'Search the request log of a tenant, without bodies.',
  'request.content.read': 'Read bodies of logged requests.',
  'audit.read': 'Read the audit of a tenant.',
  'audit.export': 'Export the audit of a tenant.',
  'session.read': 'See who is logged in.',
  'session.delete': 'Log others out.',
  'settings.read': 'See settings; secrets masked.',
  'settings.write': 'Change settings.',
  'secret.rotate': 'Encrypt stored secrets anew.',
} as const satisfies Readonly<Record<string, string>>

export type Action = keyof typeof ACTIONS

/** Scopes as paths; see `Scope`. */
export const scopes = {
  platform: '/' as Scope,
  tenant: (tenantId: string): Scope => `/tenants/${tenantId}`,
  team: (tenantId: string, id: string): Scope => `/tenants/${tenantId}/teams/${id}`,
  provider: (tenantId: string, id: string): Scope => `/tenants/${tenantId}/providers/${id}`,
  /** The name as clients ask for it; it may hold slashes. */
  model: (tenantId: string, name: string): Scope => `/tenants/${tenantId}/models/${name}`,
} as const

/** Whether what lies at `inner` is within `outer`. `*` in the last part of `outer` stands for any text. */
export function scopeContains(outer: Scope, inner: Scope): boolean {
  if (outer === '/' || outer === inner) return true
  if (outer.includes('*')) return matchesPattern(outer, inner)
  return inner.startsWith(outer) && inner.charCodeAt(outer.length) === SLASH
}

const SLASH = 47

/** The tenant a scope lies in; undefined for the whole installation. */
export function tenantOfScope(scope: Scope): string | undefined {
  return /^\/tenants\/([^/]+)/.exec(scope)?.[1]
}

const SCOPE =
  /^\/(?:tenants\/[a-z0-9][a-z0-9-]{0,62}(?:\/(?:teams|providers|models)\/[^\s\p{Cc}]+)?)?$/u

/** Whether a text is a scope at all; wildcards only where they mean something. */
export function isScope(text: string): boolean {
  if (!SCOPE.test(text) || text.length > 400) return false
  return !text.includes('*') || /^\/tenants\/[^/*]+\/(?:providers|models)\//.test(text)
}

/** Whether a role's actions hold this one. */
export function roleGives(role: Grant['role'], action: Action): boolean {
  return (
    role.actions.some((pattern) => matchesPattern(pattern, action)) &&
    !role.notActions.some((pattern) => matchesPattern(pattern, action))
  )
}

/** Why a question about rights was answered as it was. */
export interface Decision {
  readonly allowed: boolean
  /** The grant that decided; absent where there is none. */
  readonly grant?: Grant
  /** In words for people. */
  readonly reason: string
}

/**
 * Whether the principal may act on what lies at a scope, and why.
 * @param where one scope, or several that name the same thing in several ways; absent: the principal's own tenant
 */
export function decide(
  principal: Principal | undefined,
  action: Action,
  where?: Scope | readonly Scope[],
): Decision {
  if (action === 'public.read') return { allowed: true, reason: 'anybody may' }
  if (principal === undefined) return { allowed: false, reason: 'nobody is known' }
  if (!isWithinKey(principal, action)) {
    return { allowed: false, reason: 'the key is narrowed to other actions' }
  }
  const asked = where ?? scopes.tenant(principal.tenantId)
  const covers = (grant: Grant) =>
    typeof asked === 'string'
      ? scopeContains(grant.scope, asked)
      : asked.some((scope) => scopeContains(grant.scope, scope))
  let allowing: Grant | undefined
  for (const grant of principal.grants) {
    if (!covers(grant) || !roleGives(grant.role, action)) continue
    if (grant.effect === 'deny') {
      return { allowed: false, grant, reason: `denied by role ${grant.role.id} at ${grant.scope}` }
    }
    allowing ??= grant
  }
  if (allowing === undefined) return { allowed: false, reason: 'no role gives it there' }
  return {
    allowed: true,
    grant: allowing,
    reason: `role ${allowing.role.id} at ${allowing.scope} by ${allowing.because}`,
  }
}

/** Whether the principal may act; see `decide`. */
export function can(
  principal: Principal | undefined,
  action: Action,
  where?: Scope | readonly Scope[],
): boolean {
  return decide(principal, action, where).allowed
}

/**
 * Whether there is anything in its own tenant that the principal may do this to: the first question of a route whose subject is not
 * known yet. What it is done to must still be asked for.
 */
export function canSomewhere(principal: Principal | undefined, action: Action): boolean {
  if (can(principal, action)) return true
  if (principal === undefined || !isWithinKey(principal, action)) return false
  const tenant = scopes.tenant(principal.tenantId)
  return principal.grants.some(
    (grant) =>
      grant.effect === 'allow' &&
      scopeContains(tenant, grant.scope) &&
      roleGives(grant.role, action),
  )
}

function isWithinKey(principal: Principal, action: Action): boolean {
  return principal.actions?.some((pattern) => matchesPattern(pattern, action)) ?? true
}

/** A model or a raw provider as rights see it. */
function modelScopes(tenantId: string, name: string): Scope | readonly Scope[] {
  const slash = name.indexOf('/')
  const model = scopes.model(tenantId, name)
  // `provider/model` is that provider's: what is said of the provider holds as well.
  return slash > 0 ? [model, scopes.provider(tenantId, name.slice(0, slash))] : model
}

/** Whether the principal may use a model by the name it asked for. */
export function mayUseModel(principal: Principal, name: string): boolean {
  return (
    isWithinModels(principal, name) &&
    can(principal, 'model.invoke', modelScopes(principal.tenantId, name))
  )
}

function isWithinModels(principal: Principal, name: string): boolean {
  return principal.models?.some((pattern) => matchesPattern(pattern, name)) ?? true
}

/** Whether nothing narrows which models the principal may use, so that names inside a body need no look. */
export function mayUseEveryModel(principal: Principal): boolean {
  if (principal.models !== undefined) return false
  const tenant = scopes.tenant(principal.tenantId)
  const narrows = principal.grants.some(
    (grant) =>
      grant.effect === 'deny' &&
      (scopeContains(tenant, grant.scope) || scopeContains(grant.scope, tenant)) &&
      roleGives(grant.role, 'model.invoke'),
  )
  return !narrows && can(principal, 'model.invoke')
}

/**
 * Whether the principal may ask a provider by its own API.
 * @param models the provider's own names of every model the request names; with none, as for a file or a batch, whose
 * lines may name any, the whole provider must be allowed
 */
export function mayAskProvider(
  principal: Principal,
  providerId: string,
  models: readonly string[],
): boolean {
  if (models.length > 0) {
    return models.every((model) => mayUseModel(principal, `${providerId}/${model}`))
  }
  // A pattern that takes a name ending in `*` ends in a wildcard itself, which then takes every name of this provider.
  return mayUseModel(principal, `${providerId}/*`)
}

/**
 * Whether somebody on a model's access list is this principal. Entries are `user:`, `group:`, `team:`, `service:`, `key:` with an id
 * or name, or `everyone`.
 * @param access absent: everyone in the tenant
 */
export function isOnList(principal: Principal, access: readonly string[] | undefined): boolean {
  if (access === undefined || principal.kind === 'anonymous') return true
  const { groups = [], keyId, keyName, serviceId, teamId, teamIds = [], userId, name } = principal
  const own = new Set<string>(['everyone'])
  for (const id of groups) own.add(`group:${id}`)
  for (const id of teamIds) own.add(`team:${id}`)
  if (teamId !== undefined) own.add(`team:${teamId}`)
  if (serviceId !== undefined) own.add(`service:${serviceId}`)
  if (keyId !== undefined) own.add(`key:${keyId}`)
  if (keyName !== undefined) own.add(`key:${keyName}`)
  if (userId !== undefined) own.add(`user:${userId}`)
  if (principal.kind === 'user' && name !== undefined) own.add(`user:${name}`)
  return access.some((entry) => own.has(entry))
}

/**
 * Whether somebody may give this role at this scope: only who may do everything the role gives, there, and may assign at all.
 * Nobody gives more than they have.
 */
export function mayAssign(
  principal: Principal,
  assignment: Pick<RoleAssignment, 'scope' | 'effect'>,
  role: Grant['role'],
): boolean {
  if (!can(principal, 'assignment.write', assignment.scope)) return false
  if (assignment.effect === 'deny') return true
  const given = (Object.keys(ACTIONS) as Action[]).filter((action) => roleGives(role, action))
  return given.every((action) => can(principal, action, assignment.scope))
}
