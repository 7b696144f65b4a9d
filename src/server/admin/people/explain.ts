// Whether somebody may do something, explained: from an assignee to the principal a server would see, and from the decision to words. What is
// asked of models goes through all that a request goes through: rights, what the key is narrowed to, the model's own list.

import type { ApiKey, Model } from '../../../core/catalog.ts'
import type { Assignee, Directory, Membership, Scope } from '../../../core/identity.ts'
import {
  decide,
  isOnList,
  isTargetDenied,
  mayUseModel,
  modelScopes,
  scopes,
  type Action,
  type Decision,
} from '../../../core/permission.ts'
import type { Principal } from '../../../core/principal.ts'
import { Rights } from '../../../core/rights.ts'
import { keyState } from '../key-json.ts'

/** Whoever is asked about; or why they are nobody. */
export type Subject = { readonly principal: Principal } | { readonly nobody: string }

export interface People {
  readonly directory: Directory
  readonly keys: readonly ApiKey[]
  readonly rights: Rights
  readonly tenantId: string
  readonly nowMs: number
}

/** The principal a server would see; undefined when there is none of that id. */
export function subjectOf({ id, kind }: Assignee, people: People): Subject | undefined {
  const { directory, keys, nowMs, rights, tenantId } = people
  if (!rights.isOpen(tenantId)) return { nobody: 'the tenant is turned off' }
  if (kind === 'user') {
    const user = rights.user(tenantId, id)
    return user && orNobody(rights.ofUser(user), 'the user is turned off')
  }
  if (kind === 'service') {
    const service = rights.service(tenantId, id)
    return service && orNobody(rights.ofService(service), 'the service is turned off')
  }
  if (kind === 'key') {
    const key = keys.find((each) => each.id === id)
    if (key === undefined) return undefined
    const state = keyState(key, nowMs)
    if (state !== 'active') return { nobody: `the key is ${state}` }
    return orNobody(rights.ofKey(key), 'whoever owns the key is gone or turned off')
  }
  if (kind === 'everyone') return somebody(directory, tenantId, [])
  const isTeam = kind === 'team'
  if (isTeam && !directory.teams.some((each) => each.tenantId === tenantId && each.id === id)) {
    return undefined
  }
  return somebody(directory, tenantId, [{ kind, id }])
}

function orNobody(principal: Principal | undefined, nobody: string): Subject {
  return principal === undefined ? { nobody } : { principal }
}

/** Somebody of whom no more is known than what they are in. */
function somebody(
  directory: Directory,
  tenantId: string,
  places: readonly Pick<Membership, 'kind' | 'id'>[],
): Subject {
  const userId = 'anybody'
  const memberships = places.map((place) => ({ ...place, tenantId, userId }))
  const rights = new Rights({ ...directory, memberships })
  const user = { tenantId, id: userId, issuer: '', subject: '', createdMs: 0 }
  return orNobody(rights.ofUser({ ...user, status: 'active' }), 'the tenant is turned off')
}

/**
 * Whether they may, and why.
 * @param models aliases as their tenant sees them
 */
export function explain(
  subject: Subject,
  action: Action,
  scope: Scope,
  models: ReadonlyMap<string, Model>,
): Decision {
  if ('nobody' in subject) return { allowed: false, reason: subject.nobody }
  const { principal } = subject
  const prefix = scopes.model(principal.tenantId, '')
  const name = scope.startsWith(prefix) ? scope.slice(prefix.length) : undefined
  const where = name === undefined ? scope : modelScopes(principal.tenantId, name)
  const decision = decide(principal, action, where)
  if (!decision.allowed || name === undefined || action !== 'model.invoke') return decision
  if (!mayUseModel(principal, name)) {
    return { allowed: false, reason: 'the key is narrowed to other models' }
  }
  const model = models.get(name)
  if (model !== undefined && !isOnList(principal, model)) {
    return { allowed: false, reason: 'they are not on the model’s access list' }
  }
  const targets = model?.targets ?? targetsNamed(name)
  if (targets.length > 0 && targets.every((target) => isTargetDenied(principal, target))) {
    return { allowed: false, reason: 'every target of the model is denied' }
  }
  return decision
}

/** What `provider/model` asks for. */
function targetsNamed(name: string): { readonly providerId: string; readonly model: string }[] {
  const slash = name.indexOf('/')
  return slash > 0 ? [{ providerId: name.slice(0, slash), model: name.slice(slash + 1) }] : []
}
