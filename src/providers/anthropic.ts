// Anthropic's Messages API. One dialect for everything that writes text; it has no embeddings.
// The protocol version is ours to choose, as our codec speaks exactly that one.

import type { Provider } from '../core/catalog.ts'
import { asArray, asObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { type ModelTraits, modelTraits } from '../dialects/anthropic/models.ts'
import type { Operation, Quirks } from '../dialects/dialect.ts'
import { claudeGoesOn } from './going-on.ts'
import type { ListedModel, ProviderKind } from './provider.ts'
import { capabilities, hasSecret, listedModel, pageAfter, readModels, trimBase } from './shared.ts'

/** The version of the protocol that the `anthropic` dialect speaks. */
export const ANTHROPIC_VERSION = '2023-06-01'

/** An Anthropic address without `/v1`: its SDKs leave it out, people write it all the same. */
function root(provider: Provider): string {
  return trimBase(provider.baseUrl).replace(/\/v1(?:\/messages)?$/, '')
}

/** `…/v1/messages` below a base URL written either way, and its counter of tokens. */
export function anthropicEndpoint(provider: Provider, operation: Operation): string {
  const messages = `${root(provider)}/v1/messages`
  return operation === 'token-count' ? `${messages}/count_tokens` : messages
}

/** The list in pages of 1,000, which is the most the API gives. */
export function anthropicModelsUrl(provider: Provider): string {
  return `${root(provider)}/v1/models?limit=1000`
}

/** Credential and protocol version of the Messages API. */
export function anthropicHeaders(secret: string | undefined): Record<string, string> {
  const version = { 'anthropic-version': ANTHROPIC_VERSION }
  return hasSecret(secret) ? { 'x-api-key': secret, ...version } : version
}

/** Anthropic's `GET /v1/models`; `capabilities` and `max_input_tokens` are there in its newer answers only. */
export function readAnthropicModels(body: JsonValue): ListedModel[] {
  return readModels(body, 'data', (entry) => {
    const can = asObject(entry.capabilities)
    const supported = (name: string) => asObject(can?.[name])?.supported === true
    return listedModel({
      id: entry.id,
      created: entry.created_at,
      contextWindow: entry.max_input_tokens,
      capabilities:
        can === undefined
          ? undefined
          : capabilities({
              completion: true,
              tools: true,
              vision: supported('image_input'),
              thinking: supported('thinking'),
            }),
    })
  })
}

/** The page behind one that says `has_more`. */
export function nextAnthropicModels(body: JsonValue, url: string): string | undefined {
  if (asObject(body)?.has_more !== true) return undefined
  return pageAfter(body, url, { member: 'last_id', parameter: 'after_id' })
}

/**
 * Tools write bodies for the model they know; behind an alias another one answers. What that one is known to answer 400 to
 * (https://docs.claude.com/en/docs/about-claude/models/migrating-to-claude-4) is settled by the encoder instead.
 */
function modelQuirks(model: string): Quirks {
  const traits = modelTraits(model)
  return traits.known ? { refuses: (body) => refuses(body, traits) } : {}
}

function refuses(body: JsonObject, traits: ModelTraits): boolean {
  const thinking = asObject(body.thinking)?.type
  if (thinking === 'adaptive' && !traits.adaptive) return true
  if (thinking === 'enabled' && !traits.budgets) return true
  if (thinking === 'disabled' && !traits.canDisable) return true
  const { temperature, top_p, top_k } = body
  if (!traits.sampling && [temperature, top_p, top_k].some((value) => value != null)) return true
  if (!traits.samplingTogether && temperature != null && top_p != null) return true
  // System turns inside a conversation came with the models that think adaptively.
  return (
    !traits.adaptive &&
    (asArray(body.messages)?.some((message) => asObject(message)?.role === 'system') ?? false)
  )
}

export const anthropic: ProviderKind = {
  type: 'anthropic',
  defaultBaseUrl: 'https://api.anthropic.com',
  needsKey: true,
  dialects: (_provider, operation) => (operation === 'embedding' ? [] : ['anthropic']),
  endpoint: ({ provider, operation }) => anthropicEndpoint(provider, operation),
  authorize: (_provider, secret) => anthropicHeaders(secret),
  goingOn: claudeGoesOn,
  quirks: (_provider, model) => modelQuirks(model),
  models: { url: anthropicModelsUrl, read: readAnthropicModels, next: nextAnthropicModels },
}
