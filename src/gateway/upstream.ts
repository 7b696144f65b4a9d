// One request put to a provider: its header fields together, its credential on top, and what a failing answer says read in
// time and within bounds. It asks once; whether to ask again is decided in `target-run`.

import type { Provider, ProviderKey, Timeouts } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { DialectName } from '../core/ir/request.ts'
import { LIMITS } from '../core/limits.ts'
import type { Failure } from '../core/policy/classify.ts'
import { providerSecrets, scrubMessage } from '../core/policy/scrub.ts'
import type { UpstreamRequest, UpstreamResponse } from '../core/ports.ts'
import { dialects } from '../dialects/registry.ts'
import { credentialled, type Presenting } from '../providers/credential.ts'
import type { GatewayDeps } from './deps.ts'

/** Who is asked, and in whose words it wants its credential and tells its errors. */
export type Upstream = Presenting

/** What is sent. Header names are lower-case; the provider's own fields and the credential win over them. */
export type Sending = Pick<UpstreamRequest, 'url' | 'method' | 'headers' | 'body' | 'signal'> &
  Partial<Pick<UpstreamRequest, 'timeouts'>>

/** What an attempt gives. */
export interface Answered {
  readonly upstream: UpstreamResponse
  /** Monotonic time at which its head came; absent where that is now. */
  readonly headMs?: number
}

/** A failing answer with its body, as far as it could be read. */
export interface AnsweredFailure {
  readonly upstream: UpstreamResponse
  readonly bytes: Uint8Array
}

/** A failed attempt, until it is known what to do about it. */
export class AttemptFailure extends Error {
  readonly failure: Failure
  readonly answered: AnsweredFailure | undefined

  constructor(failure: Failure, answered?: AnsweredFailure) {
    super('attempt failed')
    this.failure = failure
    this.answered = answered
  }
}

/**
 * Sends the request and waits for the head of a good answer.
 * @throws AttemptFailure for a failing status, GatewayError for what the transport could not do or nobody can sign
 */
export async function send(
  asked: Upstream,
  sending: Sending,
  key: ProviderKey | undefined,
  deps: GatewayDeps,
): Promise<UpstreamResponse> {
  const { provider, dialect } = asked
  const response = await (provider.entra === undefined
    ? put(asked, sending, key?.secret, deps)
    : putWithToken(asked, sending, deps))
  if (response.status >= 200 && response.status <= 299) return response
  throw await refused(provider, dialect, response, deps)
}

function put(
  asked: Upstream,
  sending: Sending,
  secret: string | undefined,
  deps: GatewayDeps,
): Promise<UpstreamResponse> {
  const { provider } = asked
  return deps.transport(provider).send({
    ...sending,
    headers: credentialled(asked, secret, sending, deps.clock.nowMs()),
    timeouts: sending.timeouts ?? provider.timeouts,
    network: provider.network,
  })
}

/** With a token for a credential. One that ended early or was revoked is refused before any work: a fresh one is tried once. */
async function putWithToken(
  asked: Upstream,
  sending: Sending,
  deps: GatewayDeps,
): Promise<UpstreamResponse> {
  const { provider } = asked
  const token = await deps.tokens.bearer(provider)
  const response = await put(asked, sending, token, deps)
  if (response.status !== 401 || !deps.tokens.refused(provider, token)) return response
  response.cancel()
  return await put(asked, sending, await deps.tokens.bearer(provider), deps)
}

/** The provider answered with a failing status: its words, read. */
async function refused(
  provider: Provider,
  dialect: DialectName,
  upstream: UpstreamResponse,
  deps: GatewayDeps,
): Promise<AttemptFailure> {
  const { status, headers } = upstream
  let bytes: Uint8Array = new Uint8Array()
  try {
    const limitMs = Math.min(LIMITS.errorBodyTimeoutMs, provider.timeouts.totalMs)
    bytes = await bytesInTime(upstream, LIMITS.errorBodyBytesMax, limitMs, deps)
  } catch (error) {
    deps.logger.debug('error body of a provider could not be read', {
      provider: provider.id,
      error: String(error),
    })
  }
  const body = dialects[dialect].errors.decode(unframed(new TextDecoder().decode(bytes)))
  const failure = body === undefined ? { status, headers } : { status, headers, body }
  return new AttemptFailure(failure, { upstream, bytes })
}

/** An error that a server has wrapped into the event of the stream it was asked for (BerriAI/litellm#17131): what the event holds. */
function unframed(text: string): string {
  return /^\s*(?:event:[^\n]*\n)?data:[^\S\n]*(\{[^\n]*)/.exec(text)?.[1] ?? text
}

/** A whole body within so long. @throws GatewayError `upstream_bad_response`, `upstream_timeout` */
export async function bytesInTime(
  upstream: UpstreamResponse,
  bytesMax: number,
  limitMs: number,
  deps: Pick<GatewayDeps, 'deadlines'>,
): Promise<Uint8Array> {
  const limit = deps.deadlines.after(limitMs, () =>
    upstream.cancel(new GatewayError('upstream_timeout', { cause: 'no whole answer in time' })),
  )
  try {
    return await upstream.bytes(bytesMax)
  } finally {
    limit.cancel()
  }
}

/**
 * The declared type of an answer, in lower case; '' where there is none.
 * @throws GatewayError `upstream_bad_response` for a page of HTML, which is no answer under any status
 */
export function answerType(upstream: UpstreamResponse): string {
  const type = upstream.headers.get('content-type')?.toLowerCase() ?? ''
  if (!type.includes('text/html')) return type
  upstream.cancel()
  throw new GatewayError('upstream_bad_response', { cause: `content-type ${type}` })
}

/**
 * The provider's limits for an attempt that is not the first of its request: no longer a wait than what is left of the whole. The same
 * object where there is nothing to shorten.
 * @param elapsedMs since the request arrived
 */
export function timeoutsLeft({ timeouts }: Provider, elapsedMs: number): Timeouts {
  const leftMs = timeouts.totalMs - elapsedMs
  if (leftMs >= timeouts.firstByteMs) return timeouts
  const firstByteMs = Math.max(1, leftMs)
  return { ...timeouts, firstByteMs, connectMs: Math.min(timeouts.connectMs, firstByteMs) }
}

/** A provider's text without our keys and its address. @param maxChars the default is what a log row keeps */
export function scrubbed(text: string, provider: Provider, maxChars?: number): string {
  const hosts = [new URL(provider.baseUrl).hostname]
  return scrubMessage(text, providerSecrets(provider), hosts, maxChars)
}
