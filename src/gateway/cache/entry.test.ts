import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { chatResponse } from '../../testing/arbitraries-response.ts'
import { checkParameters } from '../../testing/seed.ts'
import { isKeepable, readEntry, renewed, writeEntry } from './entry.ts'

test('what is written is read back, for whatever providers say', () => {
  fc.assert(
    fc.property(chatResponse(2), fc.option(fc.nat(), { nil: undefined }), (chat, costNanoUsd) => {
      fc.pre(chat.choices.length > 0)
      const cost = costNanoUsd === undefined ? {} : { costNanoUsd }
      const read = readEntry(writeEntry({ chat, losses: [], ...cost }))
      // JSON knows no member that is undefined, and nor does the IR.
      expect(read).toEqual({ chat: JSON.parse(JSON.stringify(chat)), losses: [], ...cost })
    }),
    checkParameters(200),
  )
})

test('vectors are read back to the last digit', () => {
  const vector = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 20 })
  fc.assert(
    fc.property(fc.array(vector, { maxLength: 4 }), (vectors) => {
      const embedding = { model: 'e', vectors: vectors.map((one) => one.map((each) => each + 0)) }
      expect(readEntry(writeEntry({ embedding, losses: [] }))?.embedding).toEqual(embedding)
    }),
    checkParameters(100),
  )
})

test('whatever else a place holds is no entry, and throws nothing', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(readEntry(text)).toBeUndefined()
    }),
    checkParameters(300),
  )
})

test('of an answer that was cut anywhere nothing is kept', () => {
  fc.assert(
    fc.property(chatResponse(3), (chat) => {
      const isWhole = chat.choices.every(({ finish }) =>
        ['stop', 'stop-sequence', 'tool-use'].includes(finish?.unified ?? ''),
      )
      if (!isWhole) expect(isKeepable(chat, true)).toBe(false)
      const calls = chat.choices.some(({ blocks }) =>
        blocks.some(({ type }) => type === 'tool-use'),
      )
      if (calls) expect(isKeepable(chat, false)).toBe(false)
    }),
    checkParameters(200),
  )
})

describe('an id of its own', () => {
  const chat = { id: '', model: 'm', choices: [] }
  test.each([
    ['chatcmpl-123', 'chatcmpl-fresh'],
    ['msg_01ABC', 'msg_fresh'],
    ['resp_1', 'resp_fresh'],
    ['gen-1-2', 'gen-fresh'],
    ['0199d1c2-aa', ''],
    ['', ''],
    ['a'.repeat(50), ''],
  ])('%s becomes %s', (id, expected) => {
    expect(renewed({ ...chat, id }, 'fresh', 5_000).id).toBe(expected)
  })

  test('and a time of its own, where it had one', () => {
    expect(renewed(chat, 'fresh', 5_000).createdMs).toBeUndefined()
    expect(renewed({ ...chat, createdMs: 1 }, 'fresh', 5_000).createdMs).toBe(5_000)
  })
})
