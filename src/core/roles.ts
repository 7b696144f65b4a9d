// The roles that are built in. They are definitions like any other: what they give is decided in `permission.ts`, by their actions
// alone and never by their names.

import { PLATFORM_TENANT_ID, type RoleDefinition } from './identity.ts'
import type { Grant } from './principal.ts'

function builtIn(
  id: string,
  name: string,
  description: string,
  actions: readonly string[],
  notActions: readonly string[] = [],
): RoleDefinition {
  return { id, name, description, actions, notActions }
}

/** From the most to the least powerful. */
export const BUILT_IN_ROLES: readonly RoleDefinition[] = [
  builtIn('owner', 'Owner', 'Everything, making and deleting tenants included.', ['*']),
  builtIn(
    'admin',
    'Administrator',
    'Everything but making and deleting tenants, settings and the rotation of secrets.',
    ['*'],
    ['tenant.write', 'tenant.delete', 'settings.write', 'secret.rotate'],
  ),
  builtIn(
    'operator',
    'Operator',
    'Providers, models, routes and their health; no people, no money, no bodies.',
    [
      'model.*',
      'provider.*',
      'provider_key.*',
      'target.pin',
      'metrics.read',
      'health.read',
      'route.read',
      'discovery.*',
      'limit.read',
      'budget.read',
      'guardrail.read',
      'flag.read',
      'cache.*',
      'usage.read',
      'usage.self',
      'request.read',
      'key.self',
    ],
  ),
  builtIn(
    'auditor',
    'Auditor',
    'Sees everything but bodies and changes nothing.',
    ['*.read', 'audit.export', 'model.list', 'usage.self'],
    ['request.content.read'],
  ),
  builtIn('member', 'Member', 'Uses models, and has keys of their own.', [
    'model.invoke',
    'model.list',
    'provider.proxy',
    'metrics.read',
    'key.self',
    'usage.self',
  ]),
  builtIn(
    'viewer',
    'Viewer',
    'Sees models, providers, limits, budgets and usage; asks nothing.',
    ['model.list', '*.read', 'usage.self'],
    [
      'audit.read',
      'request.*',
      'user.read',
      'session.read',
      'settings.read',
      'key.read',
      'hold.read',
      'erasure.read',
    ],
  ),
]

/** Names that people and older configurations use for them. */
export const ROLE_SYNONYMS: Readonly<Record<string, string>> = { administrator: 'admin' }

/** A built-in role by its id or synonym. */
export function builtInRole(id: string): RoleDefinition | undefined {
  const name = ROLE_SYNONYMS[id] ?? id
  return BUILT_IN_ROLES.find((role) => role.id === name)
}

/** A grant of a built-in role that no assignment stands for. @throws RangeError for a role there is not */
export function impliedGrant(roleId: string, scope: string, because: string): Grant {
  const role = builtInRole(roleId)
  if (role === undefined) throw new RangeError(`there is no role ${roleId}`)
  return { scope, effect: 'allow', role, because }
}

/** Whether a tenant may be called so. */
export function isTenantId(text: string): boolean {
  return text !== PLATFORM_TENANT_ID && /^[a-z0-9][a-z0-9-]{0,62}$/.test(text)
}
