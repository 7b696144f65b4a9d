// What real providers sent, through every dialect: each recording decodes, obeys the laws, and crosses to each other dialect
// with no undeclared loss. Failures name the recording and the first place; the recordings themselves stay outside.

import { afterAll, describe, expect, test } from 'bun:test'
import { GatewayError } from '../core/error.ts'
import { collect } from '../core/ir/collect.ts'
import type { Loss } from '../core/ir/loss.ts'
import type { ChatRequest, DialectName } from '../core/ir/request.ts'
import type { ChatResponse } from '../core/ir/response.ts'
import { asObject, canonicalJson, isObject } from '../core/json.ts'
import type { JsonObject } from '../core/json.ts'
import { haveRecordings, type Recording, recordings } from '../testing/recordings.ts'
import { seededInteger, seededRandom } from '../testing/seed.ts'
import { plain } from './conformance-compare.ts'
import { splitLaw, textFormsLaw, truncationLaw } from './conformance-streams.ts'
import {
  crossRequest,
  crossResponse,
  decodeFrames,
  describeViolations,
  framesOfText,
  LAW_TARGET,
  orderLaw,
  requestLaw,
  responseLaw,
  streamLaw,
  type Violation,
} from './conformance.ts'
import type { ChatCodec, Dialect, EncodeTarget, RequestHints } from './dialect.ts'
import { EXCEPTIONS } from './recordings-exceptions.ts'
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
}

/** Up to this many bytes a stream is cut at every byte; beyond, at a seeded sample. */
const ALL_SPLITS_BYTES_MAX = 3_000
const SAMPLED_SPLITS = 12
const SAMPLED_CUTS = 8
/** Beyond this, a stream is not decoded again for every form of its text. */
const TEXT_FORMS_CHARS_MAX = 40_000

interface Exchange {
  readonly recording: Recording
  readonly dialect: Dialect
  readonly kind: Kind
  readonly hints: RequestHints
}

const available = haveRecordings('recordings through every dialect')

let loaded: Exchange[] | undefined

/** Every recording of the endpoints above, read once. */
function exchanges(kind?: Kind): Exchange[] {
  loaded ??= [...recordings({ endpoints: Object.keys(ENDPOINTS) })].flatMap((recording) => {
    const [name, operation] = ENDPOINTS[recording.endpoint] ?? []
    const dialect = name === undefined ? undefined : dialects[name]
    if (dialect === undefined || operation === undefined) return []
    return [{ recording, dialect, kind: operation, hints: hintsOf(recording) }]
  })
  return kind === undefined ? loaded : loaded.filter((exchange) => exchange.kind === kind)
}

/** The model stands in the path of deployments, and nowhere in a few bodies. */
function hintsOf(recording: Recording): RequestHints {
  const legacy = recording.endpoint === 'api.embeddings' ? { legacy: true } : {}
  if (typeof asObject(recording.request.body)?.['model'] === 'string') return legacy
  const inPath = /\/(?:deployments|models)\/([^/:?]+)/.exec(recording.request.path)?.[1]
  return { model: inPath ?? 'recorded-model', ...legacy }
}

const usedExceptions = new Set<string>()

/** Gathers what fails over many recordings, so that one run tells of all of them. */
class Failures {
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
      const shown = this.lines.slice(0, 15).map((line) => line.slice(0, 1_200))
      throw new Error(`${this.lines.length} failures, the first ones:\n${shown.join('\n')}`)
    }
    expect(this.checked).toBeGreaterThanOrEqual(least)
  }
}

function codecOf(dialect: Dialect, kind: Kind): ChatCodec {
  const codec = kind === 'embedding' ? undefined : dialect[kind]
  if (codec === undefined) throw new Error(`${dialect.name} has no ${kind} codec.`)
  return codec
}

/** The recorded request as the IR; undefined when none was kept, or when the provider itself refused it as invalid. */
function requestOf({ recording, dialect, kind, hints }: Exchange): ChatRequest | undefined {
  const { body } = recording.request
  if (!isObject(body)) return undefined
  try {
    return codecOf(dialect, kind).decodeRequest(body, hints)
  } catch (error) {
    if (recording.response.status === 400 && error instanceof GatewayError) return undefined
    throw error
  }
}

function framesOfRecording({ recording, dialect }: Exchange) {
  return framesOfText(dialect, recording.response.raw ?? '')
}

