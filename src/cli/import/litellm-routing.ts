// LiteLLM’s router settings in the words of Weir: how targets are chosen, who stands in for whom, how often is tried and how long a target is
// left alone. What both litellm_settings and router_settings may say is read here from either.

import type { JsonValue } from '../../core/json.ts'
import type { Draft, ModelForm } from './draft.ts'
import type { Cursor } from './ledger.ts'
import { duration } from './litellm-deployment.ts'
import { leave } from './litellm-models.ts'

const STRATEGIES: Readonly<Record<string, readonly [strategy: string, note?: string]>> = {
  'simple-shuffle': ['weighted'],
  'least-busy': ['least_busy'],
  'latency-based-routing': ['latency'],
  'cost-based-routing': ['cost'],
  'usage-based-routing': ['least_busy', 'by requests that run, not by what a minute has used'],
  'usage-based-routing-v2': ['least_busy', 'by requests that run, not by what a minute has used'],
}

const FALLBACKS = [
  ['fallbacks', 'any'],
  ['context_window_fallbacks', 'context_length'],
  ['content_policy_fallbacks', 'content_filter'],
] as const

const LEFT: Readonly<Record<string, readonly [note: string, way?: string]>> = {
  allowed_fails_policy: ['failures are not told apart by kind', 'Set providers[].circuit.'],
  retry_policy: ['what is worth a repeat is known by kind', 'Set providers[].retries.'],
  enable_pre_call_checks: ['is always so: a prompt that cannot fit goes past a target'],
  enable_tag_filtering: ['is always so where a request has x-weir-tags'],
  tag_filtering_match_any: ['all tags of a request must fit'],
  model_group_retry_policy: ['repeats are said per provider', 'Set providers[].retries.'],
  retry_after: ['waits grow from providers[].retries.base'],
  cache_responses: ['the response cache is said once', 'Set cache.exact.enabled.'],
  stream_timeout: ['is said per provider', 'Set providers[].timeouts.first_byte.'],
  routing_strategy_args: ['strategies have no settings'],
  provider_budget_config: ['a provider has no budget', 'Set budgets with per: model.'],
  redis_startup_nodes: ['one Redis is asked, no cluster', 'Set redis.url.'],
  optional_pre_call_checks: ['targets are kept by models[].routing.sticky', 'Set routing.sticky.'],
  assistants_config: ['there are no assistants'],
  default_litellm_params: [
    'what holds for every model is said per model',
    'Set models[].defaults.',
  ],
}

export class Routing {
  private readonly draft: Draft

  constructor(draft: Draft) {
    this.draft = draft
  }

  read(router: Cursor, general: Cursor): void {
    this.strategy(router.get('routing_strategy'))
    this.aliases(router.get('model_group_alias'))
    for (const section of [router, general]) {
      for (const [name, cause] of FALLBACKS) this.fallbacks(section.get(name), cause)
    }
    this.defaults(router.get('default_fallbacks'))
    this.defaults(general.get('default_fallbacks'))
    this.attempts(router, general)
    this.circuit(router, general)
    this.redis(router)
    leave(router, LEFT)
  }

  private route(model: ModelForm): Record<string, JsonValue> {
    return (model.routing ??= {})
  }

  private strategy(at: Cursor): void {
    if (!at.isThere) return
    const { text = '' } = at
    const known = Object.hasOwn(STRATEGIES, text) ? STRATEGIES[text] : undefined
    if (known === undefined) {
      at.left('is no strategy of Weir', 'Choose one of models[].routing.strategy.')
      return
    }
    const [strategy, note] = known
    const shared = [...this.draft.models.values()].filter(({ targets }) => targets.length > 1)
    if (strategy !== 'weighted')
      for (const model of shared) this.route(model)['strategy'] = strategy
    if (note === undefined) at.carried('models[].routing.strategy')
    else at.changed('models[].routing.strategy', note)
  }

  private aliases(aliases: Cursor): void {
    if (aliases.isThere && !aliases.isMapping) aliases.left('is no mapping')
    for (const [alias, at] of aliases.members()) {
      const nameAt = at.isMapping ? at.get('model') : at
      const behind = nameAt.text === undefined ? undefined : this.draft.models.get(nameAt.text)
      const id = alias.replaceAll('${', () => '$${')
      if (behind === undefined) at.left('names no model that was carried')
      else if (this.draft.models.has(alias)) at.left('a model has that name')
      else if (this.draft.problem('models.id', id) !== undefined) at.left('cannot be a name')
      else {
        this.draft.models.set(alias, { ...structuredClone(behind), id })
        const limits = this.draft.limits.filter(({ only }) => only === behind.id)
        this.draft.limits.push(...limits.map((limit) => ({ ...limit, only: id })))
        if (limits.length === 0) nameAt.carried('models[].targets')
        else nameAt.changed('models[].targets', 'its limits are counted apart from the model’s')
        at.get('hidden').left('every model that somebody may ask is listed to them')
      }
    }
  }

  /** `[{ model: [others] }]`, or the same as a mapping. */
  private fallbacks(list: Cursor, cause: string): void {
    if (!list.isThere) return
    const rules = list.isList ? list.members().map(([, rule]) => rule) : [list]
    for (const rule of rules) {
      if (!rule.isMapping) {
        rule.left('is no mapping of a model to others')
        continue
      }
      for (const [name, others] of rule.members()) {
        const models =
          name === '*' ? [...this.draft.models.values()] : [this.draft.models.get(name)]
        this.stand(models, others, cause)
      }
    }
  }

