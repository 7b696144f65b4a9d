// From the name a client asks for to a model with targets: an alias, `provider/model`, a name that one provider lists or
// has listed, or a vendor's well-known name. It decides nothing about rights and sends nothing.

import type { Model, Provider, ProviderType } from '../core/catalog.ts'
import { providerKind } from '../providers/registry.ts'
import type { ModelDirectory } from './catalog.ts'
import type { Catalog } from './snapshot.ts'

/**
 * Names that say whose they are, so that a laptop with one key needs no mapping. Only the vendor's own provider type takes
 * them, and only after aliases and listed models.
 */
const VENDOR_NAMES: readonly (readonly [ProviderType, RegExp])[] = [
  ['openai', /^(gpt-|o[1-9](-|$)|chatgpt-|text-embedding-|davinci-|babbage-|codex-)/],
  ['openai', /^((omni|text)-moderation-|whisper-|tts-|dall-e-|sora-)/],
  ['anthropic', /^claude-/],
  ['gemini', /^(gemini-|gemma-|learnlm-|text-embedding-004$|embedding-001$)/],
  ['cohere', /^(command-|command$|c4ai-|embed-(english|multilingual|v4)|rerank-)/],
  ['mistral', /^(mistral|ministral|magistral|codestral|devstral|pixtral|voxtral|open-mi[sx]tral)/],
]

/** The model behind a name, or undefined when nobody here answers to it. */
export function resolve(
  name: string,
  catalog: Catalog,
  directory: ModelDirectory,
): Model | undefined {
  const alias = catalog.models.get(name)
  if (alias !== undefined) return alias
  const slash = name.indexOf('/')
  if (slash > 0) {
    const provider = catalog.providers.get(name.slice(0, slash))
    const model = name.slice(slash + 1)
    if (provider !== undefined && model !== '') return direct(name, provider, model)
  }
  const listed = directory.providerOf(name, catalog)
  if (listed !== undefined) return direct(name, listed.provider, listed.model)
  for (const [type, pattern] of VENDOR_NAMES) {
    if (!pattern.test(name)) continue
    for (const provider of catalog.providers.values()) {
      if (provider.type === type) return direct(name, provider, name)
    }
  }
  const former = directory.formerProviderOf(name, catalog)
  return former === undefined ? undefined : direct(name, former.provider, former.model)
}

/** Whether requests can be sent to the provider at all: a key where its kind needs one, or an application in its place. */
export function isUsable(provider: Provider): boolean {
  const kind = providerKind(provider.type)
  if (kind === undefined) return false
  return !kind.needsKey || provider.keys.length > 0 || provider.entra !== undefined
}

function direct(id: string, provider: Provider, model: string): Model {
  return {
    id,
    origin: 'built-in',
    targets: [{ providerId: provider.id, model, order: 0, weight: 1 }],
    defaults: {},
    losses: 'report',
  }
}
