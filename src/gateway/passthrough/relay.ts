// The operations beyond chat that name a model: resolved and allowed as a chat is, relayed to the first target that has the
// operation and answers. The one thing changed in a body is its model; everything else travels untouched.

import { admit } from '../admit.ts'
import { DEFAULT_ROUTING, type FallbackCause, type Model, type Target } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import { splice } from '../../core/json-span.ts'
import type { StreamedBody } from '../../core/ports.ts'
import type { RelayedOperation } from '../../providers/provider.ts'
import { providerKind } from '../../providers/registry.ts'
import type { GatewayDeps } from '../deps.ts'
import { routeNoted, withFallbacks } from '../fallback.ts'
import { refuseUnjudged } from '../guard/input.ts'
import { guardRawJson, passOnGuarded, rawGuard } from '../guard/raw.ts'
import type { RequestGuard } from '../guard/request-guard.ts'
import { forwardedHeaders } from '../headers.ts'
import type { Arrival, Reply } from '../inbound.ts'
import { heldByProvider, holdersAmong, type EarlierTurns } from '../kept-responses.ts'
import { requireBeside, requireModel } from '../model-access.ts'
import { peekBody, readModel, readStream, type PeekedBody } from '../peek.ts'
import { RequestRecord } from '../record.ts'
import { refuse } from '../refuse.ts'
import type { Offers } from '../route-facts.ts'
import type { Catalog } from '../snapshot.ts'
import { firstAnswer, unaskable, type Candidate } from '../candidates.ts'
import { routeRelayed } from '../routing.ts'
import { nobodyLeft, noProvider, notOffered } from '../target-errors.ts'
import { candidateOf, type Asked, type Question } from './ask.ts'
import { usableProvider } from './provider-choice.ts'
import type { ReceivedForm } from './receive.ts'

export interface RelayedInbound extends Arrival {
  readonly operation: RelayedOperation
  /** The body where it is a form; else it is the JSON of `bytes`. */
  readonly form?: ReceivedForm
  /** The model in the path (Azure deployments), which wins over the body's. */
  readonly model?: string
}

/** What the vendor takes where a request names no model, as official clients leave it out. */
const DEFAULT_MODELS: Readonly<Partial<Record<RelayedOperation, string>>> = {
  moderation: 'omni-moderation-latest',
  image: 'dall-e-2',
  'image-edit': 'dall-e-2',
  'image-variation': 'dall-e-2',
}

/** A body that can be sent with any target's name for the model. */
interface RelayedBody {
  readonly contentType: string
  readonly model: string
  readonly stream: boolean
  /** Where it is JSON. */
  readonly peeked?: PeekedBody
  withModel(model: string): Uint8Array | StreamedBody
}

/** Answers one request and gives its form back. Never rejects. */
export async function relayOperation(inbound: RelayedInbound, deps: GatewayDeps): Promise<Reply> {
  const record = new RequestRecord(inbound, deps)
  if (inbound.form !== undefined) record.requestBytes = inbound.form.bytes
  const onOver = () => void inbound.form?.dispose()
  try {
    const received =
      inbound.form === undefined ? jsonBody(inbound) : formBody(inbound, inbound.form)
    record.model = received.model
    record.stream = received.stream
    const catalog = deps.snapshot().of(inbound.principal.tenantId)
    const model = requireModel(received.model, received.peeked, inbound.principal, catalog, deps)
    await deps.prices.ready()
    const json = received.peeked === undefined ? {} : { body: received.peeked.body }
    await admit(
      { inbound, modelName: received.model, model, stream: received.stream, ...json },
      record,
      deps,
    )
    const guard = rawGuard(received.model, record, deps)
    const body = guard === undefined ? received : await judged(guard, received, inbound)
    const earlier = await earlierOf(body, inbound, deps)
    const asked = await withFallbacks(model, catalog, record, deps, (current, fallbackFor) =>
      askModel(current, fallbackFor, { body, earlier, inbound, record, catalog }, deps),
    )
    return await passOnGuarded({ asked, record, deps, tapped: false, onOver }, guard, {})
  } catch (thrown) {
    onOver()
    return refuse(record, thrown, deps)
  }
}

interface Relaying {
  readonly body: RelayedBody
  readonly earlier: EarlierTurns | undefined
  readonly inbound: RelayedInbound
  readonly record: RequestRecord
  readonly catalog: Catalog
}

