// What waits longest in the queue of the request log: metrics tell how long it has.

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Outcome } from '../core/outcome.ts'
import { SEED } from '../testing/seed.ts'
import { LogQueue } from './log-queue.ts'
import { outcomes } from './outcome-arbitrary.ts'
import { endMs } from './request-log.ts'

test('the oldest is the one that was pushed first of those that are left', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(outcomes(), fc.nat(3)), { maxLength: 30 }), (steps) => {
      const queue = new LogQueue({ rowsMax: 8, bodyCharsMax: Infinity })
      let left: Outcome[] = []
      for (const step of steps) {
        if (typeof step === 'number') {
          queue.remove(step)
          left = left.slice(step)
        } else if (queue.push(step) !== 'dropped') left.push(step)
        expect(queue.oldest?.logId).toBe(left[0]?.logId)
        expect(endMs(queue.oldest)).toBe(
          left[0] === undefined ? undefined : left[0].timestampMs + left[0].totalMs,
        )
      }
    }),
    { seed: SEED, numRuns: 50 },
  )
})
