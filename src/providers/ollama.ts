// Ollama: its native API first, since only that one knows `num_ctx`, images and every statistic, and its OpenAI endpoints
// so that an OpenAI client is relayed. A key is wanted by Ollama's cloud and by proxies in front of it alone.

import { DEFAULT_CONTEXT, type Provider } from '../core/catalog.ts'
import { templateGoesOn } from './going-on.ts'
import { readLoaded, readShow } from './ollama-local.ts'
import type { ProviderKind } from './provider.ts'
import { asArray } from '../core/json.ts'
import { bearer, listedModel, openaiPath, readModels, trimBase } from './shared.ts'

/** The server's address: `/v1` and `/api` are often copied along from another tool's settings. */
function root(provider: Provider): string {
  return trimBase(provider.baseUrl).replace(/\/(?:v1|api)$/, '')
}

export const ollama: ProviderKind = {
  type: 'ollama',
  defaultBaseUrl: 'http://127.0.0.1:11434',
  needsKey: false,
  dialects(provider, operation) {
    // Its OpenAI endpoints ignore `num_ctx` and cut at the default: with the context guarded they are not used.
    const guarded = provider.context?.guard ?? DEFAULT_CONTEXT.guard
    switch (operation) {
      case 'chat':
        return guarded ? ['ollama'] : ['ollama', 'openai-chat']
      case 'completion':
        return guarded ? ['ollama'] : ['ollama', 'openai-completions']
      case 'embedding':
        return ['ollama', 'openai-embeddings']
      case 'token-count':
        return []
    }
  },
  endpoint({ provider, dialect, operation, legacy }) {
    const base = root(provider)
    if (dialect !== 'ollama') return `${base}/v1${openaiPath(dialect)}`
    switch (operation) {
      case 'chat':
        return `${base}/api/chat`
      case 'completion':
        return `${base}/api/generate`
      case 'embedding':
        return legacy === true ? `${base}/api/embeddings` : `${base}/api/embed`
      case 'token-count':
        throw new Error('Ollama counts no tokens.')
    }
  },
  authorize: (_provider, secret) => bearer(secret),
  goingOn: templateGoesOn,
  quirks: () => ({ maxTokensField: 'max_tokens', reasoningField: 'reasoning' }),
  local: {
    showUrl: (provider) => `${root(provider)}/api/show`,
    readShow,
    loadedUrl: (provider) => `${root(provider)}/api/ps`,
    readLoaded,
  },
  models: {
    url: (provider) => `${root(provider)}/api/tags`,
    read: (body) =>
      readModels(body, 'models', (entry) =>
        listedModel({
          id: entry.model ?? entry.name,
          created: entry.modified_at,
          // Only newer servers say it here; older ones in `/api/show` alone.
          capabilities: asArray(entry.capabilities)?.filter((word) => typeof word === 'string'),
        }),
      ),
  },
}
