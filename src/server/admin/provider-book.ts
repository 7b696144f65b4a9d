// Which providers an administrator may see and change: those that file, environment and program declare, as they are in force, and those
// that the store has of a tenant. Rights are asked for the one that is named; what is not theirs is answered as what is not there.

import type { Actor } from '../../core/audit.ts'
import type { NetworkSettings, Origin, Provider } from '../../core/catalog.ts'
import type { ErrorKind } from '../../core/error.ts'
import { GatewayError } from '../../core/error.ts'
import { withNetworkDefaults, type NetworkDefaults } from '../../core/network.ts'
import { can, scopes, type Action } from '../../core/permission.ts'
import type { ProviderRepository } from '../../core/ports.ts'
import type { Principal } from '../../core/principal.ts'
import { isShared, type ServerDeps } from '../context.ts'
import type { RouteRule } from '../route-actions.ts'
import { overAll } from '../visible.ts'
import { notFound } from './body.ts'

/** One step of a try, in the words of the commands. */
export interface ProbeStep {
  readonly name: string
  /** Which key, masked; a model. */
  readonly label?: string
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped' | 'not_reached'
  readonly durationMs: number
  readonly result?: string
  readonly failure?: { readonly reason: string; readonly todo: string; readonly error?: ErrorKind }
}

export interface ProviderProbe {
  readonly steps: readonly ProbeStep[]
  readonly durationMs: number
  /** What it lists; absent where it did not. */
  readonly models?: readonly string[]
}

/** What the routes of providers need of the outside. */
export interface ProvidersDeps {
  readonly store: ProviderRepository
  /** What holds for providers that say nothing else. */
  network(): NetworkDefaults
  /** Why this server may not connect to a host, in words; undefined where it may, or nobody can say now. */
  refusedAddress(host: string, allowPrivate: boolean): Promise<string | undefined>
  /** What is wrong with certificates, in words that name the setting: `network.ca holds …`. */
  tlsProblem(network: NetworkSettings): string | undefined
  probe(provider: Provider, model: string | undefined): Promise<ProviderProbe>
  /** Tells the other processes on this store that it is well again; false where that could not be. */
  tellReset(provider: Provider): Promise<boolean>
}

/** Who asks about a provider. */
export interface ProviderAsking {
  readonly principal: Principal
  readonly tenantId: string
  readonly rule: RouteRule
  readonly actor: Actor
}

const DECLARED: Readonly<Record<Exclude<Origin, 'store'>, readonly [code: string, words: string]>> =
  {
    file: ['declared_in_file', 'The configuration file declares this provider; change it there.'],
    environment: [
      'found_in_environment',
      'It was found in the environment or answers on this machine; declare it in the configuration file to change it.',
    ],
    'built-in': ['built_in', 'It is a part of the program.'],
  }

export class ProviderBook {
  private readonly deps: ServerDeps

  constructor(deps: ServerDeps) {
    this.deps = deps
  }

  /** What one may see of a tenant's, those in force first where a name is used twice. */
  async list(asking: ProviderAsking): Promise<Provider[]> {
    const { tenantId } = asking
    const declared = this.declared(tenantId)
    const names = new Set(declared.map(({ id }) => id))
    const stored = await this.deps.providers.store.ofTenant(tenantId)
    const all = [...declared, ...stored.filter(({ id }) => !names.has(id))]
    return all.filter(({ id }) => this.may(asking, asking.rule.action, id))
  }

  /**
   * One by its id, as it is declared: nothing of the settings for all is in it.
   * @throws GatewayError 404 for one that is not there or not theirs to see, 403 for one that they only may see
   */
  async named(asking: ProviderAsking, id: string): Promise<Provider> {
    this.requireAction(asking, id)
    const found = await this.find(asking.tenantId, id)
    if (found === undefined) throw notFound('provider')
    return found
  }

  async find(tenantId: string, id: string): Promise<Provider | undefined> {
    return (
      this.declared(tenantId).find((provider) => provider.id === id) ??
      (await this.deps.providers.store.find(tenantId, id))
    )
  }

  /** Refuses one that they may not do this to. @throws GatewayError 404, 403 */
  requireAction(asking: ProviderAsking, id: string): void {
    const { actor, rule } = asking
    if (this.may(asking, rule.action, id)) return
    this.deps.denials.note(actor, rule)
    // Whoever may see it learns nothing by being told that it is there.
    const isSeen = this.may(asking, 'provider.read', id)
    if (!isSeen) throw notFound('provider')
    throw new GatewayError('permission')
  }

  /** Whether they may do something else to a provider of this id. */
  may({ principal, tenantId }: ProviderAsking, action: Action, id: string): boolean {
    return can(principal, action, scopes.provider(tenantId, id))
  }

  /** @throws GatewayError 403 naming what is missing */
  require(asking: ProviderAsking, action: Action, id: string, what: string): void {
    if (this.may(asking, action, id)) return
    this.deps.denials.note(asking.actor, asking.rule)
    throw new GatewayError('permission', { message: `${what} takes the right ${action}.` })
  }

  /**
   * Whether settings, keys and conduct of a provider are theirs: one that all tenants share is the installation's.
   */
  isOwn({ principal }: ProviderAsking, { tenantId }: Provider, action: Action): boolean {
    return tenantId !== undefined || !isShared(this.deps) || overAll(principal, action)
  }

  /** @throws GatewayError 403 for one that all tenants share */
  requireOwn(asking: ProviderAsking, provider: Provider): void {
    if (this.isOwn(asking, provider, asking.rule.action)) return
    this.deps.denials.note(asking.actor, asking.rule)
    throw new GatewayError('permission', {
      message: 'All tenants share this provider: it takes rights over the whole installation.',
    })
  }

  /** @throws GatewayError 409 for one that the store does not have */
  requireStored(provider: Provider): void {
    const { origin } = provider
    if (origin === 'store') return
    const [code, message] = DECLARED[origin]
    throw new GatewayError('invalid_request', { status: 409, code, message })
  }

  /** As requests are sent to it: with the settings for all. */
  inForce(provider: Provider): Provider {
    return provider.origin === 'store'
      ? withNetworkDefaults(provider, this.deps.providers.network())
      : provider
  }

  private declared(tenantId: string): Provider[] {
    const { providers } = this.deps.gateway.snapshot().of(tenantId)
    return [...providers.values()].filter(({ origin }) => origin !== 'store')
  }
}

/** Why it cannot be changed here; null where it can. */
export function readOnlyWords({ origin }: Provider): string | null {
  return origin === 'store' ? null : DECLARED[origin][1]
}
