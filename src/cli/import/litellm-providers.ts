// LiteLLM's names of providers in the words of Weir: which type each is, where it lives, and the variables that LiteLLM reads where the
// configuration says nothing. Data alone; what is not here has no counterpart.

export interface ProviderKind {
  readonly type: string
  /** Of `custom`. */
  readonly compatible?: 'openai' | 'anthropic'
  /** Where its type has no address of its own; absent where the source must say it. */
  readonly baseUrl?: string
  /** Of the key; absent where none is needed. */
  readonly key?: string
  /** Of the address, where the source does not say it. */
  readonly baseVariable?: string
}

function compatible(baseUrl: string, key: string): ProviderKind {
  return { type: 'custom', compatible: 'openai', baseUrl, key }
}

/** Servers whose address is always said. */
function server(baseVariable: string, key?: string): ProviderKind {
  const place = { type: 'custom', compatible: 'openai', baseVariable } as const
  return key === undefined ? place : { ...place, key }
}

const OPENAI: ProviderKind = { type: 'openai', key: 'OPENAI_API_KEY' }
const AZURE: ProviderKind = { type: 'azure', key: 'AZURE_API_KEY', baseVariable: 'AZURE_API_BASE' }
const COHERE: ProviderKind = { type: 'cohere', key: 'COHERE_API_KEY' }
const OLLAMA: ProviderKind = { type: 'ollama' }

/** By the part of a model’s name before the first slash. */
export const LITELLM_PROVIDERS: Readonly<Record<string, ProviderKind>> = {
  openai: OPENAI,
  'text-completion-openai': OPENAI,
  azure: AZURE,
  azure_text: AZURE,
  anthropic: { type: 'anthropic', key: 'ANTHROPIC_API_KEY' },
  anthropic_text: { type: 'anthropic', key: 'ANTHROPIC_API_KEY' },
  bedrock: { type: 'bedrock' },
  bedrock_converse: { type: 'bedrock' },
  gemini: { type: 'gemini', key: 'GEMINI_API_KEY' },
  cohere: COHERE,
  cohere_chat: COHERE,
  mistral: { type: 'mistral', key: 'MISTRAL_API_KEY' },
  ollama: OLLAMA,
  ollama_chat: OLLAMA,
  openrouter: { type: 'openrouter', key: 'OPENROUTER_API_KEY' },
  lm_studio: { type: 'lmstudio' },
  anyscale: compatible('https://api.endpoints.anyscale.com/v1', 'ANYSCALE_API_KEY'),
  cerebras: compatible('https://api.cerebras.ai/v1', 'CEREBRAS_API_KEY'),
  codestral: compatible('https://codestral.mistral.ai/v1', 'CODESTRAL_API_KEY'),
  dashscope: compatible(
    'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
    'DASHSCOPE_API_KEY',
  ),
  deepinfra: compatible('https://api.deepinfra.com/v1/openai', 'DEEPINFRA_API_KEY'),
  deepseek: compatible('https://api.deepseek.com/v1', 'DEEPSEEK_API_KEY'),
  featherless_ai: compatible('https://api.featherless.ai/v1', 'FEATHERLESS_AI_API_KEY'),
  fireworks_ai: compatible('https://api.fireworks.ai/inference/v1', 'FIREWORKS_API_KEY'),
  friendliai: compatible('https://api.friendli.ai/serverless/v1', 'FRIENDLI_TOKEN'),
  github: compatible('https://models.inference.ai.azure.com', 'GITHUB_API_KEY'),
  groq: compatible('https://api.groq.com/openai/v1', 'GROQ_API_KEY'),
  huggingface: compatible('https://router.huggingface.co/v1', 'HUGGINGFACE_API_KEY'),
  hyperbolic: compatible('https://api.hyperbolic.xyz/v1', 'HYPERBOLIC_API_KEY'),
  jina_ai: compatible('https://api.jina.ai/v1', 'JINA_AI_API_KEY'),
  lambda_ai: compatible('https://api.lambda.ai/v1', 'LAMBDA_API_KEY'),
  meta_llama: compatible('https://api.llama.com/compat/v1', 'LLAMA_API_KEY'),
  moonshot: compatible('https://api.moonshot.ai/v1', 'MOONSHOT_API_KEY'),
  nebius: compatible('https://api.studio.nebius.ai/v1', 'NEBIUS_API_KEY'),
  novita: compatible('https://api.novita.ai/v3/openai', 'NOVITA_API_KEY'),
  nvidia_nim: compatible('https://integrate.api.nvidia.com/v1', 'NVIDIA_NIM_API_KEY'),
  perplexity: compatible('https://api.perplexity.ai', 'PERPLEXITYAI_API_KEY'),
  sambanova: compatible('https://api.sambanova.ai/v1', 'SAMBANOVA_API_KEY'),
  together_ai: compatible('https://api.together.xyz/v1', 'TOGETHERAI_API_KEY'),
  v0: compatible('https://api.v0.dev/v1', 'V0_API_KEY'),
  volcengine: compatible('https://ark.cn-beijing.volces.com/api/v3', 'VOLCENGINE_API_KEY'),
  voyage: compatible('https://api.voyageai.com/v1', 'VOYAGE_API_KEY'),
  zai: compatible('https://api.z.ai/api/paas/v4', 'ZAI_API_KEY'),
  xai: compatible('https://api.x.ai/v1', 'XAI_API_KEY'),
  azure_ai: server('AZURE_AI_API_BASE', 'AZURE_AI_API_KEY'),
  custom_openai: server('OPENAI_API_BASE', 'OPENAI_API_KEY'),
  databricks: server('DATABRICKS_API_BASE', 'DATABRICKS_API_KEY'),
  hosted_vllm: server('HOSTED_VLLM_API_BASE'),
  infinity: server('INFINITY_API_BASE'),
  litellm_proxy: server('LITELLM_PROXY_API_BASE', 'LITELLM_PROXY_API_KEY'),
  llamafile: server('LLAMAFILE_API_BASE'),
  openai_like: server('OPENAI_LIKE_API_BASE', 'OPENAI_LIKE_API_KEY'),
  vllm: server('VLLM_API_BASE'),
  xinference: server('XINFERENCE_API_BASE'),
}

