import { expect, test } from 'bun:test'
import { LIMITS } from '../core/limits.ts'
import { systemClock } from '../system.ts'
import { startUpstream } from '../testing/upstream.ts'
import { SharedDeadlines } from './deadlines.ts'
import { firstToConnect } from './first-to-connect.ts'
import { withBlackHole } from '../testing/black-hole.ts'

const deadlines = new SharedDeadlines(systemClock)
const forever = new AbortController().signal

test('refused addresses cost nothing', async () => {
  await using up = startUpstream()
  // So many that a machine which stands still for seconds is told from one that waits for each of them.
  const refusing = Array.from({ length: 200 }, (_, at) => `127.0.1.${at + 1}`)
  const startedMs = performance.now()
  const found = await firstToConnect(
    [...refusing, '127.0.0.1'],
    up.port,
    deadlines,
    60_000,
    forever,
  )
  expect(found).toBe('127.0.0.1')
  const waitsMs = refusing.length * LIMITS.connectionRaceDelayMs
  expect(performance.now() - startedMs).toBeLessThan(waitsMs / 4)
})

test('nobody anywhere is undefined at once', async () => {
  expect(await firstToConnect(['127.0.0.3', '127.0.0.4'], 1, deadlines, 5_000, forever)).toBe(
    undefined,
  )
})

test('one that never answers costs a head start, and the limit where it is the only one', async () => {
  await withBlackHole(async ({ address, port, answering }) => {
    const startedMs = performance.now()
    const found = await firstToConnect([address, answering], port, deadlines, 60_000, forever)
    expect(found).toBe(answering)
    const tookMs = performance.now() - startedMs
    expect(tookMs).toBeGreaterThanOrEqual(LIMITS.connectionRaceDelayMs - 5)
    expect(tookMs).toBeLessThan(15_000)
    expect(await firstToConnect([address], port, deadlines, 300, forever)).toBe(undefined)
    const leaving = new AbortController()
    const looking = firstToConnect([address], port, deadlines, 60_000, leaving.signal)
    leaving.abort()
    expect(await looking).toBe(undefined)
  })
})
