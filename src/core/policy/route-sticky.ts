// The same target for the same caller, without remembering anybody: rendezvous hashing. Each target draws a number from the
// caller's value and its own name, and the highest wins, so that a target which comes or goes moves only its own callers.
// https://en.wikipedia.org/wiki/Rendezvous_hashing (weighted, by -w / ln u)

/**
 * How much a target wants this value: compared with that of the others alone, the highest wins. A target of weight w wins w
 * times as many values as one of weight 1.
 * @param weight positive
 */
export function rendezvousScore(value: string, targetName: string, weight: number): number {
  // Strictly between 0 and 1, so that the logarithm is finite and not zero.
  const share = (hash53(`${value}\n${targetName}`) + 0.5) / 2 ** 53
  return -weight / Math.log(share)
}

/** A 53-bit hash of a text's UTF-16 units: two multiplicative hashes, mixed at the end. Spreads well; keeps no secret. */
function hash53(text: string): number {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, 2_654_435_761)
    low = Math.imul(low ^ code, 1_597_334_677)
  }
  high = mixed(high, low)
  low = mixed(low, high)
  return (low & 0x1fffff) * 2 ** 32 + (high >>> 0)
}

function mixed(a: number, b: number): number {
  const first = Math.imul(a ^ (a >>> 16), 2_246_822_507)
  return first ^ Math.imul(b ^ (b >>> 13), 3_266_489_909)
}
