// The attempts at one request: how each of the model's targets is asked, and what is an answer of it. Everything here happens
// before the commit point; nothing has been sent to the client yet. Who is asked when is `candidates`' and `routing`'s.

import {
  DEFAULT_ROUTING,
  type FallbackCause,
  type ProviderKey,
  type Target,
} from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { Loss } from '../core/ir/loss.ts'
import type { ChatRequest } from '../core/ir/request.ts'
import { LIMITS } from '../core/limits.ts'
import type { UpstreamResponse } from '../core/ports.ts'
import { callerOf } from '../core/principal.ts'
import type { Framing } from '../dialects/dialect.ts'
import { firstAnswer, type Candidate } from './candidates.ts'
import { guardContext, withRoom, type ContextRoom } from './context-guard.ts'
import type { GatewayDeps } from './deps.ts'
import { hasEffects } from './effects.ts'
import { routeNoted, withFallbacks } from './fallback.ts'
import type { GuardedAnswer } from './guard/output.ts'
import { forwardedHeaders } from './headers.ts'
import type { KeptBodies } from './kept-bodies.ts'
import { holdersAmong, refuseHeldElsewhere } from './kept-responses.ts'
import { requireBeside } from './model-access.ts'
import { formsFor } from './overrides.ts'
import { planTarget, relayBody, RequestForms, translatedBody, type TargetPlan } from './plan.ts'
import type { RequestRecord } from './record.ts'
import { recalledRequest } from './remember.ts'
import { isUsable } from './resolve.ts'
import { routeTargets } from './routing.ts'
import type { Catalog } from './snapshot.ts'
import { nobodyLeft, noProvider, notOffered } from './target-errors.ts'
import { isFailure, tryTarget, type Repeating, type TargetFailure } from './target-run.ts'
import type { TraceFields } from './tracing.ts'
import { answerType, AttemptFailure, send, timeoutsLeft } from './upstream.ts'
import { readWhole, type WholeAnswer } from './whole.ts'

export type Answer = {
  /** The request as the answering model has it: another than the one asked for where that was fallen back from. */
  readonly forms: RequestForms
  readonly plan: TargetPlan
  readonly upstream: UpstreamResponse
  readonly withholdUsage: boolean
  /** It comes from the response cache: nobody was asked, and `upstream` is nobody's. */
  readonly cached?: true
  /** Present where rules have changed it: what it was, and what is kept of it. */
  readonly guarded?: GuardedAnswer
  /** When its head came; absent where that is now. */
  readonly headMs?: number
} & ({ readonly kind: 'stream' } | ({ readonly kind: 'whole' } & WholeAnswer))

/** What one target is to be sent. */
export interface Prepared {
  /** How the target is asked in the end: what was to be relayed may have to be translated. */
  readonly plan: TargetPlan
  readonly body: Uint8Array | string
  readonly withholdUsage: boolean
  readonly losses: readonly Loss[]
}

/**
 * Tries the model's targets until one answers, and after them those of the models it falls back to.
 * @throws GatewayError of the failure that says most when none does
 */
export function attemptAll(
  forms: RequestForms,
  catalog: Catalog,
  record: RequestRecord,
  deps: GatewayDeps,
): Promise<Answer> {
  return withFallbacks(forms.model, catalog, record, deps, (model, fallbackFor) => {
    const current =
      model === forms.model ? forms : new RequestForms(forms.inbound, forms.peeked, model)
    return attemptModel(current, fallbackFor, catalog, record, deps)
  })
}

/** Tries the targets of one model. @throws GatewayError when none answers */
function attemptModel(
  forms: RequestForms,
  fallbackFor: FallbackCause | undefined,
  catalog: Catalog,
  record: RequestRecord,
  deps: GatewayDeps,
): Promise<Answer> {
  const { inbound, model, peeked } = forms
  if (fallbackFor !== undefined) requireBeside(model, peeked, peeked.model, inbound.principal)
  const holders = holdersAmong(model.targets, peeked.earlier)
  const { retryAfterMs, targets } = routeNoted(record, model, fallbackFor, () =>
    routeTargets(model, holders, forms, catalog, deps),
  )
  if (targets.length === 0) throw nobodyLeft(retryAfterMs)
  const repeating = hasEffects(inbound, peeked.body) ? 'unless-begun' : 'freely'
  const { hedgeAfterMs, retryRefused } = model.routing ?? DEFAULT_ROUTING
  const mayHedge = hedgeAfterMs !== undefined && repeating === 'freely' && hedges(forms, deps)
  return firstAnswer(
    targets.map((target) => candidateOf(target, forms, repeating, catalog, record, deps)),
    {
      patient: true,
      hedgeAfterMs: mayHedge ? hedgeAfterMs : undefined,
      retryRefused,
    },
    record,
    deps,
  )
}

