// Walks a document along the schema table: types, ranges, units, formats, unknown keys. It collects every problem instead of
// stopping at the first, converts units and fills in defaults. Rules between keys are in `rules.ts`.

import { LIMITS } from '../core/limits.ts'
import { isObject } from '../core/json.ts'
import { checkFormat, type FormatContext } from './formats.ts'
import type { References } from './interpolate.ts'
import { childPath, type KeyLines } from './lines.ts'
import type {
  BooleanNode,
  ChoiceNode,
  ListNode,
  MapNode,
  Node,
  NumberNode,
  SectionNode,
  TextNode,
} from './node.ts'
import { type ConfigProblem, quoteName } from './problem.ts'
import { suggest } from './suggest.ts'
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

/** Where a value came from; a path without an entry has its default. */
export type SettingOrigin = 'default' | 'file' | 'environment' | 'flag' | 'built-in'

/** A value from a flag or a variable that stands above the file. */
export interface Override {
  readonly value: string
  readonly origin: 'flag' | 'environment'
  /** `--port`, `WEIR_PORT`: what messages name instead of the file. */
  readonly label: string
}

/** Collects problems, each with its source and line. */
export class ProblemList {
  private readonly problems: ConfigProblem[] = []
  private readonly source: string | undefined
  private readonly lines: (() => KeyLines | undefined) | undefined
  private total = 0

  /** `lines` is called at most once per problem, and only then. */
  constructor(source?: string, lines?: () => KeyLines | undefined) {
    this.source = source
    this.lines = lines
  }

  add(path: string, message: string, suggestion?: string, from?: string): void {
    this.total++
    if (this.problems.length >= LIMITS.configProblemsMax) return
    const source = from ?? this.source
    const line = from === undefined ? this.lines?.()?.lineOf(path) : undefined
    this.problems.push({
      ...(source === undefined ? {} : { source }),
      ...(line === undefined ? {} : { line }),
      path,
      message,
      ...(suggestion === undefined ? {} : { suggestion }),
    })
  }

  get count(): number {
    return this.total
  }

  /** In the order of the file, then in that of finding. */
  list(): ConfigProblem[] {
    const sorted = this.problems.toSorted((left, right) => (left.line ?? 0) - (right.line ?? 0))
    const hidden = this.total - sorted.length
    if (hidden > 0) sorted.push({ path: '', message: `and ${hidden} more` })
    return sorted
  }
}

export interface ValidationContext extends FormatContext {
  readonly problems: ProblemList
  readonly references: ReadonlyMap<string, References>
  /** Paths whose value is already known to be unusable, and has its problem. */
  readonly refused: ReadonlySet<string>
  readonly overrides: ReadonlyMap<string, Override>
  /** What an unoverridden value that is present counts as. */
  readonly origin: SettingOrigin
  /** Filled with the origin of every value that is not a default. */
  readonly origins: Map<string, SettingOrigin>
}

/** A value on its way: what it is, where it stands, and whether text may stand for another type. */
interface Given {
  readonly value: unknown
  readonly path: string
  /** Flags, variables and references can only be text, so text is converted for them. */
  readonly isFromText: boolean
  /** Names the flag or the reference in messages. */
  readonly from: string | undefined
  readonly via: string
}

/**
 * The value of a section along its schema. Parts that were refused are undefined and have their problem in the context, so
 * the result is proven only when the list of problems is empty.
 */
export function validateSection(
  node: SectionNode,
  value: unknown,
  path: string,
  context: ValidationContext,
): Record<string, unknown> {
  return new Validator(context).section(node, value, path)
}

class Validator {
  private readonly context: ValidationContext

  constructor(context: ValidationContext) {
    this.context = context
  }

  section(node: SectionNode, value: unknown, path: string): Record<string, unknown> {
    const given = value ?? {}
    const result: Record<string, unknown> = {}
    if (!isObject(given)) {
      this.context.problems.add(path, `must be a section with keys, not ${nameType(given)}`)
      return result
    }
    const rest = restOf(node)
    const others = Object.entries(given).filter(
      ([key]) => key === rest || !Object.hasOwn(node.keys, key),
    )
    if (rest === undefined) for (const [key] of others) this.unknownKey(node, key, path)
    for (const [key, child] of Object.entries(node.keys)) {
      if (key === rest) {
        result[key] = this.rest(others, path)
        continue
      }
      const member = Object.hasOwn(given, key) ? given[key] : undefined
      const read = this.member(child, member, childPath(path, key))
      result[key] = read
    }
    return result
  }

