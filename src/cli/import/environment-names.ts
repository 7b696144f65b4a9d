// Names of variables that tools for models read, each with what it is for Weir. Data alone.

import type { ProviderForm } from './draft.ts'
import { LITELLM_PROVIDERS } from './litellm-providers.ts'

export interface KeyedProvider {
  readonly id: string
  readonly form: ProviderForm
  /** Of the key, the first that is set. */
  readonly key: readonly string[]
  /** Of the address. */
  readonly base: readonly string[]
}

const OWN: readonly KeyedProvider[] = [
  {
    id: 'openai',
    form: { type: 'openai' },
    key: ['OPENAI_API_KEY'],
    base: ['OPENAI_BASE_URL', 'OPENAI_API_BASE'],
  },
  {
    id: 'anthropic',
    form: { type: 'anthropic' },
    key: ['ANTHROPIC_API_KEY'],
    base: ['ANTHROPIC_BASE_URL', 'ANTHROPIC_API_BASE', 'ANTHROPIC_API_URL'],
  },
  {
    id: 'gemini',
    form: { type: 'gemini' },
    key: ['GEMINI_API_KEY', 'GOOGLE_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY'],
    base: ['GOOGLE_GEMINI_BASE_URL'],
  },
  {
    id: 'mistral',
    form: { type: 'mistral' },
    key: ['MISTRAL_API_KEY'],
    base: ['MISTRAL_API_BASE'],
  },
  {
    id: 'cohere',
    form: { type: 'cohere' },
    key: ['COHERE_API_KEY', 'CO_API_KEY'],
    base: ['CO_API_URL', 'COHERE_API_BASE'],
  },
  {
    id: 'openrouter',
    form: { type: 'openrouter' },
    key: ['OPENROUTER_API_KEY', 'OR_API_KEY'],
    base: ['OPENROUTER_API_BASE'],
  },
]

/** Spellings that tools beside LiteLLM use. */
const OTHER_SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  together_ai: ['TOGETHER_API_KEY', 'TOGETHER_AI_API_KEY'],
  perplexity: ['PERPLEXITY_API_KEY', 'PPLX_API_KEY'],
  huggingface: ['HF_TOKEN'],
  nvidia_nim: ['NVIDIA_API_KEY'],
  fireworks_ai: ['FIREWORKS_AI_API_KEY'],
}

const COMPATIBLE: readonly KeyedProvider[] = Object.entries(LITELLM_PROVIDERS).flatMap(
  ([id, { baseUrl, key }]) =>
    baseUrl === undefined || key === undefined
      ? []
      : [
          {
            id,
            form: { type: 'custom', base_url: baseUrl, compatible: 'openai' },
            key: [key, ...(OTHER_SPELLINGS[id] ?? [])],
            base: [],
          },
        ],
)

/** Providers that one key makes. */
export const KEYED: readonly KeyedProvider[] = [...OWN, ...COMPATIBLE]

const SAME = 'another variable that means the same is used'

