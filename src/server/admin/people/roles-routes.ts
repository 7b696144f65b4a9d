// `/admin/roles`: lists of actions under a name. The built-in ones are there to be read; one's own belong to a tenant or to the whole
// installation, and nobody writes one that gives more than they have, or changes one that others have beyond that.

import { Elysia } from 'elysia'
import {
  PLATFORM_TENANT_ID,
  type RoleAssignment,
  type RoleDefinition,
} from '../../../core/identity.ts'
import { can, scopes } from '../../../core/permission.ts'
import type { Given } from '../../../core/policy/giving.ts'
import { BUILT_IN_ROLES, builtInRole } from '../../../core/roles.ts'
import type { ServerDeps } from '../../context.ts'
import { notFound } from '../body.ts'
import { adminRoutes, nullable, oneOf, strict, t, type RouteContract } from '../contract.ts'
import { listOf, listQuery, pageOf } from '../paging.ts'
import {
  conflict,
  guarded,
  requirePlatform,
  type Asking,
  type Checks,
  type State,
} from './guard.ts'
import { assignmentsSeen } from './impact.ts'
import { roleJson, shownRole } from './json.ts'
import { ACTION_NAMES, ChosenId, Name, RoleSchema } from './schemas.ts'

const BASE = '/admin/roles'
const ONE = '/admin/roles/:id'

const platform = {
  platform: t.Optional(
    t.Boolean({ description: 'Of the whole installation instead of one tenant.' }),
  ),
}
const Patterns = t.Array(t.String({ minLength: 1, maxLength: 100 }), {
  maxItems: ACTION_NAMES.length,
  description: 'Actions, and patterns such as `key.*`.',
})
const Description = t.String({ maxLength: 1_000 })

const listRoles = {
  summary: 'Roles',
  description: 'The built-in ones and one’s own.',
  tag: 'People',
  query: strict({
    ...listQuery(['name', 'id']),
    ...platform,
    origin: t.Optional(oneOf(['built_in', 'store'])),
  }),
  answers: { 200: listOf(RoleSchema) },
} satisfies RouteContract

const showRole = {
  summary: 'A role and every action it gives',
  tag: 'People',
  query: strict(platform),
  answers: { 200: RoleSchema },
  errors: [404],
  versioned: true,
} satisfies RouteContract

const createRole = {
  summary: 'Make a role',
  tag: 'People',
  query: strict(platform),
  body: strict({
    id: ChosenId,
    name: t.Optional(Name),
    description: t.Optional(Description),
    actions: Patterns,
    not_actions: t.Optional(Patterns),
  }),
  answers: { 201: RoleSchema },
  errors: [404, 409],
  once: true,
  examples: {
    'Keeps keys': { id: 'key-keeper', actions: ['key.*'], not_actions: ['key.delete'] },
  },
} satisfies RouteContract

const changeRole = {
  summary: 'Change a role',
  description: 'Whoever has it has the new actions at once.',
  tag: 'People',
  query: strict(platform),
  body: strict({
    name: t.Optional(Name),
    description: t.Optional(nullable(Description)),
    actions: t.Optional(Patterns),
    not_actions: t.Optional(Patterns),
  }),
  answers: { 200: RoleSchema },
  errors: [404, 409],
  versioned: true,
} satisfies RouteContract

const deleteRole = {
  summary: 'Delete a role that nobody has',
  tag: 'People',
  query: strict(platform),
  answers: { 200: t.Object({ id: t.String(), deleted: t.Boolean() }) },
  errors: [404, 409],
  versioned: true,
} satisfies RouteContract

type OwnRole = RoleDefinition & { readonly tenantId: string }

