// A team's installation under load: two replicas of the executable on one Postgres, with Redis and without. Limits and budgets hold over
// both, money agrees wherever it is counted, what is taken from somebody is gone everywhere at once, and a database, a Redis or a replica
// that goes away in the middle loses nothing.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { LIMITS } from '../src/core/limits.ts'
import { startHeldUpstream, type HeldUpstream } from '../src/testing/held-upstream.ts'
import { postgresMissing, startPostgres, type TestPostgres } from '../src/testing/postgres.ts'
import { redisPath, startRedis, type TestRedis } from '../src/testing/redis.ts'
import {
  admin,
  ANSWER_NANO_USD,
  ask,
  askCounted,
  crowd,
  DEAREST_NANO_USD,
  lastBefore,
  post,
  PRICE,
  providerAt,
  type Seller,
  startSeller,
  startTeam,
  Tally,
  type Team,
  TENANTS,
  until,
} from './harness/team.ts'
import type { Weir } from './harness/weir.ts'

const noPostgres = postgresMissing()
const noRedis = redisPath() === undefined ? 'redis-server is not installed' : undefined
if (noPostgres !== undefined) process.stdout.write(`left out: a team under load: ${noPostgres}\n`)
else if (noRedis !== undefined)
  process.stdout.write(`left out: a team under load with Redis: ${noRedis}\n`)

const CLIENTS = 200
/** A client gives up then: one refusal may come of what others hold and do not use. */
const REFUSALS_MAX = 3
const NANO = 1e9
/** How soon what is taken from somebody must be gone on every replica. */
const GONE_LIMIT_MS = 1_000
/** How soon limits are counted together again: the longest wait between two looks, and one look. On a busy machine some looks are in vain. */
const BACK_LIMIT_MS = 4 * (LIMITS.limitRetryCapMs + 1_000)

/** Keys of the file; every one of them begins with what it is for. */
const secret = (name: string) => `${name}-key-0123456789-0123456789-0123456789`
const KEYS = {
  counted: secret('counted'),
  spender: secret('spender'),
  steady: secret('steady'),
  local: secret('local'),
  open: secret('open'),
  closed: secret('closed'),
  late: secret('late'),
  crew: secret('crew'),
  purse: secret('purse'),
} as const
const ADMINS = { acme: secret('acme-admin'), globex: secret('globex-admin') } as const
const MEMBERS = { acme: secret('acme-member'), globex: secret('globex-member') } as const

/** So many requests of a minute are let through where there is nobody to ask. */
const LOCAL_MAX = 20
const CREW_MAX = 2
/** Room for three requests at their dearest, of which two run. */
const PURSE_USD = 0.006
const HELD_LEAST_NANO_USD = 2 * ANSWER_NANO_USD
/** Of budgets, where a replica is killed. */
const KILLED_LEASE_MS = 15_000

let postgres: TestPostgres
let seller: Seller
let held: HeldUpstream

function config() {
  const only = (name: string) => ({ per: 'key', only: name })
  return {
    providers: [
      { id: 'mock', type: 'mock' },
      providerAt('seller', seller.url),
      providerAt('held', held.url),
    ],
    models: ['priced', 'held'].map((id) => ({
      id,
      targets: [{ provider: id === 'held' ? 'held' : 'seller', model: 'm' }],
      price: PRICE,
    })),
    keys: [
      ...Object.entries(KEYS).map(([name, key]) => ({
        name,
        key,
        tenant: 'acme',
        ...(name === 'late' ? { budget: { usd: 10, window: 'total' } } : {}),
      })),
      ...TENANTS.flatMap((tenant) => [
        { name: `${tenant}-admin`, key: ADMINS[tenant], tenant, roles: ['admin'] },
        { name: `${tenant}-member`, key: MEMBERS[tenant], tenant },
      ]),
    ],
    limits: [
      // What is not counted in time on a busy machine is refused, not let through: only so is it exact.
      { ...only('counted'), requests_per_minute: 100, when_unavailable: 'closed' },
      { ...only('steady'), requests_per_minute: 1_000_000 },
      { ...only('local'), requests_per_minute: LOCAL_MAX },
      { ...only('open'), requests_per_minute: LOCAL_MAX, when_unavailable: 'open' },
      { ...only('closed'), requests_per_minute: 1_000, when_unavailable: 'closed' },
      { ...only('crew'), concurrent: CREW_MAX, when_unavailable: 'closed' },
    ],
    budgets: [
      { ...only('spender'), usd: 1, window: 'total' },
      { ...only('steady'), usd: 1_000, window: 'total' },
      { ...only('purse'), usd: PURSE_USD, window: 'total' },
    ],
  }
}

