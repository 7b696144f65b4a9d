// Who callers are and how this program proves who it is: tokens of issuers, logins of browsers, and tokens of Entra ID for providers. It
// puts these parts together and decides nothing.

import { AppLogin } from './app-login.ts'
import { createBearerTokens, type BearerTokens } from './auth/bearer.ts'
import { EntraTokens } from './auth/entra-tokens.ts'
import type { Config } from './config/config.ts'
import { LIMITS } from './core/limits.ts'
import type { Logger, Transport } from './core/ports.ts'
import { recallNames } from './core/recall.ts'
import type { Snapshot } from './gateway/snapshot.ts'
import type { Store } from './storage/store.ts'
import { systemClock, systemIds } from './system.ts'

export interface IdentityPorts {
  readonly store: Store
  readonly transport: Transport
  readonly logger: Logger
  config(): Config
  snapshot(): Snapshot
}

export interface Identity {
  readonly tokens: EntraTokens
  readonly bearer: BearerTokens
  readonly login: AppLogin
  /** Takes over what was called back by whatever replica. Rejects while the store cannot be read. */
  learnRecalls(): Promise<void>
}

export function createIdentity({
  config,
  logger,
  snapshot,
  store,
  transport,
}: IdentityPorts): Identity {
  const common = { transport, clock: systemClock, ids: systemIds, logger }
  const tokens = new EntraTokens(common)
  const bearer = createBearerTokens({
    ...common,
    tokens,
    users: store.users,
    services: store.services,
    issuers: () => config().auth.issuers,
    people: snapshot,
  })
  const login = new AppLogin({
    store,
    transport,
    tokens,
    logger,
    config,
    rights: () => snapshot().rights,
    recall: async (facts) => {
      bearer.forget(facts)
      const issuer = config().auth.issuers.find(({ id }) => id === facts.issuerId)
      if (issuer?.bearer !== true) return
      await store.logins.callBack(recallNames(facts), systemClock.nowMs())
    },
  })
  let knownMs = 0
  const learnRecalls = async () => {
    if (!config().auth.issuers.some((issuer) => issuer.bearer)) return
    const calledBack = await store.logins.calledBack(knownMs - LIMITS.bearerRecallOverlapMs)
    bearer.learn(calledBack)
    // A clock that is ahead elsewhere must hide nothing that comes after it.
    const lastMs = Math.min(calledBack.at(-1)?.atMs ?? 0, systemClock.nowMs())
    knownMs = Math.max(knownMs, lastMs)
  }
  return { tokens, bearer, login, learnRecalls }
}
