// Kept answers in the log store, sealed: they outlast a restart and are shared by whoever shares the store. They are written behind, in a
// queue of their own, so that they never crowd out what clients asked to be kept.

import type {
  AnswerStore,
  CachedAnswer,
  CacheHolding,
  CacheSelection,
} from '../core/answer-cache.ts'
import type { AnswerSeal } from './answer-seal.ts'
import type { Kept } from './kept.ts'

const KIND = 'answer'

export class StoredAnswers implements AnswerStore {
  readonly place = 'store'
  private readonly kept: Kept
  private readonly seal: AnswerSeal

  /** @param kept one for this kind alone */
  constructor(kept: Kept, seal: AnswerSeal) {
    this.kept = kept
    this.seal = seal
  }

  /** How much is kept from now on. */
  useBytesMax(bytesMax: number): void {
    this.kept.useBytesMax(bytesMax)
  }

  /** Writes what waits and deletes what has ended or is too much, now; it is done by itself now and then. */
  async tidy(nowMs: number): Promise<void> {
    await this.kept.flush()
    await this.kept.prune(nowMs)
  }

  async get(tenantId: string, id: string): Promise<CachedAnswer | undefined> {
    const item = await this.kept.find(KIND, tenantId, id)
    if (item?.value === undefined) return undefined
    const answer = await this.seal.open(item.value, tenantId, id)
    if (answer === undefined) this.drop(tenantId, id)
    return answer
  }

  put(answer: CachedAnswer): void {
    const { caller, createdMs, expiresMs, id, model, tenantId } = answer
    void this.kept.put({
      kind: KIND,
      id,
      tenantId,
      providerId: '',
      model,
      createdMs,
      expiresMs,
      value: this.seal.close(answer),
      ...(caller === undefined ? {} : { keyId: caller }),
    })
  }

  /** Writes what waits and stops, within the bound of the log. */
  close(): Promise<void> {
    return this.kept.close()
  }

  drop(tenantId: string, id: string): void {
    this.kept.remove(KIND, tenantId, id).catch(() => {
      // A store that cannot be read has no answer to give either.
    })
  }

  purge(which: CacheSelection): Promise<number> {
    return this.kept.removeAll(KIND, which)
  }

  async holdings(tenantId: string | undefined): Promise<readonly CacheHolding[]> {
    // What waits is there for whoever looks for it, and should be for whoever counts.
    await this.kept.flush()
    return await this.kept.holdings(KIND, tenantId)
  }
}
