// Real receivers of OpenTelemetry data for tests: the OpenTelemetry collector's own with a memory behind it, which is built in two
// minutes, and Jaeger beside it where somebody has put it into the cache, as that takes ten times as long. Both come from one Go
// module, whose list of checksums vouches for all they are made of. A machine without Go has neither; then the reason is told.

import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, startBackground, type Background } from './background.ts'
import { goTool, testCacheFolder } from './go-tools.ts'

const VERSION = '1.76.0'

/** How long a span that was sent may take until it is found. */
const FOUND_LIMIT_MS = 60_000

/** One span as the receiver has it. */
export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  readonly kind: string
  readonly isError: boolean
  readonly startMs: number
  readonly durationMs: number
  readonly attributes: Readonly<Record<string, unknown>>
}

export interface Collector {
  readonly name: 'jaeger' | 'otlp-receiver'
  /** What `tracing.endpoint` is to say. */
  readonly endpoint: string
  /** The spans of a trace, once there are so many. @throws when there are not in time */
  spans(traceId: string, count: number): Promise<CollectedSpan[]>
  /** Everything it knows of a service, as text. */
  everything(service: string): Promise<string>
  /** Log records as OTLP JSON; undefined where it takes none. */
  logs(): Promise<string | undefined>
  stop(): Promise<void>
}

/** Those that there are, and why not all. */
export interface Collectors {
  readonly started: readonly Collector[]
  readonly missing: readonly string[]
}

/** Starts every one that there is. */
export async function startCollectors(): Promise<Collectors> {
  const receiver = await goTool('otlp-receiver')
  const jaeger = join(testCacheFolder(), `jaeger-${VERSION}`, 'jaeger')
  const hasJaeger = existsSync(jaeger)
  return {
    started: [
      ...(hasJaeger ? [await startJaeger(jaeger)] : []),
      ...('missing' in receiver ? [] : [await startReceiver(receiver.path)]),
    ],
    missing: [
      ...(hasJaeger
        ? []
        : [`Jaeger is not at ${join('jaeger-' + VERSION, 'jaeger')} of the cache`]),
      ...('missing' in receiver ? [`a collector: ${receiver.missing}`] : []),
    ],
  }
}

async function startReceiver(path: string): Promise<Collector> {
  const [otlp = 0, asked = 0] = freePorts(2)
  const folder = mkdtempSync(join(tmpdir(), 'weir-otlp-'))
  const command = [path, `127.0.0.1:${otlp}`, `127.0.0.1:${asked}`]
  const background = await startBackground(command, [otlp, asked], folder)
  const text = async (kind: 'spans' | 'logs') =>
    await (await fetch(`http://127.0.0.1:${asked}/${kind}`)).text()
  return {
    name: 'otlp-receiver',
    endpoint: `http://127.0.0.1:${otlp}`,
    spans: (traceId, count) =>
      atLeast(count, async () =>
        (await text('spans'))
          .split('\n')
          .filter((line) => line !== '')
          .flatMap((line) => otlpSpans(JSON.parse(line) as OtlpTraces))
          .filter((span) => span.traceId === traceId),
      ),
    everything: () => text('spans'),
    logs: () => text('logs'),
    stop: () => background.stop(),
  }
}

async function startJaeger(path: string): Promise<Collector> {
  const [otlp = 0, query = 0, grpc = 0, health = 0] = freePorts(4)
  const folder = mkdtempSync(join(tmpdir(), 'weir-jaeger-'))
  writeFileSync(join(folder, 'jaeger.yaml'), jaegerConfig(otlp, query, grpc, health))
  const background: Background = await startBackground(
    [path, '--config', 'jaeger.yaml'],
    [otlp, query],
    folder,
  )
  const url = `http://127.0.0.1:${query}/api`
  return {
    name: 'jaeger',
    endpoint: `http://127.0.0.1:${otlp}`,
    spans: (traceId, count) =>
      atLeast(count, async () => {
        const answer = await fetch(`${url}/traces/${traceId}`)
        if (answer.status === 404) return []
        const { data } = (await answer.json()) as { data: readonly JaegerTrace[] | null }
        return (data ?? []).flatMap(({ spans }) => spans.map(jaegerSpan))
      }),
    everything: async (service) =>
      await (await fetch(`${url}/traces?service=${service}&limit=1000&lookback=1h`)).text(),
    logs: () => Promise.resolve(undefined),
    stop: () => background.stop(),
  }
}

