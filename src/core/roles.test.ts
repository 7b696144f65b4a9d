// The built-in roles by what they give: nobody below an owner can make themselves one, and who only looks changes nothing.

import { describe, expect, test } from 'bun:test'
import { PLATFORM_TENANT_ID } from './identity.ts'
import { ACTIONS, roleGives, type Action } from './permission.ts'
import { matchesPattern } from './principal.ts'
import { BUILT_IN_ROLES, builtInRole, impliedGrant, isTenantId, ROLE_SYNONYMS } from './roles.ts'

const ACTION_NAMES = Object.keys(ACTIONS) as Action[]
const given = (id: string) =>
  new Set(ACTION_NAMES.filter((action) => roleGives(builtInRole(id)!, action)))

describe('built-in roles', () => {
  test('every pattern fits an action, and takes away only what was given', () => {
    for (const { actions, id, notActions } of BUILT_IN_ROLES) {
      for (const pattern of [...actions, ...notActions]) {
        const fits = ACTION_NAMES.filter((action) => matchesPattern(pattern, action))
        expect(`${id} ${pattern} ${fits.length > 0}`).toBe(`${id} ${pattern} true`)
      }
      for (const pattern of notActions) {
        const taken = ACTION_NAMES.filter((action) => matchesPattern(pattern, action))
        const had = taken.some((action) => actions.some((each) => matchesPattern(each, action)))
        expect(`${id} ${pattern} ${had}`).toBe(`${id} ${pattern} true`)
      }
    }
  })

  test('the owner has everything, and everybody else less than the administrator or the same', () => {
    expect(given('owner').size).toBe(ACTION_NAMES.length)
    const admin = given('admin')
    for (const action of [
      'tenant.write',
      'tenant.delete',
      'settings.write',
      'secret.rotate',
    ] as const) {
      expect(admin.has(action)).toBe(false)
    }
    for (const id of ['operator', 'auditor', 'member', 'viewer']) {
      expect([...given(id)].filter((action) => !admin.has(action))).toEqual([])
      expect(given(id).size).toBeLessThan(admin.size)
    }
  })

  test('only administrators and owners change who may do what', () => {
    const people = ['user', 'group', 'team', 'service', 'role', 'assignment', 'key', 'session']
    for (const id of ['operator', 'auditor', 'member', 'viewer']) {
      const changed = [...given(id)].filter(
        (action) => people.includes(action.split('.')[0]!) && !/\.(read|self)$/.test(action),
      )
      expect(`${id}: ${changed}`).toBe(`${id}: `)
    }
  })

  test('who looks changes nothing and reads no bodies', () => {
    for (const id of ['auditor', 'viewer']) {
      const acts = [...given(id)].filter((action) =>
        /\.(write|delete|rotate|invoke|proxy)$/.test(action),
      )
      expect(acts).toEqual([])
      expect(given(id).has('request.content.read')).toBe(false)
    }
    expect(given('viewer').has('audit.read')).toBe(false)
    expect(given('auditor').has('audit.read')).toBe(true)
  })

  test('synonyms lead to a role, and no synonym is one itself', () => {
    const ids = BUILT_IN_ROLES.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const [synonym, id] of Object.entries(ROLE_SYNONYMS)) {
      expect(ids).toContain(id)
      expect(ids).not.toContain(synonym)
      expect(builtInRole(synonym)).toBe(builtInRole(id)!)
    }
    for (const id of ['', 'Owner', 'owner ', 'constructor', '__proto__', 'toString']) {
      expect(builtInRole(id)).toBeUndefined()
      expect(() => impliedGrant(id, '/', 'x')).toThrow(RangeError)
    }
  })
})

test('ids of tenants', () => {
  for (const id of ['default', 'a', '0', 'acme-2', 'x'.repeat(63)])
    expect(isTenantId(id)).toBe(true)
  for (const id of [
    PLATFORM_TENANT_ID,
    '',
    '-a',
    'A',
    'a_b',
    'a/b',
    'a.b',
    '*',
    'a\n',
    'x'.repeat(64),
  ]) {
    expect(isTenantId(id)).toBe(false)
  }
})