  /** What stands beside a section's own keys, as it is; whoever knows what it means proves it. */
  private rest(members: readonly (readonly [string, unknown])[], path: string) {
    const kept = members.filter(
      ([key, value]) => value !== null && !this.context.refused.has(childPath(path, key)),
    )
    for (const [key] of kept) this.context.origins.set(childPath(path, key), this.context.origin)
    return Object.fromEntries(kept)
  }

  private unknownKey(node: SectionNode, key: string, path: string): void {
    const known = Object.keys(node.keys)
    const synonyms = node.synonyms ?? {}
    const synonym = Object.hasOwn(synonyms, key) ? synonyms[key] : undefined
    // A key one level too high: say where it belongs.
    const deeper = Object.entries(node.keys).find(
      ([, child]) => child.kind === 'section' && Object.hasOwn(child.keys, key),
    )
    const elsewhere = deeper === undefined ? undefined : `${deeper[0]}.${key}`
    const meant = synonym ?? suggest(key, known) ?? elsewhere
    this.context.problems.add(childPath(path, printable(key)), 'unknown key', meant)
  }

  private member(node: Node, raw: unknown, path: string): unknown {
    const override = this.context.overrides.get(path)
    const value = override?.value ?? raw ?? undefined
    if (this.context.refused.has(path)) return undefined
    if (node.kind === 'section') {
      return value === undefined && node.optional ? undefined : this.section(node, value, path)
    }
    if (value === undefined) return this.absent(node, path)
    this.context.origins.set(path, override?.origin ?? this.context.origin)
    const names = override === undefined ? this.context.references.get(path)?.names : undefined
    return this.leaf(node, {
      value,
      path,
      isFromText: override !== undefined || names !== undefined,
      from: override?.label,
      via: names === undefined ? '' : ` (from ${names.map((name) => `\${${name}}`).join(', ')})`,
    })
  }

  private absent(node: Exclude<Node, SectionNode>, path: string): unknown {
    if (node.required === true) {
      this.context.problems.add(path, 'missing')
      return undefined
    }
    if (node.kind === 'list') return node.optional ? undefined : []
    if (node.kind === 'map' || node.kind === 'free') return {}
    return node.default
  }

  private leaf(node: Exclude<Node, SectionNode>, given: Given): unknown {
    switch (node.kind) {
      case 'text':
        return this.text(node, given)
      case 'integer':
      case 'number':
        return this.number(node, given)
      case 'duration':
      case 'size':
        return this.measure(node, given)
      case 'boolean':
        return this.boolean(node, given)
      case 'choice':
        return this.choice(node, given)
      case 'list':
        return this.list(node, given)
      case 'map':
        return this.map(node, given)
      case 'free':
        if (isObject(given.value)) return given.value
        return this.refuse(given, `must be a section with keys, not ${nameType(given.value)}`)
    }
  }

  private refuse(given: Given, message: string, suggestion?: string): undefined {
    this.context.problems.add(given.path, `${message}${given.via}`, suggestion, given.from)
    return undefined
  }

  private text(node: TextNode, given: Given): string | undefined {
    const { value } = given
    if (typeof value !== 'string') {
      const hint = typeof value === 'object' ? '' : '; put it in quotes'
      return this.refuse(given, `must be text, not ${nameType(value)}${hint}`)
    }
    if (value === '') return this.refuse(given, 'must not be empty')
    if (node.minChars !== undefined && value.length < node.minChars) {
      return this.refuse(given, `must be at least ${node.minChars} characters long`)
    }
    if (value.length > (node.maxChars ?? 4_096)) {
      return this.refuse(given, `must be at most ${node.maxChars ?? 4_096} characters long`)
    }
    const checked = checkFormat(node.format, value, this.context)
    return 'value' in checked ? checked.value : this.refuse(given, checked.problem)
  }

