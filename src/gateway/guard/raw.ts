// Rules on requests in no words of ours: raw ones to a provider, pictures, sounds, files, lists to be ranked. Where the path tells a known
// operation they are read as such; else every string is judged. What nobody can read is refused where a rule would need to.

import type { GatewayError } from '../../core/error.ts'
import type { AudioBlock, DialectName } from '../../core/ir/request.ts'
import type { ChatResponse } from '../../core/ir/response.ts'
import { asObject, parseJson, type JsonObject, type JsonValue } from '../../core/json.ts'
import { rewriteStrings } from '../../core/json-strings.ts'
import { LIMITS } from '../../core/limits.ts'
import { providerSecrets } from '../../core/policy/scrub.ts'
import { dialects } from '../../dialects/registry.ts'
import { answerStream } from '../answer-stream.ts'
import type { GatewayDeps } from '../deps.ts'
import { estimateUsage, tokensInBytes } from '../estimate.ts'
import { formatUsd } from '../headers.ts'
import type { Reply } from '../inbound.ts'
import { finishedReply, passOn, replyHeaders, type PassOnOptions } from '../passthrough/reply.ts'
import { usageInText, usageOfAnswer } from '../passthrough/usage.ts'
import { peekBody, type PeekedBody } from '../peek.ts'
import type { RequestRecord } from '../record.ts'
import { bytesInTime } from '../upstream.ts'
import { restoredString, type Edits } from './edits.ts'
import { GuardedPump } from './guarded-pump.ts'
import { beginGuard, guardBody, refuseUnjudged, remains, type Decode } from './input.ts'
import { emptied, isWordless, saysWhatIsMasked, soundsIn } from './output.ts'
import type { Masking } from './ports.ts'
import { refusedBy, type RequestGuard } from './request-guard.ts'
import { isBinary } from './binary.ts'
import { isStructural, responseTexts, valueTexts, type TextPart } from './texts.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** What a raw request asks for, as far as it can be told. */
export interface RawShape {
  readonly dialect?: DialectName | undefined
  readonly operation?: string | undefined
  readonly model?: string | undefined
}

/** The rules that hold for a request of that model, begun; undefined where there are none. */
export function rawGuard(
  model: string,
  record: RequestRecord,
  deps: GatewayDeps,
): RequestGuard | undefined {
  const guards = deps.guards?.(record.inbound.principal, model === '' ? undefined : model)
  return guards === undefined ? undefined : beginGuard(guards, model, record, deps)
}

/** A JSON body as the rules let it through. @throws GatewayError as `guardInput` does */
export function guardRawJson(
  guard: RequestGuard,
  peeked: PeekedBody,
  shape: RawShape = {},
): Promise<PeekedBody> {
  return guardBody(guard, peeked, decodeOf(shape))
}

/**
 * The same for a body that need not be JSON.
 * @param isUnread its bytes are elsewhere: a form, a file
 */
export async function guardRawBytes(
  guard: RequestGuard,
  bytes: Uint8Array,
  isUnread: boolean,
  shape: RawShape,
): Promise<Uint8Array> {
  if (isUnread) refuseUnjudged(guard, 'a body of this kind')
  if (bytes.length === 0) return bytes
  let peeked: PeekedBody
  try {
    peeked = peekBody(bytes)
  } catch {
    // No JSON object: nobody here can say what it says.
    refuseUnjudged(guard, 'a body of this kind')
    return bytes
  }
  const judged = await guardRawJson(guard, peeked, shape)
  return judged.bytes === peeked.bytes ? bytes : judged.bytes
}

/** What stands behind the question mark; it cannot be masked. @throws GatewayError as `guardInput` does */
export async function guardQuery(guard: RequestGuard, query: string): Promise<void> {
  if (query === '') return
  const texts = [...new URLSearchParams(query)].map(([name, value]) => `${name}=${value}`)
  const parts = valueTexts(texts, 'input')
  for (const one of guard.at('input')) {
    if ((await guard.judge(one, 'input', parts)) === undefined) continue
    guard.unmaskable(one, 'input')
    throw refusedBy(one.rule.id)
  }
}

