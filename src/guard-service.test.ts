import { heapStats } from 'bun:jsc'
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { Model } from './core/catalog.ts'
import { GatewayError } from './core/error.ts'
import type { GuardrailRule } from './core/guardrail.ts'
import { LIMITS } from './core/limits.ts'
import type { Logger } from './core/ports.ts'
import { DEFAULT_TENANT_ID, type Principal } from './core/principal.ts'
import type { ModelDirectory } from './gateway/catalog.ts'
import { concernedNames } from './gateway/guard/model-names.ts'
import { buildSnapshot } from './gateway/snapshot.ts'
import { GuardService } from './guard-service.ts'
import { checkParameters } from './testing/seed.ts'
import { systemClock } from './system.ts'

function logged(lines: unknown[]): Logger {
  const note = (...line: unknown[]) => void lines.push(line)
  return { debug: note, info: note, warn: note, error: note }
}

function service(
  lines: unknown[] = [],
  names?: (tenantId: string, model: string) => readonly string[],
): GuardService {
  return new GuardService({
    transport: { send: () => Promise.reject(new GatewayError('upstream_error')) },
    clock: systemClock,
    logger: logged(lines),
    config: () => ({ network: { isShared: true } }),
    ...(names === undefined ? {} : { names }),
  })
}

function rule(over: Partial<GuardrailRule> = {}): GuardrailRule {
  return {
    id: 'a',
    origin: 'file',
    enabled: true,
    stages: ['input'],
    mode: 'block',
    check: 'pii',
    options: {},
    timeoutMs: 1_000,
    onFailure: 'closed',
    windowChars: 100,
    ...over,
  }
}

function principal(over: Partial<Principal> = {}): Principal {
  return {
    kind: 'key',
    tenantId: DEFAULT_TENANT_ID,
    keyId: 'k1',
    keyName: 'ci',
    grants: [],
    ...over,
  }
}

function ids(guards: readonly { readonly rule: GuardrailRule }[] | undefined) {
  return guards?.map(({ rule: { id } }) => id)
}

