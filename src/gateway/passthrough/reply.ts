// The client's reply to an answer that is passed on: its bytes as they came, with the header fields that may cross and the
// gateway's own. Everything a provider says of its account stays here.

import type { GatewayError } from '../../core/error.ts'
import { dialects } from '../../dialects/registry.ts'
import { answerStream } from '../answer-stream.ts'
import type { GatewayDeps } from '../deps.ts'
import { formatUsd, isSafeValue, providerHeaders } from '../headers.ts'
import type { Reply } from '../inbound.ts'
import type { RequestRecord } from '../record.ts'
import type { Asked } from './ask.ts'
import { BytesPump } from './bytes-pump.ts'
import { usageOfAnswer } from './usage.ts'

/** What of an answer's own header fields a client gets. */
const HANDED_ON = [
  'content-type',
  'content-disposition',
  'content-language',
  'content-range',
  'accept-ranges',
  'last-modified',
  'retry-after',
] as const

/** A page or a picture with scripts, opened from this server's address, must have none of its rights. */
const SANDBOX = "default-src 'none'; sandbox"

export interface PassOnOptions {
  readonly asked: Asked
  readonly record: RequestRecord
  readonly deps: GatewayDeps
  /** The answer is one of the question's dialect, whose tap reads it. */
  readonly tapped: boolean
  /** Called once, when nothing of the request is needed any more. */
  onOver(): void
}

/** Passes a good answer on: whole where it has been read, else as it comes. */
export function passOn(options: PassOnOptions): Reply {
  const { asked, record } = options
  if (asked.whole !== undefined) return wholeReply(options, asked.whole)
  const { upstream } = asked
  const headers = replyHeaders(asked, record)
  const { body } = upstream
  if (body === null || asked.question.method === 'HEAD') {
    const length = upstream.headers.get('content-length')
    const plain = (upstream.headers.get('content-encoding') ?? '') === ''
    if (length !== null && plain && /^\d{1,15}$/.test(length)) headers['content-length'] = length
    upstream.cancel()
    return finishedReply(options, upstream.status, headers, new Uint8Array())
  }
  const form = formOf(headers['content-type'], options.tapped)
  const isFramed = form === 'events' || form === 'lines'
  if (isFramed) {
    record.stream = true
    headers['cache-control'] = 'no-cache'
  }
  const { provider } = asked.question
  const pump = new BytesPump({
    record,
    form,
    provider: isFramed ? provider : undefined,
    dialect: dialects[asked.question.dialect],
    tapped: options.tapped,
    logger: options.deps.logger,
    onOver: options.onOver,
  })
  const { timeouts } = provider
  const stream = answerStream({ upstream, pump, record, deps: options.deps, timeouts })
  return { status: upstream.status, headers, body: stream }
}

function wholeReply(options: PassOnOptions, whole: NonNullable<Asked['whole']>): Reply {
  const { asked, record } = options
  const reading = readQuietly(options, whole)
  const usage = reading?.usage ?? usageOfAnswer(whole.body)
  if (usage !== undefined) record.addUsage(usage)
  if (reading?.finish !== undefined) record.setFinish(reading.finish)
  const model = reading?.model ?? whole.body['model']
  if (typeof model === 'string') record.setModelReported(model)
  record.keepResponse(() => new TextDecoder().decode(whole.bytes))
  const headers = replyHeaders(asked, record)
  const cost = record.costNanoUsd()
  if (cost !== undefined) headers['x-weir-cost-usd'] = formatUsd(cost)
  return finishedReply(options, asked.upstream.status, headers, whole.bytes)
}

function readQuietly(options: PassOnOptions, whole: NonNullable<Asked['whole']>) {
  if (!options.tapped) return undefined
  try {
    return dialects[options.asked.question.dialect].tap.readResponse(whole.body)
  } catch (error) {
    options.deps.logger.debug('usage of an answer could not be read', { error: String(error) })
    return undefined
  }
}

/** A reply whose body is at hand; the request is over. */
export function finishedReply(
  options: Pick<PassOnOptions, 'record' | 'onOver'>,
  status: number,
  headers: Record<string, string>,
  body: Uint8Array | string,
  error?: GatewayError,
): Reply {
  const { record } = options
  record.firstByte()
  record.responseBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  record.settle(status, error)
  options.onOver()
  return { status, headers, body }
}

/** The header fields of a reply that passes an answer on. */
export function replyHeaders(asked: Asked, record: RequestRecord): Record<string, string> {
  const { question, upstream } = asked
  const headers: Record<string, string> = {}
  for (const name of HANDED_ON) {
    const value = upstream.headers.get(name)
    if (value !== null && isSafeValue(value)) headers[name] = value
  }
  headers['content-type'] ??= 'application/octet-stream'
  headers['content-security-policy'] = SANDBOX
  const verdicts = record.guard?.verdicts.header()
  if (verdicts !== undefined) headers['x-weir-guardrails'] = verdicts
  const { provider, model } = question
  return { ...headers, ...providerHeaders({ provider, model, mode: 'relay' }, upstream, record) }
}

function formOf(
  contentType: string | undefined,
  isAnswer: boolean,
): 'events' | 'lines' | 'json' | 'bytes' {
  const type = contentType?.toLowerCase() ?? ''
  if (type.startsWith('text/event-stream')) return 'events'
  // Lines of JSON may also be a file, whose reader must not be told an error as one line more.
  if (/ndjson|jsonl/.test(type)) return isAnswer ? 'lines' : 'bytes'
  return /[/+]json\b/.test(type) ? 'json' : 'bytes'
}
