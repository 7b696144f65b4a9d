// Any other upstream that speaks OpenAI's or Anthropic's protocol, at whatever address it was given. Nothing is assumed
// beyond that protocol: the base URL is used as written, and a key is sent only where there is one.

import { toldGoesOn } from './going-on.ts'
import type { ProviderKind } from './provider.ts'
import {
  anthropicEndpoint,
  anthropicHeaders,
  anthropicModelsUrl,
  nextAnthropicModels,
  readAnthropicModels,
} from './anthropic.ts'
import { habitsOf } from './habits.ts'
import { OPENAI_RELAYED, relayedBelow } from './relayed.ts'
import { bearer, openaiDialects, openaiPath, readOpenaiModels, trimBase } from './shared.ts'
import { asArray, asObject } from '../core/json.ts'

const anyOpenaiPath = relayedBelow(trimBase, [...OPENAI_RELAYED, 'rerank'])

export const custom: ProviderKind = {
  type: 'custom',
  needsKey: false,
  dialects(provider, operation) {
    if (provider.compatible !== 'anthropic') return openaiDialects(operation)
    return operation === 'embedding' ? [] : ['anthropic']
  },
  endpoint: ({ provider, dialect, operation }) =>
    dialect === 'anthropic'
      ? anthropicEndpoint(provider, operation)
      : `${trimBase(provider.baseUrl)}${openaiPath(dialect)}`,
  authorize: (provider, secret) =>
    provider.compatible === 'anthropic' ? anthropicHeaders(secret) : bearer(secret),
  goingOn: toldGoesOn,
  quirks: (provider) => (provider.compatible === 'anthropic' ? {} : habitsOf(provider.baseUrl)),
  // What such a server lacks it says itself.
  relayed: (request) =>
    request.provider.compatible === 'anthropic' ? undefined : anyOpenaiPath(request),
  models: {
    url: (provider) =>
      provider.compatible === 'anthropic'
        ? anthropicModelsUrl(provider)
        : `${trimBase(provider.baseUrl)}/models`,
    // The body has to tell which protocol it is, as the provider is not at hand here: only Anthropic types its entries.
    read(body) {
      const first = asObject(asArray(asObject(body)?.data)?.[0])
      return first?.type === 'model' ? readAnthropicModels(body) : readOpenaiModels(body)
    },
    // No list in OpenAI's shape has pages, so what says `has_more` is Anthropic's.
    next: nextAnthropicModels,
  },
}
