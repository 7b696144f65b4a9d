// The shape in which kinds of checks describe what an operator may say of them, and the names that detectors and masks go by.
// Data and types alone: what is proven by them is in `guardrail-options.ts`.

import type { GuardCheckKind } from './guardrail.ts'

interface OptionBase {
  readonly name: string
  /** One or two sentences. */
  readonly doc: string
  readonly required?: true
}

/** One option of a check. Names are those of the configuration. */
export type CheckOption = OptionBase &
  (
    | {
        readonly type: 'text'
        readonly default?: string
        readonly charsMax: number
        /** Refers to a secret of the store or the environment; never shown. */
        readonly secret?: true
        /** Shown over several lines. */
        readonly long?: true
      }
    | {
        readonly type: 'number'
        readonly default?: number
        readonly min: number
        readonly max: number
        readonly whole?: true
      }
    | { readonly type: 'flag'; readonly default: boolean }
    | { readonly type: 'choice'; readonly values: readonly string[]; readonly default?: string }
    | {
        readonly type: 'choices'
        readonly values: readonly string[]
        readonly default?: readonly string[]
      }
    | { readonly type: 'texts'; readonly charsMax: number; readonly countMax: number }
    | {
        /** A list of objects of the same members. */
        readonly type: 'list'
        readonly of: readonly CheckOption[]
        readonly countMax: number
      }
    /** Any JSON object, such as a schema; `charsMax` of its JSON text. */
    | { readonly type: 'json'; readonly charsMax: number }
    /** Names and texts, such as headers. */
    | {
        readonly type: 'map'
        readonly charsMax: number
        readonly countMax: number
        readonly secret?: true
      }
  )

/** One kind of check. */
export interface CheckDescription {
  readonly kind: GuardCheckKind
  /** What it finds, in a sentence or two. */
  readonly doc: string
  /** It tells where in a text something is, so that `mask` can be its mode. */
  readonly masks: boolean
  /** It asks somebody outside this program, or a model. */
  readonly asks: boolean
  readonly options: readonly CheckOption[]
}

/** Something that is wrong with options, and where: `patterns.0.pattern`. Never holds the value. */
export interface OptionProblem {
  readonly path: string
  readonly problem: string
}

/** Detectors of personal data. */
export const PII_DETECTORS = [
  'email',
  'phone',
  'card',
  'iban',
  'national_id',
  'ip',
  'mac',
  'secret',
] as const

export type PiiDetector = (typeof PII_DETECTORS)[number]

/** How a found text is replaced; only the first can be undone in the answer. */
export const MASK_STYLES = ['placeholder', 'label', 'stars', 'last4'] as const

export type MaskStyle = (typeof MASK_STYLES)[number]
