// Questions to Azure's management API: each with the application's token, bounded in size and time, repeated when the service says to
// wait, and never sent anywhere but to that service. What the answers mean is `azure-management`'s.

import type { EntraSettings, Provider } from '../core/catalog.ts'
import { azureCloud } from '../core/azure-cloud.ts'
import { GatewayError } from '../core/error.ts'
import { asObject, asString, parseJson, type JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { readRetryAfterMs } from '../core/policy/retry-after.ts'
import { providerSecrets, scrubMessage } from '../core/policy/scrub.ts'
import type { Clock, TokenSource, Transport, UpstreamResponse } from '../core/ports.ts'
import type { Page } from '../providers/azure-management.ts'

export interface AzurePorts {
  readonly clock: Clock
  readonly tokens: TokenSource
  transport(provider: Provider): Transport
}

/** The service refused or failed one question; the words are for whoever asked. */
export class AzureFailure extends Error {
  readonly status: number | undefined
  /** Azure's own code (`AuthorizationFailed`). */
  readonly code: string | undefined

  constructor(message: string, status?: number, code?: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'AzureFailure'
    this.status = status
    this.code = code
  }
}

/** A wait that no `retry-after` named. */
const REPEAT_BASE_MS = 500

/** One round of questions for one application, all within one time limit. */
export class AzureQuestions {
  readonly entra: EntraSettings
  private readonly provider: Provider
  private readonly ports: AzurePorts
  private readonly signal: AbortSignal
  private readonly endsMs: number
  private free: number = LIMITS.azureQuestionsMax
  private readonly waiting: (() => void)[] = []

  /** @param provider has `entra`, and the network settings to ask with */
  constructor(provider: Provider & { readonly entra: EntraSettings }, ports: AzurePorts) {
    this.provider = provider
    this.entra = provider.entra
    this.ports = ports
    this.signal = AbortSignal.timeout(LIMITS.azureDiscoveryTimeoutMs)
    this.endsMs = ports.clock.monotonicMs() + LIMITS.azureDiscoveryTimeoutMs
  }

  /**
   * All items of a list, page by page.
   * @throws AzureFailure when the first page cannot be had; with a later one missing, what there was is given and `cut` says why
   */
  async list<T>(
    url: string,
    read: (body: JsonValue, entra: EntraSettings) => Page<T>,
    itemsMax: number = LIMITS.modelListEntriesMax,
  ): Promise<{ readonly items: readonly T[]; readonly cut?: string }> {
    const items: T[] = []
    const seen = new Set<string>()
    for (let at = url; ;) {
      seen.add(at)
      const body = await this.pageOf(at, items.length === 0 && seen.size === 1)
      if (typeof body === 'object' && body instanceof AzureFailure) {
        return { items, cut: body.message }
      }
      const { items: more, next } = read(body, this.entra)
      items.push(...more.slice(0, itemsMax - items.length))
      if (next.kind === 'end') return { items }
      if (next.kind === 'foreign') {
        return { items, cut: 'the list goes on at another server, which was not asked' }
      }
      if (items.length >= itemsMax || seen.size >= LIMITS.azurePagesMax || seen.has(next.url)) {
        return { items, cut: 'the list is too long' }
      }
      at = next.url
    }
  }

  private async pageOf(url: string, isFirst: boolean): Promise<JsonValue | AzureFailure> {
    try {
      return await this.get(url)
    } catch (error) {
      if (isFirst || !(error instanceof AzureFailure)) throw error
      return error
    }
  }

  /** @throws AzureFailure */
  private async get(url: string): Promise<JsonValue> {
    // Built from the same setting, or checked against it; a second look costs nothing beside a token in the wrong hands.
    if (new URL(url).origin !== new URL(azureCloud(this.entra).management).origin) {
      throw new AzureFailure('not an address of the management API')
    }
    await this.turn()
    try {
      return await this.repeated(url)
    } catch (error) {
      throw asFailure(error)
    } finally {
      this.free += 1
      this.waiting.shift()?.()
    }
  }

  private async turn(): Promise<void> {
    while (this.free === 0) {
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
    this.free -= 1
  }

  private async repeated(url: string): Promise<JsonValue> {
    let isTokenFresh = false
    for (let repeats = 0; ; repeats += 1) {
      const token = await this.ports.tokens.bearer(this.provider, 'management')
      const response = await this.send(url, token)
      const bytes = await response.bytes(LIMITS.azurePageBytesMax)
      const body = parseJson(new TextDecoder().decode(bytes))
      if (response.status === 200) {
        if (asObject(body) !== undefined) return body as JsonValue
        throw new AzureFailure('the management API sent no JSON')
      }
      if (response.status === 401 && !isTokenFresh) {
        isTokenFresh = true
        if (this.ports.tokens.refused(this.provider, token, 'management')) continue
      }
      const waitMs = this.repeatAfterMs(response, repeats)
      if (waitMs === undefined) throw this.refusal(response, body)
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }

  private send(url: string, token: string): Promise<UpstreamResponse> {
    const { network, timeouts } = this.provider
    return this.ports.transport(this.provider).send({
      url,
      method: 'GET',
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
        'user-agent': 'weir',
      },
      timeouts,
      network,
      signal: this.signal,
    })
  }

  /** How long to wait before the same question; undefined when it is not put again. */
  private repeatAfterMs(
    { headers, status }: UpstreamResponse,
    repeats: number,
  ): number | undefined {
    if (status !== 429 && status < 500) return undefined
    if (repeats >= LIMITS.azureRepeatsMax) return undefined
    const { clock } = this.ports
    const told = readRetryAfterMs(headers, undefined, clock.nowMs())
    const waitMs = told ?? REPEAT_BASE_MS * 2 ** repeats
    return clock.monotonicMs() + waitMs < this.endsMs ? waitMs : undefined
  }

  private refusal({ status }: UpstreamResponse, body: JsonValue | undefined): AzureFailure {
    const error = asObject(asObject(body)?.['error'])
    const code = asString(error?.['code'])?.slice(0, 80)
    const said = scrubMessage(
      asString(error?.['message']) ?? '',
      providerSecrets(this.provider),
      [],
      200,
    )
    const words = [code, said].filter((word) => word !== undefined && word !== '').join(': ')
    return new AzureFailure(`${status}${words === '' ? '' : ` ${words}`}`, status, code)
  }
}

/** What stopped a question, in words that may be shown to an administrator: no secret, no address of ours. */
function asFailure(error: unknown): AzureFailure {
  if (error instanceof AzureFailure) return error
  if (!(error instanceof GatewayError)) throw error
  // The cause of a refused application has its code and what to do; it was scrubbed where it was made.
  const { cause, kind, message } = error
  const isRefusal = kind === 'upstream_auth' && cause instanceof Error
  if (kind === 'client_closed')
    return new AzureFailure('no answer in time', undefined, undefined, error)
  return new AzureFailure(isRefusal ? cause.message : message, undefined, undefined, error)
}