const fails = ({ recording }: Exchange): boolean => recording.response.status >= 400
const tellsError = ({ recording }: Exchange): boolean => recording.kind.includes('stream-error')
const streams = ({ recording }: Exchange): boolean => recording.response.raw !== undefined

/** The recorded answer as the IR; undefined when it is an error. Throws when a stream collects to an error. */
function responseOf(exchange: Exchange): ChatResponse | undefined {
  if (fails(exchange) || tellsError(exchange)) return undefined
  const codec = codecOf(exchange.dialect, exchange.kind)
  if (!streams(exchange)) return codec.decodeResponse(bodyOf(exchange))
  const { response, error } = collect(decodeFrames(codec, framesOfRecording(exchange)))
  if (error !== undefined) throw new Error(`the stream ends in error: ${error.message}`)
  return response
}

function bodyOf({ recording }: Exchange): JsonObject {
  const body = asObject(recording.response.body)
  if (body === undefined) throw new Error('the answer is no JSON object')
  return body
}

/** The providers of these recordings take their own thinking back. */
const AT_HOME: EncodeTarget = {
  ...LAW_TARGET,
  quirks: { reasoningField: 'reasoning_content', reasoningDetails: true },
}

const REFUSED: Loss = { feature: 'refused', path: '', action: 'dropped' }

/** A dialect can say all that it said itself; where it says it may depend on the model, so `adapted` is fine. */
function lostAtHome(losses: readonly Loss[]): Violation[] {
  return losses
    .filter(({ action }) => action === 'dropped')
    .map(({ feature, path }) => ({ law: 'no loss at home', path, detail: feature }))
}

describe.skipIf(!available)('recordings in their own dialect', () => {
  const chats = () => [...exchanges('chat'), ...exchanges('completion')]

  test('error bodies are read, with a message', () => {
    const failures = new Failures()
    for (const exchange of exchanges().filter(fails)) {
      const { body, raw } = exchange.recording.response
      const text = raw ?? JSON.stringify(body)
      failures.check(exchange, 'error body', () => {
        const message = exchange.dialect.errors.decode(text)?.message ?? ''
        return message === '' ? `no message in ${text.slice(0, 300)}` : undefined
      })
    }
    failures.report(30)
  })

  test('an error inside a stream is an error event', () => {
    const failures = new Failures()
    for (const exchange of chats().filter(tellsError)) {
      failures.check(exchange, 'stream error', () => {
        const codec = codecOf(exchange.dialect, exchange.kind)
        const events = decodeFrames(codec, framesOfRecording(exchange))
        return collect(events).error === undefined ? 'no error event' : orderLaw(events)
      })
    }
    failures.report(2)
  })

  test('requests decode and survive their own dialect without a loss', () => {
    const failures = new Failures()
    for (const exchange of chats()) {
      failures.check(exchange, 'request', () => {
        const request = requestOf(exchange)
        if (request === undefined) return undefined
        const codec = codecOf(exchange.dialect, exchange.kind)
        const lost = crossRequest(codec, request, AT_HOME)?.losses ?? [REFUSED]
        return [...requestLaw(codec, request, AT_HOME), ...lostAtHome(lost)]
      })
    }
    failures.report(900)
  })

  test('answers decode and survive their own dialect without a loss', () => {
    const failures = new Failures()
    for (const exchange of chats()) {
      failures.check(exchange, 'answer', () => {
        const response = responseOf(exchange)
        if (response === undefined) return undefined
        const codec = codecOf(exchange.dialect, exchange.kind)
        const law = [
          ...responseLaw(codec, response),
          ...streamLaw(exchange.dialect, codec, response),
        ]
        return response.choices.length === 0 ? 'no choices' : law
      })
    }
    failures.report(900)
  })

  test('streams obey the laws of order, splits, forms and truncation', () => {
    const failures = new Failures()
    const random = seededRandom()
    for (const exchange of chats().filter(streams)) {
      const codec = codecOf(exchange.dialect, exchange.kind)
      const raw = exchange.recording.response.raw ?? ''
      failures.check(exchange, 'splits', () =>
        raw.length <= ALL_SPLITS_BYTES_MAX
          ? splitLaw(exchange.dialect, raw)
          : splitLaw(exchange.dialect, raw, sample(random, Buffer.byteLength(raw), SAMPLED_SPLITS)),
      )
      failures.check(exchange, 'stream', () => {
        const frames = framesOfRecording(exchange)
        const cuts = sample(random, frames.length, SAMPLED_CUTS)
        return [
          ...orderLaw(decodeFrames(codec, frames)),
          ...(raw.length <= TEXT_FORMS_CHARS_MAX ? textFormsLaw(exchange.dialect, codec, raw) : []),
          ...truncationLaw(
            exchange.dialect,
            codec,
            frames,
            [0, 1, ...cuts].filter((count) => count < frames.length),
          ),
        ]
      })
    }
    failures.report(400)
  })

  test('the tap reads the usage and the end that the decoder reads', () => {
    const failures = new Failures()
    for (const exchange of chats().filter((one) => !fails(one) && !tellsError(one))) {
      failures.check(exchange, 'tap', () => {
        const reading = streams(exchange)
          ? exchange.dialect.tap.readFrames(framesOfRecording(exchange))
          : exchange.dialect.tap.readResponse(bodyOf(exchange))
        const usage = responseOf(exchange)?.usage
        if (!reading.complete) return 'not complete'
        if (reading.error !== undefined) return `error ${reading.error.message}`
        const [seen, wanted] = [reading.usage, usage].map((value) =>
          canonicalJson(plain(value ?? null)),
        )
        return seen === wanted ? undefined : `usage ${wanted} became ${seen}`
      })
    }
    failures.report(800)
  })

  test('embeddings decode', () => {
    const failures = new Failures()
    for (const exchange of exchanges('embedding')) {
      const codec = exchange.dialect.embedding
      failures.check(exchange, 'embedding', () => {
        const { body } = exchange.recording.request
        if (isObject(body) && !fails(exchange)) codec?.decodeRequest(body, exchange.hints)
        if (fails(exchange)) return undefined
        const vectors = codec?.decodeResponse(bodyOf(exchange)).vectors ?? []
        const sizes = new Set(vectors.map((vector) => vector.length))
        return sizes.size === 1 && !sizes.has(0)
          ? undefined
          : `vectors of sizes ${[...sizes].join()}`
      })
    }
    failures.report(40)
  })
})

