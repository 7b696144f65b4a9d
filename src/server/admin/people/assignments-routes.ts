// `/admin/assignments`: who has which role where. Nobody gives a role that they have not whole themselves, and nobody takes one away, or a
// denial, that they could not give.

import { Elysia } from 'elysia'
import {
  PLATFORM_TENANT_ID,
  platformAssigneeId,
  type Assignee,
  type Directory,
  type RoleAssignment,
} from '../../../core/identity.ts'
import { can, tenantOfScope } from '../../../core/permission.ts'
import { givenBy, mayAssign, ownsBut, type Given } from '../../../core/policy/giving.ts'
import { SCOPE_WORDS, scopeFromWords } from '../../../core/policy/scope-words.ts'
import type { Principal } from '../../../core/principal.ts'
import { builtInRole } from '../../../core/roles.ts'
import type { ServerDeps } from '../../context.ts'
import { invalidMember, notFound } from '../body.ts'
import { adminRoutes, oneOf, strict, words, t, type RouteContract } from '../contract.ts'
import { listOf, listQuery, pageOf } from '../paging.ts'
import { conflict, denied, guarded, type Asking, type Checks } from './guard.ts'
import { assignmentsSeen } from './impact.ts'
import { shownAssignment } from './json.ts'
import { principalsNamed } from './named.ts'
import { assigneeName, namedOf, type Named } from './names.ts'
import { ASSIGNEES, AssigneeInput, AssignmentSchema, EFFECTS } from './schemas.ts'

const BASE = '/admin/assignments'
const ONE = '/admin/assignments/:id'

const listAssignments = {
  summary: 'Who has which role where',
  description: 'Of a tenant, and of the whole installation where one may see those.',
  tag: 'People',
  query: strict({
    ...listQuery(['created', 'role', 'scope', 'assignee']),
    role: t.Optional(words(63)),
    kind: t.Optional(oneOf(ASSIGNEES)),
    assignee: t.Optional(words(300, { description: 'Id of the assignee; with `kind`.' })),
    scope: t.Optional(words(400)),
    effect: t.Optional(oneOf(EFFECTS)),
    platform: t.Optional(
      t.Boolean({ description: 'Only those of the whole installation, or (false) of the tenant.' }),
    ),
  }),
  answers: { 200: listOf(AssignmentSchema) },
} satisfies RouteContract

const createAssignment = {
  summary: 'Give a role, or deny what it gives',
  description:
    'Only what one has oneself. At `/`, and at a scope of another tenant, it is an assignment of the whole installation; the assignee is somebody of the tenant all the same.',
  tag: 'People',
  body: strict({
    role: words(63),
    assignee: AssigneeInput,
    scope: t.Optional(words(400, { description: `${SCOPE_WORDS} Unless given, the tenant.` })),
    effect: t.Optional(oneOf(EFFECTS, { description: '`deny` beats every `allow`.' })),
  }),
  answers: { 201: AssignmentSchema },
  errors: [404, 409],
  once: true,
  examples: {
    'A group may use some models': {
      role: 'member',
      assignee: { kind: 'group', id: 'engineers' },
      scope: 'model:gpt-*',
    },
    'Nobody may use a provider': {
      role: 'member',
      assignee: { kind: 'everyone' },
      scope: 'provider:openai',
      effect: 'deny',
    },
  },
} satisfies RouteContract

const deleteAssignment = {
  summary: 'Take an assignment away',
  tag: 'People',
  answers: { 200: t.Object({ id: t.String(), deleted: t.Boolean() }) },
  errors: [404, 409],
} satisfies RouteContract

export function assignmentsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const { people } = deps
  return new Elysia({ name: 'assignments-routes' })
    .get(
      BASE,
      ...on('GET', BASE, listAssignments, async (ask) => {
        const { query, reply } = ask
        const named = await namesOf(deps, ask.tenantId)
        const seen = (await seenBy(deps, ask))
          .filter((each) => fits(each, query))
          .map((each) => shownAssignment(each, assigneeName(each, named)))
        const { rows, ...page } = pageOf(seen, query, {
          id: ({ id }) => id,
          sorts: {
            created: ({ created }) => created,
            role: ({ role }) => role,
            scope: ({ scope }) => scope,
            assignee: ({ assignee }) => assignee.name.toLowerCase(),
          },
          text: ({ assignee, id, role, scope }) => [id, role, scope, assignee.id, assignee.name],
        })
        return reply({ data: [...rows], ...page })
      }),
    )
    .post(
      BASE,
      ...on('POST', BASE, createAssignment, async (ask) => {
        const { actor, show, tenantId } = ask
        const wanted = wantedOf(deps, ask, ask.body)
        const by = guarded(deps, ask, actor, givingChecks(deps, ask, wanted, ask.body))
        const made = await people.assignments.create(wanted, by)
        const named = await namesOf(deps, tenantId)
        return show(shownAssignment(made, assigneeName(made, named)), { status: 201 })
      }),
    )
    .delete(
      ONE,
      ...on('DELETE', ONE, deleteAssignment, async (ask) => {
        const { actor, params, principal, reply, rule } = ask
        const found = (await seenBy(deps, ask)).find(({ id }) => id === params['id'])
        if (found === undefined) throw notFound('assignment')
        if (!can(principal, rule.action, found.scope)) throw denied(deps, ask)
        const by = guarded(deps, ask, actor, {
          // Who could not give it does not take it away; and who takes a denial away gives what it denied.
          gives: ({ rights }) => liftedBy(principal, found, givenBy([found], rights)),
          holds: (_state, now) => {
            if (!can(now, rule.action, found.scope)) throw denied(deps, ask)
          },
          ...(found.tenantId === PLATFORM_TENANT_ID ? { receivers: 'anywhere' } : {}),
          after: (directory) => ({
            ...directory,
            assignments: directory.assignments.filter(({ id }) => id !== found.id),
          }),
        })
        if (!(await people.assignments.remove(found.tenantId, found.id, by))) {
          throw notFound('assignment')
        }
        return reply({ id: found.id, deleted: true })
      }),
    )
}

