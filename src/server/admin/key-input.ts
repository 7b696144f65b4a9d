// What a client of the management API says of an API key, read and checked: every member by name, nothing taken over that is not in the
// list. Whether the key may be made is not decided here.

import { parseAddressRange } from '../../core/address.ts'
import type { KeyOwner } from '../../core/catalog.ts'
import { invalidType, isObject, type JsonObject } from '../../core/json.ts'
import type { LimitAmounts, OwnLimits } from '../../core/money.ts'
import type { ApiKeyChange } from '../../core/ports.ts'
import { builtInRole } from '../../core/roles.ts'
import { invalidMember, textMember, textsMember } from './body.ts'

const NAME_CHARS_MAX = 100
const PATTERN_CHARS_MAX = 300
const NANO = 1e9

export const KEY_MEMBERS = [
  'name',
  'expires',
  'models',
  'actions',
  'allowed_from',
  'limits',
  'budget',
] as const

/** What only somebody who manages a tenant's keys can say. */
export const TENANT_KEY_MEMBERS = [...KEY_MEMBERS, 'owner', 'roles'] as const

const AMOUNTS: Readonly<Record<string, keyof LimitAmounts>> = {
  requests_per_minute: 'requestsPerMinute',
  requests_per_hour: 'requestsPerHour',
  requests_per_day: 'requestsPerDay',
  tokens_per_minute: 'tokensPerMinute',
  tokens_per_hour: 'tokensPerHour',
  tokens_per_day: 'tokensPerDay',
  concurrent: 'concurrent',
}

export interface KeyInput {
  readonly name?: string
  readonly expiresMs?: number
  readonly models?: readonly string[]
  readonly actions?: readonly string[]
  readonly allowedFrom?: readonly string[]
  readonly own?: OwnLimits
  readonly owner?: KeyOwner
  readonly roles?: readonly string[]
}

/** @throws GatewayError `invalid_request` naming the member */
export function keyInput(body: JsonObject, nowMs: number): KeyInput {
  const name = textMember(body, 'name', NAME_CHARS_MAX)
  if (name?.startsWith('weir_') === true) {
    throw invalidMember('name', 'Must not begin with weir_: it would look like a key.')
  }
  const values: Record<keyof KeyInput, KeyInput[keyof KeyInput]> = {
    name,
    expiresMs: expiresOf(body, nowMs),
    models: textsMember(body['models'], 'models', PATTERN_CHARS_MAX),
    actions: textsMember(body['actions'], 'actions', PATTERN_CHARS_MAX),
    allowedFrom: addressesOf(body),
    own: ownOf(body),
    owner: ownerOf(body),
    roles: rolesOf(body),
  }
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

/**
 * The same for a change: `null` takes a restriction away, and what is not named stays.
 * @param before limits and budget of the key's own
 * @throws GatewayError as `keyInput`
 */
export function keyChange(
  body: JsonObject,
  nowMs: number,
  before: OwnLimits | undefined,
): ApiKeyChange {
  const { owner: _owner, roles: _roles, own, ...input } = keyInput(body, nowMs)
  const { disabled } = body
  if (disabled !== undefined && typeof disabled !== 'boolean') {
    throw invalidType('disabled', 'a boolean')
  }
  if (body['name'] === null) throw invalidType('name', 'a string')
  const isNull = (member: string) => body[member] === null
  const { budget, limits } = before ?? {}
  const ownAfter: OwnLimits = {
    ...(limits === undefined || isNull('limits') ? {} : { limits }),
    ...(budget === undefined || isNull('budget') ? {} : { budget }),
    ...own,
  }
  const isOwnNamed = own !== undefined || isNull('limits') || isNull('budget')
  return {
    ...input,
    ...(isOwnNamed ? { own: Object.keys(ownAfter).length === 0 ? null : ownAfter } : {}),
    ...(isNull('expires') ? { expiresMs: null } : {}),
    ...(isNull('models') ? { models: null } : {}),
    ...(isNull('actions') ? { actions: null } : {}),
    ...(isNull('allowed_from') ? { allowedFrom: null } : {}),
    ...(disabled === undefined ? {} : { disabled }),
  }
}

/** The end of a key: an ISO time with its zone, or a date, which is valid to its end in UTC. */
function expiresOf(body: JsonObject, nowMs: number): number | undefined {
  const text = textMember(body, 'expires', 40)
  if (text === undefined) return undefined
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text)
  const isTime =
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/.test(text)
  const timeMs = isDate || isTime ? Date.parse(text) + (isDate ? DAY_MS : 0) : Number.NaN
  if (Number.isNaN(timeMs)) {
    throw invalidMember(
      'expires',
      'Must be a date, or a time with its zone, such as 2027-01-31T12:00:00Z.',
    )
  }
  if (timeMs <= nowMs) throw invalidMember('expires', 'Lies in the past.')
  return timeMs
}

