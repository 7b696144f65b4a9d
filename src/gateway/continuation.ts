// An answer that broke off in the middle is gone on with by another target: what was said so far is given to it as the beginning of
// its answer, and its events are joined to those the client has. Off unless the model says so. Where no target can take a beginning,
// the client gets the error it would have got anyway.

import type { Provider, Target } from '../core/catalog.ts'
import { GatewayError, type ErrorKind } from '../core/error.ts'
import { Seam } from '../core/ir/seam.ts'
import type { ChatRequest } from '../core/ir/request.ts'
import { LIMITS } from '../core/limits.ts'
import { providerSecrets } from '../core/policy/scrub.ts'
import type { Dialect, StreamDecoder } from '../dialects/dialect.ts'
import { attempt, type Answer, type Prepared } from './attempt.ts'
import { firstAnswer, unaskable, type Candidate } from './candidates.ts'
import type { GatewayDeps } from './deps.ts'
import { tokensInBytes } from './estimate.ts'
import { encodeTarget, planTarget, upstreamChatCodec, type RequestForms } from './plan.ts'
import type { Rest } from './pump.ts'
import type { RequestRecord } from './record.ts'
import { routeTargets } from './routing.ts'
import type { Snapshot } from './snapshot.ts'
import { noProvider, tryTarget } from './target-run.ts'

/** Where the rest of an answer comes from. */
export interface Source extends Rest {
  readonly dialect: Dialect
  readonly decoder: StreamDecoder
  /** Provider keys, never to be repeated to a client. */
  readonly secrets: readonly string[]
  /** Who answers now. */
  readonly answering: { readonly provider: Provider; readonly model: string }
}

/** Another target may do better; a client that left or a limit of this server it cannot help. */
const CURABLE: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'upstream_error',
  'upstream_timeout',
  'upstream_bad_response',
  'upstream_rate_limited',
  'upstream_unavailable',
])

export class Continuation {
  readonly seam = new Seam(LIMITS.continuationCharsMax)
  private readonly forms: RequestForms
  private readonly record: RequestRecord
  private readonly deps: GatewayDeps
  /** Of the target that answers at the moment. */
  private current: { readonly provider: Provider; readonly model: string }
  private times = 0

  constructor(answer: Answer, record: RequestRecord, deps: GatewayDeps) {
    this.forms = answer.forms
    this.record = record
    this.deps = deps
    this.current = answer.plan
  }

  /** The rest of the answer; undefined where nobody can give it. Never rejects but for a fault of this program. */
  async next(error: GatewayError): Promise<Source | undefined> {
    const request = this.forms.decodedChat()
    if (!this.isPossible(error, request)) return undefined
    this.times += 1
    const { deps, record } = this
    const beginning = this.seam.beginning()
    const before = record.detachEnds()
    try {
      const candidates = this.candidates(continued(request, beginning), beginning !== '')
      const rules = { patient: true, as: 'continuation' } as const
      const answer = await firstAnswer(candidates, rules, record, deps)
      for (const end of before) end(error)
      return this.taken(answer)
    } catch (failure) {
      if (!(failure instanceof GatewayError)) throw failure
      deps.logger.debug('an answer that broke off could not be gone on with', {
        requestId: record.inbound.requestId,
        error: failure.kind,
      })
      for (const end of before) record.atEnd(end)
      return undefined
    }
  }

  private isPossible(error: GatewayError, request: ChatRequest): boolean {
    if (this.times >= LIMITS.continuationsMax || !CURABLE.has(error.kind)) return false
    if (this.record.inbound.signal.aborted || this.seam.unseamable !== undefined) return false
    // A schema is enforced from the first character on: what is given as a beginning would not count.
    const format = request.responseFormat?.type
    return (request.n ?? 1) === 1 && (format === undefined || format === 'text')
  }

  /** Every target of the model; the one that broke off comes last. */
  private candidates(request: ChatRequest, hasBeginning: boolean): Candidate<Answer>[] {
    const { deps, forms } = this
    const snapshot = deps.snapshot()
    const { targets } = routeTargets(forms.model, forms.model.targets, forms, snapshot, deps)
    const isCurrent = ({ providerId, model }: Target) =>
      providerId === this.current.provider.id && model === this.current.model
    const ordered = [...targets.filter((one) => !isCurrent(one)), ...targets.filter(isCurrent)]
    return ordered.map((target) => this.candidate(target, request, hasBeginning, snapshot))
  }

  private candidate(
    target: Target,
    request: ChatRequest,
    hasBeginning: boolean,
    snapshot: Snapshot,
  ): Candidate<Answer> {
    const { deps, forms, record } = this
    const prepared = prepare(target, request, hasBeginning, forms, snapshot)
    if (prepared instanceof GatewayError) return unaskable(prepared)
    const { plan, losses } = prepared
    return {
      provider: plan.provider,
      go: (going) =>
        tryTarget<Answer>(
          {
            provider: plan.provider,
            model: plan.model,
            mode: 'translate',
            dialect: plan.upstream.name,
            repeating: 'freely',
            losses: [...record.lossList(), ...losses].slice(0, LIMITS.lossesMax),
            attempt: (key, signal) => streamed(attempt(prepared, key, forms, signal, deps)),
          },
          going,
          record,
          deps,
        ),
    }
  }

  private taken(answer: Answer): Source {
    const { plan, upstream } = answer
    this.current = plan
    this.seam.next()
    return {
      upstream,
      dialect: plan.upstream,
      decoder: upstreamChatCodec(plan).createStreamDecoder(),
      secrets: providerSecrets(plan.provider),
      timeouts: plan.provider.timeouts,
      answering: plan,
    }
  }
}

/** The request with what was said so far as the beginning of the answer to it. */
function continued(request: ChatRequest, beginning: string): ChatRequest {
  const { maxTokens, messages, reasoning: _reasoning, ...rest } = request
  if (beginning === '') return request
  const said = tokensInBytes(Buffer.byteLength(beginning))
  return {
    ...rest,
    messages: [...messages, { role: 'assistant', content: [{ type: 'text', text: beginning }] }],
    ...(maxTokens === undefined ? {} : { maxTokens: Math.max(1, maxTokens - said) }),
  }
}

/** What a target is sent so that it goes on, or why it cannot. */
function prepare(
  target: Target,
  request: ChatRequest,
  hasBeginning: boolean,
  forms: RequestForms,
  snapshot: Snapshot,
): Prepared | GatewayError {
  const planned = planTarget(target, snapshot, forms.inbound, forms.peeked)
  if (planned === undefined) return noProvider()
  const plan = { ...planned, mode: 'translate' } as const
  if (plan.operation !== 'chat') return noProvider()
  const { kind, model } = plan
  const dialect = plan.upstream.name
  try {
    const { losses, value } = upstreamChatCodec(plan).encodeRequest(request, encodeTarget(plan))
    const told = target.abilities?.prefill
    const how = { model, dialect, ...(told === undefined ? {} : { told }) }
    const body = hasBeginning ? kind.goingOn?.(value, how) : value
    if (body === undefined) {
      return new GatewayError('unsupported', { cause: 'it does not go on from a beginning' })
    }
    return { plan, body: JSON.stringify(body), withholdUsage: false, losses }
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
}

/** What goes on must stream, as what the client reads does. */
async function streamed(asked: Promise<Answer>): Promise<Answer> {
  const answer = await asked
  if (answer.kind === 'stream') return answer
  throw new GatewayError('upstream_bad_response', { cause: 'a stream was asked for' })
}
