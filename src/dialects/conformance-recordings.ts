// The recordings as exchanges of known dialects, and the book-keeping of what fails among many of them. It serves
// `recordings.system.test.ts` alone and reads through `testing/recordings.ts`, so that it never names a folder.

import { expect } from 'bun:test'
import { GatewayError } from '../core/error.ts'
import { collect } from '../core/ir/collect.ts'
import type { Loss } from '../core/ir/loss.ts'
import type { ChatRequest, DialectName } from '../core/ir/request.ts'
import type { ChatResponse } from '../core/ir/response.ts'
import { asObject, isObject, parseJson } from '../core/json.ts'
import type { JsonObject } from '../core/json.ts'
import { type Recording, recordings } from '../testing/recordings.ts'
import { EXCEPTIONS } from './conformance-exceptions.ts'
import type { RecordingException } from './conformance-exceptions.ts'
import {
  decodeFrames,
  describeViolations,
  framesOf,
  framesOfText,
  type Violation,
} from './conformance.ts'
import type { ChatCodec, Dialect, Frame, RequestHints } from './dialect.ts'
import { dialects } from './registry.ts'

type Kind = 'chat' | 'completion' | 'embedding'

/** Which dialect and operation an endpoint of the recordings is. */
const ENDPOINTS: Readonly<Record<string, readonly [DialectName, Kind]>> = {
  'chat.completions': ['openai-chat', 'chat'],
  completions: ['openai-completions', 'completion'],
  embeddings: ['openai-embeddings', 'embedding'],
  messages: ['anthropic', 'chat'],
  'api.chat': ['ollama', 'chat'],
  'api.generate': ['ollama', 'completion'],
  'api.embed': ['ollama', 'embedding'],
  'api.embeddings': ['ollama', 'embedding'],
  responses: ['openai-responses', 'chat'],
  generateContent: ['gemini', 'chat'],
  streamGenerateContent: ['gemini', 'chat'],
  embedContent: ['gemini', 'embedding'],
  batchEmbedContents: ['gemini', 'embedding'],
  'v2.chat': ['cohere', 'chat'],
  'v2.embed': ['cohere', 'embedding'],
  converse: ['bedrock', 'chat'],
  'converse-stream': ['bedrock', 'chat'],
}

/** A recording and how to read it. */
export interface Exchange {
  readonly recording: Recording
  readonly dialect: Dialect
  readonly kind: Kind
  readonly hints: RequestHints
}

let loaded: Exchange[] | undefined

/** Every recording of the endpoints above, read once. */
export function exchanges(kind?: Kind): Exchange[] {
  loaded ??= [...recordings({ endpoints: Object.keys(ENDPOINTS) })].flatMap((recording) => {
    const [name, operation] = ENDPOINTS[recording.endpoint] ?? []
    const dialect = name === undefined ? undefined : dialects[name]
    if (dialect === undefined || operation === undefined || !dialect[operation]) return []
    return [{ recording, dialect, kind: operation, hints: hintsOf(recording) }]
  })
  return kind === undefined ? loaded : loaded.filter((exchange) => exchange.kind === kind)
}

/** The model stands in the path of deployments, and nowhere in a few bodies. */
function hintsOf(recording: Recording): RequestHints {
  const legacy = recording.endpoint === 'api.embeddings' ? { legacy: true } : {}
  if (typeof asObject(recording.request.body)?.['model'] === 'string') return legacy
  const inPath = /\/(?:deployments|models?)\/([^/:?]+)/.exec(recording.request.path)?.[1]
  const streamed = ['streamGenerateContent', 'converse-stream'].includes(recording.endpoint)
  const stream = streamed ? { stream: true } : {}
  return { model: inPath ?? 'recorded-model', ...legacy, ...stream }
}

const usedExceptions = new Set<string>()

/** Entries of the table of exceptions that no check has needed so far. */
export function unusedExceptions(): RecordingException[] {
  return EXCEPTIONS.filter(({ id, what }) => !usedExceptions.has(`${id} ${what}`))
}

/** Gathers what fails over many recordings, so that one run tells of all of them. */
export class Failures {
  private readonly lines: string[] = []
  checked = 0