describe('the rules of a request', () => {
  test('none at all, and none that is on: nothing, and nothing is kept', async () => {
    const guards = service()
    expect(guards.guards(principal(), 'm')).toBeUndefined()
    await guards.use([rule({ enabled: false })], [])
    expect(guards.guards(principal(), 'm')).toBeUndefined()
    expect(ids(guards.rulesOf('x').map((each) => ({ rule: each })))).toEqual(['a'])
  })

  test('the file, then the whole installation, then the tenant’s own; another tenant’s never', async () => {
    const guards = service()
    await guards.use(
      [rule({ id: 'file-1' }), rule({ id: 'file-2' })],
      [
        { rule: rule({ id: 'mine', origin: 'store', tenantId: 'default' }) },
        { rule: rule({ id: 'all', origin: 'store' }) },
        { rule: rule({ id: 'theirs', origin: 'store', tenantId: 'other' }) },
      ],
    )
    expect(ids(guards.guards(principal(), 'm'))).toEqual(['file-1', 'file-2', 'all', 'mine'])
    const other = principal({ tenantId: 'other' })
    expect(ids(guards.guards(other, 'm'))).toEqual(['file-1', 'file-2', 'all', 'theirs'])
    const third = principal({ tenantId: 'third' })
    expect(ids(guards.guards(third, 'm'))).toEqual(['file-1', 'file-2', 'all'])
  })

  test('a rule of a tenant with the id of one above it takes nothing away', async () => {
    const guards = service()
    const weaker = rule({ origin: 'store', tenantId: 'default', mode: 'observe', enabled: false })
    await guards.use([rule()], [{ rule: weaker }, { rule: { ...weaker, enabled: true } }])
    expect(guards.guards(principal(), 'm')?.map((each) => each.rule.mode)).toEqual([
      'block',
      'observe',
    ])
  })

  test('models by the name that is asked for; where it is not known they hold', async () => {
    const guards = service()
    await guards.use([rule({ models: ['fast', 'openai/*'] })], [])
    for (const model of ['fast', 'openai/gpt', undefined]) {
      expect(ids(guards.guards(principal(), model))).toEqual(['a'])
      expect(ids(guards.guards(principal(), model))).toEqual(['a'])
    }
    for (const model of ['Fast', 'fast2', 'openai', '\n', '']) {
      expect(guards.guards(principal(), model)).toBeUndefined()
    }
  })

  test('for and except: whom nothing names is under every rule', async () => {
    const cases: readonly [Partial<GuardrailRule>, Partial<Principal>, boolean][] = [
      [{ for: ['key:ci'] }, {}, true],
      [{ for: ['key:other'] }, {}, false],
      [{ except: ['key:ci'] }, {}, false],
      [{ except: ['key:other'] }, {}, true],
      [{ for: ['everyone'], except: ['key:ci'] }, {}, false],
      [{ for: ['group:eng'] }, { groups: ['eng'] }, true],
      [{ except: ['group:eng'] }, { groups: ['eng'] }, false],
      [{ except: ['everyone'] }, {}, false],
      [{ for: ['key:other'] }, { kind: 'anonymous' }, true],
      [{ except: ['key:ci', 'group:eng'] }, { kind: 'anonymous' }, true],
      [{ except: ['everyone'] }, { kind: 'anonymous' }, false],
      // People name their own keys: such a name lets nobody pass.
      [{ except: ['key:ci'] }, { userId: 'u' }, true],
      // What a tenant calls its groups and keys is not what the file means.
      [{ except: ['group:eng'] }, { tenantId: 'other', groups: ['eng'] }, true],
      [{ except: ['key:ci'] }, { tenantId: 'other' }, true],
      [{ except: ['user:u'] }, { tenantId: 'other', userId: 'u' }, true],
    ]
    for (const [over, who, holds] of cases) {
      const guards = service()
      await guards.use([rule(over)], [])
      expect([over, who, guards.guards(principal(who), 'm') !== undefined]).toEqual([
        over,
        who,
        holds,
      ])
    }
  })

  test('what is remembered for a caller is what would be found, however many names they make up', async () => {
    const guards = service()
    await guards.use([rule({ models: ['a*'] }), rule({ id: 'b' })], [])
    const who = principal()
    for (let index = 0; index < LIMITS.guardListsMax + 5; index++) guards.guards(who, `x${index}`)
    fc.assert(
      fc.property(fc.string({ maxLength: 3 }), (model) => {
        const expected = model.startsWith('a') ? ['a', 'b'] : ['b']
        expect(ids(guards.guards(who, model))).toEqual(expected)
      }),
      checkParameters(50),
    )
    await guards.use([], [])
    expect(guards.guards(who, 'a1')).toBeUndefined()
  })
})

test('a rule for a model holds for every name that leads to it, in an alias of whoever’s making', async () => {
  const alias = (
    id: string,
    targets: readonly (readonly [string, string])[],
    fallbacks?: string[],
  ) =>
    ({
      id,
      origin: 'store',
      tenantId: 'default',
      targets: targets.map(([providerId, model]) => ({ providerId, model, order: 0, weight: 1 })),
      defaults: {},
      losses: 'report',
      ...(fallbacks === undefined
        ? {}
        : { routing: { strategy: 'weighted', fallbacks: { any: fallbacks } } }),
    }) as unknown as Model
  const models = [
    alias('sneaky', [['openai', 'gpt-x']]),
    alias('behind', [['other', 'm']], ['round']),
    alias('round', [['other', 'n']], ['behind', 'sneaky']),
    alias('plain', [['other', 'm']]),
  ]
  const snapshot = buildSnapshot(1, [{ providers: [], models, keys: [] }])
  const directory = { providerOf: () => undefined, formerProviderOf: () => undefined }
  const guards = service([], (tenantId, model) =>
    concernedNames(model, snapshot.of(tenantId), directory as unknown as ModelDirectory),
  )
  await guards.use([rule({ models: ['openai/*'] })], [])
  for (const name of ['openai/gpt-x', 'sneaky', 'behind', 'round']) {
    expect([name, ids(guards.guards(principal(), name))]).toEqual([name, ['a']])
  }
  expect(guards.guards(principal(), 'plain')).toBeUndefined()
  expect(guards.guards(principal({ tenantId: 'other' }), 'sneaky')).toBeUndefined()
})

