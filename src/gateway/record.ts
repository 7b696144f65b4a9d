// What is gathered about a request on its way, and the one place where it becomes an Outcome. It settles exactly once,
// whatever ends the request: an answer, an error, a client that left.

import type { Model, ModelPrice, Provider } from '../core/catalog.ts'
import { keepsBodies, mayKeepBodies, type ContentPolicy } from '../core/content.ts'
import type { GatewayError } from '../core/error.ts'
import { addedUsage, mergeUsage, totalInputTokens, type Usage } from '../core/ir/usage.ts'
import type { Loss } from '../core/ir/loss.ts'
import type { DialectName } from '../core/ir/request.ts'
import { LIMITS } from '../core/limits.ts'
import type {
  AttemptRecord,
  BudgetCharge,
  CacheRecord,
  Outcome,
  RouteRecord,
} from '../core/outcome.ts'
import { costNanoUsd } from '../core/price.ts'
import { readTraceParent } from '../core/trace-context.ts'
import type { CacheTicket } from './cache/ticket.ts'
import { targetPrice } from './target-price.ts'
import type { GatewayDeps } from './deps.ts'
import { errorText } from './error-text.ts'
import { estimateUsage, tokensInBytes } from './estimate.ts'
import type { RequestGuard } from './guard/request-guard.ts'
import type { Arrival } from './inbound.ts'
import { KeptBodies } from './kept-bodies.ts'
import { beginTrace, type RequestTrace } from './tracing.ts'

/** The target that answers, once it is chosen. */
export interface Chosen {
  readonly provider: Provider
  readonly model: string
  readonly mode: 'relay' | 'translate'
  /** The protocol the provider is asked in. */
  readonly dialect?: DialectName
  /** Which of the provider's keys it is asked with. */
  readonly keyId?: string | undefined
}

interface Priced {
  readonly answering: Model | undefined
  readonly provider: Provider
  readonly model: string
  readonly price: ModelPrice
}

/** Statuses from here on are failures. */
const ERROR_STATUS_MIN = 400

/** Operations that use tokens both ways. */
const WITH_ANSWER: ReadonlySet<string> = new Set(['chat', 'completion'])

export class RequestRecord {
  readonly inbound: Arrival
  readonly attempts: AttemptRecord[] = []
  model: string | undefined
  /** The operation, of a raw request what it asks for where that is known: whether its text is paid for. */
  asksFor: string
  stream = false
  responseBytes = 0
  /** Size of a body that is not among `inbound.bytes`. */
  requestBytes: number | undefined
  private readonly deps: GatewayDeps
  /** A provider may have begun to do what must not be done twice: nobody else may be asked. */
  mayNotBeRepeated = false
  /** A provider may have worked for an attempt that failed. */
  mayBeBilled = false
  /** The model whose target answers: the one asked for, or one it falls back to. */
  answering: Model | undefined
  private losses: readonly Loss[] = []
  private readonly routes: RouteRecord[] = []
  private readonly ends: ((error: GatewayError | undefined) => void)[] = []
  private readonly settlings: ((error: GatewayError | undefined) => void)[] = []
  /** What the limits of this request say to its client, as header fields of whatever it is answered. */
  limitHeaders: Readonly<Record<string, string>> | undefined
  private chosen: Chosen | undefined
  private usage: Usage | undefined
  private earlierUsage: Usage | undefined
  private earlierCostNanoUsd = 0
  private isCostKnown = true
  private priced: Priced | undefined
  private finish: string | undefined
  private modelReported: string | undefined
  private providerStartMs: number | undefined
  private firstByteMs: number | undefined
  private settled = false
  private readonly charges: BudgetCharge[] = []
  private keptBodies: KeptBodies | undefined
  private policy: ContentPolicy | undefined
  /** Of its row. */
  readonly logId: string
  /** Present while requests are traced. */
  readonly trace: RequestTrace | undefined
  private queuedMs: number | undefined
  /** The rules that hold for it; absent where there are none. */
  guard: RequestGuard | undefined
  /** What the response cache had to do with it; absent where there is none for it. */
  cache: CacheRecord | undefined
  /** By which its answer is kept for later requests; absent where it is not. */
  caching: CacheTicket | undefined

