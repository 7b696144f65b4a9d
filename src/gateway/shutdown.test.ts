// The way to the end goes one way, and a request's signal says which of two things ended it.

import { expect, test } from 'bun:test'
import { endReason } from '../core/end-reason.ts'
import { Shutdown } from './shutdown.ts'

test('goes one way, and refuses only once it drains', () => {
  const shutdown = new Shutdown()
  const seen = [shutdown.state]
  shutdown.announce()
  seen.push(shutdown.state)
  expect(shutdown.refusal()).toBeUndefined()
  shutdown.drain()
  seen.push(shutdown.state)
  expect(shutdown.refusal()).toMatchObject({ kind: 'shutting_down', retryAfterMs: 1_000 })
  expect(shutdown.error()).toBeUndefined()
  shutdown.announce()
  shutdown.cut()
  shutdown.drain()
  seen.push(shutdown.state)
  expect(seen).toEqual(['running', 'announced', 'draining', 'cut'])
  expect(shutdown.error()).toMatchObject({ code: 'server_shutting_down', status: 503 })
})

test('calls back once, and at once when it is too late to wait', () => {
  const shutdown = new Shutdown()
  const called: string[] = []
  const off = shutdown.onCut(() => called.push('taken out'))
  shutdown.onCut(() => called.push('kept'))
  off()
  shutdown.cut()
  shutdown.cut()
  shutdown.onCut(() => called.push('late'))
  expect(called).toEqual(['kept', 'late'])
})

test('a request hears whichever comes first, until it is over', () => {
  const shutdown = new Shutdown()
  const leaving = new AbortController()
  const left = shutdown.follow(leaving.signal)
  const cut = shutdown.follow(new AbortController().signal)
  const over = shutdown.follow(leaving.signal)
  over.release()
  leaving.abort()
  shutdown.cut()
  expect(endReason(left.signal).kind).toBe('client_closed')
  expect(endReason(cut.signal).kind).toBe('shutting_down')
  expect(over.signal.aborted).toBe(false)
})

test('a request that comes too late is broken off at once', () => {
  const shutdown = new Shutdown()
  const gone = AbortSignal.abort()
  expect(endReason(shutdown.follow(gone).signal).kind).toBe('client_closed')
  shutdown.cut()
  expect(endReason(shutdown.follow(new AbortController().signal).signal).kind).toBe('shutting_down')
})
