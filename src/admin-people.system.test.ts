// People and rights through the management API, on a real Postgres; and with two replicas on it, that what one takes away the other refuses.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { TEST_ACTOR } from './storage/test-store.ts'
import { peopleTests } from './testing/admin-people.ts'
import { postgresMissing, startPostgres } from './testing/postgres.ts'
import { ownMsOf } from './testing/own-time.ts'
import { startWholeApp } from './testing/whole-app.ts'

/** A server is started for it, and two programs. */
setDefaultTimeout(120_000)

const ADMIN = 'the-key-of-the-admin-long-enough-00000001'

const missing = postgresMissing()
if (missing !== undefined) process.stdout.write(`left out: ${missing}\n`)

describe.skipIf(missing !== undefined)('on Postgres', () => {
  const server = missing === undefined ? startPostgres() : undefined
  const storage = async () => {
    const { url } = await (await server!).createDatabase()
    return {
      storage: { url },
      secrets: { master_key: 'bWFzdGVyLWtleS1vZi10aGUtdGVzdHMtMzItYnl0ZXM=' },
    }
  }
  afterAll(async () => {
    await (await server)?.[Symbol.asyncDispose]()
  })

  peopleTests(
    async (keys, declared) => await startWholeApp(keys, { ...declared, ...(await storage()) }),
  )

  test('what one replica takes away, the other refuses within a second', async () => {
    const shared = await storage()
    const keys = [{ name: 'admin', key: ADMIN, roles: ['admin'] }]
    const one = await startWholeApp(keys, shared)
    const other = await startWholeApp(keys, shared)
    const ask = async (
      whole: typeof one,
      method: string,
      path: string,
      key: string,
      body?: object,
    ) =>
      await fetch(`${whole.app.server.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    const id = Bun.randomUUIDv7()
    const user = { tenantId: 'default', id, issuer: 'local', subject: 'far', createdMs: 1 }
    await one.app.store.users.create(user, TEST_ACTOR)
    const role = { role: 'member', assignee: { kind: 'user', id } }
    expect((await ask(one, 'POST', '/admin/assignments', ADMIN, role)).status).toBe(201)
    const owner = { kind: 'user', id }
    const made = await ask(one, 'POST', '/admin/keys', ADMIN, { name: 'far', owner })
    const { key } = (await made.json()) as { key: string }
    const models = async () => (await ask(other, 'GET', '/v1/models', key)).status
    while ((await models()) !== 200) await Bun.sleep(10)
    for (const [method, path, body] of [
      ['PATCH', `/admin/users/${id}`, { status: 'disabled' }],
      ['PATCH', `/admin/users/${id}`, { status: 'active' }],
      ['DELETE', `/admin/users/${id}`, undefined],
    ] as const) {
      expect((await ask(one, method, path, ADMIN, body)).status).toBe(200)
      const wanted = body?.status === 'active' ? 200 : 401
      const tookMs = await ownMsOf(async () => {
        while ((await models()) !== wanted) await Bun.sleep(10)
      })
      expect(tookMs).toBeLessThan(1_000)
    }
    await one.stop()
    await other.stop()
  })
})
