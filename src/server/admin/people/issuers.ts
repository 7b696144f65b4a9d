// Whom of an issuer's people and programs a tenant may write down ahead of their first token: those that would come to it anyway. Who takes an
// identity of others into their own tenant would keep them out of theirs.

import { DEFAULT_TENANT_ID } from '../../../core/principal.ts'
import { isShared, type ServerDeps } from '../../context.ts'
import { invalidMember } from '../body.ts'
import { requirePlatform, type Asking } from './guard.ts'

/** @throws GatewayError 400 for an issuer there is not, or whose people are in another tenant; 403 where only the installation's owners know */
export function requireIssuer(deps: ServerDeps, asking: Asking, issuerId: string): void {
  const issuer = deps.people.issuers().find(({ id }) => id === issuerId)
  if (issuer === undefined) {
    throw invalidMember('issuer', 'There is no such issuer under auth.oidc.')
  }
  const { tenantId } = asking
  if (issuer.tenantId !== undefined && issuer.tenantId !== tenantId) {
    throw invalidMember('issuer', 'Whom this issuer knows is in another tenant.')
  }
  const isTheirs =
    issuer.tenantId === tenantId || (!issuer.hasTenantClaim && tenantId === DEFAULT_TENANT_ID)
  if (isShared(deps) && !isTheirs) requirePlatform(deps, asking)
}
