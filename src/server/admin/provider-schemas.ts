// What a provider is in the management API: the settings that somebody may give, each with the bounds that the configuration file has for it,
// and what is shown. Files of this machine have no member here: they are the file's alone. Secrets go in and never come out.

import { type Static } from 'elysia'
import {
  DEFAULT_CIRCUIT,
  DEFAULT_CONTEXT,
  PROVIDER_TYPES,
  type KeyStrategy,
} from '../../core/catalog.ts'
import { LIMITS } from '../../core/limits.ts'
import { moment, nullable, oneOf, strict, t } from './contract.ts'

const SECOND = 1_000
const HOUR = 3_600_000

/** In place of a secret that is there: sent back, it stays as it is. */
export const KEPT = '***'

function ms(minimum: number, maximum: number, standardMs: number, description: string) {
  return t.Optional(t.Integer({ minimum, maximum, default: standardMs, description }))
}

function count(minimum: number, maximum: number, standard: number, description: string) {
  return t.Optional(t.Integer({ minimum, maximum, default: standard, description }))
}

function text(maxLength: number, description: string, options: object = {}) {
  return t.Optional(nullable(t.String({ minLength: 1, maxLength, description, ...options })))
}

function truth(description: string) {
  return t.Optional(nullable(t.Boolean({ description })))
}

const TIMEOUTS = strict({
  connect_ms: ms(10, HOUR, LIMITS.connectTimeoutMs, 'Until the connection stands, TLS included.'),
  first_byte_ms: ms(
    10,
    24 * HOUR,
    LIMITS.firstByteTimeoutMs,
    'Until the first byte of the answer. Slow models think before they speak.',
  ),
  idle_ms: ms(10, 24 * HOUR, LIMITS.idleTimeoutMs, 'Longest silence inside an answer.'),
  total_ms: ms(10, 24 * HOUR, LIMITS.totalTimeoutMs, 'From sending until the last byte.'),
})

const RETRIES = strict({
  max: count(0, LIMITS.attemptsMax - 1, LIMITS.retriesMax, 'Repeats after the first attempt.'),
  base_ms: ms(0, 60 * SECOND, LIMITS.retryBaseMs, 'Longest wait before the first repeat.'),
  cap_ms: ms(0, 600 * SECOND, LIMITS.retryCapMs, 'Longest wait before any repeat.'),
})

const CIRCUIT = strict({
  enabled: t.Optional(t.Boolean({ default: DEFAULT_CIRCUIT.enabled })),
  failures: count(1, 1_000, DEFAULT_CIRCUIT.failures, 'Failures in a row that open it.'),
  error_rate: t.Optional(
    t.Number({
      minimum: 0.01,
      maximum: 1,
      default: DEFAULT_CIRCUIT.errorRate,
      description: 'Share of failures within the window that opens it.',
    }),
  ),
  window_ms: ms(SECOND, HOUR, DEFAULT_CIRCUIT.windowMs, 'How far back error_rate looks.'),
  open_ms: ms(100, HOUR, DEFAULT_CIRCUIT.openMs, 'How long it stays open at first.'),
  open_max_ms: t.Optional(
    nullable(
      t.Integer({
        minimum: 100,
        maximum: 24 * HOUR,
        description: 'How long it stays open at most.',
      }),
    ),
  ),
})

const CONCURRENCY = strict({
  max: t.Integer({ minimum: 1, maximum: 100_000, description: 'Requests that run at once.' }),
  queue: count(0, 100_000, LIMITS.providerQueueMax, 'Requests that may wait.'),
  queue_timeout_ms: ms(0, HOUR, LIMITS.queueTimeoutMs, 'Longest wait.'),
})

const CHECK = strict({
  interval_ms: ms(SECOND, 24 * HOUR, LIMITS.checkIntervalMs, 'How often it is asked.'),
  model: text(300, 'Asked for one token; null: the model list is asked for, which is free.'),
})

const CONTEXT = strict({
  guard: t.Optional(
    t.Boolean({
      default: DEFAULT_CONTEXT.guard,
      description: 'Refuse prompts that cannot fit, and ask Ollama for a context that fits.',
    }),
  ),
  max_tokens: count(
    2_048,
    10_000_000,
    DEFAULT_CONTEXT.maxTokens,
    'Largest context an Ollama is asked for; its memory grows with it.',
  ),
  reserve: count(
    128,
    1_000_000,
    DEFAULT_CONTEXT.reserveTokens,
    'Tokens of room for an answer whose length the client does not limit.',
  ),
})

const PEM = { maxLength: LIMITS.pemCharsMax, minLength: 1 }

