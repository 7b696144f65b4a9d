// The check `json_schema`: answers, or the arguments of tool calls, are JSON of a schema. What cannot be judged within its bounds is an
// unanswered question, not a good answer.

import { GatewayError } from '../../core/error.ts'
import type { GuardJudgement, GuardText } from '../../core/guardrail.ts'
import { parseJson, type JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { exceedsJsonDepth } from '../json-depth.ts'
import type { CheckModule } from '../check.ts'
import { runInSlices } from '../find.ts'
import { SchemaCheck, schemaProblems, SchemaTooCostly } from '../schema.ts'

export const jsonSchemaCheck: CheckModule = {
  make(rule) {
    const schema = new SchemaCheck(rule.options['schema'] as JsonObject)
    const arguments_ = rule.options['applies_to'] === 'tool_input'
    const fenced = rule.options['fenced'] === true
    return {
      rule,
      reversible: false,
      sees: 'whole',
      judge({ texts, signal }) {
        const steps = findings(judgedOf(texts, arguments_), schema, fenced)
        // Most values are done before the first pause.
        const first = steps.next()
        if (first.done === true) return judgementOf(first.value)
        return runInSlices(steps, signal).then(judgementOf)
      },
    }
  },
  problems: ({ schema }) => schemaProblems(schema as JsonObject, 'schema'),
}

function judgementOf(categories: ReadonlySet<string>): GuardJudgement {
  return { hit: categories.size > 0, categories: [...categories] }
}

function* findings(
  texts: readonly string[],
  schema: SchemaCheck,
  fenced: boolean,
): Generator<void, ReadonlySet<string>> {
  const categories = new Set<string>()
  let chars = 0
  for (const text of texts) {
    const finding = yield* findingOf(text, schema, fenced)
    if (finding !== undefined) categories.add(finding)
    chars += text.length
    if (chars < LIMITS.guardSliceChars) continue
    chars = 0
    yield
  }
  return categories
}

/** Arguments one by one; an answer as one text, since its blocks are read as one. One that only calls tools says nothing to be judged. */
function judgedOf(texts: readonly GuardText[], arguments_: boolean): string[] {
  if (arguments_) {
    return texts
      .filter(({ kind }) => kind === 'tool_input')
      .map(({ text }) => (text.trim() === '' ? '{}' : text))
  }
  const said = texts.filter(({ kind }) => kind === 'text' || kind === 'data')
  const answer = said.map(({ text }) => text).join('')
  const calls = texts.some(({ kind }) => kind === 'tool_input')
  return said.length === 0 || (calls && answer.trim() === '') ? [] : [answer]
}

function* findingOf(
  text: string,
  schema: SchemaCheck,
  fenced: boolean,
): Generator<void, string | undefined> {
  const json = fenced ? withoutFence(text) : text
  if (exceedsJsonDepth(json)) return 'not_json'
  const value = parseJson(json)
  if (value === undefined) return 'not_json'
  try {
    return (yield* schema.steps(value)) ? undefined : 'schema'
  } catch (thrown) {
    if (!(thrown instanceof SchemaTooCostly)) throw thrown
    throw new GatewayError('guardrail_unavailable', {
      cause: new Error('json_schema: the value takes too many steps'),
    })
  }
}

/** What stands in the one fence of a text, where there is one and nothing else. */
function withoutFence(text: string): string {
  const trimmed = text.trim()
  const head = /^```[A-Za-z]{0,10}[ \t]*\r?\n/.exec(trimmed)
  if (head === null || !trimmed.endsWith('```')) return text
  return trimmed.slice(head[0].length, -3)
}
