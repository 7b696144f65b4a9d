// What the program promises within a second, on a machine that does other work: told from what the machine itself is late with. It judges
// by when an answer was asked for, not by when it came, and counts as much again as answers take to come for each hop of the news.

import { expect } from 'bun:test'

const WITHIN_MS = 1_000
/** A change goes to its store, from there to whoever listens, who reads it there: so often it waits for its turn at a processor. */
const HOPS = 4
const GIVEN_UP_MS = 60_000

/**
 * Asks until it is so. Nobody who asks later than a second after this call may be told otherwise.
 * @returns when it was last asked for in vain, in milliseconds
 */
export async function untilWithin1s(isSo: () => Promise<boolean>): Promise<number> {
  const startedMs = performance.now()
  let inVainMs = 0
  let slowestMs = 0
  for (;;) {
    const askedMs = performance.now() - startedMs
    const holds = await isSo()
    const answeredMs = performance.now() - startedMs
    if (holds) break
    inVainMs = askedMs
    slowestMs = Math.max(slowestMs, answeredMs - askedMs)
    if (answeredMs > GIVEN_UP_MS) throw new Error(`was not so within ${GIVEN_UP_MS} ms`)
    await Bun.sleep(10)
  }
  expect(inVainMs).toBeLessThan(WITHIN_MS + HOPS * slowestMs)
  return inVainMs
}
