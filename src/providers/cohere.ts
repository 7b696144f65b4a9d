// Cohere: version 2 of its API for chats and embeddings, version 1 for the list of models, which has no newer one. Its endpoint
// in OpenAI's shape is left aside: it passes over in silence what the translation would tell as a loss.

import type { Provider } from '../core/catalog.ts'
import type { ProviderKind } from './provider.ts'
import {
  bearer,
  capabilities,
  listedModel,
  lists,
  pageAfter,
  readModels,
  trimBase,
} from './shared.ts'

/** The address without a version: `/v1`, `/v2` or the path of the compatible endpoint is copied along from other settings. */
function root(provider: Provider): string {
  return trimBase(provider.baseUrl).replace(/(?:\/compatibility)?\/v[12]$/, '')
}

export const cohere: ProviderKind = {
  type: 'cohere',
  defaultBaseUrl: 'https://api.cohere.com',
  needsKey: true,
  dialects: (_provider, operation) => (operation === 'token-count' ? [] : ['cohere']),
  endpoint: ({ provider, operation }) =>
    `${root(provider)}${operation === 'embedding' ? '/v2/embed' : '/v2/chat'}`,
  // Its version 1 takes and gives nearly the same; one is enough.
  relayed: ({ provider, operation }) =>
    operation === 'rerank' ? `${root(provider)}/v2/rerank` : undefined,
  authorize: (_provider, secret) => bearer(secret),
  quirks: () => ({}),
  models: {
    // Twenty come unasked, and a thousand are the most of one page.
    url: (provider) => `${root(provider)}/v1/models?page_size=1000`,
    read: (body) =>
      readModels(body, 'models', (entry) =>
        listedModel({
          id: entry.name,
          contextWindow: entry.context_length,
          // Those who use it already may go on with it until its end, which the list does not name.
          status: entry.is_deprecated === true ? 'deprecated' : undefined,
          capabilities: capabilities({
            completion: lists(entry.endpoints, 'chat', 'generate'),
            tools: lists(entry.features, 'tools'),
            vision: lists(entry.features, 'vision') || entry.supports_vision === true,
            thinking: lists(entry.features, 'reasoning'),
            embedding: lists(entry.endpoints, 'embed', 'embed_image'),
          }),
        }),
      ),
    next: (body, url) =>
      pageAfter(body, url, { member: 'next_page_token', parameter: 'page_token' }),
  },
}
