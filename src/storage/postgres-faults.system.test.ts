// What happens to a store when its Postgres fails, on a real server: gone, killed, full, read-only, locked, silent, not who it should be.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { withBlackHole } from '../testing/black-hole.ts'
import { NEVER_ANSWER, NO_FAULT, startFaultProxy } from '../testing/fault-proxy.ts'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { makeCertificate } from '../testing/rsa-certificate.ts'
import { ownMsOf } from '../testing/own-time.ts'
import { connectTcp, listenTcp } from '../testing/tcp.ts'
import { GatewayError } from '../core/error.ts'
import { atomically } from './atomically.ts'
import {
  isAuditRace,
  isBusy,
  isConnectionLoss,
  isRowFault,
  StorageError,
  toRepositoryError,
} from './errors.ts'
import { connectPostgres } from './postgres-connect.ts'
import { SERVER_TIMEOUTS } from './postgres-options.ts'
import { PostgresPool, type PostgresPoolOptions } from './postgres-pool.ts'
import { PostgresWatcher } from './postgres-watch.ts'
import * as tables from './schema.postgres.ts'
import type { ControlTables } from './control-database.ts'
import type { Store } from './store.ts'
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
if (reason !== undefined) process.stdout.write(`skipped: faults of Postgres (${reason})\n`)

/** A server is started, stopped and started anew, many times. */
setDefaultTimeout(180_000)

const secrets = { masterKey: 'one secret that is long enough for a key' }
const logger = new MemoryLogger()

let server: TestPostgres
beforeAll(async () => {
  if (reason === undefined) server = await startPostgres({ settings: { max_connections: '30' } })
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

function locationOf(url: string) {
  return { engine: 'postgres', url, connections: 4 } as const
}

async function storeOn(url: string): Promise<Store> {
  return await storeIn(temporaryFolder(), { location: locationOf(url), secrets })
}

function poolOn(url: string, options: Partial<PostgresPoolOptions> = {}): PostgresPool {
  return new PostgresPool(locationOf(url), { connections: 2, logger, ...options })
}

/** The error, which there must be. */
async function failureOf(working: Promise<unknown>): Promise<Error> {
  return await working.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: Error) => error,
  )
}

/** The words of a start that is refused at once. */
async function refusal(url: string, caFile?: string): Promise<string> {
  const location = { ...locationOf(url), ...(caFile === undefined ? {} : { caFile }) }
  const error = await failureOf(connectPostgres(location, { connections: 1, logger }, 0))
  expect(error).toBeInstanceOf(StorageError)
  return error.message
}

async function isReached(url: string, caFile?: string): Promise<boolean> {
  const location = { ...locationOf(url), ...(caFile === undefined ? {} : { caFile }) }
  const { pool } = await connectPostgres(location, { connections: 1, logger }, 0)
  const [row] = await pool.query<{ ssl: boolean }>(
    'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
  )
  await pool.close()
  return row?.ssl === true
}

describe.skipIf(reason !== undefined)('a store whose Postgres fails', () => {
  restartTests()
  refusalTests()
  silenceTests()
  crowdTests()
  transactionTests()
})

describe.skipIf(reason !== undefined || Bun.which('openssl') === null)('Postgres by TLS', tlsTests)

