// What an issuer says of somebody, gathered from where it says it: the id token first, the access token where roles stand there alone
// (Keycloak), and user info where neither has them. All three come straight from the issuer; none is taken from a browser.

import type { Configuration } from 'openid-client'
import type { IssuerSettings } from '../core/issuer.ts'
import { asArray, asString, isObject, parseJson, type JsonObject } from '../core/json.ts'

/**
 * Claims of the id token, and those that are configured to be read and stand elsewhere.
 * @throws what openid-client throws: a claim that could deny something must not be missed
 */
export async function claimsOfTokens(
  client: Configuration,
  issuer: IssuerSettings,
  { accessToken, idClaims }: { readonly accessToken: string; readonly idClaims: JsonObject },
): Promise<JsonObject> {
  // Entra ID's access tokens are for other programs, and what user info says there is in the id token.
  if (issuer.kind === 'entra') return idClaims
  const wanted = wantedClaims(issuer)
  const subject = asString(idClaims['sub']) ?? ''
  const all = { ...idClaims }
  const accessClaims = ownAccessClaims(accessToken, issuer, idClaims)
  if (accessClaims !== undefined) addMissing(all, accessClaims, wanted)
  const rights = [...issuer.rolesClaims, issuer.groupsClaim].map(firstPart)
  const hasRights = rights.some((name) => Object.hasOwn(all, name))
  if (!hasRights && client.serverMetadata().userinfo_endpoint !== undefined) {
    const { fetchUserInfo } = await import('openid-client')
    const said = await fetchUserInfo(client, accessToken, subject)
    addMissing(all, said as unknown as JsonObject, [...wanted, 'name', 'email'])
  }
  return all
}

/** An access token that the issuer made for us, about the same person. */
function ownAccessClaims(
  token: string,
  { clientId }: IssuerSettings,
  idClaims: JsonObject,
): JsonObject | undefined {
  const part = token.split('.')[1]
  if (part === undefined) return undefined
  const claims = parseJson(Buffer.from(part, 'base64url').toString())
  if (!isObject(claims)) return undefined
  const isSame = claims['iss'] === idClaims['iss'] && claims['sub'] === idClaims['sub']
  const { aud } = claims
  const isOurs =
    claims['azp'] === clientId ||
    claims['client_id'] === clientId ||
    aud === clientId ||
    asArray(aud)?.includes(clientId) === true
  return isSame && isOurs ? claims : undefined
}

/** Names of the top level in which something may stand that is configured to be read. */
function wantedClaims({ groupsClaim, rolesClaims, tenantClaim }: IssuerSettings): string[] {
  const paths = [...rolesClaims, groupsClaim, ...(tenantClaim === undefined ? [] : [tenantClaim])]
  return [...new Set(paths.map(firstPart))]
}

/** Of a path as `realm_access.roles`; a dot within a name is written `\.`. */
function firstPart(path: string): string {
  return (path.split(/(?<!\\)\./)[0] ?? '').replaceAll(/\\(.)/g, '$1')
}

function addMissing(all: JsonObject, from: JsonObject, names: readonly string[]): void {
  for (const name of names) {
    if (!Object.hasOwn(all, name) && Object.hasOwn(from, name)) all[name] = from[name]
  }
}
