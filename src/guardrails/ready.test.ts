// The registry: which kinds there are, and that options are proven before a rule is ready.

import { describe, expect, test } from 'bun:test'
import { BUILT_IN_CHECKS } from '../core/guardrail-built-in.ts'
import { CHECK_DESCRIPTIONS, optionProblems } from '../core/guardrail-options.ts'
import type { GuardCheckKind } from '../core/guardrail.ts'
import type { JsonObject } from '../core/json.ts'
import { systemClock } from '../system.ts'
import { guardRule, guardServers } from '../testing/guard.ts'
import { transport } from '../testing/transport.ts'
import { checkProblems, readyGuard } from './ready.ts'

const deps = { clock: systemClock, servers: guardServers(), transport: transport() }

/** Least options of each kind that is judged here. */
const LEAST: Readonly<Record<string, JsonObject>> = {
  pii: {},
  secrets: {},
  words: { words: ['x'] },
  regex: { patterns: [{ name: 'x', pattern: 'x' }] },
  topic: { model: 'e', topics: [{ name: 'x', examples: ['x'] }] },
  injection: {},
  json_schema: { schema: {} },
  length: { max: 1 },
}

describe('kinds', () => {
  test('every kind that is described can be made, and says what it needs', () => {
    expect(CHECK_DESCRIPTIONS.length).toBeGreaterThan(8)
    for (const { kind } of BUILT_IN_CHECKS) {
      expect(checkProblems(kind, LEAST[kind]!)).toEqual([])
      expect(readyGuard(guardRule(kind, LEAST[kind]!), deps).rule.check).toBe(kind)
    }
    for (const { kind, doc, options } of CHECK_DESCRIPTIONS) {
      expect(checkProblems(kind, { nonsense: 1 }).map(({ path }) => path)).toContain('nonsense')
      for (const text of [doc, ...options.map((option) => option.doc)])
        expect(text).toMatch(/[.)]$/)
    }
  })

  test('defaults are what the options allow', () => {
    for (const { kind, options } of BUILT_IN_CHECKS) {
      const presets = options.flatMap((option) =>
        'default' in option && option.default !== undefined ? [[option.name, option.default]] : [],
      )
      const all = { ...LEAST[kind], ...Object.fromEntries(presets) } as JsonObject
      expect(optionProblems(kind, all)).toEqual([])
    }
  })
})

describe('options are proven', () => {
  const CANARY = 'canary-value-5512'
  test.each([
    ['pii', { detect: [CANARY] }, 'detect'],
    ['pii', { detect: [] }, 'detect'],
    ['pii', { patterns: [{ name: CANARY, pattern: 'x' }] }, 'patterns.0.name'],
    ['pii', { patterns: [{ name: 'x', pattern: `(?=${CANARY})` }] }, 'patterns.0.pattern'],
    ['pii', { patterns: [{ name: 'x' }] }, 'patterns.0.pattern'],
    ['pii', { patterns: [3] }, 'patterns.0'],
    [
      'pii',
      { patterns: Array.from({ length: 51 }, () => ({ name: 'x', pattern: 'x' })) },
      'patterns',
    ],
    ['secrets', { entropy: CANARY }, 'entropy'],
    ['words', {}, 'words'],
    ['words', { words: [] }, 'words'],
    ['words', { words: [' '] }, 'words'],
    ['words', { words: ['\u200b\u0301'] }, 'words.0'],
    ['words', { words: 'x' }, 'words'],
    ['regex', { patterns: [] }, 'patterns'],
    ['regex', { patterns: [{ name: 'x', pattern: '(a)\\1' }] }, 'patterns.0.pattern'],
    ['topic', { model: 'e', topics: [{ name: 'a b', examples: ['x'] }] }, 'topics.0.name'],
    ['topic', { model: 'e', topics: [{ name: 'x', examples: [] }] }, 'topics.0.examples'],
    ['injection', { threshold: 2 }, 'threshold'],
    ['json_schema', { schema: [] }, 'schema'],
    ['json_schema', { schema: { $ref: 'http://x' } }, 'schema'],
    ['length', {}, ''],
    ['length', { min: 2, max: 1 }, 'min'],
    ['length', { max: 1.5 }, 'max'],
    ['length', { max: 1, [`${CANARY} `]: 1 }, ''],
  ] as [GuardCheckKind, JsonObject, string][])('%s %j', (kind, options, path) => {
    const problems = checkProblems(kind, options)
    expect(problems[0]?.path).toBe(path)
    expect(JSON.stringify(problems)).not.toContain(CANARY)
    const make = () => readyGuard(guardRule(kind, options), deps)
    expect(make).toThrow(expect.objectContaining({ kind: 'invalid_request' }))
    expect(make).not.toThrow(CANARY)
  })

  test('a kind that is none', () => {
    expect(checkProblems('nonsense', {})).toHaveLength(1)
    expect(checkProblems('constructor', {})).toHaveLength(1)
  })
})
