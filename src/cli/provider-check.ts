// Asks one provider what a server would ask it, through the real transport: its list of models, and a completion of a few
// tokens. Each question is one step with its time, its result, and on failure the reason and what to do.

import type { Provider, ProviderKey } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { type DialectName, textOf } from '../core/ir/request.ts'
import { totalInputTokens } from '../core/ir/usage.ts'
import { asObject, asString, isObject, parseJson, type JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { providerSecrets, scrubMessage } from '../core/policy/scrub.ts'
import type { Clock, Transport, UpstreamRequest } from '../core/ports.ts'
import { maskSecret } from '../config/show.ts'
import { credentialled } from '../providers/credential.ts'
import type { ProviderKind } from '../providers/provider.ts'
import { providerKind } from '../providers/registry.ts'
import { counted } from './format.ts'
import { type Advice, connectionAdvice, refusalAdvice } from './provider-advice.ts'
import { unusableText } from './providers.ts'

/** Longest wait for an answer to a question of ours, whatever the provider's own limit is. */
const ANSWER_TIMEOUT_MS = LIMITS.idleTimeoutMs / 4

const ANSWER_CHARS_SHOWN = 40
/** Few, but enough for models that will not take fewer. */
const COMPLETION_TOKENS = 16

export interface Step {
  readonly name: string
  readonly durationMs: number
  /** What came of it; absent when it failed. */
  readonly result?: string
  readonly failure?: Advice
}

export interface CheckPorts {
  readonly transport: Transport
  readonly clock: Clock
}

/** A step that failed, with the words for it. */
class StepFailure extends Error {
  readonly advice: Advice
  constructor(advice: Advice) {
    super(advice.reason)
    this.advice = advice
  }
}

/** The steps of one provider, each as soon as it is done. `model` adds a completion by the provider's own model name. */
export async function* checkProvider(
  provider: Provider,
  model: string | undefined,
  ports: CheckPorts,
): AsyncGenerator<Step> {
  const unusable = unusableText(provider)
  const kind = providerKind(provider.type)
  if (unusable !== undefined || kind === undefined) {
    const todo = 'Declare one under its keys, or set the environment variable of its type.'
    const reason = unusable ?? 'unknown type'
    yield {
      name: 'settings',
      durationMs: 0,
      failure: { reason, todo: kind === undefined ? '' : todo },
    }
    return
  }
  const keys = provider.keys.length === 0 ? [undefined] : provider.keys
  for (const key of keys) {
    const withKey = key === undefined ? '' : `, key ${maskSecret(key.secret)}`
    const check = new Check(provider, kind, key, ports)
    yield await check.step(`model list${withKey}`, () => check.listModels())
    if (model !== undefined) {
      yield await check.step(`completion of ${model}${withKey}`, () => check.complete(model))
    }
  }
}

/** Questions to one provider with one of its keys. */
class Check {
  private readonly provider: Provider
  private readonly kind: ProviderKind
  private readonly key: ProviderKey | undefined
  private readonly ports: CheckPorts

  constructor(
    provider: Provider,
    kind: ProviderKind,
    key: ProviderKey | undefined,
    ports: CheckPorts,
  ) {
    this.provider = provider
    this.kind = kind
    this.key = key
    this.ports = ports
  }

  async step(name: string, ask: () => Promise<string>): Promise<Step> {
    const startedMs = this.ports.clock.monotonicMs()
    const durationMs = () => this.ports.clock.monotonicMs() - startedMs
    try {
      const result = await ask()
      return { name, durationMs: durationMs(), result }
    } catch (error) {
      return { name, durationMs: durationMs(), failure: this.adviceOf(error) }
    }
  }

  async listModels(): Promise<string> {
    const { kind, provider } = this
    if (kind.models === undefined) return 'it has none; test with --model'
    const dialect = kind.dialects(provider, 'chat')[0] ?? 'openai-chat'
    const body = await this.ask('model list', dialect, {
      url: kind.models.url(provider),
      method: 'GET',
      headers: { accept: 'application/json' },
    })
    return counted(kind.models.read(body).length, 'model')
  }

  async complete(model: string): Promise<string> {
    const { kind, provider } = this
    const name = kind.dialects(provider, 'chat', model)[0]
    // Loaded only here: every other command starts without the dialects.
    const { dialects } = await import('../dialects/registry.ts')
    const codec = name === undefined ? undefined : dialects[name].chat
    if (name === undefined || codec === undefined) {
      const todo = 'Test a model that chats.'
      throw new StepFailure({ reason: 'this model cannot be asked for a chat', todo })
    }
    const encoded = codec.encodeRequest(
      {
        form: 'chat',
        model,
        messages: [{ role: 'user', content: [{ type: 'text', text: 'Say OK.' }] }],
        stream: false,
        sampling: {},
        maxTokens: COMPLETION_TOKENS,
      },
      { model, quirks: kind.quirks(provider, model), defaultMaxTokens: COMPLETION_TOKENS },
    )
    const request = { provider, dialect: name, operation: 'chat', model, stream: false } as const
    const body = await this.ask('completion', name, {
      url: kind.endpoint(request),
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(encoded.value),
    })
    if (!isObject(body)) throw new GatewayError('upstream_bad_response')
    const { choices, usage } = codec.decodeResponse(body)
    const text = textOf(choices[0]?.blocks ?? []).slice(0, ANSWER_CHARS_SHOWN)
    const input = usage && totalInputTokens(usage)
    return `"${this.scrub(text)}", ${input ?? '?'} tokens in, ${usage?.outputTokens ?? '?'} out`
  }

  private async ask(
    step: string,
    dialect: DialectName,
    request: Pick<UpstreamRequest, 'url' | 'method' | 'headers' | 'body'>,
  ): Promise<JsonValue> {
    const { kind, key, provider } = this
    const { network, timeouts } = provider
    const nowMs = this.ports.clock.nowMs()
    const firstByteMs = Math.min(timeouts.firstByteMs, ANSWER_TIMEOUT_MS)
    const response = await this.ports.transport.send({
      ...request,
      headers: credentialled({ provider, kind, dialect }, key?.secret, request, nowMs),
      timeouts: { ...timeouts, firstByteMs },
      network,
      signal: AbortSignal.timeout(Math.min(timeouts.totalMs, 2 * ANSWER_TIMEOUT_MS)),
    })
    const { headers, status } = response
    if (status < 200 || status > 299) {
      const bytes = await response.bytes(LIMITS.errorBodyBytesMax)
      const message = this.scrub(errorMessage(new TextDecoder().decode(bytes)))
      const refusal = { status, headers, message, step }
      throw new StepFailure(refusalAdvice(refusal, this.provider, this.ports.clock.nowMs()))
    }
    const bytes = await response.bytes(LIMITS.responseBodyBytesMax)
    const body = parseJson(new TextDecoder().decode(bytes))
    if (body === undefined || body === null) throw new GatewayError('upstream_bad_response')
    return body
  }

  private adviceOf(error: unknown): Advice {
    if (error instanceof StepFailure) return error.advice
    if (error instanceof GatewayError) return connectionAdvice(error, this.provider)
    throw error
  }

  /** Without any secret that this provider was given. */
  private scrub(text: string): string {
    const { headers, network } = this.provider
    const proxy = network.proxy === undefined ? undefined : URL.parse(network.proxy)?.password
    const secrets = [...providerSecrets(this.provider), ...Object.values(headers), proxy ?? '']
    return scrubMessage(text, secrets)
  }
}

/** What a failing answer says, in any of the forms there are; `''` for a page or nothing. */
function errorMessage(text: string): string {
  const body = asObject(parseJson(text))
  if (body === undefined) return ''
  const error = asObject(body['error'])
  const words = [error?.['message'], body['error'], body['message'], body['detail']]
  return words.map(asString).find((word) => word !== undefined && word !== '') ?? ''
}
