// Providers as the pages read them: the questions, the types of their answers, and words for states. It draws nothing.

import { api, unwrap } from '../api.ts'
import type { State } from '../components/badge.tsx'

interface Reading {
  readonly signal: AbortSignal
}

export const providerPath = (id: string) => api.providers({ id: encodeURIComponent(id) })

export const readProviders = ({ signal }: Reading) =>
  unwrap(api.providers.get({ query: { limit: 500 }, fetch: { signal } }))

export const readProvider = (id: string, { signal }: Reading) =>
  unwrap(providerPath(id).get({ fetch: { signal } }))

export const readTypes = ({ signal }: Reading) =>
  unwrap(api['provider-types'].get({ query: {}, fetch: { signal } }))

/** What this process knows of the targets of one provider. */
export async function readTargets(id: string, tenant: string | null, { signal }: Reading) {
  const { providers } = await unwrap(api.health.get({ query: { provider: id }, fetch: { signal } }))
  const found = providers.find((each) => each.tenant === tenant) ?? providers[0]
  return found?.targets ?? []
}

export const readListed = (provider: string, q: string | undefined, { signal }: Reading) =>
  unwrap(
    api.models.status.get({
      query: { provider, limit: 500, ...(q === undefined ? {} : { q }) },
      fetch: { signal },
    }),
  )

export type Provider = Awaited<ReturnType<typeof readProvider>>
export type ProviderType = Awaited<ReturnType<typeof readTypes>>['data'][number]
export type Field = ProviderType['fields'][number]
export type Target = Awaited<ReturnType<typeof readTargets>>[number]
export type ListedModel = Awaited<ReturnType<typeof readListed>>['data'][number]
export type Key = NonNullable<Provider['keys']>[number]
export type Probe = Awaited<ReturnType<typeof tryProvider>>

/** Tries a saved one. */
export const tryProvider = (id: string, model?: string) =>
  unwrap(providerPath(id).test.post(model === undefined ? {} : { model }))

/** Where a provider's page is. */
export const pageOf = (id: string) => `/ui/providers/${encodeURIComponent(id)}`

type HealthState = Provider['health']['state']

/** How each state looks, and its word. */
export const STATES: Readonly<Record<HealthState, readonly [State, string]>> = {
  healthy: ['ok', 'Healthy'],
  key_resting: ['degraded', 'Key resting'],
  circuit_open: ['degraded', 'Left alone'],
  no_key: ['off', 'No key'],
  refused: ['down', 'Key refused'],
  unreachable: ['down', 'Unreachable'],
  unknown: ['unknown', 'Not asked yet'],
}

/** The worst first. */
export const STATE_ORDER: readonly HealthState[] = [
  'unreachable',
  'refused',
  'no_key',
  'key_resting',
  'circuit_open',
  'unknown',
  'healthy',
]

/** `•••• abcd` */
export const maskOf = ({ last_four: end }: Pick<Key, 'last_four'>) =>
  end === '' ? '••••' : `•••• ${end}`

/** The first id that nobody has: `openai`, `openai-2`. */
export function freeId(wanted: string, taken: readonly string[]): string {
  for (let number = 1; ; number += 1) {
    const id = number === 1 ? wanted : `${wanted}-${number}`
    if (!taken.includes(id)) return id
  }
}

/** What aliases lose when a provider goes, one sentence each. */
export function breaksOf(used: Provider['used_by']): readonly string[] {
  return used.map(({ is_only: isOnly, model }) =>
    isOnly ? `${model} answers nobody any more.` : `${model} has a target less.`,
  )
}