const DAY_MS = 86_400_000

function addressesOf(body: JsonObject): readonly string[] | undefined {
  const ranges = textsMember(body['allowed_from'], 'allowed_from', 100)
  const wrong = ranges?.findIndex((range) => parseAddressRange(range) === undefined) ?? -1
  if (wrong >= 0) {
    throw invalidMember(
      `allowed_from[${wrong}]`,
      'Must be an address or a block such as 10.0.0.0/8.',
    )
  }
  return ranges
}

function rolesOf(body: JsonObject): readonly string[] | undefined {
  const roles = textsMember(body['roles'], 'roles', 64)
  const wrong = roles?.findIndex((role) => builtInRole(role) === undefined) ?? -1
  if (wrong >= 0) throw invalidMember(`roles[${wrong}]`, 'There is no such built-in role.')
  return roles?.map((role) => builtInRole(role)!.id)
}

function ownerOf(body: JsonObject): KeyOwner | undefined {
  const { owner } = body
  if (owner === undefined || owner === null) return undefined
  if (!isObject(owner)) throw invalidType('owner', 'an object')
  const { id, kind, ...rest } = owner
  if (Object.keys(rest).length > 0) throw invalidMember('owner', 'Has kind and id only.')
  if (kind !== 'user' && kind !== 'service' && kind !== 'team') {
    throw invalidMember('owner.kind', 'Must be user, service or team.')
  }
  if (typeof id !== 'string' || id === '') throw invalidType('owner.id', 'a string')
  return { kind, id }
}

function ownOf(body: JsonObject): OwnLimits | undefined {
  const limits = limitsOf(body)
  const budget = budgetOf(body)
  if (limits === undefined && budget === undefined) return undefined
  return {
    ...(limits === undefined ? {} : { limits }),
    ...(budget === undefined ? {} : { budget }),
  }
}

function limitsOf({ limits }: JsonObject): LimitAmounts | undefined {
  if (limits === undefined || limits === null) return undefined
  if (!isObject(limits)) throw invalidType('limits', 'an object')
  const amounts: Record<string, number> = {}
  for (const [member, value] of Object.entries(limits)) {
    const name = Object.hasOwn(AMOUNTS, member) ? AMOUNTS[member] : undefined
    if (name === undefined) {
      throw invalidMember(
        'limits',
        `Has members of these names: ${Object.keys(AMOUNTS).join(', ')}.`,
      )
    }
    if (value === null) continue
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw invalidMember(`limits.${member}`, 'Must be a whole number, not below 0.')
    }
    amounts[name] = value
  }
  return amounts
}

function budgetOf({ budget }: JsonObject): OwnLimits['budget'] {
  if (budget === undefined || budget === null) return undefined
  if (!isObject(budget)) throw invalidType('budget', 'an object')
  const { action = 'block', usd, window = 'month', ...rest } = budget
  if (Object.keys(rest).length > 0)
    throw invalidMember('budget', 'Has usd, window and action only.')
  if (typeof usd !== 'number' || !(usd >= 0) || usd > 1e9) {
    throw invalidMember('budget.usd', 'Must be an amount of US dollars, not below 0.')
  }
  if (window !== 'day' && window !== 'week' && window !== 'month' && window !== 'total') {
    throw invalidMember('budget.window', 'Must be day, week, month or total.')
  }
  if (action !== 'block' && action !== 'alert') {
    throw invalidMember('budget.action', 'Must be block or alert.')
  }
  return { nanoUsd: Math.round(usd * NANO), window, action }
}
