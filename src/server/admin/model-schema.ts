// The schemas of models, their targets and mappings, as the management API takes and gives them: the members of `models` in `weir.yaml`,
// and beside them what is known now. Words alone; what they mean is decided by the configuration's own rules.

import { moment, nullable, oneOf, strict, t } from './contract.ts'

const ID_CHARS_MAX = 200
const NAME_CHARS_MAX = 300
const LIST_ITEMS_MAX = 100
const TARGETS_MAX = 100

function tokens(options: object = {}) {
  return t.Integer({ minimum: 1, maximum: 1e9, ...options })
}

function usd(description: string) {
  return t.Optional(nullable(t.Number({ minimum: 0, maximum: 1e6, description })))
}

const prices = {
  input: usd('Uncached input; US dollars per million tokens, as all of these.'),
  output: usd('Output.'),
  cache_read: usd('Input read from a cache.'),
  cache_write: usd('Input written to a cache for five minutes.'),
  cache_write_1h: usd('Input written to a cache for an hour.'),
  reasoning: usd('Reasoning; absent: that of output.'),
  input_audio: usd('Audio in the prompt.'),
  output_audio: usd('Audio in the answer.'),
  request: t.Optional(
    nullable(
      t.Number({
        minimum: 0,
        maximum: 1_000,
        description: 'US dollars for each request, besides its tokens.',
      }),
    ),
  ),
}

function yesOrNo(description: string) {
  return t.Optional(nullable(t.Boolean({ description })))
}

const AbilitiesSchema = strict({
  vision: yesOrNo('Takes pictures.'),
  tools: yesOrNo('Calls tools.'),
  json_schema: yesOrNo('Answers by a JSON Schema.'),
  chat: yesOrNo('Chats; false for a model that only completes.'),
  prefill: yesOrNo('Goes on from the beginning of an answer.'),
  context_window: t.Optional(nullable(tokens({ description: 'Prompt and answer together.' }))),
})

const target = {
  provider: t.String({ minLength: 1, maxLength: NAME_CHARS_MAX, description: 'Id of a provider.' }),
  model: t.String({
    minLength: 1,
    maxLength: NAME_CHARS_MAX,
    description: "The provider's own name of the model.",
  }),
  order: t.Optional(
    t.Integer({ minimum: 0, maximum: 1_000, description: 'Lower is tried first; 0 unless given.' }),
  ),
  weight: t.Optional(
    t.Number({
      minimum: 0,
      maximum: 1e6,
      description: 'Share among targets of the same order; 1 unless given.',
    }),
  ),
  tags: t.Optional(
    t.Array(t.String({ minLength: 1, maxLength: 64 }), {
      maxItems: LIST_ITEMS_MAX,
      description: 'Words a request may ask for in `x-weir-tags`.',
    }),
  ),
  abilities: t.Optional(
    nullable(AbilitiesSchema, {
      description: 'What it can do, where that is known better here than by the provider.',
    }),
  ),
  overrides: t.Optional(
    nullable(
      t.Record(t.String({ maxLength: 100 }), t.Unknown(), {
        maxProperties: LIST_ITEMS_MAX,
        description:
          "Request members in place of the client's, by OpenAI's names; null takes one away.",
      }),
    ),
  ),
}

function names(description: string) {
  return t.Optional(
    nullable(
      t.Array(t.String({ minLength: 1, maxLength: NAME_CHARS_MAX }), {
        maxItems: LIST_ITEMS_MAX,
        description,
      }),
    ),
  )
}

const STRATEGIES = ['weighted', 'order', 'round_robin', 'least_busy', 'latency', 'cost'] as const

