// `/admin/services`: programs that own keys, or that an issuer's tokens name.

import { Elysia } from 'elysia'
import type { Service } from '../../../core/identity.ts'
import { gained, without } from '../../../core/policy/giving.ts'
import type { Principal } from '../../../core/principal.ts'
import { Rights } from '../../../core/rights.ts'
import type { ServerDeps } from '../../context.ts'
import { invalidMember, notFound } from '../body.ts'
import { adminRoutes, oneOf, strict, words, t, type RouteContract } from '../contract.ts'
import { listOf, listQuery, pageOf } from '../paging.ts'
import { conflict, guarded, type Asking, type Checks, type State } from './guard.ts'
import { impactOf } from './impact.ts'
import { requireIssuer } from './issuers.ts'
import { grantJson, serviceJson } from './json.ts'
import { principalsNamed } from './named.ts'
import {
  ChosenId,
  DeletedSchema,
  IssuersName,
  Name,
  ServiceDetailSchema,
  ServiceSchema,
  STATUSES,
} from './schemas.ts'

const BASE = '/admin/services'
const ONE = '/admin/services/:id'

const listServices = {
  summary: 'Services',
  tag: 'People',
  query: strict({
    ...listQuery(['name', 'id', 'created']),
    status: t.Optional(oneOf(STATUSES)),
  }),
  answers: { 200: listOf(ServiceSchema) },
} satisfies RouteContract

const showService = {
  summary: 'A service and what it may',
  tag: 'People',
  answers: { 200: ServiceDetailSchema },
  errors: [404],
  versioned: true,
} satisfies RouteContract

const createService = {
  summary: 'Make a service',
  tag: 'People',
  body: strict({
    id: ChosenId,
    name: t.Optional(Name),
    issuer: t.Optional(words(100, { description: 'Whose tokens name it; with `client_id`.' })),
    client_id: t.Optional(IssuersName),
  }),
  answers: { 201: ServiceDetailSchema },
  errors: [404, 409],
  once: true,
  examples: {
    'That owns keys': { id: 'crawler' },
    'Of an issuer': { id: 'ci', issuer: 'keycloak', client_id: 'ci-runner' },
  },
} satisfies RouteContract

const changeService = {
  summary: 'Rename a service, or turn it off or on',
  description: 'What is turned off keeps its keys and rights, and gets in with none.',
  tag: 'People',
  body: strict({ name: t.Optional(Name), status: t.Optional(oneOf(STATUSES)) }),
  answers: { 200: ServiceDetailSchema },
  errors: [404, 409],
  versioned: true,
} satisfies RouteContract

const deleteService = {
  summary: 'Delete a service',
  description: 'With its assignments; keys that it owns are revoked.',
  tag: 'People',
  answers: { 200: DeletedSchema },
  errors: [404, 409],
  versioned: true,
} satisfies RouteContract

