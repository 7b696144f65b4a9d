// OpenAI's moderations (`POST /v1/moderations`, omni-moderation and whatever speaks the same), of a model of this gateway or of an address of
// its own. The service's own judgement counts, or thresholds of the operator's; a category that an answer lacks is never taken for clean.

import type { Guard, GuardJudgement, GuardQuestion, GuardrailRule } from '../../core/guardrail.ts'
import {
  asArray,
  asBoolean,
  asNumber,
  asObject,
  type JsonObject,
  type JsonValue,
} from '../../core/json.ts'
import { isOperators, OptionReader, wrong } from './options.ts'
import { categoryNames, eachAtOnce, textParts } from './parts.ts'
import type { GuardServers } from './servers.ts'
import { unavailable, withinTime } from './unavailable.ts'

const PART_CHARS = 10_000

/** Texts of one question. OpenAI takes more; their bodies would become large. */
const BATCH_TEXTS = 32

interface Wanted {
  /** Those that count; absent: all. */
  readonly categories: ReadonlySet<string> | undefined
  readonly thresholds: ReadonlyMap<string, number>
}

type Ask = (texts: readonly string[], question: GuardQuestion) => Promise<JsonValue | undefined>

/**
 * A guard that asks a moderation model.
 * @throws GatewayError `invalid_request` for options that cannot be used
 */
export function moderationGuard(rule: GuardrailRule, servers: GuardServers): Guard {
  const read = new OptionReader(rule)
  const model = read.text('model') ?? 'omni-moderation-latest'
  const names = read.texts('categories')
  const wanted: Wanted = {
    categories: names === undefined ? undefined : new Set(names),
    thresholds: read.shares('thresholds'),
  }
  const stray = [...wanted.thresholds.keys()].some(
    (name) => wanted.categories !== undefined && !wanted.categories.has(name),
  )
  if (stray) throw wrong('thresholds', 'names a category that is not among categories')
  const ask = read.has('url') ? askAddress(read, rule, servers, model) : askModel(model)
  const partChars = read.partChars(PART_CHARS)
  return {
    rule,
    reversible: false,
    sees: 'piece',
    judge: (question) =>
      withinTime(rule, question, (signal) =>
        judged(ask, wanted, partChars, { ...question, signal }),
      ),
  }
}

function askAddress(
  read: OptionReader,
  rule: GuardrailRule,
  servers: GuardServers,
  model: string,
): Ask {
  const base = read.baseUrl('url')
  const key = read.text('key')
  const url = `${base}/moderations`
  const server = servers.at({
    url: base,
    isOperators: isOperators(rule),
    tenantId: rule.tenantId,
    own: read.network(),
  })
  return async (texts, { signal }) => {
    const answer = await server.ask({
      url,
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model, input: [...texts] }),
      timeoutMs: rule.timeoutMs,
      signal,
    })
    if (answer.status !== 200) throw unavailable(`it answered with status ${answer.status}`)
    return answer.body
  }
}

function askModel(model: string): Ask {
  return async (texts, { ask, signal }) => {
    if (ask === undefined) throw unavailable('no model can be asked here')
    return await ask.moderate({ model, texts, signal })
  }
}

async function judged(
  ask: Ask,
  wanted: Wanted,
  partChars: number,
  question: GuardQuestion,
): Promise<GuardJudgement> {
  const texts = textParts(question.texts, partChars).map(({ text }) => text)
  const batches = Array.from({ length: Math.ceil(texts.length / BATCH_TEXTS) }, (_, at) =>
    texts.slice(at * BATCH_TEXTS, (at + 1) * BATCH_TEXTS),
  )
  const results = await eachAtOnce(
    batches,
    async (batch) => resultsOf(await ask(batch, question), batch.length, wanted),
    ({ found }) => found.length > 0,
  )
  const found = results.flatMap((result) => result?.found ?? [])
  const score = Math.max(0, ...results.map((result) => result?.score ?? 0))
  if (found.length === 0) return { hit: false, categories: [], score }
  return { hit: true, categories: categoryNames(found, 'flagged'), score }
}

function resultsOf(
  body: JsonValue | undefined,
  count: number,
  wanted: Wanted,
): { readonly found: readonly string[]; readonly score: number } {
  const results = asArray(asObject(body)?.['results'])?.map(asObject)
  if (results?.length !== count) throw unavailable('its results are not as many as the texts')
  let score = 0
  const found: string[] = []
  for (const result of results) {
    const one = resultOf(result, wanted)
    found.push(...one.found)
    score = Math.max(score, one.score)
  }
  return { found, score }
}

function resultOf(
  result: JsonObject | undefined,
  { categories, thresholds }: Wanted,
): { readonly found: string[]; readonly score: number } {
  const flagged = asBoolean(result?.['flagged'])
  const told = asObject(result?.['categories'])
  const scores = asObject(result?.['category_scores'])
  if (flagged === undefined || told === undefined) throw unavailable('one of its results is none')
  const names = categories ?? new Set([...Object.keys(told), ...thresholds.keys()])
  const found: string[] = []
  let highest = 0
  for (const name of names) {
    const score = asNumber(scores?.[name])
    if (score !== undefined) highest = Math.max(highest, Math.min(1, Math.max(0, score)))
    const threshold = thresholds.get(name)
    // Categories of models that cannot judge them are null.
    const isTold = told[name] === null ? false : asBoolean(told[name])
    const isFound = threshold === undefined ? isTold : isAbove(score, threshold)
    if (isFound === undefined) throw unavailable('it does not tell of a category that is asked for')
    if (isFound) found.push(name)
  }
  // Flagged for a reason that no name tells: not for those that were left out or given another threshold.
  const isUnexplained =
    flagged && categories === undefined && !Object.values(told).some((value) => value === true)
  if (isUnexplained) found.push('flagged')
  return { found, score: highest }
}

function isAbove(score: number | undefined, threshold: number): boolean | undefined {
  return score === undefined ? undefined : score >= threshold
}
