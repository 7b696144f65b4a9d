// Which header fields cross the gateway, each way. Both are allow-lists: what is not named here stays on its side, so that
// no credential, cookie or account id of one party reaches the other. What the gateway itself says of an answer is beside them.

import { NANO_PER_USD } from '../core/nano-usd.ts'
import type { UpstreamResponse } from '../core/ports.ts'
import type { Chosen, RequestRecord } from './record.ts'

/** Fields of a client's request that a provider of the same dialect may see. */
const FORWARDED_TO_PROVIDER = ['anthropic-beta', 'openai-beta'] as const

/** Longest value handed on in either direction. */
const VALUE_CHARS_MAX = 8_192

/** The request fields that go to a provider of the client's own dialect. */
export function forwardedHeaders(headers: Headers): Record<string, string> {
  const result: Record<string, string> = {}
  for (const name of FORWARDED_TO_PROVIDER) {
    const value = headers.get(name)
    if (value !== null && isSafeValue(value)) result[name] = value
  }
  return result
}

/** Who answered, by which model and on which way, and its own id of the request. */
export function providerHeaders(
  { provider, model, mode }: Pick<Chosen, 'provider' | 'model' | 'mode'>,
  upstream: UpstreamResponse,
  record: RequestRecord,
): Record<string, string> {
  const headers: Record<string, string> = { ...record.limitHeaders, 'x-weir-provider': provider.id }
  if (model !== '') headers['x-weir-model'] = headerSafe(model)
  headers['x-weir-mode'] = mode
  headers['x-weir-attempts'] = String(record.attempts.length)
  const { answering } = record
  if (answering !== undefined && answering.id !== record.model) {
    headers['x-weir-fallback'] = headerSafe(answering.id)
  }
  if (record.cache !== undefined) headers['x-weir-cache'] = record.cache.state
  const upstreamId = upstreamRequestId(upstream.headers)
  if (upstreamId !== undefined) headers['x-upstream-request-id'] = upstreamId
  return headers
}

/** What is said of an answer from memory, in place of who answered: how old it is (RFC 9111 §5.1), and that it cost nothing. */
export function keptHeaders({ cache, limitHeaders }: RequestRecord): Record<string, string> {
  return {
    ...limitHeaders,
    'x-weir-cache': cache?.kind === 'semantic' ? 'semantic-hit' : 'hit',
    age: String(Math.floor((cache?.ageMs ?? 0) / 1_000)),
    'x-weir-cost-usd': formatUsd(0),
  }
}

/** The provider's own id of the request, for support; its name differs by vendor. */
function upstreamRequestId(headers: Headers): string | undefined {
  for (const name of ['x-request-id', 'request-id', 'apim-request-id', 'x-amzn-requestid']) {
    const value = headers.get(name)
    if (value !== null && isSafeValue(value)) return value.slice(0, 200)
  }
  return undefined
}

/** No control characters and not too long: such a value is dropped, not repaired. */
export function isSafeValue(value: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return value.length <= VALUE_CHARS_MAX && !/[\u0000-\u001f\u007f]/.test(value)
}

/** Printable ASCII only: anything else is refused by HTTP. */
export function headerSafe(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 300)
}

/** Nano-dollars as dollars without a float's noise. */
export function formatUsd(nanoUsd: number): string {
  const whole = Math.floor(nanoUsd / NANO_PER_USD)
  const rest = String(Math.round(nanoUsd % NANO_PER_USD)).padStart(9, '0')
  return `${whole}.${rest}`
}
