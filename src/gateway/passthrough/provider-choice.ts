// Which provider a request without a model goes to: the one it names, else the first that has the operation. Whoever may not
// use a provider learns no more of it than of one that is not there.

import type { Provider } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import { mayAskProvider } from '../../core/permission.ts'
import type { Principal } from '../../core/principal.ts'
import type { ProviderKind, RelayedOperation } from '../../providers/provider.ts'
import { providerKind } from '../../providers/registry.ts'
import { isUsable } from '../resolve.ts'
import type { Catalog } from '../snapshot.ts'

export interface ChosenProvider {
  readonly provider: Provider
  readonly kind: ProviderKind
}

/** A provider by its id, when requests can be sent to it at all. */
export function usableProvider(id: string, catalog: Catalog): ChosenProvider | undefined {
  const provider = catalog.providers.get(id)
  if (provider === undefined || !isUsable(provider)) return undefined
  const kind = providerKind(provider.type)
  return kind === undefined ? undefined : { provider, kind }
}

/**
 * The provider for files or batches.
 * @param named the id that the client gave, if any
 * @throws GatewayError 404 for one that is not there or not allowed, `unsupported` for one without the operation
 */
export function providerFor(
  operation: RelayedOperation,
  named: string | undefined,
  principal: Principal,
  catalog: Catalog,
): ChosenProvider {
  if (named !== undefined) {
    const chosen = usableProvider(named, catalog)
    if (chosen === undefined || !mayAskProvider(principal, named, [])) throw providerNotFound()
    if (!has(chosen, operation)) throw unsupported(operation)
    return chosen
  }
  for (const id of catalog.providers.keys()) {
    const chosen = usableProvider(id, catalog)
    if (chosen === undefined || !has(chosen, operation)) continue
    if (mayAskProvider(principal, id, [])) return chosen
  }
  throw unsupported(operation)
}

/** The same for "no such provider" and "not yours". */
export function providerNotFound(): GatewayError {
  return new GatewayError('model_not_found', {
    code: 'provider_not_found',
    message: 'The provider does not exist or you do not have access to it.',
  })
}

function has({ provider, kind }: ChosenProvider, operation: RelayedOperation): boolean {
  return kind.relayed?.({ provider, operation }) !== undefined
}

function unsupported(operation: RelayedOperation): GatewayError {
  return new GatewayError('unsupported', {
    code: 'unsupported_operation',
    message: `No provider that you may use offers this kind of request (${operation}).`,
  })
}
