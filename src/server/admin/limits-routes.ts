// `/admin/limits`: the limits that hold for a tenant, those of the file and those of the store, and what their counters say. What the routes
// do is in `limits.ts`; here is what they take and give.

import { Elysia } from 'elysia'
import type { ServerDeps } from '../context.ts'
import { adminRoutes, nullable, oneOf, strict, t, type RouteContract } from './contract.ts'
import { LIMIT_SUBJECTS, LimitBody, NewLimitBody, WHEN_UNAVAILABLE } from './limit-input.ts'
import { Limits } from './limits.ts'
import { CounterSchema, TOLD_AMOUNTS } from './money-schemas.ts'
import { listOf, listQuery } from './paging.ts'

const tag = 'Limits and budgets'

const LimitSchema = t.Object(
  {
    id: t.String(),
    tenant: t.String({
      description: 'Whose counters are shown; a limit of the file holds in every one.',
    }),
    origin: oneOf(['file', 'environment', 'store']),
    read_only: nullable(t.String(), { description: 'Why it cannot be changed here.' }),
    per: oneOf(LIMIT_SUBJECTS),
    only: nullable(t.String(), { description: 'Null: each of them.' }),
    ...TOLD_AMOUNTS,
    when_unavailable: oneOf(WHEN_UNAVAILABLE),
  },
  { $id: 'Limit' },
)

const StateSchema = t.Object(
  {
    ...listOf(
      t.Object({
        subject: t.String(),
        name: nullable(t.String(), { description: 'As people know it.' }),
        counters: t.Array(CounterSchema),
      }),
    ).properties,
    is_cut: t.Boolean({ description: 'There are more subjects than are looked at.' }),
    is_hidden: t.Boolean({
      description:
        'Counters of all tenants together are left out, which whoever runs the installation sees.',
    }),
    counted: oneOf(['process', 'redis', 'postgres'], { description: 'Where it is counted.' }),
    connected: t.Boolean({ description: 'Whether the shared counters answer.' }),
  },
  { $id: 'LimitState' },
)

const LIST = {
  summary: 'Limits',
  description: 'All that hold for the tenant: of the configuration file and of the store.',
  tag,
  query: strict({ ...listQuery(['id', 'per']), per: t.Optional(oneOf(LIMIT_SUBJECTS)) }),
  answers: { 200: listOf(LimitSchema) },
} as const satisfies RouteContract

const CREATE = {
  summary: 'Make a limit',
  description: 'It holds on every replica within a second.',
  tag,
  body: NewLimitBody,
  answers: { 201: LimitSchema },
  errors: [409],
  once: true,
  examples: { keys: { id: 'each-key', per: 'key', requests_per_minute: 100, concurrent: 20 } },
} as const satisfies RouteContract

const SHOW = {
  summary: 'One limit',
  tag,
  answers: { 200: LimitSchema },
  errors: [404],
  versioned: true,
} as const satisfies RouteContract

const REPLACE = {
  summary: 'Change a limit',
  description: 'The whole of it: an amount that is not named is no limit any more.',
  tag,
  body: LimitBody,
  answers: { 200: LimitSchema },
  errors: [404, 409],
  versioned: true,
  examples: { keys: { per: 'key', requests_per_minute: 200 } },
} as const satisfies RouteContract

const REMOVE = {
  summary: 'Delete a limit',
  tag,
  answers: { 200: t.Object({ id: t.String(), deleted: t.Boolean() }) },
  errors: [404, 409],
  versioned: true,
} as const satisfies RouteContract

const STATE = {
  summary: 'Counters of a limit',
  description:
    'Of every subject that the tenant has, the fullest first. Addresses are not listed: name one.',
  tag,
  query: strict({
    ...listQuery(['used', 'subject']),
    subject: t.Optional(t.String({ maxLength: 300, description: 'Of this one alone.' })),
  }),
  answers: { 200: StateSchema },
  errors: [404],
} as const satisfies RouteContract

export function limitsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const limits = new Limits(deps)
  const all = '/admin/limits'
  const one = '/admin/limits/:id'
  return new Elysia({ name: 'limits-routes' })
    .get(all, ...on('GET', all, LIST, limits.list))
    .post(all, ...on('POST', all, CREATE, limits.create))
    .get(one, ...on('GET', one, SHOW, limits.show))
    .put(one, ...on('PUT', one, REPLACE, limits.replace))
    .delete(one, ...on('DELETE', one, REMOVE, limits.remove))
    .get(`${one}/state`, ...on('GET', `${one}/state`, STATE, limits.state))
}
