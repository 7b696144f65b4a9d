import { describe, expect, test } from 'bun:test'
import { joinedServers, postgresServers } from './postgres-url.ts'

describe('servers of a Postgres URL', () => {
  test.each([
    ['postgres://u:p@one:5432/db', ['postgres://u:p@one:5432/db']],
    ['postgres://u:p@one:1,two:2/db', ['postgres://u:p@one:1/db', 'postgres://u:p@two:2/db']],
    [
      'postgresql://one,[::1]:5,three/db?sslmode=require',
      [
        'postgresql://one/db?sslmode=require',
        'postgresql://[::1]:5/db?sslmode=require',
        'postgresql://three/db?sslmode=require',
      ],
    ],
    // A comma in a password or in the query parts nothing.
    ['postgres://u:a,b@one/db', ['postgres://u:a,b@one/db']],
    ['postgres://u:p@one/db?application_name=a,b', ['postgres://u:p@one/db?application_name=a,b']],
    ['postgres://u:a@b,c@one,two/db', ['postgres://u:a@b,c@one/db', 'postgres://u:a@b,c@two/db']],
    ['postgres://u:p@one,/db', ['postgres://u:p@one/db', 'postgres://u:p@/db']],
    ['sqlite:///a,b.db', ['sqlite:///a,b.db']],
    ['', ['']],
  ])('%s', (text, servers) => {
    expect(postgresServers(text)).toEqual(servers)
    if (servers.length > 1) expect(joinedServers(servers)).toBe(text)
  })
})
