// What a token whose signature holds must still say before it is believed: for whom it is, from whom, until when, and that it is an
// access token and no other kind (RFC 7519, RFC 9068 §4, RFC 8725 §3). It reads claims and asks nobody.

import type { IssuerSettings } from '../core/issuer.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { identifierAt, ownValue } from './claim-paths.ts'
import { ANY_DIRECTORY, isSharedEntraIssuer, issuerOfDirectory } from '../core/entra-issuer.ts'
import { refused, type TokenParts } from './token-parts.ts'

/** Types of an access token in a header: RFC 9068's own, and the common one that says nothing. */
const ACCESS_TYPES: readonly (string | undefined)[] = [undefined, 'jwt', 'at+jwt']

/**
 * The issuer whose keys are to be tried: what an unverified token names, among those whose tokens are taken.
 * @throws GatewayError `authentication` when there is none
 */
export function issuerOf(payload: JsonObject, issuers: readonly IssuerSettings[]): IssuerSettings {
  const named = ownValue(payload, 'iss')
  if (typeof named !== 'string' || named === '') throw refused('it names no issuer')
  const believed = issuers.filter(({ bearer }) => bearer)
  const exact = believed.filter(({ issuer }) => named === issuer || named === `${issuer}/`)
  const possible =
    exact.length > 0 ? exact : believed.filter((each) => signsForDirectory(each, payload, named))
  // One issuer may be configured several times, for several audiences.
  const found = possible.find((each) => isFor(payload, each)) ?? possible[0]
  if (found !== undefined) return found
  const isOldEntra = believed.some((issuer) => isFirstVersion(issuer, payload, named))
  throw refused(
    isOldEntra
      ? 'it is a v1.0 token of Entra ID: set requestedAccessTokenVersion to 2 in the manifest of the application'
      : 'its issuer is not one of those configured',
  )
}

/** Entra ID: an issuer of many directories signs for each under its own name. */
function signsForDirectory(
  { issuer, kind }: IssuerSettings,
  payload: JsonObject,
  named: string,
): boolean {
  if (kind !== 'entra' || !isSharedEntraIssuer(issuer)) return false
  const directory = directoryOf(payload)
  return directory !== undefined && named === issuerOfDirectory(issuer, directory)
}

/** Entra ID: the same directory by the name that its older tokens have. */
function isFirstVersion(
  { issuer, kind }: IssuerSettings,
  payload: JsonObject,
  named: string,
): boolean {
  const directory = directoryOf(payload)
  return (
    kind === 'entra' &&
    directory !== undefined &&
    named === `https://sts.windows.net/${directory}/` &&
    (isSharedEntraIssuer(issuer) || issuer.includes(directory))
  )
}

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function directoryOf(payload: JsonObject): string | undefined {
  const directory = identifierAt(payload, 'tid')
  return directory !== undefined && GUID.test(directory) ? directory : undefined
}

/**
 * Whether the issuer is exactly the one that published the key.
 * @param published as the discovery document says it
 * @param ofKey whose tokens the key signs, where that is said (Entra ID)
 */
export function checkIssuer(
  payload: JsonObject,
  settings: IssuerSettings,
  published: string,
  ofKey: string | undefined,
): void {
  const named = ownValue(payload, 'iss')
  if (settings.kind !== 'entra') {
    if (named !== published) throw refused('its issuer is spelled in another way')
    return
  }
  const directory = directoryOf(payload)
  if (directory === undefined) throw refused('it names no directory')
  const expected = issuerOfDirectory(published, directory)
  if (named !== expected || directoryIn(expected) !== directory) {
    throw refused('its issuer is another one')
  }
  // Keys for personal accounts and for other clouds stand beside those for the directory itself.
  const signsFor = ofKey === undefined ? undefined : directoryIn(ofKey)
  if (signsFor !== undefined && signsFor !== ANY_DIRECTORY && signsFor !== directory) {
    throw refused('its key signs for another directory')
  }
  // Anybody can make a directory: who says nothing of which ones may come would let in all the world.
  if (isSharedEntraIssuer(settings.issuer) && settings.tenantClaim === undefined) {
    throw refused('an issuer of many directories needs tenant_claim: tid')
  }
}

/** The directory that an issuer of Entra ID is named after: the first part of its path. */
function directoryIn(issuer: string): string | undefined {
  const part = URL.parse(issuer)?.pathname.split('/')[1]
  return part === '%7Btenantid%7D' ? ANY_DIRECTORY : part
}

