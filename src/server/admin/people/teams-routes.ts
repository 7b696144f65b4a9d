// `/admin/teams`: names under which keys, budgets and rights of several people are kept.

import { Elysia } from 'elysia'
import type { Team } from '../../../core/identity.ts'
import type { ServerDeps } from '../../context.ts'
import { notFound } from '../body.ts'
import { adminRoutes, strict, t, type RouteContract } from '../contract.ts'
import { listOf, listQuery, pageOf } from '../paging.ts'
import { putMember, takeMember } from './groups-routes.ts'
import { guarded } from './guard.ts'
import { impactOf } from './impact.ts'
import { teamJson } from './json.ts'
import { addMember, membersOf, removalChecks, removeMember, withCounts } from './members.ts'
import { ChosenId, DeletedSchema, Name, TeamDetailSchema, TeamSchema } from './schemas.ts'

const BASE = '/admin/teams'
const ONE = '/admin/teams/:id'
const MEMBER = '/admin/teams/:id/members/:user'

const listTeams = {
  summary: 'Teams',
  tag: 'People',
  query: strict(listQuery(['name', 'id', 'created'])),
  answers: { 200: listOf(TeamSchema) },
} satisfies RouteContract

const showTeam = {
  summary: 'A team and who is in it',
  tag: 'People',
  answers: { 200: TeamDetailSchema },
  errors: [404],
  versioned: true,
} satisfies RouteContract

const createTeam = {
  summary: 'Make a team',
  tag: 'People',
  body: strict({ id: ChosenId, name: t.Optional(Name) }),
  answers: { 201: TeamDetailSchema },
  errors: [404, 409],
  once: true,
  examples: { 'A team': { id: 'research', name: 'Research' } },
} satisfies RouteContract

const changeTeam = {
  summary: 'Give a team another name',
  tag: 'People',
  body: strict({ name: Name }),
  answers: { 200: TeamDetailSchema },
  errors: [404],
  versioned: true,
} satisfies RouteContract

const deleteTeam = {
  summary: 'Delete a team',
  description: 'With its memberships and assignments; keys that it owns are revoked.',
  tag: 'People',
  answers: { 200: DeletedSchema },
  errors: [404, 409],
  versioned: true,
} satisfies RouteContract

export function teamsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const { people } = deps
  const found = async (tenantId: string, id = '') => {
    const team = (await people.teams.list(tenantId)).find((each) => each.id === id)
    if (team === undefined) throw notFound('team')
    return team
  }
  const version = (tenantId: string, id: string) => async () => {
    const team = (await people.teams.list(tenantId)).find((each) => each.id === id)
    return team === undefined ? undefined : teamJson(team)
  }
  const detail = async (team: Team) => {
    const { id, tenantId } = team
    const listed = await membersOf(deps, tenantId, 'team', id)
    const impact = await impactOf(deps, tenantId, 'team', id)
    return { ...teamJson(team), members: listed.length, listed, impact }
  }
  return new Elysia({ name: 'teams-routes' })
    .get(
      BASE,
      ...on('GET', BASE, listTeams, async ({ query, reply, tenantId }) => {
        const { rows, ...page } = pageOf(await people.teams.list(tenantId), query, {
          id: ({ id }) => id,
          sorts: {
            name: ({ name }) => name.toLowerCase(),
            id: ({ id }) => id,
            created: ({ createdMs }) => createdMs,
          },
          text: ({ id, name }) => [id, name],
        })
        const counted = await withCounts(deps, 'team', rows)
        return reply({
          data: counted.map(([row, members]) => ({ ...teamJson(row), members })),
          ...page,
        })
      }),
    )
    .post(
      BASE,
      ...on('POST', BASE, createTeam, async ({ actor, body, show, tenantId }) => {
        const { id, name = id } = body
        const team = { tenantId, id, name, createdMs: deps.clock.nowMs() }
        const made = await people.teams.create(team, actor)
        return show(await detail(made), { status: 201, version: teamJson(made) })
      }),
    )
    .get(
      ONE,
      ...on('GET', ONE, showTeam, async ({ params, show, tenantId }) => {
        const team = await found(tenantId, params['id'])
        return show(await detail(team), { version: teamJson(team) })
      }),
    )
    .patch(
      ONE,
      ...on('PATCH', ONE, changeTeam, async ({ body, changing, params, show, tenantId }) => {
        const id = params['id'] ?? ''
        const by = changing(version(tenantId, id))
        const after = await people.teams.rename(tenantId, id, body.name, by)
        if (after === undefined) throw notFound('team')
        return show(await detail(after), { version: teamJson(after) })
      }),
    )
    .delete(
      ONE,
      ...on('DELETE', ONE, deleteTeam, async (ask) => {
        const { changing, params, reply, tenantId } = ask
        const { id } = await found(tenantId, params['id'])
        const impact = await impactOf(deps, tenantId, 'team', id)
        const checks = removalChecks(deps, tenantId, 'team', id)
        const by = guarded(deps, ask, changing(version(tenantId, id)), checks)
        if (!(await people.teams.remove(tenantId, id, by))) throw notFound('team')
        return reply({ id, deleted: true, impact })
      }),
    )
    .put(MEMBER, ...on('PUT', MEMBER, putMember, (ask) => addMember(deps, 'team', ask)))
    .delete(MEMBER, ...on('DELETE', MEMBER, takeMember, (ask) => removeMember(deps, 'team', ask)))
}
