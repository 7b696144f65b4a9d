// From a provider's answer to the reply for the client: relayed bytes, or the client's own dialect; whole or streamed.
// It adds the gateway's header fields and settles the record of whole answers; a stream settles itself at its end.

import { GatewayError } from '../core/error.ts'
import { lossToken } from '../core/ir/loss.ts'
import { replay } from '../core/ir/replay.ts'
import type { ChatResponse } from '../core/ir/response.ts'
import { asString } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { providerSecrets } from '../core/policy/scrub.ts'
import type { Framing, ReplyContext } from '../dialects/dialect.ts'
import { dialects } from '../dialects/registry.ts'
import { answerStream } from './answer-stream.ts'
import { mayContinue, type Answer } from './attempt.ts'
import { Continuation } from './continuation.ts'
import type { GatewayDeps } from './deps.ts'
import { estimateInputTokens, estimateUsage, tokensInBytes } from './estimate.ts'
import { formatUsd, headerSafe, keptHeaders, providerHeaders } from './headers.ts'
import { GuardedPump } from './guard/guarded-pump.ts'
import type { GuardedAnswer } from './guard/output.ts'
import type { Reply } from './inbound.ts'
import { responseKeeper, type ResponseKeeper } from './kept-responses.ts'
import { clientChatCodec, upstreamChatCodec, type RequestForms } from './plan.ts'
import type { Pump } from './pump.ts'
import type { RequestRecord } from './record.ts'
import { RelayPump } from './relay-pump.ts'
import { RelayObserver, turnKeeper } from './remember.ts'
import { TranslatePump, type TranslateOptions } from './translate-pump.ts'

const JSON_TYPE = 'application/json'

/** The client's reply to an answer that is good. */
export function replyTo(
  answer: Answer,
  forms: RequestForms,
  record: RequestRecord,
  deps: GatewayDeps,
): Reply {
  if (answer.kind === 'stream') return streamReply(answer, forms, record, deps)
  record.caching?.whole(givenBy(answer))
  rememberWhole(answer, forms, deps)
  if (forms.peeked.stream && answer.chat !== undefined) {
    return unfoldedReply(answer, answer.chat, forms, record, deps)
  }
  return wholeReply(answer, forms, record, deps)
}

/** What the provider gave, whatever rules have made of it. */
function givenBy(answer: Answer & { kind: 'whole' }): Answer & { kind: 'whole' } {
  const from = answer.guarded?.from
  return from?.kind === 'whole' ? from : answer
}

function wholeReply(
  answer: Answer & { kind: 'whole' },
  forms: RequestForms,
  record: RequestRecord,
  deps: GatewayDeps,
): Reply {
  const { inbound } = forms
  let body: Uint8Array | string
  if (answer.plan.mode === 'relay' && answer.bytes !== undefined) {
    const reading = dialects[inbound.dialect].tap.readResponse(answer.body!)
    if (reading.usage !== undefined) record.addUsage(reading.usage)
    if (reading.finish !== undefined) record.setFinish(reading.finish)
    if (reading.model !== undefined) record.setModelReported(reading.model)
    responseKeeper(forms.peeked, answer.plan, record, deps)?.relayed(asString(answer.body?.['id']))
    body = answer.bytes
  } else body = encodeWhole(answer, forms, record, deps)
  const size = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  if (!record.hasUsage()) {
    // A vector is long and no token of it is anybody's words.
    const outputTokens = answer.plan.operation === 'embedding' ? 0 : tokensInBytes(size)
    record.addUsage(estimateUsage(inbound.bytes.length, outputTokens))
  }
  record.firstByte()
  record.responseBytes = size
  record.keepResponse(() => (typeof body === 'string' ? body : new TextDecoder().decode(body)))
  record.completeUsage()
  const headers = answerHeaders(answer, record, JSON_TYPE)
  const cost = record.costNanoUsd()
  if (cost !== undefined) headers['x-weir-cost-usd'] = formatUsd(cost)
  record.settle(200)
  return { status: 200, headers, body }
}

