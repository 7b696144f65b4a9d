import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import type { GuardrailRule } from '../core/guardrail.ts'
import { LIMITS } from '../core/limits.ts'
import { checkParameters } from '../testing/seed.ts'
import { exportText } from './exported.ts'
import { FORMS, readImport } from './imported.ts'
import { loadConfig } from './load.ts'
import { ConfigError } from './problem.ts'
import { listSettings, showConfig } from './show.ts'

const CANARY = 'a-secret-canary-0123456789'

function load(document: object, environment: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-config-'))
  try {
    writeFileSync(join(folder, 'weir.json'), JSON.stringify(document))
    const surroundings = {
      platform: 'linux',
      environment,
      home: folder,
      workingFolder: folder,
    } as const
    return loadConfig({ surroundings })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function problemsOf(document: object): readonly string[] {
  try {
    load(document)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(
      ({ message, path, suggestion }) =>
        `${path}: ${message}${suggestion === undefined ? '' : ` [${suggestion}]`}`,
    )
  }
  return []
}

const rules = (...list: object[]) => ({ guardrails: list })
const PII = { id: 'a', check: 'pii' }

describe('guardrails of the file', () => {
  test('a rule has its defaults, and its options stand beside its keys', () => {
    const { config } = load(rules({ ...PII, detect: ['card'], bare_numbers: true }))
    expect(config.guardrails).toEqual([
      {
        id: 'a',
        origin: 'file',
        enabled: true,
        stages: ['input', 'tool_result'],
        mode: 'block',
        check: 'pii',
        options: { detect: ['card'], bare_numbers: true },
        timeoutMs: LIMITS.guardTimeoutMs,
        onFailure: 'closed',
        windowChars: LIMITS.guardWindowChars,
      },
    ])
    expect(load({}).config.guardrails).toEqual([])
  })

  test('every key is read, and 0, false and absent are told apart', () => {
    const { config } = load(
      rules({
        ...PII,
        mode: 'mask',
        stages: ['output', 'output'],
        models: [],
        for: ['everyone'],
        except: ['key:ci'],
        timeout: '250ms',
        on_failure: 'open',
        window: 16,
        enabled: false,
      }),
    )
    expect(config.guardrails[0]).toMatchObject({
      mode: 'mask',
      stages: ['output'],
      models: [],
      for: ['everyone'],
      except: ['key:ci'],
      timeoutMs: 250,
      onFailure: 'open',
      windowChars: 16,
      enabled: false,
    })
  })

  test('what is wrong is named with its place and what was meant, and no value', () => {
    const cases: readonly [object, string][] = [
      [{ check: 'pii' }, 'guardrails[0].id: missing'],
      [{ id: 'a' }, 'guardrails[0].check: missing'],
      [{ id: 'a', check: 'regexp' }, '[regex]'],
      [
        { ...PII, detct: ['card'] },
        'guardrails[0].detct: unknown key; a check of the kind pii has no such option [detect]',
      ],
      [{ ...PII, on_failur: 'open' }, '[on_failure]'],
      [{ ...PII, action: 'mask' }, '[mode]'],
      [{ ...PII, words: ['x'] }, 'guardrails[0].words: unknown key'],
      [{ ...PII, detect: [CANARY] }, 'guardrails[0].detect: must be a list of some of'],
      [{ ...PII, stages: [] }, 'guardrails[0].stages: must have at least 1 entry'],
      [{ ...PII, stages: ['in'] }, 'guardrails[0].stages[0]: must be one of'],
      [{ ...PII, for: [CANARY] }, 'guardrails[0].for[0]: must be everyone'],
      [{ ...PII, timeout: '0s' }, 'guardrails[0].timeout: must be from'],
      [{ id: 'a', check: 'regex' }, 'guardrails[0].patterns: is missing'],
      [
        { id: 'a', check: 'regex', patterns: [{ name: 'x' }] },
        'guardrails[0].patterns[0].pattern: is missing',
      ],
      [{ id: 'a', check: 'length', mode: 'mask', max: 5 }, 'guardrails[0].mode: cannot be mask'],
      [{ ...PII, [CANARY.repeat(9)]: 1 }, 'guardrails[0].…: unknown key'],
    ]
    for (const [rule, words] of cases) {
      const told = problemsOf(rules(rule)).join('\n')
      expect(told).toContain(words)
      expect(told).not.toContain(CANARY)
    }
    expect(problemsOf(rules(PII, PII)).join()).toContain('guardrails[1].id: is the same as that of')
  })

  test('more than a request can be held against are refused, ten thousand at once as well', () => {
    const many = Array.from({ length: 10_000 }, (_, n) => ({ id: `r${n}`, check: 'pii' }))
    expect(problemsOf(rules(...many))).toEqual([
      `guardrails: must be at most ${LIMITS.tenantGuardrailsMax}`,
    ])
    expect(problemsOf(rules(...many.slice(0, LIMITS.tenantGuardrailsMax)))).toEqual([])
  })

  test('secrets come from the environment and are shown nowhere', () => {
    const hook = {
      id: 'hook',
      check: 'webhook',
      url: 'https://guard.example.com',
      secret: '${HOOK}',
      headers: { 'x-token': '${HOOK}' },
    }
    const loaded = load(rules(hook), { HOOK: CANARY })
    expect(loaded.config.guardrails[0]?.options).toEqual({
      url: 'https://guard.example.com',
      secret: CANARY,
      headers: { 'x-token': CANARY },
    })
    const shown = `${showConfig(loaded, { origin: true })}${JSON.stringify(listSettings(loaded))}`
    expect(shown).not.toContain(CANARY)
    expect(shown).toContain('****6789')
    expect(shown).toContain('guard.example.com')
    const source = { settings: loaded.settings, origins: loaded.origins }
    const text = exportText({ source, guardrails: [], keyNames: [] }, 'yaml')
    expect(text).not.toContain(CANARY)
    expect(text).toContain('${WEIR_GUARDRAIL_HOOK_SECRET}')
  })
})

const rule: fc.Arbitrary<GuardrailRule> = fc
  .record(
    {
      id: fc.stringMatching(/^[a-z][a-z0-9._-]{0,8}$/),
      origin: fc.constant('store' as const),
      enabled: fc.boolean(),
      models: fc.array(fc.constantFrom('fast', 'openai/*', '*'), { maxLength: 2 }),
      for: fc.array(fc.constantFrom('everyone', 'group:eng'), { maxLength: 2 }),
      except: fc.array(fc.constantFrom('key:ci', 'team:a b'), { maxLength: 2 }),
      stages: fc.subarray(['input', 'tool_result', 'output'] as const, { minLength: 1 }),
      mode: fc.constantFrom('block' as const, 'flag' as const, 'observe' as const),
      kind: fc.constantFrom('pii', 'webhook', 'words'),
      text: fc.constantFrom('a ${NAME} b', '$${x}', 'plain', 'q"uote\n', 'true', '5s'),
      timeoutMs: fc.integer({ min: 10, max: 60_000 }),
      onFailure: fc.constantFrom('closed' as const, 'open' as const),
      windowChars: fc.integer({ min: 16, max: 5_000 }),
    },
    {
      requiredKeys: [
        'id',
        'origin',
        'enabled',
        'stages',
        'mode',
        'kind',
        'text',
        'timeoutMs',
        'onFailure',
        'windowChars',
      ],
    },
  )
  .map(({ kind, text, ...one }) => {
    const options = {
      pii: { detect: ['card'], bare_numbers: false },
      webhook: { url: 'https://guard.example.com/x', secret: CANARY, headers: { a: CANARY } },
      words: { words: [text, 'two words'] },
    }[kind as 'pii']
    return { ...one, check: kind as 'pii', options }
  })

test('what is exported is read as what it was, in its order, and holds no secret', () => {
  fc.assert(
    fc.property(fc.uniqueArray(rule, { selector: ({ id }) => id, maxLength: 4 }), (guardrails) => {
      for (const format of ['yaml', 'json'] as const) {
        const text = exportText({ guardrails, keyNames: [] }, format)
        expect(text).not.toContain(CANARY)
        const names = [...text.matchAll(/(?<!\$)\$\{(WEIR_\w+)\}/g)].map(([, name = '']) => name)
        const read = readImport(text, {
          format: 'yaml',
          secrets: Object.fromEntries(names.map((name) => [name, CANARY])),
          providerIds: [],
        })
        expect(read.problems).toEqual([])
        expect(read.guardrails.map(({ form }) => form)).toEqual(guardrails.map(FORMS.guardrails))
        expect(read.guardrails.map(({ value }) => value)).toEqual(guardrails)
      }
    }),
    checkParameters(100),
  )
})

describe('flags of the file', () => {
  test('what stands in a rule is asked before what holds for all', () => {
    const { config } = load({
      flags: {
        continuation: false,
        cache_similarity: 0,
        rules: [
          { tenant: 'acme', continuation: true },
          { percent: 10, trace_sampling: 'all' },
        ],
      },
    })
    expect(config.flags).toEqual([
      { flag: 'continuation', value: true, percent: 100, tenantId: 'acme', origin: 'file' },
      { flag: 'trace_sampling', value: 'all', percent: 10, origin: 'file' },
      { flag: 'continuation', value: false, percent: 100, origin: 'file' },
      { flag: 'cache_similarity', value: 0, percent: 100, origin: 'file' },
    ])
    expect(load({}).config.flags).toEqual([])
  })

  test('what is wrong is named', () => {
    for (const [flags, words] of [
      [{ continuations: true }, '[continuation]'],
      [{ hedging: 'yes' }, 'flags.hedging: must be true or false'],
      [{ cache_similarity: 2 }, 'flags.cache_similarity: must be a number from 0 to 1'],
      [{ rules: [{ tenant: 'acme' }] }, 'flags.rules[0]: sets no flag'],
      [{ rules: [{ percent: 101, hedging: true }] }, 'flags.rules[0].percent: must be a number'],
      [{ rules: [{ tenant: 'A B', hedging: true }] }, 'flags.rules[0].tenant: must be'],
    ] as const) {
      expect(problemsOf({ flags }).join('\n')).toContain(words)
    }
  })
})
