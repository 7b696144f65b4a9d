// The table of provider kinds by type. A type that configuration may name but that has no kind of its own yet is an
// explicit entry here, with words for the operator, never a silent fallback to another protocol.

import type { ProviderType } from '../core/catalog.ts'
import { anthropic } from './anthropic.ts'
import { azure } from './azure.ts'
import { custom } from './custom.ts'
import { lmstudio } from './lmstudio.ts'
import { mistral } from './mistral.ts'
import { mock } from './mock.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import { openrouter } from './openrouter.ts'
import type { ProviderKind } from './provider.ts'

const KINDS: Readonly<Record<ProviderType, ProviderKind | undefined>> = {
  openai,
  azure,
  anthropic,
  ollama,
  mistral,
  openrouter,
  lmstudio,
  custom,
  mock,
  gemini: undefined,
  cohere: undefined,
}

/** What to use until a type has its own kind. */
const INSTEAD: Readonly<Partial<Record<ProviderType, string>>> = {
  gemini: 'https://generativelanguage.googleapis.com/v1beta/openai',
  cohere: 'https://api.cohere.ai/compatibility/v1',
}

/** The kind of a provider type; undefined where this version has none, see `unsupportedProviderText`. */
export function providerKind(type: ProviderType): ProviderKind | undefined {
  return KINDS[type]
}

/** One sentence for the operator about a type without a kind; undefined for a type that works. */
export function unsupportedProviderText(type: ProviderType): string | undefined {
  if (KINDS[type] !== undefined) return undefined
  const url = INSTEAD[type]
  const instead =
    url === undefined
      ? ''
      : ` Use type 'custom' with compatible: openai and base_url: ${url} meanwhile.`
  return `Providers of type '${type}' are not supported by this version.${instead}`
}
