import { expect, test } from 'bun:test'
import { ownMsOf } from './own-time.ts'

/** Keeps this thread busy, by what it has worked: the clock goes on while others have the processor. */
function worked(durationMs: number): void {
  const { system, user } = process.threadCpuUsage()
  for (;;) {
    const now = process.threadCpuUsage()
    if (now.system + now.user - system - user >= durationMs * 1_000) return
  }
}

test('what is waited for and what is worked counts, what others had the processor for does not', async () => {
  // Never more than the clock says, and waiting is no work: most of it is there unless the machine was away.
  const startedMs = performance.now()
  const waitedMs = await ownMsOf(() => Bun.sleep(100))
  expect(waitedMs).toBeLessThanOrEqual(performance.now() - startedMs)
  expect(waitedMs).toBeGreaterThan(0)
  expect(await ownMsOf(async () => worked(50))).toBeGreaterThan(40)
  // A thread that sleeps without a turn is as one that the machine has stopped.
  expect(await ownMsOf(async () => Bun.sleepSync(1_000))).toBeLessThan(500)
})
