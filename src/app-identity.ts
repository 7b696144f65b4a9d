// Who callers are and how this program proves who it is: tokens of issuers, logins of browsers, and tokens of Entra ID for providers. It
// puts these parts together and decides nothing.

import { AppLogin } from './app-login.ts'
import { createBearerTokens, type BearerTokens } from './auth/bearer.ts'
import { EntraTokens } from './auth/entra-tokens.ts'
import type { Config } from './config/config.ts'
import type { Logger, Transport } from './core/ports.ts'
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
    recall: (facts) => bearer.forget(facts),
  })
  return { tokens, bearer, login }
}
