// What `weir keys create` and `weir keys update` take: what a key is narrowed to, whose it is, and limits of its own; checked here, so
// that a slip of the pen makes no key.

import { parseAddressRange } from '../core/address.ts'
import type { KeyOwner } from '../core/catalog.ts'
import type { LimitAmounts, OwnLimits } from '../core/money.ts'
import { NANO_PER_USD } from '../core/nano-usd.ts'
import type { ApiKeyChange } from '../core/ports.ts'
import { integerOption, listOption, parseExpiry, textOption } from './arguments.ts'
import { type CommandInput, type OptionDoc, UsageError } from './command.ts'
import { printable } from './format.ts'
import { findUser, parseWho, Problem, type Place } from './people.ts'
import { actionsOption } from './roles-save.ts'

const NAME_CHARS_MAX = 64
const PATTERN_CHARS_MAX = 300
const AMOUNT_MAX = 1e12
const AMOUNTS: readonly (readonly [string, keyof LimitAmounts, string])[] = [
  ['requests-per-minute', 'requestsPerMinute', 'requests it may make each minute'],
  ['requests-per-day', 'requestsPerDay', 'requests it may make each day'],
  ['tokens-per-minute', 'tokensPerMinute', 'tokens it may use each minute'],
  ['tokens-per-day', 'tokensPerDay', 'tokens it may use each day'],
  ['concurrent', 'concurrent', 'requests of it that may run at once'],
]

const WINDOWS = ['day', 'week', 'month', 'total'] as const

/** Options of keys that are new and of those that change. */
export const KEY_OPTIONS: readonly OptionDoc[] = [
  {
    flag: '--models',
    value: 'PATTERNS',
    doc: 'models it may use, with commas between; * stands for any text (default all)',
  },
  {
    flag: '--action',
    value: 'ACTIONS',
    doc: 'actions it is narrowed to, with commas between or given again: model.*, usage.read',
    repeats: true,
  },
  {
    flag: '--allow-from',
    value: 'ADDRESSES',
    doc: 'addresses and blocks it may be used from, with commas between: 10.0.0.0/8',
    repeats: true,
  },
  {
    flag: '--expires',
    value: 'WHEN',
    doc: 'when it ends: 30d, 12h, or a date as 2027-01-31, valid to its end in UTC (default never)',
  },
  ...AMOUNTS.map(([flag, , doc]) => ({ flag: `--${flag}`, value: 'N', doc })),
  { flag: '--budget', value: 'USD', doc: 'what it may spend in a window, in dollars' },
  { flag: '--window', value: 'WINDOW', doc: 'of that budget: day, week, month (default) or total' },
]

export const OWNER_OPTIONS: readonly OptionDoc[] = [
  {
    flag: '--owner',
    value: 'WHO',
    doc: 'whose rights it has: user:MAIL|NAME|ID, service:ID or team:ID (else those of a member)',
  },
  { flag: '--team', value: 'ID', doc: 'the same as --owner team:ID' },
]

/** @throws UsageError for a name that a list could not show or that is a key itself */
export function checkKeyName(name: string): string {
  if (name.length > NAME_CHARS_MAX) {
    throw new UsageError(`A key's name has at most ${NAME_CHARS_MAX} characters.`)
  }
  if (printable(name) !== name) throw new UsageError("A key's name has no control characters.")
  if (name.startsWith('weir_')) {
    throw new UsageError("A key's name does not begin with weir_: it would look like a key.")
  }
  return name
}

/** What a new key is narrowed to. @throws UsageError */
export function narrowing(
  input: CommandInput,
  nowMs: number,
): {
  readonly models?: readonly string[]
  readonly actions?: readonly string[]
  readonly allowedFrom?: readonly string[]
  readonly expiresMs?: number
  readonly own?: OwnLimits
} {
  const models = modelsOption(input)
  const actions = actionsOption(input, 'action')
  const allowedFrom = addressesOption(input)
  const expires = textOption(input, 'expires')
  const own = ownOption(input)
  return {
    ...(models === undefined ? {} : { models }),
    ...(actions === undefined ? {} : { actions }),
    ...(allowedFrom === undefined ? {} : { allowedFrom }),
    ...(expires === undefined ? {} : { expiresMs: parseExpiry(expires, nowMs) }),
    ...(own === undefined ? {} : { own }),
  }
}

