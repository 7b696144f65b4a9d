// The configuration of an OpenAI proxy of the usual kind (FastAPI and the like) as one of Weir: providers, models that name them, groups that
// may ask for models, and the network. Which names are taken is said in docs/migrating.md; whatever else is there is told as left behind.

import type { JsonValue } from '../../core/json.ts'
import { Draft, type DraftOptions, type ModelForm } from './draft.ts'
import { Ledger, type Cursor } from './ledger.ts'
import { leave } from './litellm-models.ts'
import { carryRedis, redisUrl } from './litellm-routing.ts'
import { readNetwork } from './openai-proxy-network.ts'
import { readProxyProvider } from './openai-proxy-provider.ts'

const LEFT: Readonly<Record<string, readonly [note: string, way?: string]>> = {
  db_type: ['its tables are its own', 'Give Weir a database of its own with storage.url.'],
  db_url: ['its tables are its own', 'Give Weir a database of its own with storage.url.'],
  database: ['its tables are its own', 'Give Weir a database of its own with storage.url.'],
  audit: ['every change is recorded by itself', 'See docs/audit.md.'],
  forwarders: ['outcomes are sent as signed JSON', 'Set exports with type: webhook.'],
  users: ['people are made by login or by hand', 'Set auth.oidc, or see weir users create.'],
  api_keys: ['keys of clients are made here', 'Make keys with weir keys create.'],
  keycloak: ['issuers are declared', 'Set auth.oidc; see docs/keycloak.md.'],
  oauth: ['issuers are declared', 'Set auth.oidc.'],
  auth: ['issuers are declared', 'Set auth.oidc.'],
}

const MODEL_LEFT: Readonly<Record<string, readonly [note: string, way?: string]>> = {
  endpoints: ['every model is reached by every path: chat and completions alike'],
  endpoint: ['every model is reached by every path: chat and completions alike'],
  model_type: ['every model is reached by every path: chat and completions alike'],
  capabilities: ['is known of the provider', 'Set models[].targets[].abilities.'],
  description: ['models have no description'],
  display_name: ['clients see the id'],
  created: ['is not kept'],
  updated: ['is not kept'],
}

/** @throws SourceError for a document that is too deep or too large */
export function fromOpenaiProxy(document: unknown, options: DraftOptions): Draft {
  const ledger = new Ledger(document)
  const draft = new Draft(ledger, options)
  const { root } = ledger
  const providers = new Map<string, string>()
  for (const [name, at] of named(root.any('providers', 'model_configs', 'backends'))) {
    const id = readProxyProvider(name, at, draft)
    if (id === undefined) continue
    for (const alias of [
      name,
      at.get('name').text,
      at.get('technical_name').text,
      at.get('id').text,
    ]) {
      if (alias !== undefined && !providers.has(alias)) providers.set(alias, id)
    }
  }
  const groups = groupsOf(root.get('groups'))
  for (const [name, at] of named(root.get('models'))) {
    readModel(name, at, { draft, providers })
  }
  readGroups(groups, root.get('models'), draft)
  readNetwork(root, draft)
  readLimits(root.get('rate_limits', 'global'), draft)
  readServices(root, draft)
  leave(root, LEFT)
  return draft
}

/** Entries of a list or of a mapping, each with its name: what it says itself, else its key. */
function named(list: Cursor): [name: string, at: Cursor][] {
  if (!list.isThere) return []
  if (!list.isList && !list.isMapping) {
    list.left('is neither a list nor a mapping')
    return []
  }
  return list.members().flatMap(([key, at]): [string, Cursor][] => {
    const own = list.isList ? undefined : key
    const name = own ?? at.any('alias', 'id', 'technical_name', 'name').text ?? at.text
    if (name !== undefined) return [[name, at]]
    at.left('has no name')
    return []
  })
}

interface ModelContext {
  readonly draft: Draft
  readonly providers: ReadonlyMap<string, string>
}