  constructor(inbound: Arrival, deps: GatewayDeps) {
    this.inbound = inbound
    this.logId = deps.ids.uuid()
    this.asksFor = inbound.operation
    this.deps = deps
    this.queuedMs = inbound.slot?.queuedMs
    const tracing = deps.tracing?.()
    this.trace = tracing === undefined ? undefined : beginTrace(inbound, tracing, deps)
  }

  /** Decided when it is first asked for, which is when the model is known, or when the request ends without one. */
  private get contentPolicy(): ContentPolicy {
    return (this.policy ??= this.deps.content(this.inbound.principal, this.model))
  }

  /** Present where the policy may want them in the end: asked before a part is made ready, as streams have many. */
  get bodies(): KeptBodies | undefined {
    if (this.keptBodies !== undefined) return this.keptBodies
    if (this.policy !== undefined || !mayKeepBodies(this.contentPolicy.keep)) return undefined
    return (this.keptBodies = new KeptBodies())
  }

  /**
   * An attempt begins at this target.
   * @param losses of the request as it is put to this target
   */
  attempting(chosen: Chosen, losses: readonly Loss[]): void {
    this.chosen = chosen
    this.losses = losses
    this.providerStartMs = this.deps.clock.monotonicMs()
  }

  /**
   * This target answers: of two that were asked beside each other it need not be the one that was asked last.
   * @param startedMs when it was asked
   */
  answeredBy(chosen: Chosen, losses: readonly Loss[], startedMs: number): void {
    this.chosen = chosen
    this.losses = losses
    this.providerStartMs = startedMs
  }

  /** Who answers now. @returns what puts that back, where those asked meanwhile have not answered */
  mark(): () => void {
    const { chosen, losses, providerStartMs } = this
    return () => {
      this.chosen = chosen
      this.losses = losses
      this.providerStartMs = providerStartMs
    }
  }

  /** How the targets of one model were put into an order. */
  addRoute(route: RouteRecord): void {
    this.routes.push(route)
  }

  /** What was to run at the end, for whoever takes care of it from now on. */
  detachEnds(): readonly ((error: GatewayError | undefined) => void)[] {
    return this.ends.splice(0)
  }

  /** The answer broke off and another target goes on with it: usage and cost so far stand, and counting begins anew. */
  partOver(provider: Provider, model: string): void {
    const cost = this.partCostNanoUsd(provider, model)
    if (cost === undefined) this.isCostKnown = false
    else this.earlierCostNanoUsd += cost
    this.earlierUsage = addedUsage(this.earlierUsage, this.usage)
    this.usage = undefined
  }

  /** Usage of the parts of the answer that are over. */
  get usageBefore(): Usage | undefined {
    return this.earlierUsage
  }

  /** Runs once when the request is over, with the error that ended it, if any. */
  atEnd(run: (error: GatewayError | undefined) => void): void {
    if (this.settled) run(undefined)
    else this.ends.push(run)
  }

  /**
   * Runs once when the record is settled, with the error that ended the request, if any. Unlike `atEnd` it stays with the request
   * when another target goes on with its answer: for what the request as a whole holds.
   */
  atSettled(run: (error: GatewayError | undefined) => void): void {
    if (this.settled) run(undefined)
    else this.settlings.push(run)
  }

  /** Usage as far as it is known, of every part of the answer. */
  get usageSoFar(): Usage | undefined {
    return addedUsage(this.earlierUsage, this.usage)
  }

  /** The same of the part that is not over: of whoever answers now. */
  get usageOfPart(): Usage | undefined {
    return this.usage
  }

  /** The provider that answers, or was asked last. */
  get chosenProvider(): Provider | undefined {
    return this.chosen?.provider
  }

