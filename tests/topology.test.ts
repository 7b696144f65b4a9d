// A whole installation under a steady load while its parts go one by one: a replica stopped for an upgrade, another killed, Redis killed,
// the primary of Postgres killed and its standby promoted, Traefik killed last. What clients saw, what limits and budgets let through,
// which rows are there, and how long each took to be well again.

import { expect, test } from 'bun:test'
import { run as send, type Told } from '../bench/soak-client.ts'
import type { Errand, Plan } from '../bench/soak-plan.ts'
import type { UpstreamStats } from '../bench/soak-upstream.ts'
import { startScript } from '../bench/stage.ts'
import { LIMITS } from '../src/core/limits.ts'
import { freePort } from '../src/testing/ports.ts'
import { admin, lastBefore, until } from './harness/team.ts'
import { startTopology, topologyMissing, type Topology } from './harness/topology.ts'
import type { Weir } from './harness/weir.ts'

const missing = await topologyMissing()
if (missing !== undefined)
  process.stdout.write(`left out: three replicas behind Traefik: ${missing}\n`)

const secret = (name: string) => `${name}-key-0123456789-0123456789-0123456789`
const KEYS = {
  steady: secret('steady'),
  counted: secret('counted'),
  crew: secret('crew'),
  purse: secret('purse'),
  admin: secret('admin'),
}
type Who = Exclude<keyof typeof KEYS, 'admin'>
/** Letters that nonces begin with: the provider counts by them. */
const LETTERS: Readonly<Record<Who, string>> = { steady: 's', counted: 'n', crew: 'c', purse: 'p' }
const CLIENTS: Readonly<Record<Who, number>> = { steady: 18, counted: 2, crew: 6, purse: 2 }
const PAUSE_MS: Readonly<Record<Who, number>> = { steady: 0, counted: 150, crew: 100, purse: 100 }

const COUNTED_MAX = 20
const CREW_MAX = 3
const PRICE = { input: 1, output: 10 }
const NANO_PER_INPUT = 1_000
const NANO_PER_OUTPUT = 10_000
const PURSE_USD = 0.004
/** Far more than the balancer takes to look twice, on a busy machine too. */
const STOP_DELAY_MS = 10_000
const MINUTE_MS = 60_000
/** The longest wait between two looks at Redis, and one look. On a busy machine some looks are in vain. */
const BACK_LIMIT_MS = 4 * (LIMITS.limitRetryCapMs + 1_000)
/** Half a second is how long one that heard nothing goes without asking. */
const REVOKED_LIMIT_MS = 2_500

const config = (upstreamPort: number) => ({
  server: { drain_timeout: '20s', stop_delay: `${STOP_DELAY_MS}ms` },
  providers: [
    {
      id: 'good',
      type: 'custom',
      compatible: 'openai',
      base_url: `http://127.0.0.1:${upstreamPort}/good/v1`,
      keys: ['sk-topology'],
      retries: { max: 0 },
    },
  ],
  models: [{ id: 'm', targets: [{ provider: 'good', model: 'm' }], price: PRICE }],
  keys: Object.entries(KEYS).map(([name, key]) => ({
    name,
    key,
    ...(name === 'admin' ? { roles: ['admin'] } : {}),
  })),
  limits: [
    {
      per: 'key',
      only: 'counted',
      requests_per_minute: COUNTED_MAX,
      when_unavailable: 'closed',
    },
    { per: 'key', only: 'crew', concurrent: CREW_MAX, when_unavailable: 'closed' },
  ],
  budgets: [
    { per: 'key', only: 'purse', usd: PURSE_USD, window: 'total' },
    { per: 'key', only: 'steady', usd: 1_000, window: 'total' },
  ],
})

/** One request with the moment it began; 502 of the balancer is told apart from what a replica says. */
interface Seen extends Told {
  readonly who: Who
  readonly beganMs: number
}

class Load {
  readonly seen: Seen[] = []
  private readonly over = new AbortController()
  private readonly loops: Promise<void>[] = []

  constructor(port: number) {
    for (const who of Object.keys(CLIENTS) as Who[]) {
      for (let client = 0; client < CLIENTS[who]; client += 1) {
        this.loops.push(this.loop(port, who, client))
      }
    }
  }

