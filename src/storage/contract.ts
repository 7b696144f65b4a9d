// The contract of the repositories as a suite: what every engine must do alike. Each engine's test file calls it with a way to
// open an empty store; imported by tests alone.

import { afterEach, describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { Outcome } from '../core/outcome.ts'
import type {
  ApiKeyRepository,
  ModelRepository,
  ProviderRepository,
  RequestFilter,
  RequestRepository,
} from '../core/ports.ts'
import { checkParameters } from '../testing/seed.ts'
import { outcomes as outcomeCases } from './outcome-arbitrary.ts'
import { sampleKey, sampleModel, sampleOutcome, sampleProvider } from './test-store.ts'

export interface ContractStore {
  readonly keys: ApiKeyRepository
  readonly providers: ProviderRepository
  readonly models: ModelRepository
  readonly requests: RequestRepository
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
  })
  describe(`${engine}: models`, () => modelsContract(fresh))
  describe(`${engine}: requests`, () => {
    requestsContract(fresh)
    requestListsContract(fresh)
    requestBoundsContract(fresh)
  })
}

type Open = () => Promise<ContractStore>

function keysContract(open: Open): void {
  test('an id or hash that is taken is refused with 409, in another tenant too, and changes nothing', async () => {
    const { keys } = await open()
    const first = await keys.create(sampleKey())
    const clashes = [
      sampleKey({ id: first.id, hash: 'b'.repeat(64) }),
      sampleKey({ hash: first.hash }),
      sampleKey({ hash: first.hash, tenantId: 'other' }),
    ]
    for (const clash of clashes) {
      expect(keys.create(clash)).rejects.toMatchObject({ status: 409, code: 'already_exists' })
    }
    expect(await keys.all()).toEqual([first])
  })

  test('another tenant can neither see nor revoke', async () => {
    const { keys } = await open()
    const key = await keys.create(sampleKey({ tenantId: 'a' }))
    expect(await keys.list('b')).toEqual([])
    expect(await keys.revoke('b', key.id, 5)).toBeUndefined()
    expect(await keys.list('a')).toEqual([key])
  })

  test('the first revocation stays, time 0 too', async () => {
    const { keys } = await open()
    const key = await keys.create(sampleKey())
    expect(await keys.revoke('default', 'nobody', 5)).toBeUndefined()
    expect(await keys.revoke('default', key.id, 0)).toEqual({ ...key, revokedMs: 0 })
    expect(await keys.revoke('default', key.id, 9)).toEqual({ ...key, revokedMs: 0 })
    expect(await keys.all()).toEqual([{ ...key, revokedMs: 0 }])
  })

  test('absent, empty and zero stay apart', async () => {
    const { keys } = await open()
    const all = sampleKey({ createdMs: 1 })
    const none = sampleKey({ createdMs: 2, models: [], expiresMs: 0, name: '' })
    const some = sampleKey({ createdMs: 3, models: ['fast', 'gpt-*'], expiresMs: 2 ** 45 })
    for (const key of [all, none, some]) await keys.create(key)
    const listed = await keys.list('default')
    expect(listed).toStrictEqual(
      [all, none, some].map((key) => ({ ...key, origin: 'store' as const })),
    )
  })
}

