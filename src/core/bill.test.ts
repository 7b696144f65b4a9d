import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../testing/seed.ts'
import { BillError, compareBill, modelKey, parseCsv, readBill } from './bill.ts'
import { csvLine } from './csv.ts'
import type { UsageRow } from './ports-money.ts'

const DAY_MS = Date.UTC(2026, 10, 21)

function ours(model: string, costNanoUsd: number, tokens = 0): UsageRow {
  return {
    group: [DAY_MS, model],
    requests: 1,
    errors: 0,
    inputTokens: tokens,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    costNanoUsd,
    unpricedRequests: 0,
    estimatedRequests: 0,
    responseHits: 0,
    savedNanoUsd: 0,
  }
}

describe('readBill', () => {
  test("OpenAI's costs", () => {
    const bill = readBill(
      [
        'start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id',
        '1795219200,1795305600,2026-11-21T00:00:00+00:00,2026-11-22T00:00:00+00:00,0.06,usd,"gpt-4o-2024-08-06, input",proj_1',
        '1795219200,1795305600,2026-11-21T00:00:00+00:00,2026-11-22T00:00:00+00:00,0.04,usd,"gpt-4o-2024-08-06, output",proj_1',
        '1795219200,1795305600,2026-11-21T00:00:00+00:00,2026-11-22T00:00:00+00:00,9,eur,other,proj_1',
      ].join('\n'),
    )
    expect(bill).toMatchObject({ skipped: 1, hasCost: true, hasTokens: false, hasModel: true })
    expect(compareBill(bill, [ours('gpt-4o', 90_000_000)])).toEqual([
      {
        day: '2026-11-21',
        model: 'gpt-4o',
        ours: { nanoUsd: 90_000_000, tokens: 0 },
        theirs: { nanoUsd: 100_000_000 },
      },
    ])
  })

  test("Anthropic's costs and usage", () => {
    const costs = readBill(
      'usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd\r\n' +
        '2026-11-21,Claude Haiku 4.5,Default,k,message,≤ 200k,input_no_cache,0.05\r\n' +
        '2026-11-21,Claude Haiku 4.5,Default,k,message,≤ 200k,output,0.10\r\n',
    )
    expect(compareBill(costs, [ours('claude-haiku-4-5-20251001', 150_000_000)])).toMatchObject([
      { model: 'claude-haiku-4-5-20251001', theirs: { nanoUsd: 150_000_000 } },
    ])
    const usage = readBill(
      'usage_date_utc,model_version,usage_input_tokens_no_cache,usage_input_tokens_cache_read,usage_output_tokens\n' +
        '2026-11-21,claude-haiku-4-5-20251001,100,"1,000",5\n',
    )
    expect(usage.lines).toEqual([
      { day: '2026-11-21', model: 'claude-haiku-4-5-20251001', tokens: 1_105 },
    ])
  })

  test('what is on one side only is shown, and nothing is made up', () => {
    const bill = readBill('date;cost\n2026-11-20;1,5\n2026-11-21;2\nnonsense;3\n\n')
    expect(bill.skipped).toBe(1)
    const [first, second] = compareBill(bill, [ours('a', 5), ours('b', 6)])
    expect(first).toMatchObject({ day: '2026-11-20', ours: { nanoUsd: 0 } })
    expect(second).toMatchObject({ model: '', ours: { nanoUsd: 11 }, theirs: { nanoUsd: 2e9 } })
  })

  test('a file that cannot be compared is refused in words', () => {
    for (const text of ['', 'a,b\n1,2', 'date,model\n2026-11-21,x', '\u0000\u0001']) {
      expect(() => readBill(text)).toThrow(BillError)
    }
  })
})

test('names of one model meet, those of two do not', () => {
  for (const [one, other] of [
    ['Claude Sonnet 3.7', 'claude-3-7-sonnet-20250219'],
    ['gpt-4o-2024-08-06, input', 'openai/gpt-4o'],
    ['claude-haiku-4-5@20251001', 'claude-haiku-4-5'],
  ] as const) {
    expect(modelKey(one)).toBe(modelKey(other))
  }
  expect(modelKey('gpt-4o')).not.toBe(modelKey('gpt-4o-mini'))
  expect(modelKey('gpt-4.1')).not.toBe(modelKey('gpt-4'))
})

test('what csvLine writes, parseCsv reads', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', ';', ' ') })
  fc.assert(
    fc.property(fc.array(cell, { minLength: 2, maxLength: 5 }), (texts) => {
      // What begins like a formula gets an apostrophe.
      const cells = texts.map((text) => `x${text}`)
      const heads = csvLine(cells.map((_cell, at) => `h${at}`))
      const [, row = []] = parseCsv(heads + csvLine(['x', ...cells]))
      expect(row.slice(1)).toEqual(cells)
    }),
    checkParameters(300),
  )
})
