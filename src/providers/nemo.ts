// A server of NVIDIA NeMo Guardrails (0.24.1) as a provider: OpenAI's chat, with the configuration whose rails are to hold named in the body.
// A model is `model@configuration`; without the second part the provider's `config_id` holds, without the first the model of the
// configuration. What its answers say of rails is read in `dialects/openai-chat/rails.ts`. Data and small functions only.

import type { Provider } from '../core/catalog.ts'
import { asArray, asObject, asString, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Quirks } from '../dialects/dialect.ts'
import type { ProviderKind } from './provider.ts'
import { baseWithDefaultPath, bearer, listedModel, openaiPath, readModels } from './shared.ts'

/** What it takes and does nothing with (`n` and whatever is no option of its generation), or refuses (audio). */
const REFUSED_FIELDS = [
  'audio',
  'functions',
  'function_call',
  // Which rails hold is for the operator to say.
  'guardrails',
  'logit_bias',
  'logprobs',
  'metadata',
  'modalities',
  'n',
  'prediction',
  'prompt_cache_key',
  'reasoning_effort',
  'response_format',
  'safety_identifier',
  'seed',
  'service_tier',
  'store',
  'top_logprobs',
  'user',
  'verbosity',
  'web_search_options',
] as const

const base = (baseUrl: string) => baseWithDefaultPath(baseUrl, '/v1')

export const nemo: ProviderKind = {
  type: 'nemo',
  needsKey: false,
  dialects: (_provider, operation) =>
    operation === 'chat' || operation === 'completion' ? ['openai-chat'] : [],
  endpoint: ({ provider, dialect }) => `${base(provider.baseUrl)}${openaiPath(dialect)}`,
  authorize: (_provider, secret) => bearer(secret),
  quirks: (provider, model) => quirksOf(provider, model),
  models: {
    // Its `/v1/models` is that of the model server behind it, where it knows one.
    url: (provider) => `${base(provider.baseUrl)}/rails/configs`,
    read: (body) =>
      readModels(body, 'data', (entry) => {
        const id = asString(entry.id)
        return id === undefined || id === '' ? undefined : listedModel({ id: `@${id}` })
      }),
  },
}

function quirksOf(provider: Provider, name: string): Quirks {
  const at = name.lastIndexOf('@')
  const model = at < 0 ? name : name.slice(0, at)
  const configId = at < 0 || at === name.length - 1 ? provider.configId : name.slice(at + 1)
  return {
    maxTokensField: 'max_tokens',
    noDeveloperRole: true,
    noStreamOptions: true,
    refusedFields: REFUSED_FIELDS,
    // Its answers hold a log that repeats what was blocked: none is relayed.
    refuses: () => true,
    shape: (body) => shaped(body, model, configId),
  }
}

function shaped(body: JsonObject, model: string, configId: string | undefined): JsonObject {
  const hasTools = (asArray(body['tools'])?.length ?? 0) > 0
  const { stream_options: _options, ...rest } = body
  return {
    ...rest,
    // Empty: the model of the configuration.
    model,
    messages: (asArray(body['messages']) ?? []).map(withPlainText),
    // With tools it refuses to stream; its whole answer is streamed to the client then.
    ...(hasTools ? { stream: false } : {}),
    guardrails: {
      ...(configId === undefined ? {} : { config_id: configId }),
      options: { log: { activated_rails: true } },
    },
  }
}

/** Rails read content as one text and fail on a list. */
function withPlainText(value: JsonValue): JsonValue {
  const message = asObject(value)
  const parts = asArray(message?.['content'])?.map(asObject)
  if (message === undefined || parts === undefined) return value
  const texts = parts.map((part) =>
    part?.['type'] === 'text' ? asString(part['text']) : undefined,
  )
  return texts.includes(undefined) ? value : { ...message, content: texts.join('\n') }
}
