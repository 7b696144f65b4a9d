// How a route of the management API is made: one place that asks who it is, checks what was sent against the route's schemas and answers
// in one way. A route says what it takes and gives as TypeBox schemas, from which the checks, the types of the web UI's client and the
// documentation all follow; what it does is its own. Elysia is told the types alone: it would coerce, drop members and echo values.

import {
  Type as t,
  type Static,
  type TObject,
  type TProperties,
  type TSchema,
} from '@sinclair/typebox'
import type { Actor } from '../../core/audit.ts'
import { toGatewayError } from '../../core/error.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { can, scopes } from '../../core/permission.ts'
import type { Principal } from '../../core/principal.ts'
import { actorOf, admissionOf, type ServerDeps } from '../context.ts'
import { respondError, respondJson } from '../respond.ts'
import { ruleOf, type RouteRule } from '../route-actions.ts'
import { authorizeAdmin, requireStill } from './authorize.ts'
import { tenantAsked } from './body.ts'
import { bodyOf, queryOf } from './checked.ts'
import { etagOf, preconditionOf, unchanged } from './etag.ts'
import { onceOnly } from './idempotency.ts'

/** Schemas of TypeBox itself: the framework's own read numbers out of texts, which a body is not to do. */
export { t }

/** Groups of routes in the documentation. */
export type AdminTag =
  | 'Providers'
  | 'Models'
  | 'Keys'
  | 'People'
  | 'Limits and budgets'
  | 'Guardrails'
  | 'Content'
  | 'Usage'
  | 'Requests'
  | 'Audit'
  | 'Settings'
  | 'Health'
  | 'Playground'
  | 'Me'

/** What a route takes and gives. */
export interface RouteContract {
  /** A few words, as a heading. */
  readonly summary: string
  /** Sentences: what it does, and what a reader could not guess. */
  readonly description?: string
  readonly tag: AdminTag
  /** By name; `tenant` is added where a tenant can be named. Unknown names are refused. */
  readonly query?: TObject
  /** Objects in it should be `strict`, so that unknown members are refused. */
  readonly body?: TSchema
  /** Where it may be larger than most. */
  readonly bodyBytesMax?: number
  /** The body is left unread, to be read and checked by what the route hands the request to; the schema is for readers. */
  readonly raw?: true
  /** By status, of success alone; errors are problem details everywhere. `t.Void()` for none. */
  readonly answers: Readonly<Record<number, TSchema>>
  /** What it answers with instead of JSON, by status; several where the query chooses. */
  readonly media?: Readonly<Record<number, string | readonly string[]>>
  /** Statuses of errors besides 400, 401, 403 and 503, which any route may give. */
  readonly errors?: readonly number[]
  /** A creation that may be sent again: it takes `Idempotency-Key`. */
  readonly once?: true
  /** It is shown with an `ETag`, or takes `If-Match`. */
  readonly versioned?: true
  /** `?tenant=*` is every tenant, for those with rights over the whole installation: then `tenantId` is `*`. */
  readonly allTenants?: true
  /** Of the body, by name. */
  readonly examples?: Readonly<Record<string, JsonValue>>
}

type Checked<S> = S extends TSchema ? Static<S> : undefined

/** What a route is asked. */
export interface Ask<C extends RouteContract> {
  readonly request: Request
  /** Of the path, escapes undone. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Checked<C['query']>
  readonly body: Checked<C['body']>
  readonly principal: Principal
  readonly rule: RouteRule
  /** The tenant it is about: that of whoever asks, or the one that `?tenant=` names, where they may do this there. */
  readonly tenantId: string
  /** In whose name something is changed that has no version. */
  readonly actor: Actor
  /**
   * In whose name something is changed that has one: the change fails with 412 where the request's `If-Match` does not fit what `read` gives
   * within the change itself.
   * @param read what the resource's `ETag` is made of; undefined where there is none
   */
  changing(read: () => Promise<JsonObject | undefined>): Actor
  /** A JSON answer. */
  reply(body: JsonObject, status?: number): Response
  /**
   * One resource with its `ETag`; 304 where the client has it already.
   * @param version what the tag is made of, where the body has members that change by themselves
   */
  show(body: JsonObject, options?: { status?: number; version?: JsonObject }): Response
}

type Answers<C extends RouteContract> = C['answers'][keyof C['answers']]

/** The hooks as Elysia's types are told them. */
type Told<C extends RouteContract> = {
  [K in Extract<keyof C, 'query' | 'body'>]: C[K]
} & { response: C['answers'] & Readonly<Record<ProblemStatus, typeof ProblemSchema>> }

type ProblemStatus = 400 | 401 | 403 | 404 | 409 | 412 | 503

type Handler<C extends RouteContract> = (context: {
  request: Request
}) => Promise<Static<Extract<Answers<C>, TSchema>>>

/** A contract as a registered route has it with it, for the documentation. */
export interface RouteDetail {
  readonly contract: RouteContract
  readonly rule: RouteRule
}

/** An error of the management API: RFC 9457. */
export const ProblemSchema = t.Object(
  {
    type: t.String({ description: 'Names the kind of problem: `urn:weir:problem:` and the code.' }),
    title: t.String(),
    status: t.Integer(),
    detail: t.String({ description: 'Words for people.' }),
    code: t.String({ description: 'Stable; programs act upon it.' }),
    param: t.Union([t.String(), t.Null()], {
      description: 'The member of the body or the parameter that is wrong, as `targets[0].model`.',
    }),
    request_id: t.String(),
  },
  { $id: 'Problem' },
)

