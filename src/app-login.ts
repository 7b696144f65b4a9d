// Logins put together: the parts of `auth/` with the store, the transport and the configuration in force, and the two things that time
// does to them (old sessions are deleted; a start without an owner gets a link to make one). Apart from `app.ts` because of its length.

import { Accounts } from './auth/accounts.ts'
import { EntraGroups } from './auth/entra-groups.ts'
import type { EntraTokens } from './auth/entra-tokens.ts'
import { IssuerKeys } from './auth/issuer-keys.ts'
import { LocalUsers } from './auth/local-users.ts'
import { LoginDesk } from './auth/login-desk.ts'
import { OidcIssuers } from './auth/oidc-issuers.ts'
import { OidcLogin } from './auth/oidc-login.ts'
import { OidcLogout } from './auth/oidc-logout.ts'
import { ARGON2, Passwords, type Argon2Settings } from './auth/passwords.ts'
import { SessionRefresh } from './auth/session-refresh.ts'
import { Sessions } from './auth/sessions.ts'
import type { Config } from './config/config.ts'
import { systemActor, type AuditEvent } from './core/audit.ts'
import { PLATFORM_TENANT_ID } from './core/identity.ts'
import { LOCAL_ISSUER } from './core/issuer.ts'
import { LIMITS } from './core/limits.ts'
import type { Clock, Logger, Transport } from './core/ports.ts'
import type { Recall } from './core/recall.ts'
import type { Rights } from './core/rights.ts'
import { isLoopbackName } from './server/host-guard.ts'
import type { Store } from './storage/store.ts'
import { systemClock, systemIds } from './system.ts'

type LoginStore = Pick<Store, 'users' | 'sessions' | 'logins' | 'assignments' | 'audit'>

export interface LoginParts {
  readonly store: LoginStore
  readonly transport: Transport
  readonly tokens: EntraTokens
  readonly logger: Logger
  config(): Config
  rights(): Rights
  /** Tokens of an issuer's session or person are not to be taken any more. */
  recall(facts: Recall): void | Promise<void>
  /** The system's unless given. */
  readonly clock?: Clock
  /** What a hash of a password costs; `ARGON2` unless given. */
  readonly argon2?: Argon2Settings
}

/** Logins of the running program. */
export class AppLogin {
  readonly desk: LoginDesk
  private readonly parts: LoginParts
  private readonly sessions: Sessions
  readonly local: LocalUsers
  private readonly refresh: SessionRefresh
  private pruning: ReturnType<typeof setInterval> | undefined
  private port = 0

  constructor(parts: LoginParts) {
    this.parts = parts
    const { clock = systemClock, logger, store, transport } = parts
    const { logins } = store
    const issuers = new OidcIssuers({ transport, clock, logger }, () => parts.config().auth.issuers)
    const groups = new EntraGroups({ transport, clock, logger, tokens: parts.tokens })
    const accounts = new Accounts({
      users: store.users,
      clock,
      ids: systemIds,
      rights: () => parts.rights(),
      groups: (issuer, overage) => groups.groups(issuer, overage),
    })
    const oidc = new OidcLogin({ issuers, logins, clock })
    this.sessions = new Sessions({
      sessions: store.sessions,
      clock,
      rules: () => this.sessionRules(issuers),
    })
    this.local = localUsers(store, clock, parts.argon2)
    this.refresh = new SessionRefresh({
      sessions: this.sessions,
      logins,
      oidc,
      accounts,
      clock,
      logger,
      issuer: (id) => issuers.find(id),
    })
    const keys = new IssuerKeys({ transport, clock, logger })
    this.desk = new LoginDesk({
      issuers,
      oidc,
      accounts,
      logout: new OidcLogout({
        issuers,
        keys,
        sessions: this.sessions,
        logins,
        clock,
        logger,
        recall: (facts) => parts.recall(facts),
      }),
      sessions: this.sessions,
      refresh: this.refresh,
      local: this.local,
      users: store.users,
      audit: store.audit,
      clock,
      logger,
      rights: () => parts.rights(),
      isLocalOpen: () => parts.config().auth.local,
    })
  }

  /** Where browsers reach this server; undefined where nobody has said so. */
  publicUrl(): string | undefined {
    const { server } = this.parts.config()
    if (server.publicUrl !== undefined) return server.publicUrl
    return loopbackUrl(server.host, this.port)
  }

  /** @param port that is listened on */
  start(port: number): void {
    this.port = port
    this.pruning = setInterval(() => {
      this.sessions.prune().catch((error: unknown) => {
        this.parts.logger.warn('old sessions could not be deleted', { error: String(error) })
      })
    }, LIMITS.sessionPruneIntervalMs)
    this.pruning.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.pruning)
    await this.settled()
  }

  /** Resolves when no session is asked for at its issuer. */
  async settled(): Promise<void> {
    await this.refresh.settled()
  }

  /**
   * A link that makes the first owner, where a team has none; undefined on a laptop, where everything belongs to whoever sits there.
   */
  async firstLink(): Promise<string | undefined> {
    const { auth } = this.parts.config()
    if (!auth.local || auth.anonymous !== 'never' || (await this.local.hasOwner())) return undefined
    const url = this.publicUrl()
    if (url === undefined) {
      this.parts.logger.warn(
        "There is no administrator yet. Set server.public_url, then run 'weir setup admin' for a link.",
      )
      return undefined
    }
    const token = await this.local.link('start')
    await this.parts.store.audit.record(SETUP_LINK, systemActor('start'))
    return setupLink(url, token)
  }

  private sessionRules(issuers: OidcIssuers) {
    const { auth } = this.parts.config()
    return {
      idleMs: auth.sessionIdleMs,
      lifetimeMs: auth.sessionLifetimeMs,
      isIssuerOpen: (id: string) =>
        id === LOCAL_ISSUER ? auth.local : issuers.find(id) !== undefined,
    }
  }
}

/** What the audit has of a link, which is never in it. */
export const SETUP_LINK: AuditEvent = {
  tenantId: PLATFORM_TENANT_ID,
  action: 'setup.link',
  target: { kind: 'installation', id: 'setup' },
}

/** The token stands behind `#` here as well; the login page takes it from there. */
export function loginLink(publicUrl: string, token: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/auth/login#${token}`
}

/** Local users of a store, without a server. */
export function localUsers(
  { assignments, logins, users }: LoginStore,
  clock: Clock = systemClock,
  argon2: Argon2Settings = ARGON2,
): LocalUsers {
  return new LocalUsers({
    users,
    logins,
    assignments,
    passwords: new Passwords(argon2),
    clock,
    ids: systemIds,
  })
}

/** The token stands behind `#`: a browser sends it to no server and no proxy. */
export function setupLink(publicUrl: string, token: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/auth/setup#${token}`
}

/** The address of this machine for itself; undefined where the server listens on more. */
export function loopbackUrl(host: string, port: number): string | undefined {
  if (!isLoopbackName(host)) return undefined
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`
}
