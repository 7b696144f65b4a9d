// Bearer tokens of configured issuers in place of keys: verified once, remembered by the hash of the whole token, and turned into a
// principal by the rights of now, so that whoever is turned off is out with the next snapshot. The token itself is kept nowhere.

import type { IssuerSettings } from '../core/issuer.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock } from '../core/ports.ts'
import type { Principal } from '../core/principal.ts'
import { recallName, recallNames, type CalledBack, type Recall } from '../core/recall.ts'
import type { Rights } from '../core/rights.ts'
import { settledTenant, withGroups, type TokenClaims } from './claims.ts'
import { EntraGroups, type EntraGroupsPorts } from './entra-groups.ts'
import { IssuerKeys } from './issuer-keys.ts'
import { Newcomers, type NewcomerPorts } from './newcomers.ts'
import { refused } from './token-parts.ts'
import { verifyToken } from './verify-token.ts'
import { WeightedCache } from './weighted-cache.ts'

export interface BearerPorts {
  /** Of the configuration in force; the same objects until it changes. */
  issuers(): readonly IssuerSettings[]
  /** The snapshot of now. */
  people(): { readonly version: number; readonly rights: Rights }
  readonly keys: Pick<IssuerKeys, 'key'>
  readonly groups: Pick<EntraGroups, 'groups'>
  readonly newcomers: Pick<Newcomers, 'user' | 'service' | 'renewed'>
  readonly clock: Clock
}

/** A token that has been verified. */
interface Remembered {
  readonly issuer: IssuerSettings
  readonly claims: TokenClaims
  /** Wall clock. */
  readonly untilMs: number
  /** Made for one version of the snapshot. */
  principal?: { readonly of: Principal; readonly version: number }
}

export class BearerTokens {
  private readonly ports: BearerPorts
  private readonly verified = new WeightedCache<Remembered>(
    LIMITS.bearerTokensMax,
    LIMITS.bearerNamesMax,
  )
  /** By session or subject: when its tokens were called back, in wall-clock milliseconds. */
  private readonly recalled = new Map<string, number>()
  private readonly verifying = new Map<string, Promise<Principal>>()

  constructor(ports: BearerPorts) {
    this.ports = ports
  }

  /**
   * Who presents a token. At once where it has been verified before.
   * @param hash SHA-256 of the whole token
   * @throws GatewayError `authentication` for a token that proves nothing or whose owner is turned off; `permission` where its owner
   * has no tenant here, or groups that decide about them cannot be seen; `identity_unavailable` when its issuer cannot be asked
   */
  principal(token: string, hash: string): Principal | Promise<Principal> {
    const known = this.verified.get(hash)
    if (known !== undefined) {
      const { rights, version } = this.ports.people()
      if (this.holds(known)) {
        const { principal } = known
        if (principal?.version === version) return principal.of
        const of = knownPrincipal(known, rights)
        if (of !== undefined) {
          known.principal = { of, version }
          return of
        }
      } else this.verified.delete(hash)
    }
    let verifying = this.verifying.get(hash)
    if (verifying === undefined) {
      verifying = this.verify(token, hash).finally(() => this.verifying.delete(hash))
      this.verifying.set(hash, verifying)
    }
    return verifying
  }

  /** Takes back the tokens of a session or of a person that were issued up to now: here at once, and they stay refused. */
  forget(recall: Recall): void {
    const atMs = this.ports.clock.nowMs()
    this.learn(recallNames(recall).map((name) => ({ name, atMs })))
  }

  /** What was called back here or by others, the oldest first. What is known already changes nothing. */
  learn(calledBack: readonly CalledBack[]): void {
    const nowMs = this.ports.clock.nowMs()
    const fresh = new Set<string>()
    for (const { atMs, name } of calledBack) {
      if ((this.recalled.get(name) ?? -Infinity) >= atMs) continue
      this.recalled.delete(name)
      this.recalled.set(name, atMs)
      fresh.add(name)
    }
    if (fresh.size === 0) return
    for (const [name, atMs] of this.recalled) {
      const isOver = nowMs - atMs > LIMITS.bearerForgottenMs
      if (!isOver && this.recalled.size <= LIMITS.bearerForgottenMax) break
      this.recalled.delete(name)
    }
    this.verified.deleteWhere(({ claims }) => recallNames(claims).some((name) => fresh.has(name)))
  }

  /** Sessions and people whose tokens were called back, as far as is remembered. */
  get recalls(): number {
    return this.recalled.size
  }

