// One provider asked for its models, page by page, with a key that it takes. It says whether the list is whole, since only a whole
// list tells what is missing from it; what is done with the answer is the directory's.

import type { Provider } from '../core/catalog.ts'
import { parseJson, type JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, TokenSource, Transport } from '../core/ports.ts'
import { credentialled } from '../providers/credential.ts'
import type { ListedModel, ProviderKind } from '../providers/provider.ts'
import { isModelList } from '../providers/shared.ts'

export interface AskedList {
  /** Each name once. */
  readonly models: readonly ListedModel[]
  /** False when a later page failed or there were more than are read: what is missing may be there still. */
  readonly isWhole: boolean
}

export interface QuestionPorts {
  readonly clock: Clock
  readonly tokens: TokenSource
  transport(provider: Provider): Transport
}

type ListedKind = ProviderKind & { readonly models: NonNullable<ProviderKind['models']> }

/** What another key may be answered better to: this one is refused or has asked too much. */
const KEY_STATUSES: ReadonlySet<number> = new Set([401, 403, 429])

/** The time for one page, of a provider that answers at all. */
const PAGE_TIMEOUT_MS = LIMITS.discoveryTimeoutMs * 8
const FIRST_BYTE_TIMEOUT_MS = LIMITS.discoveryTimeoutMs * 4

/**
 * Asks until the last page, the bound or the end of the time.
 * @param signal ends it at once
 * @throws GatewayError or Error when not even the first page can be had
 */
export async function askModels(
  provider: Provider,
  kind: ListedKind,
  ports: QuestionPorts,
  signal: AbortSignal,
): Promise<AskedList> {
  return await new Question(provider, kind, ports, signal).all()
}

export function listsModels(kind: ProviderKind | undefined): kind is ListedKind {
  return kind?.models !== undefined
}

class Question {
  private readonly provider: Provider
  private readonly kind: ListedKind
  private readonly ports: QuestionPorts
  private readonly signal: AbortSignal
  private readonly endsMs: number
  private readonly models = new Map<string, ListedModel>()
  /** The credential that was taken. */
  private secret: string | undefined

  constructor(provider: Provider, kind: ListedKind, ports: QuestionPorts, signal: AbortSignal) {
    this.provider = provider
    this.kind = kind
    this.ports = ports
    this.signal = signal
    this.endsMs = ports.clock.monotonicMs() + LIMITS.modelListTimeoutMs
  }

  async all(): Promise<AskedList> {
    const { url: firstUrl } = this.kind.models
    const asked = new Set<string>()
    let url = firstUrl(this.provider)
    let body = await this.firstPage(url)
    for (;;) {
      asked.add(url)
      for (const model of this.kind.models.read(body)) {
        if (this.models.size >= LIMITS.modelListEntriesMax) return this.answer(false)
        if (!this.models.has(model.id)) this.models.set(model.id, model)
      }
      const next = this.kind.models.next?.(body, url)
      if (next === undefined) return this.answer(true)
      // A page elsewhere would take the key along; one that was read already never ends.
      const mayAsk = isSameOrigin(next, url) && !asked.has(next)
      if (!mayAsk || asked.size >= LIMITS.modelListPagesMax) return this.answer(false)
      const following = await this.laterPage(next)
      if (following === undefined) return this.answer(false)
      url = next
      body = following
    }
  }

  private answer(isWhole: boolean): AskedList {
    return { models: [...this.models.values()], isWhole }
  }

  private async firstPage(url: string): Promise<JsonValue> {
    const secrets = await this.secrets()
    for (const [at, secret] of secrets.entries()) {
      this.secret = secret
      const { bytes, status } = await this.send(url)
      if (status === 200) {
        const body = read(bytes)
        if (body === undefined || !isModelList(body)) throw new Error('the answer is not a list')
        return body
      }
      const isLast = at === secrets.length - 1
      if (isLast || !KEY_STATUSES.has(status)) throw new Error(`status ${status}`)
    }
    throw new Error('there is no key to ask with')
  }

  /** Undefined when it cannot be had. An empty page may lack its list (Gemini), but not say something else instead. */
  private async laterPage(url: string): Promise<JsonValue | undefined> {
    if (this.ports.clock.monotonicMs() >= this.endsMs) return undefined
    try {
      const { bytes, status } = await this.send(url)
      const body = status === 200 ? read(bytes) : undefined
      if (body === undefined || body === null || typeof body !== 'object') return undefined
      return isModelList(body) || Object.keys(body).length === 0 ? body : undefined
    } catch {
      // The pages before are worth having; the caller learns that this one is missing.
      return undefined
    }
  }

  /** Those in use before those on their way out. */
  private async secrets(): Promise<readonly (string | undefined)[]> {
    const { entra, keys } = this.provider
    if (entra !== undefined) return [await this.ports.tokens.bearer(this.provider)]
    if (keys.length === 0) return [undefined]
    return keys
      .toSorted((one, other) => Number(one.draining ?? false) - Number(other.draining ?? false))
      .slice(0, LIMITS.attemptsMax)
      .map(({ secret }) => secret)
  }

  private async send(
    url: string,
  ): Promise<{ readonly status: number; readonly bytes: Uint8Array }> {
    const { kind, ports, provider, secret } = this
    const dialect = kind.dialects(provider, 'chat')[0] ?? 'openai-chat'
    const asking = { url, method: 'GET', headers: { accept: 'application/json' } } as const
    const { clock } = ports
    const leftMs = Math.ceil(this.endsMs - clock.monotonicMs())
    const timeoutMs = Math.max(1, Math.min(PAGE_TIMEOUT_MS, leftMs))
    const response = await ports.transport(provider).send({
      ...asking,
      headers: credentialled({ provider, kind, dialect }, secret, asking, clock.nowMs()),
      timeouts: {
        ...provider.timeouts,
        firstByteMs: Math.min(provider.timeouts.firstByteMs, FIRST_BYTE_TIMEOUT_MS),
      },
      network: provider.network,
      signal: AbortSignal.any([this.signal, AbortSignal.timeout(timeoutMs)]),
    })
    return {
      status: response.status,
      bytes: await response.bytes(LIMITS.modelListPageBytesMax),
    }
  }
}

function read(bytes: Uint8Array): JsonValue | undefined {
  return parseJson(new TextDecoder().decode(bytes))
}

function isSameOrigin(one: string, other: string): boolean {
  const origin = URL.parse(one)?.origin
  return origin !== undefined && origin === URL.parse(other)?.origin
}
