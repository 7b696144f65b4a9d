// `/admin/users`: people of a tenant, those with a password of ours and those whom an issuer knows. Who they are is what their issuer calls
// them: that never changes here, and of an issuer's user neither do name and mail.

import { Elysia } from 'elysia'
import { LOCAL_NAME_WORDS, localName } from '../../../auth/local-users.ts'
import type { Group, Status, Team, User } from '../../../core/identity.ts'
import { LOCAL_ISSUER } from '../../../core/issuer.ts'
import { LIMITS } from '../../../core/limits.ts'
import { gained, without } from '../../../core/policy/giving.ts'
import type { UserSort } from '../../../core/ports-people.ts'
import type { Principal } from '../../../core/principal.ts'
import { Rights } from '../../../core/rights.ts'
import type { ServerDeps } from '../../context.ts'
import { invalidMember, notFound } from '../body.ts'
import { adminRoutes, nullable, oneOf, strict, words, t, type RouteContract } from '../contract.ts'
import { askedOf, listOf, listQuery, pageEnd } from '../paging.ts'
import { conflict, guarded, type Asking, type Checks, type State } from './guard.ts'
import { impactOf } from './impact.ts'
import { requireIssuer } from './issuers.ts'
import { grantJson, profileReason, shownUser, userVersion } from './json.ts'
import { linkUrl, makeLink, requireLocal } from './password-links.ts'
import {
  DeletedSchema,
  Name,
  PasswordLinkSchema,
  STATUSES,
  UserDetailSchema,
  UserSchema,
} from './schemas.ts'

const BASE = '/admin/users'
const ONE = '/admin/users/:id'

const Email = t.String({
  maxLength: 320,
  pattern: '^[^\\s@]+@[^\\s@]+$',
  wanted: 'Must be an address of mail.',
})

const Password = t.String({
  maxLength: LIMITS.passwordCharsMax,
  description: `At least ${LIMITS.passwordShortestChars} characters.`,
})

const SORTS = {
  name: 'text',
  subject: 'text',
  email: 'text',
  created: 'number',
  last_login: 'number',
} as const satisfies Record<UserSort, string>

const listUsers = {
  summary: 'Users',
  tag: 'People',
  query: strict({
    ...listQuery(['name', 'subject', 'email', 'created', 'last_login']),
    status: t.Optional(oneOf(STATUSES)),
    issuer: t.Optional(words(100)),
  }),
  answers: { 200: listOf(UserSchema) },
} satisfies RouteContract

const showUser = {
  summary: 'A user, with their groups, teams and rights',
  tag: 'People',
  answers: { 200: UserDetailSchema },
  errors: [404],
  versioned: true,
} satisfies RouteContract

const createUser = {
  summary: 'Make a user',
  description:
    'A local user logs in with a password: given here, or chosen by them through the link of the answer. A user of an issuer is made ahead of their first login.',
  tag: 'People',
  body: strict({
    subject: words(300, {
      description: 'What they log in with; of an issuer’s user the subject of its tokens.',
    }),
    name: t.Optional(Name),
    email: t.Optional(Email),
    issuer: t.Optional(words(100, { description: '`local` unless given.' })),
    password: t.Optional(Password),
  }),
  answers: {
    201: t.Object(
      { ...UserDetailSchema.properties, password_link: nullable(PasswordLinkSchema) },
      { $id: 'NewUser' },
    ),
  },
  errors: [404, 409],
  once: true,
  examples: {
    'With a link to choose a password': { subject: 'alice', email: 'alice@example.com' },
    'Of an issuer': { subject: '5f3c0d7e', issuer: 'keycloak' },
  },
} satisfies RouteContract

const changeUser = {
  summary: 'Change a user, or turn them off or on',
  description:
    'Whoever is turned off keeps keys and rights and gets in with none; their sessions end. `null` takes a name or an address away.',
  tag: 'People',
  body: strict({
    name: t.Optional(nullable(Name)),
    email: t.Optional(nullable(Email)),
    status: t.Optional(oneOf(STATUSES)),
  }),
  answers: { 200: UserDetailSchema },
  errors: [404, 409],
  versioned: true,
} satisfies RouteContract