const NETWORK = strict({
  proxy: text(
    4_096,
    'Forward proxy: http://user:password@host:port. The password is shown as ***.',
  ),
  no_proxy: t.Optional(
    nullable(
      t.Array(t.String({ minLength: 1, maxLength: 255 }), { maxItems: LIMITS.adminListItemsMax }),
    ),
  ),
  ca: t.Optional(
    nullable(
      t.String({ ...PEM, description: 'PEM of authorities trusted beside the usual ones.' }),
    ),
  ),
  cert: t.Optional(
    nullable(t.String({ ...PEM, description: 'PEM of a client certificate; needs key.' })),
  ),
  key: t.Optional(nullable(t.String({ ...PEM, description: 'PEM of its key; shown as ***.' }))),
  key_passphrase: text(4_096, 'Opens an encrypted key; shown as ***.'),
  verify: truth(
    'false accepts any certificate, so that whoever is on the way reads keys and prompts.',
  ),
  min_tls_version: t.Optional(nullable(oneOf(['1.2', '1.3']))),
  allow_private: truth(
    'Whether loopback and private addresses may be connected to. true takes rights over the whole installation.',
  ),
})

const ENTRA = strict({
  tenant: t.String({ minLength: 1, maxLength: 200, description: 'Directory id or its domain.' }),
  client_id: t.String({ minLength: 1, maxLength: 200 }),
  client_secret: text(4_096, 'The secret of the application; shown as ***.'),
  cloud: t.Optional(oneOf(['public', 'us_government', 'china'], { default: 'public' })),
  authority: text(2_048, 'Address of the token service, for private clouds.'),
  management: text(2_048, 'Address of the management API, for private clouds.'),
  scope: text(500, 'Scope that tokens are asked for.'),
})

const KEY_STRATEGIES = [
  'round_robin',
  'order',
  'least_used',
  'remaining',
] as const satisfies readonly KeyStrategy[]

/** Everything of a provider that can be set but its name, type and keys; null stands for what holds where nothing is said. */
export const SETTINGS = {
  base_url: text(2_048, 'Where its API begins; null: the type’s own.'),
  compatible: t.Optional(
    nullable(oneOf(['openai', 'anthropic']), { description: 'What a custom provider speaks.' }),
  ),
  api_version: text(64, 'Azure’s api-version; null: the newer /openai/v1 paths.', {
    pattern: '^[A-Za-z0-9._-]+$',
  }),
  region: text(64, 'AWS region that requests are signed for.'),
  config_id: text(
    200,
    'Which of its configurations a NeMo Guardrails server uses for models that name none; null: its default.',
  ),
  key_strategy: t.Optional(
    nullable(oneOf(KEY_STRATEGIES, { default: 'round_robin' }), {
      description: 'Which key comes next.',
    }),
  ),
  timeouts: t.Optional(nullable(TIMEOUTS)),
  retries: t.Optional(nullable(RETRIES)),
  circuit: t.Optional(nullable(CIRCUIT)),
  concurrency: t.Optional(nullable(CONCURRENCY)),
  check: t.Optional(nullable(CHECK)),
  context: t.Optional(nullable(CONTEXT)),
  network: t.Optional(nullable(NETWORK)),
  headers: t.Optional(
    nullable(t.Record(t.String(), t.String({ minLength: 1, maxLength: 8_192 })), {
      description: 'Fields sent with every request; values are shown as ***.',
    }),
  ),
  entra: t.Optional(
    nullable(ENTRA, { description: 'An application of Entra ID in place of keys, for azure.' }),
  ),
}

export const ID = t.String({
  minLength: 1,
  maxLength: 64,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  wanted: 'Must be letters, digits, ".", "_" and "-" only, 64 at most.',
})

export const SECRET_KEY = t.String({ minLength: 1, maxLength: 8_192, writeOnly: true })

const KEYS = t.Optional(
  t.Array(SECRET_KEY, {
    maxItems: LIMITS.providerKeysMax,
    description: 'API keys in clear, in place of all it has. Left out, they stay.',
  }),
)

const TYPE = oneOf(PROVIDER_TYPES)

/** A provider to be made, or tried. */
export const NewProviderSchema = strict({ id: ID, type: TYPE, keys: KEYS, ...SETTINGS })

/** A provider that is not saved. */
export const DraftSchema = strict({
  id: t.Optional(ID),
  type: TYPE,
  keys: KEYS,
  ...SETTINGS,
  model: t.Optional(
    t.String({
      minLength: 1,
      maxLength: 300,
      description: 'The provider’s own name of a model to be asked for a few tokens, which costs.',
    }),
  ),
})

/** All of its settings: what is left out is as if nothing had been said. */
export const WholeProviderSchema = strict({ type: t.Optional(TYPE), keys: KEYS, ...SETTINGS })

