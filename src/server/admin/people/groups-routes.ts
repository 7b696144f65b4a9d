// `/admin/groups`: people under one name, listed here or named by an issuer's tokens, who are given rights together.

import { Elysia } from 'elysia'
import type { Group } from '../../../core/identity.ts'
import { assignmentsNaming, givenBy } from '../../../core/policy/giving.ts'
import type { ServerDeps } from '../../context.ts'
import { notFound } from '../body.ts'
import { adminRoutes, nullable, strict, t, type RouteContract } from '../contract.ts'
import { listOf, listQuery, pageOf } from '../paging.ts'
import { guarded, type State } from './guard.ts'
import { impactOf } from './impact.ts'
import { groupJson } from './json.ts'
import { addMember, membersOf, removalChecks, removeMember, withCounts } from './members.ts'
import {
  ChosenId,
  DeletedSchema,
  GroupDetailSchema,
  GroupSchema,
  IssuersName,
  Name,
} from './schemas.ts'

const BASE = '/admin/groups'
const ONE = '/admin/groups/:id'
const MEMBER = '/admin/groups/:id/members/:user'

const listGroups = {
  summary: 'Groups',
  tag: 'People',
  query: strict(listQuery(['name', 'id', 'created'])),
  answers: { 200: listOf(GroupSchema) },
} satisfies RouteContract

const showGroup = {
  summary: 'A group and who is listed in it',
  tag: 'People',
  answers: { 200: GroupDetailSchema },
  errors: [404],
  versioned: true,
} satisfies RouteContract

const createGroup = {
  summary: 'Make a group',
  tag: 'People',
  body: strict({
    id: ChosenId,
    name: t.Optional(Name),
    external: t.Optional(nullable(IssuersName)),
  }),
  answers: { 201: GroupDetailSchema },
  errors: [404, 409],
  once: true,
  examples: { 'Of Keycloak': { id: 'engineers', external: '/company/engineers' } },
} satisfies RouteContract

const changeGroup = {
  summary: 'Change a group’s name, or what tokens call it',
  tag: 'People',
  body: strict({ name: t.Optional(Name), external: t.Optional(nullable(IssuersName)) }),
  answers: { 200: GroupDetailSchema },
  errors: [404, 409],
  versioned: true,
} satisfies RouteContract

const deleteGroup = {
  summary: 'Delete a group',
  description: 'With its members and assignments; what was given to its name in tokens stays.',
  tag: 'People',
  answers: { 200: DeletedSchema },
  errors: [404, 409],
  versioned: true,
} satisfies RouteContract

const MembershipSchema = t.Object(
  {
    id: t.String({ description: 'Of the user.' }),
    is_member: t.Boolean(),
    changed: t.Boolean({ description: 'False where it was so already.' }),
  },
  { $id: 'Membership' },
)

/** The contract of putting somebody into a group or team. */
export const putMember = {
  summary: 'Put a user in',
  description: 'Gives them what is given to it: only who has as much may do it.',
  tag: 'People',
  answers: { 200: MembershipSchema },
  errors: [404],
} satisfies RouteContract

/** The contract of taking somebody out of a group or team. */
export const takeMember = {
  summary: 'Take a user out',
  tag: 'People',
  answers: { 200: MembershipSchema },
  errors: [404, 409],
} satisfies RouteContract

