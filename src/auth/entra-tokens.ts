// Access tokens of Entra ID applications (client credentials), kept in memory alone. One question at a time for each, a token renewed
// while the old one still holds, and a service that fails is not asked without end. It presents a token nowhere: callers do.

import { createHash } from 'node:crypto'
import { azureCloud, tokenEndpoint, type TokenAudience } from '../core/azure-cloud.ts'
import type { EntraSettings, NetworkSettings, Provider } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, IdSource, Logger, TokenSource, Transport } from '../core/ports.ts'
import { EntraRefusal } from './entra-refusal.ts'
import { askToken, type IssuedToken } from './entra-request.ts'

export interface EntraPorts {
  readonly transport: Transport
  readonly clock: Clock
  readonly ids: IdSource
  readonly logger: Logger
}

/** Times are monotonic. */
interface HeldToken {
  readonly token: string
  readonly renewAtMs: number
  readonly endsAtMs: number
}

/** What is known of one application's token for one purpose. */
interface Slot {
  held?: HeldToken
  asking?: Promise<HeldToken>
  /** Failures in a row, and until when the last one stands for an answer. */
  failures: number
  quietUntilMs: number
  failure?: GatewayError
  /** When a token was last thrown away because it had been refused. */
  replacedMs?: number
}

interface Application {
  readonly entra: EntraSettings
  readonly network: NetworkSettings
  readonly providerId: string
  readonly scope: string
  /** Hash of everything above but the provider: those of one application share its token. */
  readonly key: string
}

/** Whoever has an application of Entra ID; one object until its settings change. */
export type TokenOwner = Pick<Provider, 'id' | 'entra' | 'network'>

export class EntraTokens implements TokenSource {
  private readonly ports: EntraPorts
  private readonly slots = new Map<string, Slot>()
  // A provider is one object until its settings change: hashing them for each request would cost more than all the rest.
  private readonly applications = new WeakMap<TokenOwner, Map<TokenAudience, Application>>()

  constructor(ports: EntraPorts) {
    this.ports = ports
  }

  async bearer(provider: TokenOwner, audience: TokenAudience = 'models'): Promise<string> {
    const application = this.application(provider, audience)
    const slot = this.slot(application.key)
    const nowMs = this.ports.clock.monotonicMs()
    const { held } = slot
    const holds = held !== undefined && nowMs < held.endsAtMs
    if (holds && nowMs < held.renewAtMs) return held.token
    const isQuiet = nowMs < slot.quietUntilMs
    if (holds) {
      if (!isQuiet) this.renew(application, slot)
      return held.token
    }
    if (slot.asking === undefined && isQuiet && slot.failure !== undefined) throw slot.failure
    return (await this.ask(application, slot)).token
  }

  refused(provider: TokenOwner, token: string, audience: TokenAudience = 'models'): boolean {
    const slot = this.slot(this.application(provider, audience).key)
    // Somebody else's request has thrown it away already.
    if (slot.held?.token !== token) return true
    const nowMs = this.ports.clock.monotonicMs()
    const { replacedMs } = slot
    if (replacedMs !== undefined && nowMs - replacedMs < LIMITS.tokenReplaceIntervalMs) return false
    slot.replacedMs = nowMs
    delete slot.held
    return true
  }

  /** In the background: whoever asked has a token that still holds. */
  private renew(application: Application, slot: Slot): void {
    this.ask(application, slot).catch((error: unknown) => {
      // Told where it happened; the next question comes after a pause.
      this.ports.logger.debug('token not renewed', { error: String(error) })
    })
  }

  /** One question at a time: whoever comes meanwhile gets the same answer. */
  private ask(application: Application, slot: Slot): Promise<HeldToken> {
    slot.asking ??= this.askOnce(application, slot).finally(() => delete slot.asking)
    return slot.asking
  }

