// From a provider's answer to the reply for the client: relayed bytes, or the client's own dialect; whole or streamed.
// It adds the gateway's header fields and settles the record of whole answers; a stream settles itself at its end.

import { lossToken } from '../core/ir/loss.ts'
import { replay } from '../core/ir/replay.ts'
import type { ChatResponse } from '../core/ir/response.ts'
import { LIMITS } from '../core/limits.ts'
import type { ReplyContext } from '../dialects/dialect.ts'
import { dialects } from '../dialects/registry.ts'
import { answerStream } from './answer-stream.ts'
import type { Answer } from './attempt.ts'
import type { GatewayDeps } from './deps.ts'
import { estimateInputTokens, estimateUsage, tokensInBytes } from './estimate.ts'
import { upstreamRequestId } from './headers.ts'
import type { Reply } from './inbound.ts'
import { clientChatCodec, upstreamChatCodec, type RequestForms } from './plan.ts'
import type { Pump } from './pump.ts'
import type { RequestRecord } from './record.ts'
import { RelayPump } from './relay-pump.ts'
import { TranslatePump } from './translate-pump.ts'

const JSON_TYPE = 'application/json'

/** The client's reply to an answer that is good. */
export function replyTo(
  answer: Answer,
  forms: RequestForms,
  record: RequestRecord,
  deps: GatewayDeps,
): Reply {
  if (answer.kind === 'stream') return streamReply(answer, forms, record, deps)
  if (forms.peeked.stream && answer.chat !== undefined) {
    return unfoldedReply(answer, answer.chat, forms, record, deps)
  }
  return wholeReply(answer, forms, record, deps)
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
    body = answer.bytes
  } else body = encodeWhole(answer, forms, record, deps)
  const size = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  if (!record.hasUsage()) {
    record.addUsage(estimateUsage(inbound.bytes.length, tokensInBytes(size)))
  }
  record.firstByte()
  record.responseBytes = size
  record.keepResponse(() => (typeof body === 'string' ? body : new TextDecoder().decode(body)))
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
  const reply = replyContext(forms, deps)
  if (answer.embedding !== undefined) {
    if (answer.embedding.usage !== undefined) record.addUsage(answer.embedding.usage)
    record.setModelReported(answer.embedding.model)
    const codec = dialects[forms.inbound.dialect].embedding!
    const encoded = codec.encodeResponse(answer.embedding, reply)
    record.addLosses(encoded.losses)
    return JSON.stringify(encoded.value)
  }
  const response = answer.chat!
  noteResponse(response, record)
  const encoded = clientChatCodec(forms.inbound).encodeResponse(response, reply)
  record.addLosses(encoded.losses)
  return JSON.stringify(encoded.value)
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
  const encoder = clientChatCodec(inbound).createStreamEncoder(replyContext(forms, deps))
  const text =
    replay(response)
      .map((event) => encoder.push(event))
      .join('') + encoder.end()
  record.addLosses(encoder.losses())
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
  const body = answerStream({
    upstream: answer.upstream,
    pump: createPump(answer, forms, record, deps),
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
  if (plan.mode === 'relay') {
    const { withholdUsage } = answer
    return new RelayPump({ dialect: client, record, withholdUsage, model: peeked.model, nowMs })
  }
  return new TranslatePump({
    upstream: plan.upstream,
    decoder: upstreamChatCodec(plan).createStreamDecoder(),
    client,
    encoder: clientChatCodec(inbound).createStreamEncoder(replyContext(forms, deps)),
    record,
    secrets: plan.provider.keys.map((key) => key.secret),
    model: peeked.model,
    nowMs,
  })
}

function noteResponse(response: ChatResponse, record: RequestRecord): void {
  record.setModelReported(response.model)
  if (response.usage !== undefined) record.addUsage(response.usage)
  const finish = response.choices[0]?.finish
  if (finish !== undefined) record.setFinish(finish.raw ?? finish.unified)
}

function replyContext(forms: RequestForms, deps: GatewayDeps): ReplyContext {
  const request = forms.decoded()
  return {
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

function streamType(framing: 'sse' | 'ndjson'): string {
  return framing === 'sse' ? 'text/event-stream; charset=utf-8' : 'application/x-ndjson'
}

function answerHeaders(
  answer: Answer,
  record: RequestRecord,
  contentType: string,
): Record<string, string> {
  const { plan } = answer
  const headers: Record<string, string> = {
    'content-type': contentType,
    'x-weir-provider': plan.provider.id,
    'x-weir-model': headerSafe(plan.model),
    'x-weir-mode': plan.mode,
    'x-weir-attempts': String(record.attempts.length),
  }
  if (contentType !== JSON_TYPE) headers['cache-control'] = 'no-cache'
  const upstreamId = upstreamRequestId(answer.upstream.headers)
  if (upstreamId !== undefined) headers['x-upstream-request-id'] = upstreamId
  const losses = record.lossList()
  if (losses.length > 0) headers['x-weir-losses'] = lossHeader(losses.map(lossToken))
  return headers
}

function lossHeader(tokens: readonly string[]): string {
  const shown = tokens.slice(0, LIMITS.lossesInHeaderMax).map(headerSafe)
  const more = tokens.length - shown.length
  return shown.join(', ') + (more > 0 ? `, +${more} more` : '')
}

/** Printable ASCII only: anything else is refused by HTTP. */
function headerSafe(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 300)
}

/** Nano-dollars as dollars without a float's noise. */
export function formatUsd(nanoUsd: number): string {
  const whole = Math.floor(nanoUsd / 1e9)
  const rest = String(Math.round(nanoUsd % 1e9)).padStart(9, '0')
  return `${whole}.${rest}`
}
