// The real clock and the real source of ids and chance, for whoever puts the program together. Everything else gets them
// handed in, so that tests can hand in others.

import type { Clock, IdSource } from './core/ports.ts'

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

export const systemIds: IdSource = {
  uuid: () => Bun.randomUUIDv7(),
  random: () => Math.random(),
}