function hedges({ inbound: { principal, requestId } }: RequestForms, deps: GatewayDeps): boolean {
  return deps.flags.value('hedging', principal.tenantId, callerOf(principal) ?? requestId)
}

/** One target of the model as it is asked by this request. */
function candidateOf(
  target: Target,
  asked: RequestForms,
  repeating: Repeating,
  catalog: Catalog,
  record: RequestRecord,
  deps: GatewayDeps,
): Candidate<Answer> {
  const provider = catalog.providers.get(target.providerId)
  let prepared: Prepared | TargetFailure | undefined
  let forms = asked
  return {
    provider,
    get contextWindow() {
      return (
        target.abilities?.contextWindow ??
        deps.directory.facts(provider, target.model).contextWindow
      )
    },
    async go(going) {
      // Made once: a second go sends the same.
      if (prepared === undefined) {
        forms = formsFor(target, asked)
        const preparing = prepare(target, forms, catalog, deps)
        prepared = preparing instanceof Promise ? await preparing : preparing
      }
      if (isFailure(prepared)) return prepared
      const { plan, losses } = prepared
      const ready = prepared
      return await tryTarget<Answer>(
        {
          provider: plan.provider,
          model: plan.model,
          mode: plan.mode,
          dialect: plan.upstream.name,
          repeating,
          losses,
          holderKeyId: forms.peeked.earlier?.providerKeyId,
          attempt: (key, signal, traced) => {
            const answering = attempt(ready, key, forms, signal, deps, traced)
            return record.bodies === undefined ? answering : kept(record.bodies, ready, answering)
          },
        },
        going,
        record,
        deps,
      )
    },
  }
}

/** What this target is to be sent, or why it cannot be asked. At once where nothing has to be looked up. */
function prepare(
  target: Target,
  forms: RequestForms,
  catalog: Catalog,
  deps: GatewayDeps,
): Prepared | TargetFailure | Promise<Prepared | TargetFailure> {
  const planned = planTarget(target, catalog, forms.inbound, forms.peeked)
  if (planned === undefined) {
    return { error: unplanned(target, forms, catalog), stop: false, unasked: true }
  }
  try {
    const filling = fill(planned, forms, deps)
    return filling instanceof Promise ? filling.catch(notPrepared) : filling
  } catch (error) {
    return notPrepared(error)
  }
}

function notPrepared(error: unknown): TargetFailure {
  if (!(error instanceof GatewayError)) throw error
  // What this target cannot be told or hold, another may; what is wrong in the request itself, none can.
  const stop = error.kind !== 'unsupported' && error.kind !== 'context_length'
  return { error, stop, unasked: true }
}

/** Why a target has no plan: its provider is not there, or not for requests of this kind. */
function unplanned(target: Target, forms: RequestForms, catalog: Catalog): GatewayError {
  const provider = catalog.providers.get(target.providerId)
  if (provider === undefined || !isUsable(provider)) return noProvider()
  return notOffered(forms.inbound.operation)
}

/** The body for a target. @throws GatewayError `unsupported` for what it cannot be told, or what is wrong in the request */
function fill(
  planned: TargetPlan,
  forms: RequestForms,
  deps: GatewayDeps,
): Prepared | Promise<Prepared> {
  refuseHeldElsewhere(planned, forms.peeked, forms.inbound)
  // Nearly every request needs neither, and does not wait for them.
  const recalling = recalledRequest(planned, forms, deps)
  if (recalling !== undefined) return fillRecalled(planned, forms, recalling, deps)
  const guarding = guardContext(planned, forms, deps)
  if (guarding === undefined) return bodyFor(planned, forms, undefined, undefined, deps)
  return guarding.then((room) => bodyFor(planned, forms, undefined, room, deps))
}

async function fillRecalled(
  planned: TargetPlan,
  forms: RequestForms,
  recalling: Promise<ChatRequest | undefined>,
  deps: GatewayDeps,
): Promise<Prepared> {
  const completed = await recalling
  return bodyFor(planned, forms, completed, await guardContext(planned, forms, deps), deps)
}

