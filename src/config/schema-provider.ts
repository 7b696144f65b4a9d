// The part of the schema table that describes one provider: where it is, what it is asked with, how long it may take, how much it is
// asked at once and when it is left alone. Apart from `schema-catalog.ts` only because of its length; the rules are the same.

import { DEFAULT_CIRCUIT, DEFAULT_CONTEXT, PROVIDER_TYPES } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import type { SectionNode, ValueOf } from './node.ts'
import { NETWORK } from './schema-network.ts'

const SECOND = 1_000
const HOUR = 3_600_000

const TIMEOUTS = {
  kind: 'section',
  doc: 'Deadlines of one attempt at this provider.',
  keys: {
    connect: {
      kind: 'duration',
      doc: 'Until the connection stands, TLS included.',
      default: LIMITS.connectTimeoutMs,
      min: 10,
      max: HOUR,
    },
    first_byte: {
      kind: 'duration',
      doc: 'Until the first byte of the answer. Slow models think before they speak.',
      default: LIMITS.firstByteTimeoutMs,
      min: 10,
      max: 24 * HOUR,
    },
    idle: {
      kind: 'duration',
      doc: 'Longest silence inside an answer.',
      default: LIMITS.idleTimeoutMs,
      min: 10,
      max: 24 * HOUR,
    },
    total: {
      kind: 'duration',
      doc: 'From sending until the last byte.',
      default: LIMITS.totalTimeoutMs,
      min: 10,
      max: 24 * HOUR,
    },
  },
} as const satisfies SectionNode

const RETRIES = {
  kind: 'section',
  doc: 'Repeats of a failed attempt before the next target is tried. Never after the first byte went to the client.',
  keys: {
    max: {
      kind: 'integer',
      doc: 'Repeats after the first attempt.',
      default: LIMITS.retriesMax,
      min: 0,
      max: LIMITS.attemptsMax - 1,
    },
    base: {
      kind: 'duration',
      doc: 'Longest wait before the first repeat; it doubles with each, with jitter.',
      default: LIMITS.retryBaseMs,
      min: 0,
      max: 60 * SECOND,
    },
    cap: {
      kind: 'duration',
      doc: 'Longest wait before any repeat.',
      default: LIMITS.retryCapMs,
      min: 0,
      max: 10 * 60 * SECOND,
    },
  },
} as const satisfies SectionNode

const CONTEXT = {
  kind: 'section',
  doc: 'Keeps local servers (`ollama`, `lmstudio`, `custom`) from cutting prompts without a word.',
  synonyms: { num_ctx: 'max_tokens', enabled: 'guard' },
  optional: true,
  keys: {
    guard: {
      kind: 'boolean',
      doc: 'Refuse a prompt that cannot fit, and ask Ollama for a context that fits (`num_ctx`) where the client does not. `false` also relays OpenAI requests to an Ollama as they are.',
      default: DEFAULT_CONTEXT.guard,
    },
    max_tokens: {
      kind: 'integer',
      unit: 'tokens',
      doc: "Largest context an Ollama is asked for; its memory grows with it. Never more than the model's own.",
      default: DEFAULT_CONTEXT.maxTokens,
      min: 2_048,
      max: 10_000_000,
    },
    reserve: {
      kind: 'integer',
      unit: 'tokens',
      doc: 'Room for an answer whose length the client does not limit.',
      default: DEFAULT_CONTEXT.reserveTokens,
      min: 128,
      max: 1_000_000,
    },
  },
} as const satisfies SectionNode

const CIRCUIT = {
  kind: 'section',
  doc: 'Leaves a target alone for a while after it has failed, so that requests go to others at once.',
  keys: {
    enabled: {
      kind: 'boolean',
      doc: '`false` always asks.',
      default: DEFAULT_CIRCUIT.enabled,
    },
    failures: {
      kind: 'integer',
      doc: 'Failures in a row after which it is left alone.',
      default: DEFAULT_CIRCUIT.failures,
      min: 1,
      max: 1_000,
    },
    error_rate: {
      kind: 'number',
      doc: 'Share of failures within `window` after which it is left alone.',
      default: DEFAULT_CIRCUIT.errorRate,
      min: 0.01,
      max: 1,
    },
    window: {
      kind: 'duration',
      doc: 'How far back `error_rate` looks.',
      default: DEFAULT_CIRCUIT.windowMs,
      min: SECOND,
      max: HOUR,
    },
    open: {
      kind: 'duration',
      doc: 'How long it is left alone at first; then one request tries it, and each failed try doubles the wait.',
      default: DEFAULT_CIRCUIT.openMs,
      min: 100,
      max: HOUR,
    },
    open_max: {
      kind: 'duration',
      doc: 'How long it is left alone at most.',
      absent:
        'a minute; for a server on this machine as long as `open`: whoever starts it need not wait',
      min: 100,
      max: 24 * HOUR,
    },
  },
} as const satisfies SectionNode

const CONCURRENCY = {
  kind: 'section',
  doc: 'Bounds the requests that run at this provider at once; keys of clients take turns in its queue.',
  optional: true,
  keys: {
    max: {
      kind: 'integer',
      doc: 'Requests that run at once.',
      required: true,
      min: 1,
      max: 100_000,
    },
    queue: {
      kind: 'integer',
      doc: 'Requests that may wait; beyond it they are refused, or go to another target.',
      default: LIMITS.providerQueueMax,
      min: 0,
      max: 100_000,
    },
    queue_timeout: {
      kind: 'duration',
      doc: 'Longest wait.',
      default: LIMITS.queueTimeoutMs,
      min: 0,
      max: HOUR,
    },
  },
} as const satisfies SectionNode

