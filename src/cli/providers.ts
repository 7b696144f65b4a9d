// What the commands about providers share: how one is shown, and whether requests could be sent to it at all.

import type { Provider } from '../core/catalog.ts'
import { maskSecret } from '../config/show.ts'
import { providerKind, unsupportedProviderText } from '../providers/registry.ts'

/** Why nothing can be sent to a provider, in words; undefined when it can. */
export function unusableText(provider: Provider): string | undefined {
  const kind = providerKind(provider.type)
  if (kind === undefined) return unsupportedProviderText(provider.type) ?? 'unknown type'
  return kind.needsKey && provider.keys.length === 0 ? 'it has no key' : undefined
}

/** Its keys by their last four characters. */
export function maskedSecrets(provider: Provider): string[] {
  return provider.keys.map((key) => maskSecret(key.secret))
}
