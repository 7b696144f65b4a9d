// What a target costs at a moment: what the operator says of the model, else the price book. The one place where the two meet.

import type { Model, ModelPrice, Provider } from '../core/catalog.ts'
import { priceAt } from '../core/price.ts'
import type { PriceBook } from './deps.ts'

/**
 * The price of a provider's model when a request arrived; undefined where nobody knows it.
 * @param model the model it is asked as; absent for raw requests
 * @param atMs absent: now, for what only compares
 */
export function targetPrice(
  model: Pick<Model, 'price' | 'priceChanges'> | undefined,
  provider: Provider,
  providerModel: string,
  prices: PriceBook,
  atMs: number,
): ModelPrice | undefined {
  const own = model === undefined ? undefined : priceAt(model, atMs)
  return own ?? prices.find(provider, providerModel, atMs)?.price
}
