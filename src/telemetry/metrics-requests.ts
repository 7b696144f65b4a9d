// What is counted of each outcome. A request costs a few look-ups and additions: the series that belong to a kind of request are found once,
// by their labels, and held together from then on. No text is made here once a kind of request is known.

import { LIMITS } from '../core/limits.ts'
import { METRICS } from '../core/metric-catalog.ts'
import type { AttemptRecord, Outcome } from '../core/outcome.ts'
import {
  counter,
  histogram,
  OTHER,
  type Count,
  type Counts,
  type Distribution,
  type Distributions,
} from './metrics-series.ts'

/** The name a model may be told by: an alias, or one that a provider lists; undefined for any other. */
export type ModelNaming = (asked: string) => string | undefined

/** All that is counted of requests, in the order in which it is told. */
export class RequestSeries {
  readonly proxyRequests = counter(METRICS.proxyRequests)
  readonly proxyDuration = histogram(METRICS.proxyDuration)
  readonly requests = counter(METRICS.requests)
  readonly queueWait = histogram(METRICS.queueWait)
  readonly losses = counter(METRICS.losses)
  readonly tenantRequests = counter(METRICS.tenantRequests)
  readonly providerRequests = counter(METRICS.providerRequests)
  readonly providerFallbacks = counter(METRICS.providerFallbacks)
  readonly fallbacks = counter(METRICS.fallbacks)
  readonly retries = counter(METRICS.retries)
  readonly hedges = counter(METRICS.hedges)
  readonly continuations = counter(METRICS.continuations)
  readonly modelRequests = counter(METRICS.modelRequests)
  readonly modelLatency = histogram(METRICS.modelLatency)
  readonly firstToken = histogram(METRICS.firstToken)
  readonly outputToken = histogram(METRICS.outputToken)
  readonly tokens = counter(METRICS.tokens)
  readonly audioTokens = counter(METRICS.audioTokens)
  readonly cost = counter(METRICS.cost)
  readonly unpriced = counter(METRICS.unpriced)
  readonly tenantTokens = counter(METRICS.tenantTokens)
  readonly tenantCost = counter(METRICS.tenantCost)
  readonly guardrailVerdicts = counter(METRICS.guardrailVerdicts)
  readonly guardrailSeconds = histogram(METRICS.guardrailSeconds)
  readonly cacheRequests = counter(METRICS.cacheRequests)
  readonly cacheSaved = counter(METRICS.cacheSaved)
  readonly storeErrors = counter(METRICS.storeErrors)

  get counters(): Counts[] {
    return Object.values(this).filter((one): one is Counts => one.definition.type === 'counter')
  }

  get histograms(): Distributions[] {
    return Object.values(this).filter(
      (one): one is Distributions => one.definition.type === 'histogram',
    )
  }
}

/** What one model at one provider is counted in; each series begins with the first thing that is counted in it. */
class ModelCells {
  /** Kinds of requests, by protocol, operation, and what `shapeCode` makes of the rest. */
  readonly shapes = new Map<string, Map<string, Map<number, Shape>>>()
  private readonly series: RequestSeries
  private readonly labels: readonly [string | undefined, string]
  private latency: Distribution | undefined
  private first: Distribution | undefined
  private each: Distribution | undefined
  private cost: Count | undefined
  private readonly classes: (Count | undefined)[] = CLASSES.map(() => undefined)

  constructor(series: RequestSeries, providerId: string | undefined, model: string) {
    this.series = series
    this.labels = [providerId, model]
  }

  answeredIn(seconds: number): void {
    this.latency ??= this.series.modelLatency.at(this.labels)
    this.latency.observe(seconds)
  }

  began(seconds: number): void {
    this.first ??= this.series.firstToken.at(this.labels)
    this.first.observe(seconds)
  }

  eachTook(seconds: number): void {
    this.each ??= this.series.outputToken.at(this.labels)
    this.each.observe(seconds)
  }

  costs(nanoUsd: number): void {
    this.cost ??= this.series.cost.at(this.labels)
    this.cost.value += nanoUsd
  }