export function groupsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const { people } = deps
  const found = async (tenantId: string, id = '') => {
    const group = (await people.groups.list(tenantId)).find((each) => each.id === id)
    if (group === undefined) throw notFound('group')
    return group
  }
  const version = (tenantId: string, id: string) => async () => {
    const group = (await people.groups.list(tenantId)).find((each) => each.id === id)
    return group === undefined ? undefined : groupJson(group)
  }
  const detail = async (group: Group) => {
    const { id, tenantId } = group
    const listed = await membersOf(deps, tenantId, 'group', id)
    const impact = await impactOf(deps, tenantId, 'group', id)
    return { ...groupJson(group), members: listed.length, listed, impact }
  }
  return new Elysia({ name: 'groups-routes' })
    .get(
      BASE,
      ...on('GET', BASE, listGroups, async ({ query, reply, tenantId }) => {
        const { rows, ...page } = pageOf(await people.groups.list(tenantId), query, {
          id: ({ id }) => id,
          sorts: {
            name: ({ name }) => name.toLowerCase(),
            id: ({ id }) => id,
            created: ({ createdMs }) => createdMs,
          },
          text: ({ external, id, name }) => [id, name, external],
        })
        const counted = await withCounts(deps, 'group', rows)
        return reply({
          data: counted.map(([row, members]) => ({ ...groupJson(row), members })),
          ...page,
        })
      }),
    )
    .post(
      BASE,
      ...on('POST', BASE, createGroup, async (ask) => {
        const { actor, body, show, tenantId } = ask
        const { external, id, name = id } = body
        const plain = { tenantId, id, name, createdMs: deps.clock.nowMs() }
        const group = typeof external === 'string' ? { ...plain, external } : plain
        const by = guarded(deps, ask, actor, {
          gives: (state) => namedBy(state, tenantId, id),
          // Whom tokens count to a group of this name are in ours only where it is called so.
          after: (directory) => ({ ...directory, groups: [...directory.groups, group] }),
        })
        const made = await people.groups.create(group, by)
        return show(await detail(made), { status: 201, version: groupJson(made) })
      }),
    )
    .get(
      ONE,
      ...on('GET', ONE, showGroup, async ({ params, show, tenantId }) => {
        const group = await found(tenantId, params['id'])
        return show(await detail(group), { version: groupJson(group) })
      }),
    )
    .patch(
      ONE,
      ...on('PATCH', ONE, changeGroup, async (ask) => {
        const { body, changing, params, show, tenantId } = ask
        const { id } = await found(tenantId, params['id'])
        const { external, name } = body
        const checks =
          external === undefined
            ? {}
            : {
                gives: (state: State) => namedBy(state, tenantId, id),
                after: (directory: State['directory']) => ({
                  ...directory,
                  groups: directory.groups.map((each) =>
                    each.tenantId === tenantId && each.id === id ? renamed(each, external) : each,
                  ),
                }),
              }
        const by = guarded(deps, ask, changing(version(tenantId, id)), checks)
        const change = {
          ...(name === undefined ? {} : { name }),
          ...(external === undefined ? {} : { external }),
        }
        const after = await people.groups.update(tenantId, id, change, by)
        if (after === undefined) throw notFound('group')
        return show(await detail(after), { version: groupJson(after) })
      }),
    )
    .delete(
      ONE,
      ...on('DELETE', ONE, deleteGroup, async (ask) => {
        const { changing, params, reply, tenantId } = ask
        const { id } = await found(tenantId, params['id'])
        const impact = await impactOf(deps, tenantId, 'group', id)
        const checks = removalChecks(deps, tenantId, 'group', id)
        const by = guarded(deps, ask, changing(version(tenantId, id)), checks)
        if (!(await people.groups.remove(tenantId, id, by))) throw notFound('group')
        return reply({ id, deleted: true, impact })
      }),
    )
    .put(MEMBER, ...on('PUT', MEMBER, putMember, (ask) => addMember(deps, 'group', ask)))
    .delete(MEMBER, ...on('DELETE', MEMBER, takeMember, (ask) => removeMember(deps, 'group', ask)))
}

/** All that is said of a group: whom it holds changes with what tokens call it, so others come by what it gives, or lose a denial. */
function namedBy({ directory, rights }: State, tenantId: string, id: string) {
  return givenBy(assignmentsNaming(directory, tenantId, 'group', id), rights)
}

function renamed({ external: _external, ...group }: Group, external: string | null): Group {
  return external === null ? group : { ...group, external }
}
