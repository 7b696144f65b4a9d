// A store with several servers in its URL, on a real primary and a real standby: it finds the primary wherever it stands in the list,
// follows it when the standby is promoted, loses no row meanwhile, and says of each server what it is.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  postgresMissing,
  startPostgres,
  startStandby,
  type TestPostgres,
} from '../testing/postgres.ts'
import { withBlackHole } from '../testing/black-hole.ts'
import { ownMsOf } from '../testing/own-time.ts'
import { connectPostgres } from './postgres-connect.ts'
import { PostgresConnection } from './postgres-connection.ts'
import { postgresOptions, serversOf, shownPostgres, targetOf } from './postgres-options.ts'
import { PostgresPool } from './postgres-pool.ts'
import { storeCode } from './errors.ts'
import { inspectServers } from './inspect-postgres.ts'
import {
  MemoryLogger,
  removeFolders,
  sampleKey,
  sampleOutcome,
  storeIn,
  temporaryFolder,
  TEST_ACTOR,
  until,
} from './test-store.ts'

const reason = postgresMissing()
if (reason !== undefined) process.stdout.write(`left out: a standby of Postgres: ${reason}\n`)

setDefaultTimeout(180_000)

const secrets = { masterKey: 'one secret that is long enough for a key' }
const logger = new MemoryLogger()

let primary: TestPostgres
let standby: TestPostgres
beforeAll(async () => {
  if (reason !== undefined) return
  primary = await startPostgres()
  standby = await startStandby(primary)
})
afterAll(async () => {
  await standby?.[Symbol.asyncDispose]()
  await primary?.[Symbol.asyncDispose]()
  removeFolders()
})

/** The servers in this order; a password with every character that is awkward in it. */
function urlOf(ports: readonly number[], database: string, query = ''): string {
  const user = `${primary.user}:${encodeURIComponent(primary.password)}`
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',')
  return `postgres://${user}@${hosts}/${database}${query}`
}

function locationOf(url: string) {
  return { engine: 'postgres', url, connections: 4 } as const
}

const PORT = 'SELECT inet_server_port() AS port'

async function portOf(url: string): Promise<number | undefined> {
  const connection = await PostgresConnection.open(locationOf(url), { timeouts: undefined })
  try {
    const [row] = await connection.query<{ port: number }>(PORT)
    return row?.port
  } finally {
    connection.discard()
  }
}

async function failureOf(working: Promise<unknown>): Promise<Error> {
  return await working.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: Error) => error,
  )
}

test('what a URL asks for', () => {
  const asks = (rest: string) => targetOf(locationOf(`postgres://u:p@${rest}`))
  expect(asks('one/db')).toBe('any')
  expect(asks('one,two/db')).toBe('primary')
  expect(asks('one,two/db?target_session_attrs=any')).toBe('any')
  expect(asks('one/db?target_session_attrs=primary')).toBe('primary')
  expect(asks('one,two/db?target_session_attrs=read-write')).toBe('read-write')
  for (const other of ['standby', 'prefer-standby', 'read-only', 'Primary', '']) {
    expect(() => asks(`one,two/db?target_session_attrs=${other}`)).toThrow(
      'any, primary, read-write',
    )
  }
  expect(shownPostgres('postgres://u:se,cret@one,two:7/db')).toBe('postgres://one:5432,two:7/db')
  expect(shownPostgres('postgres://u:p@[::1],[fd00::2]:7/db')).toBe(
    'postgres://[::1]:5432,[fd00::2]:7/db',
  )
})