const deleteUser = {
  summary: 'Delete a user',
  description: 'With memberships, assignments and sessions; keys that they own are revoked.',
  tag: 'People',
  answers: { 200: DeletedSchema },
  errors: [404, 409],
  versioned: true,
} satisfies RouteContract

export function usersRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const { people } = deps
  return new Elysia({ name: 'users-routes' })
    .get(
      BASE,
      ...on('GET', BASE, listUsers, async ({ query, reply, tenantId }) => {
        const { issuer, status } = query
        const filter = {
          ...(issuer === undefined ? {} : { issuer }),
          ...(status === undefined ? {} : { status }),
        }
        const asked = askedOf(query, SORTS)
        const page = await people.users.page(tenantId, filter, asked)
        return reply({ data: page.rows.map(shownUser), ...pageEnd(asked, page) })
      }),
    )
    .post(
      BASE,
      ...on('POST', BASE, createUser, async (ask) => {
        const { actor, body, show, tenantId } = ask
        const wanted = await newUser(deps, ask, body)
        const isLocal = wanted.issuer === LOCAL_ISSUER
        // Whoever has the password, or the link to it, is them.
        const becomes = ({ rights }: State) =>
          rights.ofUser({ ...wanted, tenantId, status: 'active' })
        const by = guarded(deps, ask, actor, isLocal ? { becomes } : {})
        const made = await people.users.create({ ...wanted, tenantId }, by)
        const hasLink = isLocal && body.password === undefined
        const link = hasLink ? await makeLink(deps, made, actor) : null
        const json = { ...(await detail(deps, made)), password_link: link }
        return show(json, { status: 201, version: userVersion(made) })
      }),
    )
    .get(
      ONE,
      ...on('GET', ONE, showUser, async ({ params, show, tenantId }) => {
        const user = await foundUser(deps, tenantId, params['id'])
        return show(await detail(deps, user), { version: userVersion(user) })
      }),
    )
    .patch(
      ONE,
      ...on('PATCH', ONE, changeUser, async (ask) => {
        const { body, changing, params, show, tenantId } = ask
        const user = await foundUser(deps, tenantId, params['id'])
        const { email, name, status } = body
        const reason = profileReason(user)
        if (reason !== null && (name !== undefined || email !== undefined)) {
          throw conflict('from_issuer', reason)
        }
        const by = guarded(deps, ask, changing(versionOf(deps, user)), checksOf(ask, user, status))
        const change = {
          // The store takes an empty text for none.
          ...(name === undefined ? {} : { name: name ?? '' }),
          ...(email === undefined ? {} : { email: email ?? '' }),
          ...(status === undefined ? {} : { status }),
        }
        const after = await people.users.update(tenantId, user.id, change, by)
        if (after === undefined) throw notFound('user')
        return show(await detail(deps, after), { version: userVersion(after) })
      }),
    )
    .delete(
      ONE,
      ...on('DELETE', ONE, deleteUser, async (ask) => {
        const { changing, params, reply, tenantId } = ask
        const user = await foundUser(deps, tenantId, params['id'])
        const { id } = user
        refuseOneself(ask, user)
        const impact = await impactOf(deps, tenantId, 'user', id)
        const by = guarded(deps, ask, changing(versionOf(deps, user)), {
          ends: (state) => present(asActive(state, user)),
          after: (directory) => without(directory, tenantId, 'user', id),
          ...returning(user),
        })
        if (!(await people.users.remove(tenantId, id, by))) throw notFound('user')
        return reply({ id, deleted: true, impact })
      }),
    )
}

/** @throws GatewayError 404 */
export async function foundUser({ people }: ServerDeps, tenantId: string, id = ''): Promise<User> {
  const user = await people.users.find(tenantId, id)
  if (user === undefined) throw notFound('user')
  return user
}

/** The user as they would be turned on, whatever they are now: what somebody could come to act as. */
export function asActive(
  { directory, rights }: State,
  { id, tenantId }: Pick<User, 'id' | 'tenantId'>,
): Principal | undefined {
  const user = directory.users.find((each) => each.tenantId === tenantId && each.id === id)
  return user === undefined ? undefined : rights.ofUser({ ...user, status: 'active' })
}

