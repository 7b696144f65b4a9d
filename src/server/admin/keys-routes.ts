// `/admin/keys`: the API keys of a tenant, for whoever manages them; `/admin/me/keys`: one's own, for everybody who has some. A key is
// shown whole once, in the answer to its making, and nobody makes one that may do more than they may themselves.

import { Elysia } from 'elysia'
import { sha256Hex } from '../../auth/authenticate.ts'
import type { Actor } from '../../core/audit.ts'
import { API_KEY_RANDOM_BYTES, formatApiKey, keyLastFour, keyPrefix } from '../../core/api-key.ts'
import type { ApiKey } from '../../core/catalog.ts'
import { GatewayError, toGatewayError } from '../../core/error.ts'
import type { JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { keyBeyond } from '../../core/policy/key-rights.ts'
import type { ApiKeyChange, ApiKeyRepository, NewApiKey } from '../../core/ports.ts'
import type { Principal } from '../../core/principal.ts'
import { actorOf, type ServerDeps } from '../context.ts'
import { respondError, respondJson } from '../respond.ts'
import { ruleOf, type RouteRule } from '../route-actions.ts'
import { authorizeAdmin } from './authorize.ts'
import { adminBody, invalidMember, notFound, tenantAsked } from './body.ts'
import { KEY_MEMBERS, keyChange, keyInput, TENANT_KEY_MEMBERS, type KeyInput } from './key-input.ts'
import { adminKeyJson, keyState } from './key-json.ts'

/** What the routes of keys need of the outside. */
export interface KeysDeps {
  readonly keys: Pick<ApiKeyRepository, 'create' | 'find' | 'list' | 'update' | 'rotate' | 'revoke'>
  lastUsed(tenantId: string): Promise<ReadonlyMap<string, number>>
}

/** Whose keys a request is about. */
interface Circle {
  readonly principal: Principal
  readonly actor: Actor
  readonly rule: RouteRule
  readonly tenantId: string
  /** Only the keys of this user; absent: every key of the tenant. */
  readonly ownerId?: string
}

interface Context {
  readonly request: Request
  readonly params: { readonly id?: string }
}

type Answer = (circle: Circle, context: Context) => Promise<Response>

export function keysRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'keys-routes' })
  const routes = new KeyRoutes(deps)
  for (const base of ['/admin/keys', '/admin/me/keys']) {
    const on = (method: string, path: string, answer: Answer) => {
      const rule = ruleOf(method, path)
      return ({ request, params }: { request: Request; params: unknown }) =>
        routes.answer(rule, { request, params: (params ?? {}) as { id?: string } }, answer)
    }
    app.get(base, on('GET', base, routes.list))
    app.post(base, on('POST', base, routes.create), { parse: 'none' })
    const one = `${base}/:id`
    app.get(one, on('GET', one, routes.show))
    app.patch(one, on('PATCH', one, routes.update), { parse: 'none' })
    app.delete(one, on('DELETE', one, routes.revoke), { parse: 'none' })
    app.post(`${one}/rotate`, on('POST', `${one}/rotate`, routes.rotate), { parse: 'none' })
  }
  return app
}

class KeyRoutes {
  private readonly deps: ServerDeps

  constructor(deps: ServerDeps) {
    this.deps = deps
  }

  async answer(rule: RouteRule, context: Context, answer: Answer): Promise<Response> {
    const { request } = context
    try {
      const principal = await authorizeAdmin(request, rule, this.deps)
      const response = await answer(this.circleOf(request, rule, principal), context)
      response.headers.set('cache-control', 'no-store')
      return response
    } catch (thrown) {
      return respondError(request, toGatewayError(thrown))
    }
  }

  readonly list: Answer = async (circle, { request }) => {
    const stored = await this.deps.keys.keys.list(circle.tenantId)
    const keys = [...this.declared(circle), ...stored].filter((key) => isIn(circle, key))
    const used = await this.deps.keys.lastUsed(circle.tenantId)
    const nowMs = this.deps.clock.nowMs()
    return respondJson(request, {
      keys: keys.map((key) => adminKeyJson(key, nowMs, used.get(key.id))),
    })
  }

