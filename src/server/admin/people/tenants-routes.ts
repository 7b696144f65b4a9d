// `/admin/tenants`: the closed worlds of people, keys, providers and models. One sees those one has a right in; making, changing and deleting
// one takes rights over the whole installation.

import { Elysia } from 'elysia'
import type { Tenant } from '../../../core/identity.ts'
import { can, scopes } from '../../../core/permission.ts'
import { DEFAULT_TENANT_ID, type Principal } from '../../../core/principal.ts'
import type { ServerDeps } from '../../context.ts'
import { notFound } from '../body.ts'
import { adminRoutes, oneOf, strict, t, type RouteContract } from '../contract.ts'
import { listOf, listQuery, pageOf } from '../paging.ts'
import { conflict, guarded, requirePlatform, type Asking } from './guard.ts'
import { shownTenant } from './json.ts'
import { ChosenId, Name, STATUSES, TenantDetailSchema, TenantSchema } from './schemas.ts'

const BASE = '/admin/tenants'
const ONE = '/admin/tenants/:id'

const listTenants = {
  summary: 'Tenants',
  tag: 'People',
  query: strict(listQuery(['name', 'id', 'created'])),
  answers: { 200: listOf(TenantSchema) },
} satisfies RouteContract

const showTenant = {
  summary: 'A tenant and how much is in it',
  tag: 'People',
  answers: { 200: TenantDetailSchema },
  errors: [404],
  versioned: true,
} satisfies RouteContract

const createTenant = {
  summary: 'Make a tenant',
  description: 'Its id is given once and for all: log and audit are kept under it.',
  tag: 'People',
  body: strict({ id: ChosenId, name: t.Optional(Name) }),
  answers: { 201: TenantDetailSchema },
  errors: [409],
  once: true,
  examples: { 'A tenant': { id: 'acme', name: 'Acme Ltd' } },
} satisfies RouteContract

const changeTenant = {
  summary: 'Rename a tenant, or turn it off or on',
  description: 'One that is turned off keeps everything; none of its keys and people get in.',
  tag: 'People',
  body: strict({ name: t.Optional(Name), status: t.Optional(oneOf(STATUSES)) }),
  answers: { 200: TenantDetailSchema },
  errors: [404, 409],
  versioned: true,
} satisfies RouteContract

const deleteTenant = {
  summary: 'Delete an empty tenant',
  tag: 'People',
  answers: { 200: t.Object({ id: t.String(), deleted: t.Boolean() }) },
  errors: [404, 409],
  versioned: true,
} satisfies RouteContract

export function tenantsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const { people } = deps
  const found = async (principal: Principal, id = '') => {
    const tenant = await people.tenants.find(id)
    if (tenant === undefined || !maySee(principal, id)) throw notFound('tenant')
    return tenant
  }
  const version = (id: string) => async () => {
    const tenant = await people.tenants.find(id)
    return tenant === undefined ? undefined : shownTenant(tenant)
  }
  const detail = async (tenant: Tenant) => {
    const holds = await holdings(deps, tenant.id)
    return { ...shownTenant(tenant), holds }
  }
  return new Elysia({ name: 'tenants-routes' })
    .get(
      BASE,
      ...on('GET', BASE, listTenants, async ({ principal, query, reply }) => {
        const seen = (await people.tenants.list()).filter(({ id }) => maySee(principal, id))
        const { rows, ...page } = pageOf(seen, query, {
          id: ({ id }) => id,
          sorts: {
            name: ({ name }) => name.toLowerCase(),
            id: ({ id }) => id,
            created: ({ createdMs }) => createdMs,
          },
          text: ({ id, name }) => [id, name],
        })
        return reply({ data: rows.map(shownTenant), ...page })
      }),
    )
    .post(
      BASE,
      ...on('POST', BASE, createTenant, async (ask) => {
        const { actor, body, show } = ask
        requirePlatform(deps, ask)
        const { id, name = id } = body
        const made = await people.tenants.create({ id, name, createdMs: deps.clock.nowMs() }, actor)
        return show(await detail(made), { status: 201, version: shownTenant(made) })
      }),
    )
    .get(
      ONE,
      ...on('GET', ONE, showTenant, async ({ params, principal, show }) => {
        const tenant = await found(principal, params['id'])
        return show(await detail(tenant), { version: shownTenant(tenant) })
      }),
    )
    .patch(
      ONE,
      ...on('PATCH', ONE, changeTenant, async (ask) => {
        const { body, changing, params, principal, show } = ask
        requirePlatform(deps, ask)
        const { id } = await found(principal, params['id'])
        const { name, status } = body
        if (status === 'disabled') refuseOwn(ask, id)
        const by = guarded(deps, ask, changing(version(id)), {
          after: (directory) => ({
            ...directory,
            tenants: directory.tenants.map((each) =>
              each.id === id && status !== undefined ? { ...each, status } : each,
            ),
          }),
        })
        const change = {
          ...(name === undefined ? {} : { name }),
          ...(status === undefined ? {} : { status }),
        }
        const after = await people.tenants.update(id, change, by)
        if (after === undefined) throw notFound('tenant')
        return show(await detail(after), { version: shownTenant(after) })
      }),
    )
    .delete(
      ONE,
      ...on('DELETE', ONE, deleteTenant, async (ask) => {
        const { changing, params, principal, reply } = ask
        requirePlatform(deps, ask)
        const { id } = await found(principal, params['id'])
        refuseOwn(ask, id)
        const by = guarded(deps, ask, changing(version(id)), {
          // A key of the file may be its last.
          after: (directory) => ({
            ...directory,
            tenants: directory.tenants.filter((each) => each.id !== id),
          }),
        })
        if (!(await people.tenants.remove(id, by))) throw notFound('tenant')
        return reply({ id, deleted: true })
      }),
    )
}

function maySee(principal: Principal, id: string): boolean {
  return can(principal, 'tenant.read', scopes.tenant(id))
}

function refuseOwn({ principal }: Asking, id: string): void {
  // The one that is always there stays as it is in any case: the store says so.
  if (principal.tenantId !== id || id === DEFAULT_TENANT_ID) return
  throw conflict('own_tenant', 'This is your own tenant: you would shut yourself out.')
}

async function holdings({ keys, people }: ServerDeps, id: string) {
  const [users, groups, teams, services, all] = await Promise.all([
    people.users.list(id),
    people.groups.list(id),
    people.teams.list(id),
    people.services.list(id),
    keys.keys.list(id),
  ])
  return {
    users: users.length,
    groups: groups.length,
    teams: teams.length,
    services: services.length,
    keys: all.filter(({ revokedMs }) => revokedMs === undefined).length,
  }
}
