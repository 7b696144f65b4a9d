// The place of a request in a distributed trace, as header fields carry it: https://www.w3.org/TR/trace-context-2/. Reads what a client
// sent, writes what a provider gets, and makes ids and the decision what is kept from numbers that are handed in. It holds no state.

/** What a client says of its trace. */
export interface TraceParent {
  /** 32 hexadecimal digits, lower case, not all zero. */
  readonly traceId: string
  /** 16 of them: the client's span. */
  readonly spanId: string
  readonly sampled: boolean
}

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)

/** Longest `traceparent` looked at, members of a `tracestate`, and its length: beyond them it is not handed on. */
const PARENT_CHARS_MAX = 256
const STATE_MEMBERS_MAX = 32
const STATE_CHARS_MAX = 512

const STATE_MEMBER =
  /^[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** A `traceparent` header; undefined for none and for one that is not as it must be, which counts as none. */
export function readTraceParent(header: string | null): TraceParent | undefined {
  if (header === null || header.length > PARENT_CHARS_MAX) return undefined
  const [, version, traceId, spanId, flags, more] = PARENT.exec(header.trim()) ?? []
  if (version === undefined || traceId === undefined || spanId === undefined) return undefined
  if (version === 'ff' || traceId === NO_TRACE || spanId === NO_SPAN) return undefined
  // Only versions to come may have more parts.
  if (version === '00' && more !== undefined) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags ?? '0', 16) & 1) === 1 }
}

/** A `tracestate` header made fit to be handed on; undefined for none and for one that is not as it must be. */
export function readTraceState(header: string | null): string | undefined {
  if (header === null || header.length > STATE_CHARS_MAX) return undefined
  const members = header
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')
  if (members.length === 0 || members.length > STATE_MEMBERS_MAX) return undefined
  if (!members.every((member) => STATE_MEMBER.test(member))) return undefined
  const names = new Set(members.map((member) => member.slice(0, member.indexOf('='))))
  return names.size === members.length ? members.join(',') : undefined
}

/** A `traceparent` header for whoever is asked by this span. */
export function writeTraceParent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
}

/** A trace id of a UUIDv7, whose last 62 bits are random: as random as the standard wants its last 56 to be. */
export function traceIdOf(uuid: string): string {
  return uuid.replaceAll('-', '')
}

/** A span id of a UUID's last part, which is never zero: its first bits are a mark. */
export function spanIdOf(uuid: string): string {
  return uuid.slice(19, 23) + uuid.slice(24)
}

/**
 * Whether a trace is among those of the share. It goes by the id alone (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/):
 * whoever decides by the same share decides the same, and what is within a small share is within a larger one.
 * @param share 0 to 1
 */
export function isWithinShare(traceId: string, share: number): boolean {
  if (share >= 1) return true
  if (share <= 0) return false
  // 52 of the last 56 bits: as many as a number holds.
  return Number.parseInt(traceId.slice(-14, -1), 16) / 2 ** 52 >= 1 - share
}

/**
 * A span id that follows from a record and a number: the same record sent twice has the same spans.
 * @param uuid of the record
 * @param place 0 is the request itself
 */
export function derivedSpanId(uuid: string, place: number): string {
  const low = spanIdOf(uuid)
  // The number goes into the middle, which leaves the mark in front and differs for each.
  const part = (Number.parseInt(low.slice(4, 8), 16) ^ (place + 1)) & 0xffff
  return low.slice(0, 4) + part.toString(16).padStart(4, '0') + low.slice(8)
}
