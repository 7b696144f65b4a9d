// The repositories of people on SQLite: that no statement of theirs is written without its tenant, that processes which meet agree, and
// that what is sealed stays with its row. What every engine must do is in the contract.

import { Database } from 'bun:sqlite'
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { getTableColumns, getTableName, is } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import { LIMITS } from '../core/limits.ts'
import { AuditChain } from './audit-chain.ts'
import { BY, failureOf, group, service, team, user } from './contract-people.ts'
import { ControlDatabase } from './control-database.ts'
import { unlock } from './master-key.ts'
import { controlRepositories } from './repositories.ts'
import * as sqliteTables from './schema.sqlite.ts'
import type { Store } from './store.ts'
import {
  MemoryLogger,
  migratedDatabase,
  realClock,
  removeFolders,
  runScript,
  sampleKey,
  storeIn,
  temporaryFolder,
} from './test-store.ts'

// Programs of their own are started, which takes seconds where little of the processor is to be had.
setDefaultTimeout(60_000)

afterAll(removeFolders)

const SESSION = {
  idHash: 'h',
  tenantId: 'acme',
  userId: 'u',
  issuer: 'local',
  claimed: { roles: [], groups: [] },
  createdMs: 1,
  lastSeenMs: 1,
  expiresMs: 9e15,
}

/** Tables of tenants but the audit, whose chain is one for all. */
const OWNED = Object.values(sqliteTables)
  .filter((table) => is(table, SQLiteTable))
  .filter((table) => 'tenantId' in getTableColumns(table))
  .map(getTableName)
  .filter((name) => name !== 'audit')

