// Pauses that somebody may end: at once when they do, and without a trace when nobody does.

import { expect, test } from 'bun:test'
import { getEventListeners } from 'node:events'
import { pause } from './pause.ts'

const LONG_MS = 60_000

test('a pause ends when its signal does, and does not begin after it', async () => {
  const ending = new AbortController()
  const waiting = pause(LONG_MS, ending.signal)
  ending.abort()
  await waiting
  await pause(LONG_MS, ending.signal)
  expect(getEventListeners(ending.signal, 'abort').length).toBe(0)
})

test('pauses that run to their end leave nothing on a signal that lives on', async () => {
  const { signal } = new AbortController()
  const waiting = [pause(1, signal), pause(1, signal), pause(1)]
  expect(getEventListeners(signal, 'abort').length).toBe(2)
  await Promise.all(waiting)
  expect(getEventListeners(signal, 'abort').length).toBe(0)
})
