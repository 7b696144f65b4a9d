// LiteLLM’s litellm_settings and general_settings in the words of Weir, and what of them has another way here or none. Nothing is carried that
// would let in who was not let in before: its keys and users lie in its own database, hashed.

import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Draft } from './draft.ts'
import type { Cursor } from './ledger.ts'
import { duration } from './litellm-deployment.ts'
import { CACHE_LEFT, GENERAL_LEFT, LITELLM_LEFT, METRICS } from './litellm-left.ts'
import { leave } from './litellm-models.ts'
import { carryRedis, redisUrl } from './litellm-routing.ts'
import { literal, variableOf } from './secrets.ts'

export class Settings {
  private readonly draft: Draft

  constructor(draft: Draft) {
    this.draft = draft
  }

  read(litellm: Cursor, general: Cursor): void {
    this.losses(litellm.get('drop_params'))
    this.cache(litellm)
    this.callbacks(litellm)
    this.network(litellm)
    this.budget(litellm)
    this.log(litellm, general)
    this.access(general)
    this.load(general)
    this.checks(general)
    leave(litellm, LITELLM_LEFT)
    leave(general, GENERAL_LEFT)
  }

  private losses(at: Cursor): void {
    if (at.flag === undefined) {
      at.left('is neither true nor false')
    } else if (at.flag) at.carried('models[].losses')
    else {
      for (const model of this.draft.models.values()) model.losses = 'reject'
      at.carried('models[].losses')
    }
  }

  private cache(litellm: Cursor): void {
    const at = litellm.get('cache')
    const params = litellm.get('cache_params')
    const isOn = at.flag === true && params.get('mode').text !== 'default_off'
    const type = params.get('type')
    const kind = type.text ?? 'local'
    if (!isOn) {
      at.carried('cache.exact.enabled')
      params.left(
        at.flag === true
          ? 'no request can ask for a cache that is off for the others'
          : 'the cache is off',
        'Set cache.exact.enabled, and cache: off of models that are not to be kept.',
      )
      return
    }
    const redis = redisUrl(params, '', this.draft)
    const hasRedis = redis !== undefined && carryRedis(redis, this.draft)
    const similarity = params.get('similarity_threshold')
    if (/semantic/.test(kind)) {
      this.semantic(at, type, params, similarity)
    } else {
      this.draft.carry(at, 'cache.exact.enabled', true)
      const store =
        kind.startsWith('redis') && (hasRedis || this.draft.has('redis.url')) ? 'redis' : 'memory'
      if (kind === 'local' || store === 'redis') this.draft.carry(type, 'cache.exact.store', store)
      else if (kind === 'disk') {
        this.draft.carry(
          type,
          'cache.exact.store',
          'store',
          'answers lie encrypted in the log store',
        )
      } else type.left('answers lie in memory, in the store or in Redis', 'Set cache.exact.store.')
      this.draft.carry(
        params.get('ttl'),
        'cache.exact.ttl',
        duration(params.get('ttl'), this.draft),
      )
    }
    params.get('mode').carried('cache.exact.enabled')
    leave(params, CACHE_LEFT)
  }

  private semantic(at: Cursor, type: Cursor, params: Cursor, similarity: Cursor): void {
    const { draft } = this
    const model = params.any(
      'redis_semantic_cache_embedding_model',
      'qdrant_semantic_cache_embedding_model',
    )
    const found = model.text === undefined ? undefined : draft.models.get(model.text)
    if (found === undefined) {
      at.left('its embedding model was not carried', 'Set cache.semantic.')
      return
    }
    draft.carry(at, 'cache.semantic.enabled', true)
    draft.carry(model, 'cache.semantic.model', found.id)
    draft.carry(similarity, 'cache.semantic.threshold', similarity.number)
    draft.carry(params.get('ttl'), 'cache.semantic.ttl', duration(params.get('ttl'), draft))
    type.changed('cache.semantic', 'vectors are kept in memory')
  }

  private callbacks(litellm: Cursor): void {
    for (const name of ['callbacks', 'success_callback', 'failure_callback']) {
      const list = litellm.get(name)
      const items = list.isList ? list.members().map(([, at]) => at) : [list]
      for (const at of items) this.callback(at)
    }
  }

