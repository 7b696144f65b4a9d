// Asks a model of this gateway for a guardrail, in the name of whoever asks: a request of its own through the same pipeline, so that it is
// limited, priced, charged and recorded like any other (endpoint `guardrail:<rule id>`). It is never guarded itself, nor answered from memory.

import { GatewayError } from '../../core/error.ts'
import type { GuardModelCaller, GuardrailRule } from '../../core/guardrail.ts'
import {
  asArray,
  asNumber,
  asObject,
  asString,
  type JsonObject,
  parseJson,
} from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { scopes } from '../../core/permission.ts'
import type { Principal } from '../../core/principal.ts'
import type { GatewayDeps } from '../deps.ts'
import { handle } from '../handle.ts'
import type { Arrival, Inbound, Reply } from '../inbound.ts'
import { relayOperation } from '../passthrough/relay.ts'
import { judgeCatalog } from './judge-catalog.ts'

type Token = { readonly token: string; readonly logprob: number }

/**
 * What a rule asks models with. Its principal is the one of the request around it, for limits, budgets and rows; which models it may ask does
 * not follow from theirs, since the rule was not made by them:
 * - what a key, a role or an assignment narrows its holder to does not count: they ask no model here, the rule does;
 * - a model's own access list holds for rules that a tenant has made, as it would for whoever made them, and not for the operator's;
 * - by the operator's rules no model or provider of a tenant's own judges, whatever it is called.
 */
export function guardModelCaller(
  rule: GuardrailRule,
  around: Arrival,
  deps: GatewayDeps,
): GuardModelCaller {
  const principal = askingFor(rule, around.principal)
  const isTenants = rule.origin === 'store' && rule.tenantId !== undefined
  // Neither guarded nor remembered.
  const unguarded: GatewayDeps = { ...deps, guards: () => undefined, cache: () => undefined }
  const depsFor = (model: string) => (isTenants ? unguarded : withModelOpen(unguarded, rule, model))
  const arrival = (body: JsonObject, signal: AbortSignal): Omit<Arrival, 'operation'> => ({
    dialect: 'openai-chat',
    endpoint: `guardrail:${rule.id}`,
    bytes: new TextEncoder().encode(JSON.stringify(body)),
    headers: traceOf(around.headers),
    principal,
    requestId: around.requestId,
    get from() {
      return around.from
    },
    signal,
    isWithin: true,
    arrivedMs: deps.clock.nowMs(),
    arrivedMonotonicMs: deps.clock.monotonicMs(),
  })
  const ask = async (
    operation: 'chat' | 'embedding',
    body: JsonObject & { readonly model: string },
    signal: AbortSignal,
  ): Promise<JsonObject> => {
    const inbound: Inbound = {
      ...arrival(body, signal),
      ...(operation === 'embedding' ? { dialect: 'openai-embeddings' } : {}),
      operation,
      hints: {},
      streamByDefault: false,
    }
    return await answerOf(await handle(inbound, depsFor(body.model)))
  }
  return {
    async chat({ logprobs, maxTokens, messages, model, signal }) {
      const body = {
        model,
        messages: messages.map(({ content, role }) => ({ role, content })),
        max_tokens: maxTokens,
        temperature: 0,
        stream: false,
        ...(logprobs === undefined ? {} : { logprobs: true, top_logprobs: logprobs }),
      }
      return chatOf(await ask('chat', body, signal))
    },
    async embed({ model, signal, texts }) {
      const body = { model, input: [...texts], encoding_format: 'float' }
      return vectorsOf(await ask('embedding', body, signal), texts.length)
    },
    async moderate({ model, signal, texts }) {
      const inbound = arrival({ model, input: [...texts] }, signal)
      const reply = await relayOperation({ ...inbound, operation: 'moderation' }, depsFor(model))
      return await answerOf(reply)
    },
  }
}

