// What the pages of people ask of the management API, in one place: lists, one of each, and the names things have for people. It draws
// nothing.

import { api, ifMatch, unwrap } from '../api.ts'
import { useQuery } from '../query.ts'

/** Lists are read whole up to so many rows; beyond it one searches. */
export const ROWS_MAX = 500

interface Asked {
  readonly signal: AbortSignal
}

const page = (q: string | undefined) => ({
  limit: ROWS_MAX,
  ...(q === undefined || q === '' ? {} : { q }),
})

export const readUsers = (q?: string) => (asked: Asked) =>
  unwrap(api.users.get({ query: page(q), fetch: asked }))
export const readUser = (id: string) => (asked: Asked) =>
  unwrap(api.users({ id }).get({ fetch: asked }))
export const readServices = (q?: string) => (asked: Asked) =>
  unwrap(api.services.get({ query: page(q), fetch: asked }))
export const readService = (id: string) => (asked: Asked) =>
  unwrap(api.services({ id }).get({ fetch: asked }))
export const readTenants = (q?: string) => (asked: Asked) =>
  unwrap(api.tenants.get({ query: page(q), fetch: asked }))
export const readAssignments = (query: AssignmentQuery) => (asked: Asked) =>
  unwrap(api.assignments.get({ query: { limit: ROWS_MAX, ...query }, fetch: asked }))
export const readActions = (asked: Asked) =>
  unwrap(api.actions.get({ query: { limit: ROWS_MAX }, fetch: asked }))
export const readSessions = (user: string | undefined) => (asked: Asked) =>
  unwrap(
    api.sessions.get({
      query: { limit: ROWS_MAX, ...(user === undefined ? {} : { user }) },
      fetch: asked,
    }),
  )
export const readRoles = (platform: boolean) => (asked: Asked) =>
  unwrap(
    api.roles.get({ query: { limit: ROWS_MAX, ...(platform ? { platform } : {}) }, fetch: asked }),
  )

export interface AssignmentQuery {
  readonly q?: string
  readonly platform?: boolean
  readonly kind?: AssigneeKind
  readonly assignee?: string
}

type Row<R extends (...args: never[]) => (asked: Asked) => Promise<{ data: readonly unknown[] }>> =
  Awaited<ReturnType<ReturnType<R>>>['data'][number]

export type User = Row<typeof readUsers>
export type UserDetail = Awaited<ReturnType<ReturnType<typeof readUser>>>
export type Service = Row<typeof readServices>
export type ServiceDetail = Awaited<ReturnType<ReturnType<typeof readService>>>
export type Tenant = Row<typeof readTenants>
export type Role = Row<typeof readRoles>
export type Assignment = Row<typeof readAssignments>
export type Session = Row<typeof readSessions>
export type Impact = UserDetail['impact']
export type Grant = UserDetail['grants'][number]
export type AssigneeKind = 'user' | 'group' | 'team' | 'service' | 'key' | 'everyone'

/** Groups and teams are asked for alike. */
export const PLACES = {
  group: {
    list: (q?: string) => (asked: Asked) =>
      unwrap(api.groups.get({ query: page(q), fetch: asked })),
    one: (id: string) => (asked: Asked) => unwrap(api.groups({ id }).get({ fetch: asked })),
    remove: (seen: { readonly id: string }) =>
      unwrap(api.groups({ id: seen.id }).delete(undefined, ifMatch(seen))),
    add: (id: string, user: string) => unwrap(api.groups({ id }).members({ user }).put()),
    take: (id: string, user: string) => unwrap(api.groups({ id }).members({ user }).delete()),
  },
  team: {
    list: (q?: string) => (asked: Asked) => unwrap(api.teams.get({ query: page(q), fetch: asked })),
    one: (id: string) => (asked: Asked) => unwrap(api.teams({ id }).get({ fetch: asked })),
    remove: (seen: { readonly id: string }) =>
      unwrap(api.teams({ id: seen.id }).delete(undefined, ifMatch(seen))),
    add: (id: string, user: string) => unwrap(api.teams({ id }).members({ user }).put()),
    take: (id: string, user: string) => unwrap(api.teams({ id }).members({ user }).delete()),
  },
} as const

export type PlaceKind = keyof typeof PLACES
/** A group or a team. */
export type Place = Row<(typeof PLACES)['team']['list']> & { readonly external?: string | null }
export type PlaceDetail = Awaited<ReturnType<ReturnType<(typeof PLACES)['team']['one']>>> & {
  readonly external?: string | null
}

/** Everything that a change among people may show anew. */
export const ALL = [
  'users',
  'user',
  'places',
  'place',
  'services',
  'service',
  'roles',
  'assignments',
  'tenants',
  'people-sessions',
] as const

/** A user as people know them. */
export function nameOfUser(user: Pick<User, 'name' | 'email' | 'subject'>): string {
  return user.name ?? user.email ?? user.subject
}

/** What goes along, in words for the question before a deletion. */
export function impactWords({ assignments, keys, members, sessions }: Impact): string[] {
  const words: readonly (readonly [number, string, string])[] = [
    [keys, 'API key is revoked', 'API keys are revoked'],
    [sessions, 'session ends', 'sessions end'],
    [assignments, 'role assignment goes with it', 'role assignments go with it'],
    [members, 'membership goes with it', 'memberships go with it'],
  ]
  return words
    .filter(([count]) => count > 0)
    .map(([count, one, many]) => `${count} ${count === 1 ? one : many}.`)
}

/** A scope in words: "this tenant", "model gpt-*". */
export function scopeWords(scope: string, tenantId: string | undefined): string {
  if (scope === '/') return 'whole installation'
  const [, , tenant = '', kind, ...rest] = scope.split('/')
  const where = tenant === tenantId ? '' : ` in ${tenant}`
  if (kind === undefined) return tenant === tenantId ? 'this tenant' : `tenant ${tenant}`
  return `${kind.replace(/s$/, '')} ${rest.join('/')}${where}`
}

export interface Choice {
  readonly value: string
  readonly label: string
}

/** Who can be chosen, of one kind; what one may not list can still be typed. */
export function useAssignees(kind: AssigneeKind, enabled = true): readonly Choice[] {
  const list = useQuery(
    ['people-choices', kind],
    async (asked): Promise<Choice[]> => {
      const named = ({ id, name }: { id: string; name: string }) => ({
        value: id,
        label: name === id ? id : `${name} (${id})`,
      })
      switch (kind) {
        case 'user':
          return (await readUsers()(asked)).data.map((user) => ({
            value: user.id,
            label: user.name === null ? user.subject : `${user.name} (${user.subject})`,
          }))
        case 'group':
        case 'team':
          return (await PLACES[kind].list()(asked)).data.map(named)
        case 'service':
          return (await readServices()(asked)).data.map(named)
        case 'key':
          return (
            await unwrap(api.keys.get({ query: { limit: ROWS_MAX }, fetch: asked }))
          ).data.map(named)
        default:
          return []
      }
    },
    { freshMs: 20_000, enabled },
  )
  return list.data ?? []
}
