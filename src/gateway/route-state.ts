// Whose turn it is: how many requests of each tenant a model with round robin has had. Of this process alone; bounded, and lost with
// it.

import { LIMITS } from '../core/limits.ts'

export class RouteTurns {
  private readonly turns = new Map<string, number>()

  /** The turn of a model's next request, which then has been had. */
  take(tenantId: string, modelId: string): number {
    const turn = this.next(tenantId, modelId)
    this.turns.set(nameOf(tenantId, modelId), (turn + 1) % Number.MAX_SAFE_INTEGER)
    if (this.turns.size <= LIMITS.routeModelsMax) return turn
    const oldest = this.turns.keys().next()
    if (oldest.done !== true) this.turns.delete(oldest.value)
    return turn
  }

  /** The same, without having it. */
  next(tenantId: string, modelId: string): number {
    return this.turns.get(nameOf(tenantId, modelId)) ?? 0
  }
}

function nameOf(tenantId: string, modelId: string): string {
  return `${tenantId}\n${modelId}`
}