  /** Runs one check of one recording; what it throws or returns is a failure, unless the table of exceptions has it. */
  check(exchange: Exchange, what: string, act: () => Violation[] | string | undefined): void {
    const { id } = exchange.recording
    this.checked += 1
    let text: string | undefined
    try {
      const found = act()
      text = typeof found === 'string' ? found : describeViolations(found ?? [])
    } catch (error) {
      const told = error instanceof GatewayError ? ` (${error.kind}, param ${error.param})` : ''
      text = `threw ${error instanceof Error ? error.message : String(error)}${told}`
    }
    if (text === undefined) return
    const known = EXCEPTIONS.find(
      (exception) => exception.id === id && what.includes(exception.what),
    )
    if (known === undefined) this.lines.push(`${id}: ${what}: ${text}`)
    else usedExceptions.add(`${known.id} ${known.what}`)
  }

  /** Fails the test with the first failures and the number of all. */
  report(least: number): void {
    if (this.lines.length > 0) {
      const shown = this.lines.slice(0, 60).map((line) => line.slice(0, 1_200))
      throw new Error(`${this.lines.length} failures, the first ones:\n${shown.join('\n')}`)
    }
    expect(this.checked).toBeGreaterThanOrEqual(least)
  }
}

/** The codec of a chat or a completion. Throws when the dialect has none. */
export function codecOf(dialect: Dialect, kind: Kind): ChatCodec {
  const codec = kind === 'embedding' ? undefined : dialect[kind]
  if (codec === undefined) throw new Error(`${dialect.name} has no ${kind} codec.`)
  return codec
}

/** The recorded request as the IR; undefined when none was kept, or when the provider itself refused it as invalid. */
export function requestOf({ recording, dialect, kind, hints }: Exchange): ChatRequest | undefined {
  const { body } = recording.request
  if (!isObject(body)) return undefined
  try {
    return codecOf(dialect, kind).decodeRequest(body, hints)
  } catch (error) {
    if (recording.response.status === 400 && error instanceof GatewayError) return undefined
    throw error
  }
}

/** The frames of a recorded stream; none when the answer is no stream. */
export function framesOfRecording({ recording, dialect }: Exchange): Frame[] {
  const raw = recording.response.raw ?? ''
  const bytes = recording.response.raw_base64
  if (bytes !== undefined) return framesOf(dialect, [Buffer.from(bytes, 'base64')])
  // Gemini streams one JSON array to who does not ask for `alt=sse`, which a gateway always does.
  const list = dialect.name === 'gemini' && raw.startsWith('[') ? parseJson(raw) : undefined
  if (Array.isArray(list)) return list.map((chunk) => ({ data: JSON.stringify(chunk) }))
  return framesOfText(dialect, raw)
}

export const fails = ({ recording }: Exchange): boolean => recording.response.status >= 400
/** Cohere tells of a failure in the finish reason, which the recordings do not list as a kind. */
export const tellsError = ({ recording }: Exchange): boolean =>
  recording.kind.includes('stream-error') ||
  recording.response.raw?.includes('"finish_reason":"ERROR"') === true
export const streams = ({ recording }: Exchange): boolean =>
  recording.response.raw !== undefined || recording.response.raw_base64 !== undefined

/** The recorded answer as the IR; undefined when it is an error. Throws when a stream collects to an error. */
export function responseOf(exchange: Exchange): ChatResponse | undefined {
  if (fails(exchange) || tellsError(exchange)) return undefined
  const codec = codecOf(exchange.dialect, exchange.kind)
  if (!streams(exchange)) return codec.decodeResponse(bodyOf(exchange))
  const { response, error } = collect(decodeFrames(codec, framesOfRecording(exchange)))
  if (error !== undefined) throw new Error(`the stream ends in error: ${error.message}`)
  return response
}

/** The recorded answer's JSON object. Throws when it is something else. */
export function bodyOf({ recording }: Exchange): JsonObject {
  const body = asObject(recording.response.body)
  if (body === undefined) throw new Error('the answer is no JSON object')
  return body
}

/** Losses of one pair of dialects, by feature. */
export class Tally {
  crossings = 0
  refused = 0
  private readonly features = new Map<string, number>()

  add(losses: readonly Loss[]): void {
    this.crossings += 1
    for (const { feature } of losses) {
      this.features.set(feature, (this.features.get(feature) ?? 0) + 1)
    }
  }

  line(): string {
    const sorted = [...this.features].sort(([, a], [, b]) => b - a)
    const told = sorted.map(([feature, count]) => `${feature} ${count}`).join(', ')
    const refused = this.refused === 0 ? '' : `, ${this.refused} refused`
    return `${this.crossings} crossed${refused}; losses: ${told === '' ? 'none' : told}`
  }
}
