// A reset of a provider over two whole programs on one Postgres, without a Redis: the one that was not asked takes it over within a second.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { PLATFORM_TENANT_ID } from './core/identity.ts'
import { postgresMissing, startPostgres, type TestPostgres } from './testing/postgres.ts'
import { ownMsOf } from './testing/own-time.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'
import { systemClock } from './system.ts'

const ADMIN = 'admin-0123456789-0123456789-0123'
const MASTER_KEY = 'one secret that is long enough for a key'

const reason = postgresMissing()
if (reason !== undefined) process.stdout.write(`skipped: resets over Postgres (${reason})\n`)

/** Far above what anything here takes. */
const UNTIL_MS = 60_000

let server: TestPostgres
const apps: WholeApp[] = []
beforeAll(async () => {
  if (reason !== undefined) return
  server = await startPostgres()
}, 2 * UNTIL_MS)
afterAll(async () => {
  for (const { stop } of apps) await stop()
  await server?.[Symbol.asyncDispose]()
}, 2 * UNTIL_MS)

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const limitMs = systemClock.monotonicMs() + UNTIL_MS
  while (!(await isSo())) {
    if (systemClock.monotonicMs() > limitMs) throw new Error(`not so in time: ${what}`)
    await Bun.sleep(10)
  }
}

test.skipIf(reason !== undefined)(
  'a replica hears of a reset through Postgres alone',
  async () => {
    const { url } = await server.createDatabase()
    let hits = 0
    using upstream = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => {
        hits += 1
        return new Response('down', { status: 503 })
      },
    })
    for (let at = 0; at < 2; at += 1) {
      apps.push(
        await startWholeApp([{ name: 'admin', key: ADMIN, roles: ['owner'] }], {
          storage: { url },
          secrets: { master_key: MASTER_KEY },
          providers: [
            {
              id: 'p',
              type: 'openai',
              base_url: `http://127.0.0.1:${upstream.port}/v1`,
              keys: ['sk-0123456789abcdef'],
              circuit: { failures: 1, open: '10m' },
              retries: { max: 0 },
            },
          ],
        }),
      )
    }
    const ask = async (at: number, method: string, path: string, body?: object) => {
      const answer = await fetch(`${apps[at]!.app.server.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
    }
    const role = { id: Bun.randomUUIDv7(), roleId: 'owner', effect: 'allow', createdMs: 1 } as const
    await apps[0]!.app.store.assignments.create(
      {
        ...role,
        assignee: { kind: 'key', id: 'file:admin' },
        tenantId: PLATFORM_TENANT_ID,
        scope: '/',
      },
      { kind: 'system', id: 'test' },
    )
    const message = { model: 'p/m', messages: [{ role: 'user', content: 'hi' }] }
    /** Whether a request there comes as far as the provider: no open circuit is in its way. */
    const isTried = async (at: number) => {
      const before = hits
      const { status } = await ask(at, 'POST', '/v1/chat/completions', message)
      expect(status).toBeGreaterThanOrEqual(500)
      return hits > before
    }
    for (const at of [0, 1]) {
      expect(await isTried(at)).toBe(true)
      await until('the circuit is open', async () => !(await isTried(at)))
    }
    const tookMs = await ownMsOf(async () => {
      const { body, status } = await ask(0, 'POST', '/admin/providers/p/reset', {})
      expect([status, body]).toEqual([200, { id: 'p', circuits: 1, keys: 0, told: true }])
      expect(await isTried(0)).toBe(true)
      await until('the other one has heard', () => isTried(1))
    })
    // A second is promised; a machine that does other things may take longer, and must not fail for it.
    expect(tookMs).toBeLessThan(5_000)
    // It was said once, and does not hold for what fails after it.
    await until('the circuit is open again', async () => !(await isTried(1)))
  },
  5 * UNTIL_MS,
)
