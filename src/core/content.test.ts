// The policy of content as laws over random rules, and the words of holds: what is not forbidden is decided by the most specific rule, what a
// tenant forbids nothing brings back, and redaction only ever grows.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../testing/seed.ts'
import {
  CONTENT_KEEPS,
  CONTENT_SUBJECTS,
  ContentRules,
  isHeldBy,
  keepsBodies,
  mayKeepBodies,
  REDACTIONS,
  type ContentRule,
  type Hold,
} from './content.ts'

const asker = { tenantId: 't', keyId: 'k1', keyName: 'ci' }

const rule = (): fc.Arbitrary<ContentRule> =>
  fc
    .record(
      {
        id: fc.uuid(),
        tenantId: fc.constantFrom('t', 'u'),
        origin: fc.constantFrom('file', 'store'),
        per: fc.constantFrom(...CONTENT_SUBJECTS),
        only: fc.constantFrom('t', 'm', 'ci', 'k1', '*', 'm*', 'other'),
        keep: fc.constantFrom(...CONTENT_KEEPS),
        redact: fc.subarray([...REDACTIONS]),
      },
      { requiredKeys: ['id', 'origin', 'per', 'keep'] },
    )
    .map((made) => made as ContentRule)

const all = { keep: 'metadata', redact: ['email'] } as const

describe('the policy', () => {
  test('without a rule it is what holds for all, the same object each time', () => {
    expect(new ContentRules(all).policyFor(asker, 'm')).toBe(all)
    const elsewhere = {
      id: 'r',
      tenantId: 'u',
      origin: 'store',
      per: 'key',
      keep: 'content',
    } as const
    expect(new ContentRules(all, [elsewhere]).policyFor(asker, 'm')).toBe(all)
  })

  test('does not depend on the order of its rules', () => {
    fc.assert(
      fc.property(fc.array(rule(), { maxLength: 6 }), (rules) => {
        const one = new ContentRules(all, rules).policyFor(asker, 'm')
        const other = new ContentRules(all, rules.toReversed()).policyFor(asker, 'm')
        expect(other.keep).toBe(one.keep)
        expect(other.redact.toSorted()).toEqual(one.redact.toSorted())
      }),
      checkParameters(200),
    )
  })

  test('what is redacted only grows, and rules of other tenants change nothing', () => {
    fc.assert(
      fc.property(fc.array(rule(), { maxLength: 6 }), rule(), (rules, more) => {
        const before = new ContentRules(all, rules).policyFor(asker, 'm')
        const after = new ContentRules(all, [...rules, more]).policyFor(asker, 'm')
        for (const name of before.redact) expect(after.redact).toContain(name)
        const foreign = new ContentRules(all, [...rules, { ...more, tenantId: 'u' }])
        expect(foreign.policyFor(asker, 'm')).toEqual(before)
      }),
      checkParameters(200),
    )
  })

  test('a request is not held up by rules of other tenants, however many they are', () => {
    let asked = 0
    const theirs = Array.from({ length: 1_000 }, (_each, at): ContentRule => ({
      id: `r${at}`,
      tenantId: `t${at}`,
      origin: 'store',
      keep: 'content',
      get per() {
        asked += 1
        return 'key' as const
      },
    }))
    const rules = new ContentRules(all, theirs)
    asked = 0
    expect(rules.policyFor(asker, 'm')).toBe(all)
    expect(rules.policyFor({ ...asker, tenantId: 't7' }, 'm').keep).toBe('content')
    expect(asked).toBeLessThan(5)
  })

  test('a tenant’s none is brought back by no rule of a model or a key', () => {
    fc.assert(
      fc.property(fc.array(rule(), { maxLength: 6 }), (rules) => {
        const narrower = rules.filter(({ per }) => per !== 'tenant')
        const none = { id: 'n', origin: 'store', per: 'tenant', keep: 'none' } as const
        expect(new ContentRules(all, [none, ...narrower]).policyFor(asker, 'm').keep).toBe('none')
      }),
      checkParameters(200),
    )
  })

  test.each<[string, Omit<ContentRule, 'id' | 'origin'>[], string]>([
    [
      'a key before a model',
      [
        { per: 'model', keep: 'content' },
        { per: 'key', keep: 'metadata' },
      ],
      'metadata',
    ],
    [
      'a model before a tenant',
      [
        { per: 'tenant', keep: 'metadata' },
        { per: 'model', keep: 'content' },
      ],
      'content',
    ],
    [
      'a name before a pattern',
      [
        { per: 'key', only: 'c*', keep: 'metadata' },
        { per: 'key', only: 'ci', keep: 'content' },
      ],
      'content',
    ],
    [
      'the one that keeps least',
      [
        { per: 'key', keep: 'content' },
        { per: 'key', keep: 'none' },
      ],
      'none',
    ],
    ['a key by its id', [{ per: 'key', only: 'k1', keep: 'content' }], 'content'],
    ['none for another key', [{ per: 'key', only: 'k2', keep: 'content' }], 'metadata'],
  ])('%s', (_name, drafts, keep) => {
    const rules = drafts.map((draft, at): ContentRule => ({
      id: `r${at}`,
      origin: 'file',
      ...draft,
    }))
    expect(new ContentRules(all, rules).policyFor(asker, 'm').keep).toBe(keep as never)
  })

  test('of the same kind the file’s rule stands above the store’s', () => {
    const rules: ContentRule[] = [
      { id: 's', tenantId: 't', origin: 'store', per: 'tenant', only: 't', keep: 'content' },
      { id: 'f', origin: 'file', per: 'tenant', keep: 'metadata' },
    ]
    expect(new ContentRules(all, rules).policyFor(asker, 'm').keep).toBe('metadata')
  })

  test('a rule of a model concerns no request that named none', () => {
    const rules = new ContentRules(all, [
      { id: 'r', origin: 'file', per: 'model', keep: 'content' },
    ])
    expect(rules.policyFor(asker, undefined).keep).toBe('metadata')
  })

  test('bodies are gathered wherever they may be kept in the end', () => {
    for (const keep of CONTENT_KEEPS) {
      const kept = [keepsBodies(keep, true), keepsBodies(keep, false)]
      expect(mayKeepBodies(keep)).toBe(kept.includes(true))
    }
    expect(keepsBodies('content-on-error', false)).toBe(false)
  })
})

test('a hold keeps what is of its tenant, of its subject and within its time', () => {
  const hold: Hold = {
    tenantId: 't',
    id: 'h',
    kind: 'user',
    subject: 'ann',
    sinceMs: 10,
    untilMs: 20,
    reason: '',
    createdMs: 0,
    createdBy: '',
  }
  const row = { tenantId: 't', logId: 'l', timestampMs: 10, userId: 'ann' }
  expect(isHeldBy(hold, row)).toBe(true)
  for (const other of [
    { tenantId: 'u' },
    { timestampMs: 9 },
    { timestampMs: 20 },
    { userId: 'bob' },
    { userId: undefined },
  ]) {
    expect(isHeldBy(hold, { ...row, ...other })).toBe(false)
  }
})
