// What became of each provider's models, in memory: filled from the store at start, from the providers' own lists afterwards. It
// tells what is new so that only that is written; it asks nobody and writes nothing itself.

import { LIMITS } from '../core/limits.ts'
import type { ModelFacts, ModelState, ProviderModel } from '../core/model-status.ts'
import type { ListedModel } from '../providers/provider.ts'

/** One model as the store is told of it. */
export interface SeenModel {
  readonly model: string
  readonly state: ModelState
  readonly facts: ModelFacts
}

/**
 * Words of providers for what cannot be asked any more. `deprecated` is none of them: such a model is to be left, yet goes on until
 * its day (Anthropic, Cohere and Azure use the word so).
 */
const RETIRED_WORDS: ReadonlySet<string> = new Set([
  'archived',
  'disabled',
  'end_of_life',
  'eol',
  'inactive',
  'retired',
  'shutdown',
])

/** Whether a listed model can still be asked, by what its list says. */
export function listedState(facts: ModelFacts, nowMs: number): 'available' | 'retired' {
  if (facts.retiresMs !== undefined && facts.retiresMs <= nowMs) return 'retired'
  return RETIRED_WORDS.has(facts.status?.toLowerCase() ?? '') ? 'retired' : 'available'
}

/** All that a list says of a model. */
export function factsOf(listed: ListedModel): ModelFacts {
  const { capabilities, contextWindow, facts } = listed
  return {
    ...facts,
    ...(contextWindow === undefined ? {} : { contextWindow }),
    ...(capabilities === undefined ? {} : { capabilities }),
  }
}

/** A model as its list would have it, from what is remembered. */
export function listedAgain(known: ProviderModel): ListedModel {
  const { capabilities, contextWindow, ...facts } = known.facts
  return {
    id: known.model,
    ...(contextWindow === undefined ? {} : { contextWindow }),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(Object.keys(facts).length === 0 ? {} : { facts }),
  }
}

/** A model's status as JSON: times in ISO 8601, null for what was not said. */
export function statusJson({ facts, firstSeenMs, goneMs, lastSeenMs, ...known }: ProviderModel) {
  return {
    state: known.state,
    context_window: facts.contextWindow ?? null,
    capabilities: facts.capabilities === undefined ? null : [...facts.capabilities],
    base_model: facts.baseModel ?? null,
    version: facts.version ?? null,
    status: facts.status ?? null,
    retires: isoTime(facts.retiresMs),
    first_seen: isoTime(firstSeenMs),
    last_seen: isoTime(lastSeenMs),
    gone_since: isoTime(goneMs),
  }
}

/** Null also for what is no date: a provider's own times may be anything. */
export function isoTime(timeMs: number | undefined): string | null {
  if (timeMs === undefined || !(Math.abs(timeMs) <= LAST_TIME_MS)) return null
  return new Date(timeMs).toISOString()
}

/** The last moment a Date can hold. */
const LAST_TIME_MS = 8.64e15

/** The models of every provider and their states. */
export class ModelBook {
  private readonly providers = new Map<string, Map<string, ProviderModel>>()

  /** Takes over what the store remembers. What a list has said since then stays. */
  load(models: readonly ProviderModel[]): void {
    for (const model of models) {
      const known = this.modelsOf(model.providerId)
      if (!known.has(model.model)) known.set(model.model, model)
    }
  }

  /** What is known of one model; Ollama's `:latest` may be left out. */
  find(providerId: string, model: string): ProviderModel | undefined {
    const known = this.providers.get(providerId)
    return known?.get(model) ?? known?.get(`${model}:latest`)
  }

  /** Every model a provider has ever listed, gone ones included, by name. */
  of(providerId: string): readonly ProviderModel[] {
    return [...(this.providers.get(providerId)?.values() ?? [])].toSorted((one, other) =>
      one.model < other.model ? -1 : 1,
    )
  }

  /**
   * Takes over a provider's list.
   * @param isWhole false for a part of it: then nothing is gone
   * @returns the list for the store, and whether it has anything to write
   */
  learn(
    providerId: string,
    listed: readonly ListedModel[],
    nowMs: number,
    isWhole: boolean,
  ): { readonly seen: readonly SeenModel[]; readonly isNews: boolean } {
    const known = this.modelsOf(providerId)
    const seen: SeenModel[] = []
    let isNews = false
    for (const each of listed) {
      const facts = factsOf(each)
      const state = listedState(facts, nowMs)
      seen.push({ model: each.id, state, facts })
      const before = known.get(each.id)
      const isSame = before?.state === state && Bun.deepEquals(before.facts, facts)
      const isFresh =
        before !== undefined && nowMs - before.lastSeenMs < LIMITS.modelLastSeenIntervalMs
      if (isSame && isFresh) continue
      isNews = true
      known.set(each.id, {
        providerId,
        model: each.id,
        state,
        facts,
        firstSeenMs: before?.firstSeenMs ?? nowMs,
        lastSeenMs: nowMs,
      })
    }
    if (isWhole && this.markGone(known, seen, nowMs)) isNews = true
    forgetOldest(known, seen)
    return { seen, isNews }
  }

  private markGone(
    known: Map<string, ProviderModel>,
    seen: readonly SeenModel[],
    nowMs: number,
  ): boolean {
    const names = new Set(seen.map(({ model }) => model))
    let isNews = false
    for (const model of known.values()) {
      if (model.state === 'gone' || names.has(model.model)) continue
      known.set(model.model, { ...model, state: 'gone', goneMs: nowMs })
      isNews = true
    }
    return isNews
  }

  private modelsOf(providerId: string): Map<string, ProviderModel> {
    let known = this.providers.get(providerId)
    if (known === undefined) this.providers.set(providerId, (known = new Map()))
    return known
  }
}

/** As the store does: of too many, those gone longest, then those that parts of a list have not had for longest. */
function forgetOldest(known: Map<string, ProviderModel>, seen: readonly SeenModel[]): void {
  const excess = known.size - LIMITS.modelStatusRowsMax
  if (excess <= 0) return
  const names = new Set(seen.map(({ model }) => model))
  const unseen = [...known.values()].filter(({ model }) => !names.has(model))
  const gone = unseen.filter(({ state }) => state === 'gone')
  gone.sort((one, other) => (one.goneMs ?? 0) - (other.goneMs ?? 0))
  const there = unseen.filter(({ state }) => state !== 'gone')
  there.sort((one, other) => one.lastSeenMs - other.lastSeenMs)
  for (const { model } of [...gone, ...there].slice(0, excess)) known.delete(model)
}