  readonly show: Answer = async (circle, { request, params }) =>
    this.shown(request, await this.found(circle, params.id), 200)

  readonly create: Answer = async (circle, { request }) => {
    const isOwn = circle.ownerId !== undefined
    const body = await adminBody(request, isOwn ? KEY_MEMBERS : TENANT_KEY_MEMBERS, this.deps)
    const input = keyInput(body, this.deps.clock.nowMs())
    if (input.name === undefined) throw invalidMember('name', 'Missing.')
    const { key, wanted } = this.newKey(circle, { ...input, name: input.name })
    this.refuseBeyond(circle, wanted)
    await this.refuseTooMany(circle)
    const made = await this.deps.keys.keys.create(wanted, circle.actor)
    return this.shown(request, made, 201, key)
  }

  readonly update: Answer = async (circle, { request, params }) => {
    const body = await adminBody(request, [...KEY_MEMBERS, 'disabled'], this.deps)
    const key = this.changeable(await this.found(circle, params.id))
    const change = keyChange(body, this.deps.clock.nowMs(), key.own)
    // Taking something from a key, or naming it anew, gives nobody anything.
    const { name: _name, disabled, ...rest } = change
    if (disabled === false || Object.keys(rest).length > 0) {
      const after = changed(key, change)
      const isLonger = disabled === false || change.expiresMs !== undefined
      this.refuseBeyond(circle, after, isLonger ? after.expiresMs : 0)
    }
    const after = await this.deps.keys.keys.update(circle.tenantId, key.id, change, circle.actor)
    if (after === undefined) throw gone()
    return this.shown(request, after, 200)
  }

  readonly revoke: Answer = async (circle, { request, params }) => {
    const key = this.changeable(await this.found(circle, params.id))
    const nowMs = this.deps.clock.nowMs()
    const after = await this.deps.keys.keys.revoke(circle.tenantId, key.id, nowMs, circle.actor)
    return this.shown(request, after ?? key, 200)
  }

  readonly rotate: Answer = async (circle, { request, params }) => {
    const body = await adminBody(request, ['overlap_seconds'], this.deps)
    const overlapMs = overlapOf(body)
    const key = this.changeable(await this.found(circle, params.id))
    const { key: secret, wanted } = this.newKey(circle, key)
    // By the old one's id: what was assigned to it goes over to the new one.
    this.refuseBeyond(circle, { ...wanted, id: key.id })
    await this.refuseTooMany(circle, key.id)
    const made = await this.deps.keys.keys.rotate(
      circle.tenantId,
      key.id,
      wanted,
      this.deps.clock.nowMs() + overlapMs,
      circle.actor,
    )
    if (made === undefined) throw gone()
    return this.shown(request, made, 201, secret)
  }

  private circleOf(request: Request, rule: RouteRule, principal: Principal): Circle {
    const who = { principal, actor: actorOf(request, principal), rule }
    if (!rule.path.startsWith('/admin/me/')) {
      return { ...who, tenantId: tenantAsked(request, principal, rule, this.deps) }
    }
    if (principal.userId === undefined) {
      throw new GatewayError('permission', { message: 'This credential belongs to no user.' })
    }
    return { ...who, tenantId: principal.tenantId, ownerId: principal.userId }
  }

  /** Keys of the file, which nobody changes here. */
  private declared({ tenantId }: Circle): ApiKey[] {
    const { keysByHash } = this.deps.gateway.snapshot()
    return [...keysByHash.values()].filter(
      (key) => key.origin === 'file' && key.tenantId === tenantId,
    )
  }

  private async found(circle: Circle, id = ''): Promise<ApiKey> {
    const key =
      this.declared(circle).find((one) => one.id === id) ??
      (await this.deps.keys.keys.find(circle.tenantId, id))
    if (key === undefined || !isIn(circle, key)) throw notFound('key')
    return key
  }

  private changeable(key: ApiKey): ApiKey {
    if (key.origin !== 'file') return key
    throw new GatewayError('invalid_request', {
      status: 409,
      code: 'declared_in_file',
      message: 'The configuration file declares this key; change it there.',
    })
  }

