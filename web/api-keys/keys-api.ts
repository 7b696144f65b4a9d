// The keys of a tenant and one's own as one thing to ask: both routes take and give the same, but for owners and roles.

import { api, ifMatch, unwrap } from '../api.ts'

interface Options {
  readonly signal: AbortSignal
}

export interface KeysFilter {
  readonly q?: string
  readonly state?: KeyState[]
}

export type KeyState = 'active' | 'disabled' | 'expired' | 'revoked'

/** At most so many are shown at once; a search finds the others. */
const SHOWN_MAX = 500

const tenantKeys = {
  name: 'keys',
  isOwn: false,
  list: (filter: KeysFilter, { signal }: Options) =>
    unwrap(api.keys.get({ query: { limit: SHOWN_MAX, ...filter }, fetch: { signal } })),
  one: (id: string) => unwrap(api.keys({ id }).get()),
  create: (body: NewKey) => unwrap(api.keys.post(body)),
  update: (key: Key, body: KeyChange) => unwrap(api.keys({ id: key.id }).patch(body, ifMatch(key))),
  revoke: (key: Key) => unwrap(api.keys({ id: key.id }).delete()),
  rotate: (key: Key, overlapSeconds: number) =>
    unwrap(api.keys({ id: key.id }).rotate.post({ overlap_seconds: overlapSeconds })),
  /** What asked with it since then. */
  uses: (key: Key, since: string) => unwrap(api.usage.get({ query: { key: key.id, since } })),
}

const ownKeys: KeysApi = {
  name: 'own-keys',
  isOwn: true,
  list: (filter, { signal }) =>
    unwrap(api.me.keys.get({ query: { limit: SHOWN_MAX, ...filter }, fetch: { signal } })),
  one: (id) => unwrap(api.me.keys({ id }).get()),
  create: ({ owner: _owner, roles: _roles, ...body }) => unwrap(api.me.keys.post(body)),
  update: (key, body) => unwrap(api.me.keys({ id: key.id }).patch(body, ifMatch(key))),
  revoke: (key) => unwrap(api.me.keys({ id: key.id }).delete()),
  rotate: (key, overlapSeconds) =>
    unwrap(api.me.keys({ id: key.id }).rotate.post({ overlap_seconds: overlapSeconds })),
  uses: (key, since) => unwrap(api.usage.self.get({ query: { key: key.id, since } })),
}

export type KeysApi = typeof tenantKeys
export type NewKey = Parameters<typeof api.keys.post>[0]
export type KeyChange = Parameters<ReturnType<typeof api.keys>['patch']>[0]
export type KeyList = Awaited<ReturnType<typeof keysOf>>
export type Key = KeyList['data'][number]
export type MadeKey = Key & { readonly key: string }

function keysOf() {
  return unwrap(api.keys.get({ query: {} }))
}

export { ownKeys, tenantKeys }