/** Asks the targets of one model. @throws GatewayError when none answers */
async function askModel(
  model: Model,
  fallbackFor: FallbackCause | undefined,
  { body, earlier, inbound, record, catalog }: Relaying,
  deps: GatewayDeps,
): Promise<Asked> {
  if (fallbackFor !== undefined) {
    requireBeside(model, body.peeked, body.model, inbound.principal)
  }
  const relayed = {
    model,
    candidates: holdersAmong(model.targets, earlier),
    requested: body.model,
    operation: { name: inbound.operation, offers: offersOf(inbound.operation) },
    arrival: inbound,
    body: body.peeked?.body,
  }
  const routed = routeNoted(record, model, fallbackFor, () => routeRelayed(relayed, catalog, deps))
  if (routed.targets.length === 0) throw nobodyLeft(routed.retryAfterMs)
  const candidates = routed.targets.map((target): Candidate<Asked> => {
    const question = questionFor(target, body, inbound, catalog)
    if (question instanceof GatewayError) return unaskable(question)
    return candidateOf({ ...question, holderKeyId: earlier?.providerKeyId }, record, deps)
  })
  const { hedgeAfterMs, retryRefused } = model.routing ?? DEFAULT_ROUTING
  return await firstAnswer(candidates, { patient: true, hedgeAfterMs, retryRefused }, record, deps)
}

/** Which providers have the operation. */
function offersOf(operation: RelayedOperation): Offers {
  return (provider, model) =>
    providerKind(provider.type)?.relayed?.({ provider, operation, model }) !== undefined
}

/** An earlier answer that the body refers to, which must be the caller's own. */
async function earlierOf(
  { peeked }: RelayedBody,
  { operation, principal }: RelayedInbound,
  deps: GatewayDeps,
): Promise<EarlierTurns | undefined> {
  if (operation !== 'response-compact' || peeked === undefined) return undefined
  return await heldByProvider(peeked.body, principal, deps)
}

/** The body as the rules let it through. @throws GatewayError of a rule */
async function judged(
  guard: RequestGuard,
  body: RelayedBody,
  inbound: RelayedInbound,
): Promise<RelayedBody> {
  if (body.peeked !== undefined) return jsonBody(inbound, await guardRawJson(guard, body.peeked))
  refuseUnjudged(guard, 'a body of this kind')
  return body
}

function jsonBody(inbound: RelayedInbound, peeked = peekBody(inbound.bytes)): RelayedBody {
  return {
    contentType: 'application/json',
    model: readModel(peeked.body, inbound.model ?? defaultModel(inbound, peeked.body['model'])),
    stream: readStream(peeked.body, false),
    peeked,
    withModel: (model) => withModel(peeked, model),
  }
}

function formBody(inbound: RelayedInbound, form: ReceivedForm): RelayedBody {
  const named = form.fields.get('model')?.value
  return {
    contentType: form.contentType!,
    model: readModel(
      named === undefined ? {} : { model: named },
      inbound.model ?? defaultModel(inbound, named),
    ),
    stream: form.fields.get('stream')?.value === 'true',
    withModel: (model) => form.withField('model', model),
  }
}

function defaultModel(inbound: RelayedInbound, named: unknown): string | undefined {
  return named === undefined || named === null ? DEFAULT_MODELS[inbound.operation] : undefined
}

function withModel(peeked: PeekedBody, model: string): Uint8Array {
  const { bytes, body, scan } = peeked
  if (body['model'] === model) return bytes
  const text = JSON.stringify(model)
  const span = scan.spans.get('model')
  if (span !== undefined) return splice(bytes, [{ start: span.start, end: span.end, text }])
  const member = `"model":${text}${scan.empty ? '' : ','}`
  return splice(bytes, [{ start: scan.bodyStart, end: scan.bodyStart, text: member }])
}

function questionFor(
  target: Target,
  body: RelayedBody,
  inbound: RelayedInbound,
  catalog: Catalog,
): Question | GatewayError {
  const chosen = usableProvider(target.providerId, catalog)
  if (chosen === undefined) return noProvider()
  const { provider, kind } = chosen
  const { operation } = inbound
  const { model } = target
  const url = kind.relayed?.({ provider, operation, model })
  if (url === undefined) return notOffered(operation)
  return {
    provider,
    kind,
    model,
    dialect: kind.dialects(provider, 'chat')[0] ?? 'openai-chat',
    url,
    method: 'POST',
    headers: {
      'content-type': body.contentType,
      accept: body.stream ? 'text/event-stream' : '*/*',
      ...forwardedHeaders(inbound.headers),
    },
    body: body.withModel(model),
    repeating: 'freely',
    wholeJson: true,
    raw: false,
  }
}
