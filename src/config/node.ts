// The kinds of entry the schema table is made of, and the types of the values they yield. Validation, `config show`, the
// documentation and the editors' JSON Schema all walk these nodes, so nothing about a key is written down twice.

interface Described {
  /** One sentence for people; markdown. */
  readonly doc: string
}

interface Leaf extends Described {
  /** Its absence is an error. */
  readonly required?: true
  /** Masked wherever it is shown. */
  readonly secret?: true
  /** What happens when it is absent, where that is not a fixed default. */
  readonly absent?: string
}

/** Meanings of text that need more than a length; `formats.ts` has one check for each. */
export type TextFormat =
  | 'id'
  | 'model-id'
  | 'host'
  | 'host-pattern'
  | 'origin'
  | 'address-range'
  | 'public-url'
  | 'base-url'
  | 'hook-url'
  | 'proxy-url'
  | 'no-proxy'
  | 'redis-url'
  | 'storage-url'
  | 'file'
  | 'header-value'
  | 'aws-region'
  | 'instant'
  | 'role'
  | 'tenant-id'
  | 'access'

export interface TextNode extends Leaf {
  readonly kind: 'text'
  readonly format: TextFormat
  readonly default?: string
  readonly minChars?: number
  readonly maxChars?: number
}

/** `duration` and `size` are written with a unit and yield milliseconds and bytes. */
export interface NumberNode extends Leaf {
  readonly kind: 'integer' | 'number' | 'duration' | 'size'
  readonly default?: number
  readonly min: number
  readonly max: number
  /** For `integer` and `number` only. */
  readonly unit?: string
}

export interface BooleanNode extends Leaf {
  readonly kind: 'boolean'
  readonly default?: boolean
}

export interface ChoiceNode extends Leaf {
  readonly kind: 'choice'
  readonly values: readonly string[]
  readonly default?: string
}

export interface ListNode extends Leaf {
  readonly kind: 'list'
  readonly item: Node
  /** Absent and empty differ: absent stays undefined. */
  readonly optional?: true
  readonly minItems?: number
}

export interface SectionNode extends Described {
  readonly kind: 'section'
  readonly keys: Readonly<Record<string, Node>>
  /** Absent stays undefined instead of becoming a section of defaults. */
  readonly optional?: true
  /** Names people use for these keys elsewhere, and ours. */
  readonly synonyms?: Readonly<Record<string, string>>
}

/** Free names with text values. */
export interface MapNode extends Leaf {
  readonly kind: 'map'
  readonly format: TextFormat
}

/** Any document: handed on as it is. */
export interface FreeNode extends Leaf {
  readonly kind: 'free'
  /** Its members stand beside the other keys of its section: whatever is none of those is one of them. */
  readonly rest?: true
  /** Members that are known, each with its sentence, for editors. */
  readonly members?: Readonly<Record<string, string>>
  /** Which members are masked. @param section the value of the section it is in */
  readonly isSecret?: (name: string, section: unknown) => boolean
}

export type Node =
  TextNode | NumberNode | BooleanNode | ChoiceNode | ListNode | SectionNode | MapNode | FreeNode

type Bare<N> = N extends { kind: 'text' }
  ? string
  : N extends { kind: NumberNode['kind'] }
    ? number
    : N extends { kind: 'boolean' }
      ? boolean
      : N extends { kind: 'choice'; values: readonly (infer V)[] }
        ? V
        : N extends { kind: 'list'; item: infer I }
          ? readonly Bare<I>[]
          : N extends { kind: 'section'; keys: infer K }
            ? { readonly [P in keyof K]: ValueOf<K[P]> }
            : N extends { kind: 'map' }
              ? Readonly<Record<string, string>>
              : N extends { kind: 'free' }
                ? Readonly<Record<string, unknown>>
                : never

type IsPresent<N> = N extends { optional: true }
  ? false
  : N extends { required: true }
    ? true
    : N extends { default: string | number | boolean }
      ? true
      : N extends { kind: 'section' | 'list' | 'map' | 'free' }
        ? true
        : false

/** The value a node yields once it is valid: defaults filled in, units converted, absent optional values undefined. */
export type ValueOf<N> = IsPresent<N> extends true ? Bare<N> : Bare<N> | undefined

/** A value some of whose parts were refused and are undefined. */
export type Unproven<T> = T extends readonly (infer I)[]
  ? readonly (Unproven<I> | undefined)[]
  : T extends object
    ? { readonly [P in keyof T]?: Unproven<T[P]> | undefined }
    : T
