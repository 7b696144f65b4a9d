// Owners of good tokens who are not known yet: written down once, whatever the number of their requests, so that they can be seen, given
// rights, limited and turned off. A store that is away keeps nobody out who has a good token; they go on under the id that they
// will be written down with.

import { systemActor } from '../core/audit.ts'
import { GatewayError } from '../core/error.ts'
import type { Service, User } from '../core/identity.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, IdSource, Logger } from '../core/ports.ts'
import type { ServiceRepository, UserRepository } from '../core/ports-people.ts'
import type { Rights } from '../core/rights.ts'
import { sha256Hex } from './authenticate.ts'
import { isSameClaims, type TokenClaims } from './claims.ts'

export interface NewcomerPorts {
  readonly users: Pick<UserRepository, 'create' | 'bySubject' | 'loggedIn'>
  readonly services: Pick<ServiceRepository, 'create' | 'list'>
  readonly clock: Clock
  readonly ids: IdSource
  readonly logger: Logger
}

/** Somebody on the way into the store. */
interface Arrival<Row> {
  /** Who they are meanwhile. */
  readonly provisional: Row
  writing?: Promise<Row>
  /** Monotonic; when the last try failed. */
  failedMs?: number
}

const SERVICE_NAME_CHARS_MAX = 200

const ACTOR = systemActor('bearer')

export class Newcomers {
  private readonly ports: NewcomerPorts
  private readonly users = new Map<string, Arrival<User>>()
  private readonly services = new Map<string, Arrival<Service>>()
  /** Users whose claims are being written. */
  private readonly renewing = new Set<string>()

  constructor(ports: NewcomerPorts) {
    this.ports = ports
  }

  /** The user as written down, or as they will be where that takes too long. */
  async user(claims: TokenClaims, tenantId: string): Promise<User> {
    const { clock, ids } = this.ports
    const name = nameOf(claims, tenantId)
    const arrival = arrivalOf(this.users, name, () => ({
      tenantId,
      id: ids.uuid(),
      issuer: claims.issuerId,
      subject: claims.subject,
      status: 'active' as const,
      createdMs: clock.nowMs(),
      claimed: claims.claimed,
      ...(claims.name === undefined ? {} : { name: claims.name }),
      ...(claims.email === undefined ? {} : { email: claims.email }),
    }))
    return await this.settled(this.users, name, arrival, (user) => this.writeUser(user, claims))
  }

  /** The same for a service. */
  async service(claims: TokenClaims, tenantId: string): Promise<Service> {
    const { clock } = this.ports
    const name = nameOf(claims, tenantId)
    const arrival = arrivalOf(this.services, name, () => ({
      tenantId,
      id: serviceId(claims.subject),
      name: claims.subject.slice(0, SERVICE_NAME_CHARS_MAX),
      issuer: claims.issuerId,
      clientId: claims.subject,
      status: 'active' as const,
      createdMs: clock.nowMs(),
    }))
    return await this.settled(this.services, name, arrival, (service) => this.writeService(service))
  }

  /**
   * Writes down, in the background, what a person's token says where it is others than the store has and newer: keys of theirs must
   * not go on with roles that the issuer has taken away.
   * @param issuedMs of the token; 0 where it does not say, and then nothing is written
   */
  renewed(
    { claimed, email, isService, issuerId, name, subject }: TokenClaims,
    issuedMs: number,
    rights: Pick<Rights, 'userBySubject'>,
  ): void {
    const user = isService ? undefined : rights.userBySubject(issuerId, subject)
    if (user === undefined || issuedMs <= (user.lastLoginMs ?? 0)) return
    if (isSameClaims(user.claimed, claimed) || this.renewing.has(user.id)) return
    this.renewing.add(user.id)
    const shown = {
      ...(name === undefined ? {} : { name }),
      ...(email === undefined ? {} : { email }),
    }
    this.ports.users
      .loggedIn(user.tenantId, user.id, { claimed, atMs: issuedMs, ...shown })
      .catch((error: unknown) => {
        this.ports.logger.warn('what a token says of its owner could not be written down', {
          error: String(error),
        })
      })
      .finally(() => this.renewing.delete(user.id))
  }

