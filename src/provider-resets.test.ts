// Resets of providers from one process to the others on the same store: what is taken over, from whom nothing is, and a store that is away.

import { afterAll, describe, expect, test } from 'bun:test'
import type { Provider } from './core/catalog.ts'
import { GatewayError } from './core/error.ts'
import { LIMITS } from './core/limits.ts'
import type { ProviderReset } from './core/provider-reset.ts'
import { Health } from './gateway/health.ts'
import { ProviderResetDesk } from './provider-resets.ts'
import { MemoryLogger, removeFolders, storeIn, temporaryFolder } from './storage/test-store.ts'
import { systemIds } from './system.ts'
import { FakeClock } from './testing/clock.ts'
import { testProvider } from './testing/gateway.ts'

afterAll(removeFolders)

const CIRCUIT = { enabled: true, failures: 1, errorRate: 0.5, windowMs: 60_000, openMs: 60_000 }

function provider(over: Partial<Provider> = {}): Provider {
  const keys = [{ id: 'main', secret: 'sk-reset-canary-0123456789' }]
  const baseUrl = 'http://127.0.0.1:9/v1'
  return testProvider({ id: 'p', type: 'openai', baseUrl, keys, circuit: CIRCUIT, ...over })
}

/** The store that all share, in memory. */
class Rows {
  readonly rows = new Map<string, ProviderReset>()
  isAway = false

  all() {
    return [...this.rows.values()]
  }

  async tell(reset: ProviderReset) {
    if (this.isAway) throw new GatewayError('storage_unavailable')
    this.rows.set(reset.providerUid, reset)
  }
}

function replica(store: Rows, own: Provider = provider()) {
  const clock = new FakeClock()
  const health = new Health({ clock })
  const logger = new MemoryLogger()
  const desk = new ProviderResetDesk({
    health,
    ids: systemIds,
    logger,
    store,
    provider: (uid) => (uid === own.id ? own : undefined),
  })
  return {
    own,
    desk,
    health,
    logger,
    hear: () => desk.hear(store.all()),
    breakDown: () => {
      health.begin(own, 'm')?.failed()
      health.limit(own, 'm', clock.monotonicMs() + 60_000)
      health.keys(own).refused(own.keys, 'main', 401, clock.monotonicMs())
    },
    state: (): unknown[] => [
      health.view(own, 'm').circuit,
      health.limitedForMs(own, 'm') > 0,
      health.keys(own).report(own.keys, clock.monotonicMs())[0]?.state,
    ],
  }
}

const BROKEN: unknown[] = ['open', true, 'refused']
const WELL: unknown[] = ['closed', false, 'fit']

describe('a reset', () => {
  test('closes circuits and ends rests on every other replica, once', async () => {
    const store = new Rows()
    const [here, there, third] = [replica(store), replica(store), replica(store)]
    for (const one of [here, there, third]) {
      one.hear()
      one.breakDown()
    }
    here.health.reset(here.own, ['m'])
    expect(await here.desk.tell(here.own)).toBe(true)
    for (const one of [here, there, third]) one.hear()
    expect([here.state(), there.state(), third.state()]).toEqual([WELL, WELL, WELL])
    // What breaks after it is not mended by what was said before, however often the store is read.
    there.breakDown()
    there.hear()
    there.hear()
    expect(there.state()).toEqual(BROKEN)
    await third.desk.tell(third.own)
    there.hear()
    expect(there.state()).toEqual(WELL)
  })

  test('is not done a second time by whoever said it', async () => {
    const store = new Rows()
    const here = replica(store)
    here.hear()
    // The store calls the listener before the write is answered.
    const tell = store.tell.bind(store)
    store.tell = async (reset) => {
      await tell(reset)
      here.breakDown()
      here.hear()
    }
    await here.desk.tell(here.own)
    expect(here.state()).toEqual(BROKEN)
    here.hear()
    expect(here.state()).toEqual(BROKEN)
  })

  test('of before the start, of another address, or of a provider that is not there, says nothing', async () => {
    const store = new Rows()
    const here = replica(store)
    here.hear()
    await here.desk.tell(here.own)
    const late = replica(store)
    late.breakDown()
    late.hear()
    expect(late.state()).toEqual(BROKEN)
    const elsewhere = replica(store, provider({ baseUrl: 'http://127.0.0.1:10/v1' }))
    const stranger = replica(store, provider({ id: 'q' }))
    for (const one of [elsewhere, stranger]) {
      one.hear()
      one.breakDown()
    }
    await here.desk.tell(here.own)
    for (const one of [elsewhere, stranger]) {
      one.hear()
      expect(one.state()).toEqual(BROKEN)
    }
  })

  test('says nothing of a key: no mark of a secret lies in the store', async () => {
    const store = new Rows()
    const here = replica(store)
    await here.desk.tell(here.own)
    const [first] = store.all()
    await here.desk.tell({ ...here.own, keys: [{ id: 'main', secret: 'sk-another-0123456789' }] })
    const [second] = store.all()
    expect(second?.place).toBe(first!.place)
    expect(second?.id).not.toBe(first!.id)
  })

  test('that the store does not take is told to who asked, and is no failure', async () => {
    const store = new Rows()
    const here = replica(store)
    store.isAway = true
    expect(await here.desk.tell(here.own)).toBe(false)
    expect(here.logger.at('warn').length).toBe(1)
  })
})

test('the store holds the last of each provider, for an hour', async () => {
  const clock = new FakeClock()
  const store = await storeIn(temporaryFolder(), { clock })
  const { providerResets } = store
  expect(await providerResets.all()).toEqual([])
  const reset = (providerUid: string, id: string) => ({ providerUid, id, place: 'aa' })
  await providerResets.tell(reset('p', '1'))
  await providerResets.tell(reset('other/p', '2'))
  await providerResets.tell(reset('p', '3'))
  const seen = (await providerResets.all()).map((one) => [one.providerUid, one.id, one.place])
  expect(seen.toSorted()).toEqual([
    ['other/p', '2', 'aa'],
    ['p', '3', 'aa'],
  ])
  clock.advance(LIMITS.providerResetKeptMs)
  expect((await providerResets.all()).length).toBe(2)
  clock.advance(1)
  await providerResets.tell(reset('q', '4'))
  expect((await providerResets.all()).map(({ providerUid }) => providerUid)).toEqual(['q'])
  // Settings that people change lie in the same table.
  expect(await store.storedSettings.all()).toEqual({})
  await store.close()
})
