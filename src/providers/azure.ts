// Azure OpenAI: the same bodies as OpenAI's under two URL shapes. With an `api_version` the deployment stands in the path;
// without one the newer `/openai/v1` takes the deployment in the body. The credential is `api-key`.

import type { Provider } from '../core/catalog.ts'
import { asObject } from '../core/json.ts'
import type { ProviderKind, RelayedOperation } from './provider.ts'
import { OPENAI_REFUSED_MESSAGE_FIELDS, openaiModelDialects } from './openai.ts'
import { relayedPath } from './relayed.ts'
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

/** From this version on there is a Responses API. */
const FIRST_VERSION_WITH_RESPONSES = '2025-03-01'

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

/** Azure moderates by filters of its own and has no variations. */
const AZURE_RELAYED: ReadonlySet<RelayedOperation> = new Set<RelayedOperation>([
  'image',
  'image-edit',
  'audio-transcription',
  'audio-translation',
  'audio-speech',
  'response-compact',
  'file',
  'batch',
])

function hasResponses(provider: Provider, model: string | undefined): boolean {
  const version = datedVersion(provider)
  if (version !== undefined && version < FIRST_VERSION_WITH_RESPONSES) return false
  return model === undefined || !OTHER_VENDORS.test(model)
}

export const azure: ProviderKind = {
  type: 'azure',
  needsKey: true,
  dialects(provider, operation, model) {
    if (operation === 'token-count') return []
    // Azure names the instruct model without the dot.
    const all = openaiModelDialects(operation, model?.replace(/^gpt-35-/, 'gpt-3.5-'))
    if (hasResponses(provider, model)) return all
    const rest = all.filter((dialect) => dialect !== 'openai-responses')
    return rest.length === 0 ? ['openai-chat'] : rest
  },
  endpoint({ provider, dialect, model }) {
    const base = resource(provider.baseUrl)
    const version = datedVersion(provider)
    if (version === undefined) {
      return `${base}/openai/v1${openaiPath(dialect)}${namedVersionQuery(provider)}`
    }
    const query = `api-version=${encodeURIComponent(version)}`
    // Responses belong to the resource: the deployment is the body's model.
    if (dialect === 'openai-responses') return `${base}/openai${openaiPath(dialect)}?${query}`
    const deployment = encodeURIComponent(model)
    return `${base}/openai/deployments/${deployment}${openaiPath(dialect)}?${query}`
  },
  relayed({ provider, operation, model, item = '' }) {
    if (!AZURE_RELAYED.has(operation)) return undefined
    const base = `${resource(provider.baseUrl)}/openai`
    const path = `${relayedPath(operation)}${item}`
    const version = datedVersion(provider)
    if (version === undefined) return `${base}/v1${path}${namedVersionQuery(provider)}`
    // A compaction came with the newer shape alone; files and batches belong to the resource, not to a deployment.
    if (operation === 'response-compact') return undefined
    const deployment = model === undefined ? '' : `/deployments/${encodeURIComponent(model)}`
    return `${base}${deployment}${path}?api-version=${encodeURIComponent(version)}`
  },
  authorize(provider, secret) {
    if (!hasSecret(secret)) return {}
    // An access token given as a key is a JWT and goes where Azure takes it; a resource key never has two dots.
    const isToken = provider.entra !== undefined || /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(secret)
    return isToken ? bearer(secret) : { 'api-key': secret }
  },
  quirks(provider, model, dialect) {
    const version = datedVersion(provider)
    const inBody = version === undefined || dialect === 'openai-responses'
    const inPath = inBody ? {} : { modelInPath: true }
    if (version !== undefined && version < FIRST_VERSION_WITH_STREAM_OPTIONS) {
      return {
        ...inPath,
        maxTokensField: 'max_tokens',
        refusedMessageFields: OPENAI_REFUSED_MESSAGE_FIELDS,
        noStreamOptions: true,
        refusedFields: ['stream_options', 'max_completion_tokens'],
      }
    }
    // A deployment's name need not tell its model, and every OpenAI model there takes the newer field.
    const other = OTHER_VENDORS.test(model)
    return {
      ...inPath,
      maxTokensField: other ? 'max_tokens' : 'max_completion_tokens',
      ...(other ? {} : { refusedMessageFields: OPENAI_REFUSED_MESSAGE_FIELDS }),
    }
  },
  models: {
    url: (provider) => `${resource(provider.baseUrl)}/openai/v1/models`,
    read: (body) =>
      readModels(body, 'data', (entry) => {
        const can = asObject(entry.capabilities)
        return listedModel({
          id: entry.id,
          created: entry.created ?? entry.created_at,
          // `status` is that of a fine-tuning.
          status: entry.lifecycle_status,
          retires: asObject(entry.deprecation)?.inference,
          capabilities: capabilities({
            completion: can?.chat_completion === true || can?.completion === true,
            embedding: can?.embeddings,
          }),
        })
      }),
  },
}
