// The estimates against what real providers counted, by provider, with the distribution printed; and what must hold of them
// whatever the text: they grow with it, in linear time.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { ChatRequest, DialectName } from '../core/ir/request.ts'
import { totalInputTokens } from '../core/ir/usage.ts'
import { asObject, type JsonObject } from '../core/json.ts'
import type { Dialect } from '../dialects/dialect.ts'
import { dialects } from '../dialects/registry.ts'
import { createFramer } from '../dialects/sse.ts'
import { cpuMsOf } from '../testing/cpu-time.ts'
import { haveRecordings, recordings, type Recording } from '../testing/recordings.ts'
import { checkParameters } from '../testing/seed.ts'
import { cautiousTokens, certainTokens, estimateInputTokens } from './estimate.ts'
import { textTokens } from './text-tokens.ts'

const DIALECTS: Readonly<Record<string, DialectName>> = {
  'chat.completions': 'openai-chat',
  messages: 'anthropic',
  'api.chat': 'ollama',
}

interface Sample {
  readonly provider: string
  readonly id: string
  readonly truth: number
  readonly estimate: number
}

/** Members with which a provider puts things into a prompt that nobody outside can see. */
const HIDDEN: readonly string[] = ['mcp_servers', 'container', 'search_settings', 'transforms']

function sampleOf(recording: Recording): Sample | undefined {
  const name = DIALECTS[recording.endpoint]
  const body = asObject(recording.request.body)
  if (name === undefined || body === undefined || recording.response.status !== 200)
    return undefined
  if (HIDDEN.some((member) => member in body)) return undefined
  const dialect = dialects[name]
  const request = dialect.chat!.decodeRequest(body, {})
  if (request.tools?.some((tool) => tool.type === 'provider') === true) return undefined
  if (hasMedia(request)) return undefined
  const truth = countOf(recording, dialect)
  if (truth === undefined) return undefined
  const { id, provider } = recording
  return { provider, id, truth, estimate: estimateInputTokens(request) }
}

function hasMedia(request: ChatRequest): boolean {
  return /"type":"(?:image|audio|file|opaque)"/.test(JSON.stringify(request.messages))
}

function countOf({ response }: Recording, dialect: Dialect): number | undefined {
  let usage
  if (response.raw === undefined)
    usage = dialect.tap.readResponse(response.body as JsonObject).usage
  else {
    const framer = createFramer(dialect.framing)
    const bytes = new TextEncoder().encode(response.raw)
    usage = dialect.tap.readFrames([...framer.push(bytes), ...framer.end()]).usage
  }
  const total = usage === undefined ? undefined : totalInputTokens(usage)
  // Counts of a few tokens are counts of a template, and some servers tell none.
  return total === undefined || total < 30 ? undefined : total
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.round(part * (sorted.length - 1))]!
}

describe('estimates against real counts', () => {
  const there = haveRecordings('token estimates')
  const samples: Sample[] = []
  if (there) {
    for (const recording of recordings()) {
      try {
        const sample = sampleOf(recording)
        if (sample !== undefined) samples.push(sample)
      } catch (error) {
        // Recordings of refused requests: nothing was counted.
        if (!(error instanceof Error)) throw error
      }
    }
  }

  test.skipIf(!there)('the error of each provider, and bounds over all', () => {
    expect(samples.length).toBeGreaterThan(300)
    const lines: string[] = []
    const medians = new Map<string, number>()
    for (const [provider, group] of Map.groupBy(samples, (sample) => sample.provider)) {
      const ratios = group.map(({ estimate, truth }) => estimate / truth).toSorted((a, b) => a - b)
      if (ratios.length < 8) continue
      medians.set(provider, quantile(ratios, 0.5))
      const shown = [0, 0.1, 0.5, 0.9, 1].map((part) => quantile(ratios, part).toFixed(2))
      lines.push(`${provider.padEnd(16)} ${String(ratios.length).padStart(4)}  ${shown.join('  ')}`)
    }
    process.stdout.write(
      `estimate / real count:    n   min   p10   med   p90   max\n${lines.join('\n')}\n`,
    )
    for (const provider of ['openai', 'anthropic', 'deepseek', 'mistral']) {
      expect(medians.get(provider)!, provider).toBeGreaterThan(0.8)
      expect(medians.get(provider)!, provider).toBeLessThan(1.2)
    }
    const all = samples.map(({ estimate, truth }) => estimate / truth).toSorted((a, b) => a - b)
    expect(quantile(all, 0.5)).toBeGreaterThan(0.9)
    expect(quantile(all, 0.5)).toBeLessThan(1.1)
    expect(quantile(all, 0.1)).toBeGreaterThan(0.5)
    expect(quantile(all, 0.9)).toBeLessThan(1.6)
  })

  test.skipIf(!there)(
    'the cautious one is never below half; the certain one refuses nothing that fits',
    () => {
      const low = samples.filter(({ estimate, truth }) => cautiousTokens(estimate) < truth / 2)
      expect(low.map(({ id }) => id)).toEqual([])
      // Long prompts are what a guard refuses.
      const long = samples.filter(({ truth }) => truth > 300)
      expect(long.length).toBeGreaterThan(80)
      const wrong = long.filter(({ estimate, truth }) => certainTokens(estimate) > truth * 1.25)
      // One server leaves out what was thought between two calls of a tool, which no other does.
      expect(wrong.length).toBeLessThanOrEqual(long.length / 100)
    },
  )
})

describe('textTokens', () => {
  test('is additive but for the seam, never negative, never more than two a character', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 200 })
    fc.assert(
      fc.property(text, text, (one, two) => {
        const both = textTokens(one + two)
        expect(both).toBeGreaterThanOrEqual(0)
        expect(both).toBeLessThanOrEqual(one.length * 2 + two.length * 2)
        expect(Math.abs(both - textTokens(one) - textTokens(two))).toBeLessThanOrEqual(2.5)
      }),
      checkParameters(300),
    )
  })

  test.each([
    ['', 0, 0],
    ['The quick brown fox jumps over the lazy dog.', 9, 12],
    ['敏捷的棕色狐狸跳过了懒狗。', 8, 16],
    ['Быстрая коричневая лисица', 5, 14],
    ['3.14159265358979', 5, 9],
    ['const getWeatherForecast = async (city) => fetch(`${base}/weather`)', 14, 30],
    ['{"city":"Paris","unit":"celsius"}', 8, 14],
    ['👍🏽🎉', 4, 8],
    ['\n\n\n        indented', 2, 5],
  ])('%j has between %d and %d', (text, least, most) => {
    expect(textTokens(text)).toBeGreaterThanOrEqual(least)
    expect(textTokens(text)).toBeLessThanOrEqual(most)
  })

  test('forty times the text takes about forty times as long', () => {
    const text = 'A sentence with words, числа, 数字 and 12345 {"json":true}\n'.repeat(4_000)
    const time = (value: string) => cpuMsOf(() => expect(textTokens(value)).toBeGreaterThan(1_000))
    time(text)
    const once = Math.min(time(text), time(text), time(text))
    const long = text.repeat(40)
    // A processor's time is told in ticks; with the square of the length it would be 1,600 times as long.
    expect(Math.min(time(long), time(long))).toBeLessThan(Math.max(once * 160, 400))
  })
})