function givingChecks(
  deps: ServerDeps,
  asking: Asking,
  wanted: RoleAssignment,
  asked: AssigneeAsked,
): Checks {
  const { tenantId } = asking
  const checks: Checks = {
    holds: ({ directory, rights }, giver) => {
      const role = rights.role(wanted.tenantId, wanted.roleId)
      if (role === undefined) throw invalidMember('role', 'There is no such role there.')
      if (!mayAssign(giver, wanted, role, rights.everyonesGrants(tenantId))) {
        const message = 'You may not assign this there: nobody gives more than they have.'
        throw denied(deps, asking, message)
      }
      refuseTwice(directory, wanted)
    },
  }
  if (wanted.effect === 'allow') return checks
  return {
    ...checks,
    // Who is above one is not turned off by denials either; what holds for everyone the owner lifts again.
    ends: (state) => principalsNamed(deps, state, tenantId, assigneeOf(asked)),
    after: (directory) => ({ ...directory, assignments: [...directory.assignments, wanted] }),
  }
}

/** What taking an assignment away needs of whoever does it: of an owner nothing for what holds for everyone, them included. */
function liftedBy(
  principal: Principal,
  { assignee, effect }: RoleAssignment,
  given: readonly Given[],
): readonly Given[] {
  if (effect === 'allow' || assignee.kind !== 'everyone') return given
  return given.filter((each) => !ownsBut(principal, each))
}

/** Those of the tenant that somebody may see, and of the whole installation where they may see all of it. */
async function seenBy(deps: ServerDeps, asking: Asking): Promise<RoleAssignment[]> {
  const { principal, tenantId } = asking
  return (await assignmentsSeen(deps, tenantId)).filter(({ scope, tenantId: owner }) =>
    can(principal, 'assignment.read', owner === PLATFORM_TENANT_ID ? '/' : scope),
  )
}

function fits(
  { assignee, effect, roleId, scope, tenantId }: RoleAssignment,
  wanted: {
    readonly role?: string
    readonly kind?: string
    readonly assignee?: string
    readonly scope?: string
    readonly effect?: string
    readonly platform?: boolean
  },
): boolean {
  const pairs = [
    [wanted.role, roleId],
    [wanted.kind, assignee.kind],
    [wanted.assignee, assignee.id],
    [wanted.scope, scope],
    [wanted.effect, effect],
  ] as const
  const isPlatform = tenantId === PLATFORM_TENANT_ID
  return (
    pairs.every(([want, have]) => want === undefined || want === have) &&
    (wanted.platform === undefined || wanted.platform === isPlatform)
  )
}

/** Somebody of the tenant. @throws GatewayError 400 for one without an id */
function assigneeOf({ assignee: { id, kind } }: AssigneeAsked): Assignee {
  if (kind === 'everyone') return { kind, id: '*' }
  if (id === undefined) throw invalidMember('assignee.id', 'Missing.')
  return { kind, id }
}

interface AssigneeAsked {
  readonly assignee: { readonly kind: Assignee['kind']; readonly id?: string }
}

/** @throws GatewayError 400 for a scope that is none, or an assignee without an id */
function wantedOf(
  deps: ServerDeps,
  { tenantId }: Asking,
  body: AssigneeAsked & {
    readonly role: string
    readonly scope?: string
    readonly effect?: 'allow' | 'deny'
  },
): RoleAssignment {
  const scope = scopeFromWords(body.scope ?? 'tenant', tenantId)
  if (scope === undefined) throw invalidMember('scope', SCOPE_WORDS)
  const { id, kind } = assigneeOf(body)
  const isEverywhere = tenantOfScope(scope) !== tenantId
  const assignee = { kind, id: isEverywhere ? platformAssigneeId(tenantId, { kind, id }) : id }
  return {
    id: deps.ids.uuid(),
    tenantId: isEverywhere ? PLATFORM_TENANT_ID : tenantId,
    // A synonym is the role it stands for.
    roleId: builtInRole(body.role)?.id ?? body.role,
    assignee,
    scope,
    effect: body.effect ?? 'allow',
    createdMs: deps.clock.nowMs(),
    origin: 'store',
  }
}

/** The store would say so as well, without the words. @throws GatewayError 409 */
function refuseTwice({ assignments }: Directory, wanted: RoleAssignment): void {
  const text = ({ assignee, effect, roleId, scope, tenantId }: RoleAssignment) =>
    JSON.stringify([tenantId, roleId, assignee.kind, assignee.id, scope, effect])
  if (!assignments.some((each) => text(each) === text(wanted))) return
  throw conflict('already_exists', 'They have this role there already.')
}

async function namesOf(deps: ServerDeps, tenantId: string): Promise<Named> {
  const { users } = await deps.people.directory.all()
  const declared = [...deps.gateway.snapshot().keysByHash.values()]
  return namedOf(users, [...declared, ...(await deps.keys.keys.list(tenantId))])
}
