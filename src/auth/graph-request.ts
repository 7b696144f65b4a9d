// One question to Microsoft Graph: which groups is this object in. `getMemberObjects` tells up to 11,000 at once and refuses beyond that;
// then the list of memberships is read page by page. Pages are read from Graph alone, wherever an answer says the next one is.

import type { NetworkSettings } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { asArray, asObject, asString, parseJson, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { scrubMessage } from '../core/policy/scrub.ts'
import type { Transport } from '../core/ports.ts'
import type { GroupsOverage } from './claims.ts'

export interface GraphWay {
  readonly transport: Transport
  readonly network: NetworkSettings
  /** `https://graph.microsoft.com` */
  readonly graphUrl: string
  readonly token: string
}

/** Why Graph did not say, in words for the operator's log. It never holds a token. */
export class GraphRefusal extends Error {
  readonly status: number
  /** Graph's own, as `Authorization_RequestDenied`; '' where it gave none. */
  readonly code: string

  constructor(status: number, code: string, said: string) {
    const words = said === '' ? '' : ` It said: ${said}`
    super(`Microsoft Graph answered with ${status} ${code}. ${adviceFor(status, code)}${words}`)
    this.name = 'GraphRefusal'
    this.status = status
    this.code = code
  }
}

/** https://learn.microsoft.com/graph/api/directoryobject-getmemberobjects */
function adviceFor(status: number, code: string): string {
  if (code === 'Authorization_RequestDenied' || status === 403) {
    return 'Give the application the application permissions User.Read.All and GroupMember.Read.All (or Directory.Read.All) of Microsoft Graph, and grant admin consent.'
  }
  if (status === 404) return 'The directory has no such user or service principal (any more).'
  if (status === 401)
    return 'It does not accept the application’s token: check graph and the cloud of the issuer.'
  return 'Check the settings of the issuer.'
}

const SAID_CHARS_MAX = 300

/**
 * Object ids of the groups, roles and units that an object is in, directly or not.
 * @throws GraphRefusal when Graph refuses, GatewayError `upstream_error` or `upstream_timeout` when there is no usable answer
 */
export async function askGraph(
  { kind, objectId }: GroupsOverage,
  way: GraphWay,
): Promise<readonly string[]> {
  const path = `${way.graphUrl}/v1.0/${kind === 'user' ? 'users' : 'servicePrincipals'}/${objectId}`
  const signal = AbortSignal.timeout(LIMITS.graphAnswerMs)
  try {
    const body = JSON.stringify({ securityEnabledOnly: false })
    const first = await ask('POST', `${path}/getMemberObjects`, way, signal, body)
    return await allPages(first, way, signal, (value) => asString(value))
  } catch (thrown) {
    if (signal.aborted) throw new GatewayError('upstream_timeout', { cause: 'no groups in time' })
    if (!(thrown instanceof GraphRefusal) || thrown.code !== TOO_MANY) throw thrown
  }
  const first = await ask('GET', `${path}/transitiveMemberOf?$select=id&$top=999`, way, signal)
  return await allPages(first, way, signal, (value) => asString(asObject(value)?.['id']))
}

const TOO_MANY = 'Directory_ResultSizeLimitExceeded'

async function allPages(
  first: JsonObject,
  way: GraphWay,
  signal: AbortSignal,
  idOf: (value: unknown) => string | undefined,
): Promise<readonly string[]> {
  const ids: string[] = []
  let page = first
  for (let pages = 1; ; pages += 1) {
    const values = asArray(page['value'])
    if (values === undefined) throw unusable('its answer holds no list')
    for (const value of values) {
      const id = idOf(value)
      if (id === undefined) throw unusable('an entry of its list has no id')
      ids.push(id)
    }
    if (ids.length > LIMITS.claimNamesMax)
      throw unusable('there are more groups than are looked at')
    const next = page['@odata.nextLink']
    if (next === undefined) return ids
    if (pages >= LIMITS.graphPagesMax) throw unusable('its list has no end')
    page = await ask('GET', ownAddress(next, way.graphUrl), way, signal)
  }
}

/** The token goes with the question: it must not be led elsewhere. */
function ownAddress(next: unknown, graphUrl: string): string {
  const url = typeof next === 'string' ? URL.parse(next) : null
  const graph = new URL(graphUrl)
  if (url === null || url.origin !== graph.origin || !url.pathname.startsWith('/v1.0/')) {
    throw unusable('the next page is said to be elsewhere')
  }
  return url.href
}

async function ask(
  method: 'GET' | 'POST',
  url: string,
  { network, token, transport }: GraphWay,
  signal: AbortSignal,
  body?: string,
): Promise<JsonObject> {
  const timeoutMs = LIMITS.graphAnswerMs
  const response = await transport.send({
    url,
    method,
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${token}`,
      'user-agent': 'weir',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
    timeouts: {
      connectMs: LIMITS.connectTimeoutMs,
      firstByteMs: timeoutMs,
      idleMs: timeoutMs,
      totalMs: timeoutMs,
    },
    network,
    signal,
  })
  const text = new TextDecoder().decode(await response.bytes(LIMITS.graphAnswerBytesMax))
  const document = asObject(parseJson(text))
  if (response.status === 200 && document !== undefined) return document
  const error = asObject(document?.['error'])
  const code = scrubMessage(asString(error?.['code']) ?? '', [token], [], 60)
  const said = scrubMessage(asString(error?.['message']) ?? '', [token], [], SAID_CHARS_MAX)
  const { status } = response
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
    throw new GraphRefusal(status, code, said)
  }
  throw unusable(`it answered with ${status}${said === '' ? '' : `: ${said}`}`)
}

function unusable(cause: string): GatewayError {
  return new GatewayError('upstream_error', { cause: `Microsoft Graph: ${cause}` })
}
