// The one table of what each route is for: method and path → action, and what the action is done to. Whoever answers a route asks it by
// the rule it finds here, and there is no other way to get one; `route-actions.test.ts` holds the table against the routes there are.

import type { Action } from '../core/permission.ts'

/**
 * What the action of a route is done to, and so where it must be allowed:
 * - `nothing`: anybody may, without saying who they are;
 * - `model`, `provider`: one that the request names. Whoever may do it to any of their tenant passes the door; the gateway or the
 *   handler asks again for the one that is named, and answers for what is not theirs as for what is not there;
 * - `browser`: the sessions of the person whose browser asks. It needs no role, but a session: the handler looks for it;
 * - `own`: what belongs to whoever asks;
 * - `tenant`: the tenant of whoever asks, as a whole;
 * - `process`: what all tenants share. With more than one tenant it is for those with rights over the whole installation.
 */
export type Subject = 'nothing' | 'browser' | 'model' | 'provider' | 'own' | 'tenant' | 'process'

declare const fromTable: unique symbol

/** A row of the table. */
export interface RouteRule {
  readonly [fromTable]: true
  readonly method: string
  /** As it is registered, without `/k/:key` in front. */
  readonly path: string
  readonly action: Action
  readonly subject: Subject
}

/** Where clients of OpenAI, and of Azure OpenAI in its newer and older ways, ask. */
const OPENAI = ['/v1', '/openai/v1']
const DEPLOYMENTS = ['/openai/deployments/:model', '/openai/deployments/:model/:rest']
const OBJECTS = [...OPENAI, '/openai']
const ANTHROPIC = ['', '/anthropic']
const GEMINI = ['/v1beta', '/v1alpha']
const LISTS = [...OBJECTS, '/anthropic/v1', ...GEMINI]
const PROXY = ['/proxy/:provider', '/proxy/:provider/*']

