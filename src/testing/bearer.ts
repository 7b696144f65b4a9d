// Bearer tokens put together for tests: a real transport and real issuers on loopback, a clock that the test moves, and people in
// memory that change as the store's would.

import { createBearerTokens, type BearerTokens } from '../auth/bearer.ts'
import { EntraTokens } from '../auth/entra-tokens.ts'
import { sha256Hex } from '../auth/authenticate.ts'
import { GatewayError } from '../core/error.ts'
import { EMPTY_DIRECTORY, type Directory, type Service, type User } from '../core/identity.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import type { Logger, Transport, UpstreamRequest } from '../core/ports.ts'
import type { Principal } from '../core/principal.ts'
import { Rights } from '../core/rights.ts'
import { FakeClock } from './clock.ts'
import { transport } from './transport.ts'

export function issuerSettings(
  over: Partial<IssuerSettings> & Pick<IssuerSettings, 'issuer'>,
): IssuerSettings {
  return {
    id: 'idp',
    kind: 'generic',
    label: 'idp',
    clientId: 'weir',
    login: true,
    bearer: true,
    audiences: ['weir-api'],
    scopes: ['openid'],
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    clockSkewMs: 60_000,
    rolesClaims: ['roles'],
    groupsClaim: 'groups',
    roles: { engineer: 'member', boss: 'admin', root: 'owner@/' },
    groupRoles: {},
    createUsers: true,
    graphUrl: 'https://graph.microsoft.com',
    network: { verify: true, allowPrivate: true },
    ...over,
  }
}

export interface BearerRig {
  readonly bearer: BearerTokens
  readonly clock: FakeClock
  /** Addresses that were connected to. */
  readonly sent: string[]
  /** Log lines, as text. */
  readonly lines: string[]
  issuers: readonly IssuerSettings[]
  /** What the store was told. */
  readonly written: string[]
  /** How the store fails. */
  storeFault: Error | undefined
  storeGate: Promise<void> | undefined
  directory(): Directory
  /** Of the snapshot. */
  readonly version: number
  /** As the snapshot after a change. */
  change(directory: Partial<Directory>): void
  ask(token: string): Promise<Principal>
  /** What it ends with. */
  refusal(token: string): Promise<GatewayError>
}

/** Wall clock is the real one at first, as issuers of tests sign with it. */
export function bearerRig(
  issuers: readonly IssuerSettings[],
  options: { readonly answerTimeoutMs?: number } = {},
): BearerRig {
  const clock = new FakeClock(Date.now())
  const http = transport()
  const sent: string[] = []
  const lines: string[] = []
  const watched: Transport = {
    send(request: UpstreamRequest) {
      sent.push(request.url)
      return http.send(request)
    },
  }
  const log = (message: string, fields?: Record<string, unknown>) =>
    void lines.push(`${message} ${JSON.stringify(fields ?? {})}`)
  const logger: Logger = { debug: log, info: log, warn: log, error: log }
  let nth = 0
  const ids = {
    uuid: () => `00000000-0000-7000-8000-${String((nth += 1)).padStart(12, '0')}`,
    random: () => 0.5,
  }
  let directory: Directory = EMPTY_DIRECTORY
  let people = { version: 1, rights: new Rights(directory) }
  const change = (changed: Partial<Directory>) => {
    directory = { ...directory, ...changed }
    people = { version: people.version + 1, rights: new Rights(directory) }
  }
  const rig: Omit<BearerRig, 'bearer'> = {
    clock,
    sent,
    lines,
    issuers,
    written: [],
    storeFault: undefined,
    storeGate: undefined,
    directory: () => directory,
    get version() {
      return people.version
    },
    change,
    ask: async (token) => await bearer.principal(token, sha256Hex(token)),
    async refusal(token) {
      try {
        await bearer.principal(token, sha256Hex(token))
      } catch (error) {
        if (error instanceof GatewayError) return error
        throw error
      }
      throw new Error('it was let in')
    },
  }
  const store = async (what: string) => {
    rig.written.push(what)
    await rig.storeGate
    if (rig.storeFault !== undefined) throw rig.storeFault
  }
  const taken = () => new GatewayError('invalid_request', { status: 409, code: 'already_exists' })
  const bearer = createBearerTokens({
    transport: watched,
    clock,
    ids,
    logger,
    ...options,
    tokens: new EntraTokens({ transport: watched, clock, ids, logger }),
    issuers: () => rig.issuers,
    people: () => people,
    users: {
      async create({ passwordHash: _none, ...row }) {
        await store(`user ${row.issuer} ${row.subject}`)
        const isKnown = directory.users.some(
          ({ issuer, subject }) => issuer === row.issuer && subject === row.subject,
        )
        if (isKnown) throw taken()
        const user: User = { ...row, status: 'active' }
        change({ users: [...directory.users, user] })
        return user
      },
      async bySubject(issuer, subject) {
        return directory.users.find((user) => user.issuer === issuer && user.subject === subject)
      },
      async loggedIn(_tenantId, id, { claimed }) {
        change({
          users: directory.users.map((user) => (user.id === id ? { ...user, claimed } : user)),
        })
      },
    },
    services: {
      async create(row) {
        await store(`service ${row.id}`)
        if (directory.services.some(({ id }) => id === row.id)) throw taken()
        const service: Service = { ...row, status: 'active' }
        change({ services: [...directory.services, service] })
        return service
      },
      list: async (tenantId) => directory.services.filter((each) => each.tenantId === tenantId),
    },
  })
  return Object.defineProperty(rig, 'bearer', { value: bearer }) as BearerRig
}

/** Seconds, as tokens say times. */
export function seconds(ms: number): number {
  return Math.floor(ms / 1_000)
}

/** The payload of a good access token of `issuerSettings`. */
export function goodPayload(
  issuer: string,
  nowMs: number,
  over: Record<string, unknown> = {},
): Record<string, unknown> {
  const now = seconds(nowMs)
  const all = {
    iss: issuer,
    sub: 'alice',
    aud: 'weir-api',
    client_id: 'cli',
    scope: 'openid',
    iat: now,
    nbf: now,
    exp: now + 300,
    roles: ['engineer'],
    ...over,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}
