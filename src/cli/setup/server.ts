// What a running Weir says to a tool's question: which models there are, and whether the key is good. It asks through the same transport as
// everything else, and what cannot be had is told, never thrown.

import type { NetworkSettings } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import {
  asArray,
  asNumber,
  asObject,
  asString,
  type JsonValue,
  parseJson,
} from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { systemClock } from '../../system.ts'
import { createTransport, type HttpTransport } from '../../transport/http-transport.ts'
import { printable } from '../format.ts'

export interface OfferedModel {
  readonly id: string
  readonly contextTokens?: number
  /** It answers chats and calls tools. */
  readonly isFit: boolean
}

export type Told =
  | { readonly state: 'models'; readonly models: readonly OfferedModel[] }
  /** It wants a key, or another one. */
  | { readonly state: 'refused' }
  /** Nothing answered, or something that is no Weir. */
  | { readonly state: 'silent'; readonly reason: string }

/** A Weir at an address, asked as a tool asks it. */
export class RunningServer {
  private readonly baseUrl: string
  private readonly network: NetworkSettings
  private readonly transport: HttpTransport

  constructor(baseUrl: string, network: NetworkSettings) {
    this.baseUrl = baseUrl
    // Whoever runs the command has named the address.
    this.network = { ...network, allowPrivate: true }
    this.transport = createTransport(systemClock)
  }

  async models(key: string | undefined): Promise<Told> {
    const answer = await this.ask('/v1/models', key)
    if ('reason' in answer) return { state: 'silent', reason: answer.reason }
    if (answer.status === 401 || answer.status === 403) return { state: 'refused' }
    const list = asArray(asObject(answer.body)?.['data'])
    if (answer.status !== 200 || list === undefined) {
      return { state: 'silent', reason: `what answers there is no Weir (status ${answer.status})` }
    }
    return { state: 'models', models: list.flatMap(readModel) }
  }

  /** Whether it knows a model that its list need not have; undefined when it does not say. */
  async knows(model: string, key: string | undefined): Promise<boolean | undefined> {
    const path = `/v1/models/${model.split('/').map(encodeURIComponent).join('/')}`
    const answer = await this.ask(path, key)
    if ('reason' in answer) return undefined
    return answer.status === 200 ? true : answer.status === 404 ? false : undefined
  }

  private async ask(
    path: string,
    key: string | undefined,
  ): Promise<
    { readonly status: number; readonly body: JsonValue | undefined } | { readonly reason: string }
  > {
    try {
      const timeoutMs = LIMITS.setupAnswerTimeoutMs
      const response = await this.transport.send({
        url: `${this.baseUrl}${path}`,
        method: 'GET',
        headers: {
          accept: 'application/json',
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        },
        timeouts: {
          connectMs: timeoutMs,
          firstByteMs: timeoutMs,
          idleMs: timeoutMs,
          totalMs: timeoutMs,
        },
        network: this.network,
        signal: AbortSignal.timeout(timeoutMs),
      })
      const bytes = await response.bytes(LIMITS.setupAnswerBytesMax)
      return { status: response.status, body: parseJson(new TextDecoder().decode(bytes)) }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return { reason: printable(error.message) }
    }
  }
}

function readModel(value: JsonValue): OfferedModel[] {
  const model = asObject(value)
  const id = asString(model?.['id'])
  if (id === undefined) return []
  const contextTokens = asNumber(model?.['context_window'])
  const abilities = asArray(model?.['capabilities'])
  const isFit =
    abilities === undefined || (abilities.includes('completion') && abilities.includes('tools'))
  return [{ id, isFit, ...(contextTokens === undefined ? {} : { contextTokens }) }]
}
