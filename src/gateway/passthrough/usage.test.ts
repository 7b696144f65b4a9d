import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { JsonObject } from '../../core/json.ts'
import { cpuMsOf } from '../../testing/cpu-time.ts'
import { checkParameters } from '../../testing/seed.ts'
import { usageInText, usageOfAnswer } from './usage.ts'

test.each([
  ['nothing', {}],
  ['seconds', { usage: { type: 'duration', seconds: 7 } }],
  ['search units', { meta: { billed_units: { search_units: 1 } } }],
  ['words', { usage: 'much' }],
  ['negatives and fractions', { usage: { input_tokens: -1, output_tokens: 1.5 } }],
  ['too much', { usage: { total_tokens: 1e308 } }],
])('%s is no usage', (_name, body) => {
  expect(usageOfAnswer(body as JsonObject)).toBeUndefined()
})

test.each([
  [{ usage: { input_tokens: 0, output_tokens: 0 } }, { inputTokens: 0, outputTokens: 0 }],
  [
    {
      usage: {
        input_tokens: 9,
        input_tokens_details: { cached_tokens: 4 },
        output_tokens: 5,
        output_tokens_details: { reasoning_tokens: 2 },
      },
    },
    { inputTokens: 5, cacheReadTokens: 4, outputTokens: 5, reasoningTokens: 2 },
  ],
  [
    { usage: { input_tokens: 3, input_tokens_details: { cached_tokens: 9 } } },
    { inputTokens: 0, cacheReadTokens: 3 },
  ],
  [{ usage: { prompt_tokens: 3, completion_tokens: 2 } }, { inputTokens: 3, outputTokens: 2 }],
  [{ usage: { total_tokens: 17, cost: 3.4e-7 } }, { inputTokens: 17, outputTokens: 0 }],
  [
    { meta: { billed_units: { input_tokens: 4, output_tokens: 1 } } },
    { inputTokens: 4, outputTokens: 1 },
  ],
  [
    { meta: { tokens: { input_tokens: 6 }, billed_units: { input_tokens: 4 } } },
    { inputTokens: 6 },
  ],
])('%j is %j', (body, usage) => {
  expect(usageOfAnswer(body as JsonObject)).toEqual(usage)
})

describe('usage in the last bytes of a stream', () => {
  test.each([
    [
      '…aaaa","usage":{"input_tokens":1,"output_tokens":2}}\n\n',
      { inputTokens: 1, outputTokens: 2 },
    ],
    [
      '{"usage" : {"input_tokens":1,"input_tokens_details":{"text_tokens":1},"output_tokens":2}}',
      { inputTokens: 1, outputTokens: 2 },
    ],
    ['{"usage":{"input_tokens":1}}\n\ndata: {"usage":{"input_tokens":2}}\n\n', { inputTokens: 2 }],
    ['{"usage":{"input_tokens":1}}\n\ndata: {"usage":null}\n\ndata: [DONE]', { inputTokens: 1 }],
  ])('%s', (text, usage) => {
    expect(usageInText(text)).toEqual(usage)
  })

  test.each([
    '',
    '"usage"',
    '"usage":',
    '"usage":{',
    '"usage":{"input_tokens":1',
    '"usage":[1]',
    '{"text":"\\"usage\\":{\\"input_tokens\\":1}"}',
    '"usage":{"input_tokens":NaN}',
    `"usage":{"x":"${'y'.repeat(10_000)}"}`,
  ])('none in %p', (text) => {
    expect(usageInText(text)).toBeUndefined()
  })

  test('any text at all is read without harm, in linear time', () => {
    const piece = fc.constantFrom(
      '"usage"',
      ':',
      '{',
      '}',
      '\\',
      '"input_tokens":1',
      ',',
      '\n',
      ' ',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
        usageInText(pieces.join(''))
      }),
      checkParameters(500),
    )
    const long = '"usage":{'.repeat(50_000)
    expect(cpuMsOf(() => expect(usageInText(long)).toBeUndefined())).toBeLessThan(500)
  })
})
