// Words for places that do not answer: a person reads what happened, not how this program noticed it.

import { expect, test } from 'bun:test'
import { GatewayError } from '../core/error.ts'
import { unreached } from './doctor-steps.ts'

test.each([
  ['client_closed', 'does not answer in time'],
  ['upstream_timeout', 'does not answer in time'],
  ['upstream_error', 'is not reached (upstream_error)'],
] as const)('%s', (kind, words) => {
  expect(unreached(new GatewayError(kind))).toBe(words)
})
