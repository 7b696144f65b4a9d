// The executable on a real Postgres: keys made and revoked by the command line, two replicas that learn of it, a restart of the
// database under load that no client notices, and what `weir doctor` says of each state.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { postgresMissing, startPostgres, type TestPostgres } from '../src/testing/postgres.ts'
import { lastBefore } from './harness/team.ts'
import { startWeir, type Weir } from './harness/weir.ts'

const reason = postgresMissing()
if (reason !== undefined) process.stdout.write(`left out: the executable on Postgres: ${reason}\n`)

const MASTER_KEY = 'a master key that all replicas share'
/** How soon a change must be seen by every replica. */
const SEEN_LIMIT_MS = 1_000
/** How soon after a restart of the database all is well, on a busy machine too. */
const WELL_LIMIT_MS = 15_000
const WAIT_LIMIT_MS = 45_000

let server: TestPostgres
beforeAll(async () => {
  if (reason === undefined) server = await startPostgres()
}, 60_000)
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
}, WAIT_LIMIT_MS)

function configOn(url: string) {
  return {
    storage: { url, connections: 5 },
    secrets: { master_key: MASTER_KEY },
    auth: { anonymous: 'never' },
  }
}

async function chat(weir: Weir, key: string, requestId?: string): Promise<Response> {
  return await fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
    },
    body: JSON.stringify({ model: 'mock/echo', messages: [{ role: 'user', content: 'hi' }] }),
  })
}

async function statusOf(weir: Weir, key: string): Promise<number> {
  const response = await chat(weir, key)
  await response.arrayBuffer()
  return response.status
}

/** Asks until it holds. @throws naming what was waited for */
async function until(name: string, holds: () => Promise<boolean>): Promise<void> {
  const limitMs = performance.now() + WAIT_LIMIT_MS
  while (!(await holds())) {
    if (performance.now() > limitMs) throw new Error(`waited in vain until ${name}`)
    await Bun.sleep(5)
  }
}

async function makeKey(weir: Weir, name: string): Promise<string> {
  const made = await weir.runCli('keys', 'create', name)
  expect(made.code).toBe(0)
  return made.stdout.trim()
}

/**
 * Revokes a key by the command line, until no replica takes it any more; how long after the command the last one asked that was let in, in
 * milliseconds. How long its answer took is the machine's affair.
 */
async function revoked(replicas: readonly Weir[], name: string, key: string): Promise<number> {
  const startedMs = performance.now()
  let revokedAtMs = Infinity
  const revoking = replicas[0]!.runCli('keys', 'revoke', name).then((result) => {
    revokedAtMs = performance.now()
    return result
  })
  const lastMs = await Promise.all(
    replicas.map((replica) =>
      lastBefore('it works no more', async () => (await statusOf(replica, key)) === 401),
    ),
  )
  expect((await revoking).code).toBe(0)
  for (const replica of replicas) expect(await statusOf(replica, key)).toBe(401)
  return startedMs + Math.max(...lastMs) - revokedAtMs
}