  used(at: TokenClass, tokens: number): void {
    const known = this.classes[at]
    if (known !== undefined) {
      known.value += tokens
      return
    }
    const made = this.series.tokens.at([...this.labels, CLASSES[at]])
    made.value += tokens
    this.classes[at] = made
  }

  audio(direction: 'input' | 'output', tokens: number): void {
    this.series.audioTokens.at([...this.labels, direction]).value += tokens
  }

  unpriced(): void {
    this.series.unpriced.at(this.labels).value += 1
  }
}

const CLASSES = [
  'input',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'output',
  'reasoning',
] as const
type TokenClass = 0 | 1 | 2 | 3 | 4 | 5

/** A kind of request: what every one of it is counted in. */
class Shape {
  readonly error: string | undefined
  readonly proxy: Count
  readonly request: Count
  readonly model: Count
  readonly duration: Distribution
  /** Of its only attempt, where that ended as the request did. */
  plainAttempt: Count | undefined
  /** Those that differ from this one in the kind of error alone. */
  others: Map<string | undefined, Shape> | undefined

  constructor(series: RequestSeries, outcome: Outcome, model: string) {
    const { clientFormat, errorKind, mode, operation, providerId, stream } = outcome
    const status = String(outcome.status)
    this.error = errorKind
    this.proxy = series.proxyRequests.at([operation, clientFormat, status])
    this.request = series.requests.at([
      operation,
      clientFormat,
      providerId,
      mode,
      status,
      errorKind,
    ])
    this.model = series.modelRequests.at([providerId, model, errorKind])
    this.duration = series.proxyDuration.at([operation, clientFormat, String(stream)])
  }
}

class TenantCells {
  readonly requests: Count
  tokens: Count | undefined
  cost: Count | undefined

  constructor(series: RequestSeries, name: string) {
    this.requests = series.tenantRequests.at([name])
  }
}

export class RequestMetrics {
  readonly series = new RequestSeries()
  private readonly naming: ModelNaming
  /** By the name that was asked for, where it may be told, and by provider. */
  private readonly models = new Map<string, Map<string, ModelCells>>()
  private readonly named = new Set<string>()
  private shapes = 0
  private readonly tenants = new Map<string, TenantCells>()
  private readonly attempts = new Map<string, Map<string, Map<number, Count>>>()

  constructor(naming: ModelNaming) {
    this.naming = naming
    // There from the start: an alert cannot see a series grow that was not there.
    this.series.storeErrors.at([])
  }

  record(outcome: Outcome): void {
    const cells = this.cellsOf(outcome)
    const shape = this.shapeOf(outcome, cells)
    shape.proxy.value += 1
    shape.request.value += 1
    shape.model.value += 1
    shape.duration.observe(outcome.totalMs / 1_000)
    const tenant = this.tenantOf(outcome.tenantId)
    tenant.requests.value += 1
    if (outcome.usage !== undefined) this.recordUse(outcome, cells, tenant)
    this.recordTimes(outcome, cells)
    this.recordAttempts(outcome, shape)
    if (outcome.losses.length > 0 || outcome.route !== undefined) this.recordWay(outcome)
    if (outcome.guardrails !== undefined || outcome.cache !== undefined) this.recordChecks(outcome)
    if (outcome.errorKind === 'storage_unavailable') {
      this.series.storeErrors.at([]).value += 1
    }
  }

  private cellsOf(outcome: Outcome): ModelCells {
    const { modelRequested = '', providerId = '' } = outcome
    const known = this.models.get(modelRequested)?.get(providerId)
    return known ?? this.newCells(modelRequested, outcome)
  }

  /** Only names that may be told are remembered: a client can ask for any number of others. */
  private newCells(asked: string, { providerId }: Outcome): ModelCells {
    const label = asked === '' ? '' : this.nameOf(asked)
    const place = label === OTHER ? OTHER : asked
    const byProvider = this.models.get(place) ?? new Map<string, ModelCells>()
    const known = byProvider.get(providerId ?? '')
    if (known !== undefined) return known
    const made = new ModelCells(this.series, providerId, label)
    // Both maps are bounded: names by their number, providers by that of kinds of requests.
    if (byProvider.size < LIMITS.metricSeriesMax) {
      byProvider.set(providerId ?? '', made)
      this.models.set(place, byProvider)
    }
    return made
  }

