// What a request would be sent to, without sending it: the decision for a model and for each it falls back to, from needs that are
// named instead of read from a body. For `/admin/route` and `weir route`; it takes nobody's turn and asks nobody.

import { DEFAULT_ROUTING, type FallbackCause, type Model } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import {
  asArray,
  asBoolean,
  asNumber,
  asString,
  invalidType,
  optional,
  required,
  type JsonObject,
} from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { routeJson, type RouteJson } from '../core/policy/route-json.ts'
import type { RouteNeeds } from '../core/policy/route-candidate.ts'
import { can, scopes } from '../core/permission.ts'
import { callerOf, DEFAULT_TENANT_ID, type Principal } from '../core/principal.ts'
import { fallbacksFor } from './fallback.ts'
import { allowedModel, fallbackModel, modelNotFound } from './model-access.ts'
import { resolve } from './resolve.ts'
import type { RoutingDeps } from './route-facts.ts'
import { refusalOf } from './route-refusal.ts'
import { readPin, readTags, type RouteWishes } from './route-wishes.ts'
import { offersOf, route, tenantValue, type RouteAsking } from './routing.ts'
import type { Catalog, Snapshot } from './snapshot.ts'

/** One model's part of the answer. */
export interface ExplainedRoute extends RouteJson {
  /** Why nobody would be asked; null where somebody would be. */
  readonly refused: { readonly kind: string; readonly message: string } | null
  /** When the first target that is left alone may be asked again; null where nobody has to wait for it. */
  readonly retry_after_ms: number | null
}

export interface ExplainedModel {
  readonly model: string
  readonly strategy: string
  readonly sticky: string | null
  /** The model's own, then those it falls back to, by cause. */
  readonly routes: readonly ExplainedRoute[]
}

const NEEDS = ['vision', 'tools', 'json_schema'] as const
const MEMBERS: ReadonlySet<string> = new Set([
  'model',
  'needs',
  'tokens',
  'tags',
  'target',
  'session',
  'user',
  'key',
  'completion',
  'tenant',
])

/** What is asked, read. */
interface Question extends RouteWishes {
  readonly model: string
  readonly needs: ReadonlySet<string>
  readonly tokens: number
  readonly session: string | undefined
  readonly user: string | undefined
  /** Name or id of an API key. */
  readonly key: string | undefined
  readonly completion: boolean
  /** As which tenant's request; absent: that of whoever asks. */
  readonly tenant: string | undefined
}

/**
 * Answers one question: `{model, needs?, tokens?, tags?, target?, session?, user?, key?, completion?, tenant?}`.
 * @param asker who asks, and sees no more than they may; absent: whoever has the configuration itself
 * @throws GatewayError `invalid_request` naming the member, `model_not_found`
 */
export function explainRoute(
  body: JsonObject,
  snapshot: Snapshot,
  deps: RoutingDeps,
  asker?: Principal,
): ExplainedModel {
  const question = readQuestion(body)
  const tenantId = question.tenant ?? asker?.tenantId ?? DEFAULT_TENANT_ID
  if (asker !== undefined && !mayExplain(asker, tenantId, question.model)) {
    throw modelNotFound(question.model, 'model')
  }
  const catalog = snapshot.of(tenantId)
  const key = keyOf(question.key, tenantId, snapshot)
  const find = (id: string, by: typeof allowedModel) =>
    key === undefined ? resolve(id, catalog, deps.directory) : by(id, key, catalog, deps.directory)
  const model = find(question.model, allowedModel)
  if (model === undefined) throw modelNotFound(question.model, 'model')
  const { routing } = model
  const value =
    routing?.sticky === undefined ? undefined : valueOf(question, key, tenantId, routing.sticky)
  const explain = (one: Model, isAskedFor: boolean, fallbackFor: string | undefined) =>
    explained(one, isAskedFor, fallbackFor, question, value, catalog, deps)
  const others = fallbacksOf(model).map(({ cause, id }) => {
    const other = find(id, fallbackModel)
    return other === undefined ? lost(id, cause) : explain(other, false, cause)
  })
  return {
    model: model.id,
    strategy: (routing ?? DEFAULT_ROUTING).strategy,
    sticky: routing?.sticky ?? null,
    routes: [explain(model, true, undefined), ...others],
  }
}

/** Whether it may be told to them: what a request of this tenant for that model, or of that provider, would come to. */
function mayExplain(asker: Principal, tenantId: string, model: string): boolean {
  const slash = model.indexOf('/')
  const where = scopes.model(tenantId, model)
  const provider = scopes.provider(tenantId, model.slice(0, slash))
  return can(asker, 'route.read', slash > 0 ? [where, provider] : where)
}