test('each server of a URL has all that it says, and its own name on its certificate', () => {
  const url =
    'postgresql://we%2Cir:p%40a%2Cs%3As%2F%3F%25@one,[::1]:7,two.db.example:8/d%2Cb?sslmode=verify-full&application_name=x'
  const servers = serversOf(locationOf(url)).map((server) => postgresOptions(server, undefined))
  expect(servers.map(({ host, port }) => [host, port] as const)).toEqual([
    ['one', 5_432],
    ['::1', 7],
    ['two.db.example', 8],
  ])
  for (const server of servers) {
    expect(server).toMatchObject({
      user: 'we,ir',
      password: 'p@a,s:s/?%',
      database: 'd,b',
      connection: { application_name: 'x' },
    })
    const { checkServerIdentity } = server.ssl as unknown as {
      checkServerIdentity(name: string, certificate: object): Error | undefined
    }
    const isFor = (subjectaltname: string) =>
      checkServerIdentity('', { subject: {}, subjectaltname }) === undefined
    expect(isFor('DNS:one')).toBe(server.host === 'one')
    expect(isFor('IP Address:::1')).toBe(server.host === '::1')
    expect(isFor('DNS:*.db.example')).toBe(server.host === 'two.db.example')
  }
})

test.each([
  ['one,two/db?host=three', 'several servers and a host'],
  ['one/db?host=two,three', 'before the name of the database'],
  ['one/db?sslmode=verify-full&sslmode=disable', 'something twice'],
  ['one,two/db?connect_timeout=3', `'connect_timeout', which is not understood`],
  ['one,two/db?sslmode=allways', 'sslmode in storage.url must be'],
])('%s is refused, and says no secret', async (rest, words) => {
  const location = locationOf(`postgres://u:canary@${rest}`)
  const refused = await failureOf(connectPostgres(location, { connections: 1, logger }, 0))
  expect(refused).toMatchObject({ name: 'StorageError', code: 'cannot_open' })
  expect(refused.message).toContain(words)
  expect(Bun.inspect(refused)).not.toContain('canary')
})

