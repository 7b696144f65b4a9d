// The contract of the repositories as a suite: what every engine must do alike. Each engine's test file calls it with a way to
// open an empty store; imported by tests alone.

import { afterEach, describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { Outcome } from '../core/outcome.ts'
import type {
  ApiKeyRepository,
  ModelRepository,
  ModelStatusRepository,
  ProviderRepository,
  RequestFilter,
  RequestRepository,
} from '../core/ports.ts'
import { checkParameters } from '../testing/seed.ts'
import { keyListsContract, listsContract } from './contract-lists.ts'
import { onceContract } from './contract-once.ts'
import { settingsContract } from './contract-settings.ts'
import { namedContract, tenantsContract, type PeopleRepositories } from './contract-people.ts'
import { assignmentsContract, removalsContract, rolesContract } from './contract-rights.ts'
import { loginsContract, sessionsContract } from './contract-sessions.ts'
import { membershipsContract, usersContract } from './contract-users.ts'
import {
  modelChangesContract,
  modelsContract,
  modelStatusBoundsContract,
  modelStatusesContract,
} from './contract-models.ts'
import {
  providerEdgesContract,
  providerKeysContract,
  providersContract,
} from './contract-providers.ts'
import { outcomes as outcomeCases } from './outcome-arbitrary.ts'
import { sampleKey, sampleOutcome, TEST_ACTOR } from './test-store.ts'

export interface ContractStore {
  readonly keys: ApiKeyRepository
  readonly providers: ProviderRepository
  readonly models: ModelRepository
  readonly modelStatuses: ModelStatusRepository
  readonly requests: RequestRepository
  /** The store as a whole, for the many repositories of people. */
  readonly people: PeopleRepositories
  /** Puts outcomes in the log, in this order; they are there when it resolves. */
  write(outcomes: readonly Outcome[]): Promise<void>
  close(): Promise<void>
}

/** Registers the suite; `open` gives a new empty store each time. */
export function storageContract(engine: string, open: () => Promise<ContractStore>): void {
  const opened: ContractStore[] = []
  const fresh = async (): Promise<ContractStore> => {
    const store = await open()
    opened.push(store)
    return store
  }
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close()
  })
  describe(`${engine}: API keys`, () => keysContract(fresh))
  describe(`${engine}: providers`, () => {
    providersContract(fresh)
    providerEdgesContract(fresh)
    providerKeysContract(fresh)
  })
  describe(`${engine}: models`, () => {
    modelsContract(fresh)
    modelChangesContract(fresh)
  })
  describe(`${engine}: what became of models`, () => {
    modelStatusesContract(fresh)
    modelStatusBoundsContract(fresh)
  })
  describe(`${engine}: people`, () => {
    const people = async () => (await fresh()).people
    describe('tenants', () => tenantsContract(people))
    describe('teams, groups and services', () => namedContract(people))
    describe('users', () => usersContract(people))
    describe('lists', () => {
      listsContract(people)
      keyListsContract(people)
    })
    describe('memberships', () => membershipsContract(people))
    describe('roles', () => rolesContract(people))
    describe('assignments', () => assignmentsContract(people))
    describe('removals', () => removalsContract(people))
    describe('sessions', () => sessionsContract(people))
    describe('logins', () => loginsContract(people))
    describe('creations sent again', () => onceContract(people))
    describe('settings', () => settingsContract(people))
  })
  describe(`${engine}: requests`, () => {
    requestsContract(fresh)
    requestListsContract(fresh)
    requestBoundsContract(fresh)
  })
}

export type Open = () => Promise<ContractStore>

function keysContract(open: Open): void {
  test('an id or hash that is taken is refused with 409, in another tenant too, and changes nothing', async () => {
    const { keys } = await open()
    const first = await keys.create(sampleKey(), TEST_ACTOR)
    const clashes = [
      sampleKey({ id: first.id, hash: 'b'.repeat(64) }),
      sampleKey({ hash: first.hash }),
      sampleKey({ hash: first.hash, tenantId: 'other' }),
    ]
    for (const clash of clashes) {
      await expect(keys.create(clash, TEST_ACTOR)).rejects.toMatchObject({
        status: 409,
        code: 'already_exists',
      })
    }
    expect(await keys.all()).toEqual([first])
  })

  test('another tenant can neither see nor revoke', async () => {
    const { keys } = await open()
    const key = await keys.create(sampleKey({ tenantId: 'a' }), TEST_ACTOR)
    expect(await keys.list('b')).toEqual([])
    expect(await keys.revoke('b', key.id, 5, TEST_ACTOR)).toBeUndefined()
    expect(await keys.list('a')).toEqual([key])
  })

  test('the first revocation stays, time 0 too', async () => {
    const { keys } = await open()
    const key = await keys.create(sampleKey(), TEST_ACTOR)
    expect(await keys.revoke('default', 'nobody', 5, TEST_ACTOR)).toBeUndefined()
    expect(await keys.revoke('default', key.id, 0, TEST_ACTOR)).toEqual({ ...key, revokedMs: 0 })
    expect(await keys.revoke('default', key.id, 9, TEST_ACTOR)).toEqual({ ...key, revokedMs: 0 })
    expect(await keys.all()).toEqual([{ ...key, revokedMs: 0 }])
  })

  test('absent, empty and zero stay apart', async () => {
    const { keys } = await open()
    const all = sampleKey({ createdMs: 1 })
    const none = sampleKey({ createdMs: 2, models: [], expiresMs: 0, name: '' })
    const some = sampleKey({ createdMs: 3, models: ['fast', 'gpt-*'], expiresMs: 2 ** 45 })
    const admin = sampleKey({ createdMs: 4, roles: ['admin'] })
    const nobody = sampleKey({ createdMs: 5, roles: [] })
    const each = [all, none, some, admin, nobody]
    for (const key of each) await keys.create(key, TEST_ACTOR)
    const listed = await keys.list('default')
    expect(listed).toStrictEqual(each.map((key) => ({ ...key, origin: 'store' as const })))
  })
}

