// Azure OpenAI: the same bodies as OpenAI's under two URL shapes. With an `api_version` the deployment stands in the path;
// without one the newer `/openai/v1` takes the deployment in the body. The credential is `api-key`.

import type { Provider } from '../core/catalog.ts'
import { asObject } from '../core/json.ts'
import type { ProviderKind } from './provider.ts'
import { openaiModelDialects } from './openai.ts'
import {
  bearer,
  capabilities,
  hasSecret,
  listedModel,
  openaiPath,
  readModels,
  trimBase,
} from './shared.ts'

/** From this version on `max_completion_tokens` and `stream_options` are known to chat deployments. */
const FIRST_VERSION_WITH_STREAM_OPTIONS = '2024-09-01'

/** Vendors other than OpenAI in Azure's catalogue, which know `max_tokens` alone. A deployment is often named after its model. */
const OTHER_VENDORS =
  /mistral|ministral|codestral|llama|deepseek|grok|phi-?\d|cohere|command-|jamba|kimi|qwen/i

/** The resource's address, whether or not `/openai` or `/openai/v1` was written after it. */
function resource(baseUrl: string): string {
  return trimBase(baseUrl).replace(/\/openai(?:\/v1)?$/i, '')
}

/** The dated version of the deployment-style URL; undefined for the `/openai/v1` shape and its own words. */
function datedVersion(provider: Provider): string | undefined {
  const version = provider.apiVersion?.trim()
  return version === undefined || !/^\d{4}-/.test(version) ? undefined : version
}

/** `?api-version=preview` of the newer shape; its default, `v1`, is said by leaving it out. */
function namedVersionQuery(provider: Provider): string {
  const version = provider.apiVersion?.trim()
  if (version === undefined || version === '' || version === 'v1') return ''
  return `?api-version=${encodeURIComponent(version)}`
}

export const azure: ProviderKind = {
  type: 'azure',
  needsKey: true,
  dialects: (_provider, operation, model) =>
    // Azure names the instruct model without the dot.
    openaiModelDialects(operation, model?.replace(/^gpt-35-/, 'gpt-3.5-')),
  endpoint({ provider, dialect, model }) {
    const base = resource(provider.baseUrl)
    const version = datedVersion(provider)
    if (version === undefined) {
      return `${base}/openai/v1${openaiPath(dialect)}${namedVersionQuery(provider)}`
    }
    const deployment = encodeURIComponent(model)
    const query = `api-version=${encodeURIComponent(version)}`
    return `${base}/openai/deployments/${deployment}${openaiPath(dialect)}?${query}`
  },
  authorize: (_provider, secret) =>
    // An Entra access token is a JWT and goes where Azure takes it; a resource key never has two dots.
    hasSecret(secret) && /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(secret)
      ? bearer(secret)
      : hasSecret(secret)
        ? { 'api-key': secret }
        : {},
  quirks(provider, model) {
    const version = datedVersion(provider)
    const inPath = version === undefined ? {} : { modelInPath: true }
    if (version !== undefined && version < FIRST_VERSION_WITH_STREAM_OPTIONS) {
      return {
        ...inPath,
        maxTokensField: 'max_tokens',
        noStreamOptions: true,
        refusedFields: ['stream_options', 'max_completion_tokens'],
      }
    }
    // A deployment's name need not tell its model, and every OpenAI model there takes the newer field.
    const other = OTHER_VENDORS.test(model)
    return { ...inPath, maxTokensField: other ? 'max_tokens' : 'max_completion_tokens' }
  },
  models: {
    url: (provider) => `${resource(provider.baseUrl)}/openai/v1/models`,
    read: (body) =>
      readModels(body, 'data', (entry) => {
        const can = asObject(entry.capabilities)
        return listedModel({
          id: entry.id,
          created: entry.created ?? entry.created_at,
          capabilities: capabilities({
            completion: can?.chat_completion === true || can?.completion === true,
            embedding: can?.embeddings,
          }),
        })
      }),
  },
}