const RoutingSchema = strict({
  strategy: t.Optional(
    oneOf(STRATEGIES, { description: 'How targets of the same order share requests.' }),
  ),
  sticky: t.Optional(
    nullable(oneOf(['key', 'user', 'session']), {
      description: 'Whose requests stay at the same target; null: nobody’s.',
    }),
  ),
  fallbacks: t.Optional(
    strict(
      {
        rate_limited: names('The provider limits requests.'),
        timed_out: names('No answer in time.'),
        context_length: names('The prompt is too long.'),
        content_filter: names("The provider's content rules refused it."),
        failed: names("Anything else that is the provider's fault."),
        any: names('Any of these that has no list of its own, but not `content_filter`.'),
      },
      { description: 'Models asked in turn when no target of this one answered, by cause.' },
    ),
  ),
  retry_refused: t.Optional(
    t.Boolean({ description: 'Puts a prompt that content rules refused to the next target.' }),
  ),
  hedge_after: t.Optional(
    nullable(
      t.String({
        maxLength: 20,
        description: 'As `800ms` or `2s`: asks the next target too when nothing came for so long.',
      }),
    ),
  ),
  continuation: t.Optional(
    t.Boolean({ description: 'Has another target continue an answer that broke off.' }),
  ),
})

const CACHE_MODES = ['off', 'exact', 'semantic'] as const

const declared = {
  targets: t.Array(strict(target), {
    minItems: 1,
    maxItems: TARGETS_MAX,
    description: 'Who answers: the lowest `order` first, equal orders by `routing.strategy`.',
  }),
  defaults: t.Optional(
    t.Record(t.String({ maxLength: 100 }), t.Unknown(), {
      maxProperties: LIST_ITEMS_MAX,
      description: "Request members set where the client gave none, by OpenAI's names.",
    }),
  ),
  routing: t.Optional(nullable(RoutingSchema)),
  losses: t.Optional(
    oneOf(['report', 'reject'], {
      description: 'What to do when the provider cannot express a part of a request.',
    }),
  ),
  context_window: t.Optional(nullable(tokens({ description: 'Shown in the model lists.' }))),
  price: t.Optional(
    nullable(strict(prices), {
      description: 'In place of the built-in price; absent parts are unknown, not free.',
    }),
  ),
  price_changes: t.Optional(
    nullable(
      t.Array(strict({ from: moment(), ...prices }), {
        maxItems: LIST_ITEMS_MAX,
        description: 'Prices that take the place of `price` from a moment on, the earliest first.',
      }),
    ),
  ),
  access: t.Optional(
    nullable(
      t.Array(t.String({ minLength: 1, maxLength: NAME_CHARS_MAX }), {
        maxItems: LIST_ITEMS_MAX,
        description:
          '`group:`, `team:`, `user:`, `service:` or `key:` with a name, or `everyone`; null: everyone in the tenant.',
      }),
    ),
  ),
  cache: t.Optional(
    nullable(oneOf(CACHE_MODES), {
      description: 'Whether answers are kept, where the response cache is on; null: as all others.',
    }),
  ),
  cache_ttl: t.Optional(
    nullable(t.String({ maxLength: 20, description: 'As `10m` or `24h`: how long.' })),
  ),
}

const modelId = t.String({
  minLength: 1,
  maxLength: ID_CHARS_MAX,
  description: 'The name clients ask for. It may hold slashes: escape them in paths.',
})

/** To make one: the members of `models` in `weir.yaml`. */
export const NewModelSchema = strict({ id: modelId, ...declared }, { $id: 'NewModel' })

/** In place of all that is there. */
export const ModelBodySchema = strict(
  { id: t.Optional(modelId), ...declared },
  { $id: 'ModelBody' },
)

/** What is given replaces what is there; null takes it away. */
export const ModelChangeSchema = strict(
  { ...declared, targets: t.Optional(declared.targets) },
  { $id: 'ModelChange' },
)

const Price = t.Object(
  {
    ...prices,
    steps: t.Optional(
      t.Array(t.Object({ above_input_tokens: t.Integer(), ...prices }), {
        description: 'Prices of the whole request once its input is longer than this.',
      }),
    ),
  },
  { $id: 'ModelPrice' },
)

const STATES = ['available', 'gone', 'retired'] as const

