// From the payload of a token that has been verified to who it speaks of and what rights it brings, in Weir's words. Login and bearer
// tokens both go through here, so that one person has one identity. It verifies nothing and looks nothing up; a mail address is
// shown and never an identity.

import { GatewayError } from '../core/error.ts'
import type { Claimed } from '../core/identity.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import type { JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import type { Rights } from '../core/rights.ts'
import { isTenantId } from '../core/roles.ts'
import { claimAt, identifierAt, ownValue, textsAt } from './claim-paths.ts'
import { identityOf } from './claim-quirks.ts'

/** Who a token speaks of, and what it brings. */
export interface TokenClaims {
  readonly issuerId: string
  /** With the issuer the identity: `sub`, at Entra ID `tid:oid`, of a service what the issuer calls its client. */
  readonly subject: string
  readonly isService: boolean
  /** The client that the token was given to. */
  readonly clientId?: string
  /** For people to read; never compared with anything. */
  readonly name?: string
  readonly email?: string
  readonly tenantId: string
  /** The configuration or the token says the tenant; else a known user's own tenant holds. */
  readonly isTenantStated: boolean
  readonly claimed: Claimed
  /** `sid`: the issuer's own session. */
  readonly sessionId?: string
  /** Its groups did not fit into the token: without them nobody may be let in, as a group may deny. */
  readonly overage?: GroupsOverage
}

/** Whose groups Microsoft Graph has to be asked for. */
export interface GroupsOverage {
  readonly kind: 'user' | 'service'
  /** `tid`, lower case. */
  readonly directoryId: string
  /** `oid`, lower case. */
  readonly objectId: string
}

/**
 * Reads a verified payload.
 * @throws GatewayError `authentication` when it names nobody, or holds more than anybody needs; `permission` when it names no tenant
 * where it should
 */
export function claimsOf(payload: JsonObject, issuer: IssuerSettings): TokenClaims {
  const identity = identityOf(payload, issuer)
  const groups = boundedNames(textsAt(payload, issuer.groupsClaim))
  const roles = boundedNames(issuer.rolesClaims.flatMap((path) => textsAt(payload, path)))
  const sessionId = identifierAt(payload, 'sid')
  const name =
    shownText(ownValue(payload, 'name')) ?? shownText(ownValue(payload, 'preferred_username'))
  const email = shownText(ownValue(payload, 'email'))
  return {
    issuerId: issuer.id,
    ...identity,
    ...tenantOf(payload, issuer),
    claimed: claimedBy(issuer, roles, groups, identity.isService),
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(sessionId === undefined ? {} : { sessionId }),
  }
}

/** The same claims once the groups are known that did not fit into the token. */
export function withGroups(
  claims: TokenClaims,
  issuer: IssuerSettings,
  groups: readonly string[],
): TokenClaims {
  const { claimed, overage: _resolved, ...rest } = claims
  const ofGroups = claimedBy(issuer, [], boundedNames(groups), true)
  return {
    ...rest,
    claimed: {
      roles: [...new Set([...claimed.roles, ...ofGroups.roles])],
      groups: [...new Set([...claimed.groups, ...ofGroups.groups])],
    },
  }
}

/** Whether two tokens bring the same, in whatever order they say it. */
export function isSameClaims(one: Claimed | undefined, other: Claimed): boolean {
  const text = (names: readonly string[]) => JSON.stringify(names.toSorted())
  return (
    one !== undefined &&
    text(one.roles) === text(other.roles) &&
    text(one.groups) === text(other.groups)
  )
}

/**
 * The tenant in which the token's owner is to be: the one that the configuration or the token says, else where they are known already,
 * else the default one. Whether a known user is turned off is the caller's question.
 * @param known where the owner is known already
 * @throws GatewayError `permission` for a tenant that is not there or turned off, or another than the known one
 */
export function settledTenant(
  claims: Pick<TokenClaims, 'tenantId' | 'isTenantStated'>,
  known: { readonly tenantId: string } | undefined,
  rights: Pick<Rights, 'isOpen'>,
): string {
  const tenantId = claims.isTenantStated ? claims.tenantId : (known?.tenantId ?? claims.tenantId)
  if (known !== undefined && known.tenantId !== tenantId) {
    throw new GatewayError('permission', {
      cause: 'the token names another tenant than the user’s',
    })
  }
  if (known === undefined && !rights.isOpen(tenantId)) {
    throw new GatewayError('permission', { cause: 'the token names a tenant that is not there' })
  }
  return tenantId
}

/** Roles and groups in our words. What is not configured gives nothing; the default role is for people alone. */
function claimedBy(
  issuer: IssuerSettings,
  roles: readonly string[],
  groups: readonly string[],
  isService: boolean,
): Claimed {
  const named = new Set(groups.flatMap((group) => groupNames(group, issuer)))
  const ours = new Set<string>()
  for (const role of roles) addMapped(ours, issuer.roles, role)
  for (const group of named) addMapped(ours, issuer.groupRoles, group)
  if (issuer.defaultRole !== undefined && !isService) ours.add(issuer.defaultRole)
  return { roles: [...ours], groups: [...named] }
}

function addMapped(ours: Set<string>, map: Readonly<Record<string, string>>, name: string): void {
  const role = Object.hasOwn(map, name) ? map[name] : undefined
  if (role !== undefined) ours.add(role)
}

/**
 * What a group may be called in the configuration. Keycloak's mapper says the full path unless told otherwise: `/team-a` is also
 * `team-a`. A group within another keeps its path: `/guests/admins` must never pass for `admins`.
 */
function groupNames(group: string, { kind }: IssuerSettings): readonly string[] {
  const isPath = kind === 'keycloak' && group.startsWith('/') && group.length > 1
  return isPath ? [group, group.slice(1)] : [group]
}

function tenantOf(
  payload: JsonObject,
  { tenantClaim, tenantId }: IssuerSettings,
): Pick<TokenClaims, 'tenantId' | 'isTenantStated'> {
  if (tenantId !== undefined) return { tenantId, isTenantStated: true }
  if (tenantClaim === undefined) return { tenantId: DEFAULT_TENANT_ID, isTenantStated: false }
  const value = claimAt(payload, tenantClaim)
  // A mapper for attributes of several values sends a list; of two tenants none is the right one.
  const stated = Array.isArray(value) && value.length === 1 ? value[0] : value
  if (typeof stated !== 'string' || !isTenantId(stated)) {
    throw new GatewayError('permission', { cause: 'the token names no tenant' })
  }
  return { tenantId: stated, isTenantStated: true }
}

/** Cutting the list would lose a group that denies, so a token with too much in it is none. */
function boundedNames(names: readonly string[]): readonly string[] {
  const isTooMuch =
    names.length > LIMITS.claimNamesMax || names.some((name) => name.length > LIMITS.claimCharsMax)
  if (isTooMuch) {
    throw new GatewayError('authentication', { cause: 'the token holds too many roles or groups' })
  }
  return [...new Set(names)]
}

/** A text for people, bounded and without control characters. */
function shownText(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const text = value
    .slice(0, LIMITS.claimCharsMax)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
  return text === '' ? undefined : text
}
