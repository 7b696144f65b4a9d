// LiteLLM’s model_list as models of Weir: entries of one name become the targets of one model, their limits, prices and defaults follow. How
// each entry is asked is in `litellm-deployment.ts`.

import type { JsonValue } from '../../core/json.ts'
import type { Draft, ModelForm, TargetForm } from './draft.ts'
import type { Cursor } from './ledger.ts'
import { readDeployment, type Credentials } from './litellm-deployment.ts'
import { type Share, sharesOf } from './litellm-shares.ts'

/** Members of litellm_params that are members of a request. */
const REQUEST_MEMBERS = [
  'temperature',
  'top_p',
  'max_tokens',
  'max_completion_tokens',
  'frequency_penalty',
  'presence_penalty',
  'seed',
  'stop',
  'n',
  'logprobs',
  'top_logprobs',
  'response_format',
  'reasoning_effort',
  'service_tier',
  'tool_choice',
  'parallel_tool_calls',
  'thinking',
  'user',
] as const

/** As the schema has it. */
const ORDER_MAX = 1_000

const PRICES = [
  ['input_cost_per_token', 'input'],
  ['output_cost_per_token', 'output'],
  ['cache_read_input_token_cost', 'cache_read'],
  ['cache_creation_input_token_cost', 'cache_write'],
  ['output_cost_per_reasoning_token', 'reasoning'],
] as const