function encodeWhole(
  answer: Answer & { kind: 'whole' },
  forms: RequestForms,
  record: RequestRecord,
  deps: GatewayDeps,
): string {
  const responses = responseKeeper(forms.peeked, answer.plan, record, deps)
  const reply = replyContext(forms, deps, responses)
  if (answer.embedding !== undefined) {
    if (answer.embedding.usage !== undefined) record.addUsage(answer.embedding.usage)
    record.setModelReported(answer.embedding.model)
    const { bytes, dialect } = forms.inbound
    // OpenAI's answer always has its usage, and its clients read it without asking.
    const isOwed = answer.embedding.usage === undefined && dialect === 'openai-embeddings'
    const told = isOwed ? { usage: estimateUsage(bytes.length, 0) } : {}
    const codec = dialects[dialect].embedding!
    const encoded = codec.encodeResponse({ ...answer.embedding, ...told }, reply)
    record.addLosses(encoded.losses)
    return JSON.stringify(encoded.value)
  }
  const response = renamed(answer.chat!, answerIdOf(answer, forms, reply))
  noteResponse(response, record)
  if (answer.guarded?.isBlocked === true) record.setFinish('content_filter')
  const encoded = clientChatCodec(forms.inbound).encodeResponse(response, reply)
  record.addLosses(encoded.losses)
  if (answer.guarded === undefined) responses?.translated(encoded.value)
  else keepGuarded(answer, answer.guarded, forms, reply, responses)
  return JSON.stringify(encoded.value)
}

/** Keeps an answer as the rules have left it, with its placeholders: nothing that was masked is stored. */
function keepGuarded(
  answer: Answer,
  { kept }: GuardedAnswer,
  forms: RequestForms,
  reply: ReplyContext,
  responses: ResponseKeeper | undefined,
): void {
  if (kept === undefined || responses === undefined) return
  const response = renamed(kept, answerIdOf(answer, forms, reply))
  responses.translated(clientChatCodec(forms.inbound).encodeResponse(response, reply).value)
}

/** A whole answer for a client that asked for a stream. */
function unfoldedReply(
  answer: Answer,
  response: ChatResponse,
  forms: RequestForms,
  record: RequestRecord,
  deps: GatewayDeps,
): Reply {
  const { inbound } = forms
  noteResponse(response, record)
  if (answer.guarded?.isBlocked === true) record.setFinish('content_filter')
  const responses = responseKeeper(forms.peeked, answer.plan, record, deps)
  const reply = replyContext(forms, deps, responses)
  const encoder = clientChatCodec(inbound).createStreamEncoder(reply)
  const named = renamed(response, answerIdOf(answer, forms, reply))
  const events = replay(named).map((event) => encoder.push(event))
  const end = encoder.end()
  const text = events.join('') + end
  record.addLosses(encoder.losses())
  if (answer.guarded === undefined) responses?.translatedEnd(end)
  else keepGuarded(answer, answer.guarded, forms, reply, responses)
  if (!record.hasUsage()) {
    record.addUsage(estimateUsage(inbound.bytes.length, tokensInBytes(text.length)))
  }
  record.firstByte()
  record.responseBytes = Buffer.byteLength(text)
  record.keepResponse(() => text)
  record.settle(200)
  const type = streamType(dialects[inbound.dialect].framing)
  return { status: 200, headers: answerHeaders(answer, record, type), body: text }
}

function streamReply(
  answer: Answer,
  forms: RequestForms,
  record: RequestRecord,
  deps: GatewayDeps,
): Reply {
  const { plan } = answer
  const headers = answerHeaders(answer, record, streamType(dialects[forms.inbound.dialect].framing))
  if (mayContinue(forms, deps)) headers['x-weir-continuation'] = 'on'
  const pump = createPump(answer, forms, record, deps)
  const body = answerStream({
    upstream: answer.upstream,
    pump: record.caching?.stream(plan, pump) ?? pump,
    record,
    deps,
    timeouts: plan.provider.timeouts,
  })
  return { status: 200, headers, body }
}

function createPump(
  answer: Answer,
  forms: RequestForms,
  record: RequestRecord,
  deps: GatewayDeps,
): Pump {
  const { inbound, peeked } = forms
  const { plan } = answer
  const client = dialects[inbound.dialect]
  const nowMs = () => deps.clock.nowMs()
  const turns = turnKeeper(plan, forms, deps)
  const responses = responseKeeper(peeked, plan, record, deps)
  const guard = record.guard?.watchesAnswer === true ? record.guard : undefined
  if (plan.mode === 'relay' && guard === undefined) {
    const hideAccount = plan.quirks.accountInErrors === true && client.framing === 'sse'
    const isText = client.framing !== 'aws-event-stream'
    const editing = {
      withholdUsage: answer.withholdUsage,
      hideAccount,
      lines: client.framing === 'ndjson',
      ...(isText ? { provider: plan.provider } : {}),
    }
    const { model } = peeked
    const observer = turns === undefined ? undefined : new RelayObserver(turns, plan, deps)
    return new RelayPump({
      dialect: client,
      record,
      editing,
      model,
      observer,
      responses,
      nowMs,
    })
  }
  const reply = replyContext(forms, deps, responses)
  const codec = clientChatCodec(inbound)
  const options: TranslateOptions = {
    upstream: plan.upstream,
    decoder: upstreamChatCodec(plan).createStreamDecoder(),
    client,
    encoder: codec.createStreamEncoder(reply),
    record,
    secrets: providerSecrets(plan.provider),
    model: peeked.model,
    answerId: answerIdOf(answer, forms, reply),
    turns,
    responses,
    continuation: mayContinue(forms, deps) ? new Continuation(answer, record, deps) : undefined,
    provider: plan.provider,
    providerModel: plan.model,
    nowMs,
  }
  if (guard === undefined) return new TranslatePump(options)
  const heldByProvider = plan.mode === 'relay'
  const isShadowed = guard.restores && responses !== undefined && !heldByProvider
  const shadow = isShadowed ? codec.createStreamEncoder(reply) : undefined
  return new GuardedPump({ ...options, guard, shadow, heldByProvider })
}

