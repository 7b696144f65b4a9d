// What a page of API keys is asked for: filters, order, and what of keys is known elsewhere. Apart from `ports.ts`, where the repository
// is, only for its size.

import type { ApiKey, KeyOwner } from './catalog.ts'
import type { ListAsked, ListPart } from './list-page.ts'

/** What pages of keys are sorted by. */
export type KeySort = 'name' | 'created' | 'last_used' | 'expires'

/** Which keys a page is of; each narrows it. */
export interface KeyFilter {
  /** In one of these states at that moment. */
  readonly state?: {
    readonly anyOf: readonly ('active' | 'disabled' | 'expired' | 'revoked')[]
    readonly atMs: number
  }
  /** `none`: of nobody. */
  readonly owners?: readonly (KeyOwner | 'none')[]
}

/** What a list of keys says of them that is not with them. */
export interface KeysAside {
  /** Undefined: never, as far as is known. */
  lastUsedMs(id: string): number | undefined
  ownerName(owner: KeyOwner): string | undefined
}

/** The keys of a store in pages. */
export interface KeyPages {
  /**
   * One page of a tenant's keys; searched are id, name, what is shown of the key, its owner and its models. The texts of the place hold
   * no NUL.
   */
  page(
    tenantId: string,
    filter: KeyFilter,
    asked: ListAsked<KeySort>,
    aside: KeysAside,
  ): Promise<ListPart<ApiKey>>
}
