// Mistral: OpenAI's chat with a strict schema. It answers 422 `extra_forbidden` to any top-level member it does not know,
// so a client's body that has one is translated, which leaves it out and says so.

import { asObject } from '../core/json.ts'
import { markedGoesOn } from './going-on.ts'
import type { ProviderKind } from './provider.ts'
import { relayedBelow } from './relayed.ts'
import type { Quirks } from '../dialects/dialect.ts'
import {
  baseWithDefaultPath,
  bearer,
  capabilities,
  listedModel,
  openaiPath,
  readModels,
} from './shared.ts'

/** Members of OpenAI's chat and embeddings bodies that are not in Mistral's schema (`ChatCompletionRequest` of its SDK). */
const REFUSED_FIELDS = [
  'audio',
  'dimensions',
  'function_call',
  'functions',
  'logit_bias',
  'logprobs',
  'max_completion_tokens',
  'modalities',
  'prompt_cache_options',
  'prompt_cache_retention',
  'safety_identifier',
  'seed',
  'service_tier',
  'store',
  'stream_options',
  'top_logprobs',
  'user',
  'verbosity',
  'web_search_options',
  // Of OpenRouter and vLLM, which clients send to any server.
  'include_reasoning',
  'min_p',
  'models',
  'plugins',
  'provider',
  'reasoning',
  'repeat_penalty',
  'repetition_penalty',
  'route',
  'top_k',
  'transforms',
  'usage',
] as const

const REFUSED_MESSAGE_FIELDS = [
  'annotations',
  'audio',
  'cache_control',
  'function_call',
  'name',
  'reasoning',
  'reasoning_content',
  'reasoning_details',
  'refusal',
] as const

/** Models whose thinking can be asked for with `reasoning_effort`; Magistral always thinks and knows `prompt_mode` alone. */
const TAKES_REASONING_EFFORT = /^mistral-(?:small|medium|large)-(?:latest|26\d\d)/

export const MISTRAL_QUIRKS: Quirks = {
  maxTokensField: 'max_tokens',
  seedField: 'random_seed',
  noStreamOptions: true,
  toolChoiceRequired: 'any',
  noDeveloperRole: true,
  toolCallIdPattern: /^[a-zA-Z0-9]{9}$/,
  refusedFields: [...REFUSED_FIELDS, 'reasoning_effort'],
  refusedMessageFields: REFUSED_MESSAGE_FIELDS,
  thinkingParts: true,
  documentParts: true,
  parametersRequired: true,
  dimensionsField: 'output_dimension',
}
const REASONING_QUIRKS: Quirks = {
  ...MISTRAL_QUIRKS,
  refusedFields: REFUSED_FIELDS,
  reasoningEfforts: { on: 'high', off: 'none' },
  // Thinking comes inside `content`, as parts where every client of this dialect expects a text.
  refuses: (body) => body['reasoning_effort'] != null && body['reasoning_effort'] !== 'none',
}
/** It always thinks. */
const MAGISTRAL_QUIRKS: Quirks = { ...MISTRAL_QUIRKS, refuses: () => true }

const base = (baseUrl: string) => baseWithDefaultPath(baseUrl, '/v1')

export const mistral: ProviderKind = {
  type: 'mistral',
  defaultBaseUrl: 'https://api.mistral.ai/v1',
  needsKey: true,
  dialects(_provider, operation) {
    if (operation === 'token-count') return []
    return operation === 'embedding' ? ['openai-embeddings'] : ['openai-chat']
  },
  endpoint: ({ provider, dialect }) => `${base(provider.baseUrl)}${openaiPath(dialect)}`,
  authorize: (_provider, secret) => bearer(secret),
  relayed: relayedBelow(base, ['moderation', 'audio-transcription', 'audio-speech', 'file']),
  goingOn: markedGoesOn,
  saysBeginningAgain: true,
  quirks(_provider, model) {
    if (model.startsWith('magistral-')) return MAGISTRAL_QUIRKS
    return TAKES_REASONING_EFFORT.test(model) ? REASONING_QUIRKS : MISTRAL_QUIRKS
  },
  models: {
    url: (provider) => `${base(provider.baseUrl)}/models`,
    read: (body) =>
      readModels(body, 'data', (entry) => {
        const can = asObject(entry.capabilities)
        return listedModel({
          id: entry.id,
          created: entry.created,
          contextWindow: entry.max_context_length,
          status: entry.archived === true ? 'archived' : undefined,
          retires: entry.deprecation,
          capabilities: capabilities({
            completion: can?.completion_chat,
            tools: can?.function_calling,
            vision: can?.vision,
            thinking: can?.reasoning,
            insert: can?.completion_fim,
            audio: can?.audio,
          }),
        })
      }),
  },
}
