// The OpenID providers that people log in with, each with what it says of itself. Metadata is read when it is first needed, kept for a
// while, and one question is asked at a time; a provider that does not answer is left alone for a moment. Nothing is read at start.

import type * as OpenidClient from 'openid-client'
import type { ClientAuth, Configuration } from 'openid-client'
import type { GatewayError } from '../core/error.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger, Transport } from '../core/ports.ts'
import { isSharedEntraIssuer } from '../core/entra-issuer.ts'
import { isSameIssuer } from './issuer-discovery.ts'
import { describeLoginFailure, issuerUnavailable, loginFailure } from './oidc-failure.ts'
import { issuerFetch } from './oidc-http.ts'

export interface IssuerPorts {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
}

interface Slot {
  held?: { readonly client: Configuration; readonly readAtMs: number }
  reading?: Promise<Configuration>
  failure?: { readonly error: GatewayError; readonly atMs: number }
}

export class OidcIssuers {
  private readonly ports: IssuerPorts
  private readonly configured: () => readonly IssuerSettings[]
  // An issuer is one object until its settings change: then what was read for the old ones goes with them.
  private readonly slots = new WeakMap<IssuerSettings, Slot>()

  /** @param configured issuers of the configuration in force, their network settings completed; the same objects until it changes */
  constructor(ports: IssuerPorts, configured: () => readonly IssuerSettings[]) {
    this.ports = ports
    this.configured = configured
  }

  /** Those that people may log in with. */
  forLogin(): readonly IssuerSettings[] {
    return this.configured().filter(({ login }) => login)
  }

  /** One of them; undefined when there is none of that id. */
  find(id: string): IssuerSettings | undefined {
    return this.configured().find((issuer) => issuer.login && issuer.id === id)
  }

  /**
   * What openid-client needs to talk to it.
   * @throws GatewayError 503 `identity_unavailable` when it does not say what it is
   */
  async client(issuer: IssuerSettings): Promise<Configuration> {
    let slot = this.slots.get(issuer)
    if (slot === undefined) this.slots.set(issuer, (slot = {}))
    const nowMs = this.ports.clock.monotonicMs()
    const { failure, held } = slot
    const isQuiet = failure !== undefined && nowMs - failure.atMs < LIMITS.oidcRetryMs
    if (held !== undefined) {
      const isFresh = nowMs - held.readAtMs < LIMITS.oidcMetadataTtlMs
      if (isFresh || isQuiet) return held.client
    } else if (isQuiet) throw failure.error
    slot.reading ??= this.read(issuer, slot).finally(() => delete slot.reading)
    return await slot.reading
  }

  private async read(issuer: IssuerSettings, slot: Slot): Promise<Configuration> {
    const { clock, logger } = this.ports
    try {
      const client = await this.discover(issuer)
      slot.held = { client, readAtMs: clock.monotonicMs() }
      delete slot.failure
      return client
    } catch (thrown) {
      const found = loginFailure(thrown)
      const error = found.kind === 'identity_unavailable' ? found : issuerUnavailable(thrown)
      slot.failure = { error, atMs: clock.monotonicMs() }
      logger.warn('an issuer does not say what it is', {
        issuer: issuer.id,
        error: describeLoginFailure(thrown),
      })
      // What it said before holds until it says something else.
      if (slot.held !== undefined) return slot.held.client
      throw error
    }
  }

  private async discover(issuer: IssuerSettings): Promise<Configuration> {
    // Loaded with the first login: it takes a fifth of the time in which a whole program starts that nobody logs in to.
    const library = await import('openid-client')
    const { allowInsecureRequests, clockTolerance, discovery } = library
    const { ClientSecretPost, enableNonRepudiationChecks, None } = library
    const fetcher = issuerFetch(issuer, this.ports.transport)
    const metadata = { [clockTolerance]: issuer.clockSkewMs / 1_000 }
    // Whoever configures an issuer by http has a network of their own, or a test.
    const isPlain = issuer.issuer.startsWith('http:')
    const options = {
      [library.customFetch]: fetcher,
      timeout: LIMITS.oidcTimeoutMs / 1_000,
      ...(isPlain ? { execute: [allowInsecureRequests] } : {}),
    }
    const { clientId, clientSecret } = issuer
    if (isSharedEntraIssuer(issuer.issuer)) {
      // What it says of itself names no directory: openid-client knows that of Entra ID's own address.
      const auth = clientSecret === undefined ? None() : ClientSecretPost(clientSecret)
      const client = await discovery(new URL(issuer.issuer), clientId, metadata, auth, options)
      enableNonRepudiationChecks(client)
      return client
    }
    const document = new URL(`${issuer.issuer}/.well-known/openid-configuration`)
    const found = await discovery(document, clientId, metadata, None(), options)
    const server = found.serverMetadata()
    if (!isSameIssuer(server.issuer, issuer)) {
      throw issuerUnavailable('its discovery document names another issuer')
    }
    const auth = clientAuth(library, issuer, server.token_endpoint_auth_methods_supported)
    const client = new library.Configuration(server, clientId, metadata, auth)
    client[library.customFetch] = fetcher
    client.timeout = LIMITS.oidcTimeoutMs / 1_000
    if (isPlain) allowInsecureRequests(client)
    // The signature of an id token is checked as well, not only the way it came.
    enableNonRepudiationChecks(client)
    return client
  }
}

/** As the issuer takes it; where it says nothing, OpenID Connect Discovery 1.0 §3 says `client_secret_basic`. */
function clientAuth(
  { ClientSecretBasic, ClientSecretPost, None }: typeof OpenidClient,
  { clientSecret }: IssuerSettings,
  supported: readonly string[] | undefined,
): ClientAuth {
  if (clientSecret === undefined) return None()
  return supported?.includes('client_secret_post') === true
    ? ClientSecretPost(clientSecret)
    : ClientSecretBasic(clientSecret)
}
