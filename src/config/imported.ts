// A configuration that is sent to a running program: read by the rules of the file, but nothing of this machine: no variable, no file. What
// only a file can say is told and passed over. It changes nothing; what comes of it is decided elsewhere.

import type { Model, Provider } from '../core/catalog.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { GuardrailRule } from '../core/guardrail.ts'
import type { BudgetRule, LimitRule } from '../core/money.ts'
import { toModel, toProvider } from './catalog.ts'
import { formOf } from './exported.ts'
import { budgetValues, limitValues, modelValues, providerValues } from './from-catalog.ts'
import { interpolate, type Interpolated } from './interpolate.ts'
import { childPath, findLines, type KeyLines } from './lines.ts'
import type { Node } from './node.ts'
import { ConfigError, type ConfigProblem } from './problem.ts'
import { parseConfigText, type ConfigFormat } from './read.ts'
import { checkRules } from './rules.ts'
import type { ModelSettings } from './schema-catalog.ts'
import { guardrailValues, toGuardrailRule, type GuardrailSettings } from './schema-guardrails.ts'
import { SCHEMA, type Settings } from './schema.ts'
import type { ProviderSettings } from './schema-provider.ts'
import { isChangeable } from './stored.ts'
import { toBudgetRule, toLimitRule } from './team.ts'
import { ProblemList, validateSection } from './validate.ts'

/** One thing of an import. */
export interface Imported<T> {
  readonly path: string
  readonly line: number | null
  readonly value: T
  /** The same text for the same thing, secrets included: to be compared, and never shown. */
  readonly form: string
  /** The entry of the file that makes it, in its shortest form; it holds secrets in clear. */
  readonly declared: JsonObject
}

export interface ImportedSetting {
  readonly path: string
  readonly line: number | null
  readonly value: JsonValue
}

export interface ImportedConfig {
  readonly providers: readonly Imported<Provider>[]
  readonly models: readonly Imported<Model>[]
  readonly limits: readonly Imported<LimitRule>[]
  readonly budgets: readonly Imported<BudgetRule>[]
  readonly guardrails: readonly Imported<GuardrailRule>[]
  /** By path, as they are written. */
  readonly settings: readonly ImportedSetting[]
  /** Parts that are there, empty or not. */
  readonly parts: ReadonlySet<string>
  /** Paths that only a file can say. */
  readonly skipped: readonly { readonly path: string; readonly line: number | null }[]
  readonly problems: readonly ConfigProblem[]
}

export interface ImportOptions {
  readonly format: ConfigFormat
  readonly secrets: Readonly<Record<string, string>>
  /** Providers that are there already, which models may name. */
  readonly providerIds: readonly string[]
}

const LABEL = 'import'
const PARTS = ['providers', 'models', 'limits', 'budgets', 'guardrails'] as const
const NOTHING = {
  providers: [],
  models: [],
  limits: [],
  budgets: [],
  guardrails: [],
  settings: [],
  parts: new Set<string>(),
  skipped: [],
}

/** Reads an import; whatever is wrong with it is in `problems`, and then nothing else counts. */
export function readImport(text: string, options: ImportOptions): ImportedConfig {
  try {
    const document = parseConfigText(text, options.format, LABEL)
    return new ImportReader(text, document as JsonObject, options).read()
  } catch (error) {
    if (error instanceof ConfigError) return { ...NOTHING, problems: error.problems }
    throw error
  }
}

const VALUES = {
  providers: providerValues,
  models: modelValues,
  limits: limitValues,
  budgets: budgetValues,
  guardrails: guardrailValues,
} as const

/** The form of a thing that is there, to be compared with that of an imported one. */
export const FORMS = {
  providers: (provider: Provider) => comparable('providers', providerValues(provider)),
  models: (model: Model) => comparable('models', modelValues(model)),
  limits: (rule: LimitRule) => comparable('limits', limitValues(rule)),
  budgets: (rule: BudgetRule) => comparable('budgets', budgetValues(rule)),
  guardrails: (rule: GuardrailRule) => comparable('guardrails', guardrailValues(rule)),
} as const

/** Secrets are a part of what is compared. */
export const COMPARED = { secret: (_path: string, secret: string) => `=${secret}` } as const

function comparable(kind: (typeof PARTS)[number], values: object): string {
  return JSON.stringify(formOf(kind, values, COMPARED))
}

class ImportReader {
  private readonly options: ImportOptions
  private readonly document: JsonObject
  private readonly lines: () => KeyLines | undefined
  private readonly problems: ProblemList

  constructor(text: string, document: JsonObject, options: ImportOptions) {
    const { $schema: _hint, ...rest } = document
    this.document = rest
    this.options = options
    let lines: KeyLines | undefined
    this.lines = () => (lines ??= findLines(text, options.format))
    this.problems = new ProblemList(LABEL, this.lines)
  }