export function checkAudience(payload: JsonObject, issuer: IssuerSettings): void {
  if (!isFor(payload, issuer)) throw refused('it is for another audience')
}

function isFor(payload: JsonObject, { audiences }: IssuerSettings): boolean {
  const audience = ownValue(payload, 'aud')
  const named = Array.isArray(audience) ? audience : [audience]
  return named.some((each) => typeof each === 'string' && audiences.includes(each))
}

/**
 * Times in seconds, with the issuer's allowance for clocks.
 * @returns when it ends, in milliseconds of the wall clock, without the allowance
 */
export function checkTimes(payload: JsonObject, clockSkewMs: number, nowMs: number): number {
  const expires = timeAt(payload, 'exp')
  if (expires === undefined) throw refused('it never ends')
  if (nowMs > expires + clockSkewMs) throw refused('it has ended')
  for (const name of ['nbf', 'iat']) {
    const begins = timeAt(payload, name)
    if (begins !== undefined && begins - clockSkewMs > nowMs) throw refused('it has not begun')
  }
  return expires
}

/** When it was issued, in milliseconds; 0 where it does not say. */
export function issuedMs(payload: JsonObject): number {
  return timeAt(payload, 'iat') ?? 0
}

function timeAt(payload: JsonObject, name: string): number | undefined {
  const value = ownValue(payload, name)
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value)) throw refused(`its ${name} is no time`)
  return value * 1_000
}

/** That it is an access token which whoever holds it may present; ID, refresh and logout tokens are signed with the same keys. */
export function checkKind({ payload, type }: TokenParts, issuer: IssuerSettings): void {
  if (!ACCESS_TYPES.includes(type)) throw refused('it is of another type')
  if (isLogoutToken(payload)) throw refused('it is a logout token')
  if (isBound(payload))
    throw refused('it is bound to a key of its holder, which is not checked here')
  const isAccess = isAccessToken(payload, type, issuer)
  if (!isAccess) throw refused('it is an ID token')
}

function isLogoutToken(payload: JsonObject): boolean {
  return Object.hasOwn(payload, 'events')
}

/** RFC 9449 and RFC 8705: worth nothing without its holder's proof. Taking it as it is would undo what it is bound for. */
function isBound(payload: JsonObject): boolean {
  return isObject(ownValue(payload, 'cnf'))
}

function isAccessToken(
  payload: JsonObject,
  type: string | undefined,
  issuer: IssuerSettings,
): boolean {
  switch (issuer.kind) {
    case 'keycloak':
      return isKeycloakAccessToken(payload)
    case 'entra':
      return isEntraAccessToken(payload)
    case 'generic':
      return type === 'at+jwt' || isPlainAccessToken(payload, issuer)
  }
}

/** Keycloak says in a claim what a token is: `Bearer`, `ID`, `Refresh`, `Offline`, `Logout`. */
export function isKeycloakAccessToken(payload: JsonObject): boolean {
  return ownValue(payload, 'typ') === 'Bearer'
}

/** Entra ID names the client in every access token (`azp`, in v1.0 `appid`), and a hash or a nonce only in ID tokens. */
export function isEntraAccessToken(payload: JsonObject): boolean {
  const client = identifierAt(payload, 'azp') ?? identifierAt(payload, 'appid')
  return client !== undefined && !hasMarkOfLogin(payload)
}

/**
 * Elsewhere: no mark of a login, and where it is for the client itself, as every ID token is, something that only an access token has.
 */
function isPlainAccessToken(payload: JsonObject, { clientId }: IssuerSettings): boolean {
  if (hasMarkOfLogin(payload)) return false
  const kind = ownValue(payload, 'typ')
  if (typeof kind === 'string' && kind !== 'Bearer') return false
  const audience = ownValue(payload, 'aud')
  const isForClient = Array.isArray(audience) ? audience.includes(clientId) : audience === clientId
  return !isForClient || ACCESS_CLAIMS.some((name) => Object.hasOwn(payload, name))
}

const ACCESS_CLAIMS = ['client_id', 'scope', 'scp', 'cid']

function hasMarkOfLogin(payload: JsonObject): boolean {
  return ['nonce', 'at_hash', 'c_hash', 's_hash'].some((name) => Object.hasOwn(payload, name))
}
