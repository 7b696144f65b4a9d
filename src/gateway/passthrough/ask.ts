// One provider asked by HTTP as it stands: what is sent, and what of its answer is read before it is passed on. Its keys and
// retries are `target-run`'s; which target comes next is decided by whoever asks.

import type { ProviderKey } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import { asObject, parseJson, type JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { StreamedBody, UpstreamMethod, UpstreamResponse } from '../../core/ports.ts'
import { dialects } from '../../dialects/registry.ts'
import type { GatewayDeps } from '../deps.ts'
import type { RequestRecord } from '../record.ts'
import { firstAnswer, type Candidate } from '../candidates.ts'
import { isFailure, tryTarget, type Repeating, type TargetFailure } from '../target-run.ts'
import type { TraceFields } from '../tracing.ts'
import { answerType, AttemptFailure, bytesInTime, send, type Upstream } from '../upstream.ts'

export interface Question extends Upstream {
  /** The provider's own model name; empty where none is asked. */
  readonly model: string
  readonly url: string
  readonly method: UpstreamMethod
  /** Lower-case names; the credential comes on top of them. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | StreamedBody
  /** Whether it may be asked twice: where it makes something, two could come of it. */
  readonly repeating: Repeating
  /** The key that holds what is asked for. */
  readonly holderKeyId?: string | undefined
  /** An answer is read whole when it is JSON, and must then be JSON and no error. Else only its head is waited for. */
  readonly wholeJson: boolean
  /** A failing status is an answer too, and handed on: only another key is tried where this one was refused. */
  readonly raw: boolean
}

export interface Asked {
  readonly question: Question
  readonly upstream: UpstreamResponse
  /** A JSON answer, already read. */
  readonly whole?: { readonly bytes: Uint8Array; readonly body: JsonObject }
  /** The body of a failing answer, already read; of a raw question alone. */
  readonly failed?: Uint8Array
}

/** The question as one candidate among those for the same request. */
export function candidateOf(
  question: Question,
  record: RequestRecord,
  deps: GatewayDeps,
): Candidate<Asked> {
  const { provider, model, dialect, raw, repeating, holderKeyId } = question
  return {
    provider,
    go: (going) =>
      tryTarget<Asked>(
        {
          provider,
          model,
          mode: 'relay',
          dialect,
          repeating,
          // Files, batches and raw paths are no targets: what they are answered says nothing of a model.
          ...(raw || model === '' ? { judgedBy: 'connection' as const } : {}),
          holderKeyId,
          attempt: (key, signal, traced) => attemptOnce(question, key, signal, deps, traced),
        },
        going,
        record,
        deps,
      ),
  }
}

/** Asks one provider until there is an answer or no more may be tried. Rejects only for a fault of this program. */
export async function ask(
  question: Question,
  record: RequestRecord,
  deps: GatewayDeps,
): Promise<Asked | TargetFailure> {
  let last: TargetFailure | undefined
  const candidate = candidateOf(question, record, deps)
  const watched: Candidate<Asked> = {
    ...candidate,
    async go(going) {
      const result = await candidate.go(going)
      if (isFailure(result)) last = result
      return result
    },
  }
  try {
    return await firstAnswer([watched], { patient: true }, record, deps)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    // What our own credential is refused for is no business of the client's, in whatever words.
    const isOwn = last?.error.kind === 'upstream_auth'
    if (!question.raw || isOwn || last?.answered === undefined) {
      return { stop: true, ...last, error }
    }
    return { question, upstream: last.answered.upstream, failed: last.answered.bytes }
  }
}

async function attemptOnce(
  question: Question,
  key: ProviderKey | undefined,
  signal: AbortSignal,
  deps: GatewayDeps,
  traced: TraceFields,
): Promise<Asked> {
  const { url, method, body } = question
  const headers = traced === undefined ? question.headers : { ...question.headers, ...traced }
  const sending = { url, method, headers, signal, ...(body === undefined ? {} : { body }) }
  const upstream = await send(question, sending, key, deps)
  return question.wholeJson ? await read(question, upstream, deps) : { question, upstream }
}

/** A good status: what is JSON is read, a page of HTML is no answer. */
async function read(
  question: Question,
  upstream: UpstreamResponse,
  deps: GatewayDeps,
): Promise<Asked> {
  if (!/[/+]json\b/.test(answerType(upstream))) return { question, upstream }
  const { provider, dialect } = question
  const { totalMs } = provider.timeouts
  const bytes = await bytesInTime(upstream, LIMITS.responseBodyBytesMax, totalMs, deps)
  const text = new TextDecoder().decode(bytes)
  const body = asObject(parseJson(text))
  if (body === undefined) {
    throw new GatewayError('upstream_bad_response', { cause: 'the answer is not a JSON object' })
  }
  if (isErrorBody(body)) {
    const told = dialects[dialect].errors.decode(text) ?? { message: 'the answer holds an error' }
    throw new AttemptFailure({ status: 200, body: told })
  }
  return { question, upstream, whole: { bytes, body } }
}

/** `{"error": {…}}` under a good status, with nothing of an answer beside it. */
function isErrorBody(body: JsonObject): boolean {
  if (asObject(body['error']) === undefined) return false
  return !['data', 'results', 'text', 'output', 'object'].some((name) => name in body)
}