/** An object of a body: members that are not named are refused. */
export function strict<P extends TProperties>(properties: P, options: object = {}): TObject<P> {
  return t.Object(properties, { ...options, additionalProperties: false })
}

const CONTROLS = '\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029'

/** A text of people: no control characters, nothing blank around it. */
export function words(charsMax: number, options: object = {}) {
  return t.String({
    minLength: 1,
    maxLength: charsMax,
    // Without classes of Unicode: schemas are read by engines that know none.
    pattern: `^[^\\s${CONTROLS}](?:[^${CONTROLS}]*[^\\s${CONTROLS}])?$`,
    ...options,
  })
}

/** The value or null: null says none. */
export function nullable<S extends TSchema>(schema: S, options: object = {}) {
  return t.Union([schema, t.Null()], options)
}

/** One of these words. */
export function oneOf<const W extends readonly string[]>(list: W, options: object = {}) {
  return t.Unsafe<W[number]>({ type: 'string', enum: [...list], ...options })
}

/** A moment: ISO 8601, UTC. */
export function moment(options: object = {}) {
  return t.String({ format: 'date-time', ...options })
}

/**
 * Makes routes for `new Elysia().get(path, ...on('GET', path, contract, answer))`.
 * @throws RangeError for a route without a rule
 */
export function adminRoutes(deps: ServerDeps) {
  return function on<const C extends RouteContract>(
    method: string,
    path: string,
    contract: C,
    answer: (ask: Ask<C>) => Promise<Response> | Response,
  ): [handler: Handler<C>, hooks: Told<C>] {
    const rule = ruleOf(method, path)
    const detail: RouteDetail = { contract, rule }
    const handler = async (context: { request: Request; params?: unknown }) => {
      const { request } = context
      try {
        const params = (context.params ?? {}) as Readonly<Record<string, string>>
        const response = await answered(request, params, rule, contract, answer, deps)
        if (!response.headers.has('cache-control')) {
          response.headers.set('cache-control', 'no-store')
        }
        return response
      } catch (thrown) {
        return respondError(request, noted(request, thrown, deps))
      }
    }
    const hooks = { parse: 'none', detail: { weir: detail } }
    return [handler as unknown as Handler<C>, hooks as unknown as Told<C>]
  }
}

async function answered<C extends RouteContract>(
  request: Request,
  params: Readonly<Record<string, string>>,
  rule: RouteRule,
  contract: C,
  answer: (ask: Ask<C>) => Promise<Response> | Response,
  deps: ServerDeps,
): Promise<Response> {
  const before = deps.gateway.snapshot()
  const arrived = await authorizeAdmin(request, rule, deps)
  // Of whom nothing is known is nothing read.
  const sent =
    contract.body === undefined || contract.raw === true
      ? undefined
      : await bodyOf(request, contract.body, deps, contract.bodyBytesMax)
  // A body may take its time: what was taken from whoever sends it meanwhile is no longer theirs.
  const isSame = deps.gateway.snapshot() === before
  const principal = isSame ? arrived : requireStill(request, arrived, rule, deps)
  const actor = actorOf(request, principal)
  const isTenants = rule.subject !== 'own' && rule.subject !== 'process'
  const isAll = contract.allTenants === true && isAllAsked(request, principal, rule)
  const tenantId = isAll
    ? ALL_TENANTS
    : isTenants
      ? tenantAsked(request, principal, rule, deps)
      : principal.tenantId
  const ask = {
    request,
    params,
    principal,
    rule,
    tenantId,
    actor,
    query: queryOf(request, contract.query, isTenants),
    body: sent,
    changing: (read: () => Promise<JsonObject | undefined>) => {
      const precondition = preconditionOf(request, read)
      return precondition === undefined ? actor : { ...actor, precondition }
    },
    reply: (body: JsonObject, status = 200) => respondJson(request, body, status),
    show: (body: JsonObject, { status = 200, version = body } = {}) => {
      const etag = etagOf(version)
      const response = unchanged(request, etag) ?? respondJson(request, body, status)
      response.headers.set('etag', etag)
      return response
    },
  } as unknown as Ask<C>
  if (contract.once !== true) return await answer(ask)
  return await onceOnly(ask, deps, () => answer(ask))
}

/** What `tenantId` is where all are asked for; no tenant can be called so. */
export const ALL_TENANTS = '*'

function isAllAsked(request: Request, principal: Principal, { action }: RouteRule): boolean {
  const named = new URL(request.url).searchParams.get('tenant')
  return named === ALL_TENANTS && can(principal, action, scopes.platform)
}

/** Whatever went wrong, as an answer; what was not meant for a client is told to the log. */
function noted(request: Request, thrown: unknown, deps: ServerDeps) {
  const error = toGatewayError(thrown)
  if (error.kind === 'internal') {
    const { cause } = error
    deps.logger.error('internal error', {
      request_id: admissionOf(request).requestId,
      path: new URL(request.url).pathname.slice(0, 200),
      error: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
    })
  }
  return error
}
