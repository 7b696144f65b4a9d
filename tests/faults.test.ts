// The chaos run in short, against the executable: every fault once, with fewer requests and shorter times. What must come of a fault
// is asserted; figures of time are printed, and asserted only where they are far from what they should be.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Account, type Pace } from './chaos/account.ts'
import { SCENARIOS } from './chaos/scenarios.ts'
import { SEED, seededRandom } from '../src/testing/seed.ts'

setDefaultTimeout(300_000)

const pace: Pace = { quick: true, strict: false, random: seededRandom() }
const figures: string[] = []

afterAll(() => {
  process.stdout.write(`faults, WEIR_SEED=${SEED}:\n${figures.join('\n')}\n`)
})

describe('a fault:', () => {
  for (const scenario of SCENARIOS) {
    const reason = scenario.without?.()
    if (reason !== undefined) {
      process.stdout.write(`left out: fault ${scenario.name}: ${reason}\n`)
      continue
    }
    test(`${scenario.title}: ${scenario.expected}`, async () => {
      const account = new Account(pace)
      await scenario.run(account, pace)
      if (account.notes.length > 0) figures.push(`  ${scenario.name}: ${account.notes.join('; ')}`)
      expect(account.problems).toEqual([])
      expect(account.requests).toBeGreaterThan(0)
    })
  }
})
