// Limits as a toll: whom a request counts for, all its counters taken at once or none, and put right when its record is settled.
// A provider's own limits are taken where the provider is about to be asked, so that another can be asked instead. How counting is
// done, here or on all replicas together, is the counters' business.

import { providerUid, type Provider } from '../core/catalog.ts'
import type { GatewayError } from '../core/error.ts'
import { totalInputTokens, type Usage } from '../core/ir/usage.ts'
import type { LimitSubject, OwnLimits } from '../core/money.ts'
import type { Clock, IdSource } from '../core/ports.ts'
import type { LimitCounters, LimitTake, LimitVerdict } from '../core/ports-money.ts'
import type { Principal } from '../core/principal.ts'
import type { Asked, Toll } from './admit.ts'
import { askedTokens, type AskedTokens } from './asked-tokens.ts'
import { limitHeaders, refusal } from './limit-answer.ts'
import { countersOf, type Counter, type Counts, type LimitRules } from './limit-rules.ts'
import { addressSubject } from './limit-subjects.ts'
import type { RequestRecord } from './record.ts'
import type { Reached } from './target-run.ts'

export interface LimitPorts {
  /** Those in force. */
  rules(): LimitRules
  /** Where counting is done at the moment. */
  counters(): LimitCounters
  readonly clock: Clock
  readonly ids: IdSource
  /** A request was refused. */
  refused(per: LimitSubject, counts: Counts): void
}

/** A provider's limits have let a request through. */
export interface Pass {
  /** The attempt is over. @param used whether the provider may have worked for it */
  over(used: boolean): void
}

/** Limits of providers, asked for each attempt. */
export interface ProviderLimits {
  /**
   * Undefined where no rule concerns the provider.
   * @returns GatewayError `rate_limit` or `concurrency_limit` where it has no room
   */
  enter(
    provider: Provider,
    record: RequestRecord,
  ): Pass | GatewayError | undefined | Promise<Pass | GatewayError>
}

/** What one request has taken. */
interface Taken {
  readonly counters: readonly Counter[]
  readonly takes: readonly LimitTake[]
  readonly holder: string
  readonly takenMs: number | undefined
}

export class Limiting implements Toll, ProviderLimits {
  private readonly ports: LimitPorts
  /** Limits of keys themselves: a key is one object until something changes. */
  private readonly own = new WeakMap<OwnLimits, readonly Counter[]>()
  /** Of requests whose providers have limits of tokens: the estimate must not be made twice. */
  private readonly asked = new WeakMap<RequestRecord, AskedTokens>()

  constructor(ports: LimitPorts) {
    this.ports = ports
  }

  take(asked: Asked, record: RequestRecord): void | Promise<void> {
    const rules = this.ports.rules()
    const { principal } = asked.inbound
    if (rules.isEmpty && principal.own?.limits === undefined) return
    if (rules.has('provider')) this.asked.set(record, askedTokens(asked))
    const all = this.countersOf(asked, rules)
    // It would wait for a place that the request around it holds.
    const counters =
      asked.inbound.isWithin === true ? all.filter(({ counts }) => counts !== 'concurrent') : all
    if (counters.length === 0) return
    const taken = this.taking(counters, () => this.asked.get(record) ?? askedTokens(asked))
    const verdict = this.ports.counters().take(taken.takes, taken.holder)
    if (verdict instanceof Promise) {
      return verdict.then((told) => this.decide(taken, told, record))
    }
    this.decide(taken, verdict, record)
  }

  enter(
    provider: Provider,
    record: RequestRecord,
  ): Pass | GatewayError | undefined | Promise<Pass | GatewayError> {
    const rules = this.ports.rules()
    if (!rules.has('provider')) return undefined
    const { tenantId } = record.inbound.principal
    const subject = { id: providerUid(provider), names: [provider.id] }
    const counters = rules.counters('provider', tenantId, subject)
    if (counters.length === 0) return undefined
    const taken = this.taking(
      counters,
      () => this.asked.get(record) ?? { tokens: 0, certain: false },
    )
    const verdict = this.ports.counters().take(taken.takes, taken.holder)
    return verdict instanceof Promise
      ? verdict.then((told) => this.passOf(taken, told, provider, record))
      : this.passOf(taken, verdict, provider, record)
  }

  private passOf(
    taken: Taken,
    verdict: LimitVerdict,
    provider: Provider,
    record: RequestRecord,
  ): Pass | GatewayError {
    if (!verdict.admitted) return this.refuse(taken, verdict)
    const told = { ...taken, takenMs: verdict.takenMs }
    let isOver = false
    return {
      over: (used) => {
        if (isOver) return
        isOver = true
        // What another provider has told to have used is none of this one's.
        const isAnswering = record.chosenProvider === provider
        this.settle(told, used && isAnswering ? record.usageOfPart : undefined, used)
      },
    }
  }

