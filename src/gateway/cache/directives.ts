// What a client says about the response cache, in `cache-control` (RFC 9111 §5.2.1) and in a field of our own. Directives that nobody
// knows are passed over, as the standard has it; our own field is read strictly, for its author means this program.

import { GatewayError } from '../../core/error.ts'

export const CACHE_HEADER = 'x-weir-cache'

export interface CacheWishes {
  /** Nothing is looked up and nothing kept. */
  readonly off: boolean
  /** Nothing is looked up, and the new answer takes the place of a kept one. */
  readonly refresh: boolean
  /** A provider must not be asked. */
  readonly onlyIfCached: boolean
  /** How old a kept answer may be. */
  readonly maxAgeMs: number
  /** How long a kept answer must have left. */
  readonly minFreshMs: number
}

const NONE: CacheWishes = {
  off: false,
  refresh: false,
  onlyIfCached: false,
  maxAgeMs: Infinity,
  minFreshMs: 0,
}

/** @throws GatewayError `invalid_request` naming the field, for a value of `x-weir-cache` that is none */
export function cacheWishes(headers: Headers): CacheWishes {
  const control = headers.get('cache-control')
  const own = headers.get(CACHE_HEADER)
  if (control === null && own === null) return NONE
  const said = control === null ? NONE : controlOf(control)
  switch (own?.trim().toLowerCase()) {
    case undefined:
      return said
    case 'off':
      return { ...said, off: true }
    case 'refresh':
      return { ...said, refresh: true }
    case 'on':
      return said
    default:
      throw new GatewayError('invalid_request', {
        param: CACHE_HEADER,
        message: `'${CACHE_HEADER}' must be one of on, off, refresh.`,
      })
  }
}

function controlOf(control: string): CacheWishes {
  let { maxAgeMs, minFreshMs, off, onlyIfCached, refresh } = NONE
  for (const part of control.toLowerCase().split(',')) {
    const [name, value = ''] = part.split('=', 2).map((text) => text.trim())
    if (name === 'no-store') off = true
    else if (name === 'no-cache') refresh = true
    else if (name === 'only-if-cached') onlyIfCached = true
    // Whoever sets a bound wants one: what cannot be read is the strictest (RFC 9111 §4.2.1).
    else if (name === 'max-age') maxAgeMs = Math.min(maxAgeMs, secondsIn(value) ?? 0)
    else if (name === 'min-fresh') minFreshMs = Math.max(minFreshMs, secondsIn(value) ?? Infinity)
  }
  return { maxAgeMs, minFreshMs, off, onlyIfCached, refresh }
}

/** Delta-seconds, in quotes too; undefined for anything else. */
function secondsIn(value: string): number | undefined {
  const digits = /^"?(\d+)"?$/.exec(value)?.[1]
  return digits === undefined ? undefined : Number(digits) * 1_000
}

/** The answer to `only-if-cached` where nothing is kept (RFC 9111 §5.2.1.7). */
export function notCached(): GatewayError {
  return new GatewayError('upstream_timeout', {
    status: 504,
    code: 'not_cached',
    message: 'No answer to this request is kept, and the client wants no other.',
    shouldRetry: false,
  })
}
