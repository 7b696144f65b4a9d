// Kept answers in this process' memory: the least recently used go first, bounded by what they weigh together. It ends with the process and
// knows nothing of other replicas.

import type {
  AnswerStore,
  CachedAnswer,
  CacheHolding,
  CacheSelection,
} from '../core/answer-cache.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock } from '../core/ports.ts'

/** What an entry weighs besides its value: its name, its other members and its place in the map. */
const ENTRY_BYTES = 512

export class MemoryAnswers implements AnswerStore {
  readonly place = 'memory'
  private readonly clock: Clock
  private readonly bytesMax: () => number
  /** In the order of use, the longest ago first. */
  private readonly answers = new Map<string, CachedAnswer>()
  private bytes = 0

  /** @param bytesMax asked each time: it may change while the program runs */
  constructor(clock: Clock, bytesMax: () => number) {
    this.clock = clock
    this.bytesMax = bytesMax
  }

  /** All together. */
  get weight(): number {
    return this.bytes
  }

  get(tenantId: string, id: string): CachedAnswer | undefined {
    const name = nameOf(tenantId, id)
    const answer = this.answers.get(name)
    if (answer === undefined) return undefined
    this.answers.delete(name)
    if (answer.expiresMs <= this.clock.nowMs()) {
      this.bytes -= weightOf(answer)
      return undefined
    }
    this.answers.set(name, answer)
    return answer
  }

  put(answer: CachedAnswer): void {
    this.drop(answer.tenantId, answer.id)
    const bytesMax = this.bytesMax()
    const weight = weightOf(answer)
    if (weight > bytesMax) return
    this.answers.set(nameOf(answer.tenantId, answer.id), answer)
    this.bytes += weight
    for (const [name, oldest] of this.answers) {
      if (this.bytes <= bytesMax && this.answers.size <= LIMITS.cacheRowsMax) return
      this.remove(name, oldest)
    }
  }

  drop(tenantId: string, id: string): void {
    const name = nameOf(tenantId, id)
    const answer = this.answers.get(name)
    if (answer !== undefined) this.remove(name, answer)
  }

  clear(): void {
    this.answers.clear()
    this.bytes = 0
  }

  purge({ callers, model, tenantId }: CacheSelection): Promise<number> {
    let gone = 0
    for (const [name, answer] of this.answers) {
      if (tenantId !== undefined && answer.tenantId !== tenantId) continue
      if (model !== undefined && answer.model !== model) continue
      if (callers !== undefined && !callers.includes(answer.caller ?? '')) continue
      this.remove(name, answer)
      gone += 1
    }
    return Promise.resolve(gone)
  }

  holdings(tenantId: string | undefined): Promise<readonly CacheHolding[]> {
    const nowMs = this.clock.nowMs()
    const found = new Map<string, { -readonly [K in keyof CacheHolding]: CacheHolding[K] }>()
    for (const answer of this.answers.values()) {
      if (tenantId !== undefined && answer.tenantId !== tenantId) continue
      if (answer.expiresMs <= nowMs) continue
      const name = nameOf(answer.tenantId, answer.model)
      const held = found.get(name)
      if (held === undefined) {
        const { model } = answer
        const bytes = weightOf(answer)
        found.set(name, { tenantId: answer.tenantId, model, entries: 1, bytes })
      } else {
        held.entries += 1
        held.bytes += weightOf(answer)
      }
    }
    return Promise.resolve([...found.values()])
  }

  private remove(name: string, answer: CachedAnswer): void {
    this.answers.delete(name)
    this.bytes -= weightOf(answer)
  }
}

/** Two bytes for each character, which is what text of most languages takes. */
function weightOf({ model, value }: CachedAnswer): number {
  return 2 * (value.length + model.length) + ENTRY_BYTES
}

function nameOf(tenantId: string, id: string): string {
  return `${tenantId.length}:${tenantId}${id}`
}
