// The generators keep their promises: requests in normal form, answers that `collect` and `replay` turn into each other, and
// values that survive JSON. A generator that drifted would make every law about codecs say something else.

import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { collect } from '../core/ir/collect.ts'
import { vectorFromBase64, vectorToBase64 } from '../core/ir/embedding.ts'
import { replay } from '../core/ir/replay.ts'
import { normalizeMessages } from '../core/ir/request.ts'
import { embeddingRequest, embeddingResponse } from './arbitraries-embedding.ts'
import { chatResponse, completionResponse, hostileObject, mutated } from './arbitraries-response.ts'
import { untidyRequest, untidyResponse } from './arbitraries-untidy.ts'
import { chatRequest, completionRequest } from './arbitraries.ts'
import { checkParameters } from './seed.ts'

const RUNS = 100

test('requests are in normal form, and each result answers a call', () => {
  fc.assert(
    fc.property(fc.oneof(chatRequest(true), untidyRequest(), completionRequest()), (request) => {
      expect(normalizeMessages(structuredClone(request.messages))).toEqual(request.messages)
    }),
    checkParameters(RUNS),
  )
  fc.assert(
    fc.property(chatRequest(), (request) => {
      const called = new Set<string>()
      for (const block of request.messages.flatMap((message) => message.content)) {
        if (block.type === 'tool-use') called.add(block.id)
        if (block.type === 'tool-result') expect(called.has(block.toolUseId)).toBe(true)
      }
    }),
    checkParameters(RUNS),
  )
})

test('collect(replay(response)) is the response', () => {
  const responses = fc.oneof(chatResponse(3), completionResponse(3), untidyResponse())
  fc.assert(
    fc.property(responses, (response) => {
      // A choice of nothing, not even a finish, has no event to be told by.
      const told = response.choices.filter(({ blocks, finish }) => blocks.length > 0 || finish)
      const { response: collected, error } = collect(replay(response))
      expect(error).toBeUndefined()
      expect(collected).toEqual({ ...response, choices: told })
    }),
    checkParameters(RUNS),
  )
})

test('values survive JSON, and vectors survive base64', () => {
  const values = fc.oneof<fc.Arbitrary<unknown>[]>(
    chatRequest(true),
    chatResponse(3),
    embeddingRequest(),
    embeddingResponse(),
    hostileObject(['a', 'error']),
    mutated({ a: [{ b: 1 }, 'x'], c: { d: null } }),
  )
  fc.assert(
    fc.property(values, (value) => {
      expect(JSON.parse(JSON.stringify(value))).toEqual(value)
    }),
    checkParameters(RUNS),
  )
  fc.assert(
    fc.property(embeddingResponse(), ({ vectors }) => {
      expect(vectors.map((vector) => vectorFromBase64(vectorToBase64(vector)))).toEqual(vectors)
    }),
    checkParameters(RUNS),
  )
})

test('a mutant differs from its document in one place at most, and leaves it alone', () => {
  const document = { a: [1, 2, { b: 'x' }], c: { d: { e: null } } }
  const before = JSON.stringify(document)
  const mutants = fc
    .sample(mutated(document), checkParameters(200))
    .map((one) => JSON.stringify(one))
  expect(JSON.stringify(document)).toBe(before)
  expect(new Set(mutants).size).toBeGreaterThan(20)
})
