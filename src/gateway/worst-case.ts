// The most a request may cost before anybody has answered it: its text at the input's price, the longest answer it may get at the
// output's, at the dearest of the targets it may go to. Leans to the high side where it has to guess.

import type { Model, ModelPrice } from '../core/catalog.ts'
import { asNumber, isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { worstCostNanoUsd, type Expected } from '../core/price.ts'
import type { Asked } from './admit.ts'
import { promptsIn } from './asked-tokens.ts'
import type { PriceBook } from './deps.ts'
import { answerOverrides, type AnswerOverrides } from './overrides.ts'
import { answerTokens } from './request-needs.ts'
import type { Catalog } from './snapshot.ts'
import { targetPrice } from './target-price.ts'

/** What a request may come to. */
export interface WorstCase {
  /** Undefined: the price of a target it may go to is not known. */
  readonly nanoUsd: number | undefined
  /** At the dearest of those targets whose price is known: what is held where unknown prices are allowed. */
  readonly knownNanoUsd: number
  /** Tokens of the answer that are in it. */
  readonly outputTokens: number
  /** What more of the answer costs, by the token. */
  readonly perOutputTokenNanoUsd: number
  /** Neither the client nor the model limits the answer: it may become longer than that. */
  readonly isOpenEnded: boolean
}

/** Nothing is asked for that anybody is paid for. */
export const FREE: WorstCase = {
  nanoUsd: 0,
  knownNanoUsd: 0,
  outputTokens: 0,
  perOutputTokenNanoUsd: 0,
  isOpenEnded: false,
}

/** Bytes of a token at the least, in any script: a cautious number of tokens without reading the text. */
const BYTES_PER_TOKEN_MIN = 3
/** What providers say before the first word. */
const PREAMBLE_TOKENS = 200
/** A body of up to so many bytes is not looked into: even a picture of that size counts about as much as its bytes. */
const SMALL_BYTES = 16_384
/** Longer texts without a space are media: a picture, a sound, a file. */
const MEDIA_CHARS_MIN = 1_024
const MEDIA_TOKENS = 1_600
const CHOICES_MAX = 128
/** No answer has more; a larger number would only be one that no sum can be told of. */
const ANSWER_TOKENS_MAX = 1_000_000_000

/** Operations that only count, keep or list. */
const FREE_OPERATIONS: ReadonlySet<string> = new Set(['token-count', 'file'])
/** Operations whose answer has no tokens of its own. */
const WITHOUT_ANSWER: ReadonlySet<string> = new Set(['embedding', 'moderation', 'rerank'])
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE'])

/** The worst case of a request. @param atMs when it arrived */
export function worstCase(
  asked: Asked,
  catalog: Catalog,
  prices: PriceBook,
  atMs: number,
): WorstCase {
  if (isFree(asked)) return FREE
  const expected = expectedOf(asked, overridesOf(asked, catalog))
  let nanoUsd: number | undefined = 0
  let knownNanoUsd = 0
  let perOutputTokenNanoUsd = 0
  const found = pricesOf(asked, catalog, prices, atMs)
  for (const price of found) {
    const worst = worstCostNanoUsd(expected, price)
    if (worst === undefined || nanoUsd === undefined) nanoUsd = undefined
    else nanoUsd = Math.max(nanoUsd, worst)
    knownNanoUsd = Math.max(knownNanoUsd, worst ?? 0)
    const perToken = Math.max(price?.output ?? 0, price?.reasoning ?? 0)
    perOutputTokenNanoUsd = Math.max(perOutputTokenNanoUsd, perToken)
  }
  return {
    nanoUsd: found.length === 0 ? undefined : nanoUsd,
    knownNanoUsd,
    outputTokens: expected.outputTokens,
    perOutputTokenNanoUsd,
    isOpenEnded: expected.isOpenEnded,
  }
}

function isFree({ inbound, modelName, raw }: Asked): boolean {
  // What runs later is paid for, and nobody can say how much of it there is.
  if (inbound.operation === 'batch') return !('action' in inbound) || inbound.action !== 'create'
  if (FREE_OPERATIONS.has(raw?.operation ?? inbound.operation)) return true
  return modelName === '' && 'method' in inbound && READING.has(String(inbound.method))
}

/** The prices of every target that may be asked; undefined among them where one is not known. */
function pricesOf(
  { model, modelName }: Asked,
  catalog: Catalog,
  prices: PriceBook,
  atMs: number,
): (ModelPrice | undefined)[] {
  const byTarget = (each: Model) =>
    each.targets.flatMap((target) => {
      const provider = catalog.providers.get(target.providerId)
      return provider === undefined ? [] : [targetPrice(each, provider, target.model, prices, atMs)]
    })
  const byName = (name: string) => {
    const slash = name.indexOf('/')
    const provider = catalog.providers.get(name.slice(0, Math.max(0, slash)))
    if (provider === undefined) return []
    return [targetPrice(undefined, provider, name.slice(slash + 1), prices, atMs)]
  }
  if (model === undefined) return byName(modelName)
  // Models that may answer in its place are named as a client names one.
  const others = new Set(Object.values(model.routing?.fallbacks ?? {}).flat())
  const inItsPlace = [...others].flatMap((name) => {
    const alias = catalog.models.get(name)
    return alias === undefined ? byName(name) : byTarget(alias)
  })
  return [...byTarget(model), ...inItsPlace]
}

/** What every target that may be asked says of the answer's length. */
function overridesOf({ model }: Asked, catalog: Catalog): AnswerOverrides {
  if (model === undefined) return answerOverrides([])
  const others = Object.values(model.routing?.fallbacks ?? {}).flat()
  const inItsPlace = others.flatMap((name) => catalog.models.get(name)?.targets ?? [])
  return answerOverrides([...model.targets, ...inItsPlace])
}

interface ExpectedAnswer extends Expected {
  readonly isOpenEnded: boolean
}

function expectedOf(asked: Asked, overrides: AnswerOverrides): ExpectedAnswer {
  const { body, earlierBytes = 0, inbound, model, raw } = asked
  const { bytes } = inbound
  const { dialect, operation } = raw ?? inbound
  const written = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const inputTokens = inputTokensOf(bytes.length + earlierBytes, body)
  const writesCache = written.includes('cache_control') || written.includes('cachePoint')
  const hasAudio = written.includes('audio')
  if (WITHOUT_ANSWER.has(operation)) {
    return { inputTokens, outputTokens: 0, writesCache, hasAudio, isOpenEnded: false }
  }
  const byDefault = asNumber(model?.defaults['max_completion_tokens'] as JsonValue | undefined)
  const byOlderDefault = asNumber(model?.defaults['max_tokens'] as JsonValue | undefined)
  const told = body === undefined ? undefined : answerTokens(dialect, body)
  const limit = overrides.isUnlimited ? undefined : (told ?? byDefault ?? byOlderDefault)
  const longest = limit === undefined ? undefined : Math.max(limit, overrides.tokensMax)
  const one = Math.ceil(longest ?? Math.max(LIMITS.budgetOutputTokensMax, overrides.tokensMax))
  const prompts = body === undefined ? 1 : promptsIn(body)
  const choices = Math.max(choicesOf(body), Math.min(CHOICES_MAX, overrides.choicesMax))
  const outputTokens = Math.min(ANSWER_TOKENS_MAX, one * choices * prompts)
  return { inputTokens, outputTokens, writesCache, hasAudio, isOpenEnded: longest === undefined }
}

/** More than the prompt probably has. */
function inputTokensOf(bytes: number, body: JsonObject | undefined): number {
  if (bytes === 0) return 0
  if (bytes <= SMALL_BYTES || body === undefined) {
    return Math.ceil(bytes / BYTES_PER_TOKEN_MIN) + PREAMBLE_TOKENS
  }
  const media = mediaIn(body)
  const text = Math.max(0, bytes - media.chars)
  return Math.ceil(text / BYTES_PER_TOKEN_MIN) + PREAMBLE_TOKENS + media.count * MEDIA_TOKENS
}

/** Long texts without a space. One pass; how deep is bounded where the body came in. */
function mediaIn(body: JsonObject): { chars: number; count: number } {
  let chars = 0
  let count = 0
  const walk = (value: JsonValue | undefined): void => {
    if (typeof value === 'string') {
      if (value.length < MEDIA_CHARS_MIN || value.slice(0, MEDIA_CHARS_MIN).includes(' ')) return
      chars += value.length
      count += 1
    } else if (Array.isArray(value)) for (const item of value) walk(item)
    else if (isObject(value)) for (const member in value) walk(value[member])
  }
  walk(body)
  return { chars, count }
}

/** Answers that one request asks for, each of which is paid. */
function choicesOf(body: JsonObject | undefined): number {
  if (body === undefined) return 1
  const config = body['generationConfig'] ?? body['generation_config']
  const gemini = isObject(config) ? (config['candidateCount'] ?? config['candidate_count']) : 0
  const asked = [body['n'], body['best_of'], body['num_generations'], gemini]
  const most = Math.max(1, ...asked.map((value) => Math.trunc(asNumber(value) ?? 1)))
  return Math.min(CHOICES_MAX, most)
}
