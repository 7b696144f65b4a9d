// One request from bytes to reply, top to bottom. Every way out of here settles the record exactly once, and nothing is
// ever thrown at the server: an error leaves as the client's own dialect says it.

import { GatewayError, toGatewayError } from '../core/error.ts'
import type { Model } from '../core/catalog.ts'
import type { JsonObject } from '../core/json.ts'
import { mayUseModel } from '../core/principal.ts'
import { attemptAll } from './attempt.ts'
import type { GatewayDeps } from './deps.ts'
import { errorReply } from './error-reply.ts'
import { estimateUsage } from './estimate.ts'
import type { Inbound, Reply } from './inbound.ts'
import { loadedAnswer } from './load-only.ts'
import { peek } from './peek.ts'
import { RequestForms } from './plan.ts'
import { RequestRecord } from './record.ts'
import { replyTo } from './reply.ts'
import { resolve } from './resolve.ts'
import type { Snapshot } from './snapshot.ts'

/** Answers one model request. Never rejects. */
export async function handle(inbound: Inbound, deps: GatewayDeps): Promise<Reply> {
  const record = new RequestRecord(inbound, deps)
  try {
    const peeked = peek(inbound)
    record.model = peeked.model
    record.stream = peeked.stream

    const snapshot = deps.snapshot()
    const model = requireModel(peeked.model, inbound, snapshot, deps)
    const loaded = loadedAnswer(inbound, peeked, deps.clock.nowMs())
    if (loaded !== undefined) return answered(record, loaded)

    await deps.prices.ready()
    const forms = new RequestForms(inbound, peeked, model)
    const answer = await attemptAll(forms, snapshot, record, deps)
    return replyTo(answer, forms, record, deps)
  } catch (thrown) {
    return refuse(record, thrown, deps)
  }
}

/**
 * The model of that name that the caller may use.
 * @throws GatewayError `model_not_found`, the same for "no such model" and "not yours": whoever may not use it may not learn
 * that it exists
 */
export function requireModel(
  name: string,
  inbound: Inbound,
  snapshot: Snapshot,
  deps: GatewayDeps,
): Model {
  const model = resolve(name, snapshot, deps.directory)
  if (model !== undefined && mayUseModel(inbound.principal, name)) return model
  throw new GatewayError('model_not_found', { param: 'model', message: modelNotFound(name) })
}

/** An answer that needed no provider. */
function answered(record: RequestRecord, value: JsonObject): Reply {
  const body = JSON.stringify(value)
  record.responseBytes = Buffer.byteLength(body)
  record.settle(200)
  return { status: 200, headers: { 'content-type': 'application/json' }, body }
}

/** The reply to a request that failed, here or before it came this far (no key, too large). */
export function refuse(record: RequestRecord, thrown: unknown, deps: GatewayDeps): Reply {
  const error = toGatewayError(thrown)
  if (error.kind === 'internal') {
    deps.logger.error('internal error', {
      requestId: record.inbound.requestId,
      error:
        error.cause instanceof Error
          ? (error.cause.stack ?? String(error.cause))
          : String(error.cause),
    })
  }
  if (MAY_BE_BILLED.has(error.kind) && record.wasSent() && !record.hasUsage()) {
    record.addUsage(estimateUsage(record.inbound.bytes.length, 0))
  }
  const reply = errorReply(error, record.inbound.dialect, record.inbound.requestId)
  record.responseBytes = reply.body.length
  record.settle(reply.status, error)
  return reply
}

/** The provider was at work when these ended it: what went in is counted, as an estimate. */
const MAY_BE_BILLED: ReadonlySet<GatewayError['kind']> = new Set([
  'client_closed',
  'upstream_timeout',
])

/** The client's own word for the model, cut, in the sentence that SDK users know. */
function modelNotFound(model: string): string {
  const shown = model.length > 100 ? `${model.slice(0, 100)}…` : model
  return `The model '${shown}' does not exist or you do not have access to it.`
}
