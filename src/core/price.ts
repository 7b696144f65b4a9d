// What a request cost, in integer nano-dollars. Pure integer arithmetic on scaled prices, rounded once at the end, so that
// sums reconcile. An unknown price or an untold count gives an unknown cost, never zero.

import type { ModelPrice, PriceClasses } from './catalog.ts'
import { totalInputTokens, type Usage } from './ir/usage.ts'

/** Prices are held in millionths of a nano-dollar: $0.001 per billion tokens can still be told apart. */
const SCALE = 1_000_000

/**
 * The cost of a usage at a price; undefined when a class that has tokens has no price, when the usage lacks what has a
 * price, or when the numbers contradict each other (more audio tokens than tokens).
 * @returns whole nano-dollars, rounded half up
 */
export function costNanoUsd(
  usage: Usage | undefined,
  price: ModelPrice | undefined,
): number | undefined {
  if (usage === undefined || price === undefined) return undefined
  const inputTotal = totalInputTokens(usage)
  const classes = pricesFor(price, inputTotal ?? 0)
  if (inputTotal === undefined && classes.input !== 0) return undefined
  // Embeddings have no output and no price for it; a cut stream has both, and its count is what is missing.
  if (usage.outputTokens === undefined && (classes.output ?? 0) !== 0) return undefined
  const audioIn = usage.inputAudioTokens ?? 0
  const audioOut = usage.outputAudioTokens ?? 0
  const charges: readonly (readonly [number, number | undefined])[] = [
    [(usage.inputTokens ?? 0) - audioIn, classes.input],
    [usage.cacheReadTokens ?? 0, classes.cacheRead],
    [usage.cacheWrite5mTokens ?? 0, classes.cacheWrite],
    [usage.cacheWrite1hTokens ?? 0, classes.cacheWrite1h],
    [(usage.outputTokens ?? 0) - audioOut, classes.output],
    [audioIn, classes.inputAudio],
    [audioOut, classes.outputAudio],
  ]
  let sum = 0n
  for (const [tokens, perToken] of charges) {
    const charge = scaledCharge(tokens, perToken)
    if (charge === undefined) return undefined
    sum += charge
  }
  const nano = (sum + BigInt(SCALE / 2)) / BigInt(SCALE)
  return nano > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(nano)
}

/** Tokens times price in scaled units. No tokens cost nothing, whatever the price. */
function scaledCharge(tokens: number, perToken: number | undefined): bigint | undefined {
  if (!Number.isSafeInteger(tokens) || tokens < 0) return undefined
  if (tokens === 0) return 0n
  if (perToken === undefined || !Number.isFinite(perToken) || perToken < 0) return undefined
  return BigInt(tokens) * BigInt(Math.round(perToken * SCALE))
}

/** The prices that hold for a prompt of this length: those of the highest step it passes, over the basic ones. */
function pricesFor(price: ModelPrice, inputTokens: number): PriceClasses {
  let step: PriceClasses | undefined
  let above = -1
  for (const candidate of price.steps ?? []) {
    if (inputTokens > candidate.aboveInputTokens && candidate.aboveInputTokens > above) {
      step = candidate
      above = candidate.aboveInputTokens
    }
  }
  return step === undefined ? price : { ...price, ...step }
}
