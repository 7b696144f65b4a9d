// What a client of the management API says of an API key, in the words of the core. The schema has been held against it; here is checked
// what a schema cannot say. Whether the key may be made is not decided here.

import type { Static } from '@sinclair/typebox'
import { parseAddressRange } from '../../core/address.ts'
import type { KeyOwner } from '../../core/catalog.ts'
import type { OwnLimits } from '../../core/money.ts'
import { ACTIONS } from '../../core/permission.ts'
import type { ApiKeyChange } from '../../core/ports.ts'
import { matchesPattern } from '../../core/principal.ts'
import { builtInRole } from '../../core/roles.ts'
import { invalidMember } from './body.ts'
import type { KeyBody, KeyChangeBody, OwnKeyBody } from './key-schemas.ts'
import { amountsOf, ownBudgetOf } from './money-schemas.ts'

/** What is said of a new key; of one's own without owner and roles. */
export type NewKeyAsked = Static<typeof KeyBody> | Static<typeof OwnKeyBody>

export type KeyChangeAsked = Static<typeof KeyChangeBody>

export interface KeyInput {
  readonly name: string
  readonly expiresMs?: number
  readonly models?: readonly string[]
  readonly actions?: readonly string[]
  readonly allowedFrom?: readonly string[]
  readonly own?: OwnLimits
  readonly owner?: KeyOwner
  readonly roles?: readonly string[]
}

/** @throws GatewayError `invalid_request` naming the member */
export function keyInput(body: NewKeyAsked, nowMs: number): KeyInput {
  checkName(body.name)
  const owner = 'owner' in body ? (body.owner ?? undefined) : undefined
  const roles = 'roles' in body ? rolesOf(body.roles) : undefined
  return {
    name: body.name,
    ...narrowing(body, nowMs),
    ...(owner === undefined ? {} : { owner }),
    ...(roles === undefined ? {} : { roles }),
  }
}

/**
 * The same for a change: `null` takes a restriction away, and what is not named stays.
 * @param before limits and budget of the key's own
 * @throws GatewayError as `keyInput`
 */
export function keyChange(
  body: KeyChangeAsked,
  nowMs: number,
  before: OwnLimits | undefined,
): ApiKeyChange {
  if (body.name !== undefined) checkName(body.name)
  const { own, ...input } = narrowing(body, nowMs)
  const { budget, limits } = before ?? {}
  const ownAfter: OwnLimits = {
    ...(limits === undefined || body.limits === null ? {} : { limits }),
    ...(budget === undefined || body.budget === null ? {} : { budget }),
    ...own,
  }
  const isOwnNamed = body.limits !== undefined || body.budget !== undefined
  return {
    ...input,
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(isOwnNamed ? { own: Object.keys(ownAfter).length === 0 ? null : ownAfter } : {}),
    ...(body.expires === null ? { expiresMs: null } : {}),
    ...(body.models === null ? { models: null } : {}),
    ...(body.actions === null ? { actions: null } : {}),
    ...(body.allowed_from === null ? { allowedFrom: null } : {}),
    ...(body.disabled === undefined ? {} : { disabled: body.disabled }),
  }
}

function checkName(name: string): void {
  if (!name.startsWith('weir_')) return
  throw invalidMember('name', 'Must not begin with weir_: it would look like a key.')
}

/** What is named of it; null is nothing here. */
function narrowing(
  body: Omit<KeyChangeAsked, 'name' | 'disabled'>,
  nowMs: number,
): Omit<KeyInput, 'name' | 'owner' | 'roles'> {
  const { actions, budget, limits, models } = body
  const expiresMs = expiresOf(body.expires, nowMs)
  const allowedFrom = addressesOf(body.allowed_from)
  checkActions(actions)
  const own: OwnLimits = {
    ...(limits === undefined || limits === null ? {} : { limits: amountsOf(limits) }),
    ...(budget === undefined || budget === null ? {} : { budget: ownBudgetOf(budget) }),
  }
  return {
    ...(expiresMs === undefined ? {} : { expiresMs }),
    ...(models === undefined || models === null ? {} : { models }),
    ...(actions === undefined || actions === null ? {} : { actions }),
    ...(allowedFrom === undefined ? {} : { allowedFrom }),
    ...(Object.keys(own).length === 0 ? {} : { own }),
  }
}

/** The end of a key: an ISO time with its zone, or a date, which is valid to its end in UTC. */
function expiresOf(text: string | null | undefined, nowMs: number): number | undefined {
  if (text === undefined || text === null) return undefined
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

function addressesOf(ranges: readonly string[] | null | undefined): readonly string[] | undefined {
  const wrong = ranges?.findIndex((range) => parseAddressRange(range) === undefined) ?? -1
  if (wrong >= 0) {
    throw invalidMember(
      `allowed_from[${wrong}]`,
      'Must be an address or a block such as 10.0.0.0/8.',
    )
  }
  return ranges ?? undefined
}

/** A pattern that is no action's would narrow a key to nothing, or to what a later version calls so. */
function checkActions(patterns: readonly string[] | null | undefined): void {
  const known = Object.keys(ACTIONS)
  const wrong =
    patterns?.findIndex((pattern) => !known.some((action) => matchesPattern(pattern, action))) ?? -1
  if (wrong < 0) return
  throw invalidMember(
    `actions[${wrong}]`,
    'There is no action of that name; GET /admin/actions lists them. `*` stands for any text.',
  )
}

function rolesOf(roles: readonly string[] | null | undefined): readonly string[] | undefined {
  const wrong = roles?.findIndex((role) => builtInRole(role) === undefined) ?? -1
  if (wrong >= 0) throw invalidMember(`roles[${wrong}]`, 'There is no such built-in role.')
  return roles?.map((role) => builtInRole(role)!.id)
}
