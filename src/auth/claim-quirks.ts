// Where Keycloak and Entra ID differ from what OpenID says, each as a small function with a name: who a token speaks of, whether that
// is a program, and what kind of token it is. Read from a payload whose signature has been checked; nothing is fetched here.

import { GatewayError } from '../core/error.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { identifierAt, ownValue } from './claim-paths.ts'
import type { GroupsOverage, TokenClaims } from './claims.ts'

type Identity = Pick<TokenClaims, 'subject' | 'isService' | 'clientId' | 'overage'>

/** @throws GatewayError `authentication` when the token names nobody */
export function identityOf(payload: JsonObject, issuer: IssuerSettings): Identity {
  switch (issuer.kind) {
    case 'entra':
      return entraIdentity(payload)
    case 'keycloak':
      return plainIdentity(payload, keycloakClient(payload), isKeycloakServiceAccount(payload))
    case 'generic':
      return plainIdentity(payload, genericClient(payload), isGenericService(payload))
  }
}

function plainIdentity(
  payload: JsonObject,
  clientId: string | undefined,
  isService: boolean,
): Identity {
  const subject = requiredText(payload, 'sub')
  return {
    subject: isService && clientId !== undefined ? clientId : subject,
    isService,
    ...(clientId === undefined ? {} : { clientId }),
  }
}

/**
 * Entra ID, v2.0 and v1.0: `sub` is another one for each application, so the object in its directory is who it is. Names and
 * addresses can be changed by their owner and by guests' own directories.
 */
function entraIdentity(payload: JsonObject): Identity {
  const directoryId = guidAt(payload, 'tid')
  const objectId = guidAt(payload, 'oid')
  requiredText(payload, 'sub')
  const isService = isEntraApplication(payload)
  const clientId = identifierAt(payload, 'azp') ?? identifierAt(payload, 'appid')
  if (isService && clientId === undefined) throw nobody('azp')
  const overage = entraOverage(payload, directoryId, objectId, isService)
  return {
    subject: isService && clientId !== undefined ? clientId : `${directoryId}:${objectId}`,
    isService,
    ...(clientId === undefined ? {} : { clientId }),
    ...(overage === undefined ? {} : { overage }),
  }
}

/**
 * An application by itself (client credentials). `idtyp` says it where that optional claim is configured; else there are no delegated
 * scopes and the subject is the service principal. People's tokens always have `scp`, and in their ID tokens the two differ.
 */
export function isEntraApplication(payload: JsonObject): boolean {
  const type = identifierAt(payload, 'idtyp')
  if (type !== undefined) return type === 'app'
  return (
    !Object.hasOwn(payload, 'scp') && identifierAt(payload, 'oid') === identifierAt(payload, 'sub')
  )
}

/**
 * Beyond 200 groups a token names where they can be asked for instead of the groups (`_claim_names`), and one of the implicit flow
 * only that there are some (`hasgroups`). The address it names is never asked: it is the client's word, and of an API that is gone.
 */
export function entraOverage(
  payload: JsonObject,
  directoryId: string,
  objectId: string,
  isService: boolean,
): GroupsOverage | undefined {
  const names = ownValue(payload, '_claim_names')
  const isNamed = isObject(names) && Object.hasOwn(names, 'groups')
  const hasGroups = ownValue(payload, 'hasgroups')
  const isHinted = hasGroups === true || hasGroups === 'true'
  if (!isNamed && !isHinted) return undefined
  return { kind: isService ? 'service' : 'user', directoryId, objectId }
}

/** A person's token has `azp` alone. */
function keycloakClient(payload: JsonObject): string | undefined {
  return identifierAt(payload, 'azp') ?? identifierAt(payload, 'client_id')
}

/**
 * A client by itself. Keycloak makes a user for it, `service-account-{client}`, whose name nobody else can have meanwhile. The scope
 * `service_account` says the client in `client_id` (`clientId` in older realms); where it is missing the id of the token tells the
 * grant since Keycloak 26.2 (`trrtcc:…`, client credentials), and the session is none that a logout could name (no `sid`).
 */
export function isKeycloakServiceAccount(payload: JsonObject): boolean {
  const client = keycloakClient(payload)
  if (client === undefined) return false
  const user = identifierAt(payload, 'preferred_username')
  if (user !== undefined && user !== `service-account-${client.toLowerCase()}`) return false
  const marked = identifierAt(payload, 'client_id') ?? identifierAt(payload, 'clientId')
  if (marked !== undefined) return marked === client
  if (/^[a-z]{4}cc:/.test(identifierAt(payload, 'jti') ?? '')) return true
  return user !== undefined && !Object.hasOwn(payload, 'sid')
}

function genericClient(payload: JsonObject): string | undefined {
  return (
    identifierAt(payload, 'client_id') ??
    identifierAt(payload, 'azp') ??
    identifierAt(payload, 'cid')
  )
}

/** RFC 9068 §2.2: where no person is involved the subject is the client; Auth0 says it in `gty`. */
export function isGenericService(payload: JsonObject): boolean {
  const client = genericClient(payload)
  if (client === undefined) return false
  const subject = identifierAt(payload, 'sub')
  if (subject === client) return true
  return identifierAt(payload, 'gty') === 'client-credentials' && subject === `${client}@clients`
}

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function guidAt(payload: JsonObject, name: string): string {
  const guid = identifierAt(payload, name)?.toLowerCase()
  if (guid === undefined || !GUID.test(guid)) throw nobody(name)
  return guid
}

function requiredText(payload: JsonObject, name: string): string {
  const value = identifierAt(payload, name)
  if (value === undefined) throw nobody(name)
  return value
}

function nobody(claim: string): GatewayError {
  return new GatewayError('authentication', { cause: `the token has no usable ${claim}` })
}