const whole = WholeProviderSchema.properties

/** Some of its settings: sections are joined to what there is, null takes away. */
export const ProviderChangeSchema = strict({
  ...whole,
  timeouts: t.Optional(nullable(loose(TIMEOUTS))),
  retries: t.Optional(nullable(loose(RETRIES))),
  circuit: t.Optional(nullable(loose(CIRCUIT))),
  concurrency: t.Optional(nullable(loose(CONCURRENCY))),
  check: t.Optional(nullable(loose(CHECK))),
  context: t.Optional(nullable(loose(CONTEXT))),
  network: t.Optional(nullable(loose(NETWORK))),
  headers: t.Optional(
    nullable(t.Record(t.String(), nullable(t.String({ minLength: 1, maxLength: 8_192 })))),
  ),
  entra: t.Optional(nullable(loose(ENTRA))),
})

/** What a try of a saved provider takes: changes that are tried and not kept, and a model. */
export const TrySchema = strict({
  ...ProviderChangeSchema.properties,
  model: DraftSchema.properties.model,
})

/** The section with every member optional; null takes the member away. */
function loose<S extends ReturnType<typeof strict>>(section: S): ReturnType<typeof strict> {
  const members = Object.entries(section.properties).map(([name, schema]) => [
    name,
    t.Optional(nullable(schema)),
  ])
  return strict(Object.fromEntries(members) as Parameters<typeof strict>[0])
}

export type WholeProvider = Static<typeof WholeProviderSchema>

export const ProviderKeySchema = t.Object(
  {
    id: t.String(),
    last_four: t.String({ description: 'Empty for a key so short that it would tell too much.' }),
    state: oneOf(['fit', 'limited', 'refused', 'draining']),
    reason: nullable(t.String(), { description: 'Why it rests.' }),
    draining: t.Boolean({ description: 'On its way out: used while no other is fit.' }),
    free_in_ms: t.Integer({ description: 'Until it is used again; 0 unless it rests.' }),
    running: t.Integer(),
    used: t.Integer({ description: 'Requests of this process since it started.' }),
    failed: t.Integer({ description: 'Those that the provider refused or limited.' }),
    remaining: nullable(t.Number(), { description: 'Share of its limits that is left.' }),
    created: nullable(moment()),
  },
  { $id: 'ProviderKey' },
)

export const HEALTH_STATES = [
  'healthy',
  'key_resting',
  'circuit_open',
  'no_key',
  'refused',
  'unreachable',
  'unknown',
] as const

const HealthSchema = t.Object({
  state: oneOf(HEALTH_STATES),
  reason: nullable(t.String(), { description: 'In words, where it is not healthy.' }),
  models: nullable(t.Integer(), { description: 'It listed; null before its first answer.' }),
  listed_at: nullable(moment()),
  keys_resting: t.Integer(),
  circuits_open: t.Integer(),
  running: t.Integer(),
})

export const UseSchema = t.Object({
  model: t.String({ description: 'An alias that leads to it.' }),
  targets: t.Integer({ description: 'Of its targets, those at this provider.' }),
  is_only: t.Boolean({
    description: 'It has no other target: without the provider it answers nobody.',
  }),
})

export const ProviderSchema = t.Object(
  {
    id: t.String(),
    tenant: nullable(t.String(), { description: 'Null for one that every tenant sees.' }),
    type: TYPE,
    origin: oneOf(['file', 'environment', 'store', 'built-in']),
    read_only: nullable(t.String(), { description: 'Why it cannot be changed here.' }),
    base_url: nullable(t.String()),
    compatible: nullable(t.String()),
    api_version: nullable(t.String()),
    region: nullable(t.String()),
    config_id: nullable(t.String()),
    key_strategy: nullable(t.String()),
    timeouts: nullable(t.Required(TIMEOUTS)),
    retries: nullable(t.Required(RETRIES)),
    circuit: nullable(t.Required(CIRCUIT)),
    concurrency: nullable(t.Required(CONCURRENCY)),
    check: nullable(t.Required(CHECK)),
    context: nullable(t.Required(CONTEXT)),
    network: nullable(t.Required(NETWORK)),
    headers: nullable(t.Record(t.String(), t.String()), { description: 'Names; values are ***.' }),
    entra: nullable(t.Required(ENTRA)),
    keys: nullable(t.Array(ProviderKeySchema), {
      description: 'Null for whoever may not see them, and for those of the installation.',
    }),
    warnings: t.Array(t.String()),
    health: HealthSchema,
    used_by: t.Array(UseSchema),
  },
  {
    $id: 'Provider',
    description: 'A provider; settings are null where they are the installation’s.',
  },
)