/** Every route there is. */
export const ROUTE_RULES: readonly RouteRule[] = [
  ...rules('GET', [''], ['/health', '/readyz', '/', '/ui', '/ui/*'], 'public.read', 'nothing'),
  // Who logs in is nobody yet; what a session of one's own is needed for asks for it itself.
  ...rules(
    'GET',
    ['/auth'],
    ['/login', '/login/:issuer', '/callback', '/setup', '/frontchannel/:issuer', '/session'],
    'public.read',
    'nothing',
  ),
  ...rules(
    'POST',
    ['/auth'],
    ['/login/local', '/setup', '/backchannel/:issuer'],
    'public.read',
    'nothing',
  ),
  ...rules('GET', ['/auth'], ['/sessions'], 'public.read', 'browser'),
  ...rules('POST', ['/auth'], ['/logout'], 'public.read', 'browser'),
  ...rules('DELETE', ['/auth'], ['/sessions/:id'], 'public.read', 'browser'),
  ...rules('GET', [''], ['/metrics'], 'metrics.read', 'process'),

  ...rules(
    'POST',
    [...OPENAI, ...DEPLOYMENTS],
    ['/chat/completions', '/completions', '/embeddings'],
    'model.invoke',
    'model',
  ),
  ...rules('POST', OBJECTS, ['/responses', '/responses/input_tokens'], 'model.invoke', 'model'),
  ...rules(
    'POST',
    ANTHROPIC,
    ['/v1/messages', '/v1/messages/count_tokens'],
    'model.invoke',
    'model',
  ),
  ...rules(
    'POST',
    [''],
    ['/api/chat', '/api/generate', '/api/embed', '/api/embeddings', '/v2/chat', '/v2/embed'],
    'model.invoke',
    'model',
  ),
  ...rules('POST', [...GEMINI, '/v1/models'], ['/*'], 'model.invoke', 'model'),
  ...rules(
    'POST',
    [...OPENAI, ...DEPLOYMENTS],
    [
      '/images/generations',
      '/images/edits',
      '/audio/transcriptions',
      '/audio/translations',
      '/audio/speech',
    ],
    'model.invoke',
    'model',
  ),
  ...rules(
    'POST',
    OPENAI,
    ['/images/variations', '/moderations', '/rerank', '/responses/compact'],
    'model.invoke',
    'model',
  ),
  ...rules('POST', [''], ['/v2/rerank'], 'model.invoke', 'model'),

  ...rules('GET', OBJECTS, ['/responses/:id', '/responses/:id/input_items'], 'model.invoke', 'own'),
  ...rules('DELETE', OBJECTS, ['/responses/:id'], 'model.invoke', 'own'),
  ...rules('POST', OBJECTS, ['/responses/:id/cancel'], 'model.invoke', 'own'),
  ...rules(
    'GET',
    OBJECTS,
    ['/files', '/files/:id', '/files/:id/content', '/batches', '/batches/:id'],
    'model.invoke',
    'provider',
  ),
  ...rules(
    'POST',
    OBJECTS,
    ['/files', '/batches', '/batches/:id/cancel'],
    'model.invoke',
    'provider',
  ),
  ...rules('DELETE', OBJECTS, ['/files/:id'], 'model.invoke', 'provider'),
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].flatMap((method) =>
    rules(method, PROXY, [''], 'provider.proxy', 'provider'),
  ),

  ...rules('GET', LISTS, ['/models', '/models/*'], 'model.list', 'model'),
  ...rules('GET', ['/api'], ['/tags', '/ps', '/version'], 'model.list', 'model'),
  ...rules('POST', ['/api'], ['/show'], 'model.list', 'model'),

  ...rules('GET', ['/admin'], ['/health'], 'health.read', 'provider'),
  ...rules('GET', ['/admin'], ['/sessions'], 'session.read', 'tenant'),
  ...rules('DELETE', ['/admin'], ['/sessions/:id'], 'session.delete', 'tenant'),
  ...rules('POST', ['/admin'], ['/route'], 'route.read', 'model'),
  ...rules('POST', ['/admin'], ['/discovery/azure'], 'discovery.write', 'tenant'),
  ...rules('GET', ['/admin'], ['/models/status'], 'discovery.read', 'provider'),
  ...rules('POST', ['/admin'], ['/models/refresh'], 'discovery.write', 'provider'),

  ...rules('GET', ['/admin/usage'], [''], 'usage.read', 'tenant'),
  ...rules('GET', ['/admin/usage'], ['/self'], 'usage.self', 'own'),
  ...rules('GET', ['/admin/budgets'], [''], 'budget.read', 'tenant'),

  ...rules('GET', ['/admin/audit'], [''], 'audit.read', 'tenant'),
  ...rules('GET', ['/admin/audit'], ['/export'], 'audit.export', 'tenant'),
  ...rules('GET', ['/admin/audit'], ['/verify'], 'audit.read', 'process'),

  ...rules('GET', ['/admin/keys'], ['', '/:id'], 'key.read', 'tenant'),
  ...rules('POST', ['/admin/keys'], ['', '/:id/rotate'], 'key.write', 'tenant'),
  ...rules('PATCH', ['/admin/keys'], ['/:id'], 'key.write', 'tenant'),
  ...rules('DELETE', ['/admin/keys'], ['/:id'], 'key.delete', 'tenant'),
  ...rules('GET', ['/admin/me/keys'], ['', '/:id'], 'key.self', 'own'),
  ...rules('POST', ['/admin/me/keys'], ['', '/:id/rotate'], 'key.self', 'own'),
  ...rules('PATCH', ['/admin/me/keys'], ['/:id'], 'key.self', 'own'),
  ...rules('DELETE', ['/admin/me/keys'], ['/:id'], 'key.self', 'own'),
]

function rules(
  method: string,
  bases: readonly string[],
  paths: readonly string[],
  action: Action,
  subject: Subject,
): RouteRule[] {
  return bases.flatMap((base) =>
    paths.map((path) => ({ method, path: `${base}${path}`, action, subject }) as RouteRule),
  )
}

const byRoute = new Map(ROUTE_RULES.map((rule) => [`${rule.method} ${rule.path}`, rule]))

/**
 * The rule of a route, for whoever registers it; for its twin under `/k/:key` too.
 * @throws RangeError for a route without one: it must not be served
 */
export function ruleOf(method: string, path: string): RouteRule {
  const rule = byRoute.get(`${method} ${path}`)
  if (rule === undefined) throw new RangeError(`no rule for the route ${method} ${path}`)
  return rule
}
