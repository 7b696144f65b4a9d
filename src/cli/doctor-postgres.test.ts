// What is told of a Postgres that can be used but should not be left so. How it is reached is tested with the executable.

import { expect, test } from 'bun:test'
import { LIMITS } from '../core/limits.ts'
import { postgresWarning, serversWarning } from './doctor-postgres.ts'

const WELL = {
  clockSkewMs: LIMITS.postgresClockSkewMs,
  facts: { version: '15.18', isReadOnly: false, nowMs: 0, connectionsMax: 10 },
  schema: { done: 5, pending: 0 },
}

test('all is well up to the bounds', () => {
  expect(postgresWarning(WELL, 10)).toBeUndefined()
  expect(postgresWarning({ ...WELL, clockSkewMs: -LIMITS.postgresClockSkewMs }, 1)).toBeUndefined()
})

test('each trouble has its words, the worst first', () => {
  const skew = LIMITS.postgresClockSkewMs + 1
  const crowded = { ...WELL, facts: { ...WELL.facts, connectionsMax: 9 } }
  const ahead = { ...crowded, clockSkewMs: skew }
  const readOnly = { ...ahead, facts: { ...ahead.facts, isReadOnly: true } }
  const behind = { ...readOnly, schema: { done: 4, pending: 1 } }
  expect(postgresWarning(crowded, 10)?.reason).toContain('the server allows 9')
  expect(postgresWarning(ahead, 10)?.reason).toContain('ahead of')
  expect(postgresWarning({ ...crowded, clockSkewMs: -skew }, 10)?.reason).toContain('behind its')
  expect(postgresWarning(readOnly, 10)?.reason).toContain('read-only')
  expect(postgresWarning(behind, 10)?.reason).toContain('1 step behind')
})

test('of several servers one that is not reached is told, and two that both take changes above all', () => {
  const server = (name: string, state: 'primary' | 'standby' | 'unreachable') => ({ name, state })
  const [one, two] = [server('one:1', 'primary'), server('two:2', 'standby')]
  expect(serversWarning([one])).toBeUndefined()
  expect(serversWarning([server('one:1', 'unreachable')])).toBeUndefined()
  expect(serversWarning([one, two])).toBeUndefined()
  const gone = server('three:3', 'unreachable')
  expect(serversWarning([one, two, gone])?.reason).toStartWith('three:3 could not be asked')
  const both = serversWarning([one, server('two:2', 'primary'), gone])
  expect(both?.reason).toContain('one:1 and two:2 both take changes')
  const refused = { ...gone, reason: 'PostgreSQL 28P01' }
  expect(serversWarning([one, two, refused])?.reason).toStartWith(
    'three:3 (PostgreSQL 28P01) could',
  )
  // A pair of proxies before one server is no pair of primaries.
  const proxies = [one, server('two:2', 'primary')].map((each) => ({ ...each, started: 'then' }))
  expect(serversWarning(proxies)).toBeUndefined()
  const apart = proxies.map((each, at) => ({ ...each, started: `then ${at}` }))
  expect(serversWarning(apart)?.reason).toContain('both take changes')
})
