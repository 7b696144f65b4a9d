// How many tokens a prompt has: asked of the provider that would answer it where it counts in any dialect, estimated where
// nobody counts. Counting is free and never worth a failure: a provider that cannot say it only makes the number an estimate, and
// the answer says so. It adds no usage and no cost to the log.

import type { ProviderKey, Target } from '../core/catalog.ts'
import { endReason } from '../core/end-reason.ts'
import { GatewayError } from '../core/error.ts'
import type { ChatRequest, DialectName } from '../core/ir/request.ts'
import { asObject, parseJson } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { UpstreamResponse } from '../core/ports.ts'
import type { TokenCountCodec } from '../dialects/dialect.ts'
import { dialects } from '../dialects/registry.ts'
import type { GatewayDeps } from './deps.ts'
import { estimateInputTokens } from './estimate.ts'
import { guardCounted } from './guard/input.ts'
import { forwardedHeaders } from './headers.ts'
import type { Inbound, Reply } from './inbound.ts'
import { refersToEarlier, withEarlierTurns } from './kept-responses.ts'
import { requireModel } from './model-access.ts'
import { admit } from './admit.ts'
import { peek } from './peek.ts'
import { encodeTarget, planTarget, relayBody, RequestForms, type TargetPlan } from './plan.ts'
import { RequestRecord } from './record.ts'
import { refuse } from './refuse.ts'
import { routeRelayed } from './routing.ts'
import type { Catalog } from './snapshot.ts'
import { isFailure, isOver, tryTarget, type Asking } from './target-run.ts'
import type { TraceFields } from './tracing.ts'
import { send } from './upstream.ts'

/** Answers one count. Never rejects. */
export async function countTokens(inbound: Inbound, deps: GatewayDeps): Promise<Reply> {
  const record = new RequestRecord(inbound, deps)
  try {
    const received = peek(inbound)
    record.model = received.model
    const catalog = deps.snapshot().of(inbound.principal.tenantId)
    const model = requireModel(received.model, received, inbound.principal, catalog, deps)
    await admit({ inbound, modelName: received.model, stream: false }, record, deps)
    const whole = refersToEarlier(received, inbound)
      ? await withEarlierTurns(received, inbound, deps)
      : received
    const client = tokenCountCodec(inbound.dialect)
    // What may not be said may not be counted: a provider would see it.
    const guards = deps.guards?.(inbound.principal, received.model)
    const peeked =
      guards === undefined
        ? whole
        : await guardCounted(guards, whole, record, deps, (body) =>
            client.decodeRequest(body, inbound.hints),
          )
    const request = client.decodeRequest(peeked.body, inbound.hints)
    // Defaults say how to answer; a counter refuses what it does not know.
    const forms = new RequestForms(inbound, peeked, { ...model, defaults: {} })
    const count = await new Count(forms, request, catalog, record, deps).run()
    const body = JSON.stringify(client.encodeResponse(count.tokens))
    record.responseBytes = body.length
    record.settle(200)
    return { status: 200, headers: { ...record.limitHeaders, ...headersOf(count) }, body }
  } catch (thrown) {
    return refuse(record, thrown, deps)
  }
}

function tokenCountCodec(dialect: DialectName): TokenCountCodec {
  const codec = dialects[dialect].tokenCount
  if (codec === undefined) throw new GatewayError('unknown_url')
  return codec
}

interface Counted {
  readonly tokens: number
  /** Who counted; absent for an estimate. */
  readonly plan?: TargetPlan
}

function headersOf({ plan }: Counted): Record<string, string> {
  const type = { 'content-type': 'application/json' }
  if (plan === undefined) return { ...type, 'x-weir-estimated': 'true' }
  return { ...type, 'x-weir-provider': plan.provider.id, 'x-weir-mode': plan.mode }
}

interface CountAnswer {
  readonly upstream: UpstreamResponse
  readonly tokens: number
}

/** One count over the model's targets. */
class Count {
  private readonly forms: RequestForms
  private readonly request: ChatRequest
  private readonly catalog: Catalog
  private readonly record: RequestRecord
  private readonly deps: GatewayDeps
  /** The client's leaving, or the end of the time that counting may take. */
  private readonly signal: AbortSignal

