// Changes that wait for each other while their store fails. What changes do is tested with the repositories.

import { expect, test } from 'bun:test'
import type { AuditChain } from './audit-chain.ts'
import { ControlDatabase, type ControlDatabaseOptions } from './control-database.ts'
import { LIMITS } from '../core/limits.ts'
import { TEST_ACTOR } from './test-store.ts'

test('those who waited long behind a change that the store did not take fail with it, and are not tried one by one', async () => {
  let asked = 0
  const chain = {
    end: async () => {
      asked += 1
      await Bun.sleep(LIMITS.changeQueueTimeoutMs + 50)
      throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' })
    },
  } as unknown as AuditChain
  const database = new ControlDatabase({ chain } as ControlDatabaseOptions)
  const plan = () => ({ events: [], build: () => [] })
  const waiting = Array.from({ length: 50 }, () => database.change(TEST_ACTOR, plan))
  for (const result of await Promise.allSettled(waiting)) {
    expect(result).toMatchObject({ reason: { kind: 'storage_unavailable' } })
  }
  expect(asked).toBe(1)
  // Who comes later is tried again.
  await expect(database.change(TEST_ACTOR, plan)).rejects.toMatchObject({ status: 503 })
  expect(asked).toBe(2)
}, 60_000)