  private decide(taken: Taken, verdict: LimitVerdict, record: RequestRecord): void {
    const { counters } = taken
    const { inbound } = record
    const nowMs = this.ports.clock.nowMs()
    record.limitHeaders = limitHeaders(counters, verdict, inbound.dialect, nowMs)
    if (!verdict.admitted) throw this.refuse(taken, verdict)
    const told = { ...taken, takenMs: verdict.takenMs }
    record.atSettled((error) => {
      const isAnswered = error === undefined && record.wasSent()
      this.settle(told, record.usageSoFar, isAnswered)
    })
  }

  private refuse(taken: Taken, verdict: LimitVerdict): GatewayError {
    const counters = taken.counters.map((counter, index) => {
      const take = taken.takes[index]
      return take === undefined ? counter : { ...counter, take }
    })
    const counter = counters[verdict.refusedAt ?? 0]
    if (counter !== undefined) this.ports.refused(counter.per, counter.counts)
    return refusal(counters, verdict)
  }

  /**
   * Gives places back, and puts tokens right: to what was used where that is known. Of an answer without usage the estimate stands,
   * and a request that nobody answered has used none.
   */
  private settle(taken: Taken, usage: Usage | undefined, answered: boolean): void {
    const { counters, holder, takenMs, takes } = taken
    const port = this.ports.counters()
    const used = tokensOf(usage)
    const running: string[] = []
    for (const [index, { counts }] of counters.entries()) {
      const { cost, key, windowMs } = takes[index]!
      if (counts === 'concurrent') running.push(key)
      if (counts !== 'tokens') continue
      const real = used ?? (answered ? cost : 0)
      if (real !== cost) port.correct(key, windowMs, real - cost, takenMs)
    }
    if (running.length > 0) port.release(running, holder)
  }

  private taking(counters: readonly Counter[], estimate: () => AskedTokens): Taken {
    const isRunning = counters.some(({ counts }) => counts === 'concurrent')
    const isTokens = counters.some(({ counts }) => counts === 'tokens')
    const asked = isTokens ? estimate() : undefined
    const takes = counters.map(({ counts, take }) => {
      if (asked === undefined || counts !== 'tokens') return take
      const cost = asked.certain ? asked.tokens : Math.min(asked.tokens, take.max)
      return { ...take, cost }
    })
    return { counters, takes, holder: isRunning ? this.ports.ids.uuid() : '', takenMs: undefined }
  }

  private countersOf({ inbound, model, modelName }: Asked, rules: LimitRules): readonly Counter[] {
    const { principal } = inbound
    const own = this.ownCounters(principal)
    if (rules.isEmpty) return own
    const found: Counter[] = [...own]
    const { tenantId } = principal
    const add = (per: LimitSubject, id: string | undefined, names: readonly string[]) => {
      if (id !== undefined) found.push(...rules.counters(per, tenantId, { id, names }))
    }
    if (rules.has('global')) add('global', '*', ['*'])
    if (rules.has('tenant')) add('tenant', tenantId, [tenantId])
    if (rules.has('team')) {
      for (const team of teamsOf(principal)) add('team', `${tenantId}/${team}`, [team])
    }
    if (rules.has('user')) add('user', principal.userId, [principal.userId ?? ''])
    if (rules.has('key') && principal.keyId !== undefined) {
      const { keyId, keyName } = principal
      add('key', `${tenantId}/${keyId}`, keyName === undefined ? [keyId] : [keyId, keyName])
    }
    if (rules.has('ip')) add('ip', addressSubject(inbound.from), [inbound.from ?? ''])
    const name = model?.id ?? modelName
    if (rules.has('model') && name !== '') add('model', `${tenantId}/${name}`, [name])
    return found
  }

  private ownCounters({ keyId, own, tenantId }: Principal): readonly Counter[] {
    if (own?.limits === undefined) return []
    let known = this.own.get(own)
    if (known === undefined) {
      known = countersOf('own', 'key', `${tenantId}/${keyId ?? ''}`, own.limits, 'local')
      this.own.set(own, known)
    }
    return known
  }
}

/** An answer whose provider has limits: they are told when it is over. */
export function passed<T>(reached: Reached<T>, pass: Pass | undefined): Reached<T> {
  if (pass === undefined) return reached
  return {
    ...reached,
    over(error) {
      pass.over(true)
      reached.over(error)
    },
  }
}

/** Every team once, however somebody is in it. */
function teamsOf({ teamId, teamIds = [] }: Principal): ReadonlySet<string> {
  return new Set(teamId === undefined ? teamIds : [teamId, ...teamIds])
}

/** All tokens of prompt and answer, those read from a cache too; undefined where none were told. */
function tokensOf(usage: Usage | undefined): number | undefined {
  if (usage === undefined) return undefined
  const input = totalInputTokens(usage)
  if (input === undefined && usage.outputTokens === undefined) return undefined
  return (input ?? 0) + (usage.outputTokens ?? 0)
}