  private stand(models: readonly (ModelForm | undefined)[], others: Cursor, cause: string): void {
    if (models.some((model) => model === undefined) || models.length === 0) {
      others.left('stands for a model that was not carried')
      return
    }
    const items = others.isList ? others.members().map(([, at]) => at) : [others]
    const names = items.flatMap((at) => {
      const other = at.text === undefined ? undefined : this.draft.models.get(at.text)
      if (other === undefined) {
        at.left('is no model that was carried', 'Add it to models[].routing.fallbacks by hand.')
        return []
      }
      at.carried(`models[].routing.fallbacks.${cause}`)
      return [other.id]
    })
    for (const model of models) {
      const kept = names.filter((name) => name !== model!.id)
      if (kept.length === 0) continue
      const route = this.route(model!)
      const causes = { ...(route['fallbacks'] as Record<string, JsonValue> | undefined) }
      const before = (causes[cause] as readonly string[] | undefined) ?? []
      causes[cause] = [...new Set([...before, ...kept])]
      route['fallbacks'] = causes
    }
  }

  private defaults(at: Cursor): void {
    if (!at.isThere) return
    const models = [...this.draft.models.values()].filter(({ routing }) => {
      const causes = routing?.['fallbacks'] as Record<string, JsonValue> | undefined
      return causes?.['any'] === undefined
    })
    if (models.length === 0) at.left('every model that was carried has its own')
    else this.stand(models, at, 'any')
  }

  private attempts(router: Cursor, general: Cursor): void {
    for (const at of [router.get('num_retries'), general.get('num_retries')]) {
      this.each(at, 'retries', 'max', at.number)
    }
    for (const at of [router.get('timeout'), general.get('request_timeout')]) {
      this.each(at, 'timeouts', 'total', duration(at, this.draft))
    }
  }

  private circuit(router: Cursor, general: Cursor): void {
    const off = router.get('disable_cooldowns')
    if (off.flag !== undefined) this.each(off, 'circuit', 'enabled', !off.flag)
    // The router's own go before those of all of LiteLLM.
    for (const section of [router, general]) {
      const fails = section.get('allowed_fails')
      const { number } = fails
      const failures = number === undefined ? undefined : number + 1
      const row = 'failures in a row count, not those of a minute'
      this.each(fails, 'circuit', 'failures', failures, row)
      const rest = section.get('cooldown_time')
      const open = duration(rest, this.draft)
      this.each(rest, 'circuit', 'open', open, 'it doubles with each failed try')
    }
  }

  /** What holds for every provider that says nothing itself. */
  private each(
    at: Cursor,
    section: string,
    member: string,
    value: JsonValue | undefined,
    note?: string,
  ): void {
    if (!at.isThere) return
    const path = `providers.${section}.${member}`
    const problem =
      value === undefined ? 'is not what belongs here' : this.draft.problem(path, value)
    if (value === undefined || problem !== undefined) {
      at.left(problem ?? 'is not what belongs here', `Set providers[].${section}.${member}.`)
      return
    }
    if (!this.draft.hasProviders()) {
      at.left('no provider was carried')
      return
    }
    this.draft.eachProvider((form) => {
      const own = { ...(form[section] as Record<string, JsonValue> | undefined) }
      form[section] = { [member]: value, ...own }
    })
    if (note === undefined) at.carried(`providers[].${section}.${member}`)
    else at.changed(`providers[].${section}.${member}`, note)
  }

  private redis(router: Cursor): void {
    const url = redisUrl(router, 'redis_', this.draft)
    if (url !== undefined) carryRedis(url, this.draft)
  }
}

export interface RedisPlace {
  readonly url: string
  readonly parts: readonly Cursor[]
}

/** The address of a Redis from its parts, or as one. @param prefix of the names of its parts */
export function redisUrl(section: Cursor, prefix: string, draft: Draft): RedisPlace | undefined {
  const { secrets } = draft
  const whole = section.get(`${prefix}url`)
  if (whole.text !== undefined) {
    return { url: secrets.secret(whole.text, 'redis_url'), parts: [whole] }
  }
  const [host, port, password, user, number] = ['host', 'port', 'password', 'username', 'db'].map(
    (name) => section.get(`${prefix}${name}`),
  ) as [Cursor, Cursor, Cursor, Cursor, Cursor]
  if (host.text === undefined) return undefined
  const plain = (at: Cursor) =>
    at.number === undefined ? (at.text === undefined ? '' : secrets.plain(at.text)) : `${at.number}`
  const secret = password.text === undefined ? '' : secrets.secret(password.text, 'redis_password')
  const credential = secret === '' && user.text === undefined ? '' : `${plain(user)}:${secret}@`
  const isTls = section.any(`${prefix}ssl`, 'ssl').flag === true
  const at = `${plain(host)}${plain(port) === '' ? '' : `:${plain(port)}`}`
  const parts = [host, port, password, user, number, section.any(`${prefix}ssl`, 'ssl')]
  const database = plain(number) === '' ? '' : `/${plain(number)}`
  return { url: `${isTls ? 'rediss' : 'redis'}://${credential}${at}${database}`, parts }
}

/** Puts it in as the one Redis there is. */
export function carryRedis({ parts, url }: RedisPlace, draft: Draft): boolean {
  const problem = draft.set('redis.url', url)
  for (const at of parts) {
    if (!at.isThere) continue
    if (problem === undefined) at.carried('redis.url')
    else at.left(problem, 'Set redis.url.')
  }
  return problem === undefined
}
