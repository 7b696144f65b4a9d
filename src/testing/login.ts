// Logins for tests: the real server, the real store in a folder of its own, and our own OpenID provider; only time is the test's where it
// wants that. What the program does with them is put together as in the program (`app-login.ts`).

import { AppLogin } from '../app-login.ts'
import { webAsset } from '../assets.ts'
import { EntraTokens } from '../auth/entra-tokens.ts'
import { toIssuer } from '../config/team.ts'
import type { Config } from '../config/config.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import type { Clock } from '../core/ports.ts'
import type { Recall } from '../core/recall.ts'
import { Rights } from '../core/rights.ts'
import { LIMITS } from '../core/limits.ts'
import {
  MemoryLogger,
  removeFolders,
  storeIn,
  temporaryFolder,
  TEST_ACTOR,
} from '../storage/test-store.ts'
import type { Store } from '../storage/store.ts'
import { systemClock, systemIds } from '../system.ts'
import { SharedDeadlines } from '../transport/deadlines.ts'
import { createTransport } from '../transport/http-transport.ts'
import { createTestGateway, testProvider } from './gateway.ts'
import type { OidcProvider } from './oidc-provider.ts'
import { startTestServer, type TestServer } from './server.ts'

export interface LoginWorldOptions {
  readonly providers?: readonly OidcProvider[]
  /** Settings of all issuers, or of one by its place. */
  readonly issuer?: Partial<IssuerSettings>
  readonly issuers?: readonly Partial<IssuerSettings>[]
  readonly clock?: Clock
  readonly isLocalOpen?: boolean
  readonly anonymous?: 'loopback' | 'never'
  /** In place of the address listened on. */
  readonly publicUrl?: string
  readonly idleMs?: number
  readonly lifetimeMs?: number
}

export interface LoginWorld extends AsyncDisposable {
  readonly store: Store
  readonly server: TestServer
  readonly login: AppLogin
  /** Whose bearer tokens were called back. */
  readonly recalls: Recall[]
  readonly logger: MemoryLogger
  /** `http://127.0.0.1:port` */
  readonly url: string
  /** Changed by tests. */
  readonly auth: { isLocalOpen: boolean; issuers: readonly IssuerSettings[] }
}

/** Tests of logins hash many passwords; what the program itself asks for is `ARGON2`. */
const CHEAP_ARGON2 = { memoryKiB: 8_192, passes: 2 }

/** Settings of a provider of ours, as the configuration would have them. */
export function issuerOf(
  provider: OidcProvider,
  over: Partial<IssuerSettings> = {},
): IssuerSettings {
  const values = {
    id: 'team',
    kind: 'generic',
    issuer: provider.issuer,
    client_id: provider.clientId,
    login: true,
    bearer: true,
    clock_skew: 60_000,
    roles: { admins: 'admin', operators: 'operator' },
    group_roles: {},
    create_users: true,
    network: {},
    ...(provider.clientSecret === undefined ? {} : { client_secret: provider.clientSecret }),
  }
  const settings = toIssuer(values as unknown as Parameters<typeof toIssuer>[0])
  return { ...settings, network: { verify: true, allowPrivate: true }, ...over }
}

export async function startLoginWorld(options: LoginWorldOptions = {}): Promise<LoginWorld> {
  const { clock = systemClock, providers = [] } = options
  const logger = new MemoryLogger()
  const store = await storeIn(temporaryFolder(), { clock, logger })
  let rights = new Rights(await store.directory.all())
  store.watcher.start(async () => {
    rights = new Rights(await store.directory.all())
  })
  const auth = {
    isLocalOpen: options.isLocalOpen ?? true,
    issuers: providers.map((provider, index) =>
      issuerOf(provider, {
        id: index === 0 ? 'team' : `team-${index + 1}`,
        ...options.issuer,
        ...options.issuers?.[index],
      }),
    ),
  }
  const transport = createTransport(clock, new SharedDeadlines(systemClock))
  const config = () =>
    ({
      server: {
        host: '127.0.0.1',
        ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }),
      },
      auth: {
        anonymous: options.anonymous ?? 'never',
        local: auth.isLocalOpen,
        sessionIdleMs: options.idleMs ?? LIMITS.sessionIdleMs,
        sessionLifetimeMs: options.lifetimeMs ?? LIMITS.sessionLifetimeMs,
        issuers: auth.issuers,
      },
    }) as unknown as Config
  const recalls: Recall[] = []
  const login = new AppLogin({
    store,
    transport,
    tokens: new EntraTokens({ transport, clock, ids: systemIds, logger }),
    logger,
    config,
    rights: () => rights,
    recall: (facts) => void recalls.push(facts),
    clock,
    argon2: CHEAP_ARGON2,
  })
  const gateway = createTestGateway({
    providers: [testProvider({ id: 'mock', type: 'mock', baseUrl: 'mock:' })],
  })
  const server = startTestServer(gateway, {
    anonymous: options.anonymous ?? 'never',
    settings: {
      hostRules: {
        loopbackOnly: true,
        allowedHosts: ['weir.example.com'],
        allowedOrigins: [],
      },
    },
    deps: {
      login: { desk: login.desk, publicUrl: () => login.publicUrl() },
      asset: webAsset,
      logger,
      audit: store.audit,
      keys: { keys: store.keys, lastUsed: () => Promise.resolve(new Map()) },
    },
  })
  login.start(server.port)
  return {
    store,
    server,
    login,
    recalls,
    logger,
    url: server.url,
    auth,
    async [Symbol.asyncDispose]() {
      await server.stop(0)
      await login.stop()
      await store.close()
      removeFolders()
    },
  }
}

/** Gives a role to everybody in a tenant. */
export async function giveEveryone(store: Store, roleId: string, scope: string): Promise<void> {
  await store.assignments.create(
    {
      id: systemIds.uuid(),
      tenantId: 'default',
      roleId,
      assignee: { kind: 'everyone', id: '*' },
      scope,
      effect: 'allow',
      createdMs: systemClock.nowMs(),
    },
    TEST_ACTOR,
  )
}
