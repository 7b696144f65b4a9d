// The models one may ask, with what is known of them, and what an answer has cost by their prices.

import { signal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { useQuery, type Query } from '../query.ts'
import { session } from '../session.ts'
import type { Facts } from './types.ts'

export interface OfferedModel {
  readonly id: string
  readonly kind: 'alias' | 'direct'
  readonly provider: string | null
  readonly context_window: number | null
  readonly capabilities: readonly string[] | null
  /** Dollars per million tokens. */
  readonly price: Readonly<Record<string, unknown>> | null
}

interface Offered {
  readonly data: readonly OfferedModel[]
}

/** As they were read last, for what is worked out with them. */
const known = signal<readonly OfferedModel[]>([])

async function readModels({ signal: abort }: { readonly signal: AbortSignal }): Promise<Offered> {
  const own = session.peek()?.tenant
  const query = own === undefined ? {} : { tenant: own }
  const found = await unwrap(
    api.playground.models.get({ query, fetch: { signal: abort } } as Parameters<
      typeof api.playground.models.get
    >[0]),
  )
  known.value = found.data
  return found
}

export function useModels(): Query<Offered> {
  return useQuery('playground-models', readModels, { pollMs: 60_000 })
}

/** Whether a model can be talked to, as far as that is known. */
export function canChat({ capabilities }: OfferedModel): boolean {
  return capabilities === null || capabilities.includes('completion')
}

export function findModel(id: string): OfferedModel | undefined {
  return known.value.find((model) => model.id === id)
}

/** Of who has answered, else of what was asked. */
export function priceOf(asked: string, { model, provider }: Facts): OfferedModel['price'] {
  const direct = findModel(`${provider ?? ''}/${model ?? ''}`)
  return (direct ?? findModel(asked))?.price ?? null
}

/** The facts with their cost, where it can be worked out and nobody has said it. */
export function workedOut(facts: Facts, price: OfferedModel['price']): Facts {
  const { inputTokens, outputTokens, usd } = facts
  const [input, output] = [price?.['input'], price?.['output']]
  const isKnown = typeof input === 'number' && typeof output === 'number'
  if (usd !== undefined || !isKnown || inputTokens === undefined) return facts
  const worked = (inputTokens * input + (outputTokens ?? 0) * output) / 1e6
  return { ...facts, usd: worked, isUsdWorkedOut: true }
}