/** Remembers the turns of a whole answer. A relayed one goes on untouched, whether or not it can be read. */
function rememberWhole(
  answer: Answer & { kind: 'whole' },
  forms: RequestForms,
  deps: GatewayDeps,
): void {
  // Reasoning is handed back to whoever signed it, word for word, or not at all.
  if (answer.guarded?.isWhole === false) return
  const keeper = turnKeeper(answer.plan, forms, deps)
  if (keeper === undefined) return
  try {
    const codec = upstreamChatCodec(answer.plan)
    const { body, chat } = givenBy(answer)
    const response = chat ?? codec.decodeResponse(body ?? {})
    keeper.whole(response)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    deps.logger.debug('a relayed answer could not be read', { error: String(error) })
  }
}

function noteResponse(response: ChatResponse, record: RequestRecord): void {
  record.setModelReported(response.model)
  if (response.usage !== undefined) record.addUsage(response.usage)
  const finish = response.choices[0]?.finish
  if (finish !== undefined) record.setFinish(finish.raw ?? finish.unified)
}

/**
 * The id of a translated answer where it is ours to give: a client may refer to the answer by it, and providers' own ids need
 * not be unlike each other's.
 */
function answerIdOf(answer: Answer, forms: RequestForms, reply: ReplyContext): string | undefined {
  const ours = forms.inbound.dialect === 'openai-responses' && answer.plan.mode === 'translate'
  return ours ? `resp_${reply.id}` : undefined
}

function renamed(response: ChatResponse, id: string | undefined): ChatResponse {
  return id === undefined ? response : { ...response, id }
}

function replyContext(
  forms: RequestForms,
  deps: GatewayDeps,
  responses?: ResponseKeeper,
): ReplyContext {
  const request = forms.decoded()
  const previousResponseId = forms.peeked.earlier?.responseId
  return {
    ...(responses === undefined ? {} : { store: true }),
    ...(previousResponseId === undefined ? {} : { previousResponseId }),
    model: forms.peeked.model,
    id: deps.ids.uuid().replaceAll('-', ''),
    nowMs: deps.clock.nowMs(),
    streamUsage: 'streamUsage' in request && request.streamUsage === true,
    request,
    ...(forms.inbound.dialect === 'anthropic' && forms.peeked.stream && 'messages' in request
      ? { estimatedInputTokens: estimateInputTokens(request) }
      : {}),
  }
}

function streamType(framing: Framing): string {
  if (framing === 'aws-event-stream') return 'application/vnd.amazon.eventstream'
  return framing === 'sse' ? 'text/event-stream; charset=utf-8' : 'application/x-ndjson'
}

function answerHeaders(
  answer: Answer,
  record: RequestRecord,
  contentType: string,
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': contentType,
    ...(answer.cached === true
      ? keptHeaders(record)
      : providerHeaders(answer.plan, answer.upstream, record)),
  }
  if (contentType !== JSON_TYPE) headers['cache-control'] = 'no-cache'
  const verdicts = record.guard?.verdicts.header()
  if (verdicts !== undefined) headers['x-weir-guardrails'] = verdicts
  const losses = record.lossList()
  if (losses.length > 0) headers['x-weir-losses'] = lossHeader(losses.map(lossToken))
  return headers
}

function lossHeader(tokens: readonly string[]): string {
  const shown = tokens.slice(0, LIMITS.lossesInHeaderMax).map(headerSafe)
  const more = tokens.length - shown.length
  return shown.join(', ') + (more > 0 ? `, +${more} more` : '')
}