function bodyFor(
  planned: TargetPlan,
  forms: RequestForms,
  completed: ChatRequest | undefined,
  room: ContextRoom | undefined,
  deps: GatewayDeps,
): Prepared {
  if (planned.mode === 'relay' && completed === undefined && !mayContinue(forms, deps)) {
    const { bytes, withholdUsage } = relayBody(planned, forms, room)
    return { plan: planned, body: bytes, withholdUsage, losses: [] }
  }
  const plan: TargetPlan = { ...planned, mode: 'translate' }
  const encoded = translatedBody(plan, forms, completed)
  const body = JSON.stringify(withRoom(encoded.value, room))
  return { plan, body, withholdUsage: false, losses: encoded.losses.slice(0, LIMITS.lossesMax) }
}

/**
 * Whether this answer may be gone on with by another target when it breaks off. Then it has to be understood as it streams. Not so
 * what must not be done twice, and what goes on a conversation that a provider holds: said in other words it would be forgotten.
 */
export function mayContinue(
  { inbound, model, peeked }: RequestForms,
  { flags }: GatewayDeps,
): boolean {
  if (model.routing?.continuation !== true || !peeked.stream) return false
  const { principal, requestId } = inbound
  if (!flags.value('continuation', principal.tenantId, callerOf(principal) ?? requestId))
    return false
  if (inbound.operation !== 'chat' || peeked.earlier?.providerId !== undefined) return false
  return !hasEffects(inbound, peeked.body)
}

/** An attempt whose bodies are kept. */
async function kept(
  bodies: KeptBodies,
  { body, plan }: Prepared,
  asked: Promise<Answer>,
): Promise<Answer> {
  const exchange = bodies.sending(body, plan.provider)
  try {
    const answer = await asked
    // Another may have been asked beside it meanwhile.
    bodies.answering(exchange)
    const whole = answer.kind === 'whole' ? (answer.bytes ?? answer.streamed) : undefined
    if (whole !== undefined) bodies.answered(whole)
    return answer
  } catch (error) {
    const told = error instanceof AttemptFailure ? error.answered?.bytes : undefined
    if (told !== undefined) exchange.answered(told)
    throw error
  }
}

/** Sends the body once and reads what has to be read before the commit point: all of an answer that is no stream. */
export async function attempt(
  prepared: Prepared,
  key: ProviderKey | undefined,
  forms: RequestForms,
  signal: AbortSignal,
  deps: GatewayDeps,
  traced?: TraceFields,
): Promise<Answer> {
  const { plan, withholdUsage } = prepared
  const { provider, kind, upstream, operation, model } = plan
  const { stream } = forms.peeked
  const { arrivedMonotonicMs, hints, headers } = forms.inbound
  const dialect = upstream.name
  const relayed = plan.mode === 'relay'
  const legacy = relayed && hints.legacy === true
  const batch = !relayed || hints.batch === true
  const fields: Record<string, string> = relayed ? forwardedHeaders(headers) : {}
  fields['content-type'] = 'application/json'
  fields['accept'] = stream ? acceptOf(upstream.framing) : 'application/json'
  if (traced !== undefined) Object.assign(fields, traced)
  const response = await send(
    { provider, kind, dialect },
    {
      url: kind.endpoint({ provider, dialect, operation, model, stream, legacy, batch }),
      method: 'POST',
      headers: fields,
      body: prepared.body,
      signal,
      timeouts: timeoutsLeft(provider, deps.clock.monotonicMs() - arrivedMonotonicMs),
    },
    key,
    deps,
  )
  const streamed = isStream(response)
  if (stream && streamed) {
    if (response.body === null) throw new GatewayError('upstream_bad_response')
    return { kind: 'stream', forms, plan, upstream: response, withholdUsage }
  }
  const headMs = deps.clock.monotonicMs()
  const whole = await readWhole(plan, forms, response, streamed, deps)
  return { kind: 'whole', forms, plan, upstream: response, withholdUsage, headMs, ...whole }
}

function acceptOf(framing: Framing): string {
  if (framing === 'aws-event-stream') return 'application/vnd.amazon.eventstream'
  return framing === 'sse' ? 'text/event-stream' : 'application/x-ndjson'
}

/** What a body is, by its declared type; servers that declare none are believed to do what they were asked. */
function isStream(response: UpstreamResponse): boolean {
  const type = answerType(response)
  if (type.includes('event-stream') || type.includes('ndjson') || type.includes('jsonl'))
    return true
  return !type.includes('json')
}
