// What became of a provider's models: which it listed when last asked, since when, and which are gone. A model that vanishes is
// marked, never deleted, so that whoever asks for it learns why. Pure data.

/** `gone`: the provider answered and did not list it any more. `retired`: it lists it as not usable any more. */
export type ModelState = 'available' | 'gone' | 'retired'

/** What a provider says of a model; an absent member was not said. */
export interface ModelFacts {
  readonly contextWindow?: number
  readonly capabilities?: readonly string[]
  /** The model behind a deployment, and its version (Azure). */
  readonly baseModel?: string
  readonly version?: string
  /** The provider's own word for its condition (`Succeeded`, `deprecated`). */
  readonly status?: string
  /** When the provider will take it away. */
  readonly retiresMs?: number
}

export interface ProviderModel {
  readonly providerId: string
  /** The provider's own name. */
  readonly model: string
  readonly state: ModelState
  readonly facts: ModelFacts
  readonly firstSeenMs: number
  /** When the provider last listed it. */
  readonly lastSeenMs: number
  /** When it was first missed; absent while it is there. */
  readonly goneMs?: number
}
