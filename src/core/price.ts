// What a request cost, in integer nano-dollars. Pure integer arithmetic on scaled prices, rounded once at the end, so that
// sums reconcile. An unknown price or an untold count gives an unknown cost, never zero.

import type { Model, ModelPrice, PriceClasses } from './catalog.ts'
import { totalInputTokens, type Usage } from './ir/usage.ts'

/** Prices are held in millionths of a nano-dollar: $0.001 per billion tokens can still be told apart. */
const SCALE = 1_000_000

/** The classes that are charged by the token. */
const TOKEN_CLASSES = [
  'input',
  'output',
  'cacheRead',
  'cacheWrite',
  'cacheWrite1h',
  'inputAudio',
  'outputAudio',
  'reasoning',
] as const satisfies readonly (keyof PriceClasses)[]

/**
 * The price that an operator has set for a model, as it was in force at a moment; undefined where none was.
 * @param atMs when the request arrived, UTC milliseconds: a price that changes while it runs is none of its
 */
export function priceAt(
  model: Pick<Model, 'price' | 'priceChanges'>,
  atMs: number,
): ModelPrice | undefined {
  const { price, priceChanges } = model
  if (priceChanges === undefined) return price
  let found = price
  let sinceMs = Number.NEGATIVE_INFINITY
  for (const change of priceChanges) {
    if (change.fromMs > atMs || change.fromMs < sinceMs) continue
    found = change.price
    sinceMs = change.fromMs
  }
  return found
}

/**
 * The cost of a usage at a price; undefined when a class that has tokens has no price, when the usage lacks what has a
 * price, or when the numbers contradict each other (more audio tokens than tokens).
 * @param usage undefined where none was told: then only a price by the request alone gives a cost
 * @returns whole nano-dollars, rounded half up
 */
export function costNanoUsd(
  usage: Usage | undefined,
  price: ModelPrice | undefined,
): number | undefined {
  if (price === undefined) return undefined
  if (usage === undefined) return byRequestAlone(price) ? rounded(fixedCharge(price)) : undefined
  const inputTotal = totalInputTokens(usage)
  const classes = pricesFor(price, inputTotal ?? 0)
  if (inputTotal === undefined && classes.input !== 0) return undefined
  // Embeddings have no output and no price for it; a cut stream has both, and its count is what is missing.
  if (usage.outputTokens === undefined && (classes.output ?? 0) !== 0) return undefined
  const audioIn = usage.inputAudioTokens ?? 0
  const audioOut = usage.outputAudioTokens ?? 0
  // Where it has no price of its own it is output like any other, whatever its number.
  const reasoning = classes.reasoning === undefined ? 0 : (usage.reasoningTokens ?? 0)
  const charges: readonly (readonly [number, number | undefined])[] = [
    [(usage.inputTokens ?? 0) - audioIn, classes.input],
    [usage.cacheReadTokens ?? 0, classes.cacheRead],
    [usage.cacheWrite5mTokens ?? 0, classes.cacheWrite],
    [usage.cacheWrite1hTokens ?? 0, classes.cacheWrite1h],
    [(usage.outputTokens ?? 0) - audioOut - reasoning, classes.output],
    [reasoning, classes.reasoning],
    [audioIn, classes.inputAudio],
    [audioOut, classes.outputAudio],
  ]
  let sum = fixedCharge(classes)
  for (const [tokens, perToken] of charges) {
    const charge = scaledCharge(tokens, perToken)
    if (charge === undefined || sum === undefined) return undefined
    sum += charge
  }
  return rounded(sum)
}

/** What a request may come to at most: as much as is known of it before it is sent. */
export interface Expected {
  readonly inputTokens: number
  readonly outputTokens: number
  /** It marks parts of the prompt to be cached. */
  readonly writesCache: boolean
  readonly hasAudio: boolean
}

/**
 * The most that a request can cost at a price, each side at its dearest class; undefined where a price that it needs is not known.
 * @returns whole nano-dollars, rounded up
 */
export function worstCostNanoUsd(
  expected: Expected,
  price: ModelPrice | undefined,
): number | undefined {
  if (price === undefined) return undefined
  const { hasAudio, inputTokens, outputTokens, writesCache } = expected
  const classes = pricesFor(price, inputTokens)
  if (byRequestAlone(classes)) return rounded(fixedCharge(classes))
  const input = dearest(
    classes.input,
    writesCache ? classes.cacheWrite : undefined,
    writesCache ? classes.cacheWrite1h : undefined,
    hasAudio ? classes.inputAudio : undefined,
  )
  const output = dearest(
    classes.output,
    classes.reasoning,
    hasAudio ? classes.outputAudio : undefined,
  )
  const inputCharge = scaledCharge(Math.ceil(inputTokens), input)
  const outputCharge = scaledCharge(Math.ceil(outputTokens), output)
  const fixed = fixedCharge(classes)
  if (inputCharge === undefined || outputCharge === undefined || fixed === undefined) {
    return undefined
  }
  // Half a unit is added in rounding: this is what is missing for the next whole one.
  return rounded(inputCharge + outputCharge + fixed + BigInt(SCALE / 2 - 1))
}

/** The highest of the prices that are known; undefined where the first, which all of it may need, is not. */
function dearest(
  basic: number | undefined,
  ...others: readonly (number | undefined)[]
): number | undefined {
  if (basic === undefined) return undefined
  return Math.max(basic, ...others.filter((price) => price !== undefined))
}

/** Nothing that is counted in tokens has a price, and the request has. */
function byRequestAlone(price: PriceClasses): boolean {
  return price.request !== undefined && TOKEN_CLASSES.every((name) => (price[name] ?? 0) === 0)
}

/** What each request costs besides its tokens, in scaled units; undefined for a price that is none. */
function fixedCharge({ request }: PriceClasses): bigint | undefined {
  return request === undefined ? 0n : scaledCharge(1, request)
}

/** Tokens times price in scaled units. No tokens cost nothing, whatever the price. */
function scaledCharge(tokens: number, perToken: number | undefined): bigint | undefined {
  if (!Number.isSafeInteger(tokens) || tokens < 0) return undefined
  if (tokens === 0) return 0n
  if (perToken === undefined || !(perToken >= 0)) return undefined
  const scaled = Math.round(perToken * SCALE)
  return Number.isFinite(scaled) ? BigInt(tokens) * BigInt(scaled) : undefined
}

function rounded(scaled: bigint | undefined): number | undefined {
  if (scaled === undefined) return undefined
  const nano = (scaled + BigInt(SCALE / 2)) / BigInt(SCALE)
  return nano > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(nano)
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
