// Groups of people who are in too many for a token, asked of Microsoft Graph in the application's own name. An answer is remembered for
// minutes; without one nobody is let in, as a group that is not seen may be one that denies. The address that a token names for its
// groups is never asked.

import type { EntraSettings } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger, Transport } from '../core/ports.ts'
import type { GroupsOverage } from './claims.ts'
import { EntraRefusal } from './entra-refusal.ts'
import type { EntraTokens, TokenOwner } from './entra-tokens.ts'
import { askGraph, GraphRefusal } from './graph-request.ts'
import { WeightedCache } from './weighted-cache.ts'

export interface EntraGroupsPorts {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  /** Of the applications that issuers are configured with. */
  readonly tokens: Pick<EntraTokens, 'bearer' | 'refused'>
}

interface Known {
  readonly groups: readonly string[]
  readonly untilMs: number
}

interface Failed {
  readonly error: GatewayError
  readonly untilMs: number
}

export class EntraGroups {
  private readonly ports: EntraGroupsPorts
  private readonly known = new WeightedCache<Known>(LIMITS.graphEntriesMax, LIMITS.graphNamesMax)
  private readonly failed = new WeightedCache<Failed>(LIMITS.graphEntriesMax, Infinity)
  private readonly asking = new Map<string, Promise<readonly string[]>>()
  private readonly owners = new WeakMap<IssuerSettings, Map<string, TokenOwner>>()
  private running = 0
  private readonly waiting: (() => void)[] = []

  constructor(ports: EntraGroupsPorts) {
    this.ports = ports
  }

  /**
   * Object ids of all groups, direct or not.
   * @throws GatewayError `permission` when Graph or the token service refuses, `identity_unavailable` when they do not answer
   */
  async groups(issuer: IssuerSettings, overage: GroupsOverage): Promise<readonly string[]> {
    const name = [issuer.id, issuer.graphUrl, overage.directoryId, overage.objectId].join('\n')
    const nowMs = this.ports.clock.monotonicMs()
    const known = this.known.get(name)
    if (known !== undefined && nowMs < known.untilMs) return known.groups
    const failed = this.failed.get(name)
    if (failed !== undefined && nowMs < failed.untilMs) throw failed.error
    let asking = this.asking.get(name)
    if (asking === undefined) {
      asking = this.ask(name, issuer, overage).finally(() => this.asking.delete(name))
      this.asking.set(name, asking)
    }
    return await asking
  }

  private async ask(
    name: string,
    issuer: IssuerSettings,
    overage: GroupsOverage,
  ): Promise<readonly string[]> {
    const { clock } = this.ports
    try {
      await this.turn()
      try {
        const groups = await this.askWithToken(issuer, overage)
        const untilMs = clock.monotonicMs() + LIMITS.graphGroupsMs
        this.known.set(name, { groups, untilMs }, groups.length + 1)
        this.failed.delete(name)
        return groups
      } finally {
        this.giveTurn()
      }
    } catch (thrown) {
      const error = this.told(issuer, thrown)
      const untilMs = clock.monotonicMs() + LIMITS.issuerRetryMs
      this.failed.set(name, { error, untilMs }, 0)
      throw error
    }
  }

  private async askWithToken(
    issuer: IssuerSettings,
    overage: GroupsOverage,
  ): Promise<readonly string[]> {
    const { tokens, transport } = this.ports
    const owner = this.owner(issuer, overage.directoryId)
    const token = await tokens.bearer(owner)
    const way = { transport, network: issuer.network, graphUrl: issuer.graphUrl }
    try {
      return await askGraph(overage, { ...way, token })
    } catch (thrown) {
      const isStale = thrown instanceof GraphRefusal && thrown.status === 401
      if (!isStale || !tokens.refused(owner, token)) throw thrown
      return await askGraph(overage, { ...way, token: await tokens.bearer(owner) })
    }
  }

  /** Our words for the log; a client learns only that it may not, or that it should come again. */
  private told(issuer: IssuerSettings, thrown: unknown): GatewayError {
    const cause = thrown instanceof GatewayError ? thrown.cause : thrown
    const reason =
      cause instanceof EntraRefusal || cause instanceof GraphRefusal
        ? cause.message
        : typeof cause === 'string'
          ? cause
          : 'no answer'
    this.ports.logger.warn(
      'groups of Entra ID could not be asked for; who is in too many is denied',
      {
        issuer: issuer.id,
        reason,
      },
    )
    const isRefusal =
      thrown instanceof GraphRefusal ||
      (thrown instanceof GatewayError && thrown.kind === 'upstream_auth')
    if (isRefusal) return new GatewayError('permission', { cause: reason })
    return new GatewayError('identity_unavailable', {
      cause: reason,
      retryAfterMs: LIMITS.issuerRetryMs,
    })
  }

  /** A few at once: Graph throttles whoever asks for more. */
  private async turn(): Promise<void> {
    if (this.running < LIMITS.graphRunningMax) {
      this.running += 1
      return
    }
    if (this.waiting.length >= LIMITS.graphQueueMax) {
      throw new GatewayError('identity_unavailable', { cause: 'too many wait for their groups' })
    }
    await new Promise<void>((resolve) => this.waiting.push(resolve))
  }

  /** Handed on, so that nobody slips in between. */
  private giveTurn(): void {
    const next = this.waiting.shift()
    if (next === undefined) this.running -= 1
    else next()
  }

  /** One object for each directory until the issuer's settings change, as the tokens are remembered by it. */
  private owner(issuer: IssuerSettings, directoryId: string): TokenOwner {
    let owners = this.owners.get(issuer)
    if (owners === undefined) this.owners.set(issuer, (owners = new Map()))
    let owner = owners.get(directoryId)
    if (owner === undefined) {
      const entra: EntraSettings = {
        tenant: directoryId,
        clientId: issuer.clientId,
        cloud: 'public',
        authority: tokenAuthority(issuer.issuer),
        scope: `${new URL(issuer.graphUrl).origin}/.default`,
        ...(issuer.clientSecret === undefined ? {} : { clientSecret: issuer.clientSecret }),
      }
      owner = { id: `oidc:${issuer.id}`, entra, network: issuer.network }
      if (owners.size >= DIRECTORIES_MAX) owners.clear()
      owners.set(directoryId, owner)
    }
    return owner
  }
}

const DIRECTORIES_MAX = LIMITS.graphEntriesMax

/** Where a directory's tokens are asked for; issuers of v1.0 tokens are named after a service that gives none. */
function tokenAuthority(issuer: string): string {
  const { hostname, origin } = new URL(issuer)
  return hostname === 'sts.windows.net' ? 'https://login.microsoftonline.com' : origin
}