  read(): ImportedConfig {
    for (const twice of this.lines()?.duplicates ?? []) {
      this.problems.add(twice.path, `stands here and again in line ${twice.line}`)
    }
    // First of all: what aliases make of a document is bounded here.
    const told: [path: string, message: string][] = []
    const read = interpolate(this.document, {
      environment: this.options.secrets,
      folder: '/',
      withoutFiles: true,
      report: (path, message) => told.push([path, message]),
    })
    for (const [path, message] of told) {
      if (path === '' || !isPassedOver(path)) this.problems.add(path, message)
    }
    if (read.refused.has('')) return { ...NOTHING, problems: this.problems.list() }
    const { parts, settings, skipped } = this.split(read.value as JsonObject)
    const proven = this.proven(parts, read)
    const shared = { settings, skipped, parts: new Set(Object.keys(parts)) }
    const problems = this.problems.list()
    if (problems.length > 0) return { ...NOTHING, ...shared, problems }
    return { ...shared, problems, ...this.things(proven) }
  }

  /** What the store can hold, and what not: that is not even validated, for it may name files. */
  private split(document: JsonObject) {
    const parts: Record<string, unknown> = {}
    const settings: ImportedSetting[] = []
    const skipped: { path: string; line: number | null }[] = []
    for (const [name, value] of Object.entries(document)) {
      if (name === 'keys') {
        this.problems.add(name, 'cannot be imported: API keys are made here, and shown once')
      } else if ((PARTS as readonly string[]).includes(name)) {
        parts[name] = this.withoutFiles(name, value)
      } else if (!Object.hasOwn(SCHEMA.keys, name)) {
        parts[name] = value
      } else {
        for (const [path, leaf] of leavesOf(name, value)) {
          if (isChangeable(path)) settings.push(this.setting(path, leaf))
          else skipped.push({ path, line: this.lineOf(path) })
        }
      }
    }
    return { parts, settings, skipped }
  }

  private setting(path: string, value: JsonValue): ImportedSetting {
    return { path, line: this.lineOf(path), value }
  }

  /** Files of this machine are named by its own configuration alone; whether one is there must not be found out either. */
  private withoutFiles(path: string, value: unknown): unknown {
    const walk = (node: Node | undefined, at: string, inner: unknown): unknown => {
      if (
        node?.kind === 'text' &&
        node.format === 'file' &&
        inner !== undefined &&
        inner !== null
      ) {
        this.problems.add(at, 'names a file of the server, which only its own configuration may')
        return undefined
      }
      if (node?.kind === 'list' && Array.isArray(inner)) {
        return inner.map((item, index) => walk(node.item, childPath(at, index), item))
      }
      if (node?.kind !== 'section' || !isObject(inner)) return inner
      return Object.fromEntries(
        Object.entries(inner).map(([name, member]) => [
          name,
          walk(
            Object.hasOwn(node.keys, name) ? node.keys[name] : undefined,
            childPath(at, name),
            member,
          ),
        ]),
      )
    }
    return walk((SCHEMA.keys as Readonly<Record<string, Node>>)[path], path, value)
  }

  private proven(parts: object, read: Interpolated): Settings {
    const { problems } = this
    const origins = new Map<string, 'file'>()
    const settings = validateSection(SCHEMA, parts, '', {
      folder: '/',
      platform: 'linux',
      problems,
      references: read.references,
      refused: read.refused,
      overrides: new Map(),
      origin: 'file',
      origins,
    }) as Settings
    checkRules(settings, {
      problems,
      has: (path) => origins.has(path) || read.refused.has(path),
      foundProviders: this.options.providerIds,
    })
    return settings
  }

  private things({ budgets, guardrails, limits, models, providers }: Settings) {
    return {
      providers: this.each('providers', providers, (one: ProviderSettings) =>
        toProvider(one, 'store'),
      ),
      models: this.each('models', models, (one: ModelSettings) => toModel(one, 'store')),
      limits: this.each('limits', limits, (one: Settings['limits'][number]) => ({
        ...toLimitRule(one, 0),
        origin: 'store' as const,
      })),
      guardrails: this.each('guardrails', guardrails, (one: GuardrailSettings) => ({
        ...toGuardrailRule(one),
        origin: 'store' as const,
      })),
      budgets: this.each('budgets', budgets, (one: Settings['budgets'][number]) => ({
        ...toBudgetRule(one, 0),
        origin: 'store' as const,
      })),
    }
  }

  private each<V, T>(
    kind: keyof typeof FORMS,
    values: readonly V[],
    make: (value: V) => T,
  ): Imported<T>[] {
    const form = FORMS[kind] as unknown as (thing: T) => string
    const written = VALUES[kind] as unknown as (thing: T) => object
    return values.map((value, index) => {
      const path = childPath(kind, index)
      const thing = make(value)
      const declared = formOf(kind, written(thing), {
        secret: (_path, secret) => secret,
        isRaw: true,
      })
      return { path, line: this.lineOf(path), value: thing, form: form(thing), declared }
    })
  }

  private lineOf(path: string): number | null {
    return this.lines()?.lineOf(path) ?? null
  }
}

/** A setting that only a file can say: what it refers to is not asked for. */
function isPassedOver(path: string): boolean {
  const [name = ''] = path.split(/[.[]/)
  const isPart = (PARTS as readonly string[]).includes(name)
  return !isPart && Object.hasOwn(SCHEMA.keys, name) && !isChangeable(path)
}

/** Settings below a section, each with its value. */
function leavesOf(path: string, value: unknown): [string, JsonValue][] {
  if (!isObject(value)) return value === undefined ? [] : [[path, value as JsonValue]]
  return Object.entries(value).flatMap(([name, member]) =>
    leavesOf(`${path}.${name}`, member as JsonValue),
  )
}