  /** The key of the provider that answers; undefined where none is used. */
  get providerKeyId(): string | undefined {
    return this.chosen?.keyId
  }

  addLosses(losses: readonly Loss[]): void {
    if (losses.length === 0) return
    this.losses = [...this.losses, ...losses].slice(0, LIMITS.lossesMax)
  }

  lossList(): readonly Loss[] {
    return this.losses
  }

  addUsage(usage: Usage): void {
    // What an answer from memory tells of usage was used before, and is paid.
    if (this.cache?.state === 'hit') return
    this.usage = mergeUsage(this.usage, usage)
  }

  /** An attempt has begun: the provider may have worked, and billed. */
  wasSent(): boolean {
    return this.providerStartMs !== undefined
  }

  hasUsage(): boolean {
    return this.usage !== undefined
  }

  /**
   * Fills in what a provider that tells its usage has left out of it, or has told as what is no number: an estimate, and marked as one.
   * Without it such an answer would have no cost.
   */
  completeUsage(): void {
    const { inbound, responseBytes, usage } = this
    if (usage === undefined || !WITH_ANSWER.has(this.asksFor)) return
    const lacksInput = totalInputTokens(usage) === undefined
    const lacksOutput = usage.outputTokens === undefined
    if (!lacksInput && !lacksOutput) return
    const estimate = estimateUsage(inbound.bytes.length, tokensInBytes(responseBytes))
    this.usage = {
      ...usage,
      ...(lacksInput ? { inputTokens: estimate.inputTokens! } : {}),
      ...(lacksOutput ? { outputTokens: estimate.outputTokens! } : {}),
      estimated: true,
    }
  }

  setFinish(finish: string): void {
    this.finish = finish
  }

  setModelReported(model: string): void {
    if (model !== '') this.modelReported = model
  }

  /** The first byte of the answer's body goes to the client. */
  firstByte(): void {
    this.firstByteMs ??= this.deps.clock.monotonicMs()
  }

  /** Keeps a part of the answer where the policy may want it. */
  keepResponse(text: () => string): void {
    this.bodies?.responded(text())
  }

  /** Waits; while requests are traced, it is kept for how long. */
  during<T>(name: string, waiting: Promise<T>): Promise<T> {
    return this.trace?.during(name, waiting) ?? waiting
  }

  /** It waited so long for a place. */
  queued(durationMs: number): void {
    this.queuedMs = (this.queuedMs ?? 0) + durationMs
  }

  costNanoUsd(): number | undefined {
    if (this.cache?.state === 'hit') return 0
    if (this.chosen === undefined || !this.isCostKnown) return undefined
    const { provider, model } = this.chosen
    const cost = this.partCostNanoUsd(provider, model)
    return cost === undefined ? undefined : cost + this.earlierCostNanoUsd
  }

  private partCostNanoUsd(provider: Provider, model: string): number | undefined {
    return costNanoUsd(this.usage, this.priceOf(provider, model))
  }

  /** Asked for the answer's header and again for its row. */
  private priceOf(provider: Provider, model: string): ModelPrice | undefined {
    const { answering, deps, inbound, priced } = this
    const isSame =
      priced?.provider === provider && priced.model === model && priced.answering === answering
    if (isSame) return priced.price
    const price = targetPrice(answering, provider, model, deps.prices, inbound.arrivedMs)
    // One that is not known may be in a moment: the book may still be on its way.
    if (price !== undefined) this.priced = { answering, provider, model, price }
    return price
  }

  /** What the row will say it cost: nothing that is known where it failed and nobody told of any use. */
  costAtEnd(hasFailed: boolean): number | undefined {
    return hasFailed && this.usageSoFar === undefined ? undefined : this.costNanoUsd()
  }

  /** What it takes out of budgets, for the ledger. */
  charge(charges: readonly BudgetCharge[]): void {
    this.charges.push(...charges)
  }

