import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { checkParameters } from '../testing/seed.ts'
import { memberGrants } from '../testing/principals.ts'
import { can, mayAskProvider, mayUseModel } from './permission.ts'
import { DEFAULT_TENANT_ID, type Principal } from './principal.ts'

const principal = (models?: readonly string[]): Principal => ({
  kind: 'key',
  tenantId: DEFAULT_TENANT_ID,
  grants: memberGrants(),
  ...(models === undefined ? {} : { models }),
})

test('nobody may do anything but what is public', () => {
  for (const action of ['model.invoke', 'model.list', 'metrics.read', 'provider.proxy'] as const) {
    expect(can(undefined, action)).toBe(false)
    expect(can(principal(), action)).toBe(true)
  }
  expect(can(undefined, 'public.read')).toBe(true)
})

test.each([
  [undefined, [], true],
  [undefined, ['anything'], true],
  [[], [], false],
  [[], ['m'], false],
  [['fast'], ['fast'], false],
  [['up/m'], ['m'], true],
  [['up/m'], [], false],
  [['up/m'], ['m', 'n'], false],
  [['up/m', 'up/n'], ['m', 'n'], true],
  [['up/m*'], [], false],
  [['up/*'], [], true],
  [['*'], [], true],
  [['u*'], [], true],
  [['*/*'], [], true],
  [['other/*'], [], false],
  [['*/m'], [], false],
  [['up/m'], ['*'], false],
] as const)('with %p, models %p: %p', (patterns, models, allowed) => {
  expect(mayAskProvider(principal(patterns), 'up', models)).toBe(allowed)
})

test('a role at an alias gives nothing of the provider that is called the same', () => {
  const at = (scope: string, effect: 'allow' | 'deny' = 'allow') =>
    memberGrants().map((grant) => ({ ...grant, scope, effect }))
  const alias = '/tenants/default/models/deepseek'
  const who: Principal = { ...principal(), grants: at(alias) }
  expect(mayUseModel(who, 'deepseek')).toBe(true)
  expect(mayUseModel(who, 'deepseek/r1')).toBe(false)
  expect(mayAskProvider(who, 'deepseek', ['r1'])).toBe(false)
  expect(mayAskProvider(who, 'deepseek', [])).toBe(false)
  const denied: Principal = { ...principal(), grants: [...memberGrants(), ...at(alias, 'deny')] }
  expect(mayUseModel(denied, 'deepseek')).toBe(false)
  expect(mayUseModel(denied, 'deepseek/r1')).toBe(true)
  const prefix: Principal = { ...principal(), grants: at(`${alias}/*`) }
  expect(mayUseModel(prefix, 'deepseek')).toBe(false)
  expect(mayUseModel(prefix, 'deepseek/r1')).toBe(true)
})

test('who may ask the whole provider may use every model of it', () => {
  const pattern = fc.array(fc.constantFrom('*', '/', 'up', 'p', 'u', 'm'), { maxLength: 6 })
  const model = fc.array(fc.constantFrom('m', '/', 'up', '*', 'x'), { maxLength: 5 })
  let allowed = 0
  fc.assert(
    fc.property(pattern, model, (parts, name) => {
      const who = principal([parts.join('')])
      if (!mayAskProvider(who, 'up', [])) return
      allowed += 1
      expect(mayUseModel(who, `up/${name.join('')}`)).toBe(true)
    }),
    checkParameters(3_000),
  )
  expect(allowed).toBeGreaterThan(20)
})

test('a denial of a model closes raw requests for it in every spelling', () => {
  const denials = memberGrants().map((grant) => {
    return { ...grant, effect: 'deny' as const, scope: '/tenants/default/models/up/GPT-5' as const }
  })
  const who: Principal = { ...principal(), grants: [...memberGrants(), ...denials] }
  for (const name of ['GPT-5', 'gpt-5', 'models/gpt-5', 'gpt%2D5', ' gpt-5', 'gpt-5:latest']) {
    expect([name, mayAskProvider(who, 'up', [name])]).toEqual([name, false])
  }
  expect(mayAskProvider(who, 'up', ['gpt-5-mini'])).toBe(true)
  expect(mayAskProvider(who, 'other', ['gpt-5'])).toBe(true)
})
