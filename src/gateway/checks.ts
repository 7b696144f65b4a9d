// Asks providers that want it whether they are well, without any client: for the model list, or one model for a token. What comes of it
// goes into their health as an attempt's outcome does. No request waits for it, and who is not configured to be asked is not asked.

import {
  providerUid,
  type CheckSettings,
  type Provider,
  type ProviderKey,
} from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { parseJson } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { classify, connectionFault, type Failure } from '../core/policy/classify.ts'
import { dialects } from '../dialects/registry.ts'
import { providerKind } from '../providers/registry.ts'
import type { GatewayDeps } from './deps.ts'
import type { Attempting } from './health.ts'
import { namedTargets } from './health-report.ts'
import { AttemptFailure, scrubbed, send, type Sending } from './upstream.ts'

/** What the last check of a provider found. */
export interface CheckReport {
  /** Whether it answered at all, be it that it refused. */
  readonly reachable: boolean
  readonly ok: boolean
  /** Wall clock. */
  readonly checkedMs: number
  readonly durationMs: number
  /** Words for the operator, scrubbed; absent where it was well. */
  readonly error?: string
}

interface Planned {
  nextMs: number
  running: boolean
  report: CheckReport | undefined
}

/** Checks begin within so long after the start, each at a moment of its own. */
const FIRST_WITHIN_MS = 5_000

/** Between 0.9 and 1.1 times the interval passes from one check to the next. */
const JITTER = 0.2

const QUESTION = 'Say OK.'

/** The head of a good answer. @throws as `send` does */
type Question = (key: ProviderKey | undefined, signal: AbortSignal) => Promise<Headers>

export class Checks {
  private readonly deps: GatewayDeps
  private readonly planned = new Map<string, Planned>()
  private readonly abort = new AbortController()
  private timer: ReturnType<typeof setInterval> | undefined
  private running = 0

  constructor(deps: GatewayDeps) {
    this.deps = deps
  }

  start(): void {
    this.timer = setInterval(() => void this.look(), LIMITS.checkTickMs)
    this.timer.unref()
  }

  stop(): void {
    clearInterval(this.timer)
    this.abort.abort(new GatewayError('shutting_down'))
  }

  /** What the last check found; undefined where there was none yet, or none is wanted. */
  report(provider: Provider): CheckReport | undefined {
    return provider.check === undefined
      ? undefined
      : this.planned.get(providerUid(provider))?.report
  }

  /** Begins what is due and resolves when that is over. Never rejects. */
  async look(): Promise<void> {
    const { clock, ids } = this.deps
    const { allProviders } = this.deps.snapshot()
    const nowMs = clock.monotonicMs()
    for (const id of this.planned.keys()) {
      if (allProviders.get(id)?.check === undefined) this.planned.delete(id)
    }
    const begun: Promise<void>[] = []
    for (const [id, provider] of allProviders) {
      const { check } = provider
      if (check === undefined) continue
      const plan = this.planOf(id, check, nowMs)
      if (plan.running || nowMs < plan.nextMs || this.running >= LIMITS.checksRunningMax) continue
      plan.nextMs = nowMs + check.intervalMs * (1 - JITTER / 2 + JITTER * ids.random())
      begun.push(this.run(provider, check, plan))
    }
    await Promise.all(begun)
  }

  private planOf(id: string, check: CheckSettings, nowMs: number): Planned {
    const known = this.planned.get(id)
    if (known !== undefined) {
      // An interval that was made shorter holds at once.
      known.nextMs = Math.min(known.nextMs, nowMs + check.intervalMs * (1 + JITTER / 2))
      return known
    }
    const withinMs = Math.min(FIRST_WITHIN_MS, check.intervalMs)
    const made = {
      nextMs: nowMs + withinMs * this.deps.ids.random(),
      running: false,
      report: undefined,
    }
    this.planned.set(id, made)
    return made
  }

  private async run(provider: Provider, check: CheckSettings, plan: Planned): Promise<void> {
    plan.running = true
    this.running += 1
    try {
      plan.report = (await this.check(provider, check)) ?? plan.report
    } catch (error) {
      this.deps.logger.error('a check failed by its own fault', {
        provider: providerUid(provider),
        error: String(error),
      })
    } finally {
      plan.running = false
      this.running -= 1
    }
  }

  /** Undefined where it is not the time to ask: the model's circuit is open. */
  private async check(provider: Provider, check: CheckSettings): Promise<CheckReport | undefined> {
    const { clock, health } = this.deps
    const { model } = check
    const question = model === undefined ? this.listOf(provider) : this.tokenOf(provider, model)
    const checkedMs = clock.nowMs()
    const startedMs = clock.monotonicMs()
    const durationMs = () => clock.monotonicMs() - startedMs
    if (typeof question === 'string') {
      return { reachable: false, ok: false, checkedMs, durationMs: 0, error: question }
    }
    const attempting = model === undefined ? undefined : health.begin(provider, model)
    if (model !== undefined && attempting === undefined) return undefined
    const key = this.keyOf(provider)
    const signal = AbortSignal.any([
      this.abort.signal,
      AbortSignal.timeout(Math.min(LIMITS.checkTimeoutMs, provider.timeouts.totalMs)),
    ])
    try {
      const headers = await question(key, signal)
      attempting?.answered()
      attempting?.ended(true)
      // A model list says nothing of a key: some are open to everybody.
      if (attempting !== undefined && key !== undefined) {
        health.keys(provider).answered(key.id, headers, startedMs, clock.monotonicMs())
      }
      return { reachable: true, ok: true, checkedMs, durationMs: durationMs() }
    } catch (thrown) {
      const found = this.judge(provider, key, thrown, attempting)
      return { ...found, ok: false, checkedMs, durationMs: durationMs() }
    }
  }