  private newKey(
    circle: Circle,
    like: KeyInput & { readonly name: string },
  ): { readonly key: string; readonly wanted: NewApiKey } {
    const key = formatApiKey(crypto.getRandomValues(new Uint8Array(API_KEY_RANDOM_BYTES)))
    const { ownerId } = circle
    const owner = ownerId === undefined ? like.owner : ({ kind: 'user', id: ownerId } as const)
    const { actions, allowedFrom, expiresMs, models, name, own, roles } = like
    return {
      key,
      wanted: {
        id: this.deps.ids.uuid(),
        tenantId: circle.tenantId,
        name,
        hash: sha256Hex(key),
        prefix: keyPrefix(key),
        lastFour: keyLastFour(key),
        createdMs: this.deps.clock.nowMs(),
        ...(expiresMs === undefined ? {} : { expiresMs }),
        ...(models === undefined ? {} : { models }),
        ...(actions === undefined ? {} : { actions }),
        ...(roles === undefined || owner?.kind === 'user' ? {} : { roles }),
        ...(allowedFrom === undefined ? {} : { allowedFrom }),
        ...(own === undefined ? {} : { own }),
        ...(owner === undefined ? {} : { owner }),
      },
    }
  }

  /** @param endMs when the key would end; undefined: never */
  private refuseBeyond(
    { actor, principal, rule }: Circle,
    wanted: NewApiKey,
    endMs = wanted.expiresMs,
  ): void {
    const { keysByHash, rights } = this.deps.gateway.snapshot()
    const { keyHash } = principal
    const callerKey = keyHash === undefined ? undefined : keysByHash.get(keyHash)
    const asking = rights.ofKey({ ...wanted, origin: 'store' })
    const reason = keyBeyond(principal, callerKey, asking, endMs)
    if (reason === undefined) return
    this.deps.denials.note(actor, rule)
    throw new GatewayError('permission', { message: reason })
  }

  /**
   * Whoever makes keys for themselves has some and not any number: every one is held by every replica.
   * @param replacedId a key in whose place the new one comes
   */
  private async refuseTooMany(circle: Circle, replacedId?: string): Promise<void> {
    if (circle.ownerId === undefined) return
    const nowMs = this.deps.clock.nowMs()
    const stored = await this.deps.keys.keys.list(circle.tenantId)
    const open = stored.filter((key) => {
      const state = keyState(key, nowMs)
      const isOpen = state === 'active' || state === 'disabled'
      return isOpen && key.id !== replacedId && isIn(circle, key)
    })
    if (open.length < LIMITS.ownKeysMax) return
    throw new GatewayError('invalid_request', {
      status: 409,
      code: 'too_many_keys',
      message: `You have ${LIMITS.ownKeysMax} keys. Revoke one first.`,
    })
  }

  private async shown(
    request: Request,
    key: ApiKey,
    status: number,
    secret?: string,
  ): Promise<Response> {
    const used = await this.deps.keys.lastUsed(key.tenantId)
    const json = adminKeyJson(key, this.deps.clock.nowMs(), used.get(key.id))
    const body: JsonObject = secret === undefined ? json : { key: secret, ...json }
    return respondJson(request, body, status)
  }
}

function isIn({ ownerId, tenantId }: Circle, key: ApiKey): boolean {
  if (key.tenantId !== tenantId) return false
  return ownerId === undefined || (key.owner?.kind === 'user' && key.owner.id === ownerId)
}

/** The key as it would be after a change. */
function changed(key: ApiKey, change: ApiKeyChange): ApiKey {
  const entries = Object.entries({ ...key, ...change }).filter(([, value]) => value !== null)
  return Object.fromEntries(entries) as unknown as ApiKey
}

function overlapOf(body: JsonObject): number {
  const seconds = body['overlap_seconds'] ?? 0
  const mostSeconds = LIMITS.keyOverlapMs / 1_000
  if (typeof seconds === 'number' && seconds >= 0 && seconds <= mostSeconds) return seconds * 1_000
  throw invalidMember('overlap_seconds', `Must be a number from 0 to ${mostSeconds}.`)
}

/** Revoked or replaced since it was looked at, or before. */
function gone(): GatewayError {
  return new GatewayError('invalid_request', {
    status: 409,
    code: 'key_not_active',
    message: 'The key is revoked, or another one has taken its place.',
  })
}
