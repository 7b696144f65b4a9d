// What replicas take over from each other through a real Redis, from whom they take nothing, and changes of where it is.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Provider } from './core/catalog.ts'
import type { Logger } from './core/ports.ts'
import { Health } from './gateway/health.ts'
import { Replicas } from './replicas.ts'
import { systemClock, systemIds } from './system.ts'
import { testProvider } from './testing/gateway.ts'
import { redisPath, startRedis, type TestRedis } from './testing/redis.ts'
import { ownMsOf } from './testing/own-time.ts'

const present = redisPath() !== undefined
if (!present) process.stdout.write('left out: replicas: redis-server is not installed\n')

/** Far above what anything here takes. */
const UNTIL_MS = 60_000
setDefaultTimeout(2 * UNTIL_MS)

const CIRCUIT = { enabled: true, failures: 1, errorRate: 0.5, windowMs: 60_000, openMs: 600_000 }
const KEY = { id: 'main', secret: 'sk-replica-canary-0123456789' }

function provider(over: Partial<Provider> = {}): Provider {
  return testProvider({
    id: 'p',
    type: 'openai',
    baseUrl: 'http://127.0.0.1:9/v1',
    keys: [KEY],
    circuit: CIRCUIT,
    ...over,
  })
}

/** A process of its own but for the process. */
function replica(own: Provider) {
  const health = new Health({ clock: systemClock })
  const lines: string[] = []
  const write = (message: string) => lines.push(message)
  const logger: Logger = { debug: write, info: write, warn: write, error: write }
  const replicas = new Replicas({
    health,
    clock: systemClock,
    ids: systemIds,
    logger,
    provider: (id) => (id === own.id ? own : undefined),
  })
  return {
    health,
    lines,
    replicas,
    circuit: (model: string) => health.view(own, model).circuit,
    key: () => health.keys(own).report(own.keys, systemClock.monotonicMs())[0]?.state,
    fail: (model: string) => health.begin(own, model)?.failed(),
    refuse: () => health.keys(own).refused(own.keys, 'main', 401, systemClock.monotonicMs()),
    [Symbol.asyncDispose]: () => replicas.stop(),
  }
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limitMs = performance.now() + UNTIL_MS
  while (!(await isSo())) {
    if (performance.now() > limitMs) throw new Error(`was not so within ${UNTIL_MS} ms`)
    await Bun.sleep(2)
  }
}

describe.skipIf(!present)('replicas', () => {
  let redis: TestRedis
  let url = ''
  beforeAll(async () => {
    redis = await startRedis()
    url = `redis://127.0.0.1:${redis.port}`
  })
  afterAll(async () => {
    await redis[Symbol.asyncDispose]()
  })

  test('tell each other of one provider, and take nothing of another by its name', async () => {
    await using teller = replica(provider())
    await using same = replica(provider())
    await using elsewhere = replica(provider({ baseUrl: 'http://127.0.0.1:10/v1' }))
    await using otherKey = replica(
      provider({ keys: [{ id: 'main', secret: 'sk-other-canary-0123456789' }] }),
    )
    const all = [teller, same, elsewhere, otherKey]
    await Promise.all(all.map(({ replicas }) => replicas.use({ url })))
    await until(() => all.every(({ replicas }) => replicas.state().connected))
    teller.refuse()
    teller.fail('m')
    // Told last by everybody's own way: whoever has heard it has heard what came before.
    await until(() => same.circuit('m') === 'open' && otherKey.circuit('m') === 'open')
    expect(same.key()).toBe('refused')
    expect(otherKey.key()).toBe('fit')
    elsewhere.fail('end')
    const late = replica(provider({ baseUrl: 'http://127.0.0.1:10/v1' }))
    await using _ = late
    await late.replicas.use({ url })
    await until(() => late.circuit('end') === 'open')
    expect([elsewhere.circuit('m'), elsewhere.key()]).toEqual(['closed', 'fit'])
    expect([late.circuit('m'), late.key()]).toEqual(['closed', 'fit'])
  })

  test('of two changes at once only the last is in force, and none after the end', async () => {
    const one = replica(provider())
    await one.replicas.use({ url })
    await until(() => one.replicas.state().connected)
    const changes = [`${url}/1`, `${url}/2`].map((each) => one.replicas.use({ url: each }))
    await Promise.all(changes)
    await until(() => one.replicas.state().connected)
    const client = new Bun.RedisClient(url)
    const held = async () => {
      const text = String(await client.send('CLIENT', ['LIST']))
      return [...text.matchAll(/ db=(\d+) /g)].map((match) => match[1]).filter((db) => db !== '0')
    }
    // Redis lists for a moment those that have gone, and those that have come before they named their database.
    await until(async () => (await held()).join() === '2,2')
    const last = one.replicas.use({ url: `${url}/3` })
    await Promise.all([one.replicas.stop(), last])
    await one.replicas.use({ url: `${url}/4` })
    expect(one.replicas.state().connected).toBe(false)
    await until(async () => (await held()).length === 0)
    client.close()
  })

  test('end at once where Redis takes connections and says nothing', async () => {
    const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
    const one = replica(provider())
    await one.replicas.use({ url: `redis://127.0.0.1:${silent.port}` })
    expect(await ownMsOf(() => one.replicas.stop())).toBeLessThan(500)
    silent.stop(true)
  })
})
