// Asks one provider what a server would ask it, through the real transport: its list of models, and a completion of a few
// tokens. Each question is one step with its time, its result, and on failure the reason and what to do.

import type { Provider, ProviderKey } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { type DialectName, textOf } from '../core/ir/request.ts'
import { totalInputTokens } from '../core/ir/usage.ts'
import { asObject, asString, isObject, parseJson, type JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { providerSecrets, scrubMessage } from '../core/policy/scrub.ts'
import type { Clock, TokenSource, Transport, UpstreamRequest } from '../core/ports.ts'
import { maskSecret } from '../config/show.ts'
import { credentialled } from '../providers/credential.ts'
import type { ListedModel, ProviderKind } from '../providers/provider.ts'
import { providerKind } from '../providers/registry.ts'
import { runStep, type Step, StepFailure } from './doctor-steps.ts'
import { counted } from './format.ts'
import { type Advice, connectionAdvice, refusalAdvice, tokenAdvice } from './provider-advice.ts'
import { unusableText } from './providers.ts'

/** Longest wait for an answer of a model, whatever the provider's own limit is. */
const ANSWER_TIMEOUT_MS = LIMITS.idleTimeoutMs / 4

const ANSWER_CHARS_SHOWN = 40
/** Few, but enough for models that will not take fewer. */
const COMPLETION_TOKENS = 16

export interface CheckPorts {
  readonly transport: Transport
  readonly clock: Clock
  /** For providers that are asked with a token in place of a key. */
  readonly tokens: TokenSource
  /** Told the `date` of each answer, and when it came. */
  readonly heardDate?: (date: string, nowMs: number) => void
}

/** The steps of one provider, each as soon as it is done. `model` adds a completion by the provider's own model name. */
export async function* checkProvider(
  provider: Provider,
  model: string | undefined,
  ports: CheckPorts,
): AsyncGenerator<Step> {
  const { monotonicMs } = ports.clock
  const settings = await runStep('settings', monotonicMs, () => settingsFinding(provider))
  if (settings.failure !== undefined) {
    yield settings
    return
  }
  for (const credential of credentialsOf(provider, ports.tokens)) {
    const check = new Check(provider, credential, ports)
    const withKey = credential.label === '' ? '' : `, ${credential.label}`
    yield await check.step(`model list${withKey}`, async () => await check.countModels())
    if (model !== undefined) {
      yield await check.step(`completion of ${model}${withKey}`, () => check.complete(model))
    }
  }
}

/** What can be said of a provider's settings without leaving the program. @throws StepFailure when it cannot be used */
export function settingsFinding(provider: Provider): string {
  const unusable = unusableText(provider)
  if (unusable === undefined) return `type ${provider.type}, from ${provider.origin}`
  const isKnown = providerKind(provider.type) !== undefined
  const todo = 'Declare one under its keys, or set the environment variable of its type.'
  throw new StepFailure({ reason: unusable, todo: isKnown ? todo : '' })
}

/** What a provider is asked with: one of its keys, a token, or nothing. */
export interface Credential {
  /** `key ****last`, `token`; empty where it is asked without. */
  readonly label: string
  readonly draining: boolean
  secret(): Promise<string | undefined>
}

/** Every credential that requests may go out with, in their order. */
export function credentialsOf(provider: Provider, tokens: TokenSource): Credential[] {
  if (provider.entra !== undefined) {
    return [{ label: 'token', draining: false, secret: () => tokens.bearer(provider) }]
  }
  if (provider.keys.length === 0) return [NO_CREDENTIAL]
  return provider.keys.map(({ draining = false, secret }: ProviderKey) => ({
    label: `key ${maskSecret(secret)}`,
    draining,
    secret: async () => secret,
  }))
}

export const NO_CREDENTIAL: Credential = {
  label: '',
  draining: false,
  secret: async () => undefined,
}

/** Questions to one provider with one of its credentials. The provider must have a kind. */
export class Check {
  private readonly provider: Provider
  private readonly kind: ProviderKind
  private readonly credential: Credential
  private readonly ports: CheckPorts

  constructor(provider: Provider, credential: Credential, ports: CheckPorts) {
    const kind = providerKind(provider.type)
    if (kind === undefined) throw new Error(`no kind of provider is named ${provider.type}`)
    this.provider = provider
    this.kind = kind
    this.credential = credential
    this.ports = ports
  }

  /** One question as a step, with words for whatever goes wrong. */
  step(name: string, question: () => Promise<string>): Promise<Step> {
    const { monotonicMs } = this.ports.clock
    return runStep(name, monotonicMs, question, (error) => this.adviceOf(error))
  }

  get hasList(): boolean {
    return this.kind.models !== undefined
  }

  /** Whether a token is to be had. @throws StepFailure */
  async token(): Promise<string> {
    await this.secret()
    const { entra } = this.provider
    return `for the application ${entra?.clientId ?? ''} in ${entra?.tenant ?? ''}`
  }

  /** Whether the provider has a page that tells of the key alone, for those whose model list is open to everybody. */
  get hasKeyPage(): boolean {
    return this.provider.type === 'openrouter' && this.hasList
  }

  /** @throws StepFailure, GatewayError when the key is refused or nothing answers */
  async askKeyPage(): Promise<void> {
    // https://openrouter.ai/docs/api-reference/limits
    const url = this.kind.models?.url(this.provider).replace(/\/models$/, '/key') ?? ''
    await this.ask('key', 'openai-chat', { url, method: 'GET', headers: {} })
  }

  async countModels(): Promise<string> {
    if (!this.hasList) return 'it has none; test with --model'
    return counted((await this.listModels()).length, 'model')
  }

  /** The provider's list; empty where it has none. @throws StepFailure, GatewayError */
  async listModels(): Promise<readonly ListedModel[]> {
    const { kind, provider } = this
    if (kind.models === undefined) return []
    const dialect = kind.dialects(provider, 'chat')[0] ?? 'openai-chat'
    const headers = { accept: 'application/json' }
    const models: ListedModel[] = []
    let url: string | undefined = kind.models.url(provider)
    for (let page = 0; url !== undefined && page < LIMITS.modelListPagesMax; page += 1) {
      const body = await this.ask('model list', dialect, { url, method: 'GET', headers })
      models.push(...kind.models.read(body))
      url = kind.models.next?.(body, url)
    }
    return models
  }

  /** Asks for a few tokens. @throws StepFailure, GatewayError */
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

  /** An answer of the provider to any question of ours. @throws StepFailure, GatewayError */
  private async ask(
    step: string,
    dialect: DialectName,
    request: Pick<UpstreamRequest, 'url' | 'method' | 'headers' | 'body'>,
  ): Promise<JsonValue> {
    const { kind, provider } = this
    const { clock, heardDate, transport } = this.ports
    const { network, timeouts } = provider
    const secret = await this.secret()
    // A list is there or it is not; a model may have to be loaded before it says a word.
    const isQuick = request.method === 'GET'
    const limitMs = isQuick ? LIMITS.probeListTimeoutMs : ANSWER_TIMEOUT_MS
    const firstByteMs = Math.min(timeouts.firstByteMs, limitMs)
    const response = await transport.send({
      ...request,
      headers: credentialled({ provider, kind, dialect }, secret, request, clock.nowMs()),
      timeouts: { ...timeouts, firstByteMs },
      network,
      signal: AbortSignal.timeout(Math.min(timeouts.totalMs, 2 * limitMs)),
    })
    const { headers, status } = response
    const date = headers.get('date')
    if (date !== null) heardDate?.(date, clock.nowMs())
    if (status < 200 || status > 299) {
      const bytes = await response.bytes(LIMITS.errorBodyBytesMax)
      const message = this.scrub(errorMessage(new TextDecoder().decode(bytes)))
      const refusal = { status, headers, message, step }
      throw new StepFailure(refusalAdvice(refusal, provider, clock.nowMs()))
    }
    const bytes = await response.bytes(LIMITS.responseBodyBytesMax)
    const body = parseJson(new TextDecoder().decode(bytes))
    if (body === undefined || body === null) throw new GatewayError('upstream_bad_response')
    return body
  }

  /** @throws StepFailure when there is no token to be had */
  private async secret(): Promise<string | undefined> {
    try {
      return await this.credential.secret()
    } catch (error) {
      if (error instanceof GatewayError) throw new StepFailure(tokenAdvice(error, this.provider))
      throw error
    }
  }

  /** Words for what a question threw. @throws what nobody has words for */
  adviceOf(error: unknown): Advice {
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
