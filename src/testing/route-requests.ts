// A request to any route of the table, about one thing by its name: for tests that go over every route. What a route takes in is said once
// here, so that a new route is asked as soon as it is in the table.

import type { RouteRule } from '../server/route-actions.ts'

/** What a request names, in every place where a route may take it. */
export interface Named {
  readonly model: string
  readonly provider: string
  readonly id: string
}

export interface RouteRequest {
  /** With what was named escaped. */
  readonly path: string
  readonly init: {
    readonly method: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: string | FormData
  }
}

/** Routes whose body must be a form. */
const FORMS = /\/(audio\/translations|images\/variations|files)$/

/** A request about this; a text alone stands for all of it. */
export function requestTo(rule: RouteRule, about: string | Named): RouteRequest {
  const named = typeof about === 'string' ? { model: about, provider: about, id: about } : about
  const path = pathOf(rule, named)
  const { method } = rule
  if (method === 'GET' || method === 'HEAD' || method === 'DELETE') {
    return { path, init: { method, headers: {} } }
  }
  if (FORMS.test(rule.path)) {
    const form = new FormData()
    form.append('model', named.model)
    form.append('purpose', 'batch')
    const file = new File(['x'], 'x.jsonl')
    form.append('file', file)
    form.append('image', file)
    return { path, init: { method, headers: {}, body: form } }
  }
  const body = JSON.stringify(bodyOf(rule, named))
  return { path, init: { method, headers: { 'content-type': 'application/json' }, body } }
}

function pathOf({ method, path }: RouteRule, { id, model, provider }: Named): string {
  const segment = encodeURIComponent
  const [first = '', ...rest] = model.split('/')
  return path
    .replace('/admin/models/:id', `/admin/models/${segment(model)}`)
    .replace(':model/:rest', `${segment(first)}/${segment(rest.join('/') || 'm')}`)
    .replace(':model', segment(model))
    .replace(':provider', segment(provider))
    .replace('/admin/providers/:id', `/admin/providers/${segment(provider)}`)
    .replace(/:[a-z]+/gi, segment(id))
    .replace('*', wildcard(method, path, model))
}

function wildcard(method: string, path: string, model: string): string {
  if (path.startsWith('/proxy/')) return 'models'
  if (path.startsWith('/ui/')) return 'app.js'
  if (method !== 'POST') return model
  return path === '/v1/models/*' ? `${model}:generateContent` : `models/${model}:generateContent`
}

/** By route. Nothing is made that stays: ids here are none that could be chosen, or name what must be there. */
const PEOPLE_BODIES: Readonly<Record<string, (id: string) => Record<string, unknown>>> = {
  'POST /admin/users': (id) => ({ subject: id, issuer: id }),
  'PATCH /admin/users/:id': () => ({ status: 'disabled' }),
  'POST /admin/users/:id/password': () => ({ password: 'a long pass phrase 1' }),
  'POST /admin/groups': (id) => ({ id, external: id }),
  'PATCH /admin/groups/:id': (id) => ({ external: id }),
  'POST /admin/teams': (id) => ({ id }),
  'PATCH /admin/teams/:id': () => ({ name: 'A team' }),
  'POST /admin/services': (id) => ({ id: 'a-service', issuer: id, client_id: id }),
  'PATCH /admin/services/:id': () => ({ status: 'disabled' }),
  'POST /admin/roles': (id) => ({ id, actions: ['model.list'] }),
  'PATCH /admin/roles/:id': () => ({ actions: ['*'] }),
  'POST /admin/tenants': (id) => ({ id }),
  'PATCH /admin/tenants/:id': () => ({ status: 'disabled' }),
  'POST /admin/assignments': (id) => ({ role: 'viewer', assignee: { kind: 'user', id } }),
  'POST /admin/can': (id) => ({ who: { kind: 'user', id }, action: 'model.invoke' }),
}

/** None of them makes what stays: a new one lacks its address. */
const PROVIDER_BODIES: Readonly<Record<string, (provider: string) => Record<string, unknown>>> = {
  'POST /admin/providers': (id) => ({ id, type: 'custom', compatible: 'openai' }),
  'POST /admin/providers/test': (id) => ({ id, type: 'openai', keys: ['sk-none'] }),
  'PUT /admin/providers/:id': () => ({ key_strategy: 'order' }),
  'PATCH /admin/providers/:id': () => ({ key_strategy: 'order' }),
  'POST /admin/providers/:id/test': () => ({}),
  'POST /admin/providers/:id/discover': () => ({}),
  'POST /admin/providers/:id/reset': () => ({}),
  'POST /admin/providers/:id/keys': () => ({ secret: 'sk-another-0123456789', id: 'another' }),
  'PATCH /admin/providers/:id/keys/:key': () => ({ draining: true }),
}

