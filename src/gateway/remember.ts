// Where reasoning is remembered and put back on a request's way: which providers are worth it, what an answer leaves in the
// memory, and what a later request gets out of it. Requests without tools, and providers that sign nothing, cost nothing here.

import { GatewayError } from '../core/error.ts'
import type { ChatRequest, DialectName } from '../core/ir/request.ts'
import type { ChatResponse } from '../core/ir/response.ts'
import { asArray, asObject } from '../core/json.ts'
import { callerOf } from '../core/principal.ts'
import type { StreamDecoder } from '../dialects/dialect.ts'
import { createFramer, type Framer } from '../dialects/sse.ts'
import type { GatewayDeps } from './deps.ts'
import { upstreamChatCodec, type RequestForms, type TargetPlan } from './plan.ts'
import type { ReasoningScope } from './reasoning-memory.ts'
import { bareCallKeys, putBack, turnsOf, TurnWatch, type RememberedTurn } from './reasoning-turn.ts'

/** Dialects whose vendors sign reasoning, and want it back. */
const SIGNING: ReadonlySet<DialectName> = new Set<DialectName>([
  'anthropic',
  'gemini',
  'openai-responses',
])

/** Protocols whose calls need no id, so that clients send back none. */
const DROPS_IDS: ReadonlySet<DialectName> = new Set<DialectName>(['ollama', 'gemini'])

function isWorthIt(plan: TargetPlan): boolean {
  if (plan.operation !== 'chat') return false
  if (plan.quirks.remembersReasoning === true) return true
  // A client of the same protocol knows what to hand back, and relay does not look.
  return plan.mode === 'translate' && SIGNING.has(plan.upstream.name)
}

function scopeOf(plan: TargetPlan, forms: RequestForms): ReasoningScope {
  const { tenantId } = forms.inbound.principal
  const keyId = callerOf(forms.inbound.principal)
  const scope = { tenantId, providerId: plan.provider.id, model: plan.model }
  return keyId === undefined ? scope : { ...scope, keyId }
}

/**
 * The request with remembered reasoning put back, or undefined where there is nothing to put back. A relayed request that gets
 * one has to be translated.
 */
export function recalledRequest(
  plan: TargetPlan,
  forms: RequestForms,
  deps: GatewayDeps,
): Promise<ChatRequest | undefined> | undefined {
  if (!isWorthIt(plan)) return undefined
  const request = plan.mode === 'relay' ? relayedRequest(forms) : forms.decodedChat()
  const keys = request === undefined ? [] : bareCallKeys(request)
  if (request === undefined || keys.length === 0) return undefined
  return completedFrom(request, deps.reasoning.recall(scopeOf(plan, forms), keys))
}

async function completedFrom(
  request: ChatRequest,
  recalling: ReturnType<GatewayDeps['reasoning']['recall']>,
): Promise<ChatRequest | undefined> {
  const completed = putBack(request, await recalling)
  return completed === request ? undefined : completed
}

/** The decoded request of a client whose bytes could be relayed; undefined where it has no calls or can't be read. */
function relayedRequest(forms: RequestForms): ChatRequest | undefined {
  const messages = asArray(forms.peeked.body['messages']) ?? []
  const calls = messages.some(
    (message) => (asArray(asObject(message)?.['tool_calls']) ?? []).length > 0,
  )
  if (!calls) return undefined
  try {
    return forms.decodedChat()
  } catch (error) {
    // What is wrong in it the provider will say: it is its own protocol.
    if (error instanceof GatewayError) return undefined
    throw error
  }
}

/** Remembers the turns of one answer. Made only where that is worth it. */
export class TurnKeeper {
  /** Given the events of a streamed answer. */
  readonly watch = new TurnWatch()
  private readonly plan: TargetPlan
  private readonly forms: RequestForms
  private readonly deps: GatewayDeps

  constructor(plan: TargetPlan, forms: RequestForms, deps: GatewayDeps) {
    this.plan = plan
    this.forms = forms
    this.deps = deps
  }

  /** The watched answer has come to its proper end. */
  ended(): void {
    this.remember(this.watch.turns(this.keepsUnsealed()))
  }

  whole(response: ChatResponse): void {
    this.remember(turnsOf(response, this.keepsUnsealed()))
  }

  private keepsUnsealed(): boolean {
    return this.plan.quirks.remembersReasoning === true
  }

  private remember(turns: readonly RememberedTurn[]): void {
    const scope = scopeOf(this.plan, this.forms)
    const byCall = DROPS_IDS.has(this.forms.inbound.dialect)
    for (const turn of turns) this.deps.reasoning.remember(scope, turn, byCall)
  }
}

/** What remembers the turns of this answer; undefined where nothing can come of it. */
export function turnKeeper(
  plan: TargetPlan,
  forms: RequestForms,
  deps: GatewayDeps,
): TurnKeeper | undefined {
  if (!isWorthIt(plan)) return undefined
  // Without tools there are no calls.
  const tools = forms.peeked.body['tools']
  return Array.isArray(tools) && tools.length > 0 ? new TurnKeeper(plan, forms, deps) : undefined
}

/** Looks at a relayed stream beside the client; the bytes go on untouched, whatever is in them. */
export class RelayObserver {
  private readonly keeper: TurnKeeper
  private readonly framer: Framer
  private readonly decoder: StreamDecoder
  private readonly deps: GatewayDeps
  private lost = false

  constructor(keeper: TurnKeeper, plan: TargetPlan, deps: GatewayDeps) {
    this.keeper = keeper
    this.framer = createFramer(plan.upstream.framing)
    this.decoder = upstreamChatCodec(plan).createStreamDecoder()
    this.deps = deps
  }

  push(chunk: Uint8Array): void {
    if (this.lost) return
    try {
      for (const frame of this.framer.push(chunk)) {
        for (const event of this.decoder.push(frame)) this.see(event)
      }
    } catch (error) {
      this.lost = true
      this.deps.logger.debug('a relayed stream could not be followed', { error: String(error) })
    }
  }

  /** The stream has ended; `proper` when it did so by its own terms. */
  end(proper: boolean): void {
    if (proper && !this.lost) this.keeper.ended()
    this.lost = true
  }

  private see(event: Parameters<TurnWatch['push']>[0]): void {
    if (event.type === 'error') this.lost = true
    else this.keeper.watch.push(event)
  }
}