  constructor(
    forms: RequestForms,
    request: ChatRequest,
    catalog: Catalog,
    record: RequestRecord,
    deps: GatewayDeps,
  ) {
    this.forms = forms
    this.request = request
    this.catalog = catalog
    this.record = record
    this.deps = deps
    const limit = AbortSignal.timeout(LIMITS.tokenCountTimeoutMs)
    this.signal = AbortSignal.any([forms.inbound.signal, limit])
  }

  /** @throws GatewayError when a provider finds the request itself wrong, or the client has left */
  async run(): Promise<Counted> {
    const { forms, request, catalog } = this
    const targets = this.targets()
    for (const target of targets) {
      if (this.signal.aborted || isOver(this.record)) break
      const plan = planTarget(target, catalog, forms.inbound, forms.peeked)
      if (plan === undefined) {
        // It answers and cannot count: another's count would be of another tokenizer.
        if (catalog.providers.has(target.providerId)) break
        continue
      }
      const tokens = await this.ask(plan)
      if (tokens !== undefined) return { tokens, plan }
    }
    if (forms.inbound.signal.aborted) throw endReason(forms.inbound.signal)
    return { tokens: estimateInputTokens(request, targets[0]?.model) }
  }

  /** Those that would answer, in their order. Who cannot count is not passed over: another's count would be of another tokenizer. */
  private targets(): readonly Target[] {
    const { deps, forms, catalog } = this
    const { inbound, model, peeked } = forms
    return routeRelayed(
      {
        model,
        candidates: model.targets,
        requested: peeked.model,
        operation: { name: inbound.operation, offers: () => true },
        arrival: inbound,
        body: peeked.body,
      },
      catalog,
      deps,
    ).targets
  }

  /** Undefined when the target brings no count. @throws GatewayError of a request that the provider finds wrong */
  private async ask(plan: TargetPlan): Promise<number | undefined> {
    const { deps, record } = this
    const { model, mode, provider, upstream } = plan
    const body = this.bodyFor(plan)
    if (body === undefined) return undefined
    const asking: Asking<CountAnswer> = {
      provider,
      model,
      mode,
      dialect: upstream.name,
      repeating: 'never',
      // Many a server that answers well cannot count.
      judgedBy: 'connection',
      aside: true,
      attempt: (key, _signal, traced) => this.attempt(plan, body, key, traced),
    }
    const going = { mayQueue: false, signal: this.signal }
    const result = await tryTarget(asking, going, record, deps)
    if (!isFailure(result)) {
      result.over()
      return result.answer.tokens
    }
    const { error, status } = result
    if (status === 400 && error.status === 400) throw error
    deps.logger.debug('provider did not count tokens', { provider: provider.id, error: error.kind })
    return undefined
  }

  /** Undefined for what cannot be put to this provider: it cannot be counted by it either. */
  private bodyFor(plan: TargetPlan): Uint8Array | string | undefined {
    if (plan.mode === 'relay') return relayBody(plan, this.forms).bytes
    const codec = tokenCountCodec(plan.upstream.name)
    try {
      return JSON.stringify(codec.encodeRequest(this.request, encodeTarget(plan)).value)
    } catch (error) {
      if (error instanceof GatewayError) return undefined
      throw error
    }
  }

  private async attempt(
    plan: TargetPlan,
    body: Uint8Array | string,
    key: ProviderKey | undefined,
    traced: TraceFields,
  ): Promise<CountAnswer> {
    const { deps, forms, signal } = this
    const { kind, mode, model, operation, provider } = plan
    const dialect = plan.upstream.name
    const upstream = await send(
      { provider, kind, dialect },
      {
        url: kind.endpoint({ provider, dialect, operation, model, stream: false }),
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          ...(mode === 'relay' ? forwardedHeaders(forms.inbound.headers) : {}),
          ...traced,
        },
        body,
        signal,
      },
      key,
      deps,
    )
    const text = new TextDecoder().decode(await upstream.bytes(LIMITS.errorBodyBytesMax))
    const tokens = tokenCountCodec(dialect).decodeResponse(asObject(parseJson(text)) ?? {})
    return { upstream, tokens }
  }
}