function requestsContract(open: Open): void {
  test('any outcome comes back as it was, bodies by id only', async () => {
    const { requests, write } = await open()
    await fc.assert(
      fc.asyncProperty(fc.array(outcomeCases(), { minLength: 1, maxLength: 5 }), async (cases) => {
        const written = cases.map((outcome) => ({ ...outcome, logId: Bun.randomUUIDv7() }))
        await write(written)
        for (const outcome of written) {
          const row = await requests.byLogId(outcome.tenantId, outcome.logId)
          expect(row?.outcome).toStrictEqual(outcome)
          const afterSequence = (row?.sequence ?? 0) - 1
          const listed = await requests.list({
            tenantId: outcome.tenantId,
            afterSequence,
            limit: 1,
          })
          const {
            requestBody: _request,
            responseBody: _response,
            providerRequestBody: _providerRequest,
            providerResponseBody: _providerResponse,
            ...bare
          } = outcome
          expect(listed[0]).toStrictEqual({ sequence: row?.sequence ?? -1, outcome: bare })
        }
      }),
      checkParameters(60),
    )
  })

  test('no tenant sees another one, by id, list or count', async () => {
    const { requests, write } = await open()
    const theirs = sampleOutcome({ tenantId: 'a' })
    await write([theirs, sampleOutcome({ tenantId: 'b' })])
    expect(await requests.byLogId('b', theirs.logId)).toBeUndefined()
    expect(await requests.byLogId('a', theirs.logId)).toBeDefined()
    expect(await requests.byLogId('a', 'not an id')).toBeUndefined()
    for (const tenantId of ['a', 'b']) {
      const rows = await requests.list({ tenantId, limit: 10 })
      expect(rows.map((row) => row.outcome.tenantId)).toEqual([tenantId])
      expect(await requests.count(tenantId)).toBe(1)
    }
    expect(await requests.count('c')).toBe(0)
  })

  test('ids that are no UUIDs are found too', async () => {
    const { requests, write } = await open()
    const ids = ['plain', 'x'.repeat(36), '']
    await write(ids.map((logId) => sampleOutcome({ logId })))
    for (const id of ids) expect((await requests.byLogId('default', id))?.outcome.logId).toBe(id)
  })
}

function requestListsContract(open: Open): void {
  test('following sees each row once, oldest first; without a cursor the newest come first', async () => {
    const { requests, write } = await open()
    const all = Array.from({ length: 25 }, (_, at) => sampleOutcome({ timestampMs: 1_000 + at }))
    await write(all)
    const followed: string[] = []
    for (let cursor = 0; ;) {
      const rows = await requests.list({ tenantId: 'default', afterSequence: cursor, limit: 7 })
      if (rows.length === 0) break
      followed.push(...rows.map((row) => row.outcome.logId))
      cursor = rows.at(-1)?.sequence ?? cursor
    }
    expect(followed).toEqual(all.map((outcome) => outcome.logId))
    const newest = await requests.list({ tenantId: 'default', limit: 3 })
    expect(newest.map((row) => row.outcome.timestampMs)).toEqual([1_024, 1_023, 1_022])
    expect(await requests.list({ tenantId: 'default', limit: 0 })).toEqual([])
    expect(await requests.list({ tenantId: 'default', limit: -5 })).toEqual([])
  })

  test('filters agree with a filter by hand, alone and together', async () => {
    const { requests, write } = await open()
    const pick = <T>(at: number, values: readonly T[]): T => values[at % values.length] as T
    const all = Array.from({ length: 60 }, (_, at) => {
      const apiKeyId = pick(at, ['k1', 'k2', undefined])
      return sampleOutcome({
        timestampMs: 1_000 + at,
        status: pick(at, [200, 399, 400, 499, 503]),
        modelRequested: pick(at, ['fast', 'slow']),
        modelResolved: pick(at, ['gpt', 'fast', 'claude']),
        ...(apiKeyId === undefined ? {} : { apiKeyId }),
      })
    })
    await write(all)
    const filters: Omit<RequestFilter, 'tenantId' | 'limit'>[] = [
      { status: 'ok' },
      { status: 'error' },
      { model: 'fast' },
      { model: 'nobody' },
      { keyId: 'k1' },
      { sinceMs: 1_030 },
      { sinceMs: 0 },
      { status: 'error', model: 'fast', keyId: 'k2', sinceMs: 1_010 },
    ]
    for (const filter of filters) {
      const expected = all.filter(
        (outcome) =>
          (filter.status === undefined || (filter.status === 'ok') === outcome.status < 400) &&
          (filter.model === undefined ||
            [outcome.modelRequested, outcome.modelResolved].includes(filter.model)) &&
          (filter.keyId === undefined || outcome.apiKeyId === filter.keyId) &&
          (filter.sinceMs === undefined || outcome.timestampMs >= filter.sinceMs),
      )
      const rows = await requests.list({ tenantId: 'default', limit: 1_000, ...filter })
      expect(rows.map((row) => row.outcome.logId)).toEqual(
        expected.map((outcome) => outcome.logId).toReversed(),
      )
    }
  })
}

function requestBoundsContract(open: Open): void {
  test('an answer has at most a thousand rows', async () => {
    const { requests, write } = await open()
    await write(Array.from({ length: 1_100 }, () => sampleOutcome()))
    expect(await requests.list({ tenantId: 'default', limit: 1e9 })).toHaveLength(1_000)
    expect(await requests.count('default')).toBe(1_100)
  })
}