function decodeOf({ dialect, operation, model }: RawShape): Decode {
  const codecs = dialect === undefined ? undefined : dialects[dialect]
  const hints = model === undefined ? {} : { model }
  if (operation === 'chat' && codecs?.chat !== undefined) {
    return (body) => codecs.chat!.decodeRequest(body, hints)
  }
  if (operation === 'completion' && codecs?.completion !== undefined) {
    return (body) => codecs.completion!.decodeRequest(body, hints)
  }
  if (operation === 'embedding' && codecs?.embedding !== undefined) {
    return (body) => codecs.embedding!.decodeRequest(body, hints)
  }
  return () => undefined
}

/**
 * Passes a good answer on as the rules let it through.
 * @throws GatewayError `content_filter` for one that is blocked in no words of ours; as `RequestGuard.ask`
 */
export async function passOnGuarded(
  options: PassOnOptions,
  guard: RequestGuard | undefined,
  shape: RawShape,
  body?: JsonObject,
): Promise<Reply> {
  const { asked, deps } = options
  if (guard === undefined || !guard.watchesAnswer) return passOn(options)
  const { upstream, whole } = asked
  if (whole !== undefined) return heldReply(options, guard, whole.bytes, 'json', shape)
  if (upstream.body === null || asked.question.method === 'HEAD') return passOn(options)
  const type = upstream.headers.get('content-type')?.toLowerCase() ?? ''
  const form = formOf(type)
  if (form === undefined) {
    try {
      refuseUnjudged(guard, 'an answer of this kind', ['output'])
    } catch (error) {
      upstream.cancel()
      throw error
    }
    return passOn(options)
  }
  const stream = form === 'lines' ? judgedStream(options, guard, shape, body) : undefined
  if (stream !== undefined) return stream
  const { totalMs } = asked.question.provider.timeouts
  const bytes = await bytesInTime(upstream, LIMITS.guardHeldCharsMax, totalMs, deps)
  return heldReply(options, guard, bytes, form, shape)
}

type Form = 'json' | 'lines' | 'text'

function formOf(type: string): Form | undefined {
  if (/event-stream|ndjson|jsonl/.test(type)) return 'lines'
  if (/[/+]json\b/.test(type)) return 'json'
  return type.startsWith('text/') || /[/+]xml\b/.test(type) ? 'text' : undefined
}

/** A stream of a known protocol, judged while it comes; undefined for any other. */
function judgedStream(
  { asked, deps, onOver, record, tapped }: PassOnOptions,
  guard: RequestGuard,
  shape: RawShape,
  body: JsonObject | undefined,
): Reply | undefined {
  const { dialect: name, operation } = shape
  if (!tapped || name === undefined || (operation !== 'chat' && operation !== 'completion')) {
    return undefined
  }
  const dialect = dialects[name]
  const codec = operation === 'completion' ? dialect.completion : dialect.chat
  if (codec === undefined) return undefined
  const { provider, model } = asked.question
  const nowMs = () => deps.clock.nowMs()
  const options = asObject(body?.['stream_options'])
  const reply = {
    model,
    id: deps.ids.uuid().replaceAll('-', ''),
    nowMs: nowMs(),
    streamUsage: options?.['include_usage'] === true,
  }
  const pump = new GuardedPump({
    upstream: dialect,
    decoder: codec.createStreamDecoder(),
    client: dialect,
    encoder: codec.createStreamEncoder(reply),
    record,
    secrets: providerSecrets(provider),
    model,
    provider,
    providerModel: model,
    nowMs,
    guard,
    heldByProvider: true,
  })
  record.stream = true
  record.atSettled(onOver)
  const headers = { ...replyHeaders(asked, record), 'cache-control': 'no-cache' }
  const { upstream } = asked
  const stream = answerStream({ upstream, pump, record, deps, timeouts: provider.timeouts })
  return { status: upstream.status, headers, body: stream }
}

