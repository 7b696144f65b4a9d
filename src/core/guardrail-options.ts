// What each kind of check lets an operator say, as one list, and the proof of options by it: configuration and the management API ask here,
// and the checks trust that what reaches them has been proven. Nothing here runs a check or compiles a pattern.

import { BUILT_IN_CHECKS } from './guardrail-built-in.ts'
import { EXTERNAL_CHECKS } from './guardrail-external.ts'
import type { CheckDescription, CheckOption, OptionProblem } from './guardrail-option.ts'
import { isObject, type JsonObject, type JsonValue } from './json.ts'

/** Of every kind. */
const UNJUDGED: CheckOption = {
  name: 'unjudged',
  type: 'choice',
  values: ['refuse', 'allow'],
  default: 'refuse',
  doc: 'What cannot be read (a form, a file, a sound, tokens in place of text) where the rule blocks or masks: `refuse` it, or `allow` it.',
}

const BY_KIND: ReadonlyMap<string, CheckDescription> = new Map(
  [...BUILT_IN_CHECKS, ...EXTERNAL_CHECKS].map((one) => [
    one.kind,
    { ...one, options: [...one.options, UNJUDGED] },
  ]),
)

/** Every kind of check with its options, in the order in which documents list them. */
export const CHECK_DESCRIPTIONS: readonly CheckDescription[] = [...BY_KIND.values()]

/** What is known of a kind. */
export function checkDescription(kind: string): CheckDescription | undefined {
  return BY_KIND.get(kind)
}

/** What is wrong with options by their description alone; the kind's own proofs (`guardrails/ready.ts`) come after it. */
export function optionProblems(kind: string, options: JsonObject): OptionProblem[] {
  const description = BY_KIND.get(kind)
  if (description === undefined) return [{ path: '', problem: 'no such kind of check' }]
  const problems: OptionProblem[] = []
  proveMembers(description.options, options, '', problems)
  return problems
}

function proveMembers(
  members: readonly CheckOption[],
  values: JsonObject,
  prefix: string,
  problems: OptionProblem[],
): void {
  const known = new Set(members.map(({ name }) => name))
  for (const name of Object.keys(values)) {
    if (known.has(name) || values[name] === undefined) continue
    const path = /^\w{1,60}$/.test(name) ? `${prefix}${name}` : prefix.replace(/\.$/, '')
    problems.push({ path, problem: `no such option; there are ${[...known].join(', ')}` })
  }
  for (const member of members) {
    const value = values[member.name]
    const path = `${prefix}${member.name}`
    if (value === undefined || value === null) {
      if (member.required) problems.push({ path, problem: 'is missing' })
    } else {
      proveValue(member, value, path, problems)
    }
  }
}

function proveValue(
  option: CheckOption,
  value: JsonValue,
  path: string,
  problems: OptionProblem[],
): void {
  if (option.type === 'list') {
    if (!Array.isArray(value)) return void problems.push({ path, problem: 'must be a list' })
    if (value.length > option.countMax) {
      problems.push({ path, problem: `may have ${option.countMax} entries` })
      return
    }
    if (option.required && value.length === 0) problems.push({ path, problem: 'is empty' })
    value.forEach((entry, at) => {
      if (isObject(entry)) proveMembers(option.of, entry, `${path}.${at}.`, problems)
      else problems.push({ path: `${path}.${at}`, problem: 'must be an object' })
    })
    return
  }
  const problem = valueProblem(option, value)
  if (problem !== undefined) problems.push({ path, problem })
}

function valueProblem(option: CheckOption, value: JsonValue): string | undefined {
  switch (option.type) {
    case 'text':
      return textProblem(value, option.charsMax)
    case 'number':
      return typeof value === 'number' &&
        value >= option.min &&
        value <= option.max &&
        (!option.whole || Number.isInteger(value))
        ? undefined
        : `must be a ${option.whole ? 'whole ' : ''}number from ${option.min} to ${option.max}`
    case 'flag':
      return typeof value === 'boolean' ? undefined : 'must be true or false'
    case 'choice':
      return typeof value === 'string' && option.values.includes(value)
        ? undefined
        : `must be one of ${option.values.join(', ')}`
    case 'choices':
      return Array.isArray(value) &&
        value.length > 0 &&
        value.every((one) => typeof one === 'string' && option.values.includes(one))
        ? undefined
        : `must be a list of some of ${option.values.join(', ')}`
    case 'texts':
      if (!Array.isArray(value)) return 'must be a list of texts'
      if (value.length > option.countMax) return `may have ${option.countMax} entries`
      if (option.required && value.length === 0) return 'is empty'
      return value.map((one) => textProblem(one, option.charsMax)).find((one) => one !== undefined)
    case 'json':
      if (!isObject(value)) return 'must be an object'
      return JSON.stringify(value).length <= option.charsMax ? undefined : 'is too large'
    case 'map':
      if (!isObject(value)) return 'must be an object of texts'
      if (Object.keys(value).length > option.countMax) return `may have ${option.countMax} entries`
      return Object.values(value)
        .map((one) => textProblem(one ?? null, option.charsMax))
        .find((one) => one !== undefined)
    case 'list':
      return undefined
  }
}

function textProblem(value: JsonValue, charsMax: number): string | undefined {
  if (typeof value !== 'string' || value.trim() === '') return 'must be a text that is not empty'
  return value.length <= charsMax ? undefined : `may have ${charsMax} characters`
}
