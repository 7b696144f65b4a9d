// From the name a client asks for to a model with targets: an alias, `provider/model`, a name that one provider lists or
// has listed, or a vendor's well-known name. It decides nothing about rights and sends nothing.

import type { Model, Provider, ProviderType } from '../core/catalog.ts'
import { percentDecoded } from '../core/percent.ts'
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

/**
 * A part that an address takes back, itself or with the one before it. Some providers have the model in the path: there a name with such
 * a part would be another model than the one that was judged, or no model at all.
 */
const CLIMBS = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\]|%2f|%5c|$)/i

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

/** Undefined for a name that its provider could read as another one. */
function direct(id: string, provider: Provider, asked: string): Model | undefined {
  const model = ownName(provider, asked)
  if (CLIMBS.test(model)) return undefined
  // It would be decoded once more there, after it was judged.
  if (provider.type === 'bedrock' && model.includes('%')) return undefined
  return {
    id,
    origin: 'built-in',
    targets: [{ providerId: provider.id, model, order: 0, weight: 1 }],
    defaults: {},
    losses: 'report',
  }
}

/**
 * One name for one model, so that what is said of it (a denial, a price) holds: Google takes the name of its collection before it or not,
 * and AWS a name in a path that was encoded already.
 */
function ownName({ type }: Provider, model: string): string {
  if (type === 'bedrock') return percentDecoded(model)
  return type === 'gemini' ? model.replace(/^(?:models\/)+(?=.)/, '') : model
}
