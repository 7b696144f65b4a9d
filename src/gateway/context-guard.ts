// Keeps local servers from cutting a prompt without a word: an Ollama is asked for a context that fits, and a prompt that surely
// fits in none is refused with the numbers. Where the client has chosen a context itself, that one stands.

import { DEFAULT_CONTEXT, type ContextSettings } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { ChatRequest } from '../core/ir/request.ts'
import { asNumber, asObject, isObject, type JsonObject } from '../core/json.ts'
import type { GatewayDeps } from './deps.ts'
import { cautiousTokens, certainTokens, estimateInputTokens } from './estimate.ts'
import type { RequestForms, TargetPlan } from './plan.ts'

/** What Ollama loads a model with on a small machine when nobody says otherwise; larger ones take more by themselves. */
const OLLAMA_DEFAULT_CONTEXT = 4_096

/** The context to ask an Ollama for. */
export interface ContextRoom {
  readonly contextTokens: number
}

/**
 * Looks at one request for one target.
 * @param longer what is asked in its place, where that is more than the client said
 * @returns what to ask for, or undefined where the request is to be left as it is
 * @throws GatewayError `context_length` for a prompt that cannot fit, with the numbers
 */
export function guardContext(
  plan: TargetPlan,
  forms: RequestForms,
  deps: GatewayDeps,
  longer?: ChatRequest,
): Promise<ContextRoom | undefined> | undefined {
  const settings = plan.provider.context ?? DEFAULT_CONTEXT
  const { type } = plan.provider
  const guarded = type === 'ollama' || type === 'lmstudio' || type === 'custom'
  if (!guarded || !settings.guard) return undefined
  if (plan.operation !== 'chat' && plan.operation !== 'completion') return undefined
  if (type !== 'ollama') {
    // Reading a prompt that is relayed costs as much as translating it: only where there is something to hold it against.
    const limit =
      forms.model.contextWindow ?? deps.directory.listedContext(plan.provider, plan.model)
    const read = limit === undefined ? undefined : (longer ?? readable(forms))
    if (read !== undefined) guardOf(read).refuseOver(limit)
    return undefined
  }
  if (plan.upstream.name !== 'ollama') return undefined
  const request = longer ?? readable(forms)
  return request === undefined ? undefined : guardOf(request).ollama(request)

  function guardOf(asked: ChatRequest): Guard {
    return new Guard(plan, forms, deps, settings, estimateInputTokens(asked, plan.model))
  }
}

/** The client's request; undefined when it cannot be read, which is for its provider to say. */
function readable(forms: RequestForms): ChatRequest | undefined {
  try {
    return forms.decodedChat()
  } catch (error) {
    if (error instanceof GatewayError) return undefined
    throw error
  }
}

class Guard {
  private readonly plan: TargetPlan
  private readonly forms: RequestForms
  private readonly deps: GatewayDeps
  private readonly settings: ContextSettings
  /** The prompt's estimated length. */
  private readonly tokens: number

  constructor(
    plan: TargetPlan,
    forms: RequestForms,
    deps: GatewayDeps,
    settings: ContextSettings,
    tokens: number,
  ) {
    this.plan = plan
    this.forms = forms
    this.deps = deps
    this.settings = settings
    this.tokens = tokens
  }

  /** The length an operator has declared for the model. */
  declared(): number | undefined {
    return this.forms.model.contextWindow
  }

  /** @throws GatewayError `context_length` when the prompt is surely longer */
  refuseOver(limit: number | undefined, why = "the model's context length"): void {
    if (limit === undefined || certainTokens(this.tokens) <= limit) return
    const about = Math.round(this.tokens / 100) * 100
    throw new GatewayError('context_length', {
      param: promptParam(this.forms),
      message:
        `The prompt is about ${count(about)} tokens long; '${this.forms.peeked.model}' takes at most ${count(limit)} here ` +
        `(${why}). Shorten the conversation, or ask a model with a longer context.`,
    })
  }

  async ollama(request: ChatRequest): Promise<ContextRoom | undefined> {
    const { deps, plan, settings } = this
    const { model, provider } = plan
    const { local } = deps.directory
    const chosen = chosenContext(this.forms)
    if (chosen !== undefined) {
      this.refuseOver(chosen, 'num_ctx of the request')
      return undefined
    }
    const needed = cautiousTokens(this.tokens) + (request.maxTokens ?? settings.reserveTokens)
    const asked = local.askedContext(provider, model)
    if (needed <= OLLAMA_DEFAULT_CONTEXT && asked === undefined) return undefined
    const [facts, loaded] = await Promise.all([
      local.facts(provider, model),
      local.loadedContext(provider, model),
    ])
    const own = this.declared() ?? facts.contextLength
    this.refuseOver(own)
    if (facts.remote === true) return undefined
    const allowed = Math.max(settings.maxTokens, facts.configuredContext ?? 0, loaded ?? 0)
    const most = Math.min(own ?? Infinity, allowed)
    this.refuseOver(most, `context.max_tokens of provider '${provider.id}', which can be raised`)
    // What is in memory, was asked for lately or is set for the model is taken where it is enough: another number would only
    // have the model loaded anew.
    const enough = [loaded, asked, facts.configuredContext].find(
      (context) => context !== undefined && context >= needed && context <= most,
    )
    const contextTokens = enough ?? Math.min(most, stepAbove(needed))
    local.noteAsked(provider, model, contextTokens)
    return { contextTokens }
  }
}

/**
 * The next of a few sizes, each twice the last. Ollama loads a model anew whenever `num_ctx` changes, which takes seconds: a
 * size for each request would do so at every turn of a conversation, doubling does it a handful of times at most.
 */
export function stepAbove(tokens: number): number {
  let step = OLLAMA_DEFAULT_CONTEXT
  while (step < tokens) step *= 2
  return step
}

/** `options.num_ctx` of the client or of the model's defaults. */
function chosenContext(forms: RequestForms): number | undefined {
  if (forms.inbound.dialect !== 'ollama') return undefined
  const chosen = asNumber(asObject(forms.bodyWithDefaults()['options'])?.['num_ctx'])
  return chosen !== undefined && chosen > 0 ? chosen : undefined
}

/** An Ollama request's body with the room put in; the client's own words stay. */
export function withRoom(body: JsonObject, room: ContextRoom | undefined): JsonObject {
  if (room === undefined) return body
  const options = isObject(body['options']) ? body['options'] : {}
  return { ...uncut(body), ...body, options: { ...options, ...roomOptions(room) } }
}

/** The member of `options` that asks for the room. */
export function roomOptions(room: ContextRoom): JsonObject {
  return { num_ctx: room.contextTokens }
}

/**
 * Members that let the server refuse what is too long after all, instead of leaving out its beginning before the answer
 * (`truncate`) or during it (`shift`). Servers that do not know them ignore them.
 */
export function uncut(body: JsonObject): JsonObject {
  const members: JsonObject = {}
  for (const member of ['truncate', 'shift']) {
    if (body[member] === undefined) members[member] = false
  }
  return members
}

/** The member of the client's body that holds the prompt. */
function promptParam({ inbound }: RequestForms): string {
  if (inbound.operation === 'completion') return 'prompt'
  if (inbound.dialect === 'openai-responses') return 'input'
  return inbound.dialect === 'gemini' ? 'contents' : 'messages'
}

/** With commas: 32,768. */
function count(tokens: number): string {
  return String(tokens).replace(/\B(?=(\d{3})+$)/g, ',')
}
