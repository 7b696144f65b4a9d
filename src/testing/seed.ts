// One seed for everything random in a test run: from WEIR_SEED, else fresh. A failure names it, so that the same run can
// be had again; nothing here may draw from Math.random after the seed is chosen.

const SEED_MAX = 0x7fff_ffff

function chooseSeed(): number {
  const given = process.env['WEIR_SEED']
  if (given === undefined || given === '') return Math.floor(Math.random() * SEED_MAX)
  const seed = Number(given)
  if (!Number.isInteger(seed) || seed < 0 || seed > SEED_MAX) {
    throw new Error(`WEIR_SEED must be a whole number from 0 to ${SEED_MAX}.`)
  }
  return seed
}

/** The seed of this run. */
export const SEED: number = chooseSeed()

/** A small repeatable source of numbers in [0, 1) (mulberry32); not for secrets. */
export function seededRandom(seed: number = SEED): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** Whole numbers in [0, below). */
export function seededInteger(random: () => number, below: number): number {
  return Math.floor(random() * below)
}

/** Parameters for `fc.assert`: the run's seed, and how many cases. fast-check prints the seed and the smallest failing case. */
export function checkParameters(numRuns: number): {
  seed: number
  numRuns: number
  includeErrorInReport: boolean
} {
  return { seed: SEED, numRuns, includeErrorInReport: true }
}

/** Runs `body` with a seeded source; when it fails, the error names the seed to run it with again. */
export async function withSeed<T>(body: (random: () => number) => T | Promise<T>): Promise<T> {
  try {
    return await body(seededRandom())
  } catch (error) {
    process.stdout.write(`failed with WEIR_SEED=${SEED}\n`)
    throw error
  }
}
