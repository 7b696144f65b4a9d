// One question to Entra ID for a token (OAuth 2.0 client credentials), and what its answer means. The secret is in the body of the
// question and nowhere else; whatever the service says is scrubbed before it becomes part of an error.

import { tokenEndpoint } from '../core/azure-cloud.ts'
import type { EntraSettings, NetworkSettings } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { asNumber, asObject, asString, parseJson, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { readRetryAfterMs } from '../core/policy/retry-after.ts'
import { scrubMessage } from '../core/policy/scrub.ts'
import type { Clock, IdSource, Transport, UpstreamResponse } from '../core/ports.ts'
import { entraAdvice } from './entra-advice.ts'
import { clientAssertion } from './entra-assertion.ts'
import { EntraRefusal } from './entra-refusal.ts'

export interface TokenQuestion {
  readonly entra: EntraSettings
  readonly network: NetworkSettings
  readonly scope: string
}

export interface IssuedToken {
  readonly token: string
  readonly lifeMs: number
  /** After so long the service wants it renewed; absent for short-lived ones. */
  readonly refreshMs?: number
}

interface AskingPorts {
  readonly transport: Transport
  readonly clock: Clock
  readonly ids: IdSource
}

/** Longest part of the service's own words that is kept. */
const SAID_CHARS_MAX = 300

/** A header cannot carry more, and what is no token in it would break the request. */
const TOKEN = /^[\x21-\x7e]{1,16384}$/

/**
 * Asks once.
 * @throws GatewayError `upstream_auth` with an `EntraRefusal` as its cause when the application is refused or its certificate cannot
 * be used, `upstream_timeout` or `upstream_error` when there was no answer that is one
 */
export async function askToken(question: TokenQuestion, ports: AskingPorts): Promise<IssuedToken> {
  const proof = await proofOf(question.entra, ports)
  const signal = AbortSignal.timeout(LIMITS.tokenTimeoutMs)
  try {
    const response = await ports.transport.send({
      url: tokenEndpoint(question.entra),
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        'user-agent': 'weir',
      },
      body: new URLSearchParams({
        client_id: question.entra.clientId,
        scope: question.scope,
        grant_type: 'client_credentials',
        ...proof,
      }).toString(),
      timeouts: {
        connectMs: LIMITS.connectTimeoutMs,
        firstByteMs: LIMITS.tokenTimeoutMs,
        idleMs: LIMITS.tokenTimeoutMs,
        totalMs: LIMITS.tokenTimeoutMs,
      },
      network: question.network,
      signal,
    })
    const bytes = await response.bytes(LIMITS.tokenBodyBytesMax)
    const body = asObject(parseJson(new TextDecoder().decode(bytes))) ?? {}
    if (response.status === 200) return issued(body)
    const secrets = [...Object.values(proof), question.entra.keyPassphrase ?? '']
    throw failed(response, body, secrets, ports.clock.nowMs())
  } catch (thrown) {
    if (signal.aborted) {
      throw new GatewayError('upstream_timeout', { cause: 'no token in time' })
    }
    throw thrown
  }
}

async function proofOf(
  entra: EntraSettings,
  { clock, ids }: AskingPorts,
): Promise<Record<string, string>> {
  if (entra.clientSecret !== undefined) return { client_secret: entra.clientSecret }
  try {
    return {
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await clientAssertion(entra, ids.uuid(), clock.nowMs()),
    }
  } catch (cause) {
    throw new GatewayError('upstream_auth', { cause })
  }
}

function issued(body: JsonObject): IssuedToken {
  const token = asString(body['access_token'])
  const seconds = positive(body['expires_in'])
  if (token === undefined || !TOKEN.test(token) || seconds === undefined) {
    throw new GatewayError('upstream_error', { cause: 'the token service sent no token' })
  }
  const refresh = positive(body['refresh_in'])
  return {
    token,
    lifeMs: seconds * 1_000,
    ...(refresh === undefined ? {} : { refreshMs: refresh * 1_000 }),
  }
}

/** A positive number, which older endpoints send as text. */
function positive(value: unknown): number | undefined {
  const number = typeof value === 'string' ? Number(value) : asNumber(value)
  return number !== undefined && Number.isFinite(number) && number > 0 ? number : undefined
}

function failed(
  { headers, status }: UpstreamResponse,
  body: JsonObject,
  secrets: readonly string[],
  nowMs: number,
): GatewayError {
  const word = asString(body['error']) ?? ''
  const said = scrubMessage(asString(body['error_description']) ?? '', secrets, [], SAID_CHARS_MAX)
  const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 429
  if (isRefusal && word !== 'temporarily_unavailable') {
    const advice = entraAdvice(scrubMessage(word, secrets, [], 60), said)
    return new GatewayError('upstream_auth', { cause: new EntraRefusal(advice, said) })
  }
  const retryAfterMs = readRetryAfterMs(headers, undefined, nowMs)
  return new GatewayError('upstream_error', {
    cause: `the token service answered with ${status}${said === '' ? '' : `: ${said}`}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}
