// The figures of this very process, and the measuring of its event loop, which must end when nobody looks.

import { expect, test } from 'bun:test'
import { LIMITS } from '../core/limits.ts'
import { FakeClock } from '../testing/clock.ts'
import { readMetrics } from '../testing/metrics-reader.ts'
import { LoopLag, processFamilies } from './metrics-process.ts'
import { Metrics } from './metrics.ts'

async function until(holds: () => boolean): Promise<void> {
  const limitMs = performance.now() + 15_000
  while (!holds()) {
    if (performance.now() > limitMs) throw new Error('waited in vain')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

test('memory, processor, files and versions are those of this process', () => {
  const { samples } = readMetrics(new Metrics().render(processFamilies('sqlite')), 'prometheus')
  expect(samples.get('process_cpu_seconds_total')).toBeGreaterThan(0)
  expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(10e6)
  expect(samples.get('weir_heap_bytes')).toBeGreaterThan(100e3)
  const startedMs = samples.get('process_start_time_seconds')! * 1_000
  expect(Math.abs(startedMs - performance.timeOrigin)).toBeLessThan(1_000)
  expect([...samples.keys()].some((id) => id.includes(`bun="${Bun.version}"`))).toBe(true)
  if (process.platform !== 'linux') return
  expect(samples.get('process_open_fds')).toBeGreaterThan(2)
  expect(samples.get('process_max_fds')).toBeGreaterThanOrEqual(samples.get('process_open_fds')!)
})

test('the event loop is looked at from the first question on, and no more when nobody has asked for long', async () => {
  const clock = new FakeClock()
  const lag = new LoopLag(clock, 2)
  expect(lag.isMeasuring).toBe(false)
  lag.asked()
  const [one] = lag.series.all
  const count = () => one!.counts.reduce((sum, each) => sum + each, 0)
  // This clock stands still, so no timer is late by it.
  await until(() => count() >= 2)
  expect(one!.sum).toBe(0)
  clock.advance(702)
  const before = count()
  await until(() => count() > before)
  // It was due two milliseconds after it was set.
  expect(one!.sum).toBeCloseTo(0.7)
  clock.advance(LIMITS.eventLoopWatchMs)
  await until(() => !lag.isMeasuring)
  lag.asked()
  expect(lag.isMeasuring).toBe(true)
  lag.stop()
  expect(lag.isMeasuring).toBe(false)
})
