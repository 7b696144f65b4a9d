// Where the model is looked for that a guardrail asks: what judges by an operator's rule is the operator's, whatever a tenant has named the
// same. It finds and opens the model; asking it is `model-caller.ts`'s.

import { PLATFORM_TENANT_ID } from '../../core/identity.ts'
import type { GuardrailRule } from '../../core/guardrail.ts'
import { DEFAULT_TENANT_ID } from '../../core/principal.ts'
import type { GatewayDeps } from '../deps.ts'
import { resolve } from '../resolve.ts'
import type { Catalog } from '../snapshot.ts'

/**
 * The catalog in which a rule's model is found for a tenant. That of a tenant's own rule is the tenant's. For the operator's rules it is what
 * every tenant has; only in the default tenant, which is all there is in most installations, also what that has made itself.
 */
export function judgeCatalog(
  { tenantId: owner }: Pick<GuardrailRule, 'tenantId'>,
  model: string,
  tenantId: string,
  { directory, snapshot }: Pick<GatewayDeps, 'directory' | 'snapshot'>,
): Catalog {
  const now = snapshot()
  if (owner !== undefined) return now.of(owner)
  // The platform owns neither models nor providers: it sees those of nobody's.
  const shared = { ...now.of(PLATFORM_TENANT_ID), tenantId }
  const isShared = resolve(model, shared, directory) !== undefined
  return isShared || tenantId !== DEFAULT_TENANT_ID ? shared : now.of(tenantId)
}