test('long lists of words are made ready with pauses, and meanwhile those of before hold', async () => {
  const guards = service()
  await guards.use([rule()], [])
  const words = Array.from({ length: 2_000 }, (_, index) => `word${index * 7919}`)
  const many = Array.from({ length: 30 }, (_, index) =>
    rule({ id: `w${index}`, check: 'words', options: { words } }),
  )
  const using = guards.use(many, [])
  const seen: (string[] | undefined)[] = []
  const look = async (): Promise<void> => {
    const now = ids(guards.guards(principal(), 'm'))
    if (now?.length === many.length) return
    seen.push(now)
    await new Promise<void>((resume) => void setImmediate(resume))
    await look()
  }
  await look()
  await using
  expect(seen.length).toBeGreaterThan(5)
  expect(seen.every((one) => one?.join() === 'a')).toBe(true)
  expect(guards.guards(principal(), 'm')).toHaveLength(30)
})

test('names that are made up, and long ones, are no memory of anybody', async () => {
  const guards = service()
  await guards.use([rule({ models: ['x*'] })], [])
  const callers = Array.from({ length: 20 }, (_, index) => principal({ keyId: `k${index}` }))
  const name = (index: number) => `x${index}${'y'.repeat(100_000)}`
  // What is still referred to: what the process has from the system follows late, and not at all where others work.
  const keptBytes = () => {
    Bun.gc(true)
    const { extraMemorySize, heapSize } = heapStats()
    return extraMemorySize + heapSize
  }
  const before = keptBytes()
  for (const who of callers) {
    for (let index = 0; index < 200; index++) guards.guards(who, name(index) + who.keyId)
  }
  // As many as that are 400 MB.
  expect(keptBytes() - before).toBeLessThan(150_000_000)
  expect(guards.guards(callers[0]!, name(1))).toHaveLength(1)
})

describe('rules that cannot be asked', () => {
  const cases: [string, GuardrailRule, string | undefined][] = [
    ['an option there is not', rule({ options: { detct: ['card'] } }), undefined],
    [
      'a pattern that is none',
      rule({ check: 'regex', options: { patterns: [{ name: 'a', pattern: '(?=x)y' }] } }),
      undefined,
    ],
    ['a kind of another version', rule({ check: 'astrology' as 'pii' }), undefined],
    ['a mode of another version', rule({ mode: 'redact' as 'mask' }), undefined],
    ['a stage of another version', rule({ stages: ['input', 'image' as 'input'] }), undefined],
    ['no stages', rule({ stages: undefined as never }), undefined],
    ['secrets that do not open', rule(), 'Its secrets do not open.'],
  ]
  test.each(cases)(
    '%s: refuses what it concerns, whatever the rule says, and is told',
    async (_, one, problem) => {
      const lines: unknown[] = []
      const guards = service(lines)
      const mode = one.mode === 'block' ? 'observe' : one.mode
      const stored = { ...one, origin: 'store', onFailure: 'open', mode } as const
      await guards.use([], [{ rule: stored, ...(problem === undefined ? {} : { problem }) }])
      const [guard] = guards.guards(principal(), 'm') ?? []
      expect(guard?.rule).toMatchObject({ id: 'a', mode: 'block', onFailure: 'closed' })
      expect(guard?.rule.stages).toContain('input')
      expect(() => guard?.judge({} as never)).toThrow(GatewayError)
      expect(guards.problems()).toHaveLength(1)
      expect(guards.problems()[0]).toMatchObject({ id: 'a' })
      expect(lines).toHaveLength(1)
      await guards.use([], [{ rule: rule() }])
      expect(guards.problems()).toEqual([])
    },
  )

  test('is told once, not at every reading', async () => {
    const lines: unknown[] = []
    const guards = service(lines)
    for (let index = 0; index < 3; index++) await guards.use([rule({ options: { no: 1 } })], [])
    expect(lines).toHaveLength(1)
  })
})

test('a rule that stays keeps its check; one that changes or goes is made anew', async () => {
  const guards = service()
  await guards.use([rule(), rule({ id: 'b' })], [])
  const [a, b] = guards.guards(principal(), 'm') ?? []
  await guards.use([rule({ id: 'b' }), rule({ mode: 'flag' })], [])
  const [b2, a2] = guards.guards(principal(), 'm') ?? []
  expect(b2).toBe(b!)
  expect(a2).not.toBe(a!)
})
