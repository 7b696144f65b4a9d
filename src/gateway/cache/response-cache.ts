// The response cache on a request's way, behind its admission and before the first provider: looks up an equal request's answer, waits for
// one that is under way, or hands out a ticket by which the answer is kept. A place that fails is a miss; it never makes a request fail.

import type {
  AnswerStore,
  CachedAnswer,
  CacheSelection,
  CacheSettings,
  CacheTally,
} from '../../core/answer-cache.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Clock, Deadlines, IdSource, Logger, UpstreamResponse } from '../../core/ports.ts'
import { callerOf } from '../../core/principal.ts'
import type { Answer } from '../attempt.ts'
import { planTarget, type RequestForms, type TargetPlan } from '../plan.ts'
import type { RequestRecord } from '../record.ts'
import type { Catalog } from '../snapshot.ts'
import { cacheWishes, notCached, type CacheWishes } from './directives.ts'
import { readEntry, renewed, type KeptAnswer } from './entry.ts'
import { Flights } from './flights.ts'
import { bodyText, cacheKey, ownerOf } from './key.ts'
import { isCacheable, isReadable, modeFor, type ModePlan } from './mode.ts'
import type { Meaning, SemanticCache } from './semantic.ts'
import { Tallies } from './tallies.ts'
import { CacheTicket } from './ticket.ts'

export interface ResponseCacheParts {
  settings(): CacheSettings
  /** Where answers are kept at the moment. */
  store(): AnswerStore
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly ids: IdSource
  readonly logger: Logger
  /** Absent: requests are compared exactly alone. */
  readonly semantic?: SemanticCache
}

/** One request while it is looked for. */
interface Search {
  readonly forms: RequestForms
  readonly catalog: Catalog
  readonly record: RequestRecord
  readonly settings: CacheSettings
  readonly plan: ModePlan
  readonly wishes: CacheWishes
  readonly owner: string | undefined
  readonly key: string
  readonly startedMs: number
}

type Found = Answer | undefined

export class ResponseCache {
  readonly tallies = new Tallies()
  private readonly parts: ResponseCacheParts
  private readonly flights: Flights
  /** Counts purges: what was asked before one is not kept after it. */
  private purges = 0

  constructor(parts: ResponseCacheParts) {
    this.parts = parts
    this.flights = new Flights(parts.deadlines)
  }

  /**
   * A kept answer to this request. Undefined where a provider has to be asked; the record then has a ticket where the answer may be kept.
   * @throws GatewayError 504 `not_cached` where the client wants no other, `invalid_request` for a wish that is none
   */
  find(forms: RequestForms, catalog: Catalog, record: RequestRecord): Found | Promise<Found> {
    const settings = this.parts.settings()
    const plan = modeFor(forms.model, forms.peeked.model, settings)
    if (plan === undefined) return undefined
    const { headers, principal } = forms.inbound
    const wishes = cacheWishes(headers)
    const body = !wishes.off && isCacheable(forms, settings) ? bodyText(forms) : undefined
    if (body === undefined) {
      record.cache = { state: 'bypass', kind: 'exact' }
      if (wishes.onlyIfCached) throw notCached()
      return undefined
    }
    const owner = ownerOf(principal, settings.scope)
    const key = cacheKey(forms, catalog, owner, body)
    const startedMs = this.parts.clock.monotonicMs()
    const search = { forms, catalog, record, settings, plan, wishes, owner, key, startedMs }
    if (wishes.refresh) {
      record.cache = { state: 'bypass', kind: 'exact' }
      if (wishes.onlyIfCached) throw notCached()
      this.handTicket(search, undefined)
      return undefined
    }
    const found = this.look(key, principal.tenantId)
    if (found instanceof Promise) return found.then((kept) => this.decide(search, kept))
    return this.decide(search, found)
  }

  /** Forgets answers, and those of requests that are under way. @throws GatewayError where nobody can know that they are gone */
  async purge(which: CacheSelection): Promise<number> {
    this.purges += 1
    this.parts.semantic?.purge(which)
    return await this.parts.store().purge(which)
  }

  /** What it did since this process began. @param tenantId absent: of every tenant */
  tally(tenantId?: string): readonly CacheTally[] {
    return this.tallies.list(tenantId)
  }

  private look(key: string, tenantId: string) {
    try {
      const found = this.parts.store().get(tenantId, key)
      return found instanceof Promise ? this.inTime(found) : found
    } catch (error) {
      return this.away(error)
    }
  }