function providersContract(open: Open): void {
  test('another tenant can neither change, remove nor look', async () => {
    const { providers } = await open()
    const provider = sampleProvider()
    await providers.save('a', provider)
    expect(await providers.remove('b', provider.id)).toBe(false)
    expect(await providers.maskedKeys('b', provider.id)).toEqual([])
    expect(await providers.all()).toEqual([provider])
  })

  test('comes back as it was saved, with keys in order and everything optional absent or present', async () => {
    const { providers } = await open()
    const bare = sampleProvider({ id: 'a', keys: [] })
    const full = sampleProvider({
      id: 'b',
      type: 'custom',
      compatible: 'anthropic',
      apiVersion: '2024-10-21',
      keys: [
        { id: 'z', secret: 'zzzzzzzzzzzzzzzzzzzz1111' },
        { id: 'a', secret: 'ünïcödé 🗝 key, a long one' },
      ],
      network: { verify: false, proxy: 'http://user:pässword@proxy:3128', caFile: '/ca.pem' },
      headers: { 'x-team': 'blue', authorization: 'Basic c2VjcmV0' },
    })
    await providers.save('default', full)
    await providers.save('default', bare)
    expect(await providers.all()).toStrictEqual([bare, full])
  })

  test('saving again replaces: keys go, come and change, and keep the time they came', async () => {
    const { providers } = await open()
    await providers.save('default', sampleProvider())
    const before = await providers.maskedKeys('default', 'openai')
    const changed = sampleProvider({
      baseUrl: 'https://other.example.com',
      keys: [
        { id: 'second', secret: 'sk-live-0123456789-2222' },
        { id: 'first', secret: 'sk-live-0123456789-1111' },
      ],
    })
    await providers.save('default', changed)
    expect(await providers.all()).toEqual([changed])
    const after = await providers.maskedKeys('default', 'openai')
    expect(after.map(({ id, lastFour }) => [id, lastFour])).toEqual([
      ['second', '2222'],
      ['first', '1111'],
    ])
    expect(after[1]?.createdMs).toBe(before[0]?.createdMs ?? -1)
    await providers.save('default', { ...changed, keys: [] })
    expect(await providers.maskedKeys('default', 'openai')).toEqual([])
  })
}

function providerEdgesContract(open: Open): void {
  test('removing takes the keys along; a short secret is not shown by its last four', async () => {
    const { providers } = await open()
    await providers.save('default', sampleProvider({ keys: [{ id: 'k', secret: 'short' }] }))
    expect((await providers.maskedKeys('default', 'openai'))[0]?.lastFour).toBe('')
    expect(await providers.remove('default', 'openai')).toBe(true)
    expect(await providers.remove('default', 'openai')).toBe(false)
    expect(await providers.maskedKeys('default', 'openai')).toEqual([])
    await providers.save('default', sampleProvider({ keys: [] }))
    expect((await providers.all())[0]?.keys).toEqual([])
  })

  test('two keys of one id and a password in the base URL are refused', async () => {
    const { providers } = await open()
    const key = { id: 'k', secret: 'sk-live-0123456789-first' }
    const bad = [
      sampleProvider({ keys: [key, key] }),
      sampleProvider({ baseUrl: 'https://user:hunter2@api.example.com' }),
    ]
    for (const provider of bad) {
      expect(providers.save('default', provider)).rejects.toMatchObject({ status: 400 })
    }
    expect(await providers.all()).toEqual([])
  })
}

function modelsContract(open: Open): void {
  test('another tenant can neither remove nor replace', async () => {
    const { models } = await open()
    const model = sampleModel()
    await models.save('a', model)
    expect(await models.remove('b', model.id)).toBe(false)
    await models.save('b', sampleModel({ targets: [] }))
    expect(await models.remove('b', model.id)).toBe(true)
    expect(await models.all()).toEqual([model])
  })

  test('comes back as it was saved; saving again replaces all of it', async () => {
    const { models } = await open()
    const full = sampleModel({
      defaults: { temperature: 0, stop: [], nested: { a: null, b: [false, '', 1.5] } },
      losses: 'reject',
      contextWindow: 0,
      price: { input: 0, output: 0.25 },
    })
    await models.save('default', full)
    expect(await models.all()).toStrictEqual([full])
    const less = sampleModel({ targets: full.targets.slice(1), defaults: {} })
    await models.save('default', less)
    expect(await models.all()).toStrictEqual([less])
    await models.save('default', { ...less, targets: [] })
    expect((await models.all())[0]?.targets).toEqual([])
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
          const { requestBody: _request, responseBody: _response, ...bare } = outcome
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
