// Google's Gemini API with an API key. The model and the method stand in the path, so a stream is another address, not another body.
// Its OpenAI-compatible path is not used: what Gemini alone can say (signatures, media, safety) is lost on it.

import type { Provider } from '../core/catalog.ts'
import type { JsonValue } from '../core/json.ts'
import type { Operation } from '../dialects/dialect.ts'
import type { EndpointRequest, ListedModel, ProviderKind } from './provider.ts'
import {
  capabilities,
  hasSecret,
  isBareOrigin,
  listedModel,
  lists,
  pageAfter,
  readModels,
  trimBase,
} from './shared.ts'

/** The version of the API that has tools, thinking and schemas; `v1` lags behind. */
const VERSION_PATH = '/v1beta'

/** Most models in one page of the list. */
const PAGE_SIZE = 1_000

/** The address below which models stand, however much of a longer one was copied along. */
function root(provider: Provider): string {
  const base = trimBase(provider.baseUrl)
    .replace(/\/chat\/completions$/, '')
    .replace(/\/openai$/, '')
    .replace(/\/models$/, '')
  return isBareOrigin(base) ? `${base}${VERSION_PATH}` : base
}

/** The path of a model below the root: `models/` unless its name has a collection of its own (`tunedModels/…`). */
function modelPath(model: string): string {
  const name = model.includes('/') ? model : `models/${model}`
  return name.split('/').map(encodeURIComponent).join('/')
}

function method({ operation, stream, batch }: EndpointRequest): string {
  switch (operation) {
    case 'embedding':
      return batch === false ? ':embedContent' : ':batchEmbedContents'
    case 'token-count':
      return ':countTokens'
    case 'chat':
    case 'completion':
      // Without `alt` a stream is one JSON array.
      return stream ? ':streamGenerateContent?alt=sse' : ':generateContent'
  }
}

/** Gemini's `GET /models`. Names come without `models/`, as people write them. */
export function readGeminiModels(body: JsonValue): ListedModel[] {
  return readModels(body, 'models', (entry) => {
    const methods = entry.supportedGenerationMethods
    const writes = lists(methods, 'generateContent', 'streamGenerateContent')
    const embeds = lists(methods, 'embedContent', 'batchEmbedContents')
    const name = typeof entry.name === 'string' ? entry.name.replace(/^models\//, '') : undefined
    // Every Gemini calls functions and sees, but those made to draw or to speak.
    const chats = /^gemini-(?!.*(?:image|tts|audio))/.test(name ?? '')
    // What makes pictures, films or answers by telephone is not reached by any of our operations.
    if (methods !== undefined && !writes && !embeds) return undefined
    return listedModel({
      id: name,
      contextWindow: entry.inputTokenLimit,
      baseModel: entry.baseModelId,
      version: entry.version,
      capabilities: capabilities({
        completion: writes,
        tools: writes && chats,
        vision: writes && chats,
        thinking: entry.thinking === true,
        embedding: embeds,
      }),
    })
  })
}

function dialects(_provider: Provider, _operation: Operation): readonly ['gemini'] {
  return ['gemini']
}

export const gemini: ProviderKind = {
  type: 'gemini',
  defaultBaseUrl: `https://generativelanguage.googleapis.com${VERSION_PATH}`,
  needsKey: true,
  dialects,
  endpoint: (request) => `${root(request.provider)}/${modelPath(request.model)}${method(request)}`,
  // A header, so that the key stands in no address and so in no log of one.
  authorize: (_provider, secret): Record<string, string> =>
    hasSecret(secret) ? { 'x-goog-api-key': secret } : {},
  quirks: () => ({ modelInPath: true }),
  models: {
    url: (provider) => `${root(provider)}/models?pageSize=${PAGE_SIZE}`,
    read: readGeminiModels,
    next: (body, url) => pageAfter(body, url, { member: 'nextPageToken', parameter: 'pageToken' }),
  },
}