/** None or one. */
export function present(principal: Principal | undefined): readonly Principal[] {
  return principal === undefined ? [] : [principal]
}

/** Whom an issuer lets in comes back as somebody new: turned on, and without what was denied to them here. */
function returning(user: User): Checks {
  const { id, issuer, status, tenantId } = user
  if (issuer === LOCAL_ISSUER) return {}
  const anew = ({ directory }: State) =>
    new Rights(without(directory, tenantId, 'user', id)).ofUser({ ...user, status: 'active' })
  return {
    gives: (state) => gained(asActive(state, user), anew(state)),
    ...(status === 'active' ? {} : { opens: (state) => present(anew(state)) }),
  }
}

/** What the `ETag` of a user is made of, read anew. */
export function versionOf({ people }: ServerDeps, { id, tenantId }: User) {
  return async () => {
    const user = await people.users.find(tenantId, id)
    return user === undefined ? undefined : userVersion(user)
  }
}

function checksOf(asking: Asking, user: User, status: Status | undefined) {
  const { id, tenantId } = user
  if (status === 'active') return { opens: (state: State) => present(asActive(state, user)) }
  if (status === undefined) return {}
  refuseOneself(asking, user)
  return {
    ends: (state: State) => present(asActive(state, user)),
    after: (directory: State['directory']) => ({
      ...directory,
      users: directory.users.map((each) =>
        each.tenantId === tenantId && each.id === id ? { ...each, status } : each,
      ),
    }),
  }
}

/** Whoever shuts themselves out does not mean it. @throws GatewayError 409 */
function refuseOneself({ principal }: Asking, { id, tenantId }: User): void {
  if (principal.userId !== id || principal.tenantId !== tenantId) return
  throw conflict('own_account', 'This is you. Ask another administrator to do it.')
}

async function newUser(
  deps: ServerDeps,
  asking: Asking,
  body: {
    readonly subject: string
    readonly name?: string
    readonly email?: string
    readonly issuer?: string
    readonly password?: string
  },
) {
  const { issuer = LOCAL_ISSUER, password } = body
  const facts = {
    id: deps.ids.uuid(),
    issuer,
    createdMs: deps.clock.nowMs(),
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.email === undefined ? {} : { email: body.email }),
  }
  if (issuer !== LOCAL_ISSUER) {
    requireIssuer(deps, asking, issuer)
    if (password !== undefined) {
      throw invalidMember('password', 'Only local users have a password here.')
    }
    return { ...facts, subject: body.subject }
  }
  requireLocal(deps)
  const subject = localName(body.subject)
  if (subject === undefined) throw invalidMember('subject', LOCAL_NAME_WORDS)
  if (password === undefined) {
    // Before anybody is made who could not get in.
    linkUrl(deps, '')
    return { ...facts, subject }
  }
  return { ...facts, subject, passwordHash: await deps.people.local.hashFor(subject, password) }
}

/** A user with all that concerns them. */
async function detail(deps: ServerDeps, user: User) {
  const { id, tenantId } = user
  const { rights } = deps.gateway.snapshot()
  const principal = rights.ofUser(user)
  const [memberships, groups, teams] = await Promise.all([
    deps.people.memberships.ofUser(tenantId, id),
    deps.people.groups.list(tenantId),
    deps.people.teams.list(tenantId),
  ])
  const listed = new Set(memberships.map((each) => `${each.kind}:${each.id}`))
  const place = (kind: 'group' | 'team', rows: readonly (Group | Team)[]) => (placeId: string) => ({
    id: placeId,
    name: rows.find((row) => row.id === placeId)?.name ?? null,
    from_issuer: !listed.has(`${kind}:${placeId}`),
  })
  const idsOf = (kind: string) =>
    [...listed]
      .filter((each) => each.startsWith(`${kind}:`))
      .map((each) => each.slice(kind.length + 1))
  return {
    ...shownUser(user),
    // Of whoever is turned off nothing is worked out but what is listed.
    groups: (principal?.groups ?? idsOf('group')).map(place('group', groups)),
    teams: (principal?.teamIds ?? idsOf('team')).map(place('team', teams)),
    grants: (principal?.grants ?? []).map(grantJson),
    impact: await impactOf(deps, tenantId, 'user', id),
  }
}