  /** What a failure says of the provider, its targets and its key. */
  private judge(
    provider: Provider,
    key: ProviderKey | undefined,
    thrown: unknown,
    attempting: Attempting | undefined,
  ): Pick<CheckReport, 'reachable' | 'error'> {
    const { clock, health } = this.deps
    const failure = this.failureOf(thrown)
    if (failure === undefined) {
      attempting?.released()
      throw thrown
    }
    const decision = classify(failure, clock.nowMs())
    const { status } = failure
    const isStopping = this.abort.signal.aborted
    const isRefusal = decision.action === 'next-key' || status === 429
    const isFault = !isStopping && !isRefusal && (status === undefined || status >= 500)
    if (isFault) {
      if (attempting === undefined) this.failAll(provider)
      attempting?.failed()
    } else attempting?.released()
    // That it may not list models says nothing of what else a key may do.
    const isOfKey = decision.keyIsFit !== true && (attempting !== undefined || status === 401)
    if (decision.action === 'next-key' && isOfKey && key !== undefined) {
      health.keys(provider).refused(provider.keys, key.id, status ?? 0, clock.monotonicMs())
    }
    return { reachable: status !== undefined, error: this.wordsOf(provider, failure, thrown) }
  }

  private failureOf(thrown: unknown): Failure | undefined {
    if (thrown instanceof AttemptFailure) return thrown.failure
    if (thrown instanceof GatewayError) return { fault: connectionFault(thrown) }
    // The signal's own: the time is over.
    if (thrown instanceof DOMException) return { fault: 'answer-timeout' }
    return undefined
  }

  private wordsOf(provider: Provider, failure: Failure, thrown: unknown): string {
    const { body, fault, status } = failure
    let said = 'no answer in time'
    if (status !== undefined) {
      said = `answers ${status}${body?.message === undefined ? '' : `: ${body.message}`}`
    } else if (thrown instanceof GatewayError && fault !== 'client-closed') said = thrown.message
    return scrubbed(said, provider).slice(0, ERROR_CHARS_MAX)
  }

  /** A provider that does not even list its models serves none of its targets. */
  private failAll(provider: Provider): void {
    const { health } = this.deps
    const models = new Set(health.views(provider).map(({ model }) => model))
    for (const model of namedTargets(provider, this.deps.snapshot())) models.add(model)
    for (const model of models) health.begin(provider, model)?.failed()
  }

  private keyOf(provider: Provider): ProviderKey | undefined {
    const { clock, health } = this.deps
    const { keys, keyStrategy: strategy = 'round_robin' } = provider
    const nowMs = clock.monotonicMs()
    const choice = health.keys(provider).choose({ keys, strategy, nowMs, tried: new Set() })
    // Also where all rest: a check is how one finds out that they are fit again.
    return choice.key ?? keys[0]
  }

  private listOf(provider: Provider): Question | string {
    const kind = providerKind(provider.type)
    const models = kind?.models
    if (kind === undefined || models === undefined) {
      return 'has no model list to be asked for; name a model in its check'
    }
    const dialect = kind.dialects(provider, 'chat')[0] ?? 'openai-chat'
    const url = models.url(provider)
    return async (key, signal) => {
      const headers = { accept: 'application/json' }
      const asking: Sending = { url, method: 'GET', headers, signal }
      const upstream = await send({ provider, kind, dialect }, asking, key, this.deps)
      readJson(await upstream.bytes(LIMITS.responseBodyBytesMax))
      return upstream.headers
    }
  }

  private tokenOf(provider: Provider, model: string): Question | string {
    const kind = providerKind(provider.type)
    const dialect = kind?.dialects(provider, 'chat', model)[0]
    const codec = dialect === undefined ? undefined : dialects[dialect].chat
    if (kind === undefined || dialect === undefined || codec === undefined) {
      return `cannot be asked for a chat with ${model}`
    }
    const { value } = codec.encodeRequest(
      {
        form: 'chat',
        model,
        messages: [{ role: 'user', content: [{ type: 'text', text: QUESTION }] }],
        stream: false,
        sampling: {},
        maxTokens: 1,
      },
      { model, quirks: kind.quirks(provider, model, dialect), defaultMaxTokens: 1 },
    )
    const url = kind.endpoint({ provider, dialect, operation: 'chat', model, stream: false })
    return async (key, signal) => {
      const headers = { 'content-type': 'application/json', accept: 'application/json' }
      const body = JSON.stringify(value)
      const asking: Sending = { url, method: 'POST', headers, body, signal }
      const upstream = await send({ provider, kind, dialect }, asking, key, this.deps)
      readJson(await upstream.bytes(LIMITS.responseBodyBytesMax))
      return upstream.headers
    }
  }
}

const ERROR_CHARS_MAX = 300

/** @throws GatewayError `upstream_bad_response` for what is no JSON: somebody else answers in the provider's place */
function readJson(bytes: Uint8Array): void {
  if (parseJson(new TextDecoder().decode(bytes)) === undefined) {
    throw new GatewayError('upstream_bad_response')
  }
}
