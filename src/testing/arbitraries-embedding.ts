// fast-check generators of embedding requests and answers, in numbers that every encoding of a vector can hold.

import * as fc from 'fast-check'
import type { EmbeddingRequest, EmbeddingResponse } from '../core/ir/embedding.ts'
import { extrasOf, rarely, sometimes, someText, word } from './arbitraries-values.ts'

/** Texts or token lists; `single` only with one input. */
export function embeddingRequest(): fc.Arbitrary<EmbeddingRequest> {
  const tokens = fc.array(fc.nat({ max: 100_000 }), { minLength: 1, maxLength: 5 })
  const input = fc.oneof(
    { weight: 3, arbitrary: fc.array(someText, { minLength: 1, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.array(tokens, { minLength: 1, maxLength: 3 }) },
  )
  const options = sometimes<Partial<EmbeddingRequest>>({
    dimensions: fc.integer({ min: 1, max: 4_096 }),
    encoding: fc.constantFrom('float', 'base64'),
    user: word,
    extras: extrasOf('openai-embeddings', 'ollama'),
  })
  return fc.tuple(input, fc.boolean(), options).map<EmbeddingRequest>(([list, single, rest]) => ({
    model: 'some-embedder',
    input: list,
    single: single && list.length === 1,
    ...rest,
  }))
}

/** Vectors of numbers that a 32-bit float holds exactly, so that base64 keeps them. */
export function embeddingResponse(): fc.Arbitrary<EmbeddingResponse> {
  const value = fc.float({ noNaN: true, noDefaultInfinity: true }).map((x) => (x === 0 ? 0 : x))
  return fc.integer({ min: 1, max: 6 }).chain((size) =>
    fc
      .tuple(
        fc.array(fc.array(value, { minLength: size, maxLength: size }), {
          minLength: 1,
          maxLength: 3,
        }),
        rarely(
          'usage',
          fc.nat({ max: 1_000 }).map((inputTokens) => ({ inputTokens })),
        ),
      )
      .map<EmbeddingResponse>(([vectors, rest]) => ({ model: 'some-embedder', vectors, ...rest })),
  )
}
