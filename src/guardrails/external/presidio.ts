// Microsoft Presidio: its analyzer's `POST /analyze` finds personal data and says where it lies. What is to be masked is masked by this program,
// so its anonymizer is not asked. Its offsets count code points, as Python does, and are translated.

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
import {
  categoryName,
  categoryNames,
  codePointOffsets,
  eachAtOnce,
  textParts,
  type TextPart,
} from './parts.ts'
import { PassedTexts } from './passed-texts.ts'
import type { GuardServer, GuardServers } from './servers.ts'
import { unavailable, withinTime } from './unavailable.ts'

/** spaCy refuses texts of more than a million characters; one of a hundredth keeps the memory of its parser small. */
const PART_CHARS = 20_000

const BATCH_TEXTS = 32

interface Asking {
  readonly server: GuardServer
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** All members of the question but the text. */
  readonly question: JsonObject
  readonly threshold: number
  readonly timeoutMs: number
  readonly partChars: number
  /** Texts of one question at most. */
  readonly batchTexts: number
  readonly passed: PassedTexts
}

interface Finding extends GuardSpan {
  readonly score: number
}

/**
 * A guard that asks a Presidio analyzer.
 * @throws GatewayError `invalid_request` for options that cannot be used
 */
export function presidioGuard(rule: GuardrailRule, servers: GuardServers, clock: Clock): Guard {
  const read = new OptionReader(rule)
  const base = read.baseUrl('url')
  const language = read.text('language') ?? 'en'
  const entities = read.texts('entities')
  const threshold = read.number('score_threshold', { min: 0, max: 1, default: 0.5 })
  const recognizers = read.objects('ad_hoc_recognizers')
  const allowed = read.texts('allow_list')
  const key = read.text('key')
  const asking: Asking = {
    server: servers.at({
      url: base,
      isOperators: isOperators(rule),
      tenantId: rule.tenantId,
      own: read.network(),
    }),
    url: `${base}/analyze`,
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    question: {
      language,
      score_threshold: threshold,
      ...(entities === undefined ? {} : { entities: [...entities] }),
      ...(allowed === undefined ? {} : { allow_list: [...allowed] }),
      ...(recognizers === undefined
        ? {}
        : {
            ad_hoc_recognizers: recognizers.map((recognizer) => ({
              supported_language: language,
              ...recognizer,
            })),
          }),
    },
    threshold,
    timeoutMs: rule.timeoutMs,
    partChars: read.partChars(PART_CHARS),
    batchTexts: read.boolean('batch', true) ? BATCH_TEXTS : 1,
    passed: new PassedTexts(clock, read.rememberMs()),
  }
  return {
    rule,
    reversible: maskStyle(rule, 'input') === 'placeholder',
    sees: 'piece',
    judge: (question) =>
      withinTime(rule, question, (signal) => judged(asking, { ...question, signal })),
  }
}

async function judged(asking: Asking, question: GuardQuestion): Promise<GuardJudgement> {
  const { batchTexts, partChars, passed } = asking
  const parts = textParts(question.texts, partChars).filter(({ text }) => !passed.has(text))
  const results = await eachAtOnce(
    batchesOf(parts, batchTexts, partChars),
    (batch) => analyzed(asking, question, batch),
    () => false,
  )
  const found = results.flatMap((findings) => findings ?? [])
  if (found.length === 0) return { hit: false, categories: [] }
  if (found.length > LIMITS.guardSpansMax) throw unavailable('it names too many places')
  const categories = categoryNames(
    found.map(({ label }) => label),
    'personal_data',
  )
  const score = Math.max(...found.map((finding) => finding.score))
  return { hit: true, categories, spans: withoutRepeats(found), score }
}

/** Parts that are asked together: so many, and together about as long as one may be. */
function batchesOf(parts: readonly TextPart[], texts: number, chars: number): TextPart[][] {
  const batches: TextPart[][] = []
  let length = 0
  for (const part of parts) {
    const last = batches.at(-1)
    length += part.text.length
    if (last !== undefined && last.length < texts && length <= chars) last.push(part)
    else {
      batches.push([part])
      length = part.text.length
    }
  }
  return batches
}

async function analyzed(
  { headers, passed, question: asked, server, threshold, timeoutMs, url }: Asking,
  { signal }: GuardQuestion,
  parts: readonly TextPart[],
): Promise<readonly Finding[]> {
  const texts = parts.map(({ text }) => text)
  const answer = await server.ask({
    url,
    headers,
    // One alone goes as it is, which analyzers of every age understand.
    body: JSON.stringify({ ...asked, text: texts.length === 1 ? texts[0]! : texts }),
    timeoutMs,
    signal,
  })
  if (answer.status !== 200) throw unavailable(`it answered with status ${answer.status}`)
  const lists = texts.length === 1 ? [answer.body] : asArray(answer.body)
  if (lists?.length !== texts.length) throw unavailable('its answer is none of /analyze')
  return lists.flatMap((list, at) => {
    const part = parts[at]!
    const found = findingsIn(list, part, threshold)
    if (found.length === 0) passed.add(part.text)
    return found
  })
}

function findingsIn(
  list: JsonValue | undefined,
  part: TextPart,
  threshold: number,
): readonly Finding[] {
  const findings = asArray(list)
  if (findings === undefined) throw unavailable('its answer is none of /analyze')
  if (findings.length > LIMITS.guardSpansMax) throw unavailable('it names too many places')
  const offsetOf = codePointOffsets(part.text)
  return findings.flatMap((finding) => {
    const found = readFinding(finding, part, offsetOf)
    // Recognizers of older versions do not hold to the threshold.
    return found.score >= threshold ? [found] : []
  })
}

function readFinding(
  value: JsonValue,
  { index, offset }: TextPart,
  offsetOf: (count: number) => number | undefined,
): Finding {
  const finding = asObject(value)
  const label = categoryName(asString(finding?.['entity_type']) ?? '')
  const score = asNumber(finding?.['score'])
  const start = offsetOf(asNumber(finding?.['start']) ?? -1)
  const end = offsetOf(asNumber(finding?.['end']) ?? -1)
  if (label === undefined || score === undefined || start === undefined || end === undefined) {
    throw unavailable('one of its findings is none, or lies outside the text')
  }
  if (start >= end) throw unavailable('one of its findings is empty')
  return { text: index, start: start + offset, end: end + offset, label, score }
}

/** Parts overlap: what lies in both was found twice. */
function withoutRepeats(found: readonly Finding[]): GuardSpan[] {
  const spans = new Map<string, GuardSpan>()
  for (const { end, label, start, text } of found) {
    spans.set(`${text} ${start} ${end} ${label}`, { text, start, end, label })
  }
  return [...spans.values()].toSorted(
    (a, b) => a.text - b.text || a.start - b.start || b.end - a.end,
  )
}
