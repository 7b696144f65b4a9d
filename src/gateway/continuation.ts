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
import type { Loss } from '../core/ir/loss.ts'
import { attempt, type Answer, type Prepared } from './attempt.ts'
import { firstAnswer, type Candidate } from './candidates.ts'
import { guardContext, withRoom } from './context-guard.ts'
import type { GatewayDeps } from './deps.ts'
import { tokensInBytes } from './estimate.ts'
import { planTarget, translatedBody, upstreamChatCodec, type RequestForms } from './plan.ts'
import type { Rest } from './pump.ts'
import type { RequestRecord } from './record.ts'
import { turnKeeper, type TurnKeeper } from './remember.ts'
import { routeTargets } from './routing.ts'
import type { Catalog } from './snapshot.ts'
import { noProvider } from './target-errors.ts'
import { isFailure, isOver, tryTarget, type TargetFailure } from './target-run.ts'

/** Where the rest of an answer comes from. */
export interface Source extends Rest {
  readonly dialect: Dialect
  readonly decoder: StreamDecoder
  /** Provider keys, never to be repeated to a client. */
  readonly secrets: readonly string[]
  /** Remembers the turns of what comes from there; absent where nothing can come of it. */
  readonly turns: TurnKeeper | undefined
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
    // Over for whoever broke off, whatever follows: its place may be the one that is needed to go on.
    for (const end of record.detachEnds()) end(error)
    const goBack = record.mark()
    // The client may be told of the end before anybody has answered: then nobody waits any more.
    const waiting = new AbortController()
    let isWaiting = true
    record.atEnd(() => {
      if (!isWaiting) return
      waiting.abort(new GatewayError('client_closed'))
      goBack()
    })
    try {
      const candidates = this.candidates(continued(request, beginning), beginning !== '')
      const rules = { patient: true, as: 'continuation', signal: waiting.signal } as const
      return this.taken(await firstAnswer(candidates, rules, record, deps))
    } catch (failure) {
      goBack()
      if (!(failure instanceof GatewayError)) throw failure
      deps.logger.debug('an answer that broke off could not be gone on with', {
        requestId: record.inbound.requestId,
        error: failure.kind,
      })
      return undefined
    } finally {
      isWaiting = false
    }
  }

  private isPossible(error: GatewayError, request: ChatRequest): boolean {
    if (this.times >= LIMITS.continuationsMax || !CURABLE.has(error.kind)) return false
    if (isOver(this.record)) return false
    if (this.record.inbound.signal.aborted || this.seam.unseamable !== undefined) return false
    // A schema is enforced from the first character on: what is given as a beginning would not count.
    const format = request.responseFormat?.type
    return (request.n ?? 1) === 1 && (format === undefined || format === 'text')
  }

  /** Every target of the model; the one that broke off comes last. */
  private candidates(request: ChatRequest, hasBeginning: boolean): Candidate<Answer>[] {
    const { deps, forms } = this
    const catalog = deps.snapshot().of(forms.inbound.principal.tenantId)
    const { targets } = routeTargets(forms.model, forms.model.targets, forms, catalog, deps)
    const isCurrent = ({ providerId, model }: Target) =>
      providerId === this.current.provider.id && model === this.current.model
    const ordered = [...targets.filter((one) => !isCurrent(one)), ...targets.filter(isCurrent)]
    const going: GoingOn = { request, hasBeginning, catalog, lost: this.record.lossList() }
    return ordered.map((target) => this.candidate(target, going))
  }

  private candidate(target: Target, going: GoingOn): Candidate<Answer> {
    const { deps, forms, record } = this
    let prepared: Prepared | TargetFailure | undefined
    return {
      provider: going.catalog.providers.get(target.providerId),
      async go(asked) {
        prepared ??= await prepare(target, going, forms, deps)
        if (isFailure(prepared)) return prepared
        const ready = prepared
        const { plan, losses } = ready
        return await tryTarget<Answer>(
          {
            provider: plan.provider,
            model: plan.model,
            mode: 'translate',
            dialect: plan.upstream.name,
            repeating: 'freely',
            losses: [...going.lost, ...losses].slice(0, LIMITS.lossesMax),
            attempt: (key, signal, traced) =>
              streamed(attempt(ready, key, forms, signal, deps, traced)),
          },
          asked,
          record,
          deps,
        )
      },
    }
  }

  private taken(answer: Answer): Source {
    const { plan, upstream } = answer
    this.current = plan
    this.seam.next(plan.kind.saysBeginningAgain)
    return {
      upstream,
      dialect: plan.upstream,
      decoder: upstreamChatCodec(plan).createStreamDecoder(),
      secrets: providerSecrets(plan.provider),
      timeouts: plan.provider.timeouts,
      turns: turnKeeper(plan, this.forms, this.deps),
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

/** What is to be gone on with. */
interface GoingOn {
  /** With the beginning at its end. */
  readonly request: ChatRequest
  readonly hasBeginning: boolean
  readonly catalog: Catalog
  /** What the first answer's request could not say. */
  readonly lost: readonly Loss[]
}

/** What a target is sent so that it goes on, or why it cannot. */
async function prepare(
  target: Target,
  going: GoingOn,
  forms: RequestForms,
  deps: GatewayDeps,
): Promise<Prepared | TargetFailure> {
  try {
    return await fill(target, going, forms, deps)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return { error, stop: false, unasked: true }
  }
}

/** @throws GatewayError where it cannot be asked */
async function fill(
  target: Target,
  { hasBeginning, request, catalog }: GoingOn,
  forms: RequestForms,
  deps: GatewayDeps,
): Promise<Prepared> {
  const planned = planTarget(target, catalog, forms.inbound, forms.peeked)
  if (planned === undefined || planned.operation !== 'chat') throw noProvider()
  const plan = { ...planned, mode: 'translate' } as const
  const { kind, model } = plan
  const { losses, value } = translatedBody(plan, forms, request)
  const told = target.abilities?.prefill
  const how = { model, dialect: plan.upstream.name, ...(told === undefined ? {} : { told }) }
  const body = hasBeginning ? kind.goingOn?.(value, how) : value
  if (body === undefined) {
    throw new GatewayError('unsupported', { cause: 'it does not go on from a beginning' })
  }
  const room = await guardContext(plan, forms, deps, request)
  return { plan, body: JSON.stringify(withRoom(body, room)), withholdUsage: false, losses }
}

/** What goes on must stream, as what the client reads does. */
async function streamed(asked: Promise<Answer>): Promise<Answer> {
  const answer = await asked
  if (answer.kind === 'stream') return answer
  throw new GatewayError('upstream_bad_response', { cause: 'a stream was asked for' })
}