  private async inTime(
    looking: Promise<CachedAnswer | undefined>,
  ): Promise<CachedAnswer | undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const deadline = this.parts.deadlines.after(LIMITS.cacheLookupMs, () => resolve(undefined))
    try {
      return await Promise.race([looking, promise])
    } catch (error) {
      return this.away(error)
    } finally {
      deadline.cancel()
    }
  }

  private away(error: unknown): undefined {
    this.parts.logger.debug('kept answers could not be read', { error: String(error) })
  }

  /** What was found, or what is to be done in its place. */
  private decide(search: Search, kept: CachedAnswer | undefined): Found | Promise<Found> {
    const hit = this.hitOf(search, kept, 'exact')
    if (hit !== undefined) return hit
    const { settings, wishes } = search
    const flight =
      settings.coalesce && wishes.maxAgeMs > 0 ? this.flights.find(search.key) : undefined
    if (flight !== undefined && !wishes.onlyIfCached) {
      const { signal } = search.forms.inbound
      const waiting = this.flights.wait(flight, settings.coalesceWaitMs, signal)
      return waiting.then((landed) => this.hitOf(search, landed, 'exact') ?? this.miss(search))
    }
    const { semantic } = this.parts
    const meaning =
      search.plan.mode === 'semantic' && !wishes.onlyIfCached
        ? semantic?.meaningOf(search.forms, search.settings)
        : undefined
    if (semantic === undefined || meaning === undefined) return this.miss(search)
    return this.byMeaning(search, semantic, meaning)
  }

  private async byMeaning(
    search: Search,
    semantic: SemanticCache,
    meaning: Meaning,
  ): Promise<Found> {
    const { catalog, forms, owner, settings } = search
    const { tenantId } = forms.inbound.principal
    const bucket = cacheKey(forms, catalog, owner, meaning.rest)
    const near = await semantic.nearest(bucket, meaning, forms)
    const kept = near?.key === undefined ? undefined : await this.look(near.key, tenantId)
    if (near?.key !== undefined && kept === undefined) semantic.drop(bucket, near.key)
    return (
      this.hitOf(search, kept, 'semantic') ??
      this.miss(search, (key) => {
        if (near !== undefined) {
          semantic.add(
            { bucket, key, near, tenantId, model: forms.peeked.model, ttlMs: search.plan.ttlMs },
            settings,
          )
        }
      })
    )
  }

  /** The answer to this request, where what is kept can be given. */
  private hitOf(search: Search, kept: CachedAnswer | undefined, kind: 'exact' | 'semantic'): Found {
    if (kept === undefined) return undefined
    const { catalog, forms, plan, record, wishes } = search
    const { tenantId } = forms.inbound.principal
    const nowMs = this.parts.clock.nowMs()
    const ageMs = Math.max(0, nowMs - kept.createdMs)
    // A time that was made shorter since holds too, and so does one that a clock far ahead has written.
    const leftMs = Math.min(kept.expiresMs - nowMs, plan.ttlMs - Math.abs(nowMs - kept.createdMs))
    if (kept.tenantId !== tenantId || leftMs <= 0 || leftMs < wishes.minFreshMs) return undefined
    // No age at all is what nobody's answer has.
    if (ageMs > wishes.maxAgeMs || wishes.maxAgeMs === 0) return undefined
    const entry = readEntry(kept.value)
    if (entry === undefined) {
      this.parts.store().drop(tenantId, kept.id)
      return undefined
    }
    const target = planOf(forms, catalog)
    if (target === undefined || !isReadable(forms)) return undefined
    const { costNanoUsd, losses } = entry
    record.cache = {
      state: 'hit',
      kind,
      ageMs,
      ...(costNanoUsd === undefined ? {} : { savedNanoUsd: costNanoUsd }),
      ...this.times(search),
    }
    record.addLosses(losses)
    this.tallies.hit(tenantId, kind, costNanoUsd ?? 0)
    return this.answerOf(entry, forms, target, nowMs)
  }

  private answerOf(
    { chat, embedding }: KeptAnswer,
    forms: RequestForms,
    plan: TargetPlan,
    nowMs: number,
  ): Answer {
    const fresh = this.parts.ids.uuid().replaceAll('-', '')
    return {
      kind: 'whole',
      forms,
      plan: { ...plan, mode: 'translate' },
      upstream: NO_UPSTREAM,
      withholdUsage: false,
      cached: true,
      ...(chat === undefined ? {} : { chat: renewed(chat, fresh, nowMs) }),
      ...(embedding === undefined ? {} : { embedding }),
    }
  }

  private miss(search: Search, kept?: (key: string) => void): undefined {
    const { forms, plan, record, wishes } = search
    record.cache = {
      state: 'miss',
      kind: plan.mode === 'semantic' && kept !== undefined ? 'semantic' : 'exact',
      ...this.times(search),
    }
    this.tallies.missed(forms.inbound.principal.tenantId)
    if (wishes.onlyIfCached) throw notCached()
    this.handTicket(search, kept)
  }

  private times({ record, startedMs }: Search) {
    return {
      startedMs: startedMs - record.inbound.arrivedMonotonicMs,
      durationMs: this.parts.clock.monotonicMs() - startedMs,
    }
  }

  private handTicket(search: Search, kept: ((key: string) => void) | undefined): void {
    const { forms, key, plan, record, settings } = search
    const { tenantId } = forms.inbound.principal
    const caller = callerOf(forms.inbound.principal)
    const { entryBytesMax } = settings.exact
    const purges = this.purges
    const flight = settings.coalesce ? this.flights.begin(key) : undefined
    record.caching = new CacheTicket(
      {
        entryBytesMax,
        toolCalls: settings.toolCalls,
        modelId: forms.model.id,
        keep: (value) => {
          if (this.purges !== purges) return undefined
          const createdMs = this.parts.clock.nowMs()
          const answer: CachedAnswer = {
            id: key,
            tenantId,
            model: forms.peeked.model,
            ...(caller === undefined ? {} : { caller }),
            createdMs,
            expiresMs: createdMs + plan.ttlMs,
            value,
          }
          this.parts.store().put(answer)
          kept?.(key)
          return answer
        },
        over: (answer) => {
          if (flight !== undefined) this.flights.end(key, flight, answer)
        },
        odd: (error) => {
          this.parts.logger.debug('an answer could not be kept', { error: String(error) })
        },
      },
      record,
    )
  }
}

/** The way a target would be asked: who could answer is who an answer is written for. Undefined where nobody could. */
function planOf(
  { inbound, model, peeked }: RequestForms,
  catalog: Catalog,
): TargetPlan | undefined {
  for (const target of model.targets) {
    const plan = planTarget(target, catalog, inbound, peeked)
    if (plan !== undefined) return plan
  }
  return undefined
}

/** Of an answer that came from nobody. */
const NO_UPSTREAM: UpstreamResponse = {
  status: 200,
  headers: new Headers(),
  body: null,
  bytes: () => Promise.resolve(new Uint8Array()),
  cancel: () => undefined,
}
