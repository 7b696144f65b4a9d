// Vectors of texts, kept for a while: examples of topics are asked for once, and a conversation that grows is not embedded anew with every
// turn. It holds hashes and vectors and no text.

import { createHash } from 'node:crypto'
import type { GuardModelCaller } from '../core/guardrail.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'

export type Vector = Float32Array

/** Vectors of one model, the least used forgotten first. */
export class VectorCache {
  private readonly kept = new Map<string, Vector>()
  private readonly model: string
  private readonly entriesMax: number

  constructor(model: string, entriesMax: number) {
    this.model = model
    this.entriesMax = entriesMax
  }

  /**
   * One vector of length 1 for each text, in their order.
   * @throws GatewayError whatever asking the model throws; `guardrail_unavailable` for an answer that does not fit
   */
  async of(
    texts: readonly string[],
    ask: GuardModelCaller,
    signal: AbortSignal,
  ): Promise<Vector[]> {
    const keys = texts.map((text) => createHash('sha256').update(text).digest('base64'))
    const have = new Map<string, Vector>()
    const missing = new Map<string, string>()
    keys.forEach((key, at) => {
      const vector = this.kept.get(key)
      if (vector === undefined) missing.set(key, texts[at]!)
      else have.set(key, vector)
    })
    const wanted = [...missing]
    for (let at = 0; at < wanted.length; at += LIMITS.guardEmbedTextsMax) {
      const batch = wanted.slice(at, at + LIMITS.guardEmbedTextsMax)
      const batchTexts = batch.map(([, text]) => text)
      const answers = await ask.embed({ model: this.model, texts: batchTexts, signal })
      batch.forEach(([key], index) => have.set(key, unit(answers[index])))
    }
    return keys.map((key) => this.keep(key, have.get(key)!))
  }

  private keep(key: string, vector: Vector): Vector {
    this.kept.delete(key)
    this.kept.set(key, vector)
    if (this.kept.size > this.entriesMax) this.kept.delete(this.kept.keys().next().value!)
    return vector
  }
}

/** Cosine similarity of two vectors of length 1. @throws GatewayError where they are of different models */
export function similarity(a: Vector, b: Vector): number {
  if (a.length !== b.length) throw unusable('vectors differ in length')
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!
  return sum
}

function unit(values: readonly number[] | undefined): Vector {
  const vector = new Float32Array(values ?? [])
  const length = Math.hypot(...vector)
  if (!(length > 0) || !Number.isFinite(length)) throw unusable('a vector is missing or zero')
  for (let at = 0; at < vector.length; at++) vector[at] = vector[at]! / length
  return vector
}

function unusable(what: string): GatewayError {
  return new GatewayError('guardrail_unavailable', { cause: new Error(`embeddings: ${what}`) })
}