function restartTests(): void {
  test('a restart is survived: told, 503 meanwhile, well again within two seconds, nothing lost', async () => {
    const { url } = await server.createDatabase()
    const [store, other] = [await storeOn(url), await storeOn(url)]
    let seen: readonly string[] = []
    store.watcher.start(async () => {
      seen = (await store.keys.all()).map(({ id }) => id)
    })
    const before = await other.keys.create(sampleKey(), TEST_ACTOR)
    await until('the key is seen', () => seen.length === 1)
    await server.stop('immediate')
    await until('it is told', () => store.problems().length > 0)
    expect(store.problems()[0]).toStartWith('Postgres is not reached')
    expect(await failureOf(store.keys.all())).toMatchObject({ kind: 'storage_unavailable' })
    expect(await failureOf(store.keys.create(sampleKey(), TEST_ACTOR))).toMatchObject({
      status: 503,
    })
    // What is known stays in use.
    expect(seen).toEqual([before.id])
    store.log.record(sampleOutcome())
    await server.restart()
    const isWell = () => until('it is well again', () => store.problems().length === 0)
    expect(await ownMsOf(isWell)).toBeLessThan(2_000)
    const after = await other.keys.create(sampleKey(), TEST_ACTOR)
    await until('changes are seen again', () => seen.includes(after.id))
    await until('the row is there', async () => (await store.requests.count('default')) === 1)
    for (const each of [store, other]) await each.close()
  })

  test('backends that are killed cost nobody anything', async () => {
    const { name, url } = await server.createDatabase()
    const store = await storeOn(url)
    let runs = 0
    store.watcher.start(() => void (runs += 1))
    const kill = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '${name}' AND pid <> pg_backend_pid()`
    for (let round = 0; round < 5; round += 1) {
      expect(Number(await server.sql(kill))).toBeGreaterThan(0)
      await store.keys.all()
      const runsBefore = runs
      await store.keys.create(sampleKey(), TEST_ACTOR)
      expect(runs).toBeGreaterThan(runsBefore)
      await until('it listens again', () => store.problems().length === 0 && runs > runsBefore)
    }
    expect(await store.keys.all()).toHaveLength(5)
    await store.close()
  })

  test('in a storm of killed backends nothing crashes, what was acknowledged is there, and the audit holds', async () => {
    const { name, url } = await server.createDatabase()
    const store = await storeOn(url)
    store.watcher.start(async () => void (await store.keys.all()))
    const over = new AbortController()
    const made: string[] = []
    const writing = Promise.all(
      [1, 2, 3].map(async () => {
        while (!over.signal.aborted) {
          const key = sampleKey()
          const error = await store.keys.create(key, TEST_ACTOR).then(
            () => undefined,
            (thrown: Error) => thrown,
          )
          if (error === undefined) made.push(key.id)
          else expect(error).toMatchObject({ kind: 'storage_unavailable' })
        }
      }),
    )
    const kill = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '${name}' AND pid <> pg_backend_pid() AND random() < 0.6`
    for (let round = 0; round < 25; round += 1) await server.sql(kill)
    over.abort()
    await writing
    const all = new Set((await store.keys.all()).map(({ id }) => id))
    expect(made.filter((id) => !all.has(id))).toEqual([])
    expect((await store.audit.verify()).records).toBe(all.size)
    await store.close()
  })

  test('whatever moment a restart hits, every question is answered or refused at once', async () => {
    const { url } = await server.createDatabase()
    // Far above what a busy machine takes for an answer: only what is never answered comes to it.
    const pools = Array.from({ length: 3 }, () => poolOn(url, { answerTimeoutMs: 30_000 }))
    const over = new AbortController()
    const codes = new Set<string | undefined>()
    let answered = 0
    const ask = async (pool: PostgresPool, isTransaction: boolean): Promise<void> => {
      const working = isTransaction
        ? pool.transaction(async (tx) => {
            await tx.query('SELECT 1')
            return await tx.query('SELECT 2')
          })
        : pool.query('SELECT $1::text', ['x'])
      await working.then(
        () => (answered += 1),
        (error: { code?: string }) => codes.add(error.code),
      )
    }
    const asking = Promise.all(
      pools.flatMap((pool) =>
        [true, true, false].map(async (isTransaction) => {
          while (!over.signal.aborted) {
            await ask(pool, isTransaction)
            await Bun.sleep(1)
          }
        }),
      ),
    )
    for (let round = 0; round < 15; round += 1) {
      const before = answered
      await server.restart(round % 2 === 0 ? 'fast' : 'immediate')
      await until('it goes on', () => answered > before + 20)
    }
    over.abort()
    await asking
    expect(codes.size).toBeGreaterThan(0)
    expect(codes.has('NO_ANSWER')).toBe(false)
    await Promise.all(pools.map((pool) => pool.close()))
  })

  test('read-only, as after a failover: told, 503 for changes, and over by itself', async () => {
    const { name, url } = await server.createDatabase()
    const store = await storeOn(url)
    store.watcher.start(() => undefined)
    const turn = (to: 'on' | 'off') =>
      server.sql(
        `ALTER DATABASE ${name} SET default_transaction_read_only = ${to};
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
      )
    await turn('on')
    await until('it is told', () => store.problems().some((each) => each.includes('read-only')))
    expect(await failureOf(store.keys.create(sampleKey(), TEST_ACTOR))).toMatchObject({
      status: 503,
    })
    expect(await store.keys.all()).toEqual([])
    await turn('off')
    await until('it is over', () => store.problems().length === 0)
    await store.keys.create(sampleKey(), TEST_ACTOR)
    await store.close()
  })

  test('read-only without a word, as before a planned switch: every connection is made anew, so that all find the next one', async () => {
    const { name, url } = await server.createDatabase()
    const store = await storeOn(url)
    const pool = poolOn(url)
    let runs = 0
    store.watcher.start(() => void (runs += 1))
    const pid = async () => (await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]
    const listener = `SELECT pid FROM pg_stat_activity WHERE datname = '${name}' AND (query LIKE '%transaction_read_only%control_version%' OR query LIKE '%control_version%transaction_read_only%') AND pid <> pg_backend_pid() ORDER BY pid LIMIT 1`
    const turn = async (to: 'on' | 'off') =>
      await server.sql(
        `SET default_transaction_read_only = off;
         ALTER SYSTEM SET default_transaction_read_only = ${to};
         SELECT pg_reload_conf();`,
      )
    try {
      const before = await pid()
      await until('it listens', async () => (await server.sql(listener)) !== '')
      const listening = await server.sql(listener)
      await turn('on')
      await until('it is told', () => store.problems().some((each) => each.includes('read-only')))
      await failureOf(pool.query("INSERT INTO settings VALUES ('x', 'y')"))
      expect(await pid()).not.toEqual(before)
      await until('it listens anew', async () => {
        const now = await server.sql(listener)
        return now !== '' && now !== listening
      })
      // Nothing changed, so nothing is read anew.
      expect(runs).toBe(0)
      expect(store.problems()).toHaveLength(1)
    } finally {
      await turn('off')
    }
    await until('it is over', () => store.problems().length === 0)
    await store.keys.create(sampleKey(), TEST_ACTOR)
    await pool.close()
    await store.close()
  })
}

function refusalTests(): void {
  test('a wrong password, database, port, version or parameter is refused at once, in words without the password', async () => {
    const { name, url } = await server.createDatabase()
    const wrong = url.replace(encodeURIComponent(server.password), 'hunter2')
    const words: [string, string][] = [
      [wrong, 'refuses the user or the password'],
      [url.replace(name, 'nothing'), 'no such database'],
      [url.replace(`:${server.port}`, ':1'), 'nothing listens'],
      [url.replace('127.0.0.1', 'nowhere.invalid'), 'name of its host is unknown'],
      [`${url}?sslmode=maybe`, 'sslmode in storage.url must be'],
      [`${url}?channel_binding=require`, 'channel_binding'],
      [`${url}?search_path=x`, "'search_path', which is not understood"],
      [`${url}?sslmode=require`, 'closes the connection'],
      [url.replace(encodeURIComponent(server.password), '%zz'), '%25'],
    ]
    for (const [bad, part] of words) {
      let message = ''
      const tookMs = await ownMsOf(async () => (message = await refusal(bad)))
      expect(message).toContain(part)
      expect(message).not.toMatch(/hunter2|p@ss|p%40ss/)
      // How long a name is looked for is the system's.
      if (!bad.includes('nowhere.invalid')) expect(tookMs).toBeLessThan(2_000)
    }
  })

  test('no error of a repository holds a value of the query', async () => {
    const { name, url } = await server.createDatabase()
    const store = await storeOn(url)
    const key = sampleKey({ name: 'sentinel-name', hash: 'sentinel-hash' })
    await store.keys.create(key, TEST_ACTOR)
    const taken = await failureOf(store.keys.create(key, TEST_ACTOR))
    expect(taken).toMatchObject({ status: 409, code: 'already_exists' })
    const nul = await failureOf(store.keys.create(sampleKey({ name: 'sentinel\0' }), TEST_ACTOR))
    expect(nul).toMatchObject({ status: 400 })
    await server.sql('ALTER TABLE api_keys RENAME TO elsewhere', name)
    const gone = await failureOf(store.keys.create(sampleKey({ name: 'sentinel' }), TEST_ACTOR))
    expect(gone).toMatchObject({ kind: 'storage_unavailable' })
    for (const error of [taken, nul, gone]) {
      expect(`${error.message} ${error.stack} ${Bun.inspect(error)}`).not.toContain('sentinel')
    }
    await store.close()
  })
}

function silenceTests(): void {
  test('a server that says nothing any more: given up in time, and the next connection works', async () => {
    const { url } = await server.createDatabase()
    using proxy = startFaultProxy({ port: server.port })
    const pool = poolOn(url.replace(`:${server.port}`, `:${proxy.port}`), { answerTimeoutMs: 200 })
    // On a busy machine an answer may take longer than that bound.
    const answers = () => pool.query('SELECT 1 AS x').catch(() => undefined)
    await until('it answers', async () => (await answers()) !== undefined)
    proxy.set(NEVER_ANSWER)
    let errors: Error[] = []
    const tookMs = await ownMsOf(async () => {
      const asking = Array.from({ length: 6 }, () => failureOf(pool.query('SELECT 1')))
      errors = await Promise.all(asking)
    })
    expect(tookMs).toBeLessThan(2_000)
    for (const error of errors) {
      expect(toRepositoryError(error)).toMatchObject({ kind: 'storage_unavailable' })
    }
    proxy.set(NO_FAULT)
    let found: unknown
    await until('the next connection works', async () => (found = await answers()) !== undefined)
    expect(found).toEqual([{ x: 1 }])
    await pool.close()
  })

  test('a watcher whose connection fell silent tells it, and hears again', async () => {
    const { name, url } = await server.createDatabase()
    await (await storeOn(url)).close()
    using proxy = startFaultProxy({ port: server.port })
    const location = locationOf(url.replace(`:${server.port}`, `:${proxy.port}`))
    const options = { logger, version: 0, renew: () => undefined }
    const watcher = new PostgresWatcher(location, {
      ...options,
      pollIntervalMs: 20,
      pollTimeoutMs: 200,
    })
    let runs = 0
    watcher.start(() => void (runs += 1))
    await server.sql("INSERT INTO settings VALUES ('control_version', '7')", name)
    // Any answer may take longer than the bound on a busy machine: then it is lost for a moment, and reads once more.
    await until('the change is noticed', () => runs >= 1)
    await until('it is well', () => watcher.problem === undefined)
    const before = runs
    proxy.set(NEVER_ANSWER)
    await until('it is told', () => watcher.problem !== undefined)
    expect(watcher.problem).toContain('NO_ANSWER')
    proxy.set(NO_FAULT)
    await until('it is well again', () => watcher.problem === undefined)
    await until('it read anew', () => runs > before)
    const readAnew = runs
    await server.sql("NOTIFY weir_control, 'somebody 8'", name)
    await until('it hears again', () => runs > readAnew)
    await watcher.stop()
  })

  test('a pooler that lets in and has no server behind it: given up in time, and stopping waits for nothing', async () => {
    using pooler = listenTcp((client) => {
      // AuthenticationOk and ReadyForQuery, and no word more.
      void client
        .received((raw) => raw.includes('\0\0'))
        .then(() => client.write(Buffer.from('5200000008000000005a0000000549', 'hex')))
    })
    const url = `postgres://u:p@127.0.0.1:${pooler.port}/d?sslmode=disable`
    const pool = poolOn(url, { answerTimeoutMs: 100 })
    let failure: unknown
    const ask = async () => (failure = await failureOf(pool.query('SELECT 1')))
    expect(await ownMsOf(ask)).toBeLessThan(1_000)
    expect(isConnectionLoss(failure)).toBe(true)
    await pool.close()
    const watcher = new PostgresWatcher(locationOf(url), {
      logger,
      version: 0,
      renew: () => undefined,
    })
    watcher.start(() => undefined)
    await Bun.sleep(50)
    expect(await ownMsOf(() => watcher.stop())).toBeLessThan(1_000)
  })

  test('a store whose Postgres fell silent: fit for requests, and closed before anybody loses patience', async () => {
    const { url } = await server.createDatabase()
    using proxy = startFaultProxy({ port: server.port })
    const store = await storeOn(url.replace(`:${server.port}`, `:${proxy.port}`))
    store.watcher.start(() => undefined)
    await store.keys.create(sampleKey(), TEST_ACTOR)
    proxy.set(NEVER_ANSWER)
    store.log.record(sampleOutcome())
    await until('the row is on disk', () => store.log.counters.spooled === 1)
    // Every replica would be in the same case: no reason to send requests elsewhere.
    await until('it is told', () => store.problems().length > 0)
    expect(store.isFit()).toBe(true)
    expect(await ownMsOf(() => store.close())).toBeLessThan(4_000)
  })

  test('a connection into a black hole is given up in time', async () => {
    await withBlackHole(async (hole) => {
      let words = ''
      const url = `postgres://u:p@${hole.address}:${hole.port}/d`
      const tookMs = await ownMsOf(async () => (words = await refusal(url)))
      expect(words).toContain('in time')
      expect(tookMs).toBeLessThan(5_000)
    })
  })
}

function crowdTests(): void {
  test('no more than its connections, whoever waits; and a wait has its bounds', async () => {
    const { name, url } = await server.createDatabase()
    // Those under way last for as long as the test wants them to.
    const lasting = {
      answerTimeoutMs: 120_000,
      timeouts: { statementMs: 120_000, lockMs: 120_000, idleTransactionMs: 120_000 },
    }
    const pool = poolOn(url, { connections: 2, queueMax: 3, queueTimeoutMs: 100, ...lasting })
    const holder = poolOn(url, lasting)
    const isHeld = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    const holding = holder.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock_shared(1)')
      isHeld.resolve()
      await release.promise
    })
    await isHeld.promise
    let left = 7
    const asking = Array.from({ length: left }, () =>
      pool.query('SELECT pg_advisory_xact_lock(1)').finally(() => (left -= 1)),
    )
    const results = Promise.allSettled(asking)
    await until('nobody waits any more', () => left === 2)
    const count = `SELECT count(*) FROM pg_stat_activity WHERE datname = '${name}'`
    // One of them is the holder's.
    expect(Number(await server.sql(count))).toBeLessThanOrEqual(3)
    release.resolve()
    await holding
    await holder.close()
    const reasons = (await results).map((each) =>
      each.status === 'rejected' ? (each.reason as { code?: string }).code : 'done',
    )
    expect(reasons.toSorted()).toEqual([
      'QUEUE_FULL',
      'QUEUE_FULL',
      'QUEUE_TIMEOUT',
      'QUEUE_TIMEOUT',
      'QUEUE_TIMEOUT',
      'done',
      'done',
    ])
    expect(await pool.query('SELECT 1 AS x')).toEqual([{ x: 1 }])
    await pool.close()
  })

  test('when the server has no connection left: told in words at a start, waited for, and 503 later', async () => {
    const { url } = await server.createDatabase()
    const store = await storeOn(url)
    // Not the superuser: for him the server keeps some back.
    await server.sql("CREATE ROLE plain LOGIN PASSWORD 'plain'; GRANT plain TO weir")
    const plain = url.replace(/\/\/[^@]+@/, '//plain:plain@')
    const hog = poolOn(plain, { connections: 40, queueMax: 0 })
    const held = Promise.allSettled(
      Array.from({ length: 40 }, () => hog.query('SELECT pg_sleep(1)')),
    )
    await until('it is full', async () =>
      (await refusal(plain).catch(() => '')).includes('no connection left'),
    )
    const location = locationOf(plain)
    const waiting = connectPostgres(location, { connections: 1, logger })
    expect((await held).filter(({ status }) => status === 'rejected').length).toBeGreaterThan(5)
    await hog.close()
    await (await waiting).pool.close()
    expect(await store.keys.all()).toEqual([])
    await store.close()
  })

  test('a lock that somebody holds is given up in time, and harms nobody else', async () => {
    const { url } = await server.createDatabase()
    const store = await storeOn(url)
    const [holder, pool] = [
      poolOn(url),
      poolOn(url, { timeouts: { ...SERVER_TIMEOUTS, lockMs: 200 } }),
    ]
    const release = Promise.withResolvers<void>()
    const isHeld = Promise.withResolvers<void>()
    const holding = holder.transaction(async (tx) => {
      await tx.query('LOCK TABLE api_keys')
      isHeld.resolve()
      await release.promise
    })
    await isHeld.promise
    let error: unknown
    const { apiKeys } = tables as unknown as ControlTables
    const tookMs = await ownMsOf(async () => {
      error = await failureOf(atomically(pool.database, (tx) => [tx.delete(apiKeys)]))
    })
    expect(tookMs).toBeLessThan(1_500)
    expect(isBusy(error)).toBe(true)
    expect(toRepositoryError(error)).toMatchObject({ kind: 'storage_unavailable' })
    expect(await store.providers.all()).toEqual([])
    const waiting = store.keys.create(sampleKey(), TEST_ACTOR)
    release.resolve()
    await Promise.all([holding, waiting])
    await Promise.all([holder.close(), pool.close(), store.close()])
  })
}

