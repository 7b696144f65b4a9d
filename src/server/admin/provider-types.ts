// The types of providers there are, told so that a form can be made of it: where each has its API, what it has to be asked with and what it
// can do. It follows from the registry of kinds; nothing of it is written down twice but the words.

import type { Provider, ProviderType } from '../../core/catalog.ts'
import type { JsonObject } from '../../core/json.ts'
import { OPERATIONS } from '../../dialects/dialect.ts'
import { type ProviderKind, RELAYED_OPERATIONS } from '../../providers/provider.ts'
import { providerKind } from '../../providers/registry.ts'

interface Words {
  readonly title: string
  /** Where a key is made, or what has to run. */
  readonly hint: string
  /** How an address looks, where it has to be given. */
  readonly example?: string
}

const WORDS: Readonly<Record<ProviderType, Words>> = {
  openai: { title: 'OpenAI', hint: 'Keys: platform.openai.com/api-keys' },
  anthropic: { title: 'Anthropic', hint: 'Keys: platform.claude.com/settings/keys' },
  azure: {
    title: 'Azure OpenAI',
    hint: 'Address and key: the resource in the Azure portal, under “Keys and Endpoint”.',
    example: 'https://NAME.openai.azure.com',
  },
  gemini: { title: 'Google Gemini', hint: 'Keys: aistudio.google.com/apikey' },
  mistral: { title: 'Mistral', hint: 'Keys: admin.mistral.ai/organization/api-keys' },
  cohere: { title: 'Cohere', hint: 'Keys: dashboard.cohere.com/api-keys' },
  openrouter: { title: 'OpenRouter', hint: 'Keys: openrouter.ai/settings/keys' },
  bedrock: {
    title: 'Amazon Bedrock',
    hint: 'A Bedrock API key, or ACCESS_KEY_ID:SECRET_ACCESS_KEY.',
    example: 'https://bedrock-runtime.eu-central-1.amazonaws.com',
  },
  ollama: { title: 'Ollama', hint: 'Runs models on a machine of yours; no key is needed.' },
  lmstudio: { title: 'LM Studio', hint: 'Start its server under “Developer”; no key is needed.' },
  nemo: {
    title: 'NVIDIA NeMo Guardrails',
    hint: 'Start its server; it asks the models of its configurations. No key is needed.',
    example: 'http://127.0.0.1:8000',
  },
  custom: {
    title: 'Another server',
    hint: 'Any server with an API compatible to OpenAI or Anthropic: vLLM, LiteLLM, Groq, Together …',
    example: 'https://host.example/v1',
  },
  mock: { title: 'Mock', hint: 'Answers by itself, for tests and first tries.' },
}

/** Every type this version knows, in the order people look for them. */
export function providerTypes(): JsonObject[] {
  return (Object.keys(WORDS) as ProviderType[]).flatMap((type) => {
    const kind = providerKind(type)
    return kind === undefined ? [] : [typeJson(type, kind)]
  })
}

function typeJson(type: ProviderType, kind: ProviderKind): JsonObject {
  const { defaultBaseUrl, needsKey } = kind
  const { example, hint, title } = WORDS[type]
  return {
    type,
    title,
    hint,
    default_base_url: defaultBaseUrl ?? null,
    needs_key: needsKey,
    lists_models: kind.models !== undefined,
    capabilities: capabilitiesOf(type, kind),
    fields: fieldsOf(type, { needsBaseUrl: defaultBaseUrl === undefined, needsKey, example }),
  }
}

/** A provider of which nothing is said but the type, to ask its kind about. */
function plainProvider(type: ProviderType, kind: ProviderKind): Provider {
  const zero = { connectMs: 1, firstByteMs: 1, idleMs: 1, totalMs: 1 }
  return {
    id: type,
    type,
    origin: 'store',
    baseUrl: kind.defaultBaseUrl ?? 'https://provider.invalid',
    ...(type === 'custom' ? { compatible: 'openai' } : {}),
    keys: [],
    timeouts: zero,
    retries: { max: 0, baseMs: 0, capMs: 0 },
    network: {},
    headers: {},
  }
}

function capabilitiesOf(type: ProviderType, kind: ProviderKind): string[] {
  const provider = plainProvider(type, kind)
  return [
    ...OPERATIONS.filter((operation) => kind.dialects(provider, operation).length > 0),
    ...RELAYED_OPERATIONS.filter((operation) => {
      const item = operation === 'file' || operation === 'batch' ? {} : { model: 'model' }
      return kind.relayed?.({ provider, operation, ...item }) !== undefined
    }),
  ]
}

interface Needs {
  readonly needsBaseUrl: boolean
  readonly needsKey: boolean
  readonly example: string | undefined
}

/** What a form has to ask for, the members of `POST /admin/providers` by name; everything else has a good default. */
function fieldsOf(type: ProviderType, { example, needsBaseUrl, needsKey }: Needs): JsonObject[] {
  if (type === 'mock') return []
  const field = (name: string, label: string, kind: string, over: JsonObject = {}): JsonObject => ({
    name,
    label,
    kind,
    required: false,
    choices: null,
    example: null,
    doc: null,
    ...over,
  })
  return [
    field('base_url', 'Base URL', 'url', {
      required: needsBaseUrl,
      ...(example === undefined ? {} : { example }),
    }),
    ...(type === 'custom'
      ? [
          field('compatible', 'Speaks', 'choice', {
            required: true,
            choices: ['openai', 'anthropic'],
          }),
        ]
      : []),
    ...(type === 'azure'
      ? [
          field('api_version', 'API version', 'text', {
            example: '2024-10-21',
            doc: 'Left out: the newer /openai/v1 paths.',
          }),
        ]
      : []),
    ...(type === 'bedrock'
      ? [
          field('region', 'Region', 'text', {
            example: 'eu-central-1',
            doc: 'Left out: the one in the address.',
          }),
        ]
      : []),
    ...(type === 'nemo'
      ? [
          field('config_id', 'Configuration', 'text', {
            doc: 'For models that name none (model@configuration). Left out: its default.',
          }),
        ]
      : []),
    field('keys', needsKey ? 'API key' : 'API key, if it wants one', 'secret', {
      // An application of Entra ID stands in for keys.
      required: needsKey && type !== 'azure',
    }),
    ...(type === 'azure'
      ? [
          field('entra', 'Entra ID application', 'entra', {
            doc: 'In place of keys: directory, application and its secret.',
          }),
        ]
      : []),
  ]
}
