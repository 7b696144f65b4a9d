// What is written for a file is read back as what it was: texts that look like something else, values with units, secrets behind references,
// and every kind of thing that can be exported.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { BudgetRule, LimitRule } from '../core/money.ts'
import type { Model, Provider } from '../core/catalog.ts'
import type { JsonObject } from '../core/json.ts'
import { checkParameters } from '../testing/seed.ts'
import { exportText, formOf } from './exported.ts'
import { toYaml } from './file-form.ts'
import { providerValues } from './from-catalog.ts'
import { FORMS, readImport } from './imported.ts'

const id = fc.stringMatching(/^[a-z][a-z0-9]{1,10}$/)
const secret = fc.stringMatching(/^[A-Za-z0-9_-]{12,40}$/)
const duration = fc.integer({ min: 100, max: 3_600_000 })
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T
}

const provider: fc.Arbitrary<Provider> = fc
  .record({
    id,
    type: fc.constantFrom('openai' as const, 'anthropic' as const, 'ollama' as const),
    host: fc.constantFrom('https://api.example.com/v1', 'http://127.0.0.1:11434', undefined),
    keys: fc.uniqueArray(secret, { maxLength: 3 }),
    draining: fc.boolean(),
    timeouts: fc.record({
      connectMs: duration,
      firstByteMs: duration,
      idleMs: duration,
      totalMs: duration,
    }),
    retries: fc.integer({ min: 0, max: 3 }),
    strategy: optional(fc.constantFrom('order' as const, 'round_robin' as const)),
    failures: optional(fc.integer({ min: 1, max: 1_000 })),
    queue: optional(fc.integer({ min: 0, max: 100 })),
    header: optional(secret),
    noProxy: optional(fc.uniqueArray(fc.constantFrom('a.example', 'b.example'), { maxLength: 2 })),
  })
  .map(({ draining, failures, header, host, keys, noProxy, queue, retries, strategy, ...rest }) =>
    defined({
      id: rest.id,
      type: rest.type,
      timeouts: rest.timeouts,
      origin: 'store' as const,
      baseUrl: host ?? 'https://other.example.com',
      keys: keys.map((each, at) => ({
        id: String(at),
        secret: each,
        ...(draining && at === keys.length - 1 && at > 0 ? { draining: true } : {}),
      })),
      retries: { max: retries, baseMs: 250, capMs: 8_000 },
      network: defined({ noProxy }),
      headers: header === undefined ? {} : { 'x-team': header },
      keyStrategy: strategy,
      circuit:
        failures === undefined
          ? undefined
          : { enabled: true, failures, errorRate: 0.25, windowMs: 30_000, openMs: 5_000 },
      concurrency: queue === undefined ? undefined : { max: 4, queue, queueTimeoutMs: 30_000 },
    }),
  ) as fc.Arbitrary<Provider>

const nano = fc.integer({ min: 0, max: 1_000_000_000 }).map((value) => value / 1e3)

