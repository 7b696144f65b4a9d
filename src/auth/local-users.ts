// People with a password of ours: the administrator who is set up through a one-time link, and their logins. There is no default
// password and no way in without the link; an unknown name costs and answers exactly what a wrong password does.

import { randomBytes } from 'node:crypto'
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
import { hashed } from './secret-text.ts'

export interface LocalUserPorts {
  readonly users: UserRepository
  readonly logins: LoginRepository
  readonly assignments: AssignmentRepository
  readonly passwords: Passwords
  readonly clock: Clock
  readonly ids: IdSource
}

/** Lets one person choose a password. */
export interface PasswordLink {
  readonly token: string
  readonly expiresMs: number
}

/** Why a link was made: one that a start has printed is worth nothing once there is an owner. */
export type LinkReason = 'start' | 'command'

const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._@+ -]{0,99}$/u

/** Told to whoever chooses another one. */
export const LOCAL_NAME_WORDS = 'A name has 1 to 100 letters, digits or . _ @ + -.'

/** A name to log in with as it is kept; undefined for what cannot be one. */
export function localName(text: string): string | undefined {
  const name = text.trim().normalize('NFC')
  return NAME.test(name) ? name : undefined
}

/** Issuer of links that let one person choose a password: no issuer of tokens can be called so, and no other link is one. */
const PASSWORD_LINK = 'local/password'

/** Issuer of links that log one local user in. */
const LOGIN_LINK = 'local/login'

