// From what an issuer says of somebody to a user of ours: found by issuer and subject, never by an address of mail; made where that is
// wanted; refused where they or their tenant are turned off. What they may do is decided elsewhere.

import type { Actor } from '../core/audit.ts'
import { GatewayError } from '../core/error.ts'
import type { User } from '../core/identity.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import type { JsonObject } from '../core/json.ts'
import type { Clock, IdSource } from '../core/ports.ts'
import type { UserRepository } from '../core/ports-people.ts'
import type { Rights } from '../core/rights.ts'
import {
  claimsOf,
  settledTenant,
  withGroups,
  type GroupsOverage,
  type TokenClaims,
} from './claims.ts'

export interface AccountPorts {
  readonly users: Pick<UserRepository, 'bySubject' | 'create' | 'loggedIn'>
  readonly clock: Clock
  readonly ids: IdSource
  rights(): Rights
  /** Groups that did not fit into a token. */
  groups(issuer: IssuerSettings, overage: GroupsOverage): Promise<readonly string[]>
}

export interface Account {
  readonly user: User
  readonly claims: TokenClaims
}

/** Where somebody is asking from, as the audit has it. */
export type Origin = Pick<Actor, 'from' | 'requestId'>

export class Accounts {
  private readonly ports: AccountPorts

  constructor(ports: AccountPorts) {
    this.ports = ports
  }

  /**
   * Claims of a verified payload, with groups that did not fit into it.
   * @throws GatewayError as `claimsOf` and the question for groups do
   */
  async claims(payload: JsonObject, issuer: IssuerSettings): Promise<TokenClaims> {
    const claims = claimsOf(payload, issuer)
    if (claims.overage === undefined) return claims
    return withGroups(claims, issuer, await this.ports.groups(issuer, claims.overage))
  }

  /**
   * The user who has logged in.
   * @throws GatewayError 403 for who is not known where users are not made, for who is turned off, and for programs
   */
  async of(payload: JsonObject, issuer: IssuerSettings, origin: Origin): Promise<Account> {
    const { clock, users } = this.ports
    const claims = await this.claims(payload, issuer)
    if (claims.isService) throw refused('login_not_for_services', 'A program does not log in here.')
    const known = await users.bySubject(issuer.id, claims.subject)
    const tenantId = settledTenant(claims, known, this.ports.rights())
    if (known !== undefined) {
      if (known.status !== 'active') {
        throw refused('user_disabled', 'Your account is turned off. Ask an administrator.')
      }
      if (!this.ports.rights().isOpen(known.tenantId)) {
        throw refused('tenant_disabled', 'Your tenant is turned off. Ask an administrator.')
      }
    } else if (!issuer.createUsers) {
      throw refused(
        'user_unknown',
        'You are not known here. Ask an administrator to make an account for you.',
      )
    }
    const user = known ?? (await this.create(claims, issuer, tenantId, origin))
    const { claimed, email, name } = claims
    const nowMs = clock.nowMs()
    const shown = {
      ...(name === undefined ? {} : { name }),
      ...(email === undefined ? {} : { email }),
    }
    await users.loggedIn(user.tenantId, user.id, { ...shown, claimed, atMs: nowMs })
    return { user: { ...user, ...shown, claimed, lastLoginMs: nowMs }, claims }
  }

  /** What the issuer says of a user later: keys of theirs go by it too. */
  async renewed(tenantId: string, userId: string, claims: TokenClaims): Promise<void> {
    const { claimed, email, name } = claims
    await this.ports.users.loggedIn(tenantId, userId, {
      claimed,
      atMs: this.ports.clock.nowMs(),
      ...(name === undefined ? {} : { name }),
      ...(email === undefined ? {} : { email }),
    })
  }

  private async create(
    claims: TokenClaims,
    issuer: IssuerSettings,
    tenantId: string,
    origin: Origin,
  ): Promise<User> {
    const { clock, ids, users } = this.ports
    const { email, name, subject } = claims
    const id = ids.uuid()
    const shown = {
      ...(name === undefined ? {} : { name }),
      ...(email === undefined ? {} : { email }),
    }
    const called = email ?? name
    const by: Actor = {
      kind: 'user',
      id,
      tenantId,
      ...(called === undefined ? {} : { name: called }),
      ...origin,
    }
    try {
      return await users.create(
        { tenantId, id, issuer: issuer.id, subject, createdMs: clock.nowMs(), ...shown },
        by,
      )
    } catch (thrown) {
      // Two browsers of one person, for the first time, at once.
      const known = isTaken(thrown) ? await users.bySubject(issuer.id, subject) : undefined
      if (known === undefined || known.tenantId !== tenantId) throw thrown
      return known
    }
  }
}

function isTaken(thrown: unknown): boolean {
  return thrown instanceof GatewayError && thrown.status === 409
}

function refused(code: string, message: string): GatewayError {
  return new GatewayError('permission', { code, message })
}