/** Why a variable that is known stays behind, where nothing else was said of it. */
export const ENVIRONMENT_LEFT: Readonly<Record<string, readonly [note: string, way?: string]>> = {
  ...Object.fromEntries(
    KEYED.flatMap(({ base, key }) => [...key, ...base]).map((name) => [name, [SAME]]),
  ),
  ANTHROPIC_AUTH_TOKEN: ['is a login of a person or of a gateway', 'Use ANTHROPIC_API_KEY.'],
  AWS_ACCESS_KEY_ID: [
    'access keys lie in many an environment for other reasons',
    'Declare a bedrock provider with keys: ["${AWS_ACCESS_KEY_ID}:${AWS_SECRET_ACCESS_KEY}"].',
  ],
  AWS_SECRET_ACCESS_KEY: ['goes with AWS_ACCESS_KEY_ID'],
  AWS_SESSION_TOKEN: ['goes with AWS_ACCESS_KEY_ID'],
  AWS_REGION: ['there is no AWS_BEARER_TOKEN_BEDROCK'],
  AWS_DEFAULT_REGION: ['there is no AWS_BEARER_TOKEN_BEDROCK'],
  AWS_PROFILE: ['no profile is read'],
  GOOGLE_APPLICATION_CREDENTIALS: ['Google’s service accounts are not used', 'Use GEMINI_API_KEY.'],
  AZURE_TENANT_ID: ['a key is used, or the application is not whole'],
  AZURE_CLIENT_ID: ['a key is used, or the application is not whole'],
  AZURE_CLIENT_SECRET: ['a key is used, or the application is not whole'],
  AZURE_OPENAI_API_KEY: [SAME],
  AZURE_API_KEY: [SAME],
  AZURE_OPENAI_ENDPOINT: [SAME],
  AZURE_API_BASE: [SAME],
  AZURE_OPENAI_API_VERSION: ['there is no provider for it, or another variable says it'],
  OPENAI_API_VERSION: ['there is no provider for it, or another variable says it'],
  AZURE_API_VERSION: ['there is no provider for it, or another variable says it'],
  AZURE_OPENAI_DEPLOYMENT: ['there is no provider for it'],
  AZURE_OPENAI_DEPLOYMENT_NAME: ['there is no provider for it, or another variable says it'],
  AZURE_OPENAI_CHAT_DEPLOYMENT_NAME: ['there is no provider for it, or another variable says it'],
  OPENAI_ORG_ID: ['there is no key for it'],
  OPENAI_ORGANIZATION: ['there is no key for it'],
  OLLAMA_HOST: [SAME],
  OLLAMA_API_BASE: [SAME],
  OLLAMA_BASE_URL: [SAME],
  HTTPS_PROXY: [SAME],
  https_proxy: [SAME],
  ALL_PROXY: [SAME],
  all_proxy: [SAME],
  HTTP_PROXY: [SAME],
  http_proxy: [SAME],
  NO_PROXY: [SAME],
  no_proxy: [SAME],
  SSL_CERT_FILE: [SAME],
  REQUESTS_CA_BUNDLE: [SAME],
  CURL_CA_BUNDLE: [SAME],
  NODE_EXTRA_CA_CERTS: [SAME],
  NODE_TLS_REJECT_UNAUTHORIZED: [
    'certificates are verified',
    'Name your authority in network.ca_file.',
  ],
  LITELLM_MASTER_KEY: ['keys of clients are made here', 'Make keys with weir keys create.'],
  LITELLM_API_KEY: ['is a key for LiteLLM'],
  DATABASE_URL: ['is somebody’s database', 'Give Weir one of its own with storage.url.'],
  REDIS_URL: ['is somebody’s Redis', 'Set redis.url to "${REDIS_URL}" where it is meant for this.'],
  LANGCHAIN_API_KEY: ['LangSmith is not sent to'],
  LANGSMITH_API_KEY: ['LangSmith is not sent to'],
  LANGFUSE_PUBLIC_KEY: ['nothing is sent unless it is said', 'Set exports with type: langfuse.'],
  LANGFUSE_SECRET_KEY: ['nothing is sent unless it is said', 'Set exports with type: langfuse.'],
  LANGFUSE_HOST: ['nothing is sent unless it is said', 'Set exports with type: langfuse.'],
  OTEL_EXPORTER_OTLP_PROTOCOL: ['OTLP over HTTP alone'],
  OTEL_EXPORTER_OTLP_HEADERS: ['fields are said one by one', 'Set tracing.headers.'],
}

/** Variables of a process that concern models: of all others nothing is said. */
export const KNOWN_VARIABLES: ReadonlySet<string> = new Set([
  ...Object.keys(ENVIRONMENT_LEFT),
  'AWS_BEARER_TOKEN_BEDROCK',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
])
