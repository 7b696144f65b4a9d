import { expect, test } from 'bun:test'
import { scopes } from '../core/permission.ts'
import type { Principal } from '../core/principal.ts'
import { impliedGrant } from '../core/roles.ts'
import {
  csrfToken,
  isCsrfToken,
  isSessionToken,
  markOf,
  newSessionToken,
  rightsMark,
  sessionHash,
} from './session-token.ts'

const TENANT = scopes.tenant('default')
const operator = impliedGrant('operator', TENANT, 'a test')
const auditor = impliedGrant('auditor', TENANT, 'a test')

function principal(over: Partial<Principal> = {}): Principal {
  return { kind: 'user', tenantId: 'default', userId: 'u', grants: [operator], ...over }
}

test('ten thousand are ten thousand, and each is what it was made for', () => {
  const mark = rightsMark(principal())
  const values = new Set<string>()
  for (let count = 0; count < 10_000; count += 1) {
    const { idHash, value } = newSessionToken(mark)
    values.add(value)
    expect(isSessionToken(value) && markOf(value) === mark && sessionHash(value) === idHash).toBe(
      true,
    )
  }
  expect(values.size).toBe(10_000)
})

test('another mark on the same id is another session: nobody gives themselves rights', () => {
  const { idHash, value } = newSessionToken(rightsMark(principal()))
  const forged = `${value.split('.')[0]}.${rightsMark(principal({ grants: [auditor] }))}`
  expect(isSessionToken(forged)).toBe(true)
  expect(sessionHash(forged)).not.toBe(idHash)
})

test('the mark is another one for any other rights, and the same for the same in another order', () => {
  const marks = [
    principal(),
    principal({ grants: [] }),
    principal({ grants: [auditor] }),
    principal({ grants: [operator, auditor] }),
    principal({ grants: [{ ...operator, effect: 'deny' }] }),
    principal({ grants: [{ ...operator, scope: scopes.platform }] }),
    principal({ grants: [{ ...operator, role: { ...operator.role, actions: ['*'] } }] }),
    principal({ tenantId: 'other' }),
    principal({ groups: ['engineers'] }),
    principal({ teamIds: ['research'] }),
  ].map(rightsMark)
  expect(new Set(marks).size).toBe(marks.length)
  expect(rightsMark(principal({ grants: [auditor, operator, operator] }))).toBe(marks[3]!)
  // Why somebody has a right changes nothing.
  expect(rightsMark(principal({ grants: [{ ...operator, because: 'another reason' }] }))).toBe(
    marks[0]!,
  )
})

test('the token of a page belongs to one session', () => {
  const [one, two] = [newSessionToken('m'), newSessionToken('m')]
  expect(isCsrfToken(csrfToken(one.value), one.value)).toBe(true)
  expect(isCsrfToken(csrfToken(two.value), one.value)).toBe(false)
  for (const wrong of [null, '', one.value, one.idHash, csrfToken(one.value).slice(1)]) {
    expect(isCsrfToken(wrong, one.value)).toBe(false)
  }
})
