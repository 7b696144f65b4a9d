// What people call the keys, users, teams, services and tenants that rows name by their ids, so that a table can be read. From the snapshot
// alone: what was deleted since has no name any more.

import type { KeyOwner } from '../../core/catalog.ts'
import type { User } from '../../core/identity.ts'
import type { BudgetSubject, LimitSubject } from '../../core/money.ts'
import type { UsageDimension } from '../../core/ports-money.ts'
import type { Snapshot } from '../../gateway/snapshot.ts'
import { ALL_TENANTS } from './contract.ts'

/** Kinds of things that have a name beside their id. */
export type NamedKind = 'tenant' | 'team' | 'user' | 'service' | 'key'

const NAMED: ReadonlySet<string> = new Set<NamedKind>(['tenant', 'team', 'user', 'service', 'key'])

/** Whether values of a dimension are ids with a name beside them. */
export function isNamed(kind: UsageDimension | LimitSubject | BudgetSubject): kind is NamedKind {
  return NAMED.has(kind)
}

/** How a user is shown. */
export function userName({ email, name, subject }: User): string {
  return name ?? email ?? subject
}

/** Names of one tenant, or of all. */
export class Names {
  private readonly snapshot: Snapshot
  private readonly tenantIds: readonly string[]
  private readonly known = new Map<string, string | undefined>()
  private keys: ReadonlyMap<string, string> | undefined

  /** @param tenantId `*`: of all tenants */
  constructor(snapshot: Snapshot, tenantId: string) {
    this.snapshot = snapshot
    this.tenantIds =
      tenantId === ALL_TENANTS ? snapshot.rights.allTenants().map(({ id }) => id) : [tenantId]
  }

  of(kind: NamedKind, id: string): string | undefined {
    const key = `${kind}\n${id}`
    if (!this.known.has(key)) this.known.set(key, this.find(kind, id))
    return this.known.get(key)
  }

  ofOwner(owner: KeyOwner | undefined): string | undefined {
    return owner === undefined ? undefined : this.of(owner.kind, owner.id)
  }

  private find(kind: NamedKind, id: string): string | undefined {
    const { rights } = this.snapshot
    if (kind === 'key') return this.keyNames().get(id)
    if (kind === 'tenant') return this.tenantIds.includes(id) ? rights.tenant(id)?.name : undefined
    // Two tenants may call different things the same: then neither is named.
    const found = this.tenantIds.flatMap((tenantId) => {
      if (kind === 'team') return rights.team(tenantId, id)?.name ?? []
      if (kind === 'service') return rights.service(tenantId, id)?.name ?? []
      const user = rights.user(tenantId, id)
      return user === undefined ? [] : userName(user)
    })
    return found.length === 1 ? found[0] : undefined
  }

  private keyNames(): ReadonlyMap<string, string> {
    if (this.keys !== undefined) return this.keys
    const tenants = new Set(this.tenantIds)
    this.keys = new Map(
      [...this.snapshot.keysByHash.values()]
        .filter(({ tenantId }) => tenants.has(tenantId))
        .map((key) => [key.id, key.name]),
    )
    return this.keys
  }
}