  /** Makes the outcome. Every call after the first is ignored: an abort and an end may race. */
  settle(status: number, error?: GatewayError): void {
    if (this.settled) return
    this.settled = true
    if (error === undefined) this.completeUsage()
    this.inbound.slot?.release()
    for (const run of this.ends) run(error)
    for (const run of this.settlings) run(error)
    this.deps.sink.record(this.outcome(status, error))
  }

  private outcome(status: number, error: GatewayError | undefined): Outcome {
    const { inbound, deps } = this
    const nowMs = deps.clock.monotonicMs()
    const { principal } = inbound
    const outcome: { -readonly [K in keyof Outcome]: Outcome[K] } = {
      logId: this.logId,
      timestampMs: inbound.arrivedMs,
      tenantId: principal.tenantId,
      requestId: inbound.requestId,
      direction: 'inbound',
      endpoint: inbound.endpoint,
      clientFormat: inbound.dialect,
      operation: inbound.operation,
      stream: this.stream,
      status,
      losses: this.losses,
      attempts: this.attempts,
      totalMs: nowMs - inbound.arrivedMonotonicMs,
      requestBytes: this.requestBytes ?? inbound.bytes.length,
      responseBytes: this.responseBytes,
    }
    if (principal.keyHash !== undefined) outcome.apiKeyHash = principal.keyHash
    if (principal.keyId !== undefined) outcome.apiKeyId = principal.keyId
    if (principal.userId !== undefined) outcome.userId = principal.userId
    if (principal.teamId !== undefined) outcome.teamId = principal.teamId
    if (principal.serviceId !== undefined) outcome.serviceId = principal.serviceId
    const { trace } = this
    const traceId = trace?.traceId ?? readTraceParent(inbound.headers.get('traceparent'))?.traceId
    if (traceId !== undefined) outcome.traceId = traceId
    if (trace !== undefined) outcome.trace = trace.record()
    const userAgent = inbound.headers.get('user-agent')
    if (userAgent !== null) outcome.userAgent = userAgent.slice(0, 200)
    if (this.model !== undefined) outcome.modelRequested = this.model.slice(0, 300)
    if (this.chosen !== undefined) {
      outcome.providerId = this.chosen.provider.id
      outcome.modelResolved = this.modelReported ?? this.chosen.model
      outcome.mode = this.chosen.mode
      if (this.chosen.dialect !== undefined) outcome.providerDialect = this.chosen.dialect
    }
    if (this.routes.length > 0) outcome.route = this.routes
    if (this.finish !== undefined) outcome.finish = this.finish
    const usage = this.usageSoFar
    if (usage !== undefined) outcome.usage = usage
    const cost = this.costAtEnd(error !== undefined)
    if (cost !== undefined) outcome.costNanoUsd = cost
    if (this.guard !== undefined) outcome.guardrails = this.guard.list()
    if (this.cache !== undefined) outcome.cache = this.cache
    if (this.charges.length > 0) outcome.charges = this.charges
    if (this.providerStartMs !== undefined) outcome.providerMs = nowMs - this.providerStartMs
    if (this.firstByteMs !== undefined) {
      outcome.firstTokenMs = this.firstByteMs - inbound.arrivedMonotonicMs
    }
    if (error !== undefined) outcome.errorKind = error.kind
    if (this.queuedMs !== undefined) outcome.queuedMs = this.queuedMs
    // Before the policy is looked at: of a request that was refused at once nobody has asked for them yet.
    const { bodies } = this
    const { keep, redact } = this.contentPolicy
    const hasFailed = error !== undefined || status >= ERROR_STATUS_MIN
    if (bodies !== undefined && keepsBodies(keep, hasFailed)) {
      Object.assign(outcome, bodies.outcome(inbound.bytes))
    }
    if (error !== undefined) {
      // Where content is kept as well: this text is shown and sent to whoever may not have that.
      outcome.errorText = errorText(error, this.chosen?.provider, inbound.bytes)
    }
    if (redact.length > 0) outcome.redact = redact
    if (keep === 'none') outcome.withoutRow = true
    return outcome
  }
}