/** Of the client's header fields the one that says which trace this belongs to. */
function traceOf(headers: Headers): Headers {
  const traceparent = headers.get('traceparent')
  return new Headers(traceparent === null ? {} : { traceparent })
}

function askingFor(rule: GuardrailRule, principal: Principal): Principal {
  const { actions: _actions, models: _models, ...known } = principal
  return {
    ...known,
    grants: [
      {
        scope: scopes.tenant(principal.tenantId),
        effect: 'allow',
        role: { id: 'guardrail', actions: ['model.invoke'], notActions: [] },
        because: `guardrail ${rule.id}`,
      },
    ],
  }
}

/** The same with the operator's model, which everybody is on the list of: a judge need not be a model that people may ask. */
function withModelOpen(deps: GatewayDeps, rule: GuardrailRule, name: string): GatewayDeps {
  return {
    ...deps,
    snapshot: () => ({
      ...deps.snapshot(),
      of(tenantId) {
        const catalog = judgeCatalog(rule, name, tenantId, deps)
        const model = catalog.models.get(name)
        if (model?.access === undefined) return catalog
        const { access: _access, ...open } = model
        return { ...catalog, models: new Map(catalog.models).set(name, open) }
      },
    }),
  }
}

/** @throws GatewayError `guardrail_unavailable` with the status of what came instead of an answer */
async function answerOf(reply: Reply): Promise<JsonObject> {
  if (reply.body instanceof ReadableStream) {
    await reply.body.cancel()
    throw failed('the model answered as a stream')
  }
  const text = typeof reply.body === 'string' ? reply.body : new TextDecoder().decode(reply.body)
  const body = asObject(parseJson(text))
  if (reply.status === 200 && body !== undefined) return body
  // Codes are of our own vocabulary; messages may be a provider's.
  const code = asString(asObject(body?.['error'])?.['code']) ?? ''
  throw failed(`the model's answer had status ${reply.status} ${code}`.trimEnd())
}

function chatOf(body: JsonObject): { text: string; first?: readonly Token[] } {
  const choice = asObject(asArray(body['choices'])?.[0])
  const message = asObject(choice?.['message'])
  const text = asString(message?.['content'])
  if (text === undefined) throw failed('the model answered without text')
  if (text.length > LIMITS.guardAnswerBytesMax)
    throw failed('the model answered with too much text')
  const first = firstToken(asObject(choice?.['logprobs']))
  return first === undefined ? { text } : { text, first }
}

function firstToken(logprobs: JsonObject | undefined): readonly Token[] | undefined {
  const entry = asObject(asArray(logprobs?.['content'])?.[0])
  if (entry === undefined) return undefined
  const tokens = [entry, ...(asArray(entry['top_logprobs']) ?? [])].flatMap((item) => {
    const token = asString(asObject(item)?.['token'])
    const logprob = asNumber(asObject(item)?.['logprob'])
    return token === undefined || logprob === undefined ? [] : [{ token, logprob }]
  })
  // The token itself is usually among its alternatives.
  const distinct = new Map(tokens.map((token) => [token.token, token]))
  return distinct.size === 0 ? undefined : [...distinct.values()]
}

function vectorsOf(body: JsonObject, count: number): readonly (readonly number[])[] {
  const data = asArray(body['data'])?.map(asObject)
  if (data?.length !== count) throw failed('the embeddings are not as many as the texts')
  const vectors: (readonly number[])[] = Array.from({ length: count }, () => [])
  for (const [at, item] of data.entries()) {
    const vector = asArray(item?.['embedding'])?.map(asNumber)
    const index = asNumber(item?.['index']) ?? at
    const isVector = vector !== undefined && vector.length > 0 && !vector.includes(undefined)
    if (!isVector || vectors[index]?.length !== 0) throw failed('an embedding is none')
    vectors[index] = vector as number[]
  }
  return vectors
}

function failed(cause: string): GatewayError {
  return new GatewayError('guardrail_unavailable', { cause, retryAfterMs: 2_000 })
}
