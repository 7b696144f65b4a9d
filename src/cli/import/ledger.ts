// The account that an import gives of what it read: every leaf of the source is carried, carried with a difference, or left behind with its
// reason, and nothing is passed over in silence. It keeps paths and words alone; no value of the source ever gets into it.

import { LIMITS } from '../../core/limits.ts'
import { isObject } from '../../core/json.ts'
import { childPath } from '../../config/lines.ts'

export type Fate = 'carried' | 'changed' | 'left'

/** What became of one part of the source. */
export interface Account {
  /** Where it stands in the source: `model_list[2].litellm_params.rpm`. */
  readonly path: string
  readonly fate: Fate
  /** Where it went: `providers[].timeouts.total`. */
  readonly to?: string
  /** The difference, or why it was left behind. */
  readonly note?: string
  /** How the same is had with Weir. */
  readonly way?: string
}

/** The source cannot be read as a whole: too large, too deep, no mapping. The message holds nothing of it. */
export class SourceError extends Error {}

type Segment = string | number
type Words = Omit<Account, 'path'>

interface Leaf {
  readonly path: string
  account: { readonly at: string; readonly words: Words } | undefined
}

interface Branch {
  readonly path: string
  readonly value: unknown
  readonly children: Map<Segment, Branch>
  readonly leaf: Leaf | undefined
}

const UNKNOWN: Words = { fate: 'left', note: 'Weir has nothing of that name' }

export class Ledger {
  readonly root: Cursor
  /** Paths that two parts of an importer laid claim to: a mistake of the importer. */
  readonly twice: string[] = []
  private readonly leaves: Leaf[] = []
  private readonly beside: Account[] = []
  private values = 0

  /** @throws SourceError for a document that is too deep or too large, as aliases of YAML can make it */
  constructor(document: unknown) {
    this.root = new Cursor(this, this.grow(document, '', 0))
  }

  /** Something that is not a leaf of the document: `include` that was replaced. */
  note(account: Account): void {
    this.beside.push(account)
  }

  /** Every account, in the order of the source; leaves that one word was said about are one. */
  accounts(): Account[] {
    const told: Account[] = []
    const seen = new Set<object>()
    for (const { account, path } of this.leaves) {
      if (account === undefined) {
        told.push({ path, ...UNKNOWN })
      } else if (!seen.has(account)) {
        seen.add(account)
        told.push({ path: account.at, ...account.words })
      }
    }
    return [...told, ...this.beside]
  }

  /** Each leaf with the path of its account. */
  coverage(): readonly { readonly leaf: string; readonly account: string }[] {
    return this.leaves.map(({ account, path }) => ({ leaf: path, account: account?.at ?? path }))
  }

  /** Says what became of a part and of everything below it that nothing has been said about. */
  say(branch: Branch, words: Words): void {
    const account = { at: branch.path, words }
    const mark = ({ children, leaf }: Branch) => {
      if (leaf !== undefined) {
        if (leaf.account === undefined) leaf.account = account
        // What several parts take over in the same way, as a credential that models share, is said once.
        else if (
          branch.leaf === leaf &&
          words.fate !== 'left' &&
          !isSame(leaf.account.words, words)
        ) {
          this.twice.push(leaf.path)
        }
      }
      for (const child of children.values()) mark(child)
    }
    mark(branch)
  }

  /** Of a part that is there but for what was said of it, nothing more is to be said. */
  isSettled(branch: Branch): boolean {
    if (branch.leaf !== undefined) return branch.leaf.account !== undefined
    return [...branch.children.values()].every((child) => this.isSettled(child))
  }

  private grow(value: unknown, path: string, depth: number): Branch {
    this.values += 1
    if (this.values > LIMITS.configValuesMax) throw new SourceError('holds too many values')
    if (depth >= LIMITS.configDepthMax) throw new SourceError('is nested too deeply')
    const children = new Map<Segment, Branch>()
    const members: [Segment, unknown][] = Array.isArray(value)
      ? [...value.entries()]
      : isObject(value)
        ? Object.entries(value)
        : []
    let leaf: Leaf | undefined
    if (members.length === 0) {
      leaf = { path, account: undefined }
      if (path !== '') this.leaves.push(leaf)
    }
    for (const [key, member] of members) {
      children.set(key, this.grow(member, childPath(path, shown(key)), depth + 1))
    }
    return { path, value, children, leaf }
  }
}

function isSame(one: Words, other: Words): boolean {
  return one.fate === other.fate && one.to === other.to && one.note === other.note
}

/** A key with dots or brackets in it would read as a path of its own. */
function shown(key: Segment): Segment {
  return typeof key === 'number' || /^[\w-]+$/.test(key) ? key : JSON.stringify(key.slice(0, 100))
}

const NOWHERE: Branch = { path: '', value: undefined, children: new Map(), leaf: undefined }

/** A place in the source, which may be empty: reading from it is safe, and what is said of it goes into the ledger. */
export class Cursor {
  private readonly ledger: Ledger
  private readonly branch: Branch

  constructor(ledger: Ledger, branch: Branch) {
    this.ledger = ledger
    this.branch = branch
  }

  get value(): unknown {
    return this.branch.value
  }

  get path(): string {
    return this.branch.path
  }

  /** Whether there is anything: `null` is a value, which says nothing. */
  get isThere(): boolean {
    return this.branch !== NOWHERE
  }

  get isSettled(): boolean {
    return this.ledger.isSettled(this.branch)
  }

  /** A text that says something. */
  get text(): string | undefined {
    const { value } = this
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
  }

  /** A number, written as one or as text. */
  get number(): number | undefined {
    const { value } = this
    const number =
      typeof value === 'string' && /^-?\d{1,15}(?:\.\d{1,12})?$/.test(value.trim())
        ? Number(value)
        : value
    return typeof number === 'number' && Number.isFinite(number) ? number : undefined
  }

  /** Yes or no, written as Python, YAML and people do. */
  get flag(): boolean | undefined {
    const { value } = this
    if (typeof value === 'boolean') return value
    if (typeof value !== 'string') return undefined
    const word = value.trim().toLowerCase()
    if (word === 'true' || word === 'yes' || word === 'on') return true
    return word === 'false' || word === 'no' || word === 'off' ? false : undefined
  }

  get isMapping(): boolean {
    return isObject(this.value)
  }

  get isList(): boolean {
    return Array.isArray(this.value)
  }

  get(...names: readonly Segment[]): Cursor {
    let { branch } = this
    for (const name of names) branch = branch.children.get(name) ?? NOWHERE
    return new Cursor(this.ledger, branch)
  }

  /** A place where nothing is. */
  get none(): Cursor {
    return new Cursor(this.ledger, NOWHERE)
  }

  /** The first of several names that is there. */
  any(...names: readonly string[]): Cursor {
    return names.map((name) => this.get(name)).find(({ isThere }) => isThere) ?? this.none
  }

  /** Members of a mapping or of a list. */
  members(): [name: string, at: Cursor][] {
    return [...this.branch.children].map(([key, child]) => [
      String(key),
      new Cursor(this.ledger, child),
    ])
  }

  carried(to: string): void {
    this.say({ fate: 'carried', to })
  }

  changed(to: string, note: string): void {
    this.say({ fate: 'changed', to, note })
  }

  /** Of whatever nothing was said of yet. */
  left(note: string, way?: string): void {
    this.say({ fate: 'left', note, ...(way === undefined ? {} : { way }) })
  }

  private say(words: Words): void {
    if (this.isThere) this.ledger.say(this.branch, words)
  }
}
