// The part of the schema table that describes the rest of the catalogue: one model, one API key. Apart from `schema.ts` only
// because of its length; the rules are the same.

import { LIMITS } from '../core/limits.ts'
import type { SectionNode, ValueOf } from './node.ts'
import { MODEL_CACHE } from './schema-cache.ts'
import { KEY_BUDGET, KEY_LIMITS } from './schema-money.ts'
import { ROUTING, TARGET_ABILITIES } from './schema-routing.ts'

const PRICE_BOUNDS = {
  kind: 'number',
  unit: 'US dollars per million tokens',
  min: 0,
  max: 1_000_000,
} as const

const MORE_PRICES = {
  cache_write_1h: { ...PRICE_BOUNDS, doc: 'Input written to a cache for an hour.' },
  reasoning: { ...PRICE_BOUNDS, doc: 'Reasoning.', absent: 'that of output' },
  input_audio: { ...PRICE_BOUNDS, doc: 'Audio in the prompt.', absent: 'unknown' },
  output_audio: { ...PRICE_BOUNDS, doc: 'Audio in the answer.', absent: 'unknown' },
  request: {
    kind: 'number',
    unit: 'US dollars',
    min: 0,
    max: 1_000,
    doc: 'Each request, besides its tokens.',
  },
} as const

export const MODEL = {
  kind: 'section',
  doc: 'One name that clients may ask for.',
  synonyms: { name: 'id', alias: 'id', target: 'targets', fallbacks: 'routing' },
  keys: {
    id: {
      kind: 'text',
      format: 'model-id',
      doc: 'The name clients ask for.',
      required: true,
      maxChars: 200,
    },
    targets: {
      kind: 'list',
      doc: 'Who answers it: the lowest `order` first, equal orders by `routing.strategy`.',
      required: true,
      minItems: 1,
      item: {
        kind: 'section',
        doc: "A provider and that provider's model.",
        synonyms: { provider_id: 'provider', name: 'model', priority: 'order' },
        keys: {
          provider: { kind: 'text', format: 'id', doc: 'Id of a provider.', required: true },
          model: {
            kind: 'text',
            format: 'model-id',
            doc: "The provider's own name of the model.",
            required: true,
            maxChars: 300,
          },
          order: {
            kind: 'integer',
            doc: 'Lower is tried first.',
            default: 0,
            min: 0,
            max: 1_000,
          },
          weight: {
            kind: 'number',
            doc: 'Share among targets of the same order.',
            default: 1,
            min: 0,
            max: 1_000_000,
          },
          tags: {
            kind: 'list',
            doc: 'Words that a request may ask for in `x-weir-tags`; then only targets with all of them are asked.',
            item: { kind: 'text', format: 'id', doc: 'A word.', maxChars: 64 },
          },
          abilities: TARGET_ABILITIES,
          overrides: {
            kind: 'free',
            doc: "Request members set in place of the client's for this target, by OpenAI's names (`temperature`, `max_tokens`); `null` takes the client's away. `model` and `stream` stay the client's.",
          },
        },
      },
    },
    defaults: {
      kind: 'free',
      doc: "Request members set where the client gave none, by OpenAI's names (`temperature`, `max_tokens`); each protocol gets its own word for them, other names go to it as they are.",
    },
    routing: ROUTING,
    losses: {
      kind: 'choice',
      doc: 'What to do when the provider cannot express a part of the request: say so, or answer 400 and ask nobody. What an answer loses is always reported.',
      values: ['report', 'reject'],
      default: 'report',
    },
    context_window: {
      kind: 'integer',
      unit: 'tokens',
      doc: 'Tokens the model can take; shown in the model lists.',
      absent: 'from the built-in table',
      min: 1,
      max: 1_000_000_000,
    },
    price: {
      kind: 'section',
      doc: 'Overrides the built-in price; absent parts are unknown, not free.',
      optional: true,
      keys: {
        input: { ...PRICE_BOUNDS, doc: 'Uncached input.' },
        output: { ...PRICE_BOUNDS, doc: 'Output.' },
        cache_read: { ...PRICE_BOUNDS, doc: 'Input read from a cache.' },
        cache_write: { ...PRICE_BOUNDS, doc: 'Input written to a cache for five minutes.' },
        ...MORE_PRICES,
      },
    },
    price_changes: {
      kind: 'list',
      doc: 'Prices that take the place of `price` from a moment on, the earliest first.',
      optional: true,
      item: {
        kind: 'section',
        doc: 'A moment and the prices from then on.',
        keys: {
          from: {
            kind: 'text',
            format: 'instant',
            doc: 'Time with its zone, ISO 8601.',
            required: true,
          },
          input: { ...PRICE_BOUNDS, doc: 'Uncached input.' },
          output: { ...PRICE_BOUNDS, doc: 'Output.' },
          cache_read: { ...PRICE_BOUNDS, doc: 'Input read from a cache.' },
          cache_write: { ...PRICE_BOUNDS, doc: 'Input written to a cache for five minutes.' },
          ...MORE_PRICES,
        },
      },
    },
    tenant: {
      kind: 'text',
      format: 'tenant-id',
      doc: 'The only tenant that sees it.',
      absent: 'every tenant does',
    },
    access: {
      kind: 'list',
      doc: 'Who may use it: `group:engineers`, `team:search`, `user:` with the id that `weir users list` shows, `service:ci`, `key:laptop`, `everyone`.',
      optional: true,
      absent: 'everyone in the tenant',
      item: { kind: 'text', format: 'access', doc: 'Somebody.', maxChars: 300 },
    },
    ...MODEL_CACHE,
  },
} as const satisfies SectionNode