const TargetShown = t.Object(
  {
    provider: t.String(),
    model: t.String(),
    order: t.Integer(),
    weight: t.Number(),
    tags: t.Array(t.String()),
    abilities: nullable(AbilitiesSchema),
    overrides: t.Record(t.String(), t.Unknown()),
    state: nullable(oneOf(STATES), {
      description: 'What became of it at the provider; null where that was never listed.',
    }),
    provider_state: oneOf(['usable', 'no_key', 'missing'], {
      description: 'Whether the provider is there, and has what it needs to be asked.',
    }),
    context_window: nullable(t.Integer()),
    capabilities: nullable(t.Array(t.String())),
    price: nullable(Price, { description: 'The one that is charged; null where none is known.' }),
  },
  { $id: 'Target' },
)

const Status = t.Object(
  {
    state: oneOf(STATES),
    base_model: nullable(t.String()),
    version: nullable(t.String()),
    status: nullable(t.String(), { description: "The provider's own word." }),
    retires: nullable(moment()),
    first_seen: nullable(moment()),
    last_seen: nullable(moment()),
    gone_since: nullable(moment()),
  },
  { $id: 'ModelStatus' },
)

/** One as it is shown. */
export const ModelSchema = t.Object(
  {
    id: t.String(),
    kind: oneOf(['alias', 'direct'], {
      description: '`direct`: a model of one provider, asked for as `provider/model`.',
    }),
    origin: oneOf(['file', 'environment', 'store', 'built-in', 'provider']),
    tenant: nullable(t.String(), { description: 'The only one that sees it; null: every tenant.' }),
    read_only: nullable(t.String(), { description: 'Why it cannot be changed here.' }),
    targets: t.Array(TargetShown),
    defaults: t.Record(t.String(), t.Unknown()),
    routing: nullable(RoutingSchema),
    losses: oneOf(['report', 'reject']),
    context_window: nullable(t.Integer()),
    price: nullable(Price),
    price_changes: nullable(t.Array(t.Object({ from: moment(), ...prices }))),
    access: nullable(t.Array(t.String())),
    cache: nullable(oneOf(CACHE_MODES)),
    cache_ttl: nullable(t.String()),
    status: nullable(Status, { description: 'Of a direct model, what its provider says of it.' }),
    problems: t.Array(t.String(), { description: 'What keeps it from answering, in words.' }),
  },
  { $id: 'Model' },
)

const MappingConfig = strict(
  {
    weight: target.weight,
    tags: target.tags,
    abilities: target.abilities,
    overrides: target.overrides,
  },
  { description: 'What else is said of the target.' },
)

const mapping = {
  alias_name: modelId,
  provider_id: target.provider,
  provider_model_name: target.model,
  order_index: t.Optional(
    t.Integer({
      minimum: 0,
      maximum: 1_000,
      description: 'Lower is tried first; unless given, behind those there are.',
    }),
  ),
  is_default: t.Optional(
    t.Boolean({ description: 'True puts it in front of the others of its alias.' }),
  ),
  config: t.Optional(nullable(MappingConfig)),
}

/** One target of an alias, as one row. */
export const NewMappingSchema = strict(mapping, { $id: 'NewMapping' })

/** What of a mapping can be changed. */
export const MappingChangeSchema = strict(
  {
    provider_id: t.Optional(mapping.provider_id),
    provider_model_name: t.Optional(mapping.provider_model_name),
    order_index: mapping.order_index,
    is_default: mapping.is_default,
    config: mapping.config,
  },
  { $id: 'MappingChange' },
)

/** One as it is shown. */
export const MappingSchema = t.Object(
  {
    id: t.String({
      description:
        'Made of alias, provider and model: it stays while these do, wherever it stands.',
    }),
    alias_name: t.String(),
    provider_id: t.String(),
    provider_model_name: t.String(),
    order_index: t.Integer(),
    is_default: t.Boolean({ description: 'The one of its alias that is tried first.' }),
    config: t.Object({
      weight: t.Number(),
      tags: t.Array(t.String()),
      abilities: nullable(AbilitiesSchema),
      overrides: t.Record(t.String(), t.Unknown()),
    }),
    origin: oneOf(['file', 'environment', 'store', 'built-in']),
    read_only: nullable(t.String()),
  },
  { $id: 'Mapping' },
)