/** An answer that is held until it is judged. */
async function heldReply(
  options: PassOnOptions,
  guard: RequestGuard,
  bytes: Uint8Array,
  form: Form,
  shape: RawShape,
): Promise<Reply> {
  const { asked, record } = options
  noteUsage(options, bytes, form, shape)
  const { judged, error } = await judgedBytes(guard, bytes, form, shape)
  if (judged === undefined) {
    const filtered = filteredAnswer(bytes, shape)
    if (filtered === undefined) throw error
    record.setFinish('content_filter')
    return finishedReply(options, asked.upstream.status, replyHeaders(asked, record), filtered)
  }
  const given = guard.restores ? restored(judged, form, guard.masking!) : judged
  record.keepResponse(() => decoder.decode(given))
  const headers = replyHeaders(asked, record)
  const cost = record.costNanoUsd()
  if (cost !== undefined) headers['x-weir-cost-usd'] = formatUsd(cost)
  return finishedReply(options, asked.upstream.status, headers, given)
}

/** It is bought, whatever the rules say of it. */
function noteUsage(
  { record, tapped }: PassOnOptions,
  bytes: Uint8Array,
  form: Form,
  { dialect }: RawShape,
): void {
  const text = decoder.decode(bytes)
  const body = form === 'json' ? asObject(parseJson(text)) : undefined
  const reading =
    tapped && dialect !== undefined && body !== undefined
      ? dialects[dialect].tap.readResponse(body)
      : undefined
  const told = body === undefined ? usageInText(text) : usageOfAnswer(body)
  const usage = reading?.usage ?? told
  if (reading?.finish !== undefined) record.setFinish(reading.finish)
  if (usage !== undefined) record.addUsage(usage)
  else if (record.asksFor === 'chat' || record.asksFor === 'completion') {
    record.addUsage(estimateUsage(record.inbound.bytes.length, tokensInBytes(bytes.length)))
  }
}

interface JudgedBytes {
  /** Undefined where it is blocked. */
  readonly judged?: Uint8Array
  readonly error?: GatewayError
}

async function judgedBytes(
  guard: RequestGuard,
  bytes: Uint8Array,
  form: Form,
  shape: RawShape,
): Promise<JudgedBytes> {
  let judged = bytes
  const heard = soundsOf(bytes, form, shape)
  for (const one of guard.at('output')) {
    if (heard.some(isWordless) && guard.refusesUnread(one, 'output')) {
      return { error: refusedBy(one.rule.id) }
    }
    const follows = await guard.judge(one, 'output', textsOf(judged, form, shape))
    if (follows === undefined) continue
    if (follows !== 'block') {
      judged = edited(judged, form, follows)
      const isHeard = heard.some((sound) => saysWhatIsMasked(sound, follows))
      if (!isHeard && !remains(textsOf(judged, form, shape), follows)) continue
      guard.unmaskable(one, 'output')
    }
    return { error: refusedBy(one.rule.id) }
  }
  return { judged }
}

function soundsOf(bytes: Uint8Array, form: Form, shape: RawShape): AudioBlock[] {
  const response = form === 'json' ? answerIn(bytes, shape) : undefined
  return response === undefined ? [] : soundsIn(response)
}

function textsOf(bytes: Uint8Array, form: Form, shape: RawShape): TextPart[] {
  const text = decoder.decode(bytes)
  if (form === 'text') return textParts([text])
  if (form === 'lines') return lineTexts(text)
  const value = parseJson(text)
  if (value === undefined) return textParts([text])
  const response = answerIn(bytes, shape)
  const parts = valueTexts(value, 'output')
  return response === undefined ? parts : [...responseTexts(response), ...parts]
}

function textParts(texts: readonly string[]): TextPart[] {
  return texts
    .filter((text) => text !== '')
    .map((text, group) => ({ text, role: 'assistant', kind: 'data', stage: 'output', group }))
}

