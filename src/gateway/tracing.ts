// A request's place in a distributed trace while it runs: its ids, those of its attempts, what a provider is told, and waits worth a span.
// Spans themselves are made at the end, from the outcome; where nothing is traced, nothing of this is there.

import type { FlagSource } from '../core/flags.ts'
import { LIMITS } from '../core/limits.ts'
import type { TraceRecord, TraceStep } from '../core/outcome.ts'
import type { Clock, IdSource } from '../core/ports.ts'
import { callerOf } from '../core/principal.ts'
import type { TracingSettings } from '../core/telemetry-settings.ts'
import {
  isWithinShare,
  readTraceParent,
  readTraceState,
  spanIdOf,
  traceIdOf,
  writeTraceParent,
} from '../core/trace-context.ts'
import type { Arrival } from './inbound.ts'

/** How requests are traced now. */
export type Tracing = Pick<TracingSettings, 'sample' | 'honourParent' | 'propagate'>

/** Header fields that tell a provider the trace; undefined where it is told nothing. */
export type TraceFields = Readonly<Record<string, string>> | undefined

interface TraceParts {
  readonly clock: Clock
  readonly ids: IdSource
  readonly flags: FlagSource
}

/** The trace of a request that begins; undefined where the flag says that none is traced. */
export function beginTrace(
  { arrivedMonotonicMs, headers, principal, requestId }: Arrival,
  tracing: Tracing,
  { clock, flags, ids }: TraceParts,
): RequestTrace | undefined {
  const seed = callerOf(principal) ?? requestId
  const flag = flags.value('trace_sampling', principal.tenantId, seed)
  if (flag === 'none') return undefined
  const parent = readTraceParent(headers.get('traceparent'))
  const traceId = parent?.traceId ?? traceIdOf(ids.uuid())
  const decided =
    parent !== undefined && tracing.honourParent
      ? parent.sampled
      : isWithinShare(traceId, tracing.sample)
  const sampled = flag === 'all' || decided
  const state = parent === undefined ? undefined : readTraceState(headers.get('tracestate'))
  return new RequestTrace({
    traceId,
    parentSpanId: parent?.spanId,
    state,
    sampled,
    propagate: tracing.propagate,
    arrivedMs: arrivedMonotonicMs,
    clock,
    ids,
  })
}

interface TraceBeginning {
  readonly traceId: string
  readonly parentSpanId: string | undefined
  readonly state: string | undefined
  readonly sampled: boolean
  readonly propagate: boolean
  /** Monotonic. */
  readonly arrivedMs: number
  readonly clock: Clock
  readonly ids: IdSource
}

export class RequestTrace {
  readonly traceId: string
  readonly spanId: string
  private readonly from: TraceBeginning
  private readonly steps: TraceStep[] = []

  constructor(from: TraceBeginning) {
    this.from = from
    this.traceId = from.traceId
    this.spanId = spanIdOf(from.ids.uuid())
  }

  /** The id of a further span. */
  newSpanId(): string {
    return spanIdOf(this.from.ids.uuid())
  }

  /** What a provider is told when it is asked by this span. */
  headers(spanId: string | undefined): TraceFields {
    const { propagate, sampled, state, traceId } = this.from
    if (!propagate || spanId === undefined) return undefined
    const traceparent = writeTraceParent(traceId, spanId, sampled)
    return state === undefined ? { traceparent } : { traceparent, tracestate: state }
  }

  /** A wait that is over. @param startedMs monotonic */
  step(name: string, startedMs: number): void {
    if (this.steps.length >= LIMITS.traceStepsMax) return
    const { arrivedMs, clock } = this.from
    this.steps.push({
      name,
      startedMs: startedMs - arrivedMs,
      durationMs: clock.monotonicMs() - startedMs,
    })
  }

  /** Waits, and keeps how long. */
  async during<T>(name: string, waiting: Promise<T>): Promise<T> {
    const startedMs = this.from.clock.monotonicMs()
    try {
      return await waiting
    } finally {
      this.step(name, startedMs)
    }
  }

  record(): TraceRecord {
    const { parentSpanId, sampled } = this.from
    return {
      spanId: this.spanId,
      ...(parentSpanId === undefined ? {} : { parentSpanId }),
      sampled,
      steps: this.steps,
    }
  }
}