describe.skipIf(reason !== undefined)('on Postgres', () => {
  test('a key made by the command line works on all replicas, and when it is revoked on none, within a second', async () => {
    const { url } = await server.createDatabase()
    // At once, on an empty database: one of them makes the tables.
    const replicas = await Promise.all([
      startWeir({ config: configOn(url) }),
      startWeir({ config: configOn(url) }),
    ])
    const [one, other] = replicas
    const key = await makeKey(one, 'ci')
    for (const replica of replicas) {
      await until('the key works', async () => (await statusOf(replica, key)) === 200)
    }
    const response = await chat(other, key, 'on-postgres-1')
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'hi' } }] })
    const rows = 'SELECT count(*) FROM requests WHERE status = 200'
    await until(
      'the rows are there',
      async () => Number(await server.sql(rows, databaseOf(url))) >= 3,
    )

    // The fastest of three counts: a busy machine may hold up any, and what takes longer by itself takes longer each time.
    const goneMs = [await revoked(replicas, 'ci', key)]
    for (const name of ['second', 'third']) {
      const another = await makeKey(one, name)
      for (const replica of replicas) {
        await until('the key works', async () => (await statusOf(replica, another)) === 200)
      }
      goneMs.push(await revoked(replicas, name, another))
    }
    expect(Math.min(...goneMs)).toBeLessThan(SEEN_LIMIT_MS)
    for (const replica of replicas) {
      const said = `${replica.stdout()}${replica.stderr()}`
      expect(said).not.toContain(encodeURIComponent(server.password))
      expect(said).not.toContain(server.password)
      expect(await replica.stop()).toBe(0)
    }
  }, 180_000)

  test('a restart of the database under load is noticed by no client, and no row is lost', async () => {
    const { name, url } = await server.createDatabase()
    const weir = await startWeir({ config: configOn(url) })
    const key = await makeKey(weir, 'load')
    await until('the key works', async () => (await statusOf(weir, key)) === 200)
    const over = new AbortController()
    const statuses: number[] = []
    const load = Promise.all(
      Array.from({ length: 8 }, async (_, client) => {
        for (let at = 0; !over.signal.aborted; at += 1) {
          const response = await chat(weir, key, `load-${client}-${at}`)
          await response.arrayBuffer()
          statuses.push(response.status)
          await Bun.sleep(5)
        }
      }),
    )
    const isReady = async (): Promise<boolean> => {
      const response = await fetch(`${weir.url}/readyz`)
      // No reason to send requests elsewhere: there it is away too.
      expect(response.status).toBe(200)
      return ((await response.json()) as { checks: { store: boolean } }).checks.store
    }
    await until('it runs', async () => statuses.length > 100)
    await server.restart('fast')
    await until('it goes on', async () => statuses.length > 300)
    await server.stop('immediate')
    await until('it is told', async () => !(await isReady()))
    const during = statuses.length
    await until('it goes on without', async () => statuses.length > during + 200)
    await server.restart()
    expect(await lastBefore('it is well again', isReady)).toBeLessThan(WELL_LIMIT_MS)
    over.abort()
    await load
    expect(new Set(statuses)).toEqual(new Set([200]))
    // Revocation works again too, and every answer has its row.
    expect((await weir.runCli('keys', 'revoke', 'load')).code).toBe(0)
    await until('it works no more', async () => (await statusOf(weir, key)) === 401)
    const rows = `SELECT count(DISTINCT request_id), count(*) FROM requests WHERE request_id LIKE 'load-%'`
    const all = `${statuses.length}|${statuses.length}`
    await until('all rows are there', async () => (await server.sql(rows, name)) === all)
    expect(await weir.stop()).toBe(0)
  }, 180_000)

  test('a database that cannot be used is told in words, and the password never', async () => {
    const { url } = await server.createDatabase()
    const weir = await startWeir({ config: configOn(url) })
    expect((await weir.runCli('doctor', '--no-tokens')).stdout).toContain('schema current')
    const cases: [string, string, RegExp][] = [
      ['wrong password', url.replace(encodeURIComponent(server.password), 'hunter2'), /password/],
      ['no such database', url.replace(databaseOf(url), 'nothing'), /no such database/],
      ['nobody there', url.replace(`:${server.port}`, ':1'), /not reached/],
    ]
    for (const [, wrong, words] of cases) {
      weir.configure(configOn(wrong))
      const doctor = await weir.runCli('doctor', '--no-tokens')
      expect(doctor.code).toBe(1)
      expect(doctor.stdout).toMatch(words)
      expect(`${doctor.stdout}${doctor.stderr}`).not.toMatch(/hunter2|p@ss|p%40ss/)
    }
    weir.configure(configOn((await server.createDatabase()).url))
    const empty = await weir.runCli('doctor', '--no-tokens')
    expect(empty.stdout).toContain('the first start makes its tables')
    expect(await weir.stop()).toBe(0)
  }, 120_000)
})

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1)
}