/** Providers of LiteLLM that speak nothing Weir speaks, with what may stand in. */
export const LITELLM_OTHERS: Readonly<Record<string, string>> = {
  vertex_ai:
    'Use the Gemini API with a key (type gemini), or a custom provider for its OpenAI-compatible endpoint.',
  vertex_ai_beta: 'Use the Gemini API with a key (type gemini).',
  sagemaker: 'Put an OpenAI-compatible server before it and declare that as a custom provider.',
  sagemaker_chat:
    'Put an OpenAI-compatible server before it and declare that as a custom provider.',
  replicate: 'Choose a provider with an OpenAI-compatible API.',
  watsonx: 'Use its OpenAI-compatible gateway as a custom provider.',
  cloudflare: 'Use its OpenAI-compatible endpoint as a custom provider.',
  snowflake: 'Use its OpenAI-compatible endpoint as a custom provider.',
}

/** What a name without a provider means to LiteLLM, as far as names alone tell. */
const BARE: readonly (readonly [RegExp, string])[] = [
  [
    /^(?:gpt-|o\d|chatgpt-|text-embedding-(?:ada|3)|text-moderation|omni-moderation|dall-e|whisper|tts-|babbage|davinci|ft:gpt)/,
    'openai',
  ],
  [/^claude-/, 'anthropic'],
  [/^(?:command|embed-(?:english|multilingual))/, 'cohere'],
  [/^(?:mistral-(?:tiny|small|medium|large)|codestral-|open-mi[sx]tral)/, 'mistral'],
  [/^(?:anthropic|amazon|meta|cohere|ai21|mistral)\.[a-z]/, 'bedrock'],
]

export interface NamedModel {
  /** LiteLLM’s name of the provider; undefined where nothing tells. */
  readonly provider: string | undefined
  /** The provider’s own name of the model. */
  readonly model: string
}

/** Takes a name such as `azure/my-deployment` apart. @param told `custom_llm_provider` */
export function namedModel(text: string, told: string | undefined): NamedModel {
  const slash = text.indexOf('/')
  const prefix = slash > 0 ? text.slice(0, slash) : undefined
  if (told !== undefined) {
    return { provider: told, model: prefix === told ? text.slice(slash + 1) : text }
  }
  if (prefix !== undefined) {
    const isKnown =
      Object.hasOwn(LITELLM_PROVIDERS, prefix) || Object.hasOwn(LITELLM_OTHERS, prefix)
    return isKnown || slash === text.lastIndexOf('/')
      ? { provider: prefix, model: text.slice(slash + 1) }
      : { provider: undefined, model: text }
  }
  return { provider: BARE.find(([pattern]) => pattern.test(text))?.[1], model: text }
}