const CHECK = {
  kind: 'section',
  doc: 'Asks the provider now and then whether it is well. Off unless it is here: paid providers count every request.',
  optional: true,
  keys: {
    interval: {
      kind: 'duration',
      doc: 'How often.',
      default: LIMITS.checkIntervalMs,
      min: SECOND,
      max: 24 * HOUR,
    },
    model: {
      kind: 'text',
      format: 'model-id',
      doc: 'Model to be asked for one token.',
      absent: 'the model list is asked for, which is free',
      maxChars: 300,
    },
  },
} as const satisfies SectionNode

const ENTRA = {
  kind: 'section',
  doc: 'An application of Microsoft Entra ID that stands in for keys (client credentials): a secret, or a certificate. For `azure`.',
  optional: true,
  synonyms: { tenant_id: 'tenant', client: 'client_id', secret: 'client_secret', region: 'cloud' },
  keys: {
    tenant: {
      kind: 'text',
      format: 'id',
      doc: 'Directory (tenant) id or its domain.',
      required: true,
      maxChars: 200,
    },
    client_id: {
      kind: 'text',
      format: 'id',
      doc: 'Application (client) id.',
      required: true,
      maxChars: 200,
    },
    client_secret: {
      kind: 'text',
      format: 'header-value',
      doc: "The application's secret.",
      secret: true,
      maxChars: 4_096,
    },
    cert_file: {
      kind: 'text',
      format: 'file',
      doc: "PEM file of the application's certificate, instead of a secret.",
    },
    key_file: {
      kind: 'text',
      format: 'file',
      doc: "PEM file of the certificate's private key.",
      absent: 'the key is in `cert_file`',
    },
    key_passphrase: {
      kind: 'text',
      format: 'header-value',
      doc: 'Opens an encrypted private key.',
      secret: true,
      maxChars: 4_096,
    },
    cloud: {
      kind: 'choice',
      doc: "Which of Azure's clouds.",
      values: ['public', 'us_government', 'china'],
      default: 'public',
    },
    authority: {
      kind: 'text',
      format: 'base-url',
      doc: 'Address of the token service, for private clouds.',
      absent: "the cloud's own",
    },
    management: {
      kind: 'text',
      format: 'base-url',
      doc: 'Address of the management API, for private clouds.',
      absent: "the cloud's own",
    },
    scope: {
      kind: 'text',
      format: 'header-value',
      doc: 'Scope that tokens are asked for.',
      absent: "that of the cloud's Azure OpenAI",
      maxChars: 500,
    },
  },
} as const satisfies SectionNode

export const PROVIDER = {
  kind: 'section',
  doc: 'One upstream.',
  synonyms: { api_key: 'keys', key: 'keys', url: 'base_url', endpoint: 'base_url', name: 'id' },
  keys: {
    id: {
      kind: 'text',
      format: 'id',
      doc: 'Name of the provider, as used in targets and in `provider/model`.',
      required: true,
      maxChars: 64,
    },
    type: {
      kind: 'choice',
      doc: 'What it is; `custom` is any server with an API compatible to OpenAI or Anthropic.',
      required: true,
      values: PROVIDER_TYPES,
    },
    base_url: {
      kind: 'text',
      format: 'base-url',
      doc: 'Where its API begins. Required for `azure`, `bedrock`, `nemo` and `custom`.',
      absent: "the type's own",
    },
    compatible: {
      kind: 'choice',
      doc: 'What a `custom` provider speaks; required there, refused elsewhere.',
      values: ['openai', 'anthropic'],
    },
    api_version: {
      kind: 'text',
      format: 'header-value',
      doc: "Azure's `api-version`. Absent: the newer `/openai/v1` paths.",
      maxChars: 64,
    },
    region: {
      kind: 'text',
      format: 'aws-region',
      doc: 'AWS region that requests to `bedrock` are signed for with an access key.',
      absent: 'the one in `base_url`',
    },
    config_id: {
      kind: 'text',
      format: 'header-value',
      doc: 'Which of its configurations a `nemo` server uses for targets whose model names none (`model@configuration`).',
      absent: "the server's default",
      maxChars: 200,
    },
    keys: {
      kind: 'list',
      doc: 'API keys; several are used in turn. A local server needs none. For `bedrock` also an access key, as `ACCESS_KEY_ID:SECRET_ACCESS_KEY` or, with temporary credentials, `ACCESS_KEY_ID:SECRET_ACCESS_KEY:SESSION_TOKEN`.',
      item: {
        kind: 'text',
        format: 'header-value',
        doc: 'An API key.',
        secret: true,
        maxChars: 8_192,
      },
    },
    draining_keys: {
      kind: 'list',
      doc: 'API keys on their way out: used only while no other is fit, so that a key can be replaced without a failed request.',
      item: {
        kind: 'text',
        format: 'header-value',
        doc: 'An API key.',
        secret: true,
        maxChars: 8_192,
      },
    },
    key_strategy: {
      kind: 'choice',
      doc: 'Which key comes next: each in turn, the first that is fit, the one with the fewest requests running, or the one with most left of what the provider allows (`x-ratelimit-remaining-*`).',
      values: ['round_robin', 'order', 'least_used', 'remaining'],
      default: 'round_robin',
    },
    entra: ENTRA,
    timeouts: TIMEOUTS,
    retries: RETRIES,
    circuit: CIRCUIT,
    concurrency: CONCURRENCY,
    check: CHECK,
    network: NETWORK,
    context: CONTEXT,
    headers: {
      kind: 'map',
      format: 'header-value',
      doc: 'Header fields sent with every request to it.',
      secret: true,
    },
  },
} as const satisfies SectionNode

export type ProviderSettings = ValueOf<typeof PROVIDER>
