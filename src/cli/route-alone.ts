// What routing needs of the outside where no server runs: a directory that has asked nobody, health that knows nothing, and the price
// book. Apart from `route.ts`, so that it is loaded only then.

import { GatewayError } from '../core/error.ts'
import type { IdSource } from '../core/ports.ts'
import { ModelDirectory } from '../gateway/catalog.ts'
import { Health } from '../gateway/health.ts'
import type { RoutingDeps } from '../gateway/route-facts.ts'
import { RouteTurns } from '../gateway/route-state.ts'
import { PriceBook } from '../providers/prices.ts'
import { systemClock } from '../system.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'

export async function routingWithoutServer(ids: IdSource): Promise<RoutingDeps> {
  const book = new PriceBook()
  await book.warm()
  const prices = {
    ready: () => book.warm(),
    find: (...[provider, model]: Parameters<RoutingDeps['prices']['find']>) =>
      book.lookup(provider, model, systemClock.nowMs()),
  }
  const nobody = () => Promise.reject(new GatewayError('upstream_unavailable'))
  const directory = new ModelDirectory({
    clock: systemClock,
    logger: SILENT_LOGGER,
    prices,
    tokens: { bearer: nobody, refused: () => false },
    transport: () => ({ send: nobody }),
  })
  const health = new Health({ clock: systemClock })
  return { clock: systemClock, directory, health, prices, ids, turns: new RouteTurns() }
}