/** Words that take a restriction away again. */
const LIFTED: Readonly<Record<string, readonly [string, keyof ApiKeyChange]>> = {
  models: ['all', 'models'],
  action: ['all', 'actions'],
  'allow-from': ['any', 'allowedFrom'],
  expires: ['never', 'expiresMs'],
  budget: ['none', 'own'],
}

/**
 * What is to be changed of a key. Limits are replaced together, apart from the budget.
 * @throws UsageError
 */
export function keyChange(input: CommandInput, nowMs: number): ApiKeyChange {
  const lifted = Object.entries(LIFTED).filter(([name, [word]]) => textOption(input, name) === word)
  const rest = Object.fromEntries(
    Object.entries(input.options).filter(([name]) => !lifted.some(([each]) => each === name)),
  )
  const name = textOption(input, 'name')
  const change = {
    ...Object.fromEntries(lifted.map(([, [, member]]) => [member, null])),
    ...narrowing({ ...input, options: rest }, nowMs),
    ...(name === undefined ? {} : { name: checkKeyName(name) }),
  }
  if (Object.keys(change).length === 0) throw new UsageError('Nothing to change: give an option.')
  return change
}

/** Whose the key is to be. @throws UsageError, or Problem when there is nobody of that name */
export async function ownerOption(
  input: CommandInput,
  place: Place,
): Promise<KeyOwner | undefined> {
  const team = textOption(input, 'team')
  const text = textOption(input, 'owner')
  if (team !== undefined && text !== undefined) {
    throw new UsageError('--owner and --team contradict each other.')
  }
  if (team === undefined && text === undefined) return undefined
  const { id, kind } = team === undefined ? parseWho(text ?? '') : { kind: 'team', id: team }
  const { store, tenantId } = place
  if (kind === 'user') return { kind, id: (await findUser(place, id)).id }
  if (kind !== 'team' && kind !== 'service') {
    throw new UsageError('--owner takes user:…, service:… or team:….')
  }
  const known = await (kind === 'team' ? store.teams : store.services).list(tenantId)
  if (known.some((each) => each.id === id)) return { kind, id }
  throw new Problem(
    `There is no ${kind} '${id}' in the tenant ${tenantId}. See 'weir ${kind}s list'.`,
  )
}

function modelsOption(input: CommandInput): string[] | undefined {
  const patterns = listOption(input, 'models')
  for (const pattern of patterns ?? []) {
    if (pattern.length > PATTERN_CHARS_MAX || printable(pattern) !== pattern) {
      throw new UsageError(
        `--models takes names of up to ${PATTERN_CHARS_MAX} characters, without control characters.`,
      )
    }
  }
  return patterns
}

function addressesOption(input: CommandInput): string[] | undefined {
  const ranges = listOption(input, 'allow-from')
  const wrong = ranges?.find((range) => parseAddressRange(range) === undefined)
  if (wrong === undefined) return ranges
  throw new UsageError(
    `--allow-from takes addresses and blocks such as 10.0.0.0/8, not '${printable(wrong)}'.`,
  )
}

function ownOption(input: CommandInput): OwnLimits | undefined {
  const limits: Partial<Record<keyof LimitAmounts, number>> = {}
  for (const [flag, member] of AMOUNTS) {
    const value = integerOption(input, flag, { min: 0, max: AMOUNT_MAX })
    if (value !== undefined) limits[member] = value
  }
  const budget = budgetOption(input)
  if (Object.keys(limits).length === 0 && budget === undefined) return undefined
  return {
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(budget === undefined ? {} : { budget }),
  }
}

function budgetOption(input: CommandInput): OwnLimits['budget'] | undefined {
  const text = textOption(input, 'budget')
  const named = textOption(input, 'window')
  if (text === undefined) {
    if (named !== undefined) throw new UsageError('--window is of a --budget, which is missing.')
    return undefined
  }
  const window = WINDOWS.find((each) => each === (named ?? 'month'))
  if (window === undefined) throw new UsageError(`--window takes ${WINDOWS.join(', ')}.`)
  const usd = /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN
  const nanoUsd = Math.round(usd * NANO_PER_USD)
  if (!Number.isSafeInteger(nanoUsd)) {
    throw new UsageError('--budget takes dollars such as 5 or 0.50, below nine million.')
  }
  return { nanoUsd, window, action: 'block' }
}
