// What can be done through the HTTP surface, as actions, and who may do it, in the manner of Azure's role-based access control: roles
// assigned at scopes, denial beating permission. Every route names an action; who may do what is decided here alone and nowhere
// near a path.

import type { Scope } from './identity.ts'
import { spellings } from './model-spellings.ts'
import { DEFAULT_TENANT_ID, matchesPattern, type Grant, type Principal } from './principal.ts'

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
  'guardrail.read': 'See guardrails.',
  'guardrail.write': 'Make, change and order guardrails, and try them.',
  'guardrail.delete': 'Delete guardrails.',
  'flag.read': 'See feature flags.',
  'flag.write': 'Change for whom feature flags are on.',
  'cache.read': 'See how much the response cache of a tenant holds and saved.',
  'cache.write': 'Empty the response cache of a tenant.',
  'usage.read': 'See what a tenant used and spent.',
  'usage.self': 'See what one used and spent oneself.',
  'request.read': 'Search the request log of a tenant, without bodies.',
  'request.content.read': 'Read bodies of logged requests.',
  'content_rule.read': 'See which content of requests is kept.',
  'content_rule.write': 'Make and change rules of which content is kept.',
  'content_rule.delete': 'Delete rules of which content is kept.',
  'hold.read': 'See legal holds.',
  'hold.write': 'Keep requests from being deleted.',
  'hold.release': 'Release legal holds.',
  'erasure.read': 'See erasures of people’s data, and their reports.',
  'erasure.write': 'Erase one person’s data.',
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
  // Of the rest only a tenant has anything below it: a model's name may hold slashes, and `fast/x` is no part of `fast`.
  if (outer.includes('/', TENANTS.length)) return false
  return inner.startsWith(outer) && inner.charCodeAt(outer.length) === SLASH
}

const SLASH = 47
const TENANTS = '/tenants/'

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
  const grant = decidingGrant(principal, action, where)
  if (grant === undefined) return { allowed: false, reason: 'no role gives it there' }
  const { because, effect, role, scope } = grant
  return effect === 'deny'
    ? { allowed: false, grant, reason: `denied by role ${role.id} at ${scope}` }
    : { allowed: true, grant, reason: `role ${role.id} at ${scope} by ${because}` }
}

/** The first denial, else the first permission. */
function decidingGrant(
  principal: Principal,
  action: Action,
  where: Scope | readonly Scope[] | undefined,
): Grant | undefined {
  const asked = where ?? scopes.tenant(principal.tenantId)
  let allowing: Grant | undefined
  for (const grant of principal.grants) {
    if (!covers(grant.scope, asked) || !roleGives(grant.role, action)) continue
    if (grant.effect === 'deny') return grant
    allowing ??= grant
  }
  return allowing
}

function covers(outer: Scope, asked: Scope | readonly Scope[]): boolean {
  return typeof asked === 'string'
    ? scopeContains(outer, asked)
    : asked.some((scope) => scopeContains(outer, scope))
}

/** Whether the principal may act, as `decide` says it: asked several times for each request, so it puts nothing into words. */
export function can(
  principal: Principal | undefined,
  action: Action,
  where?: Scope | readonly Scope[],
): boolean {
  if (action === 'public.read') return true
  if (principal === undefined || !isWithinKey(principal, action)) return false
  return decidingGrant(principal, action, where)?.effect === 'allow'
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
      roleGives(grant.role, action) &&
      // A denial of all of that, or of the whole tenant, leaves nothing of it.
      can(principal, action, grant.scope),
  )
}

function isWithinKey(principal: Principal, action: Action): boolean {
  return principal.actions?.some((pattern) => matchesPattern(pattern, action)) ?? true
}

