// What must hold before the program may listen: nothing that everybody on a network could use without being told apart. It looks at what was
// read and decides; it starts nothing.

import type { Config } from './config/config.ts'
import type { ApiKey } from './core/catalog.ts'
import { isLoopbackName } from './server/host-guard.ts'
import { systemClock } from './system.ts'

/** A start that must not go on, with words for the person who started it. */
export class StartError extends Error {}

/** An open door on a network needs a lock: with no key at all, only loopback may be listened on. */
export function refuseOpenBind(config: Config, keys: readonly ApiKey[]): void {
  if (isLoopbackName(config.server.host)) return
  const nowMs = systemClock.nowMs()
  const usable = keys.some(
    (key) => key.revokedMs === undefined && (key.expiresMs === undefined || key.expiresMs > nowMs),
  )
  if (usable || config.auth.anonymous === 'never') return
  throw new StartError(
    `Refusing to listen on ${config.server.host}: no API key exists, so nobody could be told apart. ` +
      "Make one with 'weir keys create NAME', or set auth.anonymous to never.",
  )
}
