import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Outcome } from '../core/outcome.ts'
import { rollupAmounts, rollupKey, type RollupAmounts } from '../core/usage-rollup.ts'
import { checkParameters } from '../testing/seed.ts'
import { outcomes } from './outcome-arbitrary.ts'
import { AMOUNT_COLUMNS, KEY_COLUMNS, UsageCompanion } from './usage-companion.ts'

const AMOUNTS = Object.keys(AMOUNT_COLUMNS) as (keyof RollupAmounts)[]
const KEYS = Object.keys(KEY_COLUMNS).length

/** What the statements say, by what they say it of. */
function said(batch: readonly Outcome[]): Map<string, readonly unknown[]> {
  const found = new Map<string, readonly unknown[]>()
  for (const { text, values } of new UsageCompanion().statementsFor(batch)) {
    const isUse = text.includes('key_uses')
    const at = isUse ? 2 : KEYS
    const name = JSON.stringify([isUse, ...values.slice(0, at)])
    // One statement for each line: two would lock it twice.
    expect(found.has(name)).toBe(false)
    found.set(name, values.slice(at))
  }
  return found
}

/** The same, one outcome after the other. */
function summed(batch: readonly Outcome[]): Map<string, readonly unknown[]> {
  const found = new Map<string, number[]>()
  for (const outcome of batch) {
    const key = rollupKey(outcome)
    const name = JSON.stringify([
      false,
      ...Object.keys(KEY_COLUMNS).map((column) => key[column as keyof typeof key]),
    ])
    const amounts = rollupAmounts(outcome)
    const before = found.get(name)
    found.set(
      name,
      AMOUNTS.map((column, index) => amounts[column] + (before?.[index] ?? 0)),
    )
    if (outcome.apiKeyId === undefined) continue
    const use = JSON.stringify([true, outcome.tenantId, outcome.apiKeyId])
    found.set(use, [Math.max(found.get(use)?.[0] ?? 0, outcome.timestampMs)])
  }
  return found
}

/** Neighbours that go to one line, and others between them. */
const batches = fc
  .tuple(fc.array(outcomes(), { minLength: 1, maxLength: 4 }), fc.array(fc.nat({ max: 3 })))
  .map(([some, order]) => order.map((at) => some[at % some.length]!))

test('what is said of a batch is the sum of its outcomes, one statement for each line and key', () => {
  fc.assert(
    fc.property(batches, (batch) => {
      expect(said(batch)).toEqual(summed(batch))
    }),
    checkParameters(300),
  )
})

test('the order of a batch changes nothing, and asking twice changes nothing', () => {
  fc.assert(
    fc.property(batches, (batch) => {
      const companion = new UsageCompanion()
      const once = companion.statementsFor(batch)
      expect(companion.statementsFor(batch)).toEqual(once)
      expect(companion.statementsFor(batch.toReversed())).toEqual(once)
    }),
    checkParameters(300),
  )
})
