// `/admin/guardrails`: the rules that a tenant is under, of the file, of the whole installation and its own; `/admin/guardrail-checks`: what
// checks there are and what they take. What the routes do is in `guardrails.ts`; here is what they take and give.

import { Elysia } from 'elysia'
import { CHECK_DESCRIPTIONS } from '../../core/guardrail-options.ts'
import type { JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { ServerDeps } from '../context.ts'
import { adminRoutes, strict, t, type Ask, type RouteContract } from './contract.ts'
import { GuardrailBody, GuardrailSchema, NewGuardrailBody } from './guardrail-input.ts'
import { Guardrails } from './guardrails.ts'
import { listOf, listQuery } from './paging.ts'

const tag = 'Guardrails'

const LIST = {
  summary: 'Guardrails',
  description:
    'Those that the tenant is under, in the order in which they are asked: of the configuration file, of the whole installation, its own.',
  tag,
  query: strict(listQuery(['position', 'id'])),
  answers: { 200: listOf(GuardrailSchema) },
  allTenants: true,
} as const satisfies RouteContract

const CREATE = {
  summary: 'Make a guardrail',
  description:
    'Asked after all others, on every replica within a second. `?tenant=*` makes one for every tenant.',
  tag,
  body: NewGuardrailBody,
  bodyBytesMax: LIMITS.guardrailBodyBytesMax,
  answers: { 201: GuardrailSchema },
  errors: [409],
  once: true,
  allTenants: true,
  examples: {
    pii: { id: 'no-cards', check: 'pii', mode: 'mask', options: { detect: ['card', 'iban'] } },
    words: {
      id: 'project-names',
      check: 'words',
      stages: ['input', 'output'],
      options: { words: ['project borealis'] },
    },
  },
} as const satisfies RouteContract

const SHOW = {
  summary: 'One guardrail',
  tag,
  answers: { 200: GuardrailSchema },
  errors: [404],
  versioned: true,
  allTenants: true,
} as const satisfies RouteContract

const REPLACE = {
  summary: 'Change a guardrail',
  description: 'The whole of it, but secrets that are sent back masked. Its place stays.',
  tag,
  body: GuardrailBody,
  bodyBytesMax: LIMITS.guardrailBodyBytesMax,
  answers: { 200: GuardrailSchema },
  errors: [404, 409],
  versioned: true,
  allTenants: true,
  examples: { flag: { check: 'secrets', mode: 'flag' } },
} as const satisfies RouteContract

const REMOVE = {
  summary: 'Delete a guardrail',
  tag,
  answers: { 200: t.Object({ id: t.String(), deleted: t.Boolean() }) },
  errors: [404, 409],
  versioned: true,
  allTenants: true,
} as const satisfies RouteContract

const IDS = t.Array(t.String({ maxLength: 63 }), { maxItems: LIMITS.tenantGuardrailsMax })

const ORDER = {
  summary: 'Order guardrails',
  description:
    'Those that can be changed here, each once, in the order in which they are to be asked.',
  tag,
  body: strict({ ids: IDS }),
  answers: { 200: t.Object({ ids: t.Array(t.String()) }) },
  errors: [409],
  allTenants: true,
  examples: { two: { ids: ['secrets-first', 'then-words'] } },
} as const satisfies RouteContract

const CheckSchema = t.Object(
  {
    kind: t.String(),
    doc: t.String(),
    masks: t.Boolean({ description: 'Its mode can be `mask`.' }),
    asks: t.Boolean({ description: 'It asks somebody outside this program, or a model.' }),
    options: t.Array(t.Object({}, { additionalProperties: true }), {
      description:
        'Each with `name`, `doc`, `type` and what goes with the type: `required`, `default`, `values`, `min`, `max`, `charsMax`, `countMax`, `of`, `secret`.',
    }),
  },
  { $id: 'GuardrailCheck' },
)

const CHECKS = {
  summary: 'Kinds of guardrails',
  description: 'What checks there are, and what they take.',
  tag,
  answers: { 200: t.Object({ data: t.Array(CheckSchema) }) },
} as const satisfies RouteContract

export function guardrailsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const guardrails = new Guardrails(deps)
  const all = '/admin/guardrails'
  const one = '/admin/guardrails/:id'
  const order = '/admin/guardrails/order'
  const kinds = '/admin/guardrail-checks'
  const checks = ({ reply }: Ask<typeof CHECKS>) =>
    reply({ data: CHECK_DESCRIPTIONS as unknown as JsonObject[] })
  return new Elysia({ name: 'guardrails-routes' })
    .get(all, ...on('GET', all, LIST, guardrails.list))
    .post(all, ...on('POST', all, CREATE, guardrails.create))
    .post(order, ...on('POST', order, ORDER, guardrails.order))
    .get(one, ...on('GET', one, SHOW, guardrails.show))
    .put(one, ...on('PUT', one, REPLACE, guardrails.replace))
    .delete(one, ...on('DELETE', one, REMOVE, guardrails.remove))
    .get(kinds, ...on('GET', kinds, CHECKS, checks))
}