/** A model or a raw provider as rights see it. */
export function modelScopes(tenantId: string, name: string): Scope | readonly Scope[] {
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

/** Whether a denial keeps the principal from a model by this name, whatever else would allow it. */
export function isModelDenied(principal: Principal, name: string): boolean {
  const asked = modelScopes(principal.tenantId, name)
  const where = typeof asked === 'string' ? [asked] : asked
  return principal.grants.some(
    (grant) =>
      grant.effect === 'deny' &&
      where.some((scope) => scopeContains(grant.scope, scope)) &&
      roleGives(grant.role, 'model.invoke'),
  )
}

/**
 * Whether a denial keeps the principal from a target, by whatever name it asked: of the provider, of the provider's model in any
 * spelling, or of a model of that name at any provider. A permission it does not need: whoever may ask for an alias may be answered by
 * its targets.
 */
export function isTargetDenied(
  principal: Principal,
  { providerId, model }: { readonly providerId: string; readonly model: string },
): boolean {
  const { grants, tenantId } = principal
  let names: readonly Scope[] | undefined
  return grants.some((grant) => {
    if (grant.effect !== 'deny' || !roleGives(grant.role, 'model.invoke')) return false
    if (scopeContains(grant.scope, scopes.provider(tenantId, providerId))) return true
    names ??= spellings(model).flatMap((name) => [
      lowered(scopes.model(tenantId, `${providerId}/${name}`)),
      lowered(scopes.model(tenantId, name)),
    ])
    const denied = lowered(grant.scope)
    return names.some((name) => scopeContains(denied, name))
  })
}

function lowered(scope: Scope): Scope {
  return scope.toLowerCase() as Scope
}

/**
 * Whether the principal may ask a provider by its own API.
 * @param models the provider's own names of every model the request names; with none, as for a file or a batch, whose
 * lines may name any, the whole provider must be allowed, and no model of it denied
 */
export function mayAskProvider(
  principal: Principal,
  providerId: string,
  models: readonly string[],
): boolean {
  if (models.length > 0) {
    return models.every(
      (model) =>
        mayUseModel(principal, `${providerId}/${model}`) &&
        !isTargetDenied(principal, { providerId, model }),
    )
  }
  // A pattern that takes a name ending in `*` ends in a wildcard itself, which then takes every name of this provider.
  if (!mayUseModel(principal, `${providerId}/*`)) return false
  return !principal.grants.some(
    (grant) =>
      grant.effect === 'deny' &&
      mayBeModelOf(grant.scope, principal.tenantId, providerId) &&
      roleGives(grant.role, 'model.invoke'),
  )
}

/** Whether a scope is that of models among which one of this provider may be: only another provider's name in front says no. */
function mayBeModelOf(scope: Scope, tenantId: string, providerId: string): boolean {
  const models = scopes.model(tenantId, '')
  if (!scope.startsWith(models)) return false
  const [plain = ''] = scope.slice(models.length).split('*', 1)
  const slash = plain.indexOf('/')
  return slash < 0 || plain.slice(0, slash) === providerId
}

/**
 * Whether the principal is on a model's access list. Entries are `user:`, `group:`, `team:`, `service:`, `key:` with an id or name,
 * or `everyone`; `everyone` is everyone in a tenant that sees the model. The others are names of the model's own tenant, which is the
 * default one for a model that every tenant sees: another tenant's group of the same name is another group.
 */
export function isOnList(
  principal: Principal,
  model: { readonly access?: readonly string[]; readonly tenantId?: string },
): boolean {
  const { access, tenantId = DEFAULT_TENANT_ID } = model
  if (access === undefined || principal.kind === 'anonymous') return true
  const isHome = principal.tenantId === tenantId
  return access.some((entry) => entry === 'everyone' || isNamed(principal, entry, isHome))
}

/** @param isHome whether names are those of the principal's own tenant; else only what is unique everywhere counts */
function isNamed(principal: Principal, entry: string, isHome: boolean): boolean {
  const colon = entry.indexOf(':')
  const id = entry.slice(colon + 1)
  const { groups, keyId, keyName, serviceId, teamId, teamIds, userId } = principal
  switch (entry.slice(0, colon)) {
    case 'key':
      if (keyId === undefined) return false
      // A key of the file is the operator's own, whatever its tenant.
      if (keyId === id || keyId === `file:${id}`) return true
      // People name their own keys: only one that somebody with the right to it has made is known by its name.
      return isHome && userId === undefined && keyName === id
    case 'user':
      // By id alone: names and addresses of mail are what people and issuers change.
      return isHome && userId === id
    case 'group':
      return isHome && groups?.includes(id) === true
    case 'team':
      return isHome && (teamId === id || teamIds?.includes(id) === true)
    case 'service':
      return isHome && serviceId === id
    default:
      return false
  }
}
