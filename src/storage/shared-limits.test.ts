import { expect, test } from 'bun:test'
import { MemoryLimits } from '../core/policy/memory-limits.ts'
import type { LimitTake } from '../core/ports-money.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import type { LimitBackend } from './limit-exchange.ts'
import { SharedLimits } from './shared-limits.ts'

function take(key: string, over: Partial<LimitTake> = {}): LimitTake {
  return { key, max: 100, windowMs: 60_000, cost: 90, whenUnavailable: 'local', ...over }
}

/** Answers at once, as a store that lets everything through. */
const BACKEND: LimitBackend = {
  name: 'redis',
  host: 'store',
  inFlightMax: 8,
  exchange: ({ requests }) =>
    Promise.resolve(
      requests.map(({ takes }) => ({
        admitted: true,
        states: takes.map(({ key, max }) => ({ key, max, remaining: max, resetMs: 0 })),
        takenMs: 5_000_000,
      })),
    ),
  onReady: (run) => setImmediate(run),
  suspect: () => undefined,
  close: () => Promise.resolve(),
}

/** Each look at it is a little later, as of a real one. */
function runningClock() {
  let nowMs = 1_000
  const read = () => (nowMs += 0.01)
  return { nowMs: read, monotonicMs: read }
}

test('an estimate that is given back is given back here too, whoever has counted it', async () => {
  const clock = runningClock()
  const local = new MemoryLimits(clock)
  const limits = new SharedLimits({ backend: BACKEND, local, clock, logger: SILENT_LOGGER })
  const open = take('open', { whenUnavailable: 'open' })
  const remaining = async (one: LimitTake) => (await local.peek([one]))[0]?.remaining
  // Not connected yet: decided alone.
  const alone = await limits.take([take('near'), open], 'h')
  expect(alone.degraded).toBe(true)
  for (const { key, windowMs } of [take('near'), open]) {
    limits.correct(key, windowMs, -80, alone.takenMs)
  }
  expect([await remaining(take('near')), await remaining(open)]).toEqual([90, 90])
  await limits.whenConnected(15_000)
  expect(limits.connected).toBe(true)
  const told = await limits.take([take('far')], 'h')
  expect(await remaining(take('far'))).toBe(10)
  limits.correct('far', 60_000, -80, told.takenMs)
  expect(await remaining(take('far'))).toBe(90)
  await limits.close()
})