describe.skipIf(reason !== undefined)('several servers', () => {
  test('the primary is found wherever it stands, past what does not answer', async () => {
    const nobody = 1
    for (const ports of [
      [primary.port, standby.port],
      [standby.port, primary.port],
      [nobody, standby.port, primary.port],
    ]) {
      expect(await portOf(urlOf(ports, 'postgres'))).toBe(primary.port)
    }
    const any = urlOf([standby.port, primary.port], 'postgres', '?target_session_attrs=any')
    expect(await portOf(any)).toBe(standby.port)
    const alone = urlOf([standby.port], 'postgres', '?target_session_attrs=primary')
    const location = locationOf(alone)
    const refused = await failureOf(connectPostgres(location, { connections: 1, logger }, 0))
    expect(refused.message).toContain('those that answer are standbys')
    expect(refused.message).not.toContain(encodeURIComponent(primary.password))
    const found = await inspectServers(
      locationOf(urlOf([nobody, standby.port, primary.port], 'postgres')),
      logger,
    )
    expect(found.map(({ state }) => state)).toEqual(['unreachable', 'standby', 'primary'])
    expect(found[1]?.name).toBe(`127.0.0.1:${standby.port}`)
  })

  test('one that swallows what is sent to it is waited for once', async () => {
    await withBlackHole(async (hole) => {
      const location = locationOf(
        urlOf([primary.port], 'postgres').replace('@', `@${hole.address}:${hole.port},`),
      )
      // Far above what a server that answers takes on a busy machine.
      const connectTimeoutMs = 2_000
      const openMs = async () => {
        const startedMs = performance.now()
        const options = { timeouts: undefined, connectTimeoutMs }
        const ownMs = await ownMsOf(async () =>
          (await PostgresConnection.open(location, options)).discard(),
        )
        return { ownMs, passedMs: performance.now() - startedMs }
      }
      expect((await openMs()).passedMs).toBeGreaterThan(connectTimeoutMs * 0.9)
      for (let again = 0; again < 3; again += 1) {
        expect((await openMs()).ownMs).toBeLessThan(connectTimeoutMs * 0.9)
      }
    })
  })

  test('one that is read-only by its settings is a primary, and none to write to', async () => {
    const { name } = await primary.createDatabase()
    await primary.sql(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    const ports = [primary.port]
    expect(await portOf(urlOf(ports, name, '?target_session_attrs=primary'))).toBe(primary.port)
    const failure = await failureOf(portOf(urlOf(ports, name, '?target_session_attrs=read-write')))
    expect(storeCode(failure)).toBe('NOT_PRIMARY')
  })

  test('one that is only starting is waited for, whatever is wrong with the others', async () => {
    const url = urlOf([primary.port], 'postgres').replace('@', '@nowhere.invalid,')
    const late = url.replace(String(primary.port), '1')
    const timeMs = async (location: string, patienceMs: number) => {
      const startedMs = performance.now()
      const options = { connections: 1, logger }
      await failureOf(connectPostgres(locationOf(location), options, patienceMs))
      return performance.now() - startedMs
    }
    // Nothing listens there yet, and may in a moment; a name that nobody knows would end the start at once.
    const swapped = late.replace('nowhere.invalid,127.0.0.1:1', '127.0.0.1:1,nowhere.invalid')
    for (const each of [late, swapped]) expect(await timeMs(each, 500)).toBeGreaterThanOrEqual(500)
    expect(await portOf(url)).toBe(primary.port)
  })

  test('all connections lead to one server, also where two think that they are the primary', async () => {
    const { name } = await primary.createDatabase()
    const other = await startPostgres()
    try {
      await other.sql(`CREATE DATABASE ${name}`)
      const role = `CREATE ROLE twin LOGIN PASSWORD 'twin'`
      for (const server of [primary, other]) await server.sql(role)
      const location = locationOf(
        `postgres://twin:twin@127.0.0.1:${primary.port},127.0.0.1:${other.port}/${name}`,
      )
      const pool = new PostgresPool(location, { connections: 4, logger })
      const ports = async () => (await pool.query<{ port: number }>(PORT)).map(({ port }) => port)
      expect(await ports()).toEqual([primary.port])
      // Who is connected stays so; who comes now is led to the other one.
      await primary.sql(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
      const newcomer = await PostgresConnection.open(location, { timeouts: undefined })
      expect(await newcomer.query<{ port: number }>(PORT)).toEqual([{ port: other.port }])
      expect(await ports()).toEqual([other.port])
      newcomer.discard()
      await pool.close()
    } finally {
      await other[Symbol.asyncDispose]()
    }
  })

  test('a promoted standby is followed, changes are heard there, and no row is lost', async () => {
    const { name } = await primary.createDatabase()
    const url = urlOf([primary.port, standby.port], name)
    const open = () => storeIn(temporaryFolder(), { location: locationOf(url), secrets })
    const [store, other] = [await open(), await open()]
    let seen: readonly string[] = []
    store.watcher.start(async () => {
      seen = (await store.keys.all()).map(({ id }) => id)
    })
    const before = await other.keys.create(sampleKey(), TEST_ACTOR)
    await until('the key is seen', () => seen.includes(before.id))
    store.log.record(sampleOutcome())
    await until('the row is there', async () => (await store.requests.count('default')) === 1)
    const rows = `SELECT count(*) FROM requests`
    await until('the standby has it', async () => (await standby.sql(rows, name)) === '1')
    await primary.stop('immediate')
    await until('it is told', () => store.problems().length > 0)
    store.log.record(sampleOutcome())
    // Reached, and yet of no use: nothing is written to a standby.
    expect(await failureOf(store.keys.create(sampleKey(), TEST_ACTOR))).toMatchObject({
      status: 503,
    })
    await standby.sql('SELECT pg_promote()')
    const isWell = () => until('it is well again', () => store.problems().length === 0)
    expect(await ownMsOf(isWell)).toBeLessThan(3_000)
    const after = await other.keys.create(sampleKey(), TEST_ACTOR)
    await until('changes are heard there', () => seen.includes(after.id))
    await until('both rows are there', async () => (await standby.sql(rows, name)) === '2')
    for (const each of [store, other]) await each.close()
  })
})
