// A check of the operator's own: the texts are posted as JSON to an address, signed where a secret is given, and the answer says what to do.
// An answer that does not say it in so many words is none: whatever is unclear counts as a failure and never as a pass.

import { createHmac } from 'node:crypto'
import type {
  Guard,
  GuardJudgement,
  GuardQuestion,
  GuardrailRule,
  GuardSpan,
} from '../../core/guardrail.ts'
import {
  asArray,
  asNumber,
  asObject,
  asString,
  type JsonObject,
  type JsonValue,
} from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Clock } from '../../core/ports.ts'
import { maskStyle } from '../mask.ts'
import { isOperators, OptionReader } from './options.ts'
import { categoryName, categoryNames, codePointOffsets } from './parts.ts'
import type { GuardServers } from './servers.ts'
import { unavailable, withinTime } from './unavailable.ts'

/** Version of the question's shape: a member that is taken away or means something else would make it 2. */
const SHAPE_VERSION = 1

interface Reading {
  readonly texts: readonly string[]
  readonly counts: 'utf16' | 'code_points'
}

/**
 * A guard that asks an address of the operator's.
 * @throws GatewayError `invalid_request` for options that cannot be used
 */
export function webhookGuard(rule: GuardrailRule, servers: GuardServers, clock: Clock): Guard {
  const read = new OptionReader(rule)
  const url = read.hook('url')
  const secret = read.text('secret')
  const headers = Object.fromEntries(read.headers('headers'))
  const sendsContext = read.boolean('context', false)
  const counts = read.choice('offsets', ['utf16', 'code_points'], 'utf16')
  const server = servers.at({
    url,
    isOperators: isOperators(rule),
    tenantId: rule.tenantId,
    own: read.network(),
  })
  const asked = async (question: GuardQuestion): Promise<GuardJudgement> => {
    const body = JSON.stringify(questionJson(rule, question, sendsContext))
    const answer = await server.ask({
      url,
      headers: {
        ...headers,
        ...(secret === undefined ? {} : signature(secret, body, clock.nowMs())),
      },
      body,
      timeoutMs: rule.timeoutMs,
      signal: question.signal,
    })
    if (answer.status !== 200) throw unavailable(`it answered with status ${answer.status}`)
    return judgementOf(answer.body, { texts: question.texts.map(({ text }) => text), counts })
  }
  return {
    rule,
    reversible: maskStyle(rule, 'input') === 'placeholder',
    sees: read.choice('sees', ['piece', 'whole'], 'piece'),
    judge: (question) => withinTime(rule, question, (signal) => asked({ ...question, signal })),
  }
}

/**
 * Header fields that prove who asks: HMAC-SHA256 over the time in seconds, a dot and the body, hexadecimal. The time is within it, so that an
 * old question cannot be put again.
 */
export function signature(secret: string, body: string, nowMs: number): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1_000))
  const digest = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
  return { 'x-weir-timestamp': timestamp, 'x-weir-signature': `v1=${digest}` }
}

function questionJson(
  rule: GuardrailRule,
  { context, model, requestId, stage, tenantId, texts }: GuardQuestion,
  sendsContext: boolean,
): JsonObject {
  const textJson = (given: GuardQuestion['texts']) =>
    given.map(({ kind, role, text }) => ({ text, role, kind }))
  return {
    version: SHAPE_VERSION,
    rule: rule.id,
    stage,
    tenant: tenantId,
    model,
    request_id: requestId,
    texts: textJson(texts),
    ...(sendsContext ? { context: textJson(context) } : {}),
  }
}

function judgementOf(body: JsonValue | undefined, reading: Reading): GuardJudgement {
  const answer = asObject(body)
  if (answer === undefined) throw unavailable('its answer is no JSON object')
  const { action } = answer
  const spans = spansOf(answer['spans'], reading)
  const texts = textsOf(answer['texts'], reading)
  const says = { spans: spans !== undefined, texts: texts !== undefined }
  const scored = scoreOf(answer['score'])
  switch (action) {
    case 'pass':
      // One that names places and lets them pass contradicts itself.
      if (says.texts || (spans?.length ?? 0) > 0) break
      return { hit: false, categories: [], ...scored }
    case 'block':
      return { hit: true, categories: categoriesOf(answer, []), ...scored }
    case 'mask':
      if (spans === undefined || spans.length === 0) break
      return { hit: true, categories: categoriesOf(answer, spans), spans, ...scored }
    case 'rewrite':
      if (texts === undefined || says.spans) break
      return { hit: true, categories: categoriesOf(answer, []), rewritten: texts, ...scored }
    default:
      throw unavailable('its answer says no action that is known')
  }
  throw unavailable(`its answer of ${action} lacks what belongs to it, or contradicts itself`)
}

function categoriesOf(answer: JsonObject, spans: readonly GuardSpan[]): string[] {
  const { categories } = answer
  if (categories === undefined || categories === null) {
    return categoryNames(
      spans.map(({ label }) => label),
      'webhook',
    )
  }
  const names = asArray(categories)?.map(asString)
  if (names === undefined || names.includes(undefined)) {
    throw unavailable('its categories are no list of names')
  }
  return categoryNames(names as string[], 'webhook')
}

function scoreOf(value: JsonValue | undefined): { score?: number } {
  if (value === undefined || value === null) return {}
  const score = asNumber(value)
  if (score === undefined || score < 0 || score > 1) throw unavailable('its score is none')
  return { score }
}

function textsOf(value: JsonValue | undefined, { texts }: Reading): string[] | undefined {
  if (value === undefined || value === null) return undefined
  const rewritten = asArray(value)?.map(asString)
  if (rewritten?.length !== texts.length || rewritten.includes(undefined)) {
    throw unavailable('its texts are not as many as were asked')
  }
  return rewritten as string[]
}

function spansOf(value: JsonValue | undefined, reading: Reading): GuardSpan[] | undefined {
  if (value === undefined || value === null) return undefined
  const items = asArray(value)
  if (items === undefined || items.length > LIMITS.guardSpansMax) {
    throw unavailable('its spans are no list, or too many')
  }
  const offsets = new Map<number, (count: number) => number | undefined>()
  const offsetIn = (index: number, text: string) => {
    let offsetOf = offsets.get(index)
    if (offsetOf === undefined) {
      offsetOf = reading.counts === 'utf16' ? unitOffsets(text) : codePointOffsets(text)
      offsets.set(index, offsetOf)
    }
    return offsetOf
  }
  return items.map((item) => {
    const span = asObject(item)
    const index = asNumber(span?.['text'])
    const text = index === undefined ? undefined : reading.texts[index]
    if (index === undefined || text === undefined) throw unavailable('a span names no text')
    const offsetOf = offsetIn(index, text)
    const start = offsetOf(asNumber(span?.['start']) ?? -1)
    const end = offsetOf(asNumber(span?.['end']) ?? -1)
    if (start === undefined || end === undefined || start >= end) {
      throw unavailable('a span lies outside its text, or is empty')
    }
    const label = categoryName(asString(span?.['label']) ?? '') ?? 'found'
    return { text: index, start, end, label }
  })
}

/** Offsets in UTF-16 units, none of them between the halves of a character. */
function unitOffsets(text: string): (count: number) => number | undefined {
  return (count) => {
    if (!Number.isSafeInteger(count) || count < 0 || count > text.length) return undefined
    const isSplit =
      /[\udc00-\udfff]/.test(text[count] ?? '') && /[\ud800-\udbff]/.test(text[count - 1] ?? '')
    return isSplit ? undefined : count
  }
}