/** Whether a statement reads, changes or deletes rows of tenants without saying whose. */
function isTenantless(sql: string): boolean {
  if (sql.startsWith('insert')) return false
  const touches = OWNED.some((name) => new RegExp(`(from|update) "${name}"`).test(sql))
  const where = sql.slice(sql.indexOf(' where '))
  return touches && !(sql.includes(' where ') && /"tenant_id" (= \?|in \()/.test(where))
}

/** The repositories with every statement they run. */
async function watched() {
  const folder = temporaryFolder()
  const file = migratedDatabase(join(folder, 'weir.db'), 'control')
  const statements: string[] = []
  const queries = drizzle(file, { logger: { logQuery: (sql) => void statements.push(sql) } })
  const store = { engine: 'sqlite', db: queries } as const
  const keys = { database: store, queries, tables: sqliteTables }
  const secrets = { masterKey: 'a secret that is long enough for a key' }
  const keyring = await unlock(keys, secrets, folder, 0)
  const database = new ControlDatabase({
    database: store,
    queries,
    tables: sqliteTables,
    chain: new AuditChain(keyring.auditKey),
    clock: realClock,
    changed: async () => {},
  })
  const sealing = {
    counts: () => Promise.resolve({ byKey: new Map<string, number>(), clear: 0 }),
    run: () => Promise.resolve(0),
  }
  const options = { clock: realClock, logger: new MemoryLogger(), sealing }
  return { people: controlRepositories(database, keyring, options), statements }
}

function controlFile(store: Store): string {
  return store.files?.control ?? ''
}

/** What no tenant is known for yet, or what is of all of them by its contract. */
const OF_ALL_TENANTS = new Set([
  'users.bySubject',
  'directory.all',
  'sessions.find',
  'sessions.secrets',
  'sessions.touch',
  'sessions.renew',
  'sessions.end',
  'sessions.endOf',
  'sessions.prune',
  'keys.all',
  // Users and keys have ids that are nobody else's: whose they are is what is asked.
  'assignments, of the whole installation.create',
])

test('no statement is written without its tenant, of any method there is', async () => {
  const { people, statements } = await watched()
  await people.tenants.create({ id: 'acme', name: 'Acme', createdMs: 1 }, BY)
  const alice = await people.users.create(user('acme'), BY)
  const key = await people.keys.create(sampleKey({ tenantId: 'acme' }), BY)
  const role = { id: 'own', name: 'Own', description: '', actions: ['*'], notActions: [] }
  const member = { tenantId: 'acme', kind: 'team', id: 'research', userId: alice.id } as const
  const given = { tenantId: 'acme', roleId: 'own', scope: '/tenants/acme/teams/research' }
  const assigned = { ...given, effect: 'allow', createdMs: 1 } as const
  const byKey = { kind: 'key', id: key.id } as const
  const calls: Record<string, Record<string, () => Promise<unknown>>> = {
    teams: {
      create: () => people.teams.create(team('acme'), BY),
      list: () => people.teams.list('acme'),
      rename: () => people.teams.rename('acme', 'research', 'R', BY),
    },
    groups: {
      create: () => people.groups.create(group('acme'), BY),
      list: () => people.groups.list('acme'),
      update: () => people.groups.update('acme', 'engineers', { external: 'e' }, BY),
      remove: () => people.groups.remove('acme', 'engineers', BY),
    },
    services: {
      create: () => people.services.create(service('acme'), BY),
      list: () => people.services.list('acme'),
      update: () => people.services.update('acme', 'robot', { status: 'disabled' }, BY),
      remove: () => people.services.remove('acme', 'robot', BY),
    },
    memberships: {
      add: () => people.memberships.add(member, BY),
      list: () => people.memberships.list('acme', 'team', 'research'),
      ofUser: () => people.memberships.ofUser('acme', alice.id),
      remove: () => people.memberships.remove(member, BY),
    },
    roles: {
      save: () => people.roles.save({ ...role, tenantId: 'acme' }, BY),
      list: () => people.roles.list('acme'),
    },
    assignments: {
      create: () => people.assignments.create({ ...assigned, id: 'a', assignee: byKey }, BY),
      list: () => people.assignments.list('acme'),
      remove: () => people.assignments.remove('acme', 'a', BY),
    },
    sessions: {
      create: () => people.sessions.create({ ...SESSION, userId: alice.id }, { idToken: 't' }),
      find: () => people.sessions.find('h', 1, 1),
      secrets: () => people.sessions.secrets('h'),
      touch: () => people.sessions.touch('h', 9e12),
      renew: () => people.sessions.renew('h', SESSION.claimed, {}),
      list: () => people.sessions.list('acme', alice.id),
      endOfUser: () => people.sessions.endOfUser('acme', 'nobody'),
      endOf: () => people.sessions.endOf('local', { subject: 'nobody' }),
      prune: () => people.sessions.prune(9e15, 1),
      end: () => people.sessions.end('h'),
    },
    directory: { all: () => people.directory.all() },
    users: {
      create: () => people.users.create(user('acme', 'bob'), BY),
      list: () => people.users.list('acme'),
      page: () =>
        people.users.page('acme', {}, { sort: 'name', order: 'asc', limit: 9, text: 'a' }),
      find: () => people.users.find('acme', alice.id),
      bySubject: () => people.users.bySubject('local', 'alice'),
      update: () => people.users.update('acme', alice.id, { status: 'disabled' }, BY),
      loggedIn: () =>
        people.users.loggedIn('acme', alice.id, { claimed: SESSION.claimed, atMs: 1 }),
      passwordHash: () => people.users.passwordHash('acme', alice.id),
      setPasswordHash: () => people.users.setPasswordHash('acme', alice.id, 'x', BY),
    },
    'users, at the end': { remove: () => people.users.remove('acme', alice.id, BY) },
    'teams, at the end': { remove: () => people.teams.remove('acme', 'research', BY) },
    'roles, at the end': { remove: () => people.roles.remove('acme', 'own', BY) },
    'assignments, of the whole installation': {
      create: () =>
        people.assignments.create(
          {
            ...assigned,
            id: 'p',
            tenantId: PLATFORM_TENANT_ID,
            roleId: 'owner',
            scope: '/',
            assignee: byKey,
          },
          BY,
        ),
    },
    keys: {
      all: () => people.keys.all(),
      create: () => people.keys.create(sampleKey({ tenantId: 'acme' }), BY),
      list: () => people.keys.list('acme'),
      page: () =>
        people.keys.page(
          'acme',
          {},
          { sort: 'name', order: 'asc', limit: 9 },
          { lastUsedMs: () => undefined, ownerName: () => undefined },
        ),
      find: () => people.keys.find('acme', key.id),
      update: () => people.keys.update('acme', key.id, { name: 'n' }, BY),
      rotate: () => people.keys.rotate('acme', key.id, sampleKey(), 9e12, BY),
      revoke: () => people.keys.revoke('acme', key.id, 1, BY),
    },
  }
  const seen = new Map<string, Set<string>>()
  for (const [label, methods] of Object.entries(calls)) {
    const name = label.split(',')[0] as keyof typeof people
    for (const [method, call] of Object.entries(methods)) {
      statements.length = 0
      await call()
      const ran = statements.length
      expect(`${name}.${method}: ${ran > 0}`).toBe(`${name}.${method}: true`)
      const bare = statements.filter(isTenantless)
      // An exception that needs none is one too many.
      const isExpected = OF_ALL_TENANTS.has(`${label}.${method}`) === bare.length > 0
      expect(isExpected ? [] : [`${name}.${method}`, ...bare]).toEqual([])
      seen.set(name, (seen.get(name) ?? new Set()).add(method))
    }
  }
  for (const [name, methods] of seen) {
    const repository = people[name as keyof typeof people]
    const there = Object.getOwnPropertyNames(Object.getPrototypeOf(repository))
    const source = readFileSync(join(import.meta.dir, '..', 'core', 'ports-people.ts'), 'utf8')
    const inPort = there.filter((each) => new RegExp(`\\n  ${each}\\(`).test(source))
    expect(`${name}: ${inPort.filter((each) => !methods.has(each))}`).toBe(`${name}: `)
  }
  // The check itself sees what it is for.
  expect(isTenantless('delete from "users" where "users"."id" = ?')).toBe(true)
  expect(isTenantless('select "id" from "teams"')).toBe(true)
  expect(OWNED).toContain('sessions')
})

describe('processes that meet', () => {
  const storage = JSON.stringify(join(import.meta.dir, 'test-store.ts'))
  const script = (folder: string, body: string) => `
    const { storeIn, TEST_ACTOR: by } = await import(${storage})
    const store = await storeIn(${JSON.stringify(folder)})
    const createdMs = 1
    const settled = (tries) => Promise.allSettled(tries).then((all) =>
      all.map((each) => each.status === 'fulfilled' ? 'made' : String(each.reason.code)))
    ${body}
    await store.close()
  `

  test('of the same made in each there is one, and the audit has it once', async () => {
    const folder = temporaryFolder()
    const store = await storeIn(folder)
    await store.tenants.create({ id: 'acme', name: 'Acme', createdMs: 1 }, BY)
    const body = `
      const ids = ['a', 'b', 'c', 'd', 'e']
      const told = await settled(ids.map((id) =>
        store.teams.create({ tenantId: 'acme', id, name: 'T', createdMs }, by)))
      process.stdout.write(told.join(' '))
    `
    const results = await Promise.all([1, 2].map(() => runScript(script(folder, body))))
    const words = results.flatMap(({ err, out }) => (err === '' ? out.split(' ') : [err]))
    expect(words.toSorted()).toEqual([
      ...Array.from({ length: 5 }, () => 'already_exists'),
      ...Array.from({ length: 5 }, () => 'made'),
    ])
    const records = await store.audit.list({ tenantId: 'acme', limit: 100 })
    expect(records.filter(({ action }) => action === 'team.create')).toHaveLength(5)
    expect((await store.audit.verify()).broken).toBeUndefined()
    await store.close()
  })

  test('a role that is assigned in one is not deleted in the other, nor a tenant that is moved into', async () => {
    const folder = temporaryFolder()
    const store = await storeIn(folder)
    const rounds = [0, 1, 2, 3, 4, 5]
    for (const at of rounds) {
      await store.tenants.create({ id: `t${at}`, name: 'T', createdMs: 1 }, BY)
      const actions = { actions: ['*'], notActions: [], description: '' }
      await store.roles.save({ tenantId: 'default', id: `r${at}`, name: 'R', ...actions }, BY)
    }
    const assign = `for (const at of ${JSON.stringify(rounds)}) {
      const everyone = { kind: 'everyone', id: '*' }
      await settled([
        store.assignments.create({ id: 'a' + at, tenantId: 'default', roleId: 'r' + at, assignee: everyone,
          scope: '/tenants/default', effect: 'allow', createdMs }, by),
        store.teams.create({ tenantId: 't' + at, id: 'x', name: 'X', createdMs }, by),
      ])
    }`
    const remove = `for (const at of ${JSON.stringify(rounds)}) {
      await settled([store.roles.remove('default', 'r' + at, by), store.tenants.remove('t' + at, by)])
    }`
    const results = await Promise.all(
      [assign, remove].map((body) => runScript(script(folder, body))),
    )
    expect(results.map(({ err }) => err)).toEqual(['', ''])
    const { assignments, roles, teams, tenants } = await store.directory.all()
    const known = new Set(roles.map(({ id }) => id))
    expect(assignments.filter(({ roleId }) => !known.has(roleId))).toEqual([])
    const there = new Set(tenants.map(({ id }) => id))
    expect(teams.filter(({ tenantId }) => !there.has(tenantId))).toEqual([])
    await store.close()
  })
})

describe('what is sealed', () => {
  test('opens in its own row alone, and lies in no file in clear', async () => {
    const folder = temporaryFolder()
    const store = await storeIn(folder)
    const tokens = { idToken: 'clear-id-token', refreshToken: 'clear-refresh-token' }
    await store.sessions.create(SESSION, tokens)
    await store.sessions.create({ ...SESSION, idHash: 'other' }, {})
    await store.logins.begin({
      stateHash: 's',
      issuer: 'k',
      browserHash: 'b',
      nonce: 'clear-nonce',
      codeVerifier: 'clear-verifier',
      returnTo: '/',
      expiresMs: 9e15,
    })
    for (const name of readdirSync(folder)) {
      expect(readFileSync(join(folder, name), 'latin1')).not.toContain('clear-')
    }
    const file = new Database(controlFile(store))
    file.run('PRAGMA busy_timeout = 1000')
    file.run(
      "UPDATE sessions SET sealed_tokens = (SELECT sealed_tokens FROM sessions WHERE id_hash = 'h') WHERE id_hash = 'other'",
    )
    file.run(
      "UPDATE login_attempts SET sealed_proof = (SELECT sealed_tokens FROM sessions WHERE id_hash = 'h')",
    )
    file.close()
    expect(await store.sessions.secrets('h')).toEqual(tokens)
    for (const moved of [store.sessions.secrets('other'), store.logins.take('s', 0)]) {
      const error = (await failureOf(moved)) as Error
      expect(error).toMatchObject({ status: 500 })
      expect(String(error.cause)).not.toContain('clear-')
    }
    await store.close()
  })

  test('logins that have begun are bounded: the oldest are forgotten', async () => {
    const store = await storeIn(temporaryFolder())
    const begin = (stateHash: string, expiresMs: number, issuer = 'k') =>
      store.logins.begin({
        stateHash,
        issuer,
        browserHash: 'b',
        nonce: 'n',
        codeVerifier: 'v',
        returnTo: '/',
        expiresMs,
      })
    await begin('oldest', 8e15)
    const file = new Database(controlFile(store))
    file.run('PRAGMA busy_timeout = 1000')
    file.run(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${LIMITS.loginAttemptsMax})
       INSERT INTO login_attempts SELECT 'bulk' || i, 'k', 'b', 'sealed', '/', 8500000000000000 FROM n`,
    )
    await begin('newest', 9e15)
    const rows = file.query<{ n: number }, []>('SELECT count(*) n FROM login_attempts').get()
    expect(rows?.n).toBe(LIMITS.loginAttemptsMax)
    file.close()
    expect(await store.logins.take('oldest', 0)).toBeUndefined()
    expect((await store.logins.take('newest', 0))?.nonce).toBe('n')
    // However many links for passwords there are, which live longer: they leave room for logins, and logins for them.
    const filled = new Database(controlFile(store))
    filled.run('PRAGMA busy_timeout = 1000')
    filled.run("UPDATE login_attempts SET issuer = 'local/password'")
    filled.close()
    await begin('sooner', 8e15)
    await begin('link', 9e15, 'local/password')
    expect((await store.logins.take('sooner', 0))?.nonce).toBe('n')
    expect((await store.logins.take('link', 0))?.nonce).toBe('n')
    // Those that have expired are gone with the next that begins.
    await begin('over', 1)
    await begin('next', 9e15)
    const left = new Database(controlFile(store), { readonly: true })
    expect(left.query("SELECT 1 FROM login_attempts WHERE state_hash = 'over'").get()).toBeNull()
    left.close()
    await store.close()
  })

  test('a tenant is deleted for what it owns itself, of every kind there is', async () => {
    const store = await storeIn(temporaryFolder())
    for (const id of ['acme', 'globex']) {
      await store.tenants.create({ id, name: id, createdMs: 1 }, BY)
    }
    const file = new Database(controlFile(store))
    file.run('PRAGMA busy_timeout = 1000')
    const rows = (tenantId: string) => [
      `INSERT INTO limit_rules VALUES ('${tenantId}', 'l', '{}', 1, 1)`,
      `INSERT INTO budget_rules VALUES ('${tenantId}', 'b', '{}', NULL, 1, 1)`,
      `INSERT INTO models (tenant_id, id, defaults, losses, created_ms, updated_ms) VALUES ('${tenantId}', 'm', '{}', 'report', 1, 1)`,
      `INSERT INTO providers (tenant_id, id, type, base_url, timeouts, retries, network, created_ms, updated_ms)
       VALUES ('${tenantId}', 'p', 'openai', 'http://x', '{}', '{}', '{}', 1, 1)`,
    ]
    const statuses = (tenantId: string) =>
      `INSERT INTO provider_models VALUES ('${tenantId}', 'p', 'm', 'listed', '{}', 1, 1, NULL)`
    for (const sql of [...rows('globex'), statuses('globex'), statuses('acme')]) file.run(sql)
    for (const [at, sql] of rows('acme').entries()) {
      file.run(sql)
      const table = ['limit_rules', 'budget_rules', 'models', 'providers'][at]!
      const error = (await failureOf(store.tenants.remove('acme', BY))) as Error
      expect(error.message).toContain(table.split('_')[0]!)
      file.run(`DELETE FROM ${table} WHERE tenant_id = 'acme'`)
    }
    expect(await store.tenants.remove('acme', BY)).toBe(true)
    const left = file.query<{ t: string }, []>('SELECT tenant_id t FROM provider_models').all()
    expect(left.map(({ t }) => t)).toEqual(['globex'])
    file.close()
    await store.close()
  })

  test('nothing of the whole installation is made by naming it as a tenant', async () => {
    const store = await storeIn(temporaryFolder())
    for (const made of [
      store.users.create(user(PLATFORM_TENANT_ID), BY),
      store.teams.create(team(PLATFORM_TENANT_ID), BY),
    ]) {
      expect(await failureOf(made)).toMatchObject({ status: 404 })
    }
    await store.close()
  })
})
