// Which upstreams go on from the beginning of an answer that they are given, and how they are told. Where it is not known that one
// does, it is taken not to: an answer begun anew in the middle of another is worse than an error.

import { asObject } from '../core/json.ts'
import type { ProviderKind } from './provider.ts'

type GoingOn = NonNullable<ProviderKind['goingOn']>

/** Claude models that take a prefilled answer: those since Opus 4.6 and Sonnet 4.6 refuse one. */
const PREFILLED_CLAUDE =
  /claude-(?:2|instant|3|(?:opus|sonnet|haiku)-4(?:-[015])?(?![-.]?[0-9](?![0-9]{5}))(?:-20[0-9]{6})?(?:[-@:]|$))/i

/** Anthropic's protocol: an assistant message at the end. Who thinks before writing could not go on, so thinking is left out. */
export const claudeGoesOn: GoingOn = (body, { model, told }) => {
  if (!(told ?? PREFILLED_CLAUDE.test(model.replace('.', '-')))) return undefined
  const { thinking: _thinking, ...rest } = body
  return rest
}

/** Mistral: the message says so itself (https://docs.mistral.ai/capabilities/completion/usage, "prefix"). */
export const markedGoesOn: GoingOn = (body, { told }) => {
  const messages = body['messages']
  if (told === false || !Array.isArray(messages)) return undefined
  const last = asObject(messages.at(-1))
  if (last?.['role'] !== 'assistant') return undefined
  return { ...body, messages: [...messages.slice(0, -1), { ...last, prefix: true }] }
}

/** Ollama: its templates leave the last message open when it is the assistant's. */
export const templateGoesOn: GoingOn = (body, { told }) => (told === false ? undefined : body)

/**
 * Servers of which only the operator knows: what vLLM, SGLang and others of their kind want to be told, which those that go on by
 * themselves (llama.cpp) pass over.
 */
export const toldGoesOn: GoingOn = (body, { told, dialect }) => {
  if (told !== true) return undefined
  if (dialect === 'anthropic') return body
  return { ...body, continue_final_message: true, add_generation_prompt: false }
}