function transactionTests(): void {
  test('two transactions that stop each other both happen in the end', async () => {
    const { name, url } = await server.createDatabase()
    await (await storeOn(url)).close()
    const pool = poolOn(url, { connections: 4 })
    await server.sql("INSERT INTO settings VALUES ('a', '0'), ('b', '0')", name)
    await server.sql(`ALTER DATABASE ${name} SET deadlock_timeout = '10ms'`)
    const { settings } = tables as unknown as ControlTables
    const { eq, sql } = await import('drizzle-orm')
    const orders = [
      ['a', 'b'],
      ['b', 'a'],
    ] as const
    const add = (order: readonly string[]) =>
      atomically(pool.database, (tx) =>
        order.map((key) =>
          tx
            .update(settings)
            .set({ value: sql`(${settings.value}::int + 1)::text` })
            .where(eq(settings.key, key)),
        ),
      )
    await Promise.all(Array.from({ length: 40 }, (_, at) => add(orders[at % 2]!)))
    expect(await server.sql("SELECT value FROM settings WHERE key IN ('a', 'b')", name)).toBe(
      '40\n40',
    )
    await pool.close()
  })

  test('a name that is not found now, or a file that is gone, is no fault of a row', () => {
    for (const code of ['EAI_AGAIN', 'AUTH_TYPE_NOT_IMPLEMENTED', 'HOSTNAME_MISMATCH']) {
      expect([code, isRowFault(Object.assign(new Error(code), { code }))]).toEqual([code, false])
    }
    expect(isConnectionLoss(Object.assign(new Error(), { code: 'EAI_AGAIN' }))).toBe(true)
    expect(isRowFault(new StorageError('cannot_open', 'no certificate'))).toBe(false)
    expect(isRowFault(new TypeError('circular'))).toBe(true)
    expect(isRowFault(Object.assign(new TypeError(), { code: 'ERR_INVALID_ARG_TYPE' }))).toBe(true)
  })

  test('errors are told apart by what can be done about them', async () => {
    const { name, url } = await server.createDatabase()
    await (await storeOn(url)).close()
    const pool = poolOn(url)
    const fail = (text: string) => failureOf(pool.query(text))
    const row = "(1, 't', 1, 'system', 's', 'x.y', 'k', 'i', 'h')"
    const insert = `INSERT INTO audit (sequence, tenant_id, timestamp_ms, actor_kind, actor_id, action, target_kind, target_id, hash) VALUES ${row}`
    await pool.query(insert)
    const race = await fail(insert)
    expect([isAuditRace(race), isRowFault(race), isConnectionLoss(race)]).toEqual([
      true,
      true,
      false,
    ])
    await pool.query("INSERT INTO settings VALUES ('a', 'b')")
    const taken = await fail("INSERT INTO settings VALUES ('a', 'b')")
    expect([isAuditRace(taken), isRowFault(taken)]).toEqual([false, true])
    const orphan = await fail(
      "INSERT INTO provider_keys VALUES ('t', 'p', 'k', 0, 's', '', 1, false)",
    )
    expect(toRepositoryError(orphan)).toMatchObject({ status: 409, code: 'conflict' })
    expect(isRowFault(await fail('SELECT 1/0'))).toBe(true)
    expect(isRowFault(await fail('SELECT nothing'))).toBe(false)
    const hasty = poolOn(url, { timeouts: { ...SERVER_TIMEOUTS, statementMs: 20 } })
    const slow = await failureOf(hasty.query('SELECT pg_sleep(5)'))
    expect([isRowFault(slow), isConnectionLoss(slow)]).toEqual([false, false])
    expect(toRepositoryError(slow)).toMatchObject({ kind: 'storage_unavailable' })
    await hasty.close()
    // Not a SELECT: that would be asked again.
    const killed = fail('DO $$ BEGIN PERFORM pg_sleep(600); END $$')
    await until('it runs', async () => {
      const kill = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active' AND datname = '${name}'`
      return (await server.sql(kill)) === '1'
    })
    const lost = await killed
    expect([isConnectionLoss(lost), isRowFault(lost)]).toEqual([true, false])
    expect(toRepositoryError(lost)).toBeInstanceOf(GatewayError)
    await pool.close()
  })

  test('a pooler that takes no settings with the connection is content without', async () => {
    const { name, url } = await server.createDatabase()
    using pooler = listenTcp((client) => {
      void client
        .received((raw) => raw.includes('\0\0'))
        .then(async (raw) => {
          if (raw.includes('statement_timeout')) {
            client.write(errorMessage('08P01', 'unsupported startup parameter: statement_timeout'))
            client.end()
            return
          }
          await passOn(client, server.port, raw)
        })
    })
    const plainUrl = `${url.replace(`:${server.port}`, `:${pooler.port}`)}?sslmode=disable`
    const { facts, pool, timeouts } = await connectPostgres(
      locationOf(plainUrl),
      { connections: 1, logger },
      0,
    )
    expect(timeouts).toBeUndefined()
    expect(facts).toMatchObject({ isReadOnly: false, connectionsMax: 30 })
    expect(await pool.query('SELECT current_database() AS name')).toEqual([{ name }])
    await pool.close()
  })
}