function sample(random: () => number, below: number, count: number): number[] {
  return Array.from({ length: count }, () => seededInteger(random, below))
}

/** Losses of one pair of dialects, by feature. */
class Tally {
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

const report: string[] = []

describe.skipIf(!available)('recordings in each other dialect', () => {
  for (const source of Object.values(dialects)) {
    for (const target of Object.values(dialects)) {
      for (const kind of ['chat', 'completion'] as const) {
        const codec = target[kind]
        const speaks = source.chat !== undefined || source.completion !== undefined
        if (source === target || codec === undefined || !speaks) continue
        // Chats go to chat codecs; completions go to both, since a completion is a chat with one user block.
        const from = kind === 'chat' ? (['chat', 'completion'] as const) : (['completion'] as const)
        const fitting = from.filter((one) => source[one] !== undefined)
        if (fitting.length === 0) continue
        test(`${source.name} to ${target.name} ${kind}`, () => {
          const list = fitting.flatMap((one) => exchanges(one))
          crossAll(
            list.filter((exchange) => exchange.dialect === source),
            target,
            codec,
            `${source.name} to ${target.name} ${kind}`,
          )
        })
      }
    }
  }

  test('every exception is still needed', () => {
    const unused = EXCEPTIONS.filter(({ id, what }) => !usedExceptions.has(`${id} ${what}`))
    expect(unused).toEqual([])
  })

  afterAll(() => {
    process.stdout.write(`\nRecordings across dialects:\n${report.join('\n')}\n`)
  })
})

function crossAll(
  list: readonly Exchange[],
  target: Dialect,
  codec: ChatCodec,
  pair: string,
): void {
  const failures = new Failures()
  const tallies = { requests: new Tally(), answers: new Tally() }
  for (const exchange of list) {
    failures.check(exchange, `request to ${target.name}`, () => {
      const request = requestOf(exchange)
      if (request === undefined) return undefined
      const crossing = crossRequest(codec, request)
      if (crossing === undefined) tallies.requests.refused += 1
      else tallies.requests.add(crossing.losses)
      return requestLaw(codec, request)
    })
    failures.check(exchange, `answer to ${target.name}`, () => {
      const response = responseOf(exchange)
      if (response === undefined) return undefined
      tallies.answers.add(crossResponse(codec, response).losses)
      return [...responseLaw(codec, response), ...streamLaw(target, codec, response)]
    })
  }
  report.push(`  ${pair}, requests: ${tallies.requests.line()}`)
  report.push(`  ${pair}, answers: ${tallies.answers.line()}`)
  failures.report(1)
}
