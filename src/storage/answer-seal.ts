// Kept answers at rest: content of somebody's requests, so they are sealed wherever they leave this process. An envelope opens only under
// the tenant and the name it was made for. Whatever does not open is as if it were not there.

import type { CachedAnswer } from '../core/answer-cache.ts'
import { isObject, parseJson } from '../core/json.ts'
import type { SealPlace } from './seal.ts'
import { ValueSeal, type ValueKeys } from './value-seal.ts'

/** Where an answer is bound to, wherever it lies. */
export function answerPlace(tenantId: string, id: string): SealPlace {
  return { tenantId, table: 'answers', row: [id], column: 'value' }
}

export class AnswerSeal {
  private readonly seal: ValueSeal

  constructor(keyring: ValueKeys) {
    this.seal = new ValueSeal(keyring)
  }

  close({ caller, createdMs, expiresMs, id, model, tenantId, value }: CachedAnswer): string {
    const text = JSON.stringify({ caller, createdMs, expiresMs, model, value })
    return this.seal.close(text, answerPlace(tenantId, id))
  }

  /** Undefined for what was changed, moved, or sealed with a key that is gone. */
  open(envelope: string, tenantId: string, id: string): Promise<CachedAnswer | undefined> {
    return this.seal.isStrange(envelope)
      ? this.openStrange(envelope, tenantId, id)
      : Promise.resolve(this.opened(envelope, tenantId, id))
  }

  /** Another replica may have made a key that this one has not heard of. */
  private async openStrange(envelope: string, tenantId: string, id: string) {
    await this.seal.refresh()
    return this.opened(envelope, tenantId, id)
  }

  private opened(envelope: string, tenantId: string, id: string): CachedAnswer | undefined {
    const read = parseJson(this.seal.opened(envelope, answerPlace(tenantId, id)) ?? '')
    if (!isObject(read)) return undefined
    const { caller, createdMs, expiresMs, model, value } = read
    if (typeof createdMs !== 'number' || typeof expiresMs !== 'number') return undefined
    if (typeof model !== 'string' || typeof value !== 'string') return undefined
    const answer = { id, tenantId, model, createdMs, expiresMs, value }
    return typeof caller === 'string' ? { ...answer, caller } : answer
  }
}
