// The semantic cache: finds the answer to a request that says the same in other words. It keeps vectors alone, each with the name of a kept
// answer, apart for each bucket of requests that are equal but for the last words of the user. What it cannot know is a miss.

import type { CacheSelection, CacheSettings } from '../../core/answer-cache.ts'
import type { FlagSource } from '../../core/flags.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Clock, Deadlines, Logger } from '../../core/ports.ts'
import { callerOf } from '../../core/principal.ts'
import type { RequestForms } from '../plan.ts'
import { isReadable } from './mode.ts'
import { semanticText, type SemanticText } from './semantic-text.ts'

/** Asks an embedding model in the name of whoever asks. */
export type Embed = (asked: {
  readonly model: string
  readonly text: string
  readonly forms: RequestForms
  readonly signal: AbortSignal
}) => Promise<readonly number[]>

export interface SemanticParts {
  readonly embed: Embed
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly flags: FlagSource
  readonly logger: Logger
}

/** What of a request is compared. */
export interface Meaning extends SemanticText {
  readonly model: string
  readonly threshold: number
}

/** The vector of a text, and the name of the nearest answer where one is near enough. */
export interface Near {
  readonly vector: Float32Array
  readonly key?: string
}

interface Entry {
  readonly bucket: string
  readonly key: string
  readonly tenantId: string
  readonly model: string
  readonly vector: Float32Array
  readonly expiresMs: number
}

export class SemanticCache {
  private readonly parts: SemanticParts
  /** By bucket and name; sets keep the order in which they were filled. */
  private readonly buckets = new Map<string, Map<string, Entry>>()
  private readonly order = new Set<Entry>()

  constructor(parts: SemanticParts) {
    this.parts = parts
  }

  get size(): number {
    return this.order.size
  }

  /** Undefined for a request that is not compared by its meaning. */
  meaningOf(forms: RequestForms, { semantic }: CacheSettings): Meaning | undefined {
    const { model } = semantic
    if (!semantic.enabled || model === undefined) return undefined
    const { principal, requestId } = forms.inbound
    const { flags } = this.parts
    const seed = callerOf(principal) ?? requestId
    if (!flags.value('semantic_cache', principal.tenantId, seed)) return undefined
    const text = isReadable(forms) ? semanticText(forms) : undefined
    if (text === undefined) return undefined
    const similarity = flags.value('cache_similarity', principal.tenantId, seed)
    return { ...text, model, threshold: similarity === 0 ? semantic.threshold : similarity }
  }

  /** Undefined where the embedding model gave no answer in time. Never rejects. */
  async nearest(
    bucket: string,
    { model, text, threshold }: Meaning,
    forms: RequestForms,
  ): Promise<Near | undefined> {
    const vector = await this.vectorOf(model, text, forms)
    if (vector === undefined) return undefined
    const nowMs = this.parts.clock.nowMs()
    let best: Entry | undefined
    let bestSimilarity = threshold
    for (const entry of this.buckets.get(bucket)?.values() ?? []) {
      if (entry.expiresMs <= nowMs) {
        this.remove(entry)
        continue
      }
      const similarity = product(vector, entry.vector)
      if (similarity >= bestSimilarity) {
        best = entry
        bestSimilarity = similarity
      }
    }
    return best === undefined ? { vector } : { vector, key: best.key }
  }

  /** An answer was kept under this name. */
  add(
    asked: {
      readonly bucket: string
      readonly key: string
      readonly near: Near
      readonly tenantId: string
      readonly model: string
      readonly ttlMs: number
    },
    { semantic }: CacheSettings,
  ): void {
    const { bucket, key, model, near, tenantId, ttlMs } = asked
    this.drop(bucket, key)
    const expiresMs = this.parts.clock.nowMs() + ttlMs
    const entry: Entry = { bucket, key, tenantId, model, vector: near.vector, expiresMs }
    let entries = this.buckets.get(bucket)
    if (entries === undefined) this.buckets.set(bucket, (entries = new Map()))
    entries.set(key, entry)
    this.order.add(entry)
    if (entries.size > LIMITS.cacheBucketMax) this.remove(firstOf(entries.values()))
    while (this.order.size > semantic.entriesMax) this.remove(firstOf(this.order))
  }

  /** The answer of that name is gone. */
  drop(bucket: string, key: string): void {
    this.remove(this.buckets.get(bucket)?.get(key))
  }

  purge({ model, tenantId }: CacheSelection): void {
    for (const entry of this.order) {
      const isMeant =
        (tenantId === undefined || entry.tenantId === tenantId) &&
        (model === undefined || entry.model === model)
      if (isMeant) this.remove(entry)
    }
  }

  private remove(entry: Entry | undefined): void {
    if (entry === undefined || !this.order.delete(entry)) return
    const entries = this.buckets.get(entry.bucket)
    entries?.delete(entry.key)
    if (entries?.size === 0) this.buckets.delete(entry.bucket)
  }

  private async vectorOf(
    model: string,
    text: string,
    forms: RequestForms,
  ): Promise<Float32Array | undefined> {
    const { deadlines, embed, logger } = this.parts
    const stop = new AbortController()
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const deadline = deadlines.after(LIMITS.cacheEmbedMs, () => {
      stop.abort()
      resolve(undefined)
    })
    try {
      const signal = AbortSignal.any([stop.signal, forms.inbound.signal])
      const vector = await Promise.race([embed({ model, text, forms, signal }), promise])
      return vector === undefined ? undefined : unit(vector)
    } catch (error) {
      logger.debug('a request could not be compared by its meaning', { error: String(error) })
      return undefined
    } finally {
      deadline.cancel()
    }
  }
}

function firstOf(entries: Iterable<Entry>): Entry | undefined {
  for (const entry of entries) return entry
  return undefined
}

/** Of length 1, so that the product of two is their cosine; undefined for what has no direction. */
function unit(vector: readonly number[]): Float32Array | undefined {
  let squares = 0
  for (const one of vector) squares += one * one
  const length = Math.sqrt(squares)
  if (!Number.isFinite(length) || length === 0) return undefined
  return Float32Array.from(vector, (one) => one / length)
}

/** Vectors of two lengths are of two models, and never near. */
function product(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return -1
  let sum = 0
  for (let at = 0; at < a.length; at += 1) sum += a[at]! * b[at]!
  return sum
}
