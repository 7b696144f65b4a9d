// OpenAI's own API: chat and Responses for nearly every model, one of them alone for some, legacy completions for a few base
// models, and embeddings. Data and small functions only; nothing here sends.

import type { DialectName, Operation } from '../dialects/dialect.ts'
import { toldGoesOn } from './going-on.ts'
import type { ProviderKind } from './provider.ts'
import { OPENAI_RELAYED, relayedBelow } from './relayed.ts'
import { baseWithDefaultPath, bearer, openaiPath, readOpenaiModels } from './shared.ts'

/**
 * Models that answer on `/completions` and refuse `/chat/completions`. A fine-tuned one carries its base model's name
 * (`ft:davinci-002:…`).
 */
const COMPLETIONS_ONLY =
  /^(?:ft:)?(?:gpt-3\.5-turbo-instruct|davinci-002|babbage-002)(?:-\d{4})?(?::|$)/

/** Whether one of OpenAI's models knows legacy completions alone. Unknown names do not. */
export function isCompletionsOnly(model: string): boolean {
  return COMPLETIONS_ONLY.test(model)
}

/**
 * Models that answer on `/responses` alone: the pro tiers, deep research, Codex, computer use and the models for vetted users.
 * Where a name of these families is known to chat too, it loses nothing.
 */
const RESPONSES_ONLY =
  /^(?:ft:)?(?:o\d+(?:-mini)?-(?:pro|deep-research)|gpt-[\d.]+-(?:pro|codex|cyber|rosalind)|codex-|computer-use-|gpt-(?:daybreak|rosalind)-)/

/** Models that `/responses` refuses: search and audio in chat, and the first reasoning models. */
const WITHOUT_RESPONSES =
  /-search-(?:preview|api)|^(?:ft:)?(?:gpt-audio|o1-(?:mini|preview))|-audio-preview/

/** The dialects of OpenAI's models per operation; a completion of any chat model becomes a chat. */
export function openaiModelDialects(
  operation: Operation,
  model: string | undefined,
): readonly DialectName[] {
  if (operation === 'embedding') return ['openai-embeddings']
  const name = model ?? ''
  if (operation === 'token-count') return isCompletionsOnly(name) ? [] : ['openai-responses']
  if (isCompletionsOnly(name)) return ['openai-completions']
  if (RESPONSES_ONLY.test(name)) return ['openai-responses']
  return operation === 'completion' || WITHOUT_RESPONSES.test(name)
    ? ['openai-chat']
    : ['openai-chat', 'openai-responses']
}

/** Members that compatible servers and their clients know, and OpenAI answers 400 to: "Unknown parameter". */
export const OPENAI_REFUSED_MESSAGE_FIELDS = [
  'prefix',
  'reasoning',
  'reasoning_content',
  'reasoning_details',
] as const

const base = (baseUrl: string) => baseWithDefaultPath(baseUrl, '/v1')

export const openai: ProviderKind = {
  type: 'openai',
  defaultBaseUrl: 'https://api.openai.com/v1',
  needsKey: true,
  dialects: (_provider, operation, model) => openaiModelDialects(operation, model),
  endpoint: ({ provider, dialect, operation }) =>
    `${base(provider.baseUrl)}${openaiPath(dialect, operation)}`,
  authorize: (_provider, secret) => bearer(secret),
  goingOn: toldGoesOn,
  quirks: () => ({ maxTokensField: 'auto', refusedMessageFields: OPENAI_REFUSED_MESSAGE_FIELDS }),
  relayed: relayedBelow(base, OPENAI_RELAYED),
  models: {
    url: (provider) => `${base(provider.baseUrl)}/models`,
    read: readOpenaiModels,
  },
}
