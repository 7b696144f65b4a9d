// The seed is repeatable, and a run without recordings says why it skips.

import { afterEach, expect, test } from 'bun:test'
import { recordingIds, recordings, recordingsAbsent } from './recordings.ts'
import { SEED, seededInteger, seededRandom, withSeed } from './seed.ts'

const folder = process.env['WEIR_RECORDINGS']

afterEach(() => {
  if (folder === undefined) delete process.env['WEIR_RECORDINGS']
  else process.env['WEIR_RECORDINGS'] = folder
})

test('the same seed gives the same numbers, another one others', () => {
  const draw = (seed: number) => Array.from({ length: 5 }, seededRandom(seed))
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
  const random = seededRandom(1)
  for (let count = 0; count < 1_000; count += 1) {
    const value = seededInteger(random, 3)
    expect([0, 1, 2]).toContain(value)
  }
  expect(Number.isInteger(SEED)).toBe(true)
})

test('a failing body fails, and a passing one gives its value', async () => {
  expect(await withSeed((random) => random() < 1)).toBe(true)
  await expect(withSeed(() => Promise.reject(new Error('as expected')))).rejects.toThrow('expected')
})

test('without a folder there is a reason, and reading throws it', () => {
  delete process.env['WEIR_RECORDINGS']
  expect(recordingsAbsent()).toContain('not set')
  expect(() => recordingIds()).toThrow('not set')
  process.env['WEIR_RECORDINGS'] = import.meta.dir
  expect(recordingsAbsent()).toContain('manifest.json')
  expect(() => [...recordings()]).toThrow('manifest.json')
})