/** What Weir has another way for, or none. */
const PARAMS_LEFT: Readonly<Record<string, readonly [note: string, way?: string]>> = {
  api_type: ['the type of the provider says it'],
  aws_profile_name: ['no profile is read', 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.'],
  aws_role_name: ['no role is assumed', 'Give it credentials of its own.'],
  aws_session_name: ['no role is assumed', 'Give it credentials of its own.'],
  aws_web_identity_token: ['no role is assumed', 'Give it credentials of its own.'],
  azure_ad_token: ['a token is short-lived', 'Declare the application in providers[].entra.'],
  azure_username: [
    'no password of a person is used',
    'Declare the application in providers[].entra.',
  ],
  cooldown_time: [
    'how long it is left alone is said per provider',
    'Set providers[].circuit.open.',
  ],
  drop_params: ['is said once for every model of Weir', 'Set models[].losses.'],
  extra_body: ['members of one provider alone', 'Set models[].targets[].overrides.'],
  guardrails: ['rules name models, not the other way round', 'Set guardrails[].models.'],
  input_cost_per_second: ['prices are per token or per request', 'Set models[].price.'],
  max_budget: ['a target has no budget', 'Set budgets with per: model.'],
  budget_duration: ['a target has no budget', 'Set budgets with per: model.'],
  max_parallel_requests: ['is said per provider', 'Set providers[].concurrency.max.'],
  mock_response: ['a target answers what its provider says', 'Use the provider mock.'],
  region_name: ['targets are not chosen by region', 'Give them tags and ask with x-weir-tags.'],
  vertex_credentials: ['Google’s service accounts are not used', 'Use a key of the Gemini API.'],
  vertex_location: ['Google’s service accounts are not used', 'Use a key of the Gemini API.'],
  vertex_project: ['Google’s service accounts are not used', 'Use a key of the Gemini API.'],
}

const INFO_LEFT: Readonly<Record<string, readonly [note: string, way?: string]>> = {
  id: ['targets have no ids of their own'],
  db_model: ['is an entry of LiteLLM’s own database'],
  base_model: [
    'prices are found by the model’s name',
    'Set models[].price where they are not known.',
  ],
  mode: ['nothing is to be said: the path of a request says what it is'],
  health_check_timeout: ['is said per provider', 'Set providers[].check.'],
  access_groups: ['who may ask is said by models[].access and by keys', 'Set models[].access.'],
  team_id: ['who may ask is said by models[].access and by keys', 'Set models[].access: [team:…].'],
  max_tokens: [
    'is what may come out, not what goes in',
    'Set models[].context_window, or models[].targets[].overrides.max_tokens.',
  ],
  max_output_tokens: [
    'a provider refuses what is beyond it',
    'Set models[].targets[].overrides.max_tokens.',
  ],
}

interface Entry {
  readonly name: string
  readonly params: Cursor
  readonly info: Cursor
  readonly target: TargetForm
  readonly defaults: Readonly<Record<string, JsonValue>>
}

export class ModelList {
  private readonly draft: Draft
  private readonly credentials: Credentials
  private readonly entries: Entry[] = []
  /** LiteLLM’s providers that stand for themselves: `openai/*`. */
  readonly wildcards: string[] = []

  private readonly isByShare: boolean

  /** @param isByShare LiteLLM draws entries by lot, which is its way unless told otherwise */
  constructor(draft: Draft, credentials: Credentials, isByShare: boolean) {
    this.draft = draft
    this.credentials = credentials
    this.isByShare = isByShare
  }

  /** Every name that a client may ask for, as far as it was carried. */
  read(list: Cursor): void {
    if (list.isThere && !list.isList) {
      list.left('is no list')
      return
    }
    for (const [, entry] of list.members()) this.entry(entry)
    const groups = new Map<string, Entry[]>()
    for (const entry of this.entries) {
      groups.set(entry.name, [...(groups.get(entry.name) ?? []), entry])
    }
    for (const [name, group] of groups) this.model(name, group)
  }

  private entry(entry: Cursor): void {
    const nameAt = entry.get('model_name')
    const name = nameAt.text
    const params = entry.get('litellm_params')
    if (name === undefined || !params.isMapping) {
      entry.left('needs model_name and litellm_params')
      return
    }
    if (
      this.draft.problem(
        'models.id',
        name.replaceAll('${', () => '$${'),
      ) !== undefined
    ) {
      entry.left('has a name that cannot be one')
      return
    }
    const found = readDeployment(params, this.draft, this.credentials)
    if ('refused' in found) {
      entry.left(found.refused, found.way)
      return
    }
    if (name.includes('*') || found.model.includes('*')) {
      this.wildcard(nameAt, name, found.kind, found.provider)
      for (const section of [params, entry.get('model_info')]) {
        for (const [, at] of section.members()) {
          if (!at.isSettled) at.left('what a pattern stands for has no settings of its own')
        }
      }
      return
    }
    nameAt.carried('models[].id')
    const target: TargetForm = { provider: found.provider, model: found.model }
    const info = entry.get('model_info')
    this.place(params, target)
    this.abilities(info, target)
    this.entries.push({ name, params, info, target, defaults: this.defaults(params) })
  }

  /** A client names `provider/model` to Weir, which needs no entry for it. */
  private wildcard(at: Cursor, name: string, kind: string, provider: string): void {
    if (name === `${kind}/*` && provider === kind) {
      this.wildcards.push(kind)
      at.carried('providers[].id')
      return
    }
    at.changed(
      'providers[].id',
      `no pattern stands for models: a client asks for ${provider}/MODEL, with the provider’s own name`,
    )
  }

  private place(params: Cursor, target: TargetForm): void {
    const order = params.get('order')
    if (order.isThere) {
      const { number } = order
      const problem =
        number === undefined ? 'is no number' : this.draft.problem('models.targets.order', number)
      if (number === undefined || problem !== undefined) order.left(problem ?? 'is no number')
      else {
        target.order = number
        order.carried('models[].targets[].order')
      }
    }
    const tags = params.get('tags')
    if (!tags.isThere) return
    const words = tags.members().map(([, at]) => at.text)
    const isFit = words.every(
      (word) =>
        word !== undefined && this.draft.problem('models.targets.tags', [word]) === undefined,
    )
    if (!tags.isList || !isFit || words.length === 0) tags.left('has words that cannot be tags')
    else {
      target.tags = words as string[]
      tags.changed(
        'models[].targets[].tags',
        'asked for in the header x-weir-tags, and all of them must fit',
      )
    }
  }

  private abilities(info: Cursor, target: TargetForm): void {
    const abilities: Record<string, JsonValue> = {}
    for (const [name, ability] of [
      ['supports_vision', 'vision'],
      ['supports_function_calling', 'tools'],
      ['supports_response_schema', 'json_schema'],
    ] as const) {
      const at = info.get(name)
      if (at.flag === undefined) {
        at.left('is neither true nor false')
        continue
      }
      abilities[ability] = at.flag
      at.carried(`models[].targets[].abilities.${ability}`)
    }
    if (Object.keys(abilities).length > 0) target.abilities = abilities
  }

  private defaults(params: Cursor): Record<string, JsonValue> {
    const defaults: Record<string, JsonValue> = {}
    for (const name of REQUEST_MEMBERS) {
      const at = params.get(name)
      if (!at.isThere) continue
      const value = escaped(at.value as JsonValue)
      if (value === null) at.left('says nothing')
      else {
        defaults[name] = value
        at.carried(`models[].defaults.${name}`)
      }
    }
    return defaults
  }

  private model(name: string, group: readonly Entry[]): void {
    const id = name.replaceAll('${', () => '$${')
    const model: ModelForm = { id, targets: [] }
    const shares = this.weights(group)
    lastWithoutOrder(group)
    for (const { target } of group) {
      const twin = model.targets.find(
        (one) => one.provider === target.provider && one.model === target.model,
      )
      // The same twice is one target of their weights together.
      if (twin === undefined) model.targets.push(target)
      else twin.weight = (twin.weight ?? 1) + (target.weight ?? 1)
    }
    const isAlike = group.every(({ defaults }) => Bun.deepEquals(defaults, group[0]!.defaults))
    if (isAlike) model.defaults = { ...group[0]!.defaults }
    else for (const { defaults, target } of group) target.overrides = { ...defaults }
    this.draft.models.set(name, model)
    this.rates(id, group, shares)
    this.prices(model, group)
    for (const { info, params } of group) this.rest(params, info)
  }

  /** How often each target is taken, by what LiteLLM draws them by. */
  private weights(group: readonly Entry[]): readonly Share[] {
    const all = group.map(({ params }) => params)
    const shares = this.isByShare && group.length > 1 ? sharesOf(all) : group.map(() => undefined)
    for (const [index, { params, target }] of group.entries()) {
      const at = params.get('weight')
      const share = shares[index]
      if (share !== undefined) target.weight = share.weight
      if (!at.isThere) continue
      if (share?.by === 'weight') at.carried('models[].targets[].weight')
      else if (group.length === 1) at.left('is the only target of its model')
      else at.left('LiteLLM does not draw by it: its strategy, or the first entry, says otherwise')
    }
    return shares
  }

  /**
   * Requests and tokens a minute. LiteLLM counts them by entry and chooses entries by them; Weir counts by the name asked for and lets nothing
   * beyond through.
   */
  private rates(only: string, group: readonly Entry[], shares: readonly Share[]): void {
    const limit: Record<string, JsonValue> = { per: 'model', only }
    for (const [name, member] of [
      ['rpm', 'requests_per_minute'],
      ['tpm', 'tokens_per_minute'],
    ] as const) {
      const given = group.map(({ params }) => params.get(name))
      const numbers = given.map(({ number }) => number)
      const sum = numbers.reduce<number>((total, number) => total + (number ?? 0), 0)
      const isFit =
        numbers.every((number) => number !== undefined) &&
        this.draft.problem(`limits.${member}`, sum) === undefined
      const isShare = shares.some((share) => share?.by === name)
      const weight = isShare ? '; targets are drawn by it, as weight' : ''
      const together = group.length === 1 ? '' : ', counted for all targets of the model together'
      for (const at of given.filter(({ isThere }) => isThere)) {
        if (isFit) {
          at.changed(
            `limits[].${member}`,
            `what is beyond it is refused${together}; LiteLLM only chooses entries by it${weight}`,
          )
        } else if (isShare) {
          at.changed(
            'models[].targets[].weight',
            'the share of its target; it is no limit, as not every entry of this name says it',
          )
        } else {
          at.left(
            'not every entry of this name says it',
            `Set limits with per: model, or per: provider, and ${member}.`,
          )
        }
      }
      if (isFit) limit[member] = sum
    }
    if (Object.keys(limit).length > 2) this.draft.limits.push(limit)
  }

  /** Prices and the context of a model; where entries differ, those of the first. */
  private prices(model: ModelForm, group: readonly Entry[]): void {
    for (const [index, { info, params }] of group.entries()) {
      for (const [name, member] of PRICES) {
        const at = [info.get(name), params.get(name)].find(({ isThere }) => isThere)
        const { number } = at ?? {}
        if (at === undefined) continue
        const usd = number === undefined ? undefined : Number((number * 1e6).toPrecision(12))
        const before = index === 0 ? undefined : (model.price?.[member] ?? null)
        if (usd === undefined || this.draft.problem(`models.price.${member}`, usd) !== undefined) {
          at.left('is no price')
        } else if (before !== undefined && before !== usd) {
          at.left('targets of one model have one price', 'Set models[].price, or make two models.')
        } else {
          model.price = { ...model.price, [member]: usd }
          at.carried(`models[].price.${member}`)
        }
      }
      this.context(model, info, index)
    }
  }

  private context(model: ModelForm, info: Cursor, index: number): void {
    const at = info.get('max_input_tokens')
    if (!at.isThere) return
    const { number } = at
    const problem =
      number === undefined ? 'is no number' : this.draft.problem('models.context_window', number)
    if (number === undefined || problem !== undefined) at.left(problem ?? 'is no number')
    else if (index > 0 && model.context_window !== number) {
      at.left('targets of one model show one context', 'Set models[].targets[].abilities.')
    } else {
      model.context_window = number
      at.carried('models[].context_window')
    }
  }

  /** What is left of an entry, with the way it is had here. */
  private rest(params: Cursor, info: Cursor): void {
    leave(params, PARAMS_LEFT)
    leave(info, INFO_LEFT)
  }
}

/** Where some entries have an order, LiteLLM asks one without it when none of them is well. */
function lastWithoutOrder(group: readonly Entry[]): void {
  const orders = group.flatMap(({ target: { order } }) => (order === undefined ? [] : [order]))
  if (orders.length === 0) return
  const last = Math.min(Math.max(...orders) + 1, ORDER_MAX)
  for (const { target } of group) target.order ??= last
}

/** Says of every member that nothing was said of why it stays behind. */
export function leave(
  section: Cursor,
  words: Readonly<Record<string, readonly [note: string, way?: string]>>,
): void {
  for (const [name, at] of section.members()) {
    if (at.isSettled) continue
    const known = Object.hasOwn(words, name) ? words[name] : undefined
    if (known !== undefined) at.left(...known)
  }
}

/** Texts that look like references of Weir are none. */
export function escaped(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${')
  if (Array.isArray(value)) return value.map(escaped)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, escaped(member as JsonValue)]),
  )
}
