// OpenRouter: OpenAI's chat, completions and embeddings over many vendors. It tells thinking twice; only
// `reasoning_details` can be sent back, so the chat codec is told that it is understood.

import { asObject } from '../core/json.ts'
import type { Quirks } from '../dialects/dialect.ts'
import { toldGoesOn } from './going-on.ts'
import type { ProviderKind } from './provider.ts'
import { relayedBelow } from './relayed.ts'
import {
  baseWithDefaultPath,
  bearer,
  capabilities,
  listedModel,
  lists,
  openaiDialects,
  openaiPath,
  readModels,
} from './shared.ts'

const base = (baseUrl: string) => baseWithDefaultPath(baseUrl, '/api/v1')

/** How OpenRouter attributes traffic. They name the program and never the operator's own addresses. */
const ATTRIBUTION = { 'http-referer': 'https://weir.invalid', 'x-title': 'Weir' }

export const OPENROUTER_QUIRKS: Quirks = {
  maxTokensField: 'max_tokens',
  reasoningField: 'reasoning',
  reasoningDetails: true,
  remembersReasoning: true,
  cacheControl: true,
  accountInErrors: true,
  samplingFields: { topK: 'top_k', minP: 'min_p', repeatPenalty: 'repetition_penalty' },
}

/** Its Responses keep nothing, whatever they are told: what a client wants kept is kept here, which relay can't do. */
const RESPONSES_QUIRKS: Quirks = {
  ...OPENROUTER_QUIRKS,
  plainTools: true,
  refuses: (body) => body['store'] !== false || body['previous_response_id'] != null,
}

export const openrouter: ProviderKind = {
  type: 'openrouter',
  defaultBaseUrl: 'https://openrouter.ai/api/v1',
  needsKey: true,
  dialects: (_provider, operation) =>
    operation === 'chat'
      ? [...openaiDialects(operation), 'openai-responses']
      : openaiDialects(operation),
  endpoint: ({ provider, dialect }) => `${base(provider.baseUrl)}${openaiPath(dialect)}`,
  authorize: (_provider, secret) => ({ ...bearer(secret), ...ATTRIBUTION }),
  relayed: relayedBelow(base, ['rerank']),
  goingOn: toldGoesOn,
  quirks: (_provider, _model, dialect) =>
    dialect === 'openai-responses' ? RESPONSES_QUIRKS : OPENROUTER_QUIRKS,
  models: {
    url: (provider) => `${base(provider.baseUrl)}/models`,
    read: (body) =>
      readModels(body, 'data', (entry) => {
        const modalities = asObject(entry.architecture)
        const parameters = entry.supported_parameters
        return listedModel({
          id: entry.id,
          created: entry.created,
          contextWindow: entry.context_length,
          retires: entry.expiration_date,
          capabilities: capabilities({
            completion: lists(modalities?.output_modalities, 'text'),
            tools: lists(parameters, 'tools'),
            vision: lists(modalities?.input_modalities, 'image'),
            thinking: lists(parameters, 'reasoning', 'include_reasoning'),
            embedding: lists(modalities?.output_modalities, 'embeddings'),
            audio: lists(modalities?.input_modalities, 'audio'),
          }),
        })
      }),
  },
}
