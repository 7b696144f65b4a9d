// The contract of the repositories of guardrails and feature flags: what every engine must do alike. Called from each engine's tests; imported
// by tests alone.

import { expect, test } from 'bun:test'
import type { GuardrailRule } from '../core/guardrail.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import { LIMITS } from '../core/limits.ts'
import type { FlagRepository, GuardrailRepository } from '../core/ports-guard.ts'
import type { AuditRepository } from '../core/ports-people.ts'
import { TEST_ACTOR } from './test-store.ts'

export interface GuardStore {
  readonly guardrailRules: GuardrailRepository
  readonly flagRules: FlagRepository
  readonly audit: AuditRepository
}

const CANARY = 'a-secret-canary-0123456789'

/** A rule of a tenant, with every member; `undefined` for one of all. */
export function sampleGuardrail(
  tenantId: string | undefined,
  over: Partial<GuardrailRule> = {},
): GuardrailRule {
  return {
    id: 'a',
    origin: 'store',
    ...(tenantId === undefined ? {} : { tenantId }),
    enabled: true,
    models: ['fast', 'openai/*'],
    for: ['group:engineers'],
    except: ['key:ci'],
    stages: ['input', 'output'],
    mode: 'block',
    check: 'webhook',
    options: {
      url: 'https://guard.example.com/check',
      secret: CANARY,
      headers: { authorization: `Bearer ${CANARY}` },
    },
    timeoutMs: 100,
    onFailure: 'open',
    windowChars: 300,
    ...over,
  }
}

