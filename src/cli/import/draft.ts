// A configuration of Weir while it is being written by an import: providers found again by what they are, models with their targets, rules and
// single settings. Each value is proven by the schema as it comes, so that what does not fit is told of its place in the source.

import { resolve } from 'node:path'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Node } from '../../config/node.ts'
import { SCHEMA } from '../../config/schema.ts'
import { ProblemList, validateSection } from '../../config/validate.ts'
import type { Cursor, Ledger } from './ledger.ts'
import { Secrets, standIn, variableOf } from './secrets.ts'

/** A provider without its id. */
export type ProviderForm = { readonly type: string } & JsonObject

export interface TargetForm {
  readonly provider: string
  readonly model: string
  order?: number
  weight?: number
  tags?: string[]
  abilities?: Record<string, JsonValue>
  overrides?: Record<string, JsonValue>
}

export interface ModelForm {
  readonly id: string
  readonly targets: TargetForm[]
  defaults?: Record<string, JsonValue>
  routing?: Record<string, JsonValue>
  losses?: string
  context_window?: number
  price?: Record<string, JsonValue>
  access?: string[]
}

/** Where relative files of the source lie. */
export interface DraftOptions {
  readonly folder: string
  readonly platform: NodeJS.Platform
}

type Json = Record<string, JsonValue>

export class Draft {
  readonly ledger: Ledger
  readonly secrets = new Secrets()
  readonly models = new Map<string, ModelForm>()
  readonly limits: JsonObject[] = []
  readonly budgets: JsonObject[] = []
  readonly guardrails: JsonObject[] = []
  readonly exports: JsonObject[] = []
  private readonly options: DraftOptions
  private readonly providers = new Map<string, { readonly id: string; readonly form: Json }>()
  private readonly settings: Json = {}

  constructor(ledger: Ledger, options: DraftOptions) {
    this.ledger = ledger
    this.options = options
  }

  /** A file that the source names, wherever the configuration will lie. */
  file(text: string): string {
    if (variableOf(text) !== undefined) return this.secrets.plain(text)
    return this.secrets.plain(resolve(this.options.folder, text))
  }

  /** The id of the provider of that form, made where there is none. */
  provider(name: string, form: ProviderForm): string {
    const mark = JSON.stringify(form)
    const there = this.providers.get(mark)
    if (there !== undefined) return there.id
    const word = name.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '')
    const base = (word === '' || word === 'mock' ? 'provider' : word).slice(0, 56)
    const taken = new Set([...this.providers.values()].map(({ id }) => id))
    let id = base
    for (let turn = 2; taken.has(id); turn += 1) id = `${base}-${turn}`
    this.providers.set(mark, { id, form: { ...form } as Json })
    return id
  }

  /** Of providers: a member that one says itself stays. */
  eachProvider(change: (form: Json) => void): void {
    for (const { form } of this.providers.values()) change(form)
  }

  hasProviders(): boolean {
    return this.providers.size > 0
  }

  /**
   * Puts a setting in, where it fits and nothing else is said of it.
   * @param path `log.level`
   * @returns why not
   */
  set(path: string, value: JsonValue): string | undefined {
    const problem = this.problem(path, value)
    if (problem !== undefined) return problem
    const names = path.split('.')
    let at = this.settings
    for (const name of names.slice(0, -1)) at = (at[name] ??= {}) as Json
    const last = names.at(-1)!
    const there = at[last]
    if (there !== undefined && JSON.stringify(there) !== JSON.stringify(value)) {
      return 'another part of the file says it otherwise'
    }
    at[last] = value
    return undefined
  }

  /** A setting in force, as far as it is known. */
  has(path: string): boolean {
    let at: JsonValue | undefined = this.settings
    for (const name of path.split('.')) at = (at as Json | undefined)?.[name]
    return at !== undefined
  }

  /** Puts in what a place of the source says, and tells what became of it. */
  carry(at: Cursor, path: string, value: JsonValue | undefined, note?: string): boolean {
    if (!at.isThere) return false
    const problem = value === undefined ? 'is not what belongs here' : this.set(path, value)
    if (problem !== undefined) at.left(problem)
    else if (note === undefined) at.carried(path)
    else at.changed(path, note)
    return problem === undefined
  }

  /** What is wrong with a value at a path of the configuration (`providers.timeouts.total`); undefined where it fits. */
  problem(path: string, value: JsonValue): string | undefined {
    // What a variable holds is known when it is set.
    const node = nodeAt(path)
    if (typeof value === 'string' && /^\$\{[^}]*\}$/.test(value)) {
      const isFile = node.kind === 'text' && node.format === 'file'
      return isFile ? 'is the name of a file in a variable' : undefined
    }
    const problems = new ProblemList()
    const section = { kind: 'section', doc: '', keys: { value: node } } as const
    validateSection(section, { value: unescaped(value) }, '', {
      ...this.options,
      problems,
      references: new Map(),
      refused: new Set(),
      overrides: new Map(),
      origin: 'file',
      origins: new Map(),
    })
    return problems.count === 0 ? undefined : problems.list()[0]?.message
  }

  /** As it would stand in the file, in the order of the schema. */
  document(): JsonObject {
    const parts: Json = { ...this.settings }
    const lists: Json = {
      providers: [...this.providers.values()].map(({ form, id }) => ({ id, ...form })),
      models: [...this.models.values()].map((model) => pruned(model as unknown as Json)),
      limits: this.limits,
      budgets: this.budgets,
      guardrails: this.guardrails,
      exports: this.exports,
    }
    for (const [name, list] of Object.entries(lists)) {
      if ((list as readonly JsonValue[]).length > 0) parts[name] = list
    }
    return Object.fromEntries(
      Object.keys(SCHEMA.keys).flatMap((name) => {
        const part = parts[name]
        return part === undefined ? [] : [[name, part]]
      }),
    )
  }
}

/** Without members that say nothing. */
function pruned(form: Json): Json {
  return Object.fromEntries(
    Object.entries(form)
      .map(([name, member]) => [
        name,
        name === 'targets' ? (member as Json[]).map((target) => pruned(target)) : member,
      ])
      .filter(
        ([, member]) =>
          typeof member !== 'object' ||
          member === null ||
          Array.isArray(member) ||
          Object.keys(member).length > 0,
      ),
  ) as Json
}

function unescaped(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(unescaped)
  if (typeof value !== 'string') return value
  return value.replaceAll(/\$\$\{|\$\{(\w+)[^}]*\}/g, (match, name?: string) =>
    name === undefined ? match.slice(1) : standIn(name),
  )
}

function nodeAt(path: string): Node {
  let node: Node = SCHEMA
  for (const name of path.split('.')) {
    while (node.kind === 'list') node = node.item
    const child: Node | undefined =
      node.kind === 'section' ? (node.keys as Record<string, Node>)[name] : undefined
    if (child === undefined) throw new Error(`the schema has no ${path}`)
    node = child
  }
  return node
}