beforeAll(async () => {
  if (noPostgres !== undefined) return
  postgres = await startPostgres()
  seller = startSeller()
  held = startHeldUpstream()
}, 60_000)

afterAll(async () => {
  await Promise.all([seller?.close(), held?.close()])
  await postgres?.[Symbol.asyncDispose]()
}, 20_000)

/** Measured, for those who look into it. */
function figure(text: string): void {
  if (process.env['WEIR_FIGURES'] !== undefined) process.stdout.write(`${text}\n`)
}

/** Every replica in turn. */
function at<T>(replicas: readonly T[], turn: number): T {
  return replicas[turn % replicas.length]!
}

const WAYS = [
  ['with Redis', true],
  ['on Postgres alone', false],
] as const

describe.each([...WAYS])('two replicas %s', (_name, hasRedis) => {
  const isLeftOut = noPostgres !== undefined || (hasRedis && noRedis !== undefined)
  let team: Team
  let redis: TestRedis | undefined

  beforeAll(async () => {
    if (isLeftOut) return
    redis = hasRedis ? await startRedis() : undefined
    team = await startTeam({
      postgres,
      ...(redis === undefined ? {} : { redisUrl: `redis://127.0.0.1:${redis.port}` }),
      config: config(),
    })
    // Both have heard of the tenants.
    for (const replica of team.replicas) {
      for (const key of Object.values(MEMBERS)) {
        await until('the tenants are known', async () => (await ask(replica, key)).status === 200)
      }
    }
  }, 120_000)

  afterAll(async () => {
    await team?.stop()
    await redis?.[Symbol.asyncDispose]()
  }, 60_000)

  const run = (name: string, body: () => Promise<void>, limitMs: number) =>
    test.skipIf(isLeftOut)(name, body, limitMs)

  run(
    'a limit of 100 a minute lets exactly 100 of 200 clients through',
    async () => {
      const tally = new Tally()
      let asked = 0
      const everybody = () =>
        crowd(CLIENTS, async (client) => {
          for (let turn = 0; turn < 3; turn += 1) {
            asked += 1
            const id = `count-${asked}`
            tally.add(await ask(at(team.replicas, client + turn), KEYS.counted, { id }))
          }
        })
      const letThrough = () => tally.byStatus[200] ?? 0
      // What was not counted in time is given back a moment later, to whoever comes again.
      const takeAll = async () => {
        await everybody()
        return letThrough() >= 100
      }
      await until('all of it is taken', takeAll, 30_000)
      await everybody()
      expect(letThrough()).toBe(100)
      for (const { code, retryAfterSeconds, status } of tally.answers) {
        if (status === 200) continue
        const said = `${status} ${code}`
        expect(['429 rate_limit_exceeded', '503 storage_unavailable']).toContain(said)
        if (status === 503) continue
        expect(retryAfterSeconds).toBeGreaterThan(0)
        expect(retryAfterSeconds).toBeLessThanOrEqual(61)
      }
      const rows = `SELECT status, count(*) FROM requests WHERE request_id LIKE 'count-%' GROUP BY 1 ORDER BY 1`
      const all = Object.entries(tally.byStatus)
        .map((row) => row.join('|'))
        .join('\n')
      await until('all rows are there', async () => (await team.sql(rows)) === all)
    },
    120_000,
  )

  run(
    'a budget of a dollar is used up and passed by one request at most, and all books agree',
    async () => {
      const soldBefore = { ...seller.sold }
      const nanoBefore = seller.nanoUsd()
      const tally = new Tally()
      await crowd(CLIENTS, async (client) => {
        let refusals = 0
        for (let turn = 0; refusals < REFUSALS_MAX; turn += 1) {
          const replica = at(team.replicas, client + turn)
          const asking = { model: 'priced', id: `spend-${client}-${turn}` }
          const { code, status } = tally.add(await ask(replica, KEYS.spender, asking))
          if (status === 200) continue
          expect([status, code]).toEqual([429, 'insufficient_quota'])
          refusals += 1
        }
      })
      const rows = `FROM requests WHERE request_id LIKE 'spend-%'`
      await until(
        'all rows are there',
        async () => (await team.number(`SELECT count(*) ${rows}`)) === tally.answers.length,
      )
      const spent = seller.nanoUsd() - nanoBefore
      expect(spent).toBeLessThanOrEqual(NANO + DEAREST_NANO_USD)
      expect(spent).toBeGreaterThanOrEqual(0.9 * NANO)
      figure(`spent ${spent} in ${JSON.stringify(tally.byStatus)}`)

      // Whoever asks alone gets the last of it, even where it does not fit; two at once may be refused for each other.
      await until('it is spent to its end', async () => {
        for (const replica of team.replicas) await ask(replica, KEYS.spender, { model: 'priced' })
        return seller.nanoUsd() - nanoBefore >= NANO
      })
      // From now on nobody gets anything, wherever they ask.
      const sold = seller.nanoUsd() - nanoBefore
      expect(sold).toBeLessThanOrEqual(NANO + DEAREST_NANO_USD)
      for (let turn = 0; turn < 20; turn += 1) {
        const { code, status } = await ask(at(team.replicas, turn), KEYS.spender, {
          model: 'priced',
        })
        expect([status, code]).toEqual([429, 'insufficient_quota'])
      }
      expect(seller.nanoUsd() - nanoBefore).toBe(sold)

      // The provider's books, the rows, the totals and the budget itself.
      const requests = seller.sold.requests - soldBefore.requests
      const ofKey = `model_requested = 'priced' AND status = 200`
      await until(
        'the last row is there',
        async () =>
          (await team.number(`SELECT count(*) FROM requests WHERE ${ofKey}`)) === requests,
      )
      const sums = await team.sql(
        `SELECT sum(input_tokens), sum(output_tokens), sum(cost_nano_usd) FROM requests WHERE ${ofKey}`,
      )
      const inputTokens = seller.sold.inputTokens - soldBefore.inputTokens
      const outputTokens = seller.sold.outputTokens - soldBefore.outputTokens
      expect(sums).toBe(`${inputTokens}|${outputTokens}|${sold}`)
      expect(
        await team.number(`SELECT sum(cost_nano_usd) FROM usage_hourly WHERE model = 'priced'`),
      ).toBe(sold)
      expect(
        await team.number(
          `SELECT spent_nano_usd FROM budget_windows WHERE rule_id LIKE '%:spender'`,
        ),
      ).toBe(sold)
      const usage = JSON.parse(
        await team.cli('usage', '--by', 'model,key', '--tenant', 'acme', '--json'),
      )
      expect(usage).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            model: 'priced',
            cost_usd: sold / NANO,
            input_tokens: inputTokens,
            output_tokens: outputTokens,
          }),
        ]),
      )
      expect(JSON.parse(await team.cli('reconcile', '--json'))).toMatchObject({ differences: [] })
    },
    120_000,
  )

  run(
    'what is taken from somebody is gone on both replicas within a second, and streams go on',
    async () => {
      const [one, other] = team.replicas
      const times: Record<string, number> = {}
      /** Until both say so: the last that was answered otherwise began so long after now. */
      const gone = async (name: string, key: string, status: number) => {
        const lastMs = await Promise.all(
          team.replicas.map((replica) =>
            lastBefore(name, async () => (await ask(replica, key)).status === status),
          ),
        )
        times[name] = Math.round(Math.max(times[name] ?? 0, ...lastMs))
        for (const replica of team.replicas) expect((await ask(replica, key)).status).toBe(status)
      }
      const works = (key: string) => gone('it works', key, 200)

      // By the command line, while it streams on both.
      const key = (await team.cli('keys', 'create', 'streaming', '--tenant', 'acme')).trim()
      await works(key)
      const running = held.asked.length
      const streams = await Promise.all(
        team.replicas.map((replica) => post(replica, key, { model: 'held' }, true)),
      )
      await held.arrived(running + 2)
      await team.cli('keys', 'revoke', 'streaming', '--tenant', 'acme')
      await gone('revoked by the command line', key, 401)
      held.release(2)
      for (const stream of streams) {
        const text = await stream.text()
        expect(text).toContain(' there')
        expect(text).toContain('data: [DONE]')
      }

      // By one replica's management API.
      const made = JSON.parse(
        await team.cli('keys', 'create', 'deleted', '--tenant', 'acme', '--json'),
      ) as { key: string; id: string }
      await works(made.key)
      const revoked = await admin(one, ADMINS.acme, `/admin/keys/${made.id}`, 'DELETE')
      expect(revoked.status).toBe(200)
      await gone('revoked by the API', made.key, 401)
      expect((await admin(other, ADMINS.globex, `/admin/keys/${made.id}`)).status).toBe(404)

      // A person: first a role, then everything.
      const inAcme = ['--tenant', 'acme']
      const user = JSON.parse(
        await team.cliWith(
          'correct horse battery\n',
          'users',
          'create',
          'ann',
          ...inAcme,
          '--json',
        ),
      ) as { id: string }
      const who = `user:${user.id}`
      const role = JSON.parse(
        await team.cli('assign', 'member', 'to', who, ...inAcme, '--json'),
      ) as { id: string }
      const own = (await team.cli('keys', 'create', 'ann', '--owner', who, ...inAcme)).trim()
      await works(own)
      await team.cli('unassign', role.id, ...inAcme)
      await gone('without a role', own, 403)
      await team.cli('assign', 'member', 'to', who, ...inAcme)
      await works(own)
      await team.cli('users', 'disable', user.id, ...inAcme)
      await gone('disabled', own, 401)
      figure(`gone after ms ${JSON.stringify(times)}`)
      for (const ms of Object.values(times)) expect(ms).toBeLessThan(GONE_LIMIT_MS)
    },
    120_000,
  )

  run(
    'neither tenant finds anything of the other, on any replica or by any command',
    async () => {
      const made: Record<string, { id: string; key: string }> = {}
      for (const tenant of TENANTS) {
        const create = ['keys', 'create', `made-in-${tenant}`, '--tenant', tenant, '--json']
        made[tenant] = JSON.parse(await team.cli(...create))
      }
      for (const replica of team.replicas) {
        for (const { key } of Object.values(made)) {
          await until('the keys are known', async () => (await ask(replica, key)).status === 200)
        }
      }
      for (const [turn, replica] of [...team.replicas, ...team.replicas].entries()) {
        const tenant = TENANTS[turn >= 2 ? 1 : 0]
        const id = `walk-${tenant}-${turn}`
        expect((await ask(replica, MEMBERS[tenant], { id })).status).toBe(200)
      }
      await until(
        'their rows are there',
        async () =>
          (await team.number(`SELECT count(*) FROM requests WHERE request_id LIKE 'walk-%'`)) === 4,
      )
      for (const [turn, tenant] of TENANTS.entries()) {
        const other = at(TENANTS, turn + 1)
        const strange = new RegExp(`${other}|walk-${other}`)
        for (const replica of team.replicas) {
          for (const path of [
            '/admin/keys',
            '/admin/usage?by=tenant,key,model',
            '/admin/audit',
            '/admin/audit/export',
            '/admin/budgets',
          ]) {
            const own = await admin(replica, ADMINS[tenant], path)
            expect([path, own.status]).toEqual([path, 200])
            // A budget of the file that concerns nothing it has is not a tenant's to see.
            if (path !== '/admin/budgets') expect(own.text).toContain(tenant)
            expect(own.text).not.toMatch(strange)
            const join = path.includes('?') ? '&' : '?'
            const asked = `${path}${join}tenant=${other}`
            expect([asked, (await admin(replica, ADMINS[tenant], asked)).status]).toEqual([
              asked,
              404,
            ])
            const everybody = await admin(replica, ADMINS[tenant], `${path}${join}tenant=*`)
            expect(everybody.text).not.toMatch(strange)
          }
        }
        // By its id, it is not there either, and stays as it is.
        const { id, key } = made[other]!
        const attempts = [
          ['GET', ''],
          ['PATCH', '', { disabled: true }],
          ['DELETE', ''],
          ['POST', '/rotate', {}],
        ] as const
        for (const [nth, [method, rest, body]] of attempts.entries()) {
          const replica = at(team.replicas, nth)
          const path = `/admin/keys/${id}${rest}`
          const tried = await admin(replica, ADMINS[tenant], path, method, body)
          expect([method, tried.status]).toEqual([method, 404])
          expect((await ask(replica, key)).status).toBe(200)
        }
        for (const command of [
          ['keys', 'list'],
          ['usage', '--by', 'tenant,key'],
          ['audit', 'list'],
          ['logs', '--key', `${tenant}-member`],
          ['logs', '--limit', '1000'],
        ]) {
          const said = await team.cli(...command, '--tenant', tenant, '--json')
          expect([command, said]).toEqual([command, expect.stringContaining(tenant)])
          expect(said).not.toMatch(strange)
        }
      }
    },
    120_000,
  )

  run(
    `${hasRedis ? 'Redis' : 'Postgres'} that goes away under load fails nobody who may go on, and no outcome is lost`,
    async () => {
      const [one, other] = team.replicas
      const shared = redis
      const stop = () => (shared === undefined ? postgres.stop('immediate') : shared.kill())
      const start = () => (shared === undefined ? postgres.restart() : shared.start())
      const over = new AbortController()
      const tally = new Tally()
      const soldBefore = seller.sold.requests
      const load = crowd(16, async (client) => {
        for (let turn = 0; !over.signal.aborted; turn += 1) {
          const asking = { model: 'priced', id: `steady-${client}-${turn}` }
          tally.add(await ask(at(team.replicas, client + turn), KEYS.steady, asking))
          await Bun.sleep(10)
        }
      })
      const statuses = async (replica: Weir, key: string, count: number) => {
        const probes = new Tally()
        for (let nth = 0; nth < count; nth += 1) probes.add(await ask(replica, key))
        return probes.byStatus
      }
      expect((await askCounted(one, KEYS.closed)).status).toBe(200)
      expect(await statuses(one, KEYS.local, 5)).toEqual({ 200: 5 })
      await until('it runs', () => tally.answers.length > 200)
      await stop()
      const atStop = tally.answers.length
      await until('it goes on', () => tally.answers.length > atStop + 200)

      // Each limit by its own word.
      expect(await statuses(one, KEYS.closed, 3)).toEqual({ 503: 3 })
      expect(await statuses(other, KEYS.open, LOCAL_MAX + 10)).toEqual({ 200: LOCAL_MAX + 10 })
      expect(await statuses(one, KEYS.local, LOCAL_MAX)).toEqual({ 200: LOCAL_MAX - 5, 429: 5 })
      if (shared === undefined) {
        // A budget that nothing was leased of yet stays closed.
        const { code, status } = await ask(one, KEYS.late, { model: 'priced' })
        expect([status, code]).toEqual([503, 'storage_unavailable'])
      }
      await start()
      const startedMs = performance.now()
      for (const replica of team.replicas) {
        await until(
          'limits are counted together again',
          async () => (await ask(replica, KEYS.closed)).status === 200,
        )
      }
      const backMs = performance.now() - startedMs
      expect(backMs).toBeLessThan(BACK_LIMIT_MS)
      await until(
        'budgets are read again',
        async () => (await ask(one, KEYS.late, { model: 'priced' })).status === 200,
      )
      const atStart = tally.answers.length
      await until('it goes on', () => tally.answers.length > atStart + 100)
      over.abort()
      await load
      figure(`back after ${backMs} ms, ${JSON.stringify(tally.byStatus)}`)
      expect(tally.byStatus).toEqual({ 200: tally.answers.length })

      // Every answer has its row, once, and its money.
      const ofLoad = `FROM requests WHERE request_id LIKE 'steady-%'`
      const all = `${tally.answers.length}|${tally.answers.length}`
      await until(
        'all rows are there',
        async () =>
          (await team.sql(`SELECT count(DISTINCT request_id), count(*) ${ofLoad}`)) === all,
      )
      expect(seller.sold.requests - soldBefore).toBe(tally.answers.length + 1)
      const cost = await team.number(`SELECT sum(cost_nano_usd) ${ofLoad}`)
      expect(
        await team.number(
          `SELECT spent_nano_usd FROM budget_windows WHERE rule_id LIKE '%:steady'`,
        ),
      ).toBe(cost)
      expect(JSON.parse(await team.cli('reconcile', '--json'))).toMatchObject({ differences: [] })
    },
    120_000,
  )
})

