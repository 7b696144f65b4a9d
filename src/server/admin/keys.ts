// What the routes of API keys do, for a tenant's keys and for one's own alike. A key is shown whole once, in the answer to its making, and
// nobody makes one that may do more than they may themselves.

import { sha256Hex } from '../../auth/authenticate.ts'
import type { Actor } from '../../core/audit.ts'
import { API_KEY_RANDOM_BYTES, formatApiKey, keyLastFour, keyPrefix } from '../../core/api-key.ts'
import type { ApiKey } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import type { JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { isListedBeyond, keyBeyond } from '../../core/policy/key-rights.ts'
import type { ApiKeyChange, ApiKeyRepository, NewApiKey } from '../../core/ports.ts'
import type { Principal } from '../../core/principal.ts'
import type { ServerDeps } from '../context.ts'
import type { RouteRule } from '../route-actions.ts'
import { notFound } from './body.ts'
import { ownAccount } from './budget-json.ts'
import type { Ask, RouteContract } from './contract.ts'
import { keyChange, keyInput, type KeyChangeAsked, type NewKeyAsked } from './key-input.ts'
import { adminKeyJson, keyVersion } from './key-json.ts'
import { filterOf, keysPage, type KeysAsked } from './key-list.ts'
import { Names } from './names.ts'
import { refuseDeclared } from './read-only.ts'

/** What the routes of keys need of the outside. */
export interface KeysDeps {
  readonly keys: Pick<
    ApiKeyRepository,
    'create' | 'find' | 'list' | 'page' | 'update' | 'rotate' | 'revoke'
  >
  /** @param keyIds of these alone */
  lastUsed(tenantId: string, keyIds?: readonly string[]): Promise<ReadonlyMap<string, number>>
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

type Asked<Q, B> = Omit<Ask<RouteContract>, 'query' | 'body'> & {
  readonly query: Q
  readonly body: B
}

export class Keys {
  private readonly deps: ServerDeps

  constructor(deps: ServerDeps) {
    this.deps = deps
  }

  readonly list = async (ask: Asked<KeysAsked, unknown>): Promise<Response> => {
    const circle = circleOf(ask)
    const declared = this.declared(circle).filter((key) => isIn(circle, key))
    return ask.reply(await keysPage(this.deps, circle, declared, ask.query))
  }

  readonly show = async (ask: Asked<unknown, unknown>): Promise<Response> => {
    const key = await this.found(circleOf(ask), ask.params['id'])
    return await this.shown(ask, key, 200)
  }

  readonly create = async (ask: Asked<unknown, NewKeyAsked>): Promise<Response> => {
    const circle = circleOf(ask)
    const { key, wanted } = this.newKey(circle, keyInput(ask.body, this.deps.clock.nowMs()))
    this.refuseBeyond(circle, wanted)
    const made = await this.deps.keys.keys.create(wanted, this.roomFor(circle))
    return await this.shown(ask, made, 201, key)
  }

  readonly update = async (ask: Asked<unknown, KeyChangeAsked>): Promise<Response> => {
    const circle = circleOf(ask)
    const key = await this.changeable(circle, ask.params['id'])
    const nowMs = this.deps.clock.nowMs()
    const by = ask.changing(() => this.version(circle, key.id))
    const after = await this.deps.keys.keys.update(
      circle.tenantId,
      key.id,
      // Of the key as it is then: what others change of it meanwhile stays, and is not given on unasked.
      (now) => this.allowedChange(circle, now, ask.body, nowMs),
      by,
    )
    if (after === undefined) throw gone()
    return await this.shown(ask, after, 200)
  }

  readonly revoke = async (ask: Asked<unknown, unknown>): Promise<Response> => {
    const circle = circleOf(ask)
    const key = await this.changeable(circle, ask.params['id'])
    const by = ask.changing(() => this.version(circle, key.id))
    const nowMs = this.deps.clock.nowMs()
    const after = await this.deps.keys.keys.revoke(circle.tenantId, key.id, nowMs, by)
    return await this.shown(ask, after ?? key, 200)
  }

  readonly rotate = async (
    ask: Asked<unknown, { readonly overlap_seconds?: number }>,
  ): Promise<Response> => {
    const circle = circleOf(ask)
    const key = await this.changeable(circle, ask.params['id'])
    const { key: secret, wanted } = this.newKey(circle, key)
    // By the old one's id: what was assigned to it goes over to the new one.
    this.refuseBeyond(circle, { ...wanted, id: key.id })
    const made = await this.deps.keys.keys.rotate(
      circle.tenantId,
      key.id,
      wanted,
      this.deps.clock.nowMs() + Math.round((ask.body.overlap_seconds ?? 0) * 1_000),
      this.roomFor(circle, key.id),
    )
    if (made === undefined) throw gone()
    return await this.shown(ask, made, 201, secret)
  }

  /** Keys of the file, which nobody changes here. */
  private declared({ tenantId }: Circle): ApiKey[] {
    const { keysByHash } = this.deps.gateway.snapshot()
    return [...keysByHash.values()].filter(
      (key) => key.origin !== 'store' && key.tenantId === tenantId,
    )
  }

  private async found(circle: Circle, id = ''): Promise<ApiKey> {
    const key =
      this.declared(circle).find((one) => one.id === id) ??
      (await this.deps.keys.keys.find(circle.tenantId, id))
    if (key === undefined || !isIn(circle, key)) throw notFound('key')
    return key
  }

  private async changeable(circle: Circle, id: string | undefined): Promise<ApiKey> {
    const key = await this.found(circle, id)
    refuseDeclared(key.origin, 'key')
    return key
  }

  private async version({ tenantId }: Circle, id: string): Promise<JsonObject | undefined> {
    const key = await this.deps.keys.keys.find(tenantId, id)
    return key === undefined ? undefined : keyVersion(key)
  }

  private newKey(
    circle: Circle,
    like: ReturnType<typeof keyInput>,
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
    if (reason === undefined) return this.refuseListed({ actor, principal, rule }, wanted)
    this.deps.denials.note(actor, rule)
    throw new GatewayError('permission', { message: reason })
  }

  /** By its name alone a key may be on lists of models. */
  private refuseListed(
    { actor, principal, rule }: Pick<Circle, 'actor' | 'principal' | 'rule'>,
    wanted: NewApiKey,
  ): void {
    const snapshot = this.deps.gateway.snapshot()
    const asking = snapshot.rights.ofKey({ ...wanted, origin: 'store' })
    const models = snapshot.of(wanted.tenantId).models.values()
    if (asking === undefined || !isListedBeyond(principal, asking, models)) return
    this.deps.denials.note(actor, rule)
    throw new GatewayError('permission', {
      message: 'It would be on the access list of a model that its maker is not on.',
    })
  }

  /** @throws GatewayError 403 for what would give the key more than whoever asks has */
  private allowedChange(
    circle: Circle,
    key: ApiKey,
    asked: KeyChangeAsked,
    nowMs: number,
  ): ApiKeyChange {
    const change = keyChange(asked, nowMs, key.own)
    const { name, disabled, ...rest } = change
    const after = changed(key, change)
    // Taking something from a key gives nobody anything.
    if (disabled === false || Object.keys(rest).length > 0) {
      const isLonger = disabled === false || change.expiresMs !== undefined
      this.refuseBeyond(circle, after, isLonger ? after.expiresMs : 0)
    } else if (name !== undefined && name !== key.name) {
      this.refuseListed(circle, after)
    }
    return change
  }

  /** Counted within the change: of many at once each counts those before it. */
  private roomFor(circle: Circle, replacedId?: string): Actor {
    if (circle.ownerId === undefined) return circle.actor
    return { ...circle.actor, precondition: () => this.refuseTooMany(circle, replacedId) }
  }

  /**
   * Whoever makes keys for themselves has some and not any number: every one is held by every replica.
   * @param replacedId a key in whose place the new one comes
   */
  private async refuseTooMany(circle: Circle, replacedId?: string): Promise<void> {
    const nowMs = this.deps.clock.nowMs()
    const open = await this.deps.keys.keys.page(
      circle.tenantId,
      filterOf(circle, { state: ['active', 'disabled'] }, nowMs),
      { sort: 'created', order: 'asc', limit: LIMITS.ownKeysMax + 1 },
      { lastUsedMs: () => undefined, ownerName: () => undefined },
    )
    if (open.rows.filter(({ id }) => id !== replacedId).length < LIMITS.ownKeysMax) return
    throw new GatewayError('invalid_request', {
      status: 409,
      code: 'too_many_keys',
      message: `You have ${LIMITS.ownKeysMax} keys. Revoke one first.`,
    })
  }

  /** @param secret the key itself, where it was just made */
  private async shown(
    { show }: Pick<Asked<unknown, unknown>, 'show'>,
    key: ApiKey,
    status: number,
    secret?: string,
  ): Promise<Response> {
    const nowMs = this.deps.clock.nowMs()
    const isNew = secret !== undefined
    const used = isNew ? undefined : await this.deps.keys.lastUsed(key.tenantId, [key.id])
    const hasAccount = !isNew && key.own?.budget !== undefined
    const standings = hasAccount ? await this.deps.money.standings(key.tenantId) : []
    const json = adminKeyJson(key, nowMs, {
      lastUsedMs: used?.get(key.id),
      ownerName: new Names(this.deps.gateway.snapshot(), key.tenantId).ofOwner(key.owner),
      account: ownAccount(key, standings, nowMs),
    })
    const body: JsonObject = isNew ? { key: secret, ...json } : json
    return show(body, { status, version: keyVersion(key) })
  }
}

/** @throws GatewayError `permission` where somebody without keys of their own asks for them */
function circleOf({ actor, principal, rule, tenantId }: Asked<unknown, unknown>): Circle {
  const who = { principal, actor, rule, tenantId }
  if (rule.subject !== 'own') return who
  if (principal.userId === undefined) {
    throw new GatewayError('permission', { message: 'This credential belongs to no user.' })
  }
  return { ...who, ownerId: principal.userId }
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

/** Revoked or replaced since it was looked at, or before. */
function gone(): GatewayError {
  return new GatewayError('invalid_request', {
    status: 409,
    code: 'key_not_active',
    message: 'The key is revoked, or another one has taken its place.',
  })
}
