// LM Studio: a local OpenAI-compatible server for chat, completions and embeddings. It wants no key unless its owner has
// switched that on. Data and small functions only.

import { toldGoesOn } from './going-on.ts'
import type { ProviderKind } from './provider.ts'
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

const base = (baseUrl: string) => baseWithDefaultPath(baseUrl, '/v1')

export const lmstudio: ProviderKind = {
  type: 'lmstudio',
  defaultBaseUrl: 'http://127.0.0.1:1234/v1',
  needsKey: false,
  dialects: (_provider, operation) =>
    operation === 'chat'
      ? [...openaiDialects(operation), 'openai-responses']
      : openaiDialects(operation),
  endpoint: ({ provider, dialect }) => `${base(provider.baseUrl)}${openaiPath(dialect)}`,
  authorize: (_provider, secret) => bearer(secret),
  goingOn: toldGoesOn,
  quirks: () => ({
    maxTokensField: 'max_tokens',
    reasoningField: 'reasoning_content',
    samplingFields: { topK: 'top_k', repeatPenalty: 'repeat_penalty' },
    plainTools: true,
  }),
  models: {
    url: (provider) => `${base(provider.baseUrl)}/models`,
    // Its `/v1/models` has ids alone; its own `/api/v0/models`, in the same shape, also says what a model is.
    read: (body) =>
      readModels(body, 'data', (entry) =>
        listedModel({
          id: entry.id,
          contextWindow: entry.max_context_length,
          capabilities: capabilities({
            completion: entry.type === 'llm' || entry.type === 'vlm',
            tools: lists(entry.capabilities, 'tool_use'),
            vision: entry.type === 'vlm',
            embedding: entry.type === 'embeddings',
          }),
        }),
      ),
  },
}
