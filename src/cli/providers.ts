// What the commands about providers share: how one is shown, and whether requests could be sent to it at all.

import type { Provider } from '../core/catalog.ts'
import { maskSecret } from '../config/show.ts'
import { providerKind, unsupportedProviderText } from '../providers/registry.ts'

/** Why nothing can be sent to a provider, in words; undefined when it can. */
export function unusableText(provider: Provider): string | undefined {
  const kind = providerKind(provider.type)
  if (kind === undefined) return unsupportedProviderText(provider.type) ?? 'unknown type'
  if (provider.entra !== undefined) return undefined
  return kind.needsKey && provider.keys.length === 0 ? 'it has no key' : undefined
}

/** Its keys by their last four characters: those in use, or those on their way out. */
export function maskedSecrets(provider: Provider, which: 'in use' | 'draining'): string[] {
  return provider.keys
    .filter((key) => (key.draining === true) === (which === 'draining'))
    .map((key) => maskSecret(key.secret))
}
