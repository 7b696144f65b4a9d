// Prices and context windows out of `@pydantic/genai-prices`, whose data is inside the package. It is imported only when
// `warm` is called, as reading it takes some 35 ms that the start must not pay; its update from the network is never used.

import type * as GenaiPrices from '@pydantic/genai-prices'
import type { ModelPrice, PriceClasses, Provider, ProviderType } from '../core/catalog.ts'
import { nanoPerToken } from '../core/nano-usd.ts'

type Catalogue = Pick<typeof GenaiPrices, 'calcPrice' | 'findProvider'>

export interface KnownModel {
  readonly price?: ModelPrice
  readonly contextWindow?: number
}

/** Models remembered at once; the oldest is forgotten first. A lookup is some 0.2 ms, so forgetting is cheap. */
const CACHE_ENTRIES_MAX = 2_000

/** Prices that change with the hour or the date are looked up for each minute. */
const CHANGING_PRICE_TTL_MS = 60_000

/** The package's name of a provider whose address is the vendor's own. */
const VENDORS: Readonly<Partial<Record<ProviderType, string>>> = {
  openai: 'openai',
  azure: 'azure',
  anthropic: 'anthropic',
  mistral: 'mistral',
  openrouter: 'openrouter',
  gemini: 'google',
  cohere: 'cohere',
  bedrock: 'aws',
}

/** Types whose price follows from the address: other vendors speak these protocols too. */
const BY_ADDRESS: ReadonlySet<ProviderType> = new Set(['openai', 'anthropic', 'custom'])

/** The classes the package has prices for. */
type PricedClass = Exclude<keyof PriceClasses, 'reasoning' | 'request'>

/** Prices of one unit class: the package's key for each of ours, all dollars per million tokens. */
const PRICE_KEYS: Readonly<Record<PricedClass, string>> = {
  input: 'input_mtok',
  output: 'output_mtok',
  cacheRead: 'cache_read_mtok',
  cacheWrite: 'cache_write_mtok',
  cacheWrite1h: 'cache_write_1h_mtok',
  inputAudio: 'input_audio_mtok',
  outputAudio: 'output_audio_mtok',
}

/** The built-in models answer inside the process and nobody bills for them: that is known, whatever a request was about. */
const FREE: KnownModel = {
  price: {
    request: 0,
    input: 0,
    output: 0,
    cacheRead: 0,
    cacheWrite: 0,
    cacheWrite1h: 0,
    inputAudio: 0,
    outputAudio: 0,
  },
}

interface Entry {
  readonly known: KnownModel
  readonly validFromMs: number
  readonly validUntilMs: number
}

/** The price book: knows nothing until `warm` has finished, and says so by `undefined`. */
export class PriceBook {
  private catalogue: Catalogue | undefined
  private warming: Promise<void> | undefined
  private readonly entries = new Map<string, Entry>()

  /** Reads the data in, once. Call it when the start is done; lookups before its end find nothing. */
  warm(): Promise<void> {
    this.warming ??= import('@pydantic/genai-prices').then((catalogue) => {
      this.catalogue = catalogue
    })
    return this.warming
  }

  get isWarm(): boolean {
    return this.catalogue !== undefined
  }

  /**
   * What is known of a provider's model; undefined before `warm` has finished, and `{}` when nothing is. Of `mock` it is always known.
   * @param model the provider's own model name
   * @param atMs the moment whose price is asked for: prices may hold for certain hours or from a date on
   */
  lookup(
    provider: Pick<Provider, 'type' | 'baseUrl'>,
    model: string,
    atMs: number,
  ): KnownModel | undefined {
    if (provider.type === 'mock') return FREE
    if (this.catalogue === undefined) return undefined
    // Neither of the first two holds a line end.
    const key = `${provider.type}\n${provider.baseUrl}\n${model}`
    const cached = this.entries.get(key)
    if (cached !== undefined && atMs >= cached.validFromMs && atMs < cached.validUntilMs) {
      return cached.known
    }
    const entry = find(this.catalogue, provider, model, atMs)
    this.entries.delete(key)
    this.entries.set(key, entry)
    const oldest = this.entries.keys().next()
    if (this.entries.size > CACHE_ENTRIES_MAX && oldest.done !== true) {
      this.entries.delete(oldest.value)
    }
    return entry.known
  }
}