  private async loop(port: number, who: Who, client: number): Promise<void> {
    for (let turn = 0; !this.over.signal.aborted; turn += 1) {
      const nonce = `${LETTERS[who]}${client}x${turn}`
      const errand = errandOf(nonce, who, client)
      const beganMs = performance.now()
      const requestId = `topology-${nonce}`
      const answer = await send({ port, model: 'm', key: KEYS[who], requestId, errand })
      this.seen.push({ ...answer, who, beganMs })
      const isTrouble = answer.outcome !== 'right'
      await Bun.sleep(isTrouble ? Math.max(50, PAUSE_MS[who]) : PAUSE_MS[who])
    }
  }

  async end(): Promise<void> {
    this.over.abort()
    await Promise.all(this.loops)
  }

  /** Somebody was told so, of a request that began after that moment. */
  async refused(who: Who, status: number, fromMs: number): Promise<void> {
    const isIt = (each: Seen) =>
      each.who === who && each.status === status && each.beganMs >= fromMs
    await until(`${who} is refused with ${status}`, () => this.seen.some(isIt))
  }

  /** So many more requests of the load that were answered right, from now on. */
  async more(count: number): Promise<void> {
    const right = () =>
      this.seen.filter((each) => each.who === 'steady' && each.outcome === 'right')
    const due = right().length + count
    await until(`${count} more are answered`, () => right().length >= due)
  }
}

/** A third of the load comes whole, the rest as streams of half a second to two seconds, in two protocols. */
function errandOf(nonce: string, who: Who, client: number): Errand {
  const isSteady = who === 'steady'
  const plan: Plan = {
    nonce,
    pieces: isSteady ? 8 + (client % 3) * 8 : 6,
    gapMs: isSteady ? 60 : 30,
    fillChars: 0,
    tool: client % 4 === 1,
    fault: 'none',
  }
  const habit = isSteady && client % 3 === 0 ? 'whole' : 'reads'
  const dialect = isSteady && client % 2 === 1 ? 'anthropic' : 'openai-chat'
  return { plan, client: dialect, provider: 'openai-chat', habit, leaveAfterBytes: 0 }
}

/** What went on, and when: what clients saw is told with it. */
class Phases {
  private readonly all: { readonly name: string; readonly fromMs: number; toMs: number }[] = []

  /** @throws what the work throws, with the name of the phase */
  async during<T>(name: string, work: () => Promise<T>): Promise<T> {
    const phase = { name, fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY }
    this.all.push(phase)
    try {
      return await work()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`while ${name}: ${reason}`, { cause: error })
    } finally {
      phase.toMs = performance.now()
    }
  }

  /** `a replica killed +120 to +340 ms`, for each phase that a request touched. */
  of({ beganMs, endedMs }: Seen): string {
    return this.all
      .filter(({ fromMs, toMs }) => endedMs >= fromMs && beganMs <= toMs)
      .map(({ fromMs, name }) => {
        const after = (ms: number) => (ms - fromMs).toFixed(0)
        return `${name} ${after(beganMs)} to ${after(endedMs)} ms`
      })
      .join(', ')
  }
}

function figure(text: string): void {
  process.stdout.write(`topology: ${text}\n`)
}