  private async askOnce(application: Application, slot: Slot): Promise<HeldToken> {
    const { clock } = this.ports
    // Its life is counted from before it was issued, so that it never ends earlier than believed.
    const startedMs = clock.monotonicMs()
    try {
      const held = heldToken(await askToken(application, this.ports), startedMs)
      slot.held = held
      slot.failures = 0
      slot.quietUntilMs = 0
      delete slot.failure
      return held
    } catch (thrown) {
      const failure =
        thrown instanceof GatewayError ? thrown : new GatewayError('internal', { cause: thrown })
      slot.failure = failure
      slot.quietUntilMs = clock.monotonicMs() + pauseMs(failure, slot.failures)
      slot.failures += 1
      this.tell(application, failure, slot)
      throw failure
    }
  }

  private tell(application: Application, failure: GatewayError, slot: Slot): void {
    const { cause } = failure
    this.ports.logger.warn('no token of Entra ID', {
      provider: application.providerId,
      error:
        typeof cause === 'string'
          ? cause
          : cause instanceof Error
            ? cause.message
            : failure.message,
      ...(cause instanceof EntraRefusal ? { code: cause.advice.code } : {}),
      failures: slot.failures,
      ...(slot.held === undefined ? {} : { held: 'the earlier token is used until it ends' }),
    })
  }

  private slot(key: string): Slot {
    let slot = this.slots.get(key)
    if (slot !== undefined) return slot
    slot = { failures: 0, quietUntilMs: 0 }
    this.slots.set(key, slot)
    if (this.slots.size > LIMITS.tokenEntriesMax) {
      const oldest = this.slots.keys().next()
      if (oldest.done !== true) this.slots.delete(oldest.value)
    }
    return slot
  }

  private application(provider: TokenOwner, audience: TokenAudience): Application {
    let known = this.applications.get(provider)
    if (known === undefined) this.applications.set(provider, (known = new Map()))
    let application = known.get(audience)
    if (application === undefined) {
      known.set(audience, (application = applicationOf(provider, audience)))
    }
    return application
  }
}

/** @throws GatewayError `upstream_auth` for a provider without an application */
function applicationOf(provider: TokenOwner, audience: TokenAudience): Application {
  const { entra, id, network } = provider
  if (entra === undefined) {
    throw new GatewayError('upstream_auth', { cause: 'the provider has no entra settings' })
  }
  const { managementScope, modelsScope } = azureCloud(entra)
  const scope = audience === 'models' ? modelsScope : managementScope
  const { certFile, clientId, clientSecret, keyFile, keyPassphrase } = entra
  // The credential and the way there belong to it: nobody gets a token by knowing an application's id alone.
  const parts = [
    tokenEndpoint(entra),
    clientId,
    scope,
    [clientSecret, certFile, keyFile, keyPassphrase],
    network,
  ]
  const key = createHash('sha256').update(JSON.stringify(parts)).digest('hex')
  return { entra, network, providerId: id, scope, key }
}

function heldToken({ lifeMs, refreshMs, token }: IssuedToken, startedMs: number): HeldToken {
  const leadMs = Math.max(lifeMs / 5, Math.min(LIMITS.tokenRenewalMs, lifeMs / 2))
  const marginMs = Math.min(LIMITS.tokenMarginMs, lifeMs / 10)
  return {
    token,
    // `refresh_in` is for tokens that live for a day: the service wants them renewed at half of it.
    renewAtMs: startedMs + Math.min(lifeMs - leadMs, refreshMs ?? lifeMs),
    endsAtMs: startedMs + lifeMs - marginMs,
  }
}

/** How long the service is left alone after a failure, `failures` before it not counted. */
function pauseMs(failure: GatewayError, failures: number): number {
  const isRefusal = failure.kind === 'upstream_auth'
  const baseMs = isRefusal ? LIMITS.tokenRefusedRetryBaseMs : LIMITS.tokenRetryBaseMs
  const capMs = isRefusal ? LIMITS.tokenRefusedRetryCapMs : LIMITS.tokenRetryCapMs
  const grownMs = Math.min(capMs, baseMs * 2 ** Math.min(failures, 20))
  return Math.max(grownMs, Math.min(failure.retryAfterMs ?? 0, LIMITS.tokenRefusedRetryCapMs))
}
