// Carries a reset of a provider to the other processes on the same store, and hears of theirs: it joins the health of the gateway to the
// store, and neither knows the other. What replicas learn by themselves is told through Redis alone (`replicas.ts`).

import { providerUid, type Provider } from './core/catalog.ts'
import { GatewayError } from './core/error.ts'
import type { IdSource, Logger } from './core/ports.ts'
import type { ProviderReset } from './core/provider-reset.ts'
import type { Health } from './gateway/health.ts'

export interface ProviderResetPorts {
  readonly health: Pick<Health, 'clear'>
  readonly ids: Pick<IdSource, 'uuid'>
  readonly logger: Logger
  readonly store: { tell(reset: ProviderReset): Promise<void> }
  /** By `providerUid`. */
  provider(uid: string): Provider | undefined
}

export class ProviderResetDesk {
  private readonly ports: ProviderResetPorts
  /** The last reset of each provider that is known here; undefined until the store was read for the first time. */
  private known: ReadonlyMap<string, string> | undefined
  /** Of this process, until they were read: what it has done itself it does not do again. */
  private readonly own = new Set<string>()

  constructor(ports: ProviderResetPorts) {
    this.ports = ports
  }

  /**
   * Tells the other processes. Never rejects: what was reset here stays so.
   * @returns false where the store could not be written
   */
  async tell(provider: Provider): Promise<boolean> {
    const { ids, logger, store } = this.ports
    const uid = providerUid(provider)
    const id = ids.uuid()
    this.own.add(id)
    try {
      await store.tell({ providerUid: uid, id, place: placeOf(provider) })
      return true
    } catch (error) {
      const kind = error instanceof GatewayError ? error.kind : 'unknown'
      logger.warn('other replicas are not told by the store that a provider is well', {
        provider: uid,
        error: kind,
      })
      return false
    } finally {
      this.own.delete(id)
    }
  }

  /** Takes over what others have said since the last time. @param resets all that the store holds */
  hear(resets: readonly ProviderReset[]): void {
    const before = this.known
    this.known = new Map(resets.map(({ id, providerUid: uid }) => [uid, id]))
    // Before the first reading there was nothing that could be wrong.
    if (before === undefined) return
    for (const { id, place, providerUid: uid } of resets) {
      if (before.get(uid) === id || this.own.has(id)) continue
      const { health, logger, provider } = this.ports
      const found = provider(uid)
      // Of a replica whose file declares another one of that name.
      if (found === undefined || placeOf(found) !== place) continue
      const { circuits, keys } = health.clear(found)
      logger.info('a provider is taken as well again, as another replica was told', {
        provider: uid,
        circuits,
        keys,
      })
    }
  }
}

/** Hexadecimal digits; enough that two providers of one name are hardly ever taken for each other. */
const PLACE_CHARS = 12

/** A mark of where a provider is. Keys are none of it: what is made of a secret does not belong into a store in clear. */
function placeOf({ baseUrl, type }: Provider): string {
  return Bun.SHA256.hash(JSON.stringify([type, baseUrl]), 'hex').slice(0, PLACE_CHARS)
}
