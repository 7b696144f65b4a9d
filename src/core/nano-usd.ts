// The unit that money is counted in, and the way to and from the dollars that people write: integers of a billionth of a dollar, so that
// sums reconcile. Pure; how many digits somebody is shown is whoever shows it.

import type { PriceClasses } from './catalog.ts'

/** Nano-dollars of one dollar. */
export const NANO_PER_USD = 1_000_000_000

/** Dollars per million tokens as nano-dollars per token, without the dust of binary fractions. */
export function nanoPerToken(dollars: number): number {
  return Math.round(dollars * NANO_PER_USD) / 1e6
}

/** A price as people and files write it: dollars per million tokens, and dollars for a request; undefined where it has none. */
export function priceInDollars(price: PriceClasses) {
  return {
    input: dollarsPerMillion(price.input),
    output: dollarsPerMillion(price.output),
    cache_read: dollarsPerMillion(price.cacheRead),
    cache_write: dollarsPerMillion(price.cacheWrite),
    cache_write_1h: dollarsPerMillion(price.cacheWrite1h),
    reasoning: dollarsPerMillion(price.reasoning),
    input_audio: dollarsPerMillion(price.inputAudio),
    output_audio: dollarsPerMillion(price.outputAudio),
    request: price.request === undefined ? undefined : price.request / NANO_PER_USD,
  }
}

/** Nano-dollars per token as dollars per million tokens, without the dust of binary fractions; undefined stays what it is. */
function dollarsPerMillion(nano: number | undefined): number | undefined {
  return nano === undefined ? undefined : Math.round(nano * 1e6) / NANO_PER_USD
}