/** What a link for one user is about; sealed in the store. */
interface LinkedUser {
  readonly tenantId: string
  readonly id: string
  /** Of the hash that was there when it was made: any new password makes the link worthless. */
  readonly was: string
}

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
   * Makes the administrator. A link that was asked for by `weir setup admin` also gives a new password to a local user who has lost theirs,
   * and every right: whoever can write the store could do so anyway.
   * @throws GatewayError 400 naming what cannot be, 403 for a link that is unknown, used, over, or no longer needed
   */
  async setUp(
    facts: { readonly token: string; readonly name: string; readonly password: string },
    origin: Origin,
  ): Promise<User> {
    const { clock, ids, logins, users } = this.ports
    const name = localName(facts.name)
    if (name === undefined) throw invalid('name', LOCAL_NAME_WORDS)
    // Hashed first: a link is not used up by a server that is too busy.
    const hash = await this.hashFor(name, facts.password)
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

  /** The hash of a password that somebody of this name may have. @throws GatewayError 400 naming `password`, 429 */
  async hashFor(name: string, password: string): Promise<string> {
    const problem = passwordProblem(password, name)
    if (problem !== undefined) throw invalid('password', problem)
    return await this.ports.passwords.hash(password)
  }

  /** A secret by which this local user chooses a password once, within `passwordLinkMs` and before any other way gives them one. */
  async passwordLink({ id, tenantId }: Pick<User, 'id' | 'tenantId'>): Promise<PasswordLink> {
    const { clock, logins, users } = this.ports
    const token = randomBytes(32).toString('base64url')
    const expiresMs = clock.nowMs() + LIMITS.passwordLinkMs
    const linked: LinkedUser = { tenantId, id, was: await this.mark(users, tenantId, id) }
    await logins.begin({
      stateHash: hashed(token),
      issuer: PASSWORD_LINK,
      browserHash: '',
      nonce: JSON.stringify(linked),
      codeVerifier: '',
      returnTo: '/auth/password',
      expiresMs,
    })
    return { token, expiresMs }
  }

  /** A secret that logs this local user in once, within `loginLinkMs` and before their password changes. The store has its hash alone. */
  async loginLink({ id, tenantId }: Pick<User, 'id' | 'tenantId'>): Promise<string> {
    const { clock, logins, users } = this.ports
    const token = randomBytes(32).toString('base64url')
    const linked: LinkedUser = { tenantId, id, was: await this.mark(users, tenantId, id) }
    await logins.begin({
      stateHash: hashed(token),
      issuer: LOGIN_LINK,
      browserHash: '',
      nonce: JSON.stringify(linked),
      codeVerifier: '',
      returnTo: '/auth/login',
      expiresMs: clock.nowMs() + LIMITS.loginLinkMs,
    })
    return token
  }

  /**
   * The user of a login link, which is used up by it.
   * @throws GatewayError 403 for a link that is unknown, used, over, or no longer that of an active user
   */
  async logInByLink(token: string): Promise<User> {
    const { clock, logins, users } = this.ports
    const atMs = clock.nowMs()
    const attempt = await logins.take(hashed(token), atMs)
    if (attempt?.issuer !== LOGIN_LINK) throw linkRefused(LOGIN_LINK_OVER)
    // A clock that was set back would have it live on; two machines may differ by a little.
    if (attempt.expiresMs - atMs > 2 * LIMITS.loginLinkMs) throw linkRefused(LOGIN_LINK_OVER)
    const user = await this.linkedUser(JSON.parse(attempt.nonce) as LinkedUser, LOGIN_LINK_OVER)
    const claimed = { roles: [], groups: [] }
    await users.loggedIn(user.tenantId, user.id, { claimed, atMs })
    return { ...user, claimed, lastLoginMs: atMs }
  }

  /**
   * Gives the user of a link the password they chose.
   * @throws GatewayError 400 for a password that cannot be, 403 for a link that is unknown, used, over, or no longer needed
   */
  async choosePassword(
    { password, token }: { readonly token: string; readonly password: string },
    origin: Origin,
  ): Promise<User> {
    const { clock, logins, passwords, users } = this.ports
    // Before the link is taken: one that is misspelt once is not used up by it.
    const problem = passwordProblem(password, '')
    if (problem !== undefined) throw invalid('password', problem)
    const hash = await passwords.hash(password)
    const attempt = await logins.take(hashed(token), clock.nowMs())
    if (attempt?.issuer !== PASSWORD_LINK) throw linkRefused(PASSWORD_LINK_OVER)
    const linked = JSON.parse(attempt.nonce) as LinkedUser
    const { id, tenantId } = linked
    const user = await this.linkedUser(linked)
    const named = passwordProblem(password, user.subject)
    if (named !== undefined) {
      // Who it is was not known before: the link goes back where it was.
      await logins.begin(attempt)
      throw invalid('password', named)
    }
    const by: Actor = {
      kind: 'user',
      id,
      tenantId,
      name: user.subject,
      ...origin,
      // Again within the change: an administrator may give another password, or turn them off, at this moment.
      precondition: async () => void (await this.linkedUser(linked)),
    }
    if (!(await users.setPasswordHash(tenantId, id, hash, by))) {
      throw linkRefused(PASSWORD_LINK_OVER)
    }
    return user
  }

  /** @throws GatewayError 403 where the link is not needed any more */
  private async linkedUser(
    { id, tenantId, was }: LinkedUser,
    over = PASSWORD_LINK_OVER,
  ): Promise<User> {
    const { users } = this.ports
    const user = await users.find(tenantId, id)
    const isMeant = user?.status === 'active' && user.issuer === LOCAL_ISSUER
    if (isMeant && (await this.mark(users, tenantId, id)) === was) return user
    throw linkRefused(over)
  }

  private async mark(users: UserRepository, tenantId: string, id: string): Promise<string> {
    return hashed((await users.passwordHash(tenantId, id)) ?? '')
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

function invalid(param: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { param, message })
}

const PASSWORD_LINK_OVER =
  'This link was used, is too old, or is not needed any more. Ask an administrator for another.'

const LOGIN_LINK_OVER =
  "This link was used, is too old, or is not needed any more. 'weir open' makes another."

function linkRefused(
  message = "This link was used, is too old, or is not needed any more. 'weir setup admin' prints another.",
): GatewayError {
  return new GatewayError('permission', { code: 'setup_link_invalid', message })
}
