// The check `topic`: how near what is said is to examples of topics, by embeddings of a model of this gateway. Long texts are compared in
// parts, and one that has too many of them is not judged at all rather than judged by its beginning.

import { GatewayError } from '../../core/error.ts'
import type { GuardQuestion } from '../../core/guardrail.ts'
import { LIMITS } from '../../core/limits.ts'
import type { CheckModule } from '../check.ts'
import { isLabel } from '../pattern-options.ts'
import { similarity, VectorCache, type Vector } from '../vectors.ts'

interface Topic {
  readonly name: string
  readonly examples: readonly string[]
}

export const topicCheck: CheckModule = {
  make(rule) {
    const model = rule.options['model'] as string
    const topics = rule.options['topics'] as unknown as readonly Topic[]
    const threshold = (rule.options['threshold'] ?? 0.6) as number
    const allow = rule.options['list'] === 'allow'
    const examples = topics.flatMap((topic) => topic.examples)
    const exampleVectors = new VectorCache(model, examples.length)
    const textVectors = new VectorCache(model, LIMITS.guardVectorsMax)
    return {
      rule,
      reversible: false,
      sees: 'whole',
      async judge(question) {
        const { ask, signal } = question
        const parts = partsOf(question, allow)
        if (parts.length === 0) return { hit: false, categories: [] }
        if (ask === undefined) throw unavailable('no model can be asked here')
        const known = await exampleVectors.of(examples, ask, signal)
        const vectors = await textVectors.of(parts, ask, signal)
        const near = nearest(topics, known, vectors)
        if (allow) {
          const least = Math.min(...parts.map((_, part) => bestOf(near, part)))
          const hit = least < threshold
          return { hit, categories: hit ? ['off_topic'] : [], score: share(1 - least) }
        }
        const best = Math.max(...near.flatMap(({ scores }) => scores))
        const categories = near
          .filter(({ scores }) => scores.some((score) => score >= threshold))
          .map(({ name }) => name)
        return { hit: categories.length > 0, categories, score: share(best) }
      },
    }
  },
  problems({ topics }) {
    return (topics as unknown as readonly Topic[]).flatMap(({ name }, at) =>
      isLabel(name)
        ? []
        : [
            {
              path: `topics.${at}.name`,
              problem: 'must be of letters, digits and _, a letter first',
            },
          ],
    )
  },
}

/** What is compared: all of it, or, where topics are allowed, the last message, since greetings and answers before it are near to none. */
function partsOf({ texts }: GuardQuestion, last: boolean): string[] {
  const said = texts.filter(({ text, kind }) => kind !== 'thinking' && text.trim() !== '')
  const role = said.at(-1)?.role
  const judged = last ? said.slice(said.findLastIndex((text) => text.role !== role) + 1) : said
  const parts: string[] = []
  for (const { text } of judged) {
    for (let at = 0; at < text.length; at += LIMITS.guardEmbedChars) {
      const part = text.slice(at, at + LIMITS.guardEmbedChars).trim()
      if (part !== '') parts.push(part)
    }
  }
  if (parts.length > LIMITS.guardEmbedPartsMax) throw unavailable('too much text to compare')
  return parts
}

interface Nearness {
  readonly name: string
  /** Of each part, the greatest similarity with any example. */
  readonly scores: readonly number[]
}

function nearest(
  topics: readonly Topic[],
  examples: readonly Vector[],
  parts: readonly Vector[],
): Nearness[] {
  let next = 0
  return topics.map(({ name, examples: { length } }) => {
    const own = examples.slice(next, next + length)
    next += length
    return {
      name,
      scores: parts.map((part) => Math.max(...own.map((example) => similarity(example, part)))),
    }
  })
}

function bestOf(near: readonly Nearness[], part: number): number {
  return Math.max(...near.map(({ scores }) => scores[part]!))
}

function share(value: number): number {
  return Math.min(1, Math.max(0, value))
}

function unavailable(why: string): GatewayError {
  return new GatewayError('guardrail_unavailable', { cause: new Error(`topic: ${why}`) })
}
