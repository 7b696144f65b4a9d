// A model while it is edited: as the form holds it, and as the API takes it. The order of targets is where they stand: each either shares with
// the one above it, or comes after all above have failed.

import type { Model, Price, Target } from './data.ts'
import { CLASSES, type PriceClass } from './price.tsx'

export const CAUSES = [
  ['any', 'Anything below without a list of its own'],
  ['rate_limited', 'The provider limits requests'],
  ['timed_out', 'No answer in time'],
  ['context_length', 'The prompt is too long'],
  ['content_filter', 'Content rules refused it'],
  ['failed', 'It failed otherwise'],
] as const

export type Cause = (typeof CAUSES)[number][0]
export type Strategy = NonNullable<NonNullable<Model['routing']>['strategy']>
export type Abilities = NonNullable<Target['abilities']>

export interface TargetDraft {
  /** Of this form: rows move. */
  readonly key: number
  readonly provider: string
  readonly model: string
  readonly weight: number | null
  /** With the one above it. */
  readonly shares: boolean
  readonly tags: readonly string[]
  readonly abilities: Abilities | null
  /** JSON, as it is typed. */
  readonly overrides: string
}

export type Prices = Readonly<Partial<Record<PriceClass, number | null>>>

export interface PriceChangeDraft {
  readonly key: number
  /** ISO 8601, or as it is typed: date and time, UTC. */
  readonly from: string
  readonly prices: Prices
}

export interface Draft {
  readonly id: string
  readonly targets: readonly TargetDraft[]
  readonly strategy: Strategy
  readonly sticky: 'none' | 'key' | 'user' | 'session'
  readonly fallbacks: Readonly<Record<Cause, readonly string[]>>
  /** Causes whose list is there and empty, which is another thing than none. */
  readonly emptyCauses: readonly Cause[]
  readonly retryRefused: boolean
  readonly hedgeMs: number | null
  readonly continuation: boolean
  /** JSON, as it is typed. */
  readonly defaults: string
  readonly losses: 'report' | 'reject'
  readonly contextWindow: number | null
  readonly cache: NonNullable<Model['cache']> | 'usual'
  /** Empty: as all others. */
  readonly cacheTtl: string
  readonly ownPrice: boolean
  readonly prices: Prices
  readonly priceChanges: readonly PriceChangeDraft[]
  readonly isForSome: boolean
  readonly access: readonly string[]
}

let keys = 0
const nextKey = () => (keys += 1)

export function emptyTarget(): TargetDraft {
  return {
    key: nextKey(),
    provider: '',
    model: '',
    weight: 1,
    shares: false,
    tags: [],
    abilities: null,
    overrides: '',
  }
}

export function emptyPriceChange(): PriceChangeDraft {
  return { key: nextKey(), from: '', prices: {} }
}

export function emptyDraft(): Draft {
  return {
    id: '',
    targets: [emptyTarget()],
    strategy: 'weighted',
    sticky: 'none',
    fallbacks: {
      any: [],
      rate_limited: [],
      timed_out: [],
      context_length: [],
      content_filter: [],
      failed: [],
    },
    emptyCauses: [],
    retryRefused: false,
    hedgeMs: null,
    continuation: false,
    defaults: '',
    losses: 'report',
    contextWindow: null,
    cache: 'usual',
    cacheTtl: '',
    ownPrice: false,
    prices: {},
    priceChanges: [],
    isForSome: false,
    access: [],
  }
}

/** @param from `provider/model` */
export function withTarget(from: string): Draft {
  const slash = from.indexOf('/')
  const provider = from.slice(0, Math.max(0, slash))
  const model = from.slice(slash + 1)
  const id = model.split('/').at(-1) ?? ''
  return { ...emptyDraft(), id, targets: [{ ...emptyTarget(), provider, model }] }
}