export const KEY = {
  kind: 'section',
  doc: 'An API key of a client.',
  synonyms: { id: 'name', secret: 'key', token: 'key', api_key: 'key', model: 'models' },
  keys: {
    name: {
      kind: 'text',
      format: 'id',
      doc: 'Shown in the log.',
      required: true,
      maxChars: 64,
    },
    key: {
      kind: 'text',
      format: 'header-value',
      doc: 'The secret itself, at least 32 characters; best as `${NAME}` or `${file:…}`.',
      required: true,
      secret: true,
      minChars: 32,
      maxChars: LIMITS.credentialCharsMax,
    },
    models: {
      kind: 'list',
      doc: 'Models it may use; `*` stands for any text.',
      absent: 'every model',
      optional: true,
      item: { kind: 'text', format: 'model-id', doc: 'A model or pattern.', maxChars: 300 },
    },
    roles: {
      kind: 'list',
      doc: 'Built-in roles it has in its tenant; see docs/authorization.md.',
      optional: true,
      absent: 'member',
      item: {
        kind: 'choice',
        doc: 'A role.',
        values: ['owner', 'admin', 'operator', 'auditor', 'member', 'viewer'],
      },
    },
    expires: {
      kind: 'text',
      format: 'instant',
      doc: 'Date (valid to its end, UTC) or time, ISO 8601.',
      absent: 'never',
    },
    limits: KEY_LIMITS,
    budget: KEY_BUDGET,
    tenant: {
      kind: 'text',
      format: 'tenant-id',
      doc: 'Tenant it belongs to.',
      default: 'default',
    },
    team: { kind: 'text', format: 'tenant-id', doc: 'Team that owns it.', absent: 'none' },
    actions: {
      kind: 'list',
      doc: 'Actions it is narrowed to (`model.invoke`, `usage.*`).',
      absent: 'all that its roles give',
      optional: true,
      item: { kind: 'text', format: 'model-id', doc: 'An action or pattern.', maxChars: 100 },
    },
    allowed_from: {
      kind: 'list',
      doc: 'Addresses it may be used from.',
      absent: 'any',
      optional: true,
      item: { kind: 'text', format: 'address-range', doc: 'An address or a CIDR block.' },
    },
  },
} as const satisfies SectionNode

export type ModelSettings = ValueOf<typeof MODEL>
export type KeySettings = ValueOf<typeof KEY>