/** A replica that is killed with two requests of each key under way. */
async function killed(name: string, hasRedis: boolean): Promise<void> {
  await using redis = hasRedis ? await startRedis() : undefined
  const team = await startTeam({
    postgres,
    ...(redis === undefined ? {} : { redisUrl: `redis://127.0.0.1:${redis.port}` }),
    config: { ...config(), budget_leases: { share: 0.9, expires: `${KILLED_LEASE_MS}ms` } },
  })
  const [one, other] = team.replicas
  for (const replica of team.replicas) {
    await until('the tenants are known', async () => (await ask(replica, KEYS.open)).status === 200)
  }
  const priced = { model: 'priced' }
  const lost = [KEYS.crew, KEYS.crew, KEYS.purse, KEYS.purse].map(async (key) => {
    let stream: Response | undefined
    await until('it runs', async () => {
      stream = await post(one, key, { model: 'held' }, true)
      if (stream.status !== 200) await stream.arrayBuffer()
      return stream.status === 200
    })
    return await stream!.text()
  })
  const ended = Promise.allSettled(lost)
  const lease = `FROM budget_leases WHERE rule_id LIKE '%:purse' AND expires_ms > 0`
  const window = `FROM budget_windows WHERE rule_id LIKE '%:purse'`
  await until(
    'both are told of',
    async () => (await team.number(`SELECT sum(held_nano_usd) ${lease}`)) >= HELD_LEAST_NANO_USD,
  )
  const heldNanoUsd = await team.number(`SELECT sum(held_nano_usd) ${lease}`)
  expect((await askCounted(other, KEYS.crew, priced)).code).toBe('concurrency_limit_exceeded')
  process.kill(one.pid, 'SIGKILL')
  const killedMs = performance.now()
  await one.ended
  await ended

  // All of the money is leased by the one that is gone, and both places are taken; nobody else is held up.
  expect((await ask(other, KEYS.purse, priced)).code).toBe('insufficient_quota')
  expect((await askCounted(other, KEYS.crew, priced)).code).toBe('concurrency_limit_exceeded')
  expect((await ask(other, KEYS.steady, priced)).status).toBe(200)

  // What was held for requests under way counts as spent, the rest can be spent again.
  await until(
    'its lease has ended',
    async () => (await team.number(`SELECT spent_nano_usd ${window}`)) === heldNanoUsd,
  )
  expect((await ask(other, KEYS.purse, priced)).status).toBe(200)
  const leaseMs = performance.now() - killedMs
  // It is looked for leases that are over three times in the life of one; a busy machine may take its time for the rest.
  expect(leaseMs).toBeLessThan((KILLED_LEASE_MS * 4) / 3 + 8_000)

  const statuses = new Set<number>()
  await until(
    'its places are free',
    async () => {
      statuses.add((await ask(other, KEYS.steady, priced)).status)
      await Bun.sleep(100)
      return (await ask(other, KEYS.crew, priced)).status === 200
    },
    LIMITS.limitLeaseMs + 10_000,
  )
  const placesMs = performance.now() - killedMs
  figure(`killed ${name}: lease ${leaseMs} ms, places ${placesMs} ms`)
  expect([...statuses]).toEqual([200])
  await team.stop()
}

test.skipIf(noPostgres !== undefined)(
  'what a killed replica held comes back to the other, which goes on',
  async () => {
    const ways = WAYS.filter(([, hasRedis]) => !hasRedis || noRedis === undefined)
    // Mostly a wait: at once.
    await Promise.all(ways.map(([name, hasRedis]) => killed(name, hasRedis)))
  },
  180_000,
)
