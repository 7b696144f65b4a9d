// Places of kept answers without a server of their own: memory, and the log store on SQLite.

import { afterAll, describe, expect, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import * as fc from 'fast-check'
import type { CachedAnswer } from '../core/answer-cache.ts'
import { FakeClock } from '../testing/clock.ts'
import { checkParameters } from '../testing/seed.ts'
import { answersContract, keptAnswer } from './contract-answers.ts'
import { MemoryAnswers } from './memory-answers.ts'
import { removeFolders, storeIn, temporaryFolder } from './test-store.ts'

afterAll(removeFolders)

answersContract('memory', (clock) => {
  const store = new MemoryAnswers(clock, () => 1_000_000)
  return Promise.resolve({ store, settle: () => Promise.resolve(), close: () => Promise.resolve() })
})

answersContract('SQLite', async (clock) => {
  const opened = await storeIn(temporaryFolder(), { clock })
  return {
    store: opened.answers,
    settle: () => opened.answers.tidy(clock.nowMs()),
    close: () => opened.close(),
  }
})

describe('memory', () => {
  test('is bounded in bytes, whatever is put in', () => {
    const bytesMax = 20_000
    const answer = fc
      .record({ id: fc.integer({ min: 0, max: 30 }), chars: fc.integer({ min: 0, max: 12_000 }) })
      .map(({ chars, id }) => keptAnswer({ id: String(id), value: 'x'.repeat(chars) }))
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 60 }), (answers) => {
        const store = new MemoryAnswers(new FakeClock(1), () => bytesMax)
        let weight = 0
        for (const one of answers) {
          store.put(one)
          expect(store.weight).toBeLessThanOrEqual(bytesMax)
          weight = Math.max(weight, store.weight)
        }
        for (const { id, tenantId } of answers) store.drop(tenantId, id)
        expect(store.weight).toBe(0)
      }),
      checkParameters(100),
    )
  })

  test('what was used last stays longest', () => {
    const store = new MemoryAnswers(new FakeClock(1), () => 2_600)
    const put = (id: string) => store.put(keptAnswer({ id, value: 'x'.repeat(100) }))
    for (const id of ['a', 'b', 'c']) put(id)
    expect(store.get('default', 'a')).toBeDefined()
    put('d')
    const left = ['a', 'b', 'c', 'd'].filter((id) => store.get('default', id) !== undefined)
    expect(left).toEqual(['a', 'c', 'd'])
  })
})

describe('SQLite', () => {
  const CANARY = 'canary-answer-0123456789'

  async function withAnswer(run: (folder: string, answer: CachedAnswer) => Promise<void>) {
    const folder = temporaryFolder()
    const nowMs = Date.now()
    const answer = keptAnswer({ createdMs: nowMs, expiresMs: nowMs + 3_600_000, value: CANARY })
    const store = await storeIn(folder)
    store.answers.put(answer)
    await store.close()
    await run(folder, answer)
  }

  test('an answer outlasts a restart, and lies in no file in clear', () =>
    withAnswer(async (folder, answer) => {
      for (const name of ['weir.db', 'weir-log.db']) {
        const bytes = await Bun.file(`${folder}/${name}`).bytes()
        expect(Buffer.from(bytes).includes(CANARY)).toBe(false)
      }
      const store = await storeIn(folder)
      expect(await store.answers.get('default', answer.id)).toEqual(answer)
      await store.close()
    }))

  test.each([
    'value = substr(value, 1, 40)',
    "value = 'x'",
    'value = NULL',
    "id = 'moved'",
    "tenant_id = 'other'",
  ])('a row that was changed (%s) is none', (change) =>
    withAnswer(async (folder, answer) => {
      const log = new Database(`${folder}/weir-log.db`)
      log.run(`UPDATE kept SET ${change}`)
      log.close()
      const store = await storeIn(folder)
      for (const [tenantId, id] of [
        ['default', answer.id],
        ['default', 'moved'],
        ['other', answer.id],
      ] as const) {
        expect(await store.answers.get(tenantId, id)).toBeUndefined()
      }
      await store.close()
    }),
  )

  test('answers do not crowd out what clients asked to be kept, and go by their own bound', async () => {
    const clock = new FakeClock(Date.now())
    const store = await storeIn(temporaryFolder(), { clock })
    const nowMs = clock.nowMs()
    await store.kept.put({
      kind: 'response',
      id: 'resp',
      tenantId: 'default',
      providerId: 'p',
      model: 'm',
      createdMs: nowMs,
      value: '{}',
    })
    store.answers.useBytesMax(20_000)
    for (let at = 0; at < 40; at += 1) {
      store.answers.put(
        keptAnswer({
          id: String(at),
          createdMs: nowMs + at,
          expiresMs: nowMs + 60_000,
          value: 'x'.repeat(1_000),
        }),
      )
    }
    await store.answers.tidy(nowMs)
    const [held] = await store.answers.holdings(undefined)
    expect(held!.bytes).toBeLessThanOrEqual(20_000)
    expect(held!.entries).toBeGreaterThan(5)
    expect(await store.answers.get('default', '39')).toBeDefined()
    expect(await store.answers.get('default', '0')).toBeUndefined()
    expect(await store.kept.find('response', 'default', 'resp')).toBeDefined()
    await store.close()
  })
})
