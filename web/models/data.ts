// Models as the pages read them: the questions and the types of their answers. It draws nothing.

import { api, unwrap } from '../api.ts'

interface Reading {
  readonly signal: AbortSignal
}

/** Ids hold slashes, which a path must not. */
export const modelPath = (id: string) => api.models({ id: encodeURIComponent(id) })

export const readModel = (id: string, { signal }: Reading) =>
  unwrap(modelPath(id).get({ fetch: { signal } }))

export type Model = Awaited<ReturnType<typeof readModel>>
export type Target = Model['targets'][number]
export type Price = NonNullable<Model['price']>

export interface ModelFilter {
  readonly kind: 'alias' | 'direct'
  readonly q: string | undefined
  readonly state: string | undefined
  readonly limit: number
}

export const readModels = ({ kind, limit, q, state }: ModelFilter, { signal }: Reading) =>
  unwrap(
    api.models.get({
      query: {
        kind,
        limit,
        ...(q === undefined ? {} : { q }),
        ...(state === 'available' || state === 'gone' || state === 'retired' ? { state } : {}),
      },
      fetch: { signal },
    }),
  )

/** Rows of one page at first, and at most. */
export const ROWS = 100
export const ROWS_MAX = 500

/** Where a model's page is. */
export const pageOf = (id: string) => `/ui/models/${encodeURIComponent(id)}`

/** `openai/gpt-5-mini` */
export const nameOf = ({ model, provider }: Pick<Target, 'model' | 'provider'>) =>
  `${provider}/${model}`

/** Targets of the same order together, the first tried first. */
export function steps(targets: readonly Target[]): readonly (readonly Target[])[] {
  const byOrder = Map.groupBy(targets, ({ order }) => order)
  return [...byOrder].toSorted(([a], [b]) => a - b).map(([, group]) => group)
}

/** Why a target would not answer now, in words; undefined where nothing is known against it. */
export function lossOf({ provider_state: provider, state }: Target): string | undefined {
  if (provider === 'missing') return 'no such provider'
  if (provider === 'no_key') return 'provider has no key'
  if (state === 'gone') return 'gone'
  return state === 'retired' ? 'retired' : undefined
}

/** How a model fares by what is known of its targets. */
export function fareOf({ targets }: Model): 'ok' | 'degraded' | 'down' {
  const lost = targets.filter((target) => lossOf(target) !== undefined).length
  if (lost === 0) return 'ok'
  return lost === targets.length ? 'down' : 'degraded'
}