  private nameOf(asked: string): string {
    const name = this.naming(asked)
    if (name === undefined) return OTHER
    if (!this.named.has(name)) {
      if (this.named.size >= LIMITS.metricModelsMax) return OTHER
      this.named.add(name)
    }
    return name
  }

  private shapeOf(outcome: Outcome, { shapes }: ModelCells): Shape {
    const { clientFormat, operation } = outcome
    const known = shapes.get(clientFormat)?.get(operation)?.get(shapeCode(outcome))
    if (known !== undefined && known.error === outcome.errorKind) return known
    const other = known?.others?.get(outcome.errorKind)
    if (other !== undefined) return other
    const made = new Shape(this.series, outcome, this.labelOf(outcome))
    if (this.shapes >= LIMITS.metricShapesMax) return made
    this.shapes += 1
    if (known !== undefined) {
      known.others ??= new Map<string | undefined, Shape>()
      known.others.set(outcome.errorKind, made)
    } else {
      const byOperation = shapes.get(clientFormat) ?? new Map<string, Map<number, Shape>>()
      const byCode = byOperation.get(operation) ?? new Map<number, Shape>()
      shapes.set(clientFormat, byOperation.set(operation, byCode.set(shapeCode(outcome), made)))
    }
    return made
  }

  private labelOf({ modelRequested = '' }: Outcome): string {
    return modelRequested === '' ? '' : this.nameOf(modelRequested)
  }

  private tenantOf(tenantId: string): TenantCells {
    const known = this.tenants.get(tenantId)
    if (known !== undefined) return known
    const isRoom = this.tenants.size < LIMITS.metricTenantsMax
    const place = isRoom ? tenantId : OTHER
    const there = this.tenants.get(place)
    if (there !== undefined) return there
    const made = new TenantCells(this.series, place)
    this.tenants.set(place, made)
    return made
  }

  private recordUse(outcome: Outcome, cells: ModelCells, tenant: TenantCells): void {
    const { costNanoUsd, errorKind, usage = {} } = outcome
    const { cacheReadTokens = 0, inputTokens = 0, outputTokens = 0, reasoningTokens = 0 } = usage
    const { cacheWrite1hTokens = 0, cacheWrite5mTokens = 0 } = usage
    const written = Math.max(0, outputTokens - reasoningTokens)
    const thought = Math.min(reasoningTokens, outputTokens)
    if (inputTokens > 0) cells.used(0, inputTokens)
    if (cacheReadTokens > 0) cells.used(1, cacheReadTokens)
    if (cacheWrite5mTokens > 0) cells.used(2, cacheWrite5mTokens)
    if (cacheWrite1hTokens > 0) cells.used(3, cacheWrite1hTokens)
    if (written > 0) cells.used(4, written)
    if (thought > 0) cells.used(5, thought)
    const { inputAudioTokens, outputAudioTokens } = usage
    if (inputAudioTokens !== undefined) cells.audio('input', inputAudioTokens)
    if (outputAudioTokens !== undefined) cells.audio('output', outputAudioTokens)
    const input = inputTokens + cacheReadTokens + cacheWrite5mTokens + cacheWrite1hTokens
    tenant.tokens ??= this.series.tenantTokens.at([tenant.requests.labels[0]])
    tenant.tokens.value += input + outputTokens
    if (costNanoUsd !== undefined) {
      cells.costs(costNanoUsd)
      tenant.cost ??= this.series.tenantCost.at([tenant.requests.labels[0]])
      tenant.cost.value += costNanoUsd
    } else if (errorKind === undefined) cells.unpriced()
  }

