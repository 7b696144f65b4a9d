// Spans and log records in the words of OTLP (https://opentelemetry.io/docs/specs/otlp/), protobuf and JSON, packed for the wire. The
// library that writes them is loaded when the first batch is sent: a start, and a program that traces nothing, never pays for it.

import type * as Library from '@opentelemetry/otlp-transformer'
import type { Writing } from './delivery.ts'

export type AttributeValue = string | number | boolean | readonly string[]
export type Attributes = Readonly<Record<string, AttributeValue>>

/** One span, as plain data. */
export interface Span {
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client'
  /** Hexadecimal. */
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string | undefined
  /** The parent is another program's. */
  readonly isParentRemote?: true
  readonly sampled: boolean
  /** UTC milliseconds, with fractions. */
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Attributes
  readonly status: 'unset' | 'ok' | 'error'
  readonly events?: readonly { readonly name: string; readonly timeMs: number }[]
}

/** One log record, as plain data. */
export interface LogRecord {
  readonly timeMs: number
  readonly severity: 'info' | 'warn' | 'error'
  readonly body: string
  readonly eventName: string
  readonly attributes: Attributes
  readonly traceId?: string | undefined
  readonly spanId?: string | undefined
  readonly sampled?: boolean | undefined
}

/** Who sends: https://opentelemetry.io/docs/specs/semconv/resource/. */
export interface Sender {
  readonly attributes: Attributes
  readonly version: string
}

type Protocol = 'protobuf' | 'json'
type SpansIn = Parameters<typeof Library.ProtobufTraceSerializer.serializeRequest>[0]
type LogsIn = Parameters<typeof Library.ProtobufLogsSerializer.serializeRequest>[0]

/** Kinds and statuses as the library counts them. */
const KINDS = { internal: 0, server: 1, client: 2 } as const
const STATUSES = { unset: 0, ok: 1, error: 2 } as const
const SEVERITIES = { info: 9, warn: 13, error: 17 } as const

/** Writes a batch of spans. */
export async function writeSpans(
  spans: readonly Span[],
  protocol: Protocol,
  sender: Sender,
): Promise<Writing> {
  const library = await import('@opentelemetry/otlp-transformer')
  const { resource, scope } = frameOf(sender)
  // The library reads plain members of what its types want whole objects for.
  const readable = spans.map((span) => ({
    name: span.name.toWellFormed(),
    kind: KINDS[span.kind],
    spanContext: () => contextOf(span.traceId, span.spanId, span.sampled),
    ...(span.parentSpanId === undefined
      ? {}
      : {
          parentSpanContext: {
            ...contextOf(span.traceId, span.parentSpanId, span.sampled),
            isRemote: span.isParentRemote === true,
          },
        }),
    startTime: timeOf(span.startMs),
    endTime: timeOf(Math.max(span.startMs, span.endMs)),
    duration: timeOf(Math.max(0, span.endMs - span.startMs)),
    status: { code: STATUSES[span.status] },
    attributes: fit(span.attributes),
    links: [],
    events: (span.events ?? []).map(({ name, timeMs }) => ({ name, time: timeOf(timeMs) })),
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  })) as unknown as SpansIn
  const serializer =
    protocol === 'json' ? library.JsonTraceSerializer : library.ProtobufTraceSerializer
  return packed(serializer.serializeRequest(readable), protocol)
}

/** Writes a batch of log records. */
export async function writeLogs(
  records: readonly LogRecord[],
  protocol: Protocol,
  sender: Sender,
): Promise<Writing> {
  const library = await import('@opentelemetry/otlp-transformer')
  const { resource, scope } = frameOf(sender)
  const readable = records.map((record) => ({
    hrTime: timeOf(record.timeMs),
    hrTimeObserved: timeOf(record.timeMs),
    ...(record.traceId === undefined || record.spanId === undefined
      ? {}
      : { spanContext: contextOf(record.traceId, record.spanId, record.sampled === true) }),
    severityText: record.severity.toUpperCase(),
    severityNumber: SEVERITIES[record.severity],
    body: record.body,
    eventName: record.eventName,
    attributes: fit(record.attributes),
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
  })) as unknown as LogsIn
  const serializer =
    protocol === 'json' ? library.JsonLogsSerializer : library.ProtobufLogsSerializer
  return packed(serializer.serializeRequest(readable), protocol)
}

/**
 * What of a batch a collector did not take, though it answered well.
 * @param answer in the protocol that was spoken, or anything
 */
export function partlyRefused(
  answer: Uint8Array,
  protocol: Protocol,
): { readonly count: number; readonly why: string } | undefined {
  const count = protocol === 'json' ? refusedInJson(answer) : refusedInProtobuf(answer)
  return count === undefined || count <= 0 ? undefined : { count, why: 'partial success' }
}

function refusedInJson(answer: Uint8Array): number | undefined {
  try {
    const told: unknown = JSON.parse(new TextDecoder().decode(answer))
    const part = (told as { partialSuccess?: Record<string, unknown> } | null)?.partialSuccess
    const count = Number(part?.['rejectedSpans'] ?? part?.['rejectedLogRecords'] ?? 0)
    return Number.isSafeInteger(count) ? count : undefined
  } catch {
    // Junk under a good status: it was taken.
    return undefined
  }
}

/** `partial_success` is the first field, the number of those refused the first in it: `0a len 08 varint`. */
function refusedInProtobuf(answer: Uint8Array): number | undefined {
  if (answer[0] !== 0x0a || answer[2] !== 0x08) return undefined
  let count = 0
  for (let at = 3, shift = 0; at < answer.length && shift < 28; at += 1, shift += 7) {
    const byte = answer[at] ?? 0
    count |= (byte & 0x7f) << shift
    if (byte < 0x80) return count
  }
  return undefined
}

/**
 * What every collector can read: half of a character and what is no number have no form in JSON, and one of them, which any client can send,
 * would cost the whole batch.
 */
function fit(attributes: Attributes): Attributes {
  const isFit = (value: AttributeValue) => typeof value !== 'number' || Number.isFinite(value)
  return Object.fromEntries(
    Object.entries(attributes)
      .filter(([, value]) => isFit(value))
      .map(([name, value]) => [name, wellFormed(value)]),
  )
}

function wellFormed(value: AttributeValue): AttributeValue {
  if (typeof value === 'string') return value.toWellFormed()
  return typeof value === 'object' ? value.map((text) => text.toWellFormed()) : value
}

function frameOf({ attributes, version }: Sender): { resource: object; scope: object } {
  return { resource: { attributes }, scope: { name: 'weir', version } }
}

function contextOf(traceId: string, spanId: string, sampled: boolean): object {
  return { traceId, spanId, traceFlags: sampled ? 1 : 0 }
}

/** Seconds and nanoseconds. */
function timeOf(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1_000)
  return [seconds, Math.round((ms - seconds * 1_000) * 1_000) * 1_000]
}

function packed(body: Uint8Array | undefined, protocol: Protocol): Writing {
  if (body === undefined) throw new Error('nothing was written')
  return {
    // Batches of spans repeat themselves: the quickest level takes a tenth of the time for nearly as little.
    body: Bun.gzipSync(new Uint8Array(body), { level: 1 }),
    headers: {
      'content-type': protocol === 'json' ? 'application/json' : 'application/x-protobuf',
      'content-encoding': 'gzip',
    },
  }
}