  private holds({ issuer, untilMs }: Remembered): boolean {
    return this.ports.clock.nowMs() < untilMs && this.ports.issuers().includes(issuer)
  }

  private async verify(token: string, hash: string): Promise<Principal> {
    const { clock, groups, issuers, keys, people } = this.ports
    const nowMs = clock.nowMs()
    const { expiresMs, issuedMs, issuer, ...found } = await verifyToken(
      token,
      issuers(),
      keys,
      nowMs,
    )
    const { overage } = found.claims
    const claims =
      overage === undefined
        ? found.claims
        : withGroups(found.claims, issuer, await groups.groups(issuer, overage))
    if (this.isRecalled(claims, issuedMs)) throw refused('its session has ended')
    const untilMs = Math.min(expiresMs, nowMs + LIMITS.bearerTokenMs)
    const remembered: Remembered = { issuer, claims, untilMs }
    const { rights, version } = people()
    const known = knownPrincipal(remembered, rights)
    const of = known ?? (await this.newPrincipal(remembered, rights))
    // Whoever is being written down is looked up anew until the snapshot knows them.
    if (known !== undefined) {
      remembered.principal = { of, version }
      this.ports.newcomers.renewed(claims, issuedMs, rights)
    }
    // It may have been called back while its owner was looked up.
    if (this.isRecalled(claims, issuedMs)) throw refused('its session has ended')
    const weight = claims.claimed.groups.length + claims.claimed.roles.length + 1
    this.verified.set(hash, remembered, weight)
    return of
  }

  /**
   * Somebody whom the store does not know. People and programs alike: a program has no rights but those that its token brings by
   * roles that are configured, and an administrator can give it more or turn it off once it is written down.
   */
  private async newPrincipal({ claims, issuer }: Remembered, rights: Rights): Promise<Principal> {
    if (!issuer.createUsers) throw refused('its owner is not known here')
    const tenantId = settledTenant(claims, undefined, rights)
    const { newcomers, people } = this.ports
    const row = claims.isService
      ? { service: await newcomers.service(claims, tenantId) }
      : { user: await newcomers.user(claims, tenantId) }
    const now = people().rights
    const inSnapshot = knownPrincipal({ claims }, now)
    if (inSnapshot !== undefined) return inSnapshot
    // What was found in the store may be in another tenant than the token says.
    settledTenant(claims, row.service ?? row.user, now)
    const principal =
      row.service === undefined
        ? now.ofUser(row.user, claims.claimed)
        : now.ofService(row.service, claims.claimed)
    if (principal === undefined) throw refused('its owner is turned off')
    return principal
  }

  private isRecalled({ issuerId, sessionId, subject }: TokenClaims, issuedMs: number): boolean {
    if (this.recalled.size === 0) return false
    if (sessionId !== undefined && this.recalled.has(recallName(issuerId, 'sid', sessionId))) {
      return true
    }
    const atMs = this.recalled.get(recallName(issuerId, 'sub', subject))
    // Whole seconds: a token of the same second may have been there before.
    return atMs !== undefined && issuedMs <= atMs
  }
}

/**
 * The principal of somebody in the snapshot; undefined for who is not there.
 * @throws GatewayError `authentication` for who is turned off, `permission` for another tenant than the token's
 */
function knownPrincipal(
  { claims }: Pick<Remembered, 'claims'>,
  rights: Rights,
): Principal | undefined {
  const { claimed, isService, issuerId, subject } = claims
  if (isService) {
    const service = rights.serviceByClient(issuerId, subject)
    if (service === undefined) return undefined
    settledTenant(claims, service, rights)
    return rights.ofService(service, claimed) ?? turnedOff()
  }
  const user = rights.userBySubject(issuerId, subject)
  if (user === undefined) return undefined
  settledTenant(claims, user, rights)
  return rights.ofUser(user, claimed) ?? turnedOff()
}

function turnedOff(): never {
  throw refused('its owner or their tenant is turned off')
}

/** What the whole of it is made of. */
export interface BearerParts extends EntraGroupsPorts, NewcomerPorts {
  issuers(): readonly IssuerSettings[]
  people(): { readonly version: number; readonly rights: Rights }
}

/** Puts together what is behind bearer tokens. It asks nobody until a token comes. */
export function createBearerTokens(parts: BearerParts): BearerTokens {
  return new BearerTokens({
    issuers: () => parts.issuers(),
    people: () => parts.people(),
    keys: new IssuerKeys(parts),
    groups: new EntraGroups(parts),
    newcomers: new Newcomers(parts),
    clock: parts.clock,
  })
}
