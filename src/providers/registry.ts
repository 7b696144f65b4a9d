// The table of provider kinds by type. A type without a kind (a store of a later version may name one) has words for the
// operator, never a silent fallback to another protocol.

import type { ProviderType } from '../core/catalog.ts'
import { anthropic } from './anthropic.ts'
import { azure } from './azure.ts'
import { bedrock } from './bedrock.ts'
import { cohere } from './cohere.ts'
import { custom } from './custom.ts'
import { gemini } from './gemini.ts'
import { lmstudio } from './lmstudio.ts'
import { mistral } from './mistral.ts'
import { mock } from './mock.ts'
import { nemo } from './nemo.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import { openrouter } from './openrouter.ts'
import type { ProviderKind } from './provider.ts'

const KINDS: Readonly<Record<ProviderType, ProviderKind>> = {
  openai,
  azure,
  anthropic,
  ollama,
  mistral,
  openrouter,
  lmstudio,
  nemo,
  custom,
  mock,
  gemini,
  cohere,
  bedrock,
}

/** The kind of a provider type; undefined where this version has none, see `unsupportedProviderText`. */
export function providerKind(type: ProviderType): ProviderKind | undefined {
  return Object.hasOwn(KINDS, type) ? KINDS[type] : undefined
}

/** One sentence for the operator about a type without a kind; undefined for a type that works. */
export function unsupportedProviderText(type: ProviderType): string | undefined {
  if (providerKind(type) !== undefined) return undefined
  return `Providers of type '${type}' are not supported by this version.`
}
