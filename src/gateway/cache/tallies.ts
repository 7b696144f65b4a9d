// What the cache did for each tenant since the process began: hits, misses, what was saved. Plain numbers, bounded in tenants; the log of
// requests has the same in rows, for longer.

import type { CacheTally } from '../../core/answer-cache.ts'
import { LIMITS } from '../../core/limits.ts'

type Counts = { -readonly [K in keyof CacheTally]: CacheTally[K] }

/** Whoever came when there was no room for more. */
const OTHERS = '*'

export class Tallies {
  private readonly tenants = new Map<string, Counts>()

  hit(tenantId: string, kind: 'exact' | 'semantic', savedNanoUsd: number): void {
    const counts = this.of(tenantId)
    if (kind === 'exact') counts.hits += 1
    else counts.semanticHits += 1
    counts.savedNanoUsd += savedNanoUsd
  }

  missed(tenantId: string): void {
    this.of(tenantId).misses += 1
  }

  /** @param tenantId absent: every tenant's */
  list(tenantId?: string): readonly CacheTally[] {
    if (tenantId === undefined) return [...this.tenants.values()].map((counts) => ({ ...counts }))
    const counts = this.tenants.get(tenantId)
    return counts === undefined ? [] : [{ ...counts }]
  }

  private of(tenantId: string): Counts {
    const isRoom = this.tenants.has(tenantId) || this.tenants.size < LIMITS.cacheTalliesMax
    const name = isRoom ? tenantId : OTHERS
    let counts = this.tenants.get(name)
    if (counts === undefined) {
      counts = { tenantId: name, hits: 0, semanticHits: 0, misses: 0, savedNanoUsd: 0 }
      this.tenants.set(name, counts)
    }
    return counts
  }
}