  private callback(at: Cursor): void {
    const { draft } = this
    switch (at.text) {
      case undefined:
        at.left('is no name')
        return
      case 'prometheus':
        at.carried('/metrics')
        return
      case 'otel':
        draft.carry(
          at,
          'tracing.endpoint',
          draft.secrets.variable('OTEL_EXPORTER_OTLP_ENDPOINT'),
          'OTLP over HTTP alone; LiteLLM may have read OTEL_ENDPOINT',
        )
        return
      case 'langfuse':
      case 'langfuse_otel':
        if (draft.exports.length === 0) draft.exports.push(this.langfuse())
        at.changed(
          'exports[]',
          'requests that fail are sent as well; prompts only with content: true',
        )
        return
      default:
        at.left('is no place that Weir sends to', METRICS)
    }
  }

  private langfuse(): JsonObject {
    const { secrets } = this.draft
    return {
      id: 'langfuse',
      type: 'langfuse',
      url: '${LANGFUSE_HOST:-https://cloud.langfuse.com}',
      public_key: secrets.variable('LANGFUSE_PUBLIC_KEY'),
      secret_key: secrets.variable('LANGFUSE_SECRET_KEY'),
    }
  }

  private network(litellm: Cursor): void {
    const verify = litellm.get('ssl_verify')
    if (verify.flag === false) {
      this.draft.carry(
        verify,
        'network.verify',
        false,
        'any certificate is taken; the start warns of it',
      )
    } else if (verify.flag === true) verify.carried('network.verify')
    else if (verify.text !== undefined) {
      this.draft.carry(
        verify,
        'network.ca_file',
        this.draft.file(verify.text),
        'trusted beside the usual authorities, not in their place',
      )
    }
  }

  private budget(litellm: Cursor): void {
    const most = litellm.get('max_budget')
    const span = litellm.get('budget_duration')
    if (!most.isThere) return
    const window = span.isThere ? windowOf(span.text ?? '') : 'total'
    const usd = most.number
    const problem = usd === undefined ? 'is no amount' : this.draft.problem('budgets.usd', usd)
    if (usd === undefined || problem !== undefined) most.left(problem ?? 'is no amount')
    else if (window === undefined) {
      most.left(
        'its time is none that a budget has',
        'Set budgets with a window of day, week or month.',
      )
      span.left('is none that a budget has: day, week, month or total')
    } else {
      this.draft.budgets.push({ per: 'tenant', usd, window })
      most.carried('budgets[].usd')
      span.changed('budgets[].window', 'by the calendar in UTC')
    }
  }

  private log(litellm: Cursor, general: Cursor): void {
    const { draft } = this
    const json = litellm.get('json_logs')
    draft.carry(json, 'log.format', json.flag === true ? 'json' : 'auto')
    const quiet = litellm.get('turn_off_message_logging')
    if (quiet.flag === true) quiet.carried('exports[].content')
    else quiet.left('prompts are sent where you say so', 'Set exports[].content: true.')
    const prompts = general.get('store_prompts_in_spend_logs')
    const off = general.get('disable_spend_logs')
    draft.carry(
      prompts,
      'log.requests',
      prompts.flag === true && off.flag !== true ? 'content' : 'metadata',
    )
    if (off.flag === true) draft.carry(off, 'log.requests', 'none')
    else off.carried('log.requests')
    const kept = general.get('maximum_spend_logs_retention_period')
    draft.carry(kept, 'log.retention', kept.text === undefined ? undefined : literal(kept.text))
  }

  /** Who has the master key rules LiteLLM. It is no key of Weir: that nobody comes in without one is what is carried. */
  private access(general: Cursor): void {
    const master = general.get('master_key')
    this.draft.carry(
      master,
      'auth.anonymous',
      'never',
      'nobody comes in without a key; the master key itself is none here: weir keys create admin --admin',
    )
  }

  private load(general: Cursor): void {
    const { draft } = this
    const all = general.get('global_max_parallel_requests')
    draft.carry(all, 'server.max_concurrent', all.number, 'what is more waits a moment in a queue')
    const each = general.get('max_parallel_requests')
    const { number } = each
    if (each.isThere) {
      const problem =
        number === undefined ? 'is no number' : draft.problem('providers.concurrency.max', number)
      if (number === undefined || problem !== undefined) each.left(problem ?? 'is no number')
      else if (!draft.hasProviders()) each.left('no provider was carried')
      else {
        draft.eachProvider((form) => (form['concurrency'] = { max: number }))
        each.changed('providers[].concurrency.max', 'per provider; what is more waits in a queue')
      }
    }
    const size = general.get('max_request_size_mb')
    draft.carry(
      size,
      'server.max_body_size',
      size.number === undefined ? undefined : `${Math.round(size.number * 1_000_000)}B`,
    )
  }

