// `/admin/cache`: how much the response cache holds and what it did, and emptying it. A tenant sees and empties its own; those with rights
// over the whole installation name another, or all. What an answer says is shown nowhere.

import { Elysia } from 'elysia'
import type {
  CacheHolding,
  CachePlace,
  CacheSelection,
  CacheTally,
} from '../../core/answer-cache.ts'
import type { Actor } from '../../core/audit.ts'
import { NANO_PER_USD } from '../../core/nano-usd.ts'
import type { ServerDeps } from '../context.ts'
import { adminRoutes, ALL_TENANTS, oneOf, strict, t, type RouteContract } from './contract.ts'

/** What these routes need of the outside. */
export interface CacheDeps {
  /** @param tenantId absent: of every tenant @throws GatewayError `storage_unavailable` */
  state(tenantId: string | undefined): Promise<{
    readonly enabled: boolean
    readonly place: CachePlace
    readonly holdings: readonly CacheHolding[]
    readonly tallies: readonly CacheTally[]
  }>
  /** Forgets answers and records who did it. @throws GatewayError where nobody can know that they are gone */
  purge(which: CacheSelection, by: Actor): Promise<number>
}

const COUNTS = {
  hits: t.Integer({ description: 'Equal requests answered from memory.' }),
  semantic_hits: t.Integer({ description: 'Requests of the same meaning.' }),
  misses: t.Integer(),
  saved_usd: t.Number({ description: 'What the answers given again had cost.' }),
}

const CacheSchema = t.Object(
  {
    enabled: t.Boolean(),
    store: oneOf(['memory', 'store', 'redis'], { description: 'Where answers lie.' }),
    entries: t.Integer(),
    bytes: t.Integer(),
    ...COUNTS,
    data: t.Array(
      t.Object({
        tenant: t.String(),
        model: t.String({ description: 'As it was asked for.' }),
        entries: t.Integer(),
        bytes: t.Integer(),
      }),
      { description: 'What is kept.' },
    ),
    tenants: t.Array(t.Object({ tenant: t.String(), ...COUNTS }), {
      description: 'What this process did since it began; `*`: tenants beyond those counted apart.',
    }),
  },
  { $id: 'Cache' },
)

const SHOW = {
  summary: 'What the response cache holds and did',
  description: 'Counts are of this process since it began; usage has them of all, for longer.',
  tag: 'Usage',
  answers: { 200: CacheSchema },
  allTenants: true,
} as const satisfies RouteContract

const PURGE = {
  summary: 'Empty the response cache',
  description:
    'Of a tenant, of one model or of all. What is asked at this moment is not kept either. Where answers lie in the memory of each replica, only the one that is asked forgets them.',
  tag: 'Usage',
  query: strict({
    model: t.Optional(
      t.String({
        minLength: 1,
        maxLength: 300,
        description: 'Only this model, by the name it was asked for.',
      }),
    ),
  }),
  answers: { 200: t.Object({ deleted: t.Integer() }) },
  allTenants: true,
} as const satisfies RouteContract

export function cacheRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const path = '/admin/cache'
  return new Elysia({ name: 'cache-routes' })
    .get(
      path,
      ...on('GET', path, SHOW, async ({ reply, tenantId }) => {
        const { enabled, holdings, place, tallies } = await deps.cache.state(ownOrAll(tenantId))
        return reply({
          enabled,
          store: place,
          entries: sum(holdings, ({ entries }) => entries),
          bytes: sum(holdings, ({ bytes }) => bytes),
          hits: sum(tallies, ({ hits }) => hits),
          semantic_hits: sum(tallies, ({ semanticHits }) => semanticHits),
          misses: sum(tallies, ({ misses }) => misses),
          saved_usd: sum(tallies, ({ savedNanoUsd }) => savedNanoUsd) / NANO_PER_USD,
          data: holdings
            .map(({ bytes, entries, model, tenantId: tenant }) => ({
              tenant,
              model,
              entries,
              bytes,
            }))
            .toSorted((a, b) => b.bytes - a.bytes),
          tenants: tallies.map(
            ({ hits, misses, savedNanoUsd, semanticHits, tenantId: tenant }) => ({
              tenant,
              hits,
              semantic_hits: semanticHits,
              misses,
              saved_usd: savedNanoUsd / NANO_PER_USD,
            }),
          ),
        })
      }),
    )
    .delete(
      path,
      ...on('DELETE', path, PURGE, async ({ actor, query, reply, tenantId }) => {
        const own = ownOrAll(tenantId)
        const which: CacheSelection = {
          ...(own === undefined ? {} : { tenantId: own }),
          ...(query.model === undefined ? {} : { model: query.model }),
        }
        return reply({ deleted: await deps.cache.purge(which, actor) })
      }),
    )
}

function ownOrAll(tenantId: string): string | undefined {
  return tenantId === ALL_TENANTS ? undefined : tenantId
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0)
}
