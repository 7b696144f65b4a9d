// The team server beside the laptop in the same rounds: Postgres for the store, Redis for shared limits, limits of several kinds, a budget
// with a price, and a key or an access token of an issuer. What the laptop's own costs are, measure-plain.ts says.

import { issuerKey, TokenIssuer } from '../src/testing/token-issuer.ts'
import { postgresMissing, startPostgres } from '../src/testing/postgres.ts'
import { redisPath, startRedis } from '../src/testing/redis.ts'
import { median } from './driver.ts'
import {
  addedLatency,
  takeSample,
  warmUp,
  type PlainOptions,
  type Sample,
} from './measure-plain.ts'
import type { Running } from './process.ts'
import { number, type Figure } from './report.ts'
import type { Stage } from './stage.ts'

/** High enough that nothing is refused: what is measured is the counting. */
const MANY = 1_000_000_000

/** Whom a team server counts, and what it may spend. */
const RULES = {
  limits: [
    { per: 'global', requests_per_minute: MANY },
    { per: 'key', requests_per_minute: MANY, tokens_per_minute: MANY, concurrent: MANY },
    { per: 'user', requests_per_minute: MANY },
    { per: 'ip', requests_per_minute: MANY },
  ],
  budgets: [
    { per: 'tenant', usd: 1_000_000, window: 'month' },
    { per: 'key', usd: 1_000_000, window: 'month' },
  ],
}

const PRICE = { price: { input: 1, output: 2 } }

export async function measureTeam(stage: Stage, options: PlainOptions): Promise<Figure[]> {
  const missing = postgresMissing() ?? (redisPath() === undefined ? 'no redis-server' : undefined)
  if (missing !== undefined) {
    return [{ name: `not measured: ${missing}`, value: Number.NaN, unit: '' }]
  }
  await using postgres = await startPostgres()
  await using redis = await startRedis()
  await using issuer = new TokenIssuer({ keys: [await issuerKey(0)] })
  const { url } = await postgres.createDatabase()
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const token = await issuer.sign({
    iss: issuer.issuer,
    aud: 'weir-api',
    scope: 'models',
    sub: 'bench',
    roles: ['member'],
    iat: nowSeconds,
    exp: nowSeconds + 3_600,
  })
  const oidc = [
    {
      id: 'idp',
      issuer: issuer.issuer,
      client_id: 'weir',
      audience: ['weir-api'],
      roles: { member: 'member' },
      network: { allow_private: true },
    },
  ]
  const laptop = await stage.startWeir({ model: PRICE })
  const redisUrl = `redis://127.0.0.1:${redis.port}`
  const team = await stage.startWeir({
    name: 'weir for a team',
    model: PRICE,
    more: { ...RULES, storage: { url }, redis: { url: redisUrl }, auth: { oidc } },
  })
  const alone = await stage.startWeir({
    name: 'weir with the same rules alone',
    model: PRICE,
    more: RULES,
  })
  const subjects: readonly Subject[] = [
    { name: 'laptop', server: laptop },
    { name: 'rules alone', server: alone },
    { name: 'team, key', server: team },
    { name: 'team, token', server: team, credential: token },
  ]
  for (const { credential, server } of subjects) {
    await warmUp(stage, server, options.warmUp, credential)
  }
  const figures: Figure[] = []
  for (const connections of [1, 32]) {
    const rounds: Sample[][] = []
    for (let round = 0; round < options.rounds; round += 1) {
      const samples: Sample[] = []
      for (const { credential, server } of subjects) {
        samples.push(await takeSample(stage, server, connections, options.windowMs, credential))
      }
      rounds.push(samples)
    }
    subjects.slice(1).forEach(({ name }, index) => {
      figures.push(...compared(name, index + 1, connections, rounds))
    })
  }
  for (const server of [alone, team, laptop]) await stage.stop(server)
  return figures
}

interface Subject {
  readonly name: string
  readonly server: Running
  readonly credential?: string
}

/** One profile against the laptop's, round by round. */
function compared(
  name: string,
  at: number,
  connections: number,
  rounds: readonly Sample[][],
): Figure[] {
  const over = (read: (own: Sample, laptop: Sample) => number) =>
    median(rounds.map((samples) => read(samples[at]!, samples[0]!)))
  const own = (read: (sample: Sample) => number) =>
    median(rounds.map((samples) => read(samples[at]!)))
  const what = `${name}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`
  return [
    {
      name: `${what}: requests per second of the laptop's`,
      value: over((sample, laptop) => sample.perSecond / laptop.perSecond),
      unit: '×',
      beside: `${number(
        own(({ perSecond }) => perSecond),
        0,
      )}/s`,
    },
    {
      name: `  … CPU over the laptop's`,
      value: over((sample, laptop) => sample.cpuMs / laptop.cpuMs),
      unit: '×',
      beside: `${number(
        own(({ cpuMs }) => cpuMs),
        1,
      )} ms per 1,000`,
    },
    ...addedLatency(' to the laptop’s', at, rounds),
  ]
}