  private async settled<Row>(
    arrivals: Map<string, Arrival<Row>>,
    name: string,
    arrival: Arrival<Row>,
    write: (row: Row) => Promise<Row>,
  ): Promise<Row> {
    const { clock, logger } = this.ports
    const { failedMs, provisional } = arrival
    const isQuiet =
      failedMs !== undefined && clock.monotonicMs() - failedMs < LIMITS.newcomerRetryMs
    if (arrival.writing === undefined) {
      if (isQuiet) return provisional
      arrival.writing = write(provisional).then(
        (row) => {
          arrivals.delete(name)
          return row
        },
        (error: unknown) => {
          arrival.failedMs = clock.monotonicMs()
          logger.warn('the owner of a token could not be written down', { error: String(error) })
          return provisional
        },
      )
      void arrival.writing.finally(() => delete arrival.writing)
    }
    return await soonOr(arrival.writing, LIMITS.newcomerWaitMs, provisional)
  }

  private async writeUser(user: User, claims: TokenClaims): Promise<User> {
    const { clock, users } = this.ports
    const { claimed: _claimed, status: _status, ...row } = user
    let written: User
    try {
      written = await users.create(row, ACTOR)
    } catch (error) {
      // Another replica was first, or they came back while our snapshot was old.
      const known = isTaken(error) ? await users.bySubject(user.issuer, user.subject) : undefined
      if (known === undefined) throw error
      return known
    }
    const { claimed, email, name } = claims
    // Keys that they make for themselves have what the issuer says of them.
    await users.loggedIn(written.tenantId, written.id, {
      claimed,
      atMs: clock.nowMs(),
      ...(name === undefined ? {} : { name }),
      ...(email === undefined ? {} : { email }),
    })
    return { ...written, claimed }
  }

  private async writeService(service: Service): Promise<Service> {
    const { status: _status, ...row } = service
    const { services } = this.ports
    try {
      return await services.create(row, ACTOR)
    } catch (error) {
      if (!isTaken(error)) throw error
    }
    const known = (await services.list(service.tenantId)).find(
      ({ clientId, issuer }) => issuer === service.issuer && clientId === service.clientId,
    )
    if (known !== undefined) return known
    // The id is another service's: two issuers may call their clients the same.
    const own = sha256Hex(`${service.issuer}\n${service.clientId}`).slice(0, 8)
    return await services.create({ ...row, id: `${service.id.slice(0, 54)}-${own}` }, ACTOR)
  }
}

function nameOf({ issuerId, subject }: TokenClaims, tenantId: string): string {
  return [tenantId, issuerId, subject].join('\n')
}

function arrivalOf<Row>(
  arrivals: Map<string, Arrival<Row>>,
  name: string,
  make: () => Row,
): Arrival<Row> {
  let arrival = arrivals.get(name)
  if (arrival === undefined) {
    const oldest = arrivals.size >= LIMITS.newcomersMax ? arrivals.keys().next() : undefined
    if (oldest?.done === false) arrivals.delete(oldest.value)
    arrival = { provisional: make() }
    arrivals.set(name, arrival)
  }
  return arrival
}

/** What an issuer calls a client, as an id of ours: lower-case letters, digits and `-`. */
export function serviceId(clientId: string): string {
  const id = clientId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63)
  return id === '' ? `client-${sha256Hex(clientId).slice(0, 8)}` : id
}

function isTaken(error: unknown): boolean {
  return error instanceof GatewayError && error.status === 409
}

/** The value when it comes within the time, else the other. */
async function soonOr<T>(coming: Promise<T>, limitMs: number, other: T): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>()
  const timer = setTimeout(() => resolve(other), limitMs)
  try {
    return await Promise.race([coming, promise])
  } finally {
    clearTimeout(timer)
  }
}