export function toDraft(model: Model): Draft {
  const { fallbacks = {}, ...routing } = model.routing ?? {}
  const empty = emptyDraft()
  const sorted = model.targets.toSorted((a, b) => a.order - b.order)
  const listed = Object.entries(fallbacks) as [Cause, readonly string[] | null | undefined][]
  return {
    ...empty,
    id: model.id,
    targets: sorted.map((target, at) => ({
      key: nextKey(),
      provider: target.provider,
      model: target.model,
      weight: target.weight,
      shares: at > 0 && sorted[at - 1]?.order === target.order,
      tags: target.tags,
      abilities: target.abilities,
      overrides: shownObject(target.overrides),
    })),
    strategy: routing.strategy ?? 'weighted',
    sticky: routing.sticky ?? 'none',
    fallbacks: {
      ...empty.fallbacks,
      ...Object.fromEntries(listed.map(([cause, names]) => [cause, names ?? []])),
    },
    emptyCauses: listed.filter(([, names]) => names?.length === 0).map(([cause]) => cause),
    retryRefused: routing.retry_refused ?? false,
    hedgeMs: millisecondsOf(routing.hedge_after ?? null),
    continuation: routing.continuation ?? false,
    defaults: shownObject(model.defaults),
    losses: model.losses,
    contextWindow: model.context_window,
    cache: model.cache ?? 'usual',
    cacheTtl: model.cache_ttl ?? '',
    ownPrice: model.price !== null,
    prices: pricesOf(model.price ?? {}),
    priceChanges: (model.price_changes ?? []).map(({ from, ...price }) => ({
      key: nextKey(),
      from,
      prices: pricesOf(price),
    })),
    isForSome: model.access !== null,
    access: model.access ?? [],
  }
}

function pricesOf(price: Price): Prices {
  return Object.fromEntries(CLASSES.map(([name]) => [name, price[name] ?? null]))
}

/** Nothing where there is nothing in it. */
function shownObject(value: object): string {
  return Object.keys(value).length === 0 ? '' : JSON.stringify(value, undefined, 2)
}

/** What is typed as JSON is no JSON object. */
export class NoObject extends Error {
  /** The member of the body. */
  readonly param: string

  constructor(param: string) {
    super('Must be a JSON object, as {"temperature": 0.2}.')
    this.param = param
  }
}

/** `1500ms`, `2s` */
function millisecondsOf(text: string | null): number | null {
  const [, number, unit] = /^([\d.]+)(ms|s|m|h)$/.exec(text ?? '') ?? []
  if (number === undefined || unit === undefined) return null
  const size = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? 1
  return Number(number) * size
}

/** The order of each target by where it stands. */
export function ordersOf(targets: readonly Pick<TargetDraft, 'shares'>[]): number[] {
  let order = 0
  return targets.map(({ shares }, at) => (at > 0 && !shares ? (order += 1) : order))
}

/** As the API takes it. @throws NoObject where what is typed as JSON is none */
export function toBody(draft: Draft) {
  const orders = ordersOf(draft.targets)
  return {
    targets: draft.targets.map((target, at) => ({
      provider: target.provider.trim(),
      model: target.model.trim(),
      order: orders[at] ?? 0,
      weight: target.weight ?? 1,
      tags: [...target.tags],
      abilities: target.abilities,
      overrides: objectIn(target.overrides, `targets[${at}].overrides`),
    })),
    defaults: objectIn(draft.defaults, 'defaults'),
    routing: routingOf(draft),
    losses: draft.losses,
    context_window: draft.contextWindow,
    cache: draft.cache === 'usual' ? null : draft.cache,
    cache_ttl: draft.cacheTtl.trim() === '' ? null : draft.cacheTtl.trim(),
    price: draft.ownPrice ? given(draft.prices) : null,
    price_changes:
      draft.priceChanges.length === 0
        ? null
        : draft.priceChanges.map(({ from, prices }) => ({
            from: momentOf(from),
            ...given(prices),
          })),
    access: draft.isForSome ? [...draft.access] : null,
  }
}

function routingOf(draft: Draft) {
  const causes = CAUSES.map(([cause]) => cause).filter(
    (cause) => draft.fallbacks[cause].length > 0 || draft.emptyCauses.includes(cause),
  )
  const isPlain =
    draft.strategy === 'weighted' &&
    draft.sticky === 'none' &&
    causes.length === 0 &&
    !draft.retryRefused &&
    !draft.continuation &&
    draft.hedgeMs === null
  if (isPlain) return null
  return {
    strategy: draft.strategy,
    sticky: draft.sticky === 'none' ? null : draft.sticky,
    fallbacks: Object.fromEntries(causes.map((cause) => [cause, [...draft.fallbacks[cause]]])),
    retry_refused: draft.retryRefused,
    hedge_after: draft.hedgeMs === null ? null : `${draft.hedgeMs}ms`,
    continuation: draft.continuation,
  }
}

/** @throws NoObject */
function objectIn(text: string, param: string): Record<string, unknown> {
  if (text.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown
  }
  throw new NoObject(param)
}

/** Without the classes that have no price: absent is unknown. */
function given(prices: Prices): Prices {
  return Object.fromEntries(Object.entries(prices).filter(([, usd]) => usd !== null))
}

/** What is typed as date and time is UTC. */
function momentOf(text: string): string {
  return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?$/.test(text) ? `${text}Z` : text
}
