// One request from bytes to reply, top to bottom. Every way out of here settles the record exactly once, and nothing is
// ever thrown at the server: an error leaves as the client's own dialect says it.

import type { JsonObject } from '../core/json.ts'
import { admit } from './admit.ts'
import { attemptAll } from './attempt.ts'
import type { GatewayDeps } from './deps.ts'
import { guarded } from './guard/input.ts'
import { guardAnswer } from './guard/output.ts'
import type { Inbound, Reply } from './inbound.ts'
import { refersToEarlier, withEarlierTurns } from './kept-responses.ts'
import { loadedAnswer } from './load-only.ts'
import { requireModel } from './model-access.ts'
import { peek } from './peek.ts'
import { RequestForms } from './plan.ts'
import { RequestRecord } from './record.ts'
import { refuse } from './refuse.ts'
import { replyTo } from './reply.ts'

/** Answers one model request. Never rejects. */
export async function handle(inbound: Inbound, deps: GatewayDeps): Promise<Reply> {
  const record = new RequestRecord(inbound, deps)
  try {
    const peeked = peek(inbound)
    record.model = peeked.model
    record.stream = peeked.stream

    const catalog = deps.snapshot().of(inbound.principal.tenantId)
    const model = requireModel(peeked.model, peeked, inbound.principal, catalog, deps)
    const loaded = loadedAnswer(inbound, peeked, deps.clock.nowMs())
    if (loaded !== undefined) return answered(record, loaded)

    const warming = deps.prices.ready()
    if (warming !== undefined) await warming
    // What it refers to is asked and paid as well, so it is looked up before.
    const whole = refersToEarlier(peeked, inbound)
      ? await record.during('earlier_turns', withEarlierTurns(peeked, inbound, deps))
      : peeked
    const { body, earlier, model: modelName, stream } = whole
    const asked = { inbound, modelName, model, body, stream, earlierBytes: earlier?.bytes }
    const taking = admit(asked, record, deps)
    if (taking !== undefined) await record.during('admit', taking)
    const guards = deps.guards?.(inbound.principal, modelName)
    const said = guards === undefined ? whole : await guarded(guards, whole, model, record, deps)
    const forms = new RequestForms(inbound, said, model)
    const looking = deps.cache?.()?.find(forms, catalog, record)
    const kept = looking instanceof Promise ? await record.during('cache', looking) : looking
    const answer = kept ?? (await attemptAll(forms, catalog, record, deps))
    const { guard } = record
    const given = guard === undefined ? answer : await guardAnswer(answer, guard, record)
    return replyTo(given, given.forms, record, deps)
  } catch (thrown) {
    return refuse(record, thrown, deps)
  }
}

/** An answer that needed no provider. */
function answered(record: RequestRecord, value: JsonObject): Reply {
  const body = JSON.stringify(value)
  record.responseBytes = Buffer.byteLength(body)
  record.settle(200)
  return { status: 200, headers: { 'content-type': 'application/json' }, body }
}
