// Rules on what a client says: every text of the request is judged, and what is masked is masked in the received bytes, so that everything
// behind sees nothing else. It runs before anybody is asked, and costs nothing where no rule holds.

import { GatewayError } from '../../core/error.ts'
import type { Model } from '../../core/catalog.ts'
import type { Guard, GuardStage } from '../../core/guardrail.ts'
import type { EmbeddingRequest } from '../../core/ir/embedding.ts'
import type { ChatRequest } from '../../core/ir/request.ts'
import { repeatsMember } from '../../core/json-span.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { GatewayDeps } from '../deps.ts'
import type { Inbound } from '../inbound.ts'
import { peekBody, type Peeked, type PeekedBody } from '../peek.ts'
import { RequestForms } from '../plan.ts'
import type { RequestRecord } from '../record.ts'
import type { Edits } from './edits.ts'
import { refusedBy, RequestGuard } from './request-guard.ts'
import { requestTexts, unreadable, type TextPart } from './texts.ts'

/** The request in the IR; undefined where it is in no words of ours. */
export type Decode = (body: JsonObject) => ChatRequest | EmbeddingRequest | undefined

/** The stages of a request, in the order in which a rule is asked about them. */
const STAGES: readonly GuardStage[] = ['input', 'tool_result']

/** A request in the words of a dialect under these rules, as they let it through. @throws GatewayError as `guardInput` */
export function guarded(
  guards: readonly Guard[],
  peeked: Peeked,
  model: Model,
  record: RequestRecord,
  deps: GatewayDeps,
): Promise<Peeked> {
  const guard = beginGuard(guards, peeked.model, record, deps)
  const inbound = record.inbound as Inbound
  if (peeked.body['background'] === true && guard.at('output').length > 0) {
    // It would be fetched of whoever holds it, behind the back of the rules.
    throw new GatewayError('unsupported', {
      param: 'background',
      message: 'An answer that is made in the background cannot be judged by the rules that hold.',
    })
  }
  const decode: Decode = (body) => new RequestForms(inbound, { ...peeked, body }, model).decoded()
  return record.during('guard', guardInput(guard, peeked, decode))
}

/** A request whose tokens are counted: what is said in it is judged, and there is no answer to judge. */
export function guardCounted(
  guards: readonly Guard[],
  peeked: Peeked,
  record: RequestRecord,
  deps: GatewayDeps,
  decode: Decode,
): Promise<Peeked> {
  const guard = beginGuard(guards, peeked.model, record, deps)
  return record.during('guard', guardBody(guard, peeked, decode))
}

/** Makes the rules part of the request: from here on its record knows what becomes of them. */
export function beginGuard(
  guards: readonly Guard[],
  model: string,
  record: RequestRecord,
  deps: GatewayDeps,
): RequestGuard {
  const guard = new RequestGuard(guards, record, model, deps)
  record.guard = guard
  record.atSettled(() => guard.end())
  return guard
}

/**
 * The request as the rules let it through.
 * @param decode throws `invalid_request` for a body that it does not understand: its strings are judged then, but an answer to it could
 * not be
 * @throws GatewayError `content_filter`, `guardrail_unavailable`, `client_closed`; `invalid_request` where it cannot be judged
 */
export async function guardInput(
  guard: RequestGuard,
  peeked: Peeked,
  decode: Decode,
): Promise<Peeked> {
  const first = readable(guard, peeked, decode)
  const judged = await judgedBody(guard, peeked, first, (body) => decoded(body, decode))
  guard.context = judged.parts.map(({ kind, role, text }) => ({ text, role, kind }))
  // Its answer would have to be understood with it.
  if (guard.watchesAnswer) decode(judged.body.body)
  return judged.body
}

/** The same for a body of any JSON route. */
export async function guardBody<Body extends PeekedBody>(
  guard: RequestGuard,
  peeked: Body,
  decode: Decode,
): Promise<Body> {
  const first = readable(guard, peeked, decode)
  const judged = await judgedBody(guard, peeked, first, (body) => decoded(body, decode))
  guard.context = judged.parts.map(({ kind, role, text }) => ({ text, role, kind }))
  return judged.body
}

interface Judged<Body> {
  readonly body: Body
  readonly parts: readonly TextPart[]
}