export function guardrailsContract(open: () => Promise<GuardStore>): void {
  test('a rule comes back as it was saved, secrets included, in its tenant alone', async () => {
    const { guardrailRules } = await open()
    const own = sampleGuardrail('default')
    const plain = { check: 'pii', options: { detect: ['card'], bare_numbers: false } } as const
    const { except: _e, for: _f, models: _m, ...bare } = sampleGuardrail('other')
    const others = { ...bare, check: plain.check, options: { ...plain.options, detect: ['card'] } }
    const everybodys = sampleGuardrail(undefined, { enabled: false, mode: 'observe' })
    await guardrailRules.save('default', own, TEST_ACTOR)
    await guardrailRules.save('other', others, TEST_ACTOR)
    await guardrailRules.save(PLATFORM_TENANT_ID, everybodys, TEST_ACTOR)
    expect(await guardrailRules.list('default')).toEqual([{ rule: own }])
    expect(await guardrailRules.list('other')).toEqual([{ rule: others }])
    expect(await guardrailRules.list(PLATFORM_TENANT_ID)).toEqual([{ rule: everybodys }])
    expect(await guardrailRules.list('nobody')).toEqual([])
    const all = (await guardrailRules.all()).map(({ rule }) => rule)
    expect(all).toHaveLength(3)
    expect(all).toEqual(expect.arrayContaining([own, others, everybodys]))
  })

  test('new ones come last, a changed one keeps its place, and only a whole order is taken', async () => {
    const { guardrailRules } = await open()
    const ids = async () => (await guardrailRules.list('default')).map(({ rule }) => rule.id)
    for (const id of ['z', 'b', 'm']) {
      await guardrailRules.save('default', sampleGuardrail('default', { id }), TEST_ACTOR)
    }
    await guardrailRules.save('other', sampleGuardrail('other', { id: 'x' }), TEST_ACTOR)
    expect(await ids()).toEqual(['z', 'b', 'm'])
    await guardrailRules.save(
      'default',
      sampleGuardrail('default', { id: 'z', mode: 'flag' }),
      TEST_ACTOR,
    )
    expect(await ids()).toEqual(['z', 'b', 'm'])
    expect(await guardrailRules.reorder('default', ['m', 'z', 'b'], TEST_ACTOR)).toBe(true)
    expect(await ids()).toEqual(['m', 'z', 'b'])
    for (const wrong of [['m', 'z'], ['m', 'z', 'b', 'x'], ['m', 'm', 'z'], ['m', 'z', 'x'], []]) {
      expect(await guardrailRules.reorder('default', wrong, TEST_ACTOR)).toBe(false)
    }
    expect(await ids()).toEqual(['m', 'z', 'b'])
    await guardrailRules.save('default', sampleGuardrail('default', { id: 'a' }), TEST_ACTOR)
    expect(await ids()).toEqual(['m', 'z', 'b', 'a'])
  })

  test('is removed by its own tenant alone', async () => {
    const { guardrailRules } = await open()
    await guardrailRules.save('default', sampleGuardrail('default'), TEST_ACTOR)
    for (const other of ['other', PLATFORM_TENANT_ID]) {
      expect(await guardrailRules.remove(other, 'a', TEST_ACTOR)).toBe(false)
    }
    expect(await guardrailRules.remove('default', 'a', TEST_ACTOR)).toBe(true)
    expect(await guardrailRules.remove('default', 'a', TEST_ACTOR)).toBe(false)
    expect(await guardrailRules.all()).toEqual([])
  })

  test('every change, and nothing else, is in the audit, without a secret', async () => {
    const { audit, guardrailRules } = await open()
    await guardrailRules.save('default', sampleGuardrail('default'), TEST_ACTOR)
    await guardrailRules.save('default', sampleGuardrail('default', { id: 'b' }), TEST_ACTOR)
    await guardrailRules.reorder('default', ['b', 'a'], TEST_ACTOR)
    await guardrailRules.reorder('default', ['b', 'a'], TEST_ACTOR)
    await guardrailRules.remove('default', 'a', TEST_ACTOR)
    await guardrailRules.remove('default', 'a', TEST_ACTOR)
    const records = await audit.list({ tenantId: 'default', limit: 100 })
    expect(records.toReversed().map(({ action, target }) => [action, target.id])).toEqual([
      ['guardrail.save', 'a'],
      ['guardrail.save', 'b'],
      ['guardrail.reorder', 'default'],
      ['guardrail.delete', 'a'],
    ])
    expect(JSON.stringify(records)).not.toContain('canary')
    expect(JSON.stringify(records)).toContain('guard.example.com')
  })

  test('a tenant has no room for more than the bound, and can change what it has', async () => {
    const { guardrailRules } = await open()
    const rule = (index: number) =>
      sampleGuardrail('default', { id: `r${index}`, check: 'pii', options: {} })
    for (let index = 0; index < LIMITS.tenantGuardrailsMax; index++) {
      await guardrailRules.save('default', rule(index), TEST_ACTOR)
    }
    const more = guardrailRules.save('default', rule(9_999), TEST_ACTOR)
    await expect(more).rejects.toMatchObject({ status: 409, code: 'too_many_rules' })
    await guardrailRules.save('default', { ...rule(3), mode: 'flag' }, TEST_ACTOR)
    await guardrailRules.save('other', sampleGuardrail('other'), TEST_ACTOR)
  })

  test('all rules of a tenant together have a bound as well, and one that is over it can be shortened', async () => {
    const { guardrailRules } = await open()
    const words = (chars: number) => ({ words: ['x'.repeat(chars)] })
    const rule = (id: string, chars: number) =>
      sampleGuardrail('default', { id, check: 'words', options: words(chars) })
    const half = LIMITS.tenantGuardrailsCharsMax / 2
    await guardrailRules.save('default', rule('a', half), TEST_ACTOR)
    const refused = { status: 409, code: 'too_large_rules' }
    const more = guardrailRules.save('default', rule('b', half), TEST_ACTOR)
    await expect(more).rejects.toMatchObject(refused)
    await guardrailRules.save('default', rule('b', 10), TEST_ACTOR)
    await expect(guardrailRules.save('default', rule('b', half), TEST_ACTOR)).rejects.toMatchObject(
      refused,
    )
    await guardrailRules.save('default', rule('a', 10), TEST_ACTOR)
    await guardrailRules.save('default', rule('b', half), TEST_ACTOR)
    await guardrailRules.save('other', sampleGuardrail('other'), TEST_ACTOR)
  })

  test('flags: one rule for each tenant and one for all, replaced, removed and recorded', async () => {
    const { audit, flagRules } = await open()
    await flagRules.save(
      PLATFORM_TENANT_ID,
      'trace_sampling',
      { value: 'all', percent: 12.5 },
      TEST_ACTOR,
    )
    await flagRules.save('default', 'continuation', { value: false, percent: 0 }, TEST_ACTOR)
    await flagRules.save('default', 'cache_similarity', { value: 0, percent: 100 }, TEST_ACTOR)
    await flagRules.save('default', 'continuation', { value: true, percent: 50 }, TEST_ACTOR)
    const own = { tenantId: 'default', origin: 'store' } as const
    expect(await flagRules.all()).toEqual([
      { ...own, flag: 'cache_similarity', value: 0, percent: 100 },
      { ...own, flag: 'continuation', value: true, percent: 50 },
      { flag: 'trace_sampling', value: 'all', percent: 12.5, origin: 'store' },
    ])
    expect(await flagRules.remove('other', 'continuation', TEST_ACTOR)).toBe(false)
    expect(await flagRules.remove('default', 'continuation', TEST_ACTOR)).toBe(true)
    expect(await flagRules.remove('default', 'continuation', TEST_ACTOR)).toBe(false)
    expect(await flagRules.all()).toHaveLength(2)
    const records = await audit.list({ tenantId: 'default', targetKind: 'flag', limit: 10 })
    expect(
      records
        .toReversed()
        .map(({ action, after, before, target }) => [
          action,
          target.id,
          before?.['value'],
          after?.['value'],
        ]),
    ).toEqual([
      ['flag.save', 'continuation', undefined, false],
      ['flag.save', 'cache_similarity', undefined, 0],
      ['flag.save', 'continuation', false, true],
      ['flag.delete', 'continuation', true, undefined],
    ])
  })
}
