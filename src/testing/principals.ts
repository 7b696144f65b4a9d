// Principals for tests: what a key or the local user is outside of a server.

import { scopes } from '../core/permission.ts'
import { DEFAULT_TENANT_ID, type Grant, type Principal } from '../core/principal.ts'
import { impliedGrant } from '../core/roles.ts'

/** The rights of an ordinary key in a tenant. */
export function memberGrants(tenantId: string = DEFAULT_TENANT_ID): readonly Grant[] {
  return [impliedGrant('member', scopes.tenant(tenantId), 'a test')]
}

/** Rights over everything. */
export const OWNER_GRANTS: readonly Grant[] = [impliedGrant('owner', scopes.platform, 'a test')]

/** An ordinary key. */
export function testKey(fields: Partial<Principal> = {}): Principal {
  const tenantId = fields.tenantId ?? DEFAULT_TENANT_ID
  return { kind: 'key', tenantId, grants: memberGrants(tenantId), ...fields }
}