type Peer = Parameters<Parameters<typeof listenTcp>[0]>[0]

/** Bytes both ways between a client and the server, from what it said first on. */
async function passOn(client: Peer, port: number, first: string): Promise<void> {
  const upstream = await connectTcp(port)
  const pump = async (from: Peer, to: Peer, begun: number): Promise<void> => {
    let passed = begun
    for (let isOpen = true; isOpen;) {
      const raw = await from.received((all) => all.length > passed)
      isOpen = raw.length > passed
      to.write(Buffer.from(raw.slice(passed), 'latin1'))
      passed = raw.length
    }
    to.end()
  }
  upstream.write(Buffer.from(first, 'latin1'))
  await Promise.all([pump(client, upstream, first.length), pump(upstream, client, 0)])
}

function errorMessage(code: string, text: string): Uint8Array {
  const fields = `SFATAL\0VFATAL\0C${code}\0M${text}\0\0`
  const message = Buffer.alloc(5 + fields.length)
  message.write('E')
  message.writeInt32BE(4 + fields.length, 1)
  message.write(fields, 5)
  return message
}

function tlsTests(): void {
  test('each sslmode proves what it promises', async () => {
    const folder = temporaryFolder()
    const { certFile, keyFile, pem } = makeCertificate(folder, { name: 'localhost' })
    const key = await Bun.file(keyFile).text()
    const secure = await startPostgres({
      files: { 'server.crt': pem, 'server.key': key },
      settings: { ssl: 'on' },
    })
    try {
      const byNumber = secure.url()
      const byName = byNumber.replace('127.0.0.1', 'localhost')
      const encrypted: [string, string | undefined][] = [
        [byNumber, undefined],
        [`${byNumber}?sslmode=prefer`, undefined],
        [`${byNumber}?sslmode=require`, undefined],
        [`${byNumber}?sslmode=verify-ca`, certFile],
        [`${byNumber}?sslmode=verify-ca&sslrootcert=${certFile}`, undefined],
        [`${byName}?sslmode=verify-full`, certFile],
        [byName, certFile],
      ]
      for (const [url, caFile] of encrypted) expect(await isReached(url, caFile)).toBe(true)
      expect(await isReached(`${byNumber}?sslmode=disable`)).toBe(false)
      const refused: [string, string | undefined][] = [
        [`${byName}?sslmode=verify-full`, undefined],
        [`${byName}?sslmode=verify-ca`, undefined],
        [`${byNumber}?sslmode=verify-full`, certFile],
        [byNumber, certFile],
        [`${byNumber}?sslmode=verify-ca`, makeCertificate(folder, { name: 'other' }).certFile],
      ]
      for (const [url, caFile] of refused) {
        expect(await refusal(url, caFile)).toContain('certificate')
      }
      expect(await refusal(byNumber, join(folder, 'none.pem'))).toContain('could not be read')
      // The connection that listens is made the same way.
      const store = await storeIn(temporaryFolder(), {
        location: { ...locationOf(byName), caFile: certFile },
        secrets,
      })
      let runs = 0
      store.watcher.start(() => void (runs += 1))
      await store.keys.create(sampleKey(), TEST_ACTOR)
      expect(runs).toBe(1)
      await until('all is well', () => store.problems().length === 0)
      await store.close()
    } finally {
      await secure[Symbol.asyncDispose]()
    }
  })
}
