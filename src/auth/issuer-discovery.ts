// What an OpenID provider says of itself (OpenID Connect Discovery 1.0, RFC 8414) and the keys it publishes, asked for with bounds and
// without following anything elsewhere. The document counts only when it names the issuer that is configured.

import { mayCarrySecrets } from '../core/azure-cloud.ts'
import type { NetworkSettings } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import { asArray, asObject, asString, parseJson, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { Transport } from '../core/ports.ts'
import { ANY_DIRECTORY, issuerOfDirectory } from '../core/entra-issuer.ts'
import { signingKey, type SigningKey } from './signing-key.ts'

export interface IssuerDescription {
  /** As its tokens say it; at an issuer of many Entra directories with `{tenantid}` in it. */
  readonly issuer: string
  readonly jwksUri: string
  readonly tokenEndpoint?: string
}

/** How an issuer is reached. */
export interface AskingWay {
  readonly transport: Transport
  readonly network: NetworkSettings
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** @throws GatewayError of the transport, or `identity_unavailable` for a document that cannot be used */
export async function describeIssuer(
  settings: IssuerSettings,
  way: AskingWay,
): Promise<IssuerDescription> {
  const document = await getJson(`${settings.issuer}/.well-known/openid-configuration`, way)
  const issuer = asString(document['issuer'])
  if (issuer === undefined || !isSameIssuer(issuer, settings)) {
    throw unusable('its discovery document names another issuer')
  }
  const jwksUri = asString(document['jwks_uri'])
  if (jwksUri === undefined || !isSafe(jwksUri, settings.issuer)) {
    throw unusable('its discovery document names no usable jwks_uri')
  }
  const tokenEndpoint = asString(document['token_endpoint'])
  const isUsable = tokenEndpoint !== undefined && isSafe(tokenEndpoint, settings.issuer)
  return { issuer, jwksUri, ...(isUsable ? { tokenEndpoint } : {}) }
}

/** @throws GatewayError of the transport, or `identity_unavailable` for what is no key set */
export async function fetchKeys(
  { jwksUri }: IssuerDescription,
  way: AskingWay,
): Promise<{ readonly keys: readonly SigningKey[]; readonly unusable: number }> {
  const listed = asArray((await getJson(jwksUri, way))['keys'])
  if (listed === undefined) throw unusable('what it publishes is no key set')
  if (listed.length > LIMITS.issuerKeysMax) throw unusable('it publishes too many keys')
  const keys = listed.map((value) => signingKey(value)).filter((key) => key !== undefined)
  return { keys, unusable: listed.length - keys.length }
}

/** A slash at the end is taken off addresses in the configuration, and belongs to the name of some issuers. */
export function isSameIssuer(said: string, { issuer, kind }: IssuerSettings): boolean {
  if (said === issuer || said === `${issuer}/`) return true
  return kind === 'entra' && said === issuerOfDirectory(issuer, ANY_DIRECTORY)
}

/** Keys that come unencrypted from elsewhere are whatever the network says; a test's own machine may do without. */
function isSafe(url: string, issuer: string): boolean {
  const parsed = URL.parse(url)
  if (parsed === null || parsed.username !== '' || parsed.password !== '') return false
  if (parsed.protocol === 'https:') return true
  return parsed.protocol === 'http:' && (mayCarrySecrets(url) || issuer.startsWith('http:'))
}

async function getJson(url: string, way: AskingWay): Promise<JsonObject> {
  const { network, signal, timeoutMs, transport } = way
  const response = await transport.send({
    url,
    method: 'GET',
    headers: { accept: 'application/json', 'user-agent': 'weir' },
    timeouts: {
      connectMs: timeoutMs,
      firstByteMs: timeoutMs,
      idleMs: timeoutMs,
      totalMs: timeoutMs,
    },
    network,
    signal,
  })
  if (response.status !== 200) {
    response.cancel()
    throw unusable(`it answered with ${response.status}`)
  }
  const text = new TextDecoder().decode(await response.bytes(LIMITS.oidcBodyBytesMax))
  const document = asObject(parseJson(text))
  if (document === undefined) throw unusable('its answer is no JSON object')
  return document
}

function unusable(cause: string): GatewayError {
  return new GatewayError('identity_unavailable', { cause })
}
