// The keys that issuers sign with, as they publish them: found through their discovery document, kept while they are fresh, and still
// used for a while when the issuer is away. However many tokens name keys that nobody knows, an issuer is asked rarely; nothing in
// a token says where to ask.

import { GatewayError } from '../core/error.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger, Transport } from '../core/ports.ts'
import { describeIssuer, fetchKeys, type IssuerDescription } from './issuer-discovery.ts'
import { fits, type SigningKey } from './signing-key.ts'

export interface IssuerKeyPorts {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  /** For tests that wait for an issuer which never answers. */
  readonly answerTimeoutMs?: number
}

/** What a token's header says of its signature. */
export interface SignatureHeader {
  readonly alg: string
  readonly kid?: string
}

/** Keys with the issuer that published them. */
interface Published {
  readonly description: IssuerDescription
  readonly keys: readonly SigningKey[]
}

/** What is known of one issuer. Times are monotonic. */
interface Slot {
  published?: Published
  fetchedMs: number
  /** When it was last asked, and whether that failed. */
  askedMs: number
  failure?: unknown
  asking?: Promise<void>
  /** When it was last asked for a key that nobody knew. */
  unknownKeyMs: number
}

export class IssuerKeys {
  private readonly ports: IssuerKeyPorts
  private readonly slots = new Map<string, Slot>()

  constructor(ports: IssuerKeyPorts) {
    this.ports = ports
  }

  /**
   * What the issuer says of itself.
   * @throws GatewayError `identity_unavailable` while it cannot be asked and nothing is remembered that may still be used
   */
  async describe(issuer: IssuerSettings): Promise<IssuerDescription> {
    return (await this.current(issuer)).description
  }

  /**
   * The key of a signature.
   * @throws GatewayError `authentication` when the issuer has no such key, `identity_unavailable` when it cannot be asked
   */
  async key(
    issuer: IssuerSettings,
    header: SignatureHeader,
  ): Promise<{ readonly key: SigningKey; readonly description: IssuerDescription }> {
    const published = await this.current(issuer)
    const known = choose(published.keys, header)
    if (known !== undefined) return { key: known, description: published.description }
    const renewed = await this.renewedForUnknownKey(issuer)
    const found = choose(renewed.keys, header)
    if (found === undefined) throw refused('the issuer has no such key')
    return { key: found, description: renewed.description }
  }

  private async current(issuer: IssuerSettings): Promise<Published> {
    const slot = this.slot(issuer)
    const nowMs = this.ports.clock.monotonicMs()
    const { published } = slot
    const ageMs = nowMs - slot.fetchedMs
    if (published !== undefined && ageMs < LIMITS.issuerKeysFreshMs) return published
    const mayAsk = slot.failure === undefined || nowMs - slot.askedMs >= LIMITS.issuerRetryMs
    if (published !== undefined && ageMs < LIMITS.issuerKeysStaleMs) {
      if (mayAsk) void this.ask(issuer, slot)
      return published
    }
    if (mayAsk || slot.asking !== undefined) await this.ask(issuer, slot)
    if (slot.failure !== undefined || slot.published === undefined) throw unavailable(slot.failure)
    return slot.published
  }

  /** The issuer may have a new key. Whoever asks meanwhile gets the same answer; whoever comes too soon after it gets none. */
  private async renewedForUnknownKey(issuer: IssuerSettings): Promise<Published> {
    const slot = this.slot(issuer)
    const nowMs = this.ports.clock.monotonicMs()
    if (nowMs - slot.unknownKeyMs >= LIMITS.issuerUnknownKeyIntervalMs) {
      slot.unknownKeyMs = nowMs
      await this.ask(issuer, slot)
    } else if (slot.asking !== undefined) await slot.asking
    // An issuer that is away may well have the key: the token is not known to be wrong.
    if (slot.failure !== undefined || slot.published === undefined) throw unavailable(slot.failure)
    return slot.published
  }

  /** One question at a time; its failure is in the slot. */
  private ask(issuer: IssuerSettings, slot: Slot): Promise<void> {
    slot.asking ??= this.askOnce(issuer, slot).finally(() => delete slot.asking)
    return slot.asking
  }

  private async askOnce(issuer: IssuerSettings, slot: Slot): Promise<void> {
    const { answerTimeoutMs = LIMITS.oidcTimeoutMs, clock, logger, transport } = this.ports
    slot.askedMs = clock.monotonicMs()
    const signal = AbortSignal.timeout(answerTimeoutMs)
    const way = { transport, network: issuer.network, timeoutMs: answerTimeoutMs, signal }
    try {
      const description = await describeIssuer(issuer, way)
      const { keys, unusable } = await fetchKeys(description, way)
      slot.published = { description, keys }
      slot.fetchedMs = clock.monotonicMs()
      delete slot.failure
      if (unusable > 0)
        logger.debug('keys of an issuer are not used', { issuer: issuer.id, unusable })
      if (keys.length === 0) logger.warn('an issuer has no usable key', { issuer: issuer.id })
    } catch (failure) {
      slot.failure = failure
      logger.warn('an issuer could not be asked for its keys', {
        issuer: issuer.id,
        reason: signal.aborted ? 'no answer in time' : reasonOf(failure),
        lastKnown: slot.published === undefined ? 'nothing' : 'still used',
      })
    }
  }

  private slot(issuer: IssuerSettings): Slot {
    // What it is reached through may change with the configuration, and what it said stays true.
    const name = `${issuer.id}\n${issuer.issuer}`
    let slot = this.slots.get(name)
    if (slot === undefined) {
      // Issuers are as many as the configuration has; those of earlier ones must not gather.
      if (this.slots.size >= SLOTS_MAX) this.slots.clear()
      slot = { fetchedMs: -Infinity, askedMs: -Infinity, unknownKeyMs: -Infinity }
      this.slots.set(name, slot)
    }
    return slot
  }
}

const SLOTS_MAX = 1_000

/** By name where the token says one; without a name only where there is no choice. */
function choose(
  keys: readonly SigningKey[],
  { alg, kid }: SignatureHeader,
): SigningKey | undefined {
  const named = kid === undefined ? keys : keys.filter((key) => key.kid === kid)
  const fitting = named.filter((key) => fits(key, alg))
  // The key is there, and the signature is of a kind it does not make: asking again would change nothing.
  if (kid !== undefined && named.length > 0 && fitting.length === 0) {
    throw refused('the key is for other signatures')
  }
  if (kid === undefined && fitting.length > 1) throw refused('the token names no key')
  return fitting[0]
}

function refused(cause: string): GatewayError {
  return new GatewayError('authentication', { cause })
}

function unavailable(cause: unknown): GatewayError {
  return new GatewayError('identity_unavailable', { cause, retryAfterMs: LIMITS.issuerRetryMs })
}

/** Our own words for what went wrong; never what a stranger's document holds. */
function reasonOf(failure: unknown): string {
  if (failure instanceof GatewayError) {
    return typeof failure.cause === 'string' ? failure.cause : (failure.code ?? failure.kind)
  }
  return failure instanceof Error ? failure.name : 'unknown'
}