  private recordTimes(outcome: Outcome, cells: ModelCells): void {
    const { errorKind, firstTokenMs, providerMs, queuedMs, stream, totalMs, usage } = outcome
    if (queuedMs !== undefined) this.series.queueWait.at([]).observe(queuedMs / 1_000)
    if (errorKind !== undefined) return
    if (providerMs !== undefined) cells.answeredIn(providerMs / 1_000)
    if (!stream || firstTokenMs === undefined) return
    cells.began(firstTokenMs / 1_000)
    const tokens = usage?.outputTokens
    if (tokens !== undefined && tokens > 1 && totalMs > firstTokenMs) {
      cells.eachTook((totalMs - firstTokenMs) / 1_000 / (tokens - 1))
    }
  }

  private recordAttempts({ attempts, providerId, status }: Outcome, shape: Shape): void {
    const only = attempts.length === 1 ? attempts[0] : undefined
    if (
      only !== undefined &&
      only.as === undefined &&
      only.error === undefined &&
      only.status === status &&
      only.providerId === providerId
    ) {
      shape.plainAttempt ??= this.attemptOf(only)
      shape.plainAttempt.value += 1
      return
    }
    let before: AttemptRecord | undefined
    for (const attempt of attempts) {
      this.attemptOf(attempt).value += 1
      const { as, model } = attempt
      const { series } = this
      if (as === 'retry') series.retries.at([attempt.providerId]).value += 1
      else if (as === 'hedge') series.hedges.at([attempt.providerId]).value += 1
      else if (as === 'continuation') series.continuations.at([attempt.providerId]).value += 1
      else if (before !== undefined) {
        const isSame = before.providerId === attempt.providerId && before.model === model
        if (!isSame) {
          series.providerFallbacks.at([before.providerId, attempt.providerId]).value += 1
        }
      }
      before = attempt
    }
  }

  private attemptOf(attempt: AttemptRecord): Count {
    const { error = '', providerId, status = 0 } = attempt
    const as: string = attempt.as ?? 'first'
    const code = status * 4 + ATTEMPTS.indexOf(as)
    const known = this.attempts.get(providerId)?.get(error)?.get(code)
    if (known !== undefined) return known
    const told = status === 0 ? undefined : String(status)
    const made = this.series.providerRequests.at([providerId, as, told, error])
    const byError = this.attempts.get(providerId) ?? new Map<string, Map<number, Count>>()
    const byCode = byError.get(error) ?? new Map<number, Count>()
    // Kinds of errors and statuses are few by themselves.
    if (this.attempts.size < LIMITS.metricSeriesMax)
      this.attempts.set(providerId, byError.set(error, byCode.set(code, made)))
    return made
  }

  private recordWay({ clientFormat, losses, providerDialect, route = [] }: Outcome): void {
    for (const { action, feature } of losses) {
      this.series.losses.at([feature, clientFormat, providerDialect, action]).value += 1
    }
    for (const { fallbackFor, model } of route) {
      if (fallbackFor !== undefined) this.series.fallbacks.at([model, fallbackFor]).value += 1
    }
  }

  private recordChecks({ cache, guardrails = [] }: Outcome): void {
    const { cacheRequests, cacheSaved, guardrailSeconds, guardrailVerdicts } = this.series
    for (const { check, durationMs, ruleId, stage, verdict } of guardrails) {
      guardrailVerdicts.at([ruleId, check, stage, verdict]).value += 1
      guardrailSeconds.at([ruleId, stage]).observe(durationMs / 1_000)
    }
    if (cache === undefined) return
    cacheRequests.at([cache.kind, cache.state]).value += 1
    if (cache.savedNanoUsd !== undefined) cacheSaved.at([cache.kind]).value += cache.savedNanoUsd
  }
}

const ATTEMPTS: readonly string[] = ['first', 'retry', 'hedge', 'continuation']

/** Status, mode and whether it streams, as one number. */
function shapeCode({ mode, status, stream }: Outcome): number {
  const way = mode === 'relay' ? 1 : mode === 'translate' ? 2 : 0
  return status * 8 + way * 2 + (stream ? 1 : 0)
}