/** The texts of a body that can be read in one way only. */
function readable(guard: RequestGuard, peeked: PeekedBody, decode: Decode): readonly TextPart[] {
  // Of a member named twice another parser may read the text that nobody has judged.
  // Where turns of before were put into the body, it is written anew and the bytes are nobody's.
  const { earlier } = peeked as Partial<Peeked>
  if (earlier?.ownInput === undefined && repeatsMember(peeked.bytes, peeked.body)) {
    throw new GatewayError('invalid_json', { message: 'The body names a member twice.' })
  }
  const request = decoded(peeked.body, decode)
  if (holdsTokens(peeked.body, request)) refuseUnjudged(guard, 'tokens')
  if (typeof request === 'object' && 'messages' in request) {
    for (const [stage, what] of unreadable(request)) refuseUnjudged(guard, what, [stage])
  }
  return requestTexts(request, peeked.body)
}

type Decoded = ReturnType<Decode> | 'unread'

function decoded(body: JsonObject, decode: Decode): Decoded {
  try {
    return decode(body)
  } catch (error) {
    if (error instanceof GatewayError) return 'unread'
    throw error
  }
}

/** Text that the client has cut into numbers says nothing to a rule. */
function holdsTokens(body: JsonObject, request: Decoded): boolean {
  const given = [body['input'], body['prompt'], body['context']]
  const isTokens = (value: JsonValue | undefined): boolean =>
    Array.isArray(value) && value.some((item) => typeof item === 'number' || isTokens(item))
  if (given.some(isTokens)) return true
  return typeof request === 'object' && 'input' in request && request.input.some(Array.isArray)
}

/**
 * What cannot be judged gets through only where no rule needs to know what it says, or its options say so.
 * @param what for the client: what it is that nobody can read
 * @throws GatewayError `content_filter` naming the rule
 */
export function refuseUnjudged(
  guard: RequestGuard,
  what: string,
  stages: readonly GuardStage[] = STAGES,
): void {
  for (const stage of stages) {
    for (const one of guard.at(stage)) {
      if (!guard.refusesUnread(one, stage)) continue
      throw new GatewayError('content_filter', {
        message: `The content rule '${one.rule.id}' cannot judge ${what}, so it is refused.`,
      })
    }
  }
}

/** Asks every rule in its order, each about what the ones before have left. */
async function judgedBody<Body extends PeekedBody>(
  guard: RequestGuard,
  body: Body,
  first: readonly TextPart[],
  decode: (body: JsonObject) => Decoded,
): Promise<Judged<Body>> {
  let current = body
  let parts = first
  for (const one of inOrder(guard)) {
    for (const stage of STAGES) {
      if (!one.rule.stages.includes(stage)) continue
      const asked = parts.filter((part) => part.stage === stage)
      const consequence = await guard.judge(one, stage, asked)
      if (consequence === undefined) continue
      if (consequence === 'block') throw refusedBy(one.rule.id)
      current = rewritten(current, consequence)
      parts = requestTexts(decode(current.body), current.body)
      if (!remains(parts, consequence)) continue
      guard.unmaskable(one, stage)
      throw refusedBy(one.rule.id)
    }
  }
  return { body: current, parts }
}

function inOrder(guard: RequestGuard): readonly Guard[] {
  const results = new Set(guard.at('tool_result'))
  const input = guard.at('input')
  // The order is the one of the list: `at` keeps it, and a rule of both stages is asked about both in its turn.
  return guard.all.filter((one) => input.includes(one) || results.has(one))
}

/** Whether something that was to be masked is still there: in the name of a member, or in bytes in disguise. */
export function remains(parts: readonly TextPart[], edits: Edits): boolean {
  const kept = new Set(edits.wholes.values())
  return parts.some(
    ({ text }) => !kept.has(text) && (edits.touches(text) || edits.wholes.has(text)),
  )
}

function rewritten<Body extends PeekedBody>(body: Body, edits: Edits): Body {
  const written = peekBody(edits.bytes(body.bytes))
  const { earlier } = body as Partial<Peeked>
  if (earlier?.ownInput === undefined) return { ...body, ...written }
  // Turns of before were put into the body, which the bytes do not say.
  const ownInput = edits.value(earlier.ownInput)
  return { ...body, ...written, body: edits.value(body.body), earlier: { ...earlier, ownInput } }
}