  private checks(general: Cursor): void {
    const { draft } = this
    const isOn = general.get('background_health_checks')
    const every = general.get('health_check_interval')
    if (isOn.flag !== true) {
      isOn.carried('providers[].check')
      every.left('no check runs in the background', 'Set providers[].check.')
      return
    }
    const written = every.isThere ? duration(every, draft) : '5m'
    const problem =
      written === undefined ? 'is no time' : draft.problem('providers.check.interval', written)
    if (written === undefined || problem !== undefined) {
      every.left(problem ?? 'is no time', 'Set providers[].check.interval.')
      isOn.left('its interval does not fit', 'Set providers[].check.')
      return
    }
    draft.eachProvider((form) => (form['check'] = { interval: written }))
    isOn.changed('providers[].check', 'the list of models is asked for, which costs nothing')
    every.carried('providers[].check.interval')
  }
}

function windowOf(text: string): JsonValue | undefined {
  const word = text.trim().toLowerCase()
  if (word === '1d' || word === '24h') return 'day'
  if (word === '7d' || word === '1w') return 'week'
  return word === '30d' || word === '1mo' ? 'month' : undefined
}

/** `guardrails` of LiteLLM, as far as the same is judged here. */
export function readGuardrails(list: Cursor, draft: Draft): void {
  if (list.isThere && !list.isList) {
    list.left('is no list')
    return
  }
  for (const [, rule] of list.members()) readGuardrail(rule, draft)
}

const CHECKS: Readonly<Record<string, string>> = {
  presidio: 'presidio',
  'hide-secrets': 'secrets',
  openai_moderation: 'moderation',
}

function readGuardrail(rule: Cursor, draft: Draft): void {
  const params = rule.get('litellm_params')
  const kind = params.get('guardrail')
  const id = rule.get('guardrail_name')
  const check = Object.hasOwn(CHECKS, kind.text ?? '') ? CHECKS[kind.text ?? ''] : undefined
  if (check === undefined || id.text === undefined) {
    rule.left(
      'Weir has no check of that kind',
      'See docs/guardrails.md; check: webhook asks any service.',
    )
    return
  }
  const isTaken = draft.guardrails.some((one) => one['id'] === id.text)
  if (isTaken || draft.problem('guardrails.id', literal(id.text)) !== undefined) {
    rule.left('has a name that cannot be an id, or is taken')
    return
  }
  const mode = params.get('mode')
  const modes = mode.isList ? mode.members().map(([, at]) => at.text) : [mode.text]
  // A list without an entry: it is asked at no stage, and a rule must name one.
  if (modes.length === 0) {
    rule.left('is asked at no stage', 'Set guardrails[].stages.')
    return
  }
  const stages = [
    ...(modes.some((one) => one !== 'post_call') ? ['input', 'tool_result'] : []),
    ...(modes.includes('post_call') ? ['output'] : []),
  ]
  const isOn = params.get('default_on').flag === true
  draft.guardrails.push({
    id: id.text,
    check,
    mode: check === 'moderation' ? 'block' : 'mask',
    stages,
    enabled: isOn,
    ...(check === 'presidio' ? { url: presidioUrl(params, draft) } : {}),
  })
  id.carried('guardrails[].id')
  kind.carried('guardrails[].check')
  mode.changed('guardrails[].stages', 'what tools answer is judged as well')
  if (isOn) params.get('default_on').carried('guardrails[].enabled')
  else
    params.get('default_on').changed('guardrails[].enabled', 'off: a request cannot ask for a rule')
  params.left('is said in other words', 'See docs/guardrails.md.')
}

function presidioUrl(params: Cursor, draft: Draft): string {
  const at = params.get('presidio_analyzer_api_base')
  const isFit =
    at.text !== undefined && (variableOf(at.text) !== undefined || URL.canParse(at.text))
  if (!isFit) return draft.secrets.variable('PRESIDIO_ANALYZER_API_BASE')
  at.carried('guardrails[].url')
  return draft.secrets.plain(at.text!)
}
