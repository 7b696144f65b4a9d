import { expect, test } from 'bun:test'
import { systemClock } from '../system.ts'
import { SharedDeadlines } from './deadlines.ts'

test('each fires once after its time, in time, and not when cancelled', async () => {
  const deadlines = new SharedDeadlines(systemClock)
  const fired: string[] = []
  const started = performance.now()
  const { promise, resolve } = Promise.withResolvers<void>()
  deadlines.after(50, () => fired.push('first'))
  deadlines.after(20, () => fired.push('cancelled')).cancel()
  deadlines.after(200, () => {
    fired.push('last')
    resolve()
  })
  await promise
  expect(fired).toEqual(['first', 'last'])
  expect(performance.now() - started).toBeGreaterThanOrEqual(199)
})

test('one that is set while others fire is kept, and the timer wakes again after a pause', async () => {
  const deadlines = new SharedDeadlines(systemClock)
  const inner = Promise.withResolvers<void>()
  deadlines.after(1, () => {
    deadlines.after(1, () => inner.resolve())
  })
  await inner.promise
})