function readModel(name: string, at: Cursor, { draft, providers }: ModelContext): void {
  const id = name.replaceAll('${', () => '$${')
  if (!at.isMapping) {
    // `"alias": "provider/model"`, or a name alone.
    const target = targetOf(at.text, providers)
    if (target === undefined || draft.problem('models.id', id) !== undefined) {
      at.left('names no provider that was carried')
    } else if (draft.models.has(name)) at.left('a model has that name')
    else {
      draft.models.set(name, { id, targets: [target] })
      at.carried('models[].targets')
    }
    return
  }
  if (
    at.get('enabled').flag === false ||
    /^(?:disabled|rejected|deleted)$/i.test(at.get('status').text ?? '')
  ) {
    at.left('is turned off', 'Declare it when it is to be used.')
    return
  }
  const provider = at.any('provider', 'provider_id', 'backend')
  const only = providers.size === 1 ? [...providers.values()][0] : undefined
  const providerId = provider.text === undefined ? only : providers.get(provider.text)
  const modelAt = at.any(
    'target_model',
    'target_model_name',
    'deployment',
    'deployment_name',
    'model',
    'technical_name',
  )
  const model = modelAt.text ?? name
  if (
    providerId === undefined ||
    draft.problem('models.id', id) !== undefined ||
    draft.problem('models.targets.model', draft.secrets.plain(model)) !== undefined
  ) {
    at.left('names no provider that was carried, or no name that can be one')
    return
  }
  const target = { provider: providerId, model: draft.secrets.plain(model) }
  const there = draft.models.get(name)
  if (there !== undefined) there.targets.push(target)
  else draft.models.set(name, { id, targets: [target] })
  for (const part of ['alias', 'id', 'name']) {
    if (at.get(part).text === name) at.get(part).carried('models[].id')
  }
  at.get('technical_name').carried('models[].id')
  at.get('enabled').carried('models[]')
  at.get('status').carried('models[]')
  provider.carried('models[].targets[].provider')
  if (!modelAt.isSettled) modelAt.carried('models[].targets[].model')
  readModelMembers(at, draft.models.get(name)!, draft)
}

function targetOf(text: string | undefined, providers: ReadonlyMap<string, string>) {
  if (text === undefined) return undefined
  const slash = text.indexOf('/')
  const only = providers.size === 1 ? [...providers.values()][0] : undefined
  const provider = slash > 0 ? (providers.get(text.slice(0, slash)) ?? only) : only
  const model = slash > 0 && providers.has(text.slice(0, slash)) ? text.slice(slash + 1) : text
  return provider === undefined || model.trim() === ''
    ? undefined
    : { provider, model: model.replaceAll('${', () => '$${') }
}

function readModelMembers(at: Cursor, model: ModelForm, draft: Draft): void {
  const context = at.any('context_window', 'max_context', 'max_input_tokens')
  const { number } = context
  if (number !== undefined && draft.problem('models.context_window', number) === undefined) {
    model.context_window = number
    context.carried('models[].context_window')
  } else context.left('is no number of tokens')
  leave(at, MODEL_LEFT)
}

interface Group {
  readonly name: string
  readonly at: Cursor
  readonly models: readonly Cursor[]
}

function groupsOf(list: Cursor): Group[] {
  return named(list).map(([name, at]) => {
    const models = at.isMapping ? at.any('models', 'allowed_models') : at
    return { name, at, models: models.isList ? models.members().map(([, one]) => one) : [] }
  })
}

/** Who may ask for what. Where there are groups, a model of none is nobody’s: it must not become everybody’s. */
function readGroups(groups: readonly Group[], models: Cursor, draft: Draft): void {
  const access = new Map<ModelForm, string[]>()
  const allow = (model: ModelForm | undefined, who: string, at: Cursor): void => {
    if (model === undefined) {
      at.left('is no model that was carried')
      return
    }
    access.set(model, [...new Set([...(access.get(model) ?? []), who])])
    at.changed('models[].access', 'a group of Weir or of a login’s token, by that name')
  }
  for (const { at, models: members, name } of groups) {
    const who = `group:${name.replaceAll('${', () => '$${')}`
    if (draft.problem('models.access', [who]) !== undefined) {
      at.left('has a name that cannot be a group')
      continue
    }
    for (const one of members) {
      if (one.text === '*' || one.text === 'all') {
        for (const model of draft.models.values()) {
          access.set(model, [...new Set([...(access.get(model) ?? []), who])])
        }
        one.changed('models[].access', 'every model that was carried')
      } else allow(draft.models.get(one.text ?? ''), who, one)
    }
    readGroup(at, name)
  }
  for (const [name, at] of named(models)) {
    const list = at.get('groups')
    for (const [, one] of list.isList ? list.members() : []) {
      // Of an entry that was left behind everything is said.
      if (one.isSettled) continue
      const who = `group:${(one.text ?? '').replaceAll('${', () => '$${')}`
      if (one.text === undefined || draft.problem('models.access', [who]) !== undefined) {
        one.left('is no name of a group')
      } else allow(draft.models.get(name), who, one)
    }
  }
  const isGuarded = groups.length > 0 || access.size > 0
  for (const model of draft.models.values()) {
    if (isGuarded) model.access = access.get(model) ?? []
  }
}

