// What can be done through the HTTP surface, as actions. Every route names one; a route without an action cannot be written.
// Who may do what is decided here alone and nowhere near a path.

import { mayUseModel, type Principal } from './principal.ts'

export type Action =
  /** Anybody, without saying who: health, the page that helps to begin. */
  | 'public.read'
  | 'model.invoke'
  | 'model.list'
  | 'metrics.read'
  /** Raw requests to one provider; `mayAskProvider` says which. */
  | 'provider.proxy'
  /** Naming the target of a request (`x-weir-target`) instead of leaving it to the model's routing. */
  | 'target.pin'
  /** What is known of providers, targets and keys; no secret, but who is asked and how it fares. */
  | 'health.read'
  /** What a request would be sent to, without sending it. */
  | 'route.read'
  /** What providers list, and taking it over. */
  | 'discovery.read'
  | 'discovery.write'

/** Whether the principal may act; undefined is a caller who did not authenticate. */
export function can(principal: Principal | undefined, action: Action): boolean {
  switch (action) {
    case 'public.read':
      return true
    case 'model.invoke':
    case 'model.list':
    case 'metrics.read':
    case 'provider.proxy':
      return principal !== undefined
    case 'target.pin':
    case 'health.read':
    case 'route.read':
    case 'discovery.read':
    case 'discovery.write':
      return principal?.roles?.includes('admin') ?? false
  }
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
