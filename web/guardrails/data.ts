// Guardrails as the page asks for them, the kinds of checks there are, and words for what a rule says. It draws nothing.

import { api, ifMatch, unwrap } from '../api.ts'
import { useQuery } from '../query.ts'
import { can, canEverywhere, session } from '../session.ts'

const LIST_MAX = 500

interface Reading {
  readonly signal?: AbortSignal
}

/** Named where a rule of every tenant is meant. */
const ofAll = (isOfAll: boolean) => (isOfAll ? { query: { tenant: '*' } } : {})

export const readRules = ({ signal }: Reading) =>
  unwrap(
    api.guardrails.get({
      query: { limit: LIST_MAX, sort: 'position' },
      fetch: signal === undefined ? {} : { signal },
    }),
  )

export type Rule = Awaited<ReturnType<typeof readRules>>['data'][number]
export type RuleBody = Parameters<ReturnType<typeof api.guardrails>['put']>[0]
export type Stage = Rule['stages'][number]

/** With what a change of it has to meet. */
export const readRule = (rule: Rule) =>
  unwrap(api.guardrails({ id: rule.id }).get(ofAll(isOfAll(rule))))

export const createRule = (body: RuleBody & { id: string }, forAll: boolean) =>
  unwrap(api.guardrails.post(body, ofAll(forAll)))

/** @param seen as `readRule` gave it */
export const replaceRule = (seen: Rule, body: RuleBody) =>
  unwrap(api.guardrails({ id: seen.id }).put(body, { ...ifMatch(seen), ...ofAll(isOfAll(seen)) }))

export const deleteRule = async (rule: Rule) =>
  unwrap(
    api
      .guardrails({ id: rule.id })
      .delete(undefined, { ...ifMatch(await readRule(rule)), ...ofAll(isOfAll(rule)) }),
  )

export const orderRules = (ids: readonly string[], forAll: boolean) =>
  unwrap(api.guardrails.order.post({ ids: [...ids] }, ofAll(forAll)))

export const tryRules = (body: Parameters<typeof api.guardrails.try.post>[0]) =>
  unwrap(api.guardrails.try.post(body))

export type Trial = Awaited<ReturnType<typeof tryRules>>

/** One thing that a check lets one say; what goes with its type is there where it is of that type. */
export interface Option {
  readonly name: string
  readonly doc: string
  readonly type:
    'text' | 'number' | 'flag' | 'choice' | 'choices' | 'texts' | 'list' | 'json' | 'map'
  readonly required?: true
  readonly default?: unknown
  readonly values?: readonly string[]
  readonly of?: readonly Option[]
  readonly whole?: true
  readonly secret?: true
  readonly long?: true
}

export interface Check {
  readonly kind: string
  readonly doc: string
  readonly masks: boolean
  readonly asks: boolean
  readonly options: readonly Option[]
}

export function useChecks() {
  return useQuery(
    'guardrail-checks',
    async ({ signal }) => {
      const { data } = await unwrap(api['guardrail-checks'].get({ fetch: { signal } }))
      return data as unknown as readonly Check[]
    },
    { freshMs: 600_000 },
  )
}

/** It holds for every tenant and lies in the store. */
export const isOfAll = ({ origin, tenant }: Rule) => origin === 'store' && tenant === null

/** Whether there is more than one tenant for which a rule could be made here. */
export const mayServeAll = () =>
  session.value?.many_tenants === true && canEverywhere('guardrail.write')

/** Why a rule is not changed here; undefined: it is. */
export function fixedBy(rule: Rule): string | undefined {
  if (isOfAll(rule) && mayServeAll()) return undefined
  if (rule.read_only !== null) return rule.read_only
  return can('guardrail.write') ? undefined : 'None of your roles lets you change guardrails.'
}

const NAMES: Readonly<Record<string, string>> = {
  pii: 'Personal data',
  secrets: 'Secrets',
  words: 'Words',
  regex: 'Patterns',
  topic: 'Topics',
  injection: 'Prompt injection',
  json_schema: 'JSON schema',
  length: 'Length',
  nemo: 'NeMo Guardrails',
  presidio: 'Presidio',
  moderation: 'Moderation model',
  llama_guard: 'Llama Guard',
  shield_gemma: 'ShieldGemma',
  webhook: 'Webhook',
}

export const checkName = (kind: string) => NAMES[kind] ?? kind

export const STAGES = [
  { value: 'input', label: 'Requests' },
  { value: 'tool_result', label: 'Tool results' },
  { value: 'output', label: 'Answers' },
] as const satisfies readonly { value: Stage; label: string }[]

export const MODES = {
  block: 'Block',
  mask: 'Mask',
  flag: 'Flag',
  observe: 'Observe',
} as const satisfies Record<Rule['mode'], string>

export const MODE_TONES = { block: 'bad', mask: 'info', flag: 'warn', observe: 'neutral' } as const

/** Whom and what it holds for. */
export function scopeWords({ except, for: whom, models, tenant }: Rule): string {
  return [
    whom === null ? 'everybody' : whom.join(', '),
    except !== null && `not ${except.join(', ')}`,
    models !== null && `asking ${models.join(', ')}`,
    tenant === null && session.value?.many_tenants === true && 'in every tenant',
  ]
    .filter(Boolean)
    .join(', ')
}

/** What is sent to leave a rule as it is, but for some of it. */
export function bodyOf(rule: Rule, over: Partial<RuleBody> = {}): RuleBody {
  const { id: _, origin: _o, problem: _p, read_only: _r, tenant: _t, ...body } = rule
  return { ...body, ...over } as RuleBody
}
