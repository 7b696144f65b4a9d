// Feature flags: parts of the program that can be turned on for some. Each is declared here with its type, its default and who answers for
// it; configuration and the management API say for whom it differs. Pure: who is within a percentage follows from a hash alone.

interface FlagBase {
  /** What it turns on, in one sentence. */
  readonly doc: string
  /** The part of the program that answers for it. */
  readonly owner: string
}

export type FlagDefinition = FlagBase &
  (
    | { readonly type: 'boolean'; readonly default: boolean }
    | {
        readonly type: 'number'
        readonly default: number
        readonly min: number
        readonly max: number
      }
    | { readonly type: 'choice'; readonly default: string; readonly values: readonly string[] }
  )

/** Every flag there is. */
export const FLAGS = {
  continuation: {
    type: 'boolean',
    default: true,
    owner: 'routing',
    doc: 'Models that say `continuation: true` go on with an answer that broke off after its beginning was sent; off, none does.',
  },
  hedging: {
    type: 'boolean',
    default: true,
    owner: 'routing',
    doc: 'Models that say `hedge_after` ask a second target beside a slow one; off, none does.',
  },
  semantic_cache: {
    type: 'boolean',
    default: true,
    owner: 'cache',
    doc: 'Where the semantic cache is configured it answers; off, only equal requests are answered from the cache.',
  },
  cache_similarity: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    owner: 'cache',
    doc: 'Least similarity of the semantic cache, in place of the configured one; 0 leaves that in force.',
  },
  trace_sampling: {
    type: 'choice',
    default: 'configured',
    values: ['configured', 'all', 'none'],
    owner: 'telemetry',
    doc: 'Which requests are traced while tracing is on: as configured, all of them, or none.',
  },
} as const satisfies Readonly<Record<string, FlagDefinition>>

export type FlagName = keyof typeof FLAGS
export type FlagValue = boolean | number | string

/** The type of a flag's value. */
export type ValueOfFlag<N extends FlagName> = (typeof FLAGS)[N]['type'] extends 'boolean'
  ? boolean
  : (typeof FLAGS)[N]['type'] extends 'number'
    ? number
    : string

/** What differs from a flag's default, and for whom. The first rule that concerns a request decides. */
export interface FlagRule {
  readonly flag: FlagName
  readonly value: FlagValue
  /** Absent: every tenant. */
  readonly tenantId?: string
  /** Share of requests, 0 to 100, by `seed`: the same seed is always on the same side, and one within 10 % is within 20 %. */
  readonly percent: number
  readonly origin: 'file' | 'store'
}

/** Says how a flag stands for a request. */
export interface FlagSource {
  /** @param seed what is to be treated alike, such as the caller */
  value<N extends FlagName>(flag: N, tenantId: string, seed: string): ValueOfFlag<N>
}

/** Flags by their rules; those without any cost one look into a map. */
export class Flags implements FlagSource {
  private readonly rules: ReadonlyMap<FlagName, readonly FlagRule[]>

  /** @param rules in the order in which they are asked: a tenant's own before those of all */
  constructor(rules: readonly FlagRule[] = []) {
    this.rules = Map.groupBy(rules, ({ flag }) => flag)
  }

  value<N extends FlagName>(flag: N, tenantId: string, seed: string): ValueOfFlag<N> {
    const rules = this.rules.get(flag)
    const rule = rules?.find(
      (one) =>
        (one.tenantId === undefined || one.tenantId === tenantId) &&
        isWithin(one.percent, flag, seed),
    )
    return (rule === undefined ? FLAGS[flag].default : rule.value) as ValueOfFlag<N>
  }
}

/** Whether a name is that of a flag. */
export function isFlagName(name: string): name is FlagName {
  return Object.hasOwn(FLAGS, name)
}

/** What is wrong with a value for a flag, in words; undefined where nothing is. */
export function flagProblem(flag: FlagName, value: unknown): string | undefined {
  const definition: FlagDefinition = FLAGS[flag]
  switch (definition.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false'
    case 'number':
      return typeof value === 'number' && value >= definition.min && value <= definition.max
        ? undefined
        : `must be a number from ${definition.min} to ${definition.max}`
    case 'choice':
      return typeof value === 'string' && definition.values.includes(value)
        ? undefined
        : `must be one of ${definition.values.join(', ')}`
  }
}

function isWithin(percent: number, flag: string, seed: string): boolean {
  if (percent >= 100) return true
  if (percent <= 0) return false
  return hashOf(`${flag}\n${seed}`) < percent / 100
}

/** FNV-1a with a final mix, as a share in [0, 1): https://datatracker.ietf.org/doc/html/draft-eastlake-fnv. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000
}
