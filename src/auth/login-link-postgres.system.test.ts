// One-time login links where several servers share one Postgres: whoever is first gets in, through whichever server, and a link of one works
// at the other. What a link is worth by itself is tested over HTTP in src/server/login-link.system.test.ts, on SQLite.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { localUsers } from '../app-login.ts'
import { LIMITS } from '../core/limits.ts'
import type { Store } from '../storage/store.ts'
import { removeFolders, storeIn, temporaryFolder, TEST_ACTOR } from '../storage/test-store.ts'
import { FakeClock } from '../testing/clock.ts'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'

const reason = postgresMissing()
if (reason !== undefined) process.stdout.write(`left out: login links on Postgres (${reason})\n`)

setDefaultTimeout(180_000)

const secrets = { masterKey: 'one secret that is long enough for a key' }
const clock = new FakeClock(Date.now())
let server: TestPostgres
let database = ''
const stores: Store[] = []

beforeAll(async () => {
  if (reason !== undefined) return
  server = await startPostgres()
  const { name, url } = await server.createDatabase()
  database = name
  const location = { engine: 'postgres', url, connections: 4 } as const
  for (let count = 0; count < 2; count += 1) {
    stores.push(await storeIn(temporaryFolder(), { location, secrets, clock }))
  }
})

afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()))
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

describe.skipIf(reason !== undefined)('a login link of a shared store', () => {
  const desks = () =>
    stores.map((store) => localUsers(store, clock, { memoryKiB: 8_192, passes: 2 }))

  async function root() {
    const [desk] = desks()
    const facts = { token: await desk!.link('command'), name: 'root', password: 'correct horse' }
    return await desk!.setUp(facts, {})
  }

  test('lets one in, of twenty at once at two servers', async () => {
    const user = await root()
    const [one, other] = desks()
    const token = await one!.loginLink(user)
    const tries = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : other)!.logInByLink(token)),
    )
    const won = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value.id] : []))
    expect(won).toEqual([user.id])
    for (const each of tries) {
      if (each.status === 'rejected')
        expect(each.reason).toMatchObject({ code: 'setup_link_invalid' })
    }
  })

  test('is over in time, and once its user is turned off at the other server', async () => {
    const user = await root()
    const [one, other] = desks()
    const [good, late, off] = await Promise.all([1, 2, 3].map(() => one!.loginLink(user)))
    expect((await other!.logInByLink(good!)).id).toBe(user.id)
    await stores[0]!.users.update(user.tenantId, user.id, { status: 'disabled' }, TEST_ACTOR)
    await expect(other!.logInByLink(off!)).rejects.toMatchObject({ code: 'setup_link_invalid' })
    await stores[0]!.users.update(user.tenantId, user.id, { status: 'active' }, TEST_ACTOR)
    clock.advance(LIMITS.loginLinkMs)
    await expect(other!.logInByLink(late!)).rejects.toMatchObject({ code: 'setup_link_invalid' })
  })

  test('is in no row as it was given out', async () => {
    const token = await desks()[0]!.loginLink(await root())
    const rows = await server.sql('SELECT * FROM login_attempts', database)
    expect(rows).toContain('local/login')
    expect(rows).not.toContain(token)
  })
})