  private number(node: NumberNode, given: Given): number | undefined {
    const isInteger = node.kind === 'integer'
    const number = given.isFromText ? numberOf(given.value) : given.value
    const noun = isInteger ? 'a whole number' : 'a number'
    if (typeof number !== 'number' || !Number.isFinite(number)) {
      const isPlain = given.isFromText || typeof number === 'number'
      return this.refuse(given, `must be ${noun}${isPlain ? '' : `, not ${nameType(number)}`}`)
    }
    const isInside = number >= node.min && number <= node.max
    if (isInside && (!isInteger || Number.isInteger(number))) return number
    return this.refuse(given, `must be ${noun} from ${node.min} to ${node.max}`)
  }

  private measure(node: NumberNode, given: Given): number | undefined {
    const isDuration = node.kind === 'duration'
    const wanted = isDuration
      ? 'a duration with its unit, such as 250ms, 5s, 10m or 1h'
      : 'a size with its unit, such as 512KiB, 32MiB or 2GB'
    if (typeof given.value !== 'string') return this.refuse(given, `must be ${wanted}`)
    const value = isDuration ? parseDuration(given.value) : parseSize(given.value)
    if (value === undefined) return this.refuse(given, `must be ${wanted}`)
    if (value >= node.min && value <= node.max) return value
    const format = isDuration ? formatDuration : formatSize
    return this.refuse(given, `must be from ${format(node.min)} to ${format(node.max)}`)
  }

  private boolean(_node: BooleanNode, given: Given): boolean | undefined {
    if (typeof given.value === 'boolean') return given.value
    if (given.isFromText && (given.value === 'true' || given.value === 'false')) {
      return given.value === 'true'
    }
    return this.refuse(given, 'must be true or false')
  }

  private choice(node: ChoiceNode, given: Given): string | undefined {
    const { value } = given
    if (typeof value === 'string' && node.values.includes(value)) return value
    const meant = typeof value === 'string' ? suggest(value, node.values) : undefined
    return this.refuse(given, `must be one of ${node.values.join(', ')}`, meant)
  }

  private list(node: ListNode, given: Given): unknown[] | undefined {
    if (!Array.isArray(given.value)) {
      return this.refuse(given, `must be a list, not ${nameType(given.value)}`)
    }
    if (given.value.length < (node.minItems ?? 0)) {
      return this.refuse(given, `must have at least ${node.minItems} entry`)
    }
    return given.value.map((item: unknown, index) => {
      const path = childPath(given.path, index)
      if (item !== null && item !== undefined) return this.member(node.item, item, path)
      this.context.problems.add(path, 'must not be empty')
      return undefined
    })
  }

  private map(node: MapNode, given: Given): Record<string, string> | undefined {
    if (!isObject(given.value)) {
      return this.refuse(given, `must be a section with keys, not ${nameType(given.value)}`)
    }
    const members: [string, string][] = []
    const item: TextNode = { kind: 'text', format: node.format, doc: node.doc, maxChars: 8_192 }
    for (const [name, member] of Object.entries(given.value)) {
      const path = childPath(given.path, printable(name))
      const value =
        member === null
          ? this.refuse({ ...given, path }, 'must not be empty')
          : this.member(item, member, path)
      if (typeof value === 'string') members.push([name, value])
    }
    return Object.fromEntries(members)
  }
}

/** The key of a section under which what is none of its keys is gathered. */
export function restOf({ keys }: SectionNode): string | undefined {
  // Asked for every section at every start: without a list of its own.
  for (const name in keys) {
    const child = keys[name]
    if (child?.kind === 'free' && child.rest) return name
  }
  return undefined
}

function numberOf(value: unknown): unknown {
  if (typeof value !== 'string') return value
  return /^-?\d+(?:\.\d+)?$/.test(value.trim()) ? Number(value) : value
}

function printable(key: string): string {
  return /^[\w.$-]{1,60}$/.test(key) ? key : quoteName(key)
}

function nameType(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a section'
  if (typeof value === 'string') return 'text'
  return typeof value === 'number' ? 'a number' : 'true or false'
}