const model: fc.Arbitrary<Model> = fc
  .record({
    id,
    targets: fc.array(
      fc.record({
        providerId: fc.constant('mock'),
        model: fc.constantFrom('llama3:8b', 'a/b', 'null', '007', 'on'),
        order: fc.integer({ min: 0, max: 9 }),
        weight: fc.integer({ min: 0, max: 100 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    defaults: fc.dictionary(
      fc.constantFrom('temperature', 'note', 'user'),
      fc.oneof(fc.integer(), fc.boolean(), fc.string()),
    ),
    losses: fc.constantFrom('report' as const, 'reject' as const),
    price: optional(fc.record({ input: nano, output: nano })),
    access: optional(fc.constant(['group:engineers'])),
    contextWindow: optional(fc.integer({ min: 1, max: 1_000_000 })),
  })
  .map((value) => ({ ...defined(value), origin: 'store' as const }) as Model)

const limit: fc.Arbitrary<LimitRule> = fc.record({
  id,
  origin: fc.constant('store' as const),
  per: fc.constantFrom('key' as const, 'user' as const, 'global' as const),
  amounts: fc.record({
    requestsPerMinute: fc.integer({ min: 0, max: 1_000 }),
    concurrent: fc.integer({ min: 0, max: 10 }),
  }),
  whenUnavailable: fc.constantFrom('local' as const, 'open' as const, 'closed' as const),
})

const budget: fc.Arbitrary<BudgetRule> = fc.record({
  id,
  origin: fc.constant('store' as const),
  per: fc.constantFrom('key' as const, 'tenant' as const),
  nanoUsd: fc.integer({ min: 0, max: 1_000_000 }).map((cents) => cents * 10_000_000),
  window: fc.constantFrom('day' as const, 'month' as const, 'total' as const),
  action: fc.constantFrom('block' as const, 'alert' as const),
  alertAt: fc.constantFrom([0.8, 1], [0.5], []),
  unknownPrice: fc.constantFrom('allow' as const, 'block' as const),
})

const byId = { selector: ({ id: name }: { readonly id: string }) => name, maxLength: 4 } as const

describe('what is exported', () => {
  test('is read as what it was, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(provider, byId),
        fc.uniqueArray(model, byId),
        fc.array(limit, { maxLength: 4 }),
        fc.array(budget, { maxLength: 4 }),
        (providers, models, limits, budgets) => {
          const text = exportText(
            { providers, models, limits, budgets, keyNames: ['a\nb'] },
            'yaml',
          )
          const given = secretsOf(text, providers)
          const read = readImport(text, {
            format: 'yaml',
            secrets: given,
            providerIds: ['mock'],
          })
          expect(read.problems).toEqual([])
          const sorted = (forms: readonly string[]) => forms.toSorted()
          expect(sorted(read.providers.map(({ form }) => form))).toEqual(
            sorted(providers.map(FORMS.providers)),
          )
          expect(sorted(read.models.map(({ form }) => form))).toEqual(
            sorted(models.map(FORMS.models)),
          )
          expect(sorted(read.limits.map(({ form }) => form))).toEqual(
            sorted(limits.map(FORMS.limits)),
          )
          expect(sorted(read.budgets.map(({ form }) => form))).toEqual(
            sorted(budgets.map(FORMS.budgets)),
          )
          for (const { keys } of providers) {
            for (const key of keys) expect(text).not.toContain(key.secret)
          }
        },
      ),
      checkParameters(60),
    )
  })

  test('is YAML for any reader', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom(
        'yes',
        'null',
        '1e3',
        '12m',
        '0x1f',
        '0xA',
        '0Xab',
        '1e',
        '1_000',
        '~',
        '- a',
        '#x',
        'a: b',
        '2026-01-01',
        '.5',
        '+1',
        '012',
        'NaN',
        '.inf',
      ),
    )
    const { object } = fc.letrec<{ object: JsonObject; value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('value'), { maxLength: 3 }),
        tie('object'),
      ),
      object: fc.dictionary(
        fc.oneof(fc.string(), fc.constantFrom('on', 'a b', '1', '')),
        tie('value'),
        {
          maxKeys: 4,
          noNullPrototype: true,
        },
      ) as fc.Arbitrary<JsonObject>,
    }))
    fc.assert(
      fc.property(object, (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as JsonObject
        if (Object.keys(plain).length === 0) return
        expect(Bun.YAML.parse(toYaml(plain))).toEqual(plain)
      }),
      checkParameters(300),
    )
  })
})

/** The values that the references of a text stand for, in the order of their names. */
function secretsOf(text: string, providers: readonly Provider[]): Record<string, string> {
  const secrets: Record<string, string> = {}
  for (const one of providers) {
    const named: [string, string][] = []
    formOf('providers', providerValues(one), {
      secret: (path, value) => {
        named.push([path, value])
        return ''
      },
    })
    const label = one.id.toUpperCase().replaceAll('-', '_')
    for (const [path, value] of named) {
      const words = path
        .replaceAll(/\[(\d+)\]/g, (_, at: string) => `_${Number(at) + 1}`)
        .replaceAll(/[^A-Za-z0-9]+/g, '_')
        .toUpperCase()
      secrets[`WEIR_PROVIDER_${label}_${words}`] = value
    }
  }
  // Every one that the text asks for, and no other.
  const asked = [...text.matchAll(/^# {3}(WEIR_\w+)$/gm)].map(([, name = '']) => name)
  expect(asked.toSorted()).toEqual(Object.keys(secrets).toSorted())
  return secrets
}