/** How long any replica goes on to know a key, which is made, used and revoked by the API of one: the last that was let in asked then. */
async function revocation(replicas: readonly Weir[], name: string): Promise<number> {
  const [one] = replicas
  const made = await admin(one!, KEYS.admin, '/admin/keys', 'POST', { name })
  expect([made.status, made.text]).toEqual([201, expect.any(String)])
  const { id, key } = made.json as { id: string; key: string }
  const isKnown = async (replica: Weir) =>
    (await fetch(`${replica.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } }))
      .status === 200
  for (const replica of replicas) await until('the key is known', () => isKnown(replica))
  await admin(one!, KEYS.admin, `/admin/keys/${id}`, 'DELETE')
  const lastMs = await Promise.all(
    replicas.map((replica) => lastBefore('it is gone', async () => !(await isKnown(replica)))),
  )
  return Math.max(...lastMs)
}

/** What clients of the load saw that was not right, of requests that were under way between two moments. */
function troubles(seen: readonly Seen[], fromMs: number, toMs: number): Seen[] {
  return seen.filter(
    (each) =>
      each.who === 'steady' &&
      each.outcome !== 'right' &&
      each.endedMs >= fromMs &&
      each.beganMs <= toMs,
  )
}

function tally(list: readonly Seen[]): string {
  const counts = new Map<string, number>()
  for (const { outcome, status } of list) {
    const name = status === 0 ? outcome : `${outcome} ${status}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ') || 'nothing'
}

test.skipIf(missing !== undefined)(
  'each part of an installation may go, and nothing is lost that need not be',
  async () => {
    const upstream = await startScript(
      'upstream',
      import.meta.resolve('../bench/soak-upstream.ts'),
      [String(freePort())],
    )
    const it = await startTopology(config(upstream.port))
    const { replicas } = it
    const load = new Load(it.port)
    const phases = new Phases()
    try {
      await phases.during('all is well', async () => {
        await load.more(40)
        figure(`revoked everywhere after ${(await revocation(replicas, 'before')).toFixed(0)} ms`)
      })
      await phases.during('a replica is stopped', () => stopped(it, load))
      const crash = await phases.during('a replica is killed', () => killed(it, load))
      const redis = await phases.during('Redis is killed', () => redisKilled(it, load))
      await phases.during('the primary is killed', () => primaryKilled(it, load))
      const traefik = await phases.during('Traefik is killed', () => balancerKilled(it, load))
      await load.refused('counted', 429, redis.upMs)
      await load.end()

      // Beside the moments that clients must see, they saw nothing: no refusal, no cut, no wrong byte.
      const allowed = new Set([...crash.seen, ...traefik.seen])
      const rest = load.seen.filter(
        (each) => each.who === 'steady' && each.outcome !== 'right' && !allowed.has(each),
      )
      expect(
        rest.map((each) => [each.requestId, each.outcome, each.detail, phases.of(each)]),
      ).toEqual([])
      await expectLimits(it, load, upstream.port, redis)
      await expectRows(it, load, crash, phases)
    } finally {
      await load.end()
      await it.stop()
      await upstream.stop()
    }
  },
  300_000,
)

interface Phase {
  readonly atMs: number
  readonly seen: readonly Seen[]
}

interface Crash extends Phase {
  /** What was answered before has its row. */
  readonly writtenMs: number
  /** The balancer leads nobody to it any more: no answer of it is on its way. */
  readonly avoidedMs: number
}

/** An upgrade: a new replica for one that is told to stop and may finish what it has. */
async function stopped(it: Topology, load: Load): Promise<void> {
  const atMs = performance.now()
  const old = it.replicas[1]!
  process.kill(old.pid, 'SIGTERM')
  // Nobody is to see anything: the balancer has to know while what it still sends is still taken.
  const first = await Promise.race([
    it.avoided(old).then(() => 'avoided'),
    old.ended.then(() => 'ended'),
  ])
  expect(first).toBe('avoided')
  const avoidedMs = performance.now()
  expect(await old.ended).toBe(0)
  const endedMs = performance.now()
  await it.replace(1)
  await load.more(20)
  const seen = troubles(load.seen, atMs, performance.now())
  figure(
    `a replica stopped: avoided after ${(avoidedMs - atMs).toFixed(0)} ms, ended after ${(endedMs - atMs).toFixed(0)} ms, clients saw ${tally(seen)}`,
  )
}

async function killed(it: Topology, load: Load): Promise<Crash> {
  await load.more(10)
  const old = it.replicas[2]!
  // How long a row takes to its commit is the machine's affair: what has been answered up to here is written, what comes after may not be.
  const writtenMs = performance.now()
  const right = load.seen.filter(({ outcome }) => outcome === 'right')
  await until('what was answered is written', async () => {
    const rows = await rowsOf(it)
    return right.every(({ requestId }) => rows.has(requestId))
  })
  const atMs = performance.now()
  process.kill(old.pid, 'SIGKILL')
  await old.ended
  // What was sent on a connection to it is not sent again. A new request may be led to it until the balancer has looked: it is tried
  // again with another, but so many times at most, and others that come between may have had the turns of those that are well.
  await it.avoided(old)
  const avoidedMs = performance.now()
  await load.more(60)
  const seen = troubles(load.seen, atMs, avoidedMs)
  const lastMs = Math.max(atMs, ...seen.map(({ beganMs }) => beganMs))
  const isLater = ({ beganMs }: Seen) => beganMs > atMs
  figure(
    `a replica killed: avoided after ${(avoidedMs - atMs).toFixed(0)} ms, clients saw ${tally(seen)}, of new requests ${tally(seen.filter(isLater))}, the last that began ${(lastMs - atMs).toFixed(0)} ms after`,
  )
  // Those that it had, and no others: a third of the clients and a few by chance.
  expect(seen.length).toBeLessThanOrEqual(CLIENTS.steady)
  for (const { outcome, status } of seen) {
    expect([
      ['cut', 200],
      ['wrong', 502],
    ]).toContainEqual([outcome, status])
  }
  await it.replace(2)
  await load.more(20)
  return { writtenMs, atMs, avoidedMs, seen }
}

/** Of requests of the load on the server that is the primary now, by id: how many rows, and the output tokens of all. */
async function rowsOf(it: Topology): Promise<Map<string, readonly [number, number]>> {
  const text = await it.sql(
    `SELECT request_id, count(*), sum(output_tokens) FROM requests WHERE request_id LIKE 'topology-%' GROUP BY request_id`,
  )
  return new Map(
    text.split('\n').map((line) => {
      const [id = '', count, output] = line.split('|')
      return [id, [Number(count), Number(output)]]
    }),
  )
}

interface RedisPhase {
  readonly downMs: number
  readonly upMs: number
}

async function redisKilled(it: Topology, load: Load): Promise<RedisPhase> {
  await load.refused('counted', 429, 0)
  const downMs = performance.now()
  await it.redis.kill()
  await load.more(40)
  // Its limit says `closed`: nobody is let through uncounted.
  await load.refused('counted', 503, downMs)
  await it.redis.start()
  const upMs = performance.now()
  const isCounted = (each: Seen) =>
    each.who === 'crew' && each.beganMs > upMs && each.outcome === 'right'
  await until('limits are counted together again', () => load.seen.some(isCounted))
  const backMs = performance.now() - upMs
  expect(backMs).toBeLessThan(BACK_LIMIT_MS)
  await load.more(20)
  const seen = troubles(load.seen, downMs, performance.now())
  figure(
    `Redis killed and empty again: counted after ${backMs.toFixed(0)} ms, others saw ${tally(seen)}`,
  )
  return { downMs, upMs }
}

async function primaryKilled(it: Topology, load: Load): Promise<void> {
  const atMs = performance.now()
  await it.primary.stop('immediate')
  await load.more(60)
  const [one] = it.replicas
  const refused = await admin(one!, KEYS.admin, '/admin/keys', 'POST', { name: 'nowhere' })
  expect(refused.status).toBe(503)
  const promotingMs = performance.now()
  await it.promote()
  const promotedMs = performance.now()
  const isWell = async (replica: Weir) => {
    const { status, text } = await admin(replica, KEYS.admin, '/admin/keys?limit=1')
    return status === 200 && text !== ''
  }
  for (const replica of it.replicas) await until('it is well', () => isWell(replica))
  const made = await until('changes are taken again', async () => {
    const { status } = await admin(one!, KEYS.admin, '/admin/keys', 'POST', { name: 'somewhere' })
    return status === 201
  })
  const wellMs = performance.now()
  const revokedMs = await revocation(it.replicas, 'after')
  expect(revokedMs).toBeLessThan(REVOKED_LIMIT_MS)
  await load.more(20)
  const seen = troubles(load.seen, atMs, performance.now())
  figure(
    `the primary killed, without one for ${(promotingMs - atMs).toFixed(0)} ms, promoted in ${(promotedMs - promotingMs).toFixed(0)} ms: followed after ${(wellMs - promotedMs).toFixed(0)} ms (${made.toFixed(0)} of it for changes), revoked everywhere after ${revokedMs.toFixed(0)} ms, clients saw ${tally(seen)}`,
  )
}

async function balancerKilled(it: Topology, load: Load): Promise<Phase> {
  const atMs = performance.now()
  await it.killBalancer()
  const isGone = (each: Seen) => each.beganMs > atMs && each.outcome === 'gone'
  await until('clients are without it', () => load.seen.some(isGone))
  await it.startBalancer()
  const upMs = performance.now()
  await load.more(20)
  const backMs = performance.now() - upMs
  const seen = troubles(load.seen, atMs, upMs)
  figure(
    `Traefik killed for ${(upMs - atMs).toFixed(0)} ms: clients saw ${tally(seen)}; twenty right again after ${backMs.toFixed(0)} ms`,
  )
  return { atMs, seen }
}

/** Limits on what runs at once, on requests in a minute, and money: at most one over, whatever went. */
async function expectLimits(
  it: Topology,
  load: Load,
  upstreamPort: number,
  redis: RedisPhase,
): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${upstreamPort}/stats`)
  const stats = (await response.json()) as UpstreamStats
  const counted = load.seen.filter(({ outcome, who }) => who === 'counted' && outcome === 'right')
  // A Redis that comes back empty has forgotten what was counted: before and after it are two windows.
  const isBefore = ({ beganMs }: Seen) => beganMs < redis.downMs
  const before = mostInMinute(counted.filter(isBefore))
  const after = mostInMinute(counted.filter((each) => !isBefore(each)))
  // Of those that were cut with a replica nobody knows whether they had been counted.
  const maybe = load.seen.filter(
    (each) => each.who === 'counted' && isBefore(each) && ![429, 503].includes(each.status),
  )
  const spent = Number(
    await it.sql(`SELECT spent_nano_usd FROM budget_windows WHERE rule_id LIKE '%purse%'`),
  )
  figure(
    `at most ${stats.most[LETTERS.crew] ?? 0} of ${CREW_MAX} at once; ${before} of ${COUNTED_MAX} in the minute before Redis went, ${after} after; ${spent / 1e9} of ${PURSE_USD} USD spent`,
  )
  expect(stats.most[LETTERS.crew]).toBeLessThanOrEqual(CREW_MAX + 1)
  expect(before).toBeLessThanOrEqual(COUNTED_MAX + 1)
  expect(after).toBeLessThanOrEqual(COUNTED_MAX + 1)
  // It was reached before, or nothing was held.
  expect(maybe.length).toBeGreaterThanOrEqual(COUNTED_MAX)
  const dearest = 10 * NANO_PER_INPUT + 6 * NANO_PER_OUTPUT
  expect(spent).toBeLessThanOrEqual(PURSE_USD * 1e9 + dearest)
}

/** Most that certainly lie within any one minute, from their beginning to their end. */
function mostInMinute(list: readonly Seen[]): number {
  const within = list.map(
    ({ beganMs: fromMs }) =>
      list.filter(({ beganMs, endedMs }) => beganMs >= fromMs && endedMs <= fromMs + MINUTE_MS)
        .length,
  )
  return Math.max(0, ...within)
}

/** Every request that was answered has its one row on the server that is the primary now, with its usage and its money. */
async function expectRows(it: Topology, load: Load, crash: Crash, phases: Phases): Promise<void> {
  const right = load.seen.filter(({ outcome }) => outcome === 'right')
  // An answer of the killed replica may have waited in its connections until the balancer, and then the client, here, had their turn.
  const mayLack = ({ beganMs, endedMs }: Seen) =>
    beganMs <= crash.atMs && endedMs > crash.writtenMs && endedMs < crash.avoidedMs
  let rows = new Map<string, readonly [number, number]>()
  const isThere = ({ requestId }: Seen) => rows.has(requestId)
  try {
    await until('the last rows are there', async () => {
      rows = await rowsOf(it)
      return right.every((each) => isThere(each) || mayLack(each))
    })
  } catch (error) {
    const lost = right.filter((each) => !isThere(each) && !mayLack(each))
    const each = lost.map((one) => `${one.requestId} (${phases.of(one)})`)
    throw new Error(`requests without a row: ${each.join('; ')}`, { cause: error })
  }
  const lost = right.filter(({ requestId }) => !rows.has(requestId))
  const ageMs = Math.max(0, ...lost.map(({ endedMs }) => crash.atMs - endedMs))
  figure(
    `${load.seen.length} requests, ${right.length} right, ${rows.size} with a row, ${lost.length} answered in the last ${ageMs.toFixed(0)} ms of the killed replica without one`,
  )
  for (const { errand, requestId } of right) {
    const row = rows.get(requestId)
    if (row !== undefined) expect([requestId, ...row]).toEqual([requestId, 1, errand.plan.pieces])
  }
  const doubled = [...rows].filter(([, [count]]) => count !== 1)
  expect(doubled).toEqual([])
  const sums = await it.sql(
    `SELECT w.spent_nano_usd = (SELECT sum(cost_nano_usd) FROM requests r WHERE r.request_id LIKE 'topology-s%') FROM budget_windows w WHERE w.rule_id LIKE '%steady%'`,
  )
  figure(`the steady budget reconciles with its rows: ${sums}`)
  const [one] = it.replicas
  const reconciled = await one!.runCli('reconcile', '--json')
  expect(JSON.parse(reconciled.stdout)).toMatchObject({ differences: [] })
}
