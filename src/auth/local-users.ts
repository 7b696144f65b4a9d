// People with a password of ours: the administrator who is set up through a one-time link, and their logins. There is no default
// password and no way in without the link; an unknown name costs and answers exactly what a wrong password does.

import { createHash, randomBytes } from 'node:crypto'
import type { Actor } from '../core/audit.ts'
import { GatewayError } from '../core/error.ts'
import { PLATFORM_TENANT_ID, type User } from '../core/identity.ts'
import { LOCAL_ISSUER } from '../core/issuer.ts'
import { LIMITS } from '../core/limits.ts'
import { scopes } from '../core/permission.ts'
import type { Clock, IdSource } from '../core/ports.ts'
import type { AssignmentRepository, LoginRepository, UserRepository } from '../core/ports-people.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import type { Origin } from './accounts.ts'
import { passwordProblem, type Passwords } from './passwords.ts'

export interface LocalUserPorts {
  readonly users: UserRepository
  readonly logins: LoginRepository
  readonly assignments: AssignmentRepository
  readonly passwords: Passwords
  readonly clock: Clock
  readonly ids: IdSource
}

/** Why a link was made: one that a start has printed is worth nothing once there is an owner. */
export type LinkReason = 'start' | 'command'

const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._@+ -]{0,99}$/u

export class LocalUsers {
  private readonly ports: LocalUserPorts

  constructor(ports: LocalUserPorts) {
    this.ports = ports
  }

  /** Whether anybody was given every right over the whole installation. */
  async hasOwner(): Promise<boolean> {
    const { assignments } = this.ports
    const all = await assignments.list(PLATFORM_TENANT_ID)
    return all.some(
      ({ effect, roleId, scope }) =>
        effect === 'allow' && roleId === 'owner' && scope === scopes.platform,
    )
  }

  /** A secret that sets up the administrator once, within `setupLinkMs`. The store has its hash alone. */
  async link(reason: LinkReason): Promise<string> {
    const { clock, logins } = this.ports
    const token = randomBytes(32).toString('base64url')
    await logins.begin({
      stateHash: hashed(token),
      issuer: LOCAL_ISSUER,
      // No browser is known yet: whoever has the link is meant.
      browserHash: '',
      nonce: reason,
      codeVerifier: '',
      returnTo: '/auth/setup',
      expiresMs: clock.nowMs() + LIMITS.setupLinkMs,
    })
    return token
  }

  /**
   * Makes the administrator. A link that was asked for by `weir setup` also gives a new password to a local user who has lost theirs,
   * and every right: whoever can write the store could do so anyway.
   * @throws GatewayError 400 naming what cannot be, 403 for a link that is unknown, used, over, or no longer needed
   */
  async setUp(
    facts: { readonly token: string; readonly name: string; readonly password: string },
    origin: Origin,
  ): Promise<User> {
    const { clock, ids, logins, passwords, users } = this.ports
    const name = facts.name.trim().normalize('NFC')
    if (!NAME.test(name)) throw invalid('name', 'A name has 1 to 100 letters, digits or . _ @ + -.')
    const problem = passwordProblem(facts.password, name)
    if (problem !== undefined) throw invalid('password', problem)
    // Hashed first: a link is not used up by a server that is too busy.
    const hash = await passwords.hash(facts.password)
    const attempt = await logins.take(hashed(facts.token), clock.nowMs())
    if (attempt?.issuer !== LOCAL_ISSUER) throw linkRefused()
    if (attempt.nonce !== 'command' && (await this.hasOwner())) throw linkRefused()
    const known = await users.bySubject(LOCAL_ISSUER, name)
    const id = known?.id ?? ids.uuid()
    const tenantId = known?.tenantId ?? DEFAULT_TENANT_ID
    const by: Actor = { kind: 'system', id: 'setup', name, ...origin }
    if (known === undefined) {
      await users.create(
        {
          tenantId,
          id,
          issuer: LOCAL_ISSUER,
          subject: name,
          name,
          passwordHash: hash,
          createdMs: clock.nowMs(),
        },
        by,
      )
    } else {
      await users.setPasswordHash(tenantId, id, hash, by)
      if (known.status !== 'active') await users.update(tenantId, id, { status: 'active' }, by)
    }
    await this.makeOwner(id, by)
    const user = await users.find(tenantId, id)
    if (user === undefined) throw new GatewayError('internal', { cause: 'the user is gone' })
    return user
  }

  /**
   * The local user of that name and password; undefined for any other pair, in the same time.
   * @throws GatewayError `rate_limit` when too many passwords are looked at already
   */
  async logIn(name: string, password: string): Promise<User | undefined> {
    const { clock, passwords, users } = this.ports
    const isPossible = name.length <= 100 && password.length <= LIMITS.passwordCharsMax
    const found = await users.bySubject(LOCAL_ISSUER, name.trim().normalize('NFC'))
    const user = found?.status === 'active' && isPossible ? found : undefined
    // Asked for in any case, so that a name that is there takes no longer.
    const stored = await users.passwordHash(user?.tenantId ?? DEFAULT_TENANT_ID, user?.id ?? '')
    const hash = user === undefined ? undefined : stored
    const isRight = await passwords.verify(isPossible ? password : 'x', hash)
    if (!isRight || user === undefined || hash === undefined) return undefined
    if (passwords.isWeak(hash)) {
      const by: Actor = { kind: 'system', id: 'login', tenantId: user.tenantId }
      const better = await passwords.hash(password)
      await users.setPasswordHash(user.tenantId, user.id, better, by)
    }
    const atMs = clock.nowMs()
    const claimed = { roles: [], groups: [] }
    await users.loggedIn(user.tenantId, user.id, { claimed, atMs })
    return { ...user, claimed, lastLoginMs: atMs }
  }

  private async makeOwner(userId: string, by: Actor): Promise<void> {
    const { assignments, clock, ids } = this.ports
    const has = (await assignments.list(PLATFORM_TENANT_ID)).some(
      ({ assignee, effect, roleId, scope }) =>
        effect === 'allow' &&
        roleId === 'owner' &&
        scope === scopes.platform &&
        assignee.kind === 'user' &&
        assignee.id === userId,
    )
    if (has) return
    await assignments.create(
      {
        id: ids.uuid(),
        tenantId: PLATFORM_TENANT_ID,
        roleId: 'owner',
        assignee: { kind: 'user', id: userId },
        scope: scopes.platform,
        effect: 'allow',
        createdMs: clock.nowMs(),
      },
      by,
    )
  }
}

function hashed(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { param, message })
}

function linkRefused(): GatewayError {
  return new GatewayError('permission', {
    code: 'setup_link_invalid',
    message:
      "This link was used, is too old, or is not needed any more. 'weir setup' prints another.",
  })
}
