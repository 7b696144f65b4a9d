// What a client of an issuer is called here: always an id that the store takes, whatever the issuer calls it.

import { expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { isTenantId } from '../core/roles.ts'
import { checkParameters } from '../testing/seed.ts'
import { serviceId } from './newcomers.ts'

// A thousand texts of any kind.
setDefaultTimeout(60_000)

test.each([
  ['CI-bot', 'ci-bot'],
  ['api://weir.example.com/x', 'api-weir-example-com-x'],
  ['aaaaaaaa-0000-4000-8000-000000000005', 'aaaaaaaa-0000-4000-8000-000000000005'],
  ['--a--', 'a'],
])('%s is %s', (clientId, id) => {
  expect(serviceId(clientId)).toBe(id)
})

test('is an id of the store for any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }), (clientId) => {
      // Ids of services are formed as those of tenants are.
      expect(isTenantId(serviceId(clientId))).toBe(true)
      const own = `${serviceId(clientId).slice(0, 54)}-0123abcd`
      expect(isTenantId(own)).toBe(true)
    }),
    checkParameters(1_000),
  )
})
