// One provider's model list as it is kept, and the name it is kept under: its owner's, so that another tenant's provider of the same id is
// another. The directory in `catalog.ts` asks and remembers.

import type { Provider } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import type { ListedModel } from '../providers/provider.ts'

export interface ProviderList {
  readonly models: ReadonlyMap<string, ListedModel>
  /** Monotonic. */
  readonly expiresMs: number
  /** It has answered since the start. */
  readonly reachable: boolean
  /** Whom the list is of; undefined for what the store remembers. */
  readonly address?: string
  /** Wall clock of the last answer; absent before the first. */
  readonly answeredMs?: number
  readonly isWhole?: boolean
  /** Why the last question had no answer. */
  readonly problem?: string
}

/** Whose what is known of a provider's models is, as the store has it: nobody's are the default tenant's. */
export function ownerOf({ tenantId = DEFAULT_TENANT_ID }: Provider): string {
  return tenantId
}

/** A provider is one object until its settings change, and names are looked up for each request: they are put together once. */
const names = new WeakMap<Provider, string>()

/** What is known of a provider is kept under its owner too: another tenant's provider of the same id is another. */
export function nameOf(provider: Provider): string {
  let name = names.get(provider)
  if (name === undefined) names.set(provider, (name = placeName(ownerOf(provider), provider.id)))
  return name
}

export function placeName(tenantId: string, providerId: string): string {
  return `${tenantId}:${providerId}`
}

/** What decides who answers: another one may stand behind the same id later. */
export function addressOf({ baseUrl, compatible, type }: Provider): string {
  return [type, compatible ?? '', baseUrl].join(' ')
}

/** A part of a list joined to what was known before; of too many, those that were known first go. */
export function joined(
  before: ReadonlyMap<string, ListedModel> | undefined,
  models: readonly ListedModel[],
): ReadonlyMap<string, ListedModel> {
  const listed = new Map(models.map((model) => [model.id, model]))
  if (before === undefined) return listed
  const kept = [...before].filter(([id]) => !listed.has(id))
  const room = Math.max(0, LIMITS.modelListEntriesMax - listed.size)
  return new Map([...kept.slice(Math.max(0, kept.length - room)), ...listed])
}