/** Strings of the same member, line after line, are read as one text: so a stream says its words. */
function lineTexts(text: string): TextPart[] {
  const byPlace = new Map<string, string[]>()
  for (const { value } of linesOf(text)) {
    if (typeof value === 'string') add(byPlace, 'line', value)
    else collectPlaces(value, '', byPlace)
  }
  return textParts(
    [...byPlace.values()].flatMap((list) => (list.length < 2 ? list : [list.join('')])),
  )
}

function collectPlaces(value: JsonValue, place: string, into: Map<string, string[]>): void {
  if (typeof value === 'string') {
    const key = place.slice(place.lastIndexOf('.') + 1)
    if (!isStructural(key, value) && !isBinary(value)) add(into, place, value)
  } else if (Array.isArray(value)) {
    value.forEach((item, index) => collectPlaces(item, `${place}#${index}`, into))
  } else if (typeof value === 'object' && value !== null) {
    for (const name of Object.keys(value)) {
      const member = value[name]
      if (member !== undefined) collectPlaces(member, `${place}.${name}`, into)
    }
  }
}

function add(map: Map<string, string[]>, key: string, text: string): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [text])
  else list.push(text)
}

/** The lines of a stream, those of JSON as what they hold. */
function* linesOf(text: string): Generator<{ line: string; data: string; value: JsonValue }> {
  for (const line of text.split('\n')) {
    const data = line.replace(/^data: ?/, '').replace(/\r$/, '')
    yield { line, data, value: parseJson(data) ?? data }
  }
}

function edited(bytes: Uint8Array, form: Form, edits: Edits): Uint8Array {
  return changedStrings(
    bytes,
    form,
    (text, key) => edits.string(text, key),
    (text) => edits.text(text),
  )
}

function restored(bytes: Uint8Array, form: Form, masking: Masking): Uint8Array {
  return changedStrings(
    bytes,
    form,
    (text, key) => (isStructural(key, text) ? text : restoredString(text, masking)),
    (text) => masking.restore(text),
  )
}

function changedStrings(
  bytes: Uint8Array,
  form: Form,
  string: (text: string, key: string | undefined) => string,
  plain: (text: string) => string,
): Uint8Array {
  const text = decoder.decode(bytes)
  if (form === 'text') return encoder.encode(plain(text))
  if (form === 'json') {
    return parseJson(text) === undefined
      ? encoder.encode(plain(text))
      : rewriteStrings(bytes, string)
  }
  const lines = [...linesOf(text)].map(({ data, line, value }) => {
    if (typeof value === 'string') return plain(line)
    const after = rewriteStrings(encoder.encode(data), string)
    return line.replace(data, () => decoder.decode(after))
  })
  return encoder.encode(lines.join('\n'))
}

/** An answer of a known protocol. */
function answerIn(bytes: Uint8Array, { dialect, operation }: RawShape): ChatResponse | undefined {
  const body = dialect === undefined ? undefined : asObject(parseJson(decoder.decode(bytes)))
  if (dialect === undefined || body === undefined) return undefined
  const codecs = dialects[dialect]
  const codec =
    operation === 'chat' ? codecs.chat : operation === 'completion' ? codecs.completion : undefined
  try {
    return codec?.decodeResponse(body)
  } catch {
    // In words that are not known: its strings are judged.
    return undefined
  }
}

/** A whole answer of a known protocol without its content; undefined for any other. */
function filteredAnswer(bytes: Uint8Array, shape: RawShape): string | undefined {
  const { dialect, operation } = shape
  const response = answerIn(bytes, shape)
  if (dialect === undefined || response === undefined) return undefined
  const codecs = dialects[dialect]
  const codec = operation === 'completion' ? codecs.completion : codecs.chat
  const reply = { model: response.model, id: response.id, nowMs: 0, streamUsage: false }
  return JSON.stringify(codec!.encodeResponse(emptied(response), reply).value)
}
