// What OpenAI's model names tell about the parameters they take. Only for names of OpenAI's own families: a name that is
// not known here is sent whatever was asked, for its server may know it.

const REASONING = /^(?:openai\/)?(?:o[1-9]|gpt-5(?!-chat)|gpt-[6-9](?!-chat)|codex-)/
/** The generation that takes no sampling options whatever the effort. */
const EARLY_REASONING = /^(?:openai\/)?(?:o[1-9]|gpt-5(?:$|-(?!chat)))/
/** Later ones think only when asked, and take sampling options while they don't. */
const LATER_REASONING = /^(?:openai\/)?gpt-(?:5\.\d|[6-9])/
const PLAIN = /^(?:openai\/)?(?:gpt-3\.5|gpt-4|chatgpt-|gpt-5-chat|davinci|babbage)/

/** True for models whose output limit is `max_completion_tokens` alone. */
export function isReasoningModel(model: string): boolean {
  return REASONING.test(model)
}

/** True when temperature, top_p, penalties and logprobs are answered with a 400. */
export function isEarlyReasoningModel(model: string, effort: string | undefined): boolean {
  if (EARLY_REASONING.test(model)) return true
  return LATER_REASONING.test(model) && effort !== undefined && effort !== 'none'
}

/** True when `reasoning_effort` is answered with a 400. */
export function refusesEffort(model: string): boolean {
  return PLAIN.test(model)
}
