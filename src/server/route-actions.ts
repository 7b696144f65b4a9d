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
 * - `scope`: one that the request names, or that what it names has. Whoever may do it to any of their tenant passes the door; the handler
 *   asks again for that scope;
 * - `process`: what all tenants share. With more than one tenant it is for those with rights over the whole installation.
 */
export type Subject =
  'nothing' | 'browser' | 'model' | 'provider' | 'own' | 'tenant' | 'scope' | 'process'

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
    [
      '/login',
      '/login/:issuer',
      '/callback',
      '/setup',
      '/password',
      '/frontchannel/:issuer',
      '/session',
    ],
    'public.read',
    'nothing',
  ),
  ...rules(
    'POST',
    ['/auth'],
    ['/login/local', '/login/link', '/setup', '/password', '/backchannel/:issuer'],
    'public.read',
    'nothing',
  ),
  ...rules('GET', ['/auth'], ['/sessions'], 'public.read', 'browser'),
  ...rules('POST', ['/auth'], ['/logout'], 'public.read', 'browser'),
  ...rules('DELETE', ['/auth'], ['/sessions/:id'], 'public.read', 'browser'),
  ...rules('GET', [''], ['/metrics'], 'metrics.read', 'process'),
  ...rules('GET', [''], ['/openapi.json', '/docs', '/docs/*'], 'public.read', 'nothing'),

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
  ...rules('GET', ['/admin'], ['/telemetry'], 'health.read', 'process'),
  ...rules('GET', ['/admin'], ['/sessions'], 'session.read', 'tenant'),
  ...rules('DELETE', ['/admin'], ['/sessions/:id'], 'session.delete', 'tenant'),

  ...people('users', 'user'),
  ...rules('POST', ['/admin/users'], ['/:id/password'], 'user.write', 'tenant'),
  ...rules('DELETE', ['/admin/users'], ['/:id/sessions'], 'session.delete', 'tenant'),
  ...people('groups', 'group'),
  ...people('teams', 'team'),
  ...['PUT', 'DELETE'].flatMap((method) => [
    ...rules(method, ['/admin/groups'], ['/:id/members/:user'], 'group.write', 'tenant'),
    ...rules(method, ['/admin/teams'], ['/:id/members/:user'], 'team.write', 'tenant'),
  ]),
  ...people('services', 'service'),
  ...people('roles', 'role'),
  // One sees one's own; what makes and ends them concerns everybody.
  ...rules('GET', ['/admin/tenants'], ['', '/:id'], 'tenant.read', 'tenant'),
  ...rules('POST', ['/admin/tenants'], [''], 'tenant.write', 'process'),
  ...rules('PATCH', ['/admin/tenants'], ['/:id'], 'tenant.write', 'process'),
  ...rules('DELETE', ['/admin/tenants'], ['/:id'], 'tenant.delete', 'process'),
  ...rules('GET', ['/admin/assignments'], [''], 'assignment.read', 'scope'),
  ...rules('POST', ['/admin/assignments'], [''], 'assignment.write', 'scope'),
  ...rules('DELETE', ['/admin/assignments'], ['/:id'], 'assignment.delete', 'scope'),
  ...rules('GET', ['/admin'], ['/actions'], 'role.read', 'tenant'),
  ...rules('POST', ['/admin'], ['/can'], 'assignment.read', 'tenant'),

  ...rules('POST', ['/admin'], ['/route'], 'route.read', 'model'),
  ...rules('GET', ['/admin/models'], ['', '/:id'], 'model.read', 'model'),
  ...rules('POST', ['/admin/models'], [''], 'model.write', 'model'),
  ...rules('PUT', ['/admin/models'], ['/:id'], 'model.write', 'model'),
  ...rules('PATCH', ['/admin/models'], ['/:id'], 'model.write', 'model'),
  ...rules('DELETE', ['/admin/models'], ['/:id'], 'model.delete', 'model'),
  ...rules('GET', ['/admin/snippets'], [''], 'model.list', 'model'),
  ...rules('GET', ['/admin/playground'], ['/models'], 'model.list', 'model'),
  ...rules('POST', ['/admin/playground'], ['/chat/completions'], 'model.invoke', 'model'),
  ...rules('GET', ['/admin/mappings'], ['', '/:id'], 'model.read', 'tenant'),
  ...rules('POST', ['/admin/mappings'], [''], 'model.write', 'tenant'),
  ...rules('PATCH', ['/admin/mappings'], ['/:id'], 'model.write', 'tenant'),
  ...rules('DELETE', ['/admin/mappings'], ['/:id'], 'model.write', 'tenant'),
  ...rules(
    'GET',
    ['/admin'],
    ['/provider-types', '/providers', '/providers/:id'],
    'provider.read',
    'provider',
  ),
  ...rules(
    'POST',
    ['/admin/providers'],
    ['', '/test', '/:id/test', '/:id/reset'],
    'provider.write',
    'provider',
  ),
  ...rules('PUT', ['/admin/providers'], ['/:id'], 'provider.write', 'provider'),
  ...rules('PATCH', ['/admin/providers'], ['/:id'], 'provider.write', 'provider'),
  ...rules('DELETE', ['/admin/providers'], ['/:id'], 'provider.delete', 'provider'),
  ...rules('POST', ['/admin/providers'], ['/:id/discover'], 'discovery.write', 'provider'),
  ...rules('GET', ['/admin/providers'], ['/:id/keys'], 'provider_key.read', 'provider'),
  ...rules('POST', ['/admin/providers'], ['/:id/keys'], 'provider_key.write', 'provider'),
  ...rules('PATCH', ['/admin/providers'], ['/:id/keys/:key'], 'provider_key.write', 'provider'),
  ...rules('DELETE', ['/admin/providers'], ['/:id/keys/:key'], 'provider_key.write', 'provider'),
  ...rules('POST', ['/admin'], ['/discovery/azure'], 'discovery.write', 'tenant'),
  ...rules('GET', ['/admin'], ['/models/status'], 'discovery.read', 'provider'),
  ...rules('POST', ['/admin'], ['/models/refresh'], 'discovery.write', 'provider'),

  ...rules('GET', ['/admin/usage'], ['', '/export'], 'usage.read', 'tenant'),
  ...rules('GET', ['/admin'], ['/usage/self', '/me/limits'], 'usage.self', 'own'),
  ...rules('GET', ['/admin/limits'], ['', '/:id', '/:id/state'], 'limit.read', 'tenant'),
  ...rules('POST', ['/admin/limits'], [''], 'limit.write', 'tenant'),
  ...rules('PUT', ['/admin/limits'], ['/:id'], 'limit.write', 'tenant'),
  ...rules('DELETE', ['/admin/limits'], ['/:id'], 'limit.delete', 'tenant'),
  ...rules('GET', ['/admin/budgets'], ['', '/:id', '/:id/accounts'], 'budget.read', 'tenant'),
  ...rules('POST', ['/admin/budgets'], ['', '/:id/reset'], 'budget.write', 'tenant'),
  ...rules('PUT', ['/admin/budgets'], ['/:id'], 'budget.write', 'tenant'),
  ...rules('DELETE', ['/admin/budgets'], ['/:id'], 'budget.delete', 'tenant'),

  ...rules('GET', ['/admin/content-rules'], ['', '/:id'], 'content_rule.read', 'tenant'),
  ...rules('POST', ['/admin/content-rules'], [''], 'content_rule.write', 'tenant'),
  ...rules('PUT', ['/admin/content-rules'], ['/:id'], 'content_rule.write', 'tenant'),
  ...rules('DELETE', ['/admin/content-rules'], ['/:id'], 'content_rule.delete', 'tenant'),
  // Of all tenants together.
  ...rules('GET', ['/admin/content'], [''], 'content_rule.read', 'process'),
  ...rules('POST', ['/admin/content/sweep'], [''], 'content_rule.delete', 'process'),
  ...rules('GET', ['/admin/holds'], [''], 'hold.read', 'tenant'),
  ...rules('POST', ['/admin/holds'], [''], 'hold.write', 'tenant'),
  ...rules('POST', ['/admin/holds'], ['/:id/release'], 'hold.release', 'tenant'),
  ...rules('GET', ['/admin/erasures'], ['', '/:id', '/:id/report'], 'erasure.read', 'tenant'),
  ...rules('POST', ['/admin/erasures'], [''], 'erasure.write', 'tenant'),
  ...rules('GET', ['/admin/guardrails'], ['', '/:id'], 'guardrail.read', 'tenant'),
  ...rules('GET', ['/admin'], ['/guardrail-checks'], 'guardrail.read', 'tenant'),
  ...rules('POST', ['/admin/guardrails'], ['', '/order', '/try'], 'guardrail.write', 'tenant'),
  ...rules('PUT', ['/admin/guardrails'], ['/:id'], 'guardrail.write', 'tenant'),
  ...rules('DELETE', ['/admin/guardrails'], ['/:id'], 'guardrail.delete', 'tenant'),
  ...rules('GET', ['/admin/flags'], ['', '/:flag'], 'flag.read', 'tenant'),
  ...rules('GET', ['/admin'], ['/cache'], 'cache.read', 'tenant'),
  ...rules('DELETE', ['/admin'], ['/cache'], 'cache.write', 'tenant'),
  // They steer the program: whoever runs it says for whom.
  ...rules('PUT', ['/admin/flags'], ['/:flag'], 'flag.write', 'process'),
  ...rules('DELETE', ['/admin/flags'], ['/:flag'], 'flag.write', 'process'),

  ...rules(
    'GET',
    ['/admin/requests'],
    ['', '/facets', '/series', '/tail', '/:id'],
    'request.read',
    'tenant',
  ),
  ...rules('GET', ['/admin/requests'], ['/export'], 'request.read', 'tenant'),
  ...rules('GET', ['/admin/requests'], ['/:id/content'], 'request.content.read', 'tenant'),

  ...rules('GET', ['/admin'], ['/settings', '/about', '/secrets'], 'settings.read', 'process'),
  ...rules('PATCH', ['/admin'], ['/settings'], 'settings.write', 'process'),
  ...rules('POST', ['/admin'], ['/secrets/rotate'], 'secret.rotate', 'process'),
  // Each part is asked for by itself: what one may not see is not in the file, what one may not change is refused.
  ...rules('GET', ['/admin'], ['/config/export'], 'settings.read', 'tenant'),
  ...rules('POST', ['/admin'], ['/config/import'], 'settings.read', 'tenant'),

  ...rules('GET', ['/admin/audit'], [''], 'audit.read', 'tenant'),
  ...rules('GET', ['/admin/audit'], ['/:sequence/content'], 'request.content.read', 'tenant'),
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

/** Reading, making, changing and deleting one kind of what a tenant has. */
function people(
  plural: string,
  kind: 'user' | 'group' | 'team' | 'service' | 'role',
): readonly RouteRule[] {
  const bases = [`/admin/${plural}`]
  return [
    ...rules('GET', bases, ['', '/:id'], `${kind}.read`, 'tenant'),
    ...rules('POST', bases, [''], `${kind}.write`, 'tenant'),
    ...rules('PATCH', bases, ['/:id'], `${kind}.write`, 'tenant'),
    ...rules('DELETE', bases, ['/:id'], `${kind}.delete`, 'tenant'),
  ]
}

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
