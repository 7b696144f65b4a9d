// A routing decision as JSON for people and programs outside: in the log, in `/admin/route`, in `weir route`. One shape with stable
// members; what is not known is null. Pure; it adds nothing and hides nothing.

import type { RouteRecord } from '../outcome.ts'

export interface RouteJson {
  readonly model: string
  /** `weighted`, `latency`, …; `sticky`; `pinned` where the client named the target. */
  readonly by: string
  /** Why this model is asked instead of the one before it. */
  readonly fallback_for: string | null
  readonly candidates: readonly {
    readonly provider: string
    readonly model: string
    /** 0 is tried first; null for one that is passed over. */
    readonly rank: number | null
    readonly reason: string
  }[]
}

export function routeJson(record: RouteRecord): RouteJson {
  return {
    model: record.model,
    by: record.by,
    fallback_for: record.fallbackFor ?? null,
    candidates: record.candidates.map(({ model, providerId, rank, reason }) => ({
      provider: providerId,
      model,
      rank: rank ?? null,
      reason,
    })),
  }
}
