// The check `injection`: weighs signs of prompt injection in what was said, in other readings of it and in what is encoded within. A heuristic:
// it finds what is known, and an attacker who knows it finds a way around. It never says what to do about it.

import type { GuardJudgement, GuardStage, GuardText } from '../../core/guardrail.ts'
import { LIMITS } from '../../core/limits.ts'
import type { CheckModule } from '../check.ts'
import { decodedTexts, hiddenText, readings } from '../decode.ts'
import { joinedTexts, runAtOnce, runInSlices, slicesOf } from '../find.ts'
import { SIGNS, SPOOFS, TOOL_SIGNS, type Sign } from '../injection-signs.ts'
import { normalise } from '../normalise.ts'

/** A sign in encoded or hidden text weighs so much more: who hides it means it. */
const HIDDEN_WEIGHT = 0.4
/** In what tools answer nobody has orders to give. */
const TOOL_FACTOR = 1.3
/** What steers the reading direction or cannot be seen, so often within one text, is there to deceive. */
const INVISIBLE = /[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]/g
const INVISIBLE_MIN = 10
const INVISIBLE_SHARE_MIN = 0.05

export const injectionCheck: CheckModule = {
  make(rule) {
    const threshold = (rule.options['threshold'] ?? 0.5) as number
    const decode = rule.options['decode'] !== false
    return {
      rule,
      reversible: false,
      sees: 'piece',
      judge({ texts, stage, signal }) {
        const steps = weigh(texts, stage, decode)
        const judgement = (found: Weights): GuardJudgement => judgementOf(found, threshold)
        let chars = 0
        for (const { text } of texts) chars += text.length
        return chars <= LIMITS.injectionSliceChars
          ? judgement(runAtOnce(steps))
          : runInSlices(steps, signal).then(judgement)
      },
    }
  },
}

/** The greatest score of any text, with the categories of all. */
interface Weights {
  score: number
  readonly categories: Set<string>
}

function judgementOf({ score, categories }: Weights, threshold: number): GuardJudgement {
  const hit = score >= threshold
  return { hit, categories: hit ? [...categories].sort() : [], score }
}

function* weigh(
  texts: readonly GuardText[],
  stage: GuardStage,
  decode: boolean,
): Generator<void, Weights> {
  const result: Weights = { score: 0, categories: new Set() }
  for (const { text, of } of joinedTexts(texts)) {
    const isTool = stage === 'tool_result' || of.some((at) => texts[at]!.kind === 'tool_result')
    const signs = new Map<Sign, number>()
    for (const slice of slicesOf(text, LIMITS.injectionSliceChars, LIMITS.injectionOverlapChars)) {
      yield* signsOf(slice.text, isTool, decode, signs)
      yield
    }
    let doubt = 1
    for (const [{ category }, weight] of signs) {
      doubt *= 1 - weight
      result.categories.add(category)
    }
    result.score = Math.max(result.score, Math.round((1 - doubt) * 1000) / 1000)
  }
  return result
}

const HIDDEN: Sign = { category: 'hidden_text', weight: HIDDEN_WEIGHT, pattern: /^/ }
const ENCODED: Sign = { category: 'encoded', weight: HIDDEN_WEIGHT, pattern: /^/ }
const UNSEEN: Sign = { category: 'invisible', weight: 0.3, pattern: /^/ }

/** Adds the signs of one text, each once. */
function* signsOf(
  text: string,
  isTool: boolean,
  decode: boolean,
  found: Map<Sign, number>,
): Generator<void, void> {
  const plain = normalise(text).text.toLowerCase()
  addSigns(plain, SPOOFS, isTool, found)
  const folded = normalise(text, true).text
  addSigns(folded, SIGNS, isTool, found)
  if (isTool) addSigns(folded, TOOL_SIGNS, isTool, found)
  yield
  const invisible = text.match(INVISIBLE)?.length ?? 0
  if (invisible >= INVISIBLE_MIN && invisible >= text.length * INVISIBLE_SHARE_MIN) {
    found.set(UNSEEN, UNSEEN.weight)
  }
  const hidden = hiddenText(text)
  if (hidden !== undefined) {
    found.set(HIDDEN, HIDDEN.weight)
    addSigns(normalise(hidden, true).text, [...SIGNS, ...TOOL_SIGNS], isTool, found)
  }
  if (!decode) return
  for (const other of [...readings(folded), ...decodedTexts(text)]) {
    const before = found.size
    addSigns(normalise(other, true).text, SIGNS, isTool, found)
    if (found.size > before) found.set(ENCODED, ENCODED.weight)
    yield
  }
}

function addSigns(
  text: string,
  signs: readonly Sign[],
  isTool: boolean,
  found: Map<Sign, number>,
): void {
  for (const sign of signs) {
    if (found.has(sign) || !sign.pattern.test(text)) continue
    found.set(sign, Math.min(0.95, sign.weight * (isTool ? TOOL_FACTOR : 1)))
  }
}