export function rolesRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const { people } = deps
  const owner = (ask: Asking & { readonly query: { readonly platform?: boolean } }): string => {
    if (ask.query.platform !== true) return ask.tenantId
    requirePlatform(deps, ask)
    return PLATFORM_TENANT_ID
  }
  const find = async (tenantId: string, id: string) =>
    (await people.roles.list(tenantId)).find((each) => each.id === id)
  const foundOwn = async (tenantId: string, id = ''): Promise<OwnRole> => {
    if (builtInRole(id) !== undefined) {
      throw conflict('built_in', 'Built-in roles stay as they are; make one of your own.')
    }
    const role = await find(tenantId, id)
    if (role === undefined) throw notFound('role')
    return { ...role, tenantId }
  }
  const version = (tenantId: string, id: string) => async () => {
    const role = await find(tenantId, id)
    return role === undefined ? undefined : roleJson(role)
  }
  const shown = (role: RoleDefinition, assignments: readonly RoleAssignment[]) => {
    const assigned = assignments.filter((each) => isOf(each, role)).length
    return { ...shownRole(role), assigned }
  }
  return new Elysia({ name: 'roles-routes' })
    .get(
      BASE,
      ...on('GET', BASE, listRoles, async (ask) => {
        const { query, reply } = ask
        const own = query.origin === 'built_in' ? [] : await people.roles.list(owner(ask))
        const roles = [...(query.origin === 'store' ? [] : BUILT_IN_ROLES), ...own]
        const { rows, ...page } = pageOf(roles, query, {
          id: ({ id }) => id,
          sorts: { name: ({ name }) => name.toLowerCase(), id: ({ id }) => id },
          text: ({ description, id, name }) => [id, name, description],
        })
        const assignments = await assignmentsCounted(deps, ask)
        return reply({ data: rows.map((role) => shown(role, assignments)), ...page })
      }),
    )
    .post(
      BASE,
      ...on('POST', BASE, createRole, async (ask) => {
        const { actor, body, show } = ask
        const { actions, description = '', id, name = id, not_actions: notActions = [] } = body
        const tenantId = owner(ask)
        const role = { tenantId, id, name, description, actions, notActions }
        const by = guarded(deps, ask, actor, {
          holds: ({ directory }) => {
            if (ownIn(directory, role) === undefined) return
            throw conflict('already_exists', 'There is a role of this id already.')
          },
          gives: () => [{ scope: scopeOf(tenantId), role }],
          ...receiversOf(tenantId),
        })
        await people.roles.save(role, by)
        const assignments = await assignmentsCounted(deps, ask)
        return show(shown(role, assignments), { status: 201, version: roleJson(role) })
      }),
    )
    .get(
      ONE,
      ...on('GET', ONE, showRole, async (ask) => {
        const id = ask.params['id'] ?? ''
        const role = builtInRole(id) ?? (await find(owner(ask), id))
        if (role === undefined) throw notFound('role')
        const assignments = await assignmentsCounted(deps, ask)
        return ask.show(shown(role, assignments), { version: roleJson(role) })
      }),
    )
    .patch(
      ONE,
      ...on('PATCH', ONE, changeRole, async (ask) => {
        const { body, changing, params, show } = ask
        const before = await foundOwn(owner(ask), params['id'])
        const {
          actions = before.actions,
          description = before.description,
          name = before.name,
          not_actions: notActions = before.notActions,
        } = body
        const role = { ...before, name, description: description ?? '', actions, notActions }
        const by = guarded(
          deps,
          ask,
          changing(version(before.tenantId, before.id)),
          changeChecks(before, role),
        )
        await people.roles.save(role, by)
        const assignments = await assignmentsCounted(deps, ask)
        return show(shown(role, assignments), { version: roleJson(role) })
      }),
    )
    .delete(
      ONE,
      ...on('DELETE', ONE, deleteRole, async (ask) => {
        const { changing, params, reply } = ask
        const role = await foundOwn(owner(ask), params['id'])
        const { id, tenantId } = role
        const by = guarded(deps, ask, changing(version(tenantId, id)), {
          gives: () => [{ scope: scopeOf(tenantId), role }],
          ...receiversOf(tenantId),
          // Nobody has it by an assignment; but tokens give roles as well.
          after: (directory) => ({
            ...directory,
            roles: directory.roles.filter((each) => each.tenantId !== tenantId || each.id !== id),
          }),
        })
        if (!(await people.roles.remove(tenantId, id, by))) throw notFound('role')
        return reply({ id, deleted: true })
      }),
    )
}

/** Those of the whole installation only for whom they are no secret. */
async function assignmentsCounted(
  deps: ServerDeps,
  { principal, tenantId }: Asking,
): Promise<RoleAssignment[]> {
  const seen = await assignmentsSeen(deps, tenantId)
  if (can(principal, 'assignment.read', scopes.platform)) return seen
  return seen.filter((each) => each.tenantId === tenantId)
}

/** What is needed to make one role of another: all that either gives, wherever it is assigned, to allow or to deny. */
function changeChecks(before: OwnRole, after: OwnRole): Checks {
  const isSame = sameActions(before, after)
  return {
    ...receiversOf(before.tenantId),
    holds: ({ directory }) => {
      const now = ownIn(directory, before)
      if (now === undefined) throw notFound('role')
      // What is not named in the change is taken from what was read before.
      if (JSON.stringify(roleJson(now)) === JSON.stringify(roleJson(before))) return
      throw conflict('changed_meanwhile', 'It was changed at the same moment. Read it again.')
    },
    gives: ({ directory }) => {
      const places = new Set([
        scopeOf(before.tenantId),
        ...directory.assignments.filter((each) => isOf(each, before)).map(({ scope }) => scope),
      ])
      return [...places].flatMap((scope): Given[] =>
        isSame
          ? [{ scope, role: before }]
          : [
              { scope, role: before },
              { scope, role: after },
            ],
      )
    },
    ...(isSame
      ? {}
      : {
          after: (directory: State['directory']) => ({
            ...directory,
            roles: directory.roles.map((each) =>
              each.tenantId === before.tenantId && each.id === before.id ? after : each,
            ),
          }),
        }),
  }
}

/** A role of the whole installation may be had by people of any tenant. */
function receiversOf(tenantId: string): Pick<Checks, 'receivers'> {
  return tenantId === PLATFORM_TENANT_ID ? { receivers: 'anywhere' } : {}
}

function sameActions(one: RoleDefinition, other: RoleDefinition): boolean {
  const text = ({ actions, notActions }: RoleDefinition) => JSON.stringify([actions, notActions])
  return text(one) === text(other)
}

/** The scope at which a role of one's own can be assigned at most. */
function scopeOf(tenantId: string): string {
  return tenantId === PLATFORM_TENANT_ID ? scopes.platform : scopes.tenant(tenantId)
}

function ownIn(
  { roles }: State['directory'],
  { id, tenantId }: OwnRole,
): RoleDefinition | undefined {
  return roles.find((each) => each.id === id && each.tenantId === tenantId)
}

/** Whether an assignment is one of this role; of a built-in one in whichever tenant. */
function isOf({ roleId, tenantId }: RoleAssignment, role: RoleDefinition): boolean {
  if (roleId !== role.id) return false
  return role.tenantId === undefined || role.tenantId === tenantId
}
