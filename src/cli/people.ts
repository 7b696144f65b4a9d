// What the commands about people and rights share: the tenant they work in, who is meant by what a person typed, and how results are
// shown. They change the store alone; what a file declares is edited there.

import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import type { Assignee, AssigneeKind, Scope, User } from '../core/identity.ts'
import { SCOPE_WORDS, scopeFromWords } from '../core/policy/scope-words.ts'
import { isoTime } from '../server/admin/people/json.ts'
import type { Store } from '../storage/store.ts'
import { isOn } from './arguments.ts'
import { type CommandInput, type OptionDoc, UsageError } from './command.ts'
import { jsonText, printable } from './format.ts'
import { tenantOf, withExistingStore, withStore } from './store.ts'
import { renderTable, tableStyle, type Column } from './table.ts'

export const IN_TENANT: OptionDoc = {
  flag: '--tenant',
  value: 'ID',
  doc: 'tenant it is about (else default)',
}
export const JSON_ARRAY: OptionDoc = { flag: '--json', doc: 'print a JSON array' }
export const JSON_OBJECT: OptionDoc = { flag: '--json', doc: 'print one JSON object' }

/** The command could not do what it was asked for; its words are shown as they are. */
export class Problem extends Error {}

export interface Place {
  readonly config: Config
  readonly store: Store
  readonly tenantId: string
}

/** What was done, for people and for programs. */
export interface Done {
  readonly words: string
  readonly json: unknown
}

/** The argument at a place. @throws UsageError when it is missing */
export function argument({ positionals }: CommandInput, at: number, what: string): string {
  const value = positionals[at]?.trim() ?? ''
  if (value === '') throw new UsageError(`Missing ${what}.`)
  return value
}

/** Makes a change in the tenant that is named, which must be there, and shows what was done. */
export async function changeIn(
  input: CommandInput,
  change: (place: Place) => Promise<Done>,
): Promise<number> {
  const { config } = loadConfig({ flags: input.configFlags })
  const tenantId = tenantOf(input)
  return await told(input, () =>
    withStore(config, input.output, async (store) => {
      await requireTenant(store, tenantId)
      return await change({ config, store, tenantId })
    }),
  )
}

/** Shows what was done, or why it was not. @throws what is no Problem */
export async function told(input: CommandInput, work: () => Promise<Done>): Promise<number> {
  const { output } = input
  try {
    const { json, words } = await work()
    output.out(isOn(input, 'json') ? `${jsonText(json)}\n` : `${printable(words)}\n`)
    return 0
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    output.error(`${printable(error.message)}\n`)
    return 1
  }
}

export interface ListOf<T> {
  readonly columns: readonly Column[]
  cells(row: T): readonly string[]
  json(row: T): unknown
  /** Said where there is none. */
  readonly none: string
}

/** Shows rows of the tenant that is named. Makes no store where there is none. */
export async function listIn<T>(
  input: CommandInput,
  shown: ListOf<T>,
  read: (place: Place) => Promise<readonly T[]>,
): Promise<number> {
  const { output } = input
  const { config } = loadConfig({ flags: input.configFlags })
  const tenantId = tenantOf(input)
  const stored = await withExistingStore(config, output, async (store) => {
    await requireTenant(store, tenantId)
    return await read({ config, store, tenantId })
  }).catch((error: unknown) => {
    if (error instanceof Problem) return error
    throw error
  })
  if (stored instanceof Problem) {
    output.error(`${printable(stored.message)}\n`)
    return 1
  }
  showRows(input, shown, stored ?? [])
  return 0
}

/** Rows as a table or as JSON. */
export function showRows<T>(input: CommandInput, shown: ListOf<T>, rows: readonly T[]): void {
  const { output } = input
  if (isOn(input, 'json')) output.out(`${jsonText(rows.map(shown.json), 2)}\n`)
  else if (rows.length === 0) output.error(`${shown.none}\n`)
  else output.out(renderTable(shown.columns, rows.map(shown.cells), tableStyle(output)))
}

async function requireTenant(store: Store, tenantId: string): Promise<void> {
  if ((await store.tenants.find(tenantId)) !== undefined) return
  throw new Problem(`There is no tenant '${tenantId}'. See 'weir tenants list'.`)
}

export { isoTime }

/** The one user of a tenant who is meant: by id, by what they log in with, or by the address of their mail. @throws Problem */
export async function findUser({ store, tenantId }: Place, text: string): Promise<User> {
  const users = await store.users.list(tenantId)
  const byId = users.find(({ id }) => id === text)
  if (byId !== undefined) return byId
  const mail = text.toLowerCase()
  const bySubject = users.filter(({ subject }) => subject === text)
  const found =
    bySubject.length > 0 ? bySubject : users.filter(({ email }) => email?.toLowerCase() === mail)
  const [only, ...others] = found
  if (only === undefined) {
    throw new Problem(
      `There is no user '${text}' in the tenant ${tenantId}. See 'weir users list'.`,
    )
  }
  if (others.length === 0) return only
  const lines = found.map(({ id, issuer, subject }) => `${id} (${issuer}: ${subject})`)
  throw new Problem(
    `Several users are meant by '${text}'; name one by its id: ${lines.join(', ')}.`,
  )
}

const WHO = ['user', 'group', 'team', 'service', 'key'] as const

/** Who is named, before anybody is looked for. @throws UsageError */
export function parseWho(text: string): Assignee {
  if (text === 'everyone') return { kind: 'everyone', id: '*' }
  const colon = text.indexOf(':')
  const kind = WHO.find((each) => each === text.slice(0, colon)) as AssigneeKind | undefined
  const id = text.slice(colon + 1).trim()
  if (kind !== undefined && id !== '') return { kind, id }
  throw new UsageError(
    'Who is meant is written as user:MAIL|NAME|ID, group:ID, team:ID, service:ID, key:NAME|ID, or everyone.',
  )
}

/** The same by the row's own id. @throws Problem when there is nobody, or several */
export async function resolveWho(place: Place, who: Assignee): Promise<Assignee> {
  if (who.kind === 'user') return { kind: 'user', id: (await findUser(place, who.id)).id }
  if (who.kind !== 'key') return who
  const { config, store, tenantId } = place
  const keys = [
    ...config.keys.filter((key) => key.tenantId === tenantId),
    ...(await store.keys.list(tenantId)),
  ]
  const byId = keys.find(({ id }) => id === who.id)
  if (byId !== undefined) return { kind: 'key', id: byId.id }
  const byName = keys.filter(({ name, revokedMs }) => name === who.id && revokedMs === undefined)
  const [only, ...others] = byName
  if (only !== undefined && others.length === 0) return { kind: 'key', id: only.id }
  const words = others.length > 0 ? 'Several keys have the name' : 'There is no key'
  throw new Problem(`${words} '${who.id}' in the tenant ${tenantId}. See 'weir keys list'.`)
}

/**
 * A scope as people write it: `/`, a path, or within the tenant `model:fast`, `provider:openai`, `team:research`, `tenant`.
 * @throws UsageError when it is none
 */
export function parseScope(text: string, tenantId: string): Scope {
  const scope = scopeFromWords(text, tenantId)
  if (scope === undefined) throw new UsageError(SCOPE_WORDS)
  return scope
}
