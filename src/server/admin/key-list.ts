// Pages of API keys: those of the file, which are few and in memory, put in their places among those of the store, which cuts its own
// list. What is known of keys elsewhere is read for the keys of the page alone.

import type { ApiKey, KeyOwner } from '../../core/catalog.ts'
import type { JsonObject } from '../../core/json.ts'
import type { KeyFilter, KeySort } from '../../core/ports-keys.ts'
import type { ServerDeps } from '../context.ts'
import { ownAccount } from './budget-json.ts'
import { adminKeyJson, keyState, type KeyState } from './key-json.ts'
import { Names } from './names.ts'
import { askedOf, pageOf, type ListQuery, type ListRules } from './paging.ts'

/** Whose keys a list is of. */
interface ListCircle {
  readonly tenantId: string
  /** Only the keys of this user; absent: every key of the tenant. */
  readonly ownerId?: string
}

/** The query of a list of keys. */
export interface KeysAsked extends ListQuery {
  readonly sort?: KeySort
  readonly state?: readonly KeyState[]
  readonly owner?: string
}

interface Row {
  readonly key: ApiKey
  readonly lastUsedMs: number | undefined
  readonly ownerName: string | undefined
}

const LIST_RULES: ListRules<Row> = {
  id: ({ key }) => key.id,
  sorts: {
    name: ({ key }) => key.name.toLowerCase(),
    created: ({ key }) => (key.origin === 'file' ? null : key.createdMs),
    last_used: ({ lastUsedMs }) => lastUsedMs ?? null,
    expires: ({ key }) => key.expiresMs ?? null,
  },
  text: ({ key, ownerName }) => [
    key.id,
    key.name,
    key.prefix + key.lastFour,
    key.lastFour,
    key.owner?.id,
    ownerName,
    ...(key.models ?? []),
  ],
}

const SORTS = {
  name: 'text',
  created: 'number',
  last_used: 'number',
  expires: 'number',
} as const satisfies Record<KeySort, string>

/** A page as it is answered. @param ofFile keys of the circle that the store does not have */
export async function keysPage(
  deps: ServerDeps,
  circle: ListCircle,
  ofFile: readonly ApiKey[],
  query: KeysAsked,
): Promise<JsonObject> {
  const { tenantId } = circle
  const { owner, state } = query
  const nowMs = deps.clock.nowMs()
  const asked = askedOf(query, SORTS)
  const used = asked.sort === 'last_used' ? await deps.keys.lastUsed(tenantId) : undefined
  const names = new Names(deps.gateway.snapshot(), tenantId)
  const stored = await deps.keys.keys.page(
    tenantId,
    filterOf(circle, query, nowMs),
    // One more than the page has says whether another follows.
    { ...asked, limit: asked.limit + 1 },
    { lastUsedMs: (id) => used?.get(id), ownerName: (of) => names.ofOwner(of) },
  )
  const declared = ofFile.filter(
    (key) =>
      (owner === undefined || isOwnedBy(key, owner)) &&
      (state === undefined || state.includes(keyState(key, nowMs))),
  )
  const rows = [...declared, ...stored.rows].map((key): Row => {
    return { key, lastUsedMs: used?.get(key.id), ownerName: names.ofOwner(key.owner) }
  })
  // One that was renamed since the store placed it may be none of the page: those behind it still are to come.
  const page = pageOf(rows, query, LIST_RULES, stored.end)
  return {
    data: await listed(deps, tenantId, page.rows, nowMs, used),
    next_cursor: page.next_cursor,
    // Of those of the store `pageOf` knows only the ones that it was given.
    total: page.total - stored.rows.length + stored.total,
  }
}

/** With what is known of them elsewhere. */
async function listed(
  { keys, money }: ServerDeps,
  tenantId: string,
  rows: readonly Row[],
  nowMs: number,
  known: ReadonlyMap<string, number> | undefined,
): Promise<JsonObject[]> {
  const ids = rows.map(({ key }) => key.id)
  const hasAccount = rows.some(({ key }) => key.own?.budget !== undefined)
  const [used, standings] = await Promise.all([
    known ?? keys.lastUsed(tenantId, ids),
    hasAccount ? money.standings(tenantId) : [],
  ])
  return rows.map(({ key, ownerName }) =>
    adminKeyJson(key, nowMs, {
      lastUsedMs: used.get(key.id),
      ownerName,
      account: ownAccount(key, standings, nowMs),
    }),
  )
}

/** What of a list's filters the store is asked for. */
export function filterOf(
  { ownerId }: Pick<ListCircle, 'ownerId'>,
  { owner, state }: Pick<KeysAsked, 'owner' | 'state'>,
  atMs: number,
): KeyFilter {
  const owners: (KeyOwner | 'none')[] = []
  if (ownerId !== undefined) owners.push({ kind: 'user', id: ownerId })
  if (owner === 'none') owners.push(owner)
  else if (owner !== undefined) {
    const at = owner.indexOf(':')
    owners.push({ kind: owner.slice(0, at) as KeyOwner['kind'], id: owner.slice(at + 1) })
  }
  return { owners, ...(state === undefined ? {} : { state: { anyOf: state, atMs } }) }
}

function isOwnedBy({ owner }: ApiKey, text: string): boolean {
  return text === (owner === undefined ? 'none' : `${owner.kind}:${owner.id}`)
}