function readQuestion(body: JsonObject): Question {
  const unknown = Object.keys(body).find((member) => !MEMBERS.has(member))
  if (unknown !== undefined) {
    throw new GatewayError('invalid_request', {
      param: unknown.slice(0, 100),
      message: `Unknown member. Known are: ${[...MEMBERS].join(', ')}.`,
    })
  }
  const words = (member: string) => optional(body, member, asWords, 'an array of strings')
  const needs = words('needs') ?? []
  if (!needs.every((need) => (NEEDS as readonly string[]).includes(need))) {
    throw invalidType('needs', `an array of ${NEEDS.join(', ')}`)
  }
  const tags = words('tags')
  const target = optional(body, 'target', asString, 'a string')
  return {
    model: required(body, 'model', asString, 'a string'),
    needs: new Set(needs),
    tokens: optional(body, 'tokens', asCount, 'a number of tokens') ?? 0,
    tags: tags === undefined ? undefined : readTags(tags, 'tags'),
    pin: target === undefined ? undefined : readPin(target, 'target'),
    session: optional(body, 'session', asString, 'a string'),
    user: optional(body, 'user', asString, 'a string'),
    key: optional(body, 'key', asString, 'a string'),
    completion: optional(body, 'completion', asBoolean, 'a boolean') ?? false,
    tenant: optional(body, 'tenant', asString, 'a string'),
  }
}

function asWords(value: unknown): string[] | undefined {
  const list = asArray(value)
  const words = list?.filter((item) => typeof item === 'string')
  return words?.length === list?.length ? words : undefined
}

function asCount(value: unknown): number | undefined {
  const count = asNumber(value)
  return count !== undefined && Number.isSafeInteger(count) && count >= 0 ? count : undefined
}

/** @throws GatewayError `invalid_request` for a key that is not there, or another tenant's */
function keyOf(
  name: string | undefined,
  tenantId: string,
  snapshot: Snapshot,
): Principal | undefined {
  if (name === undefined) return undefined
  const key = [...snapshot.keysByHash.values()].find(
    (one) => one.tenantId === tenantId && (one.name === name || one.id === name),
  )
  const principal = key && snapshot.principalOf(key)
  if (principal === undefined) {
    throw new GatewayError('invalid_request', {
      param: 'key',
      message: 'There is no such API key.',
    })
  }
  return principal
}

/** The value that a request of this caller would be kept together by. */
function valueOf(
  { session, user }: Question,
  key: Principal | undefined,
  tenantId: string,
  sticky: 'key' | 'user' | 'session',
): string | undefined {
  const own = key === undefined ? undefined : callerOf(key)
  const value = { key: own ?? 'local', user, session }[sticky]
  return value === undefined ? undefined : tenantValue(tenantId, value)
}

/** The models fallen back to, each cause with its own list, in the order the model names them. */
function fallbacksOf(model: Model): { readonly cause: FallbackCause; readonly id: string }[] {
  const { fallbacks } = model.routing ?? DEFAULT_ROUTING
  return (Object.keys(fallbacks) as FallbackCause[]).flatMap((cause) =>
    fallbacksFor(model, cause)
      .slice(0, LIMITS.fallbacksMax)
      .map((id) => ({ cause, id })),
  )
}

/** A fallback that names no model there is: a slip of the pen that no request would tell of. */
function lost(id: string, cause: FallbackCause): ExplainedRoute {
  const message = 'There is no such model.'
  return {
    model: id,
    by: DEFAULT_ROUTING.strategy,
    fallback_for: cause,
    candidates: [],
    refused: { kind: 'model_not_found', message },
    retry_after_ms: null,
  }
}

function needsOf({ completion, needs, tokens }: Question): RouteNeeds {
  return {
    vision: needs.has('vision'),
    tools: needs.has('tools'),
    jsonSchema: needs.has('json_schema'),
    form: completion ? 'completion' : 'chat',
    tokensMax: tokens,
    tokensMin: tokens,
    inputTokens: tokens,
    outputTokens: LIMITS.routeAnswerTokensMax,
  }
}

function explained(
  model: Model,
  isAskedFor: boolean,
  fallbackFor: string | undefined,
  question: Question,
  stickyValue: string | undefined,
  catalog: Catalog,
  deps: RoutingDeps,
): ExplainedRoute {
  const operation = question.completion ? 'completion' : 'chat'
  const asking: RouteAsking = {
    pin: question.pin,
    tags: question.tags,
    model,
    candidates: model.targets,
    operation: { name: operation, offers: offersOf(operation) },
    needs: needsOf(question),
    stickyValue: model.routing?.sticky === undefined ? undefined : stickyValue,
    isAskedFor,
  }
  const decision = route(asking, catalog, deps, deps.turns.next(catalog.tenantId, model.id))
  const nobody = decision.targets.length === 0
  const refusal = nobody ? refusalOf(asking, decision) : undefined
  return {
    ...routeJson(decision.record),
    fallback_for: fallbackFor ?? null,
    refused: refusal === undefined ? null : { kind: refusal.kind, message: refusal.message },
    retry_after_ms: nobody ? (decision.opensInMs ?? null) : null,
  }
}
