// The words of a routing decision: what is known of each target, what a request needs, what comes of it. Pure data; how it was
// learned is `gateway/routing.ts`'s, what follows from it `route.ts`'s.

import type { ModelPrice, RoutingSettings, Target } from '../catalog.ts'
import type { RouteRecord } from '../outcome.ts'
import type { CircuitState } from './circuit.ts'

/** How a target fares. */
export interface RouteHealth {
  readonly circuit: CircuitState
  /** 0 unless the circuit is open. */
  readonly opensInMs: number
  /** Requests that it is answering now. */
  readonly running: number
  readonly firstByteMs?: number
  readonly totalMs?: number
}

/** What others than the operator say of a target. It may be wrong or old, so it only puts a target behind the others. */
export interface LearnedFacts {
  readonly vision?: boolean | undefined
  readonly tools?: boolean | undefined
  readonly chat?: boolean | undefined
  /** Tokens of prompt and answer together. */
  readonly contextWindow?: number | undefined
  /** Its provider does not list it any more, or says that it is taken away. */
  readonly gone?: boolean
}

/** One target that comes into question. What costs something to know may be a getter: it is read only where it decides. */
export interface RouteTarget {
  readonly target: Target
  readonly health: RouteHealth
  readonly learned: LearnedFacts
  readonly price?: ModelPrice | undefined
  /** Why it cannot be asked at all; absent where it can. */
  readonly unusable?: Unusable | undefined
}

export interface Unusable {
  /** `missing`: its provider is not there or has no credential. `unoffered`: it has no such operation. */
  readonly kind: 'missing' | 'unoffered'
  readonly reason: string
}

/** What a request needs of whoever answers it; members may be getters, as in `RouteTarget`. */
export interface RouteNeeds {
  readonly vision: boolean
  readonly tools: boolean
  readonly jsonSchema: boolean
  /** A chat, or a prompt to be gone on with; undefined for what is neither. */
  readonly form: 'chat' | 'completion' | undefined
  /** Tokens of prompt and answer: never more than the first, surely not fewer than the second, which takes a look at all of it. */
  readonly tokensMax: number
  readonly tokensMin: number
  /** Estimates, for a price. */
  readonly inputTokens: number
  readonly outputTokens: number
}

/** One target of a model, or all it has at one provider. */
export interface TargetPin {
  readonly providerId: string
  readonly model?: string
}

export interface RouteQuestion {
  /** The model whose targets these are. */
  readonly model: string
  readonly candidates: readonly RouteTarget[]
  readonly routing: RoutingSettings
  readonly needs: RouteNeeds
  /** What is to be answered by the same target again. */
  readonly stickyValue?: string | undefined
  readonly pin?: TargetPin | undefined
  /** Words that a target must have, all of them. */
  readonly tags?: readonly string[] | undefined
  /** A source of numbers in [0, 1). */
  readonly random: () => number
  /** Counts the requests of this model; for round robin. */
  readonly turn: number
}

/** Why a target is passed over. */
export type PassedOver =
  'unnamed' | 'untagged' | 'missing' | 'unoffered' | Ability | 'context' | 'open'

export type Ability = 'vision' | 'tools' | 'json_schema' | 'chat'

export interface RouteDecision {
  /** In the order to try them. */
  readonly targets: readonly Target[]
  readonly record: RouteRecord
  /** Why those that are not among `targets` were passed over. */
  readonly passedOver: readonly PassedOver[]
  /** When the first of those that are left alone may be asked again; undefined where none is. */
  readonly opensInMs?: number
}