function jaegerConfig(otlp: number, query: number, grpc: number, health: number): string {
  return JSON.stringify({
    service: {
      extensions: ['jaeger_storage', 'jaeger_query', 'healthcheckv2'],
      pipelines: {
        traces: {
          receivers: ['otlp'],
          processors: ['batch'],
          exporters: ['jaeger_storage_exporter'],
        },
      },
      telemetry: {
        resource: { 'service.name': 'jaeger' },
        metrics: { level: 'none' },
        logs: { level: 'warn' },
      },
    },
    extensions: {
      healthcheckv2: { use_v2: true, http: { endpoint: `127.0.0.1:${health}` } },
      jaeger_query: {
        storage: { traces: 'mem' },
        grpc: { endpoint: `127.0.0.1:${grpc}` },
        http: { endpoint: `127.0.0.1:${query}` },
      },
      jaeger_storage: { backends: { mem: { memory: { max_traces: 10_000 } } } },
    },
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${otlp}` } } } },
    processors: { batch: { timeout: '50ms' } },
    exporters: { jaeger_storage_exporter: { trace_storage: 'mem' } },
  })
}

async function atLeast(
  count: number,
  look: () => Promise<CollectedSpan[]>,
): Promise<CollectedSpan[]> {
  const limit = performance.now() + FOUND_LIMIT_MS
  for (;;) {
    const spans = await look()
    if (spans.length >= count) return spans.toSorted((a, b) => a.startMs - b.startMs)
    if (performance.now() > limit) {
      throw new Error(`${spans.length} of ${count} spans came: ${JSON.stringify(spans)}`)
    }
    await Bun.sleep(50)
  }
}

interface JaegerTrace {
  readonly spans: readonly {
    readonly traceID: string
    readonly spanID: string
    readonly operationName: string
    readonly references: readonly { readonly refType: string; readonly spanID: string }[]
    readonly startTime: number
    readonly duration: number
    readonly tags: readonly { readonly key: string; readonly value: unknown }[]
  }[]
}

function jaegerSpan(span: JaegerTrace['spans'][number]): CollectedSpan {
  const attributes = Object.fromEntries(span.tags.map(({ key, value }) => [key, value]))
  return {
    traceId: span.traceID,
    spanId: span.spanID,
    parentSpanId: span.references.find(({ refType }) => refType === 'CHILD_OF')?.spanID,
    name: span.operationName,
    kind: String(attributes['span.kind'] ?? 'internal'),
    isError: attributes['error'] === true,
    startMs: span.startTime / 1_000,
    durationMs: span.duration / 1_000,
    attributes,
  }
}

interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string
        readonly spanId: string
        readonly parentSpanId?: string
        readonly name: string
        readonly kind?: number
        readonly startTimeUnixNano: string
        readonly endTimeUnixNano: string
        readonly status?: { readonly code?: number }
        readonly attributes?: readonly { readonly key: string; readonly value: object }[]
      }[]
    }[]
  }[]
}

/** Kinds of OTLP by their numbers. */
const KINDS = ['', 'internal', 'server', 'client']

function otlpSpans({ resourceSpans }: OtlpTraces): CollectedSpan[] {
  return resourceSpans
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    .map((span) => {
      const startMs = Number(span.startTimeUnixNano) / 1e6
      return {
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId === '' ? undefined : span.parentSpanId,
        name: span.name,
        kind: KINDS[span.kind ?? 0] ?? '',
        isError: span.status?.code === 2,
        startMs,
        durationMs: Number(span.endTimeUnixNano) / 1e6 - startMs,
        attributes: Object.fromEntries(
          (span.attributes ?? []).map(({ key, value }) => [key, plain(value)]),
        ),
      }
    })
}

/** A value as Jaeger shows it: numbers as numbers, lists as JSON text. */
function plain(value: object): unknown {
  const [[kind, held] = ['', undefined]] = Object.entries(value) as [string, unknown][]
  if (kind === 'intValue') return Number(held)
  if (kind !== 'arrayValue') return held
  const { values = [] } = held as { values?: readonly object[] }
  return JSON.stringify(values.map(plain))
}