export function servicesRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const { people } = deps
  const find = async (tenantId: string, id = '') =>
    (await people.services.list(tenantId)).find((each) => each.id === id)
  const found = async (tenantId: string, id?: string) => {
    const service = await find(tenantId, id)
    if (service === undefined) throw notFound('service')
    return service
  }
  const version = (tenantId: string, id: string) => async () => {
    const service = await find(tenantId, id)
    return service === undefined ? undefined : serviceJson(service)
  }
  const detail = async (service: Service) => {
    const { id, tenantId } = service
    const principal = deps.gateway.snapshot().rights.ofService(service)
    return {
      ...serviceJson(service),
      grants: (principal?.grants ?? []).map(grantJson),
      impact: await impactOf(deps, tenantId, 'service', id),
    }
  }
  return new Elysia({ name: 'services-routes' })
    .get(
      BASE,
      ...on('GET', BASE, listServices, async ({ query, reply, tenantId }) => {
        const services = (await people.services.list(tenantId)).filter(
          ({ status }) => query.status === undefined || status === query.status,
        )
        const { rows, ...page } = pageOf(services, query, {
          id: ({ id }) => id,
          sorts: {
            name: ({ name }) => name.toLowerCase(),
            id: ({ id }) => id,
            created: ({ createdMs }) => createdMs,
          },
          text: ({ clientId, id, name }) => [id, name, clientId],
        })
        return reply({ data: rows.map(serviceJson), ...page })
      }),
    )
    .post(
      BASE,
      ...on('POST', BASE, createService, async (ask) => {
        const { actor, body, show, tenantId } = ask
        const { id, name = id } = body
        const client = clientOf(deps, ask, body)
        const service = { tenantId, id, name, createdMs: deps.clock.nowMs(), ...client }
        const made = await people.services.create(service, actor)
        return show(await detail(made), { status: 201, version: serviceJson(made) })
      }),
    )
    .get(
      ONE,
      ...on('GET', ONE, showService, async ({ params, show, tenantId }) => {
        const service = await found(tenantId, params['id'])
        return show(await detail(service), { version: serviceJson(service) })
      }),
    )
    .patch(
      ONE,
      ...on('PATCH', ONE, changeService, async (ask) => {
        const { body, changing, params, show, tenantId } = ask
        const service = await found(tenantId, params['id'])
        const checks = statusChecks(deps, ask, service, body.status)
        const by = guarded(deps, ask, changing(version(tenantId, service.id)), checks)
        const change = {
          ...(body.name === undefined ? {} : { name: body.name }),
          ...(body.status === undefined ? {} : { status: body.status }),
        }
        const after = await people.services.update(tenantId, service.id, change, by)
        if (after === undefined) throw notFound('service')
        return show(await detail(after), { version: serviceJson(after) })
      }),
    )
    .delete(
      ONE,
      ...on('DELETE', ONE, deleteService, async (ask) => {
        const { changing, params, reply, tenantId } = ask
        const service = await found(tenantId, params['id'])
        const { id } = service
        refuseItself(ask, service)
        const impact = await impactOf(deps, tenantId, 'service', id)
        const by = guarded(deps, ask, changing(version(tenantId, id)), {
          ends: (state) => asOn(deps, state, service),
          after: (directory) => without(directory, tenantId, 'service', id),
          ...returning(service),
        })
        if (!(await people.services.remove(tenantId, id, by))) throw notFound('service')
        return reply({ id, deleted: true, impact })
      }),
    )
}

function clientOf(
  deps: ServerDeps,
  asking: Asking,
  { client_id: clientId, issuer }: { readonly client_id?: string; readonly issuer?: string },
): Pick<Service, 'issuer' | 'clientId'> {
  if (issuer === undefined && clientId === undefined) return {}
  if (issuer === undefined) throw invalidMember('issuer', 'Belongs to client_id.')
  if (clientId === undefined) throw invalidMember('client_id', 'Belongs to issuer.')
  requireIssuer(deps, asking, issuer)
  return { issuer, clientId }
}

/** What an issuer's tokens name comes back as a new service: turned on, and without what was denied to it here. */
function returning(service: Service): Checks {
  const { clientId, id, tenantId } = service
  if (clientId === undefined) return {}
  const on = { ...service, status: 'active' } as const
  return {
    gives: ({ directory, rights }) =>
      gained(
        rights.ofService(on),
        new Rights(without(directory, tenantId, 'service', id)).ofService(on),
      ),
  }
}

/** The service and its keys as they would be turned on. */
function asOn(deps: ServerDeps, { directory }: State, { id, tenantId }: Service): Principal[] {
  const services = directory.services.map((each) =>
    each.tenantId === tenantId && each.id === id ? ({ ...each, status: 'active' } as const) : each,
  )
  const rights = new Rights({ ...directory, services })
  return principalsNamed(deps, { directory, rights }, tenantId, { kind: 'service', id })
}

function statusChecks(
  deps: ServerDeps,
  asking: Asking,
  service: Service,
  status: Service['status'] | undefined,
): Checks {
  if (status === 'active') return { opens: (state) => asOn(deps, state, service) }
  if (status === undefined) return {}
  refuseItself(asking, service)
  const { id, tenantId } = service
  return {
    ends: (state) => asOn(deps, state, service),
    after: (directory) => ({
      ...directory,
      services: directory.services.map((each) =>
        each.tenantId === tenantId && each.id === id ? { ...each, status } : each,
      ),
    }),
  }
}

function refuseItself({ principal }: Asking, { id, tenantId }: Service): void {
  if (principal.serviceId !== id || principal.tenantId !== tenantId) return
  throw conflict('own_account', 'This is the service that asks. Ask an administrator to do it.')
}