function readGroup(at: Cursor, name: string): void {
  if (!at.isMapping) return
  for (const part of ['name', 'id', 'technical_name', 'alias']) {
    if (at.get(part).text === name)
      at.get(part).changed('models[].access', 'made with weir groups create')
  }
  const money: [note: string, way: string] = [
    'a budget is a team’s, not a group’s',
    'Make a team, and set budgets with per: team and only: TEAM.',
  ]
  const rate: [note: string, way: string] = [
    'a limit is a team’s, not a group’s',
    'Make a team, and set limits with per: team and only: TEAM.',
  ]
  leave(at, {
    budget: money,
    max_budget: money,
    monthly_budget: money,
    rate_limit: rate,
    rate_limits: rate,
    requests_per_minute: rate,
    tokens_per_minute: rate,
    users: ['who is in a group is said by login or by hand', 'See weir groups members.'],
    members: ['who is in a group is said by login or by hand', 'See weir groups members.'],
    description: ['is said where the group is made', 'See weir groups create.'],
    id: ['ids are made here'],
  })
}

/** One window of the whole day is a limit of a day; parts of a day are none. */
function readLimits(global: Cursor, draft: Draft): void {
  if (!global.isThere) return
  const windows = global.get('windows')
  const list = windows.members().map(([, at]) => at)
  const [only] = list
  const isDay =
    list.length === 1 &&
    /^00:00(?::00)?$/.test(only?.get('from_time').text ?? '') &&
    /^(?:23:59|24:00)/.test(only?.get('to_time').text ?? '')
  if (global.get('enabled').flag === false || !isDay || only === undefined) {
    global.left(
      'limits hold for any minute, hour or day, not for parts of a day',
      'Set limits with per: global.',
    )
    return
  }
  const limit: Record<string, JsonValue> = { per: 'global' }
  for (const [name, member] of [
    ['max_requests', 'requests_per_day'],
    ['max_tokens', 'tokens_per_day'],
  ] as const) {
    const at = only.get(name)
    const { number } = at
    if (number === undefined || draft.problem(`limits.${member}`, number) !== undefined) {
      at.left('is no bound')
    } else {
      limit[member] = number
      at.changed(`limits[].${member}`, 'of any 24 hours, not of a calendar day')
    }
  }
  if (Object.keys(limit).length > 1) draft.limits.push(limit)
  for (const at of [only.get('from_time'), only.get('to_time'), global.get('enabled')]) {
    at.carried('limits[]')
  }
}

function readServices(root: Cursor, draft: Draft): void {
  const cache = root.get('redis_cache')
  const redis = cache.get('enabled').flag === false ? undefined : redisUrl(cache, '', draft)
  if (redis !== undefined && carryRedis(redis, draft)) cache.get('enabled').carried('redis.url')
  cache.left('shares health and limits, and needs no more than its address', 'Set redis.url.')
  const seen = root.get('observability')
  const endpoint = seen.get('otlp_endpoint')
  const text = endpoint.text ?? ''
  if (seen.get('traces_enabled').flag === false) endpoint.left('traces are turned off')
  else if (/:4317\/?$/.test(text)) {
    endpoint.left('is the port of gRPC', 'Set tracing.endpoint to its HTTP port, mostly 4318.')
  } else {
    const isSet = draft.carry(endpoint, 'tracing.endpoint', draft.secrets.plain(text))
    if (isSet) seen.get('traces_enabled').carried('tracing.endpoint')
  }
  draft.carry(
    seen.get('service_name'),
    'tracing.service_name',
    draft.secrets.plain(seen.get('service_name').text ?? ''),
  )
}