const ALWAYS = {
  validFromMs: Number.NEGATIVE_INFINITY,
  validUntilMs: Number.POSITIVE_INFINITY,
}
const NOTHING: Entry = { known: {}, ...ALWAYS }

function find(
  catalogue: Catalogue,
  provider: Pick<Provider, 'type' | 'baseUrl'>,
  model: string,
  atMs: number,
): Entry {
  const byAddress = BY_ADDRESS.has(provider.type)
  const vendor = byAddress
    ? catalogue.findProvider({ providerApiUrl: provider.baseUrl })?.id
    : VENDORS[provider.type]
  if (vendor === undefined) return NOTHING
  // Google takes the name of its collection before a model or not; the package knows models by their own.
  const name = provider.type === 'gemini' ? model.replace(/^models\//, '') : model
  const found = calculate(catalogue, vendor, name, atMs)
  if (found === null) return NOTHING
  const price = modelPrice(found.model_price)
  const contextWindow = found.model.context_window
  const known = {
    ...(price === undefined ? {} : { price }),
    ...(contextWindow === undefined ? {} : { contextWindow }),
  }
  if (!Array.isArray(found.model.prices)) return { known, ...ALWAYS }
  // No price changes in the middle of a minute.
  const validFromMs = Math.floor(atMs / CHANGING_PRICE_TTL_MS) * CHANGING_PRICE_TTL_MS
  return { known, validFromMs, validUntilMs: validFromMs + CHANGING_PRICE_TTL_MS }
}

/** The package throws where its data contradicts itself; such a model has no known price, and no request fails for it. */
function calculate(catalogue: Catalogue, providerId: string, model: string, atMs: number) {
  try {
    return catalogue.calcPrice({}, model, { providerId, timestamp: new Date(atMs) })
  } catch {
    return null
  }
}

/** The package's prices in ours: nano-dollars per token, with a step for each length at which they change. */
function modelPrice(raw: GenaiPrices.ModelPrice): ModelPrice | undefined {
  const basic: { -readonly [name in keyof PriceClasses]: number } = {}
  const steps = new Map<number, { -readonly [name in keyof PriceClasses]: number }>()
  for (const name of Object.keys(PRICE_KEYS) as PricedClass[]) {
    const value = raw[PRICE_KEYS[name]]
    if (value === undefined) continue
    if (typeof value === 'number') {
      if (isPrice(value)) basic[name] = nanoPerToken(value)
      continue
    }
    // What is no price is unknown, and a class with an unknown step is so as a whole: never half of it free.
    if (!isPrice(value.base) || !value.tiers.every(({ price }) => isPrice(price))) continue
    basic[name] = nanoPerToken(value.base)
    for (const tier of value.tiers) {
      const step = steps.get(tier.start) ?? {}
      step[name] = nanoPerToken(tier.price)
      steps.set(tier.start, step)
    }
  }
  if (Object.keys(basic).length === 0) return undefined
  if (steps.size === 0) return basic
  let passed: PriceClasses = {}
  const sorted = [...steps].toSorted(([a], [b]) => a - b)
  return {
    ...basic,
    // A class that does not change at a step keeps what the step before it said.
    steps: sorted.map(([aboveInputTokens, step]) => {
      passed = { ...passed, ...step }
      return { aboveInputTokens, ...passed }
    }),
  }
}

function isPrice(dollarsPerMillion: number): boolean {
  return Number.isFinite(dollarsPerMillion) && dollarsPerMillion >= 0
}
