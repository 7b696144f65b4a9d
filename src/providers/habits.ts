// What is known of OpenAI-compatible services by their host name, for providers of type `custom`: where they depart from the
// protocol, and what they take beyond it. Data with its sources; a host that is not here is taken for a server such as vLLM.

import { LIMITS } from '../core/limits.ts'
import type { Quirks } from '../dialects/dialect.ts'
import { MISTRAL_QUIRKS } from './mistral.ts'
import { OPENROUTER_QUIRKS } from './openrouter.ts'

/** vLLM's names, which SGLang, TGI, llama.cpp, Together and Fireworks share. */
const VLLM_SAMPLING = { topK: 'top_k', minP: 'min_p', repeatPenalty: 'repetition_penalty' } as const

/** A server of somebody's own: it ignores what it does not know, and OpenAI's newer names of fields among it. */
const SELF_HOSTED: Quirks = { maxTokensField: 'auto', samplingFields: VLLM_SAMPLING }

/** Thinking goes on between the calls of a tool loop, and is to be returned in it. */
const INTERLEAVED: Quirks = {
  maxTokensField: 'max_tokens',
  reasoningField: 'reasoning_content',
  remembersReasoning: true,
}

/** Hosts, without their subdomains, and what their documentation or their errors say. */
const HABITS: Readonly<Record<string, Quirks>> = {
  'openai.com': { maxTokensField: 'auto' },
  'mistral.ai': MISTRAL_QUIRKS,
  'openrouter.ai': OPENROUTER_QUIRKS,
  // "The reasoning_content in the thinking mode must be passed back" (400) for every turn that called tools; of other turns
  // it is ignored. An empty one is taken where there was none.
  'deepseek.com': {
    maxTokensField: 'max_tokens',
    noDeveloperRole: true,
    reasoningField: 'reasoning_content',
    reasoningOnCalls: true,
    remembersReasoning: true,
    // https://api-docs.deepseek.com/guides/json_mode
    noJsonSchema: true,
  },
  // "Currently not supported and will result in a 400": log probabilities, logit_bias, names.
  'groq.com': {
    maxTokensField: 'max_completion_tokens',
    reasoningField: 'reasoning',
    refusedFields: ['logit_bias', 'logprobs', 'top_logprobs'],
    refusedMessageFields: ['name', 'reasoning_content', 'reasoning_details'],
  },
  'x.ai': { maxTokensField: 'max_completion_tokens' },
  'together.xyz': { maxTokensField: 'max_tokens', samplingFields: VLLM_SAMPLING },
  'together.ai': { maxTokensField: 'max_tokens', samplingFields: VLLM_SAMPLING },
  'fireworks.ai': {
    maxTokensField: 'max_tokens',
    samplingFields: VLLM_SAMPLING,
    reasoningField: 'reasoning_content',
  },
  // A call of Gemini 3 is refused without its `extra_content.google.thought_signature`.
  'generativelanguage.googleapis.com': { maxTokensField: 'auto', remembersReasoning: true },
  'cerebras.ai': { maxTokensField: 'max_completion_tokens' },
  'perplexity.ai': { maxTokensField: 'max_tokens', samplingFields: { topK: 'top_k' } },
  'moonshot.ai': INTERLEAVED,
  'moonshot.cn': INTERLEAVED,
  'z.ai': INTERLEAVED,
  'bigmodel.cn': INTERLEAVED,
  // It hands cache hints on to the vendors that take them.
  'vercel.sh': { maxTokensField: 'max_tokens', cacheControl: true },
}

const HOST = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/?#]*@)?([^:/?#]+)/i

/** By base URL, as they are asked for several times for each request. */
const known = new Map<string, Quirks>()

/** Quirks of the service at a base URL. A subdomain (`api.`) has its domain's. */
export function habitsOf(baseUrl: string): Quirks {
  let habits = known.get(baseUrl)
  if (habits === undefined) {
    habits = lookUp(baseUrl)
    if (known.size >= LIMITS.parsedUrlEntriesMax) known.clear()
    known.set(baseUrl, habits)
  }
  return habits
}

function lookUp(baseUrl: string): Quirks {
  const host = HOST.exec(baseUrl)?.[1]?.toLowerCase() ?? ''
  for (let name = host; name !== '';) {
    if (Object.hasOwn(HABITS, name)) return HABITS[name] ?? SELF_HOSTED
    const dot = name.indexOf('.')
    name = dot < 0 ? '' : name.slice(dot + 1)
  }
  return SELF_HOSTED
}
