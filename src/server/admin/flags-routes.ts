// `/admin/flags`: feature flags with what the file and the store say of them and for whom. What a flag steers is not known here; a rule for a
// tenant and one for all are made by whoever runs the installation.

import { Elysia } from 'elysia'
import {
  FLAGS,
  flagProblem,
  isFlagName,
  type FlagDefinition,
  type FlagName,
  type FlagRule,
} from '../../core/flags.ts'
import { PLATFORM_TENANT_ID } from '../../core/identity.ts'
import type { JsonObject } from '../../core/json.ts'

import type { ServerDeps } from '../context.ts'
import { invalidMember, notFound } from './body.ts'
import {
  adminRoutes,
  ALL_TENANTS,
  nullable,
  oneOf,
  strict,
  t,
  type Ask,
  type RouteContract,
} from './contract.ts'
import { declaredReason } from './read-only.ts'

const tag = 'Settings'

const VALUE = t.Union([t.Boolean(), t.Number(), t.String({ maxLength: 100 })])

const FlagSchema = t.Object(
  {
    flag: t.String(),
    type: oneOf(['boolean', 'number', 'choice']),
    default: VALUE,
    values: nullable(t.Array(t.String()), { description: 'Of a choice.' }),
    min: nullable(t.Number(), { description: 'Of a number.' }),
    max: nullable(t.Number()),
    owner: t.String({ description: 'The part of the program that answers for it.' }),
    doc: t.String(),
    rules: t.Array(
      t.Object({
        tenant: nullable(t.String(), { description: 'Null: every tenant.' }),
        value: VALUE,
        percent: t.Number({ description: 'Share of callers; always the same ones.' }),
        origin: oneOf(['file', 'store']),
        read_only: nullable(t.String(), { description: 'Why it cannot be changed here.' }),
      }),
      {
        description:
          'In the order in which they are asked; the first that concerns a request decides.',
      },
    ),
  },
  { $id: 'Flag' },
)

const LIST = {
  summary: 'Feature flags',
  description: 'Every flag there is, with the rules that concern the tenant.',
  tag,
  answers: { 200: t.Object({ data: t.Array(FlagSchema) }) },
  allTenants: true,
} as const satisfies RouteContract

const SHOW = {
  summary: 'One feature flag',
  tag,
  answers: { 200: FlagSchema },
  errors: [404],
  versioned: true,
  allTenants: true,
} as const satisfies RouteContract

const TENANT = strict({
  tenant: t.Optional(
    t.String({
      maxLength: 63,
      description: 'For this tenant alone; absent: for all that have no rule of their own.',
    }),
  ),
})

const SET = {
  summary: 'Change a feature flag',
  description: 'For one tenant or for all; on every replica within a second.',
  tag,
  query: TENANT,
  body: strict(
    {
      value: VALUE,
      percent: t.Optional(
        t.Number({ minimum: 0, maximum: 100, description: 'Share of callers; 100 unless given.' }),
      ),
    },
    { $id: 'FlagChange' },
  ),
  answers: { 200: FlagSchema },
  errors: [404],
  versioned: true,
  examples: { off: { value: false }, some: { value: true, percent: 10 } },
} as const satisfies RouteContract

const UNSET = {
  summary: 'Take a rule of a feature flag away',
  tag,
  query: TENANT,
  answers: { 200: t.Object({ flag: t.String(), deleted: t.Boolean() }) },
  errors: [404],
  versioned: true,
} as const satisfies RouteContract

export function flagsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const { flags } = deps.guard
  const shown = async (tenantId: string) => {
    const rules = flags.inOrder(await flags.rules.all())
    return (flag: FlagName) => flagJson(flag, rules, tenantId)
  }
  /** Of all of them: who may change a flag may see every rule of it. */
  const version = async (flag: FlagName) => (await shown(ALL_TENANTS))(flag)
  const list = async ({ reply, tenantId }: Ask<typeof LIST>) => {
    const json = await shown(tenantId)
    return reply({ data: (Object.keys(FLAGS) as FlagName[]).map(json) })
  }
  const show = async ({ params, show: answer, tenantId }: Ask<typeof SHOW>) =>
    answer((await shown(tenantId))(named(params)))
  const set = async ({ body, changing, params, query, show: answer }: Ask<typeof SET>) => {
    const flag = named(params)
    const problem = flagProblem(flag, body.value)
    if (problem !== undefined) throw invalidMember('value', `${capital(problem)}.`)
    const rule = { value: body.value, percent: body.percent ?? 100 }
    const where = placeOf(query.tenant, deps)
    await flags.rules.save(
      where,
      flag,
      rule,
      changing(() => version(flag)),
    )
    return answer(await version(flag))
  }
  const unset = async ({ changing, params, query, reply }: Ask<typeof UNSET>) => {
    const flag = named(params)
    const where = placeOf(query.tenant, deps)
    const isGone = await flags.rules.remove(
      where,
      flag,
      changing(() => version(flag)),
    )
    if (!isGone) throw notFound('flag_rule')
    return reply({ flag, deleted: true })
  }
  const all = '/admin/flags'
  const one = '/admin/flags/:flag'
  return new Elysia({ name: 'flags-routes' })
    .get(all, ...on('GET', all, LIST, list))
    .get(one, ...on('GET', one, SHOW, show))
    .put(one, ...on('PUT', one, SET, set))
    .delete(one, ...on('DELETE', one, UNSET, unset))
}

/** Where a rule is kept. @throws GatewayError 404 for a tenant there is not */
function placeOf(tenant: string | undefined, { gateway }: ServerDeps): string {
  if (tenant === undefined) return PLATFORM_TENANT_ID
  if (gateway.snapshot().rights.tenant(tenant) === undefined) throw notFound('tenant')
  return tenant
}

/** @throws GatewayError 404 */
function named({ flag = '' }: Readonly<Record<string, string>>): FlagName {
  if (!isFlagName(flag)) throw notFound('flag')
  return flag
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}

function flagJson(flag: FlagName, rules: readonly FlagRule[], tenantId: string): JsonObject {
  const definition: FlagDefinition = FLAGS[flag]
  const { default: usual, doc, owner, type } = definition
  const concerns = (rule: FlagRule) =>
    rule.flag === flag &&
    (tenantId === ALL_TENANTS || rule.tenantId === undefined || rule.tenantId === tenantId)
  return {
    flag,
    type,
    default: usual,
    values: type === 'choice' ? [...definition.values] : null,
    min: type === 'number' ? definition.min : null,
    max: type === 'number' ? definition.max : null,
    owner,
    doc,
    rules: rules.filter(concerns).map((rule) => ({
      tenant: rule.tenantId ?? null,
      value: rule.value,
      percent: rule.percent,
      origin: rule.origin,
      read_only: declaredReason(rule.origin, 'flag'),
    })),
  }
}
