// What an API key looks like in the management API, asked for and shown. The checks that a schema cannot say (times, addresses, patterns
// of actions) are in `key-input.ts`; whether a key may be made is not decided here.

import { LIMITS } from '../../core/limits.ts'
import { moment, nullable, oneOf, strict, t, words } from './contract.ts'
import {
  AccountSchema,
  BUDGET_ACTIONS,
  ITEMS,
  OwnBudgetBody,
  OwnLimitsBody,
  TOLD_AMOUNTS,
  WINDOWS,
} from './money-schemas.ts'
import { listOf, listQuery } from './paging.ts'

const NAME_CHARS_MAX = 100
const PATTERN_CHARS_MAX = 300

export const KEY_STATES = ['active', 'disabled', 'expired', 'revoked'] as const
const OWNER_KINDS = ['user', 'service', 'team'] as const

const NAME = words(NAME_CHARS_MAX, { description: 'For people; it does not begin with `weir_`.' })

const EXPIRES = t.String({
  maxLength: 40,
  description: 'A time with its zone, or a date, valid to its end in UTC.',
  wanted: 'Must be a date, or a time with its zone, such as 2027-01-31T12:00:00Z.',
})

const patterns = (description: string) =>
  nullable(t.Array(words(PATTERN_CHARS_MAX), ITEMS), { description })

const NARROWING = {
  expires: t.Optional(nullable(EXPIRES, { description: 'When it ends; null: never.' })),
  models: t.Optional(patterns('Models it may use; `*` stands for any text. Null: all.')),
  actions: t.Optional(
    patterns('Actions it is narrowed to, as `usage.*`. Null: all that its owner may.'),
  ),
  allowed_from: t.Optional(
    patterns('Addresses and blocks it may be used from, as `10.0.0.0/8`. Null: any.'),
  ),
  limits: t.Optional(OwnLimitsBody),
  budget: t.Optional(OwnBudgetBody),
}

/** A new key of one's own. */
export const OwnKeyBody = strict({ name: NAME, ...NARROWING }, { $id: 'NewOwnKey' })

/** A new key of a tenant. */
export const KeyBody = strict(
  {
    name: NAME,
    ...NARROWING,
    owner: t.Optional(
      nullable(strict({ kind: oneOf(OWNER_KINDS), id: words(200) }), {
        description: 'Whose rights it has. Null: nobody’s, then it has `roles`.',
      }),
    ),
    roles: t.Optional(
      nullable(t.Array(words(64), ITEMS), {
        description: 'Built-in roles of a key that no user owns; `member` unless given.',
      }),
    ),
  },
  { $id: 'NewKey' },
)

export const KeyChangeBody = strict(
  { name: t.Optional(NAME), ...NARROWING, disabled: t.Optional(t.Boolean()) },
  { $id: 'KeyChange' },
)

export const RotateBody = strict({
  overlap_seconds: t.Optional(
    t.Number({
      minimum: 0,
      maximum: LIMITS.keyOverlapMs / 1_000,
      description: 'How long the old key goes on beside the new one.',
    }),
  ),
})

const told = (description: string) => nullable(t.Array(t.String()), { description })

const KEY = {
  id: t.String(),
  tenant: t.String(),
  name: t.String(),
  origin: oneOf(['file', 'environment', 'store']),
  read_only: nullable(t.String(), { description: 'Why it cannot be changed here.' }),
  masked: t.String({ description: 'Its beginning and its last four characters.' }),
  state: oneOf(KEY_STATES),
  owner: nullable(
    t.Object({ kind: oneOf(OWNER_KINDS), id: t.String(), name: nullable(t.String()) }),
  ),
  roles: t.Array(t.String()),
  models: told('Null: all.'),
  actions: told('Null: all that its owner may.'),
  allowed_from: told('Null: any.'),
  limits: nullable(t.Partial(t.Object(TOLD_AMOUNTS)), { description: 'Those that are set.' }),
  budget: nullable(
    t.Object({
      usd: t.Number(),
      window: oneOf(WINDOWS),
      action: oneOf(BUDGET_ACTIONS),
    }),
  ),
  budget_account: nullable(AccountSchema, {
    description: 'What it has spent of its own budget in the window of now; null: nothing yet.',
  }),
  created: nullable(moment()),
  expires: nullable(moment()),
  revoked: nullable(moment()),
  last_used: nullable(moment()),
  replaced_by: nullable(t.String(), { description: 'The key that was rotated into its place.' }),
}

export const KeySchema = t.Object(KEY, { $id: 'Key' })

/** The answer to the making of a key: the only time that it is told whole. */
export const MadeKeySchema = t.Object(
  { key: t.String({ description: 'The key itself. It is not shown again.' }), ...KEY },
  { $id: 'MadeKey' },
)

export const KeysSchema = listOf(KeySchema)

export const KEY_SORTS = ['name', 'created', 'last_used', 'expires'] as const

/** Filters of one's own keys. */
export const OwnKeysQuery = strict({
  ...listQuery(KEY_SORTS),
  state: t.Optional(
    t.Array(oneOf(KEY_STATES), { maxItems: 4, description: 'Any of these, with commas between.' }),
  ),
})

/** Filters of a tenant's keys. */
export const KeysQuery = strict({
  ...OwnKeysQuery.properties,
  owner: t.Optional(
    t.String({
      maxLength: 250,
      pattern: '^(?:none|(?:user|service|team):.+)$',
      description: '`user:ID`, `service:ID`, `team:ID`, or `none` for keys of nobody.',
    }),
  ),
})