/** One body for every protocol: each reads its own members. */
function bodyOf(
  { method, path }: RouteRule,
  { id, model, provider }: Named,
): Record<string, unknown> {
  if (path === '/admin/models/refresh') return { provider }
  if (path === '/admin/discovery/azure') return { provider }
  if (path === '/admin/route') return { model }
  if (path === '/admin/settings') return { 'server.queue': 5 }
  if (path === '/admin/config/import') {
    const yaml = JSON.stringify({ models: [{ id: model, targets: [{ provider, model: 'm' }] }] })
    return { yaml, dry_run: true }
  }
  const ofPeople = PEOPLE_BODIES[`${method} ${path}`]
  if (ofPeople !== undefined) return ofPeople(id)
  const ofProviders = PROVIDER_BODIES[`${method} ${path}`]
  if (ofProviders !== undefined) return ofProviders(provider)
  if (path.startsWith('/admin/models')) {
    const targets = [{ provider, model: 'm' }]
    return method === 'POST' ? { id: model, targets } : { targets }
  }
  if (path.startsWith('/admin/mappings')) {
    const target = { provider_id: provider, provider_model_name: 'm' }
    return method === 'POST' ? { alias_name: model, ...target } : target
  }
  if (path.startsWith('/admin/limits')) {
    const limit = { per: 'key', requests_per_minute: 5 }
    return method === 'POST' ? { id: 'known', ...limit } : limit
  }
  if (path === '/admin/content/sweep') return { dry_run: true }
  if (path.startsWith('/admin/content-rules')) {
    const rule = { per: 'key', keep: 'metadata' }
    return method === 'POST' ? { id: 'known', ...rule } : rule
  }
  if (path === '/admin/holds') return { kind: 'key', subject: id, reason: 'a test' }
  if (path === '/admin/holds/:id/release') return { reason: 'a test' }
  if (path === '/admin/erasures') {
    return { kind: 'key', subject: 'nobody', reason: 'a test', dry_run: true }
  }
  if (path === '/admin/guardrails/try') return { texts: ['Hello.'], rules: [id] }
  if (path === '/admin/guardrails/order') return { ids: ['known'] }
  if (path.startsWith('/admin/guardrails')) {
    const rule = { check: 'pii' }
    return method === 'POST' ? { id: 'known', ...rule } : rule
  }
  if (path.startsWith('/admin/flags')) return { value: true }
  if (path.startsWith('/admin/budgets')) {
    if (path.endsWith('/reset')) return { subject: id }
    const budget = { per: 'key', usd: 5 }
    return method === 'POST' ? { id: 'known', ...budget } : budget
  }
  if (path === '/admin/keys' || path === '/admin/me/keys') return { name: id, actions: ['none'] }
  if (path.startsWith('/admin/keys') || path.startsWith('/admin/me/keys')) {
    return path.endsWith('/rotate') ? { overlap_seconds: 1 } : { models: [model] }
  }
  if (path.endsWith('/batches')) {
    return { input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' }
  }
  const text = 'Hello.'
  const messages = [{ role: 'user', content: text }]
  if (path.endsWith('/responses') || path.endsWith('/input_tokens')) {
    return { model, input: text, stream: false }
  }
  if (path.startsWith('/v1beta') || path.startsWith('/v1alpha') || path === '/v1/models/*') {
    return { contents: [{ role: 'user', parts: [{ text }] }] }
  }
  if (path.endsWith('/messages') || path.endsWith('/count_tokens')) {
    return { model, messages, max_tokens: 5 }
  }
  if (path.endsWith('/chat/completions') || path.endsWith('/chat')) {
    return { model, messages, stream: false }
  }
  if (path.endsWith('/embed') || path.endsWith('/embeddings')) {
    return path.startsWith('/v2/')
      ? { model, texts: [text], input_type: 'search_query', embedding_types: ['float'] }
      : { model, input: text, prompt: text }
  }
  if (path.endsWith('/rerank')) return { model, query: text, documents: [text] }
  if (path.endsWith('/speech')) return { model, input: text, voice: 'alloy' }
  return { model, prompt: text, input: text, stream: false }
}
