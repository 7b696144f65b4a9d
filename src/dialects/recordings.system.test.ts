// What real providers sent, through every dialect: each recording decodes, obeys the laws, and crosses to each other dialect
// with no undeclared loss. Failures name the recording and the first place; the recordings themselves stay outside.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fc from 'fast-check'
import { GatewayError } from '../core/error.ts'
import { collect } from '../core/ir/collect.ts'
import type { Loss } from '../core/ir/loss.ts'
import { asObject, canonicalJson, isObject, parseJson } from '../core/json.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'
import { mutated } from '../testing/arbitraries-response.ts'
import { haveRecordings } from '../testing/recordings.ts'
import { checkParameters, seededInteger, seededRandom } from '../testing/seed.ts'
import { plain } from './conformance-compare.ts'
import { embeddingRequestLaw, embeddingResponseLaw } from './conformance-embeddings.ts'
import {
  bodyOf,
  codecOf,
  type Exchange,
  exchanges,
  Failures,
  fails,
  framesOfRecording,
  requestOf,
  responseOf,
  streams,
  Tally,
  tellsError,
  unusedExceptions,
} from './conformance-recordings.ts'
import { retoldLaw, splitLaw, textFormsLaw, truncationLaw } from './conformance-streams.ts'
import {
  crossRequest,
  crossResponse,
  decodeFrames,
  encodeStream,
  LAW_REPLY,
  LAW_TARGET,
  orderLaw,
  requestLaw,
  responseLaw,
  streamLaw,
  type Violation,
} from './conformance.ts'
import type { ChatCodec, Dialect, EncodeTarget } from './dialect.ts'
import { dialects } from './registry.ts'

setDefaultTimeout(180_000)

/** Up to this many bytes a stream is cut at every byte; beyond, at a seeded sample. */
const ALL_SPLITS_BYTES_MAX = 1_500
const SAMPLED_SPLITS = 8
const SAMPLED_CUTS = 8
const MUTATED_EXCHANGES = 150
const MUTANTS = 25
/** Beyond this, a stream is not decoded again for every form of its text. */
const TEXT_FORMS_CHARS_MAX = 40_000

const available = haveRecordings('recordings through every dialect')

/** The providers of these recordings take their own thinking back. */
const AT_HOME: EncodeTarget = {
  ...LAW_TARGET,
  quirks: {
    reasoningField: 'reasoning_content',
    reasoningDetails: true,
    thinkingParts: true,
    cacheControl: true,
    samplingFields: { topK: 'top_k', minP: 'min_p', repeatPenalty: 'repetition_penalty' },
  },
}

const REFUSED: Loss = { feature: 'refused', path: '', action: 'dropped' }

/** What a dialect may drop of its own words when it writes them anew; a relay drops nothing. */
const DROPPED_AT_HOME: ReadonlySet<string> = new Set([
  // OpenRouter takes cache hints in OpenAI's dialect; OpenAI itself does not know them.
  'cache-hint',
  // A choice of tools where there are none, which Mistral accepts and OpenAI refuses.
  'tool-choice',
  // Reasoning models refuse a temperature; the recording is that refusal.
  'temperature',
])

/** A dialect can say what it said itself; where it says it may depend on the model, so `adapted` is fine. */
function lostAtHome(losses: readonly Loss[]): Violation[] {
  return losses
    .filter(({ action, feature }) => action === 'dropped' && !DROPPED_AT_HOME.has(feature))
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
          ...retoldLaw(exchange.dialect, codec, decodeFrames(codec, frames)),
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

describe.skipIf(!available)('recordings with one thing wrong', () => {
  test('requests and answers throw nothing but a GatewayError', () => {
    const failures = new Failures()
    for (const exchange of mutationSample()) {
      const { request, response } = exchange.recording
      const codec = codecOf(exchange.dialect, exchange.kind)
      failures.check(exchange, 'mutated request', () =>
        eachMutant(request.body, (body) => {
          const decoded = codec.decodeRequest(body, exchange.hints)
          for (const { chat } of Object.values(dialects)) chat?.encodeRequest(decoded, LAW_TARGET)
        }),
      )
      failures.check(exchange, 'mutated answer', () =>
        eachMutant(response.body, (body) => {
          exchange.dialect.tap.readResponse(body)
          exchange.dialect.errors.decode(JSON.stringify(body))
          const decoded = codec.decodeResponse(body)
          for (const { chat } of Object.values(dialects)) chat?.encodeResponse(decoded, LAW_REPLY)
        }),
      )
    }
    failures.report(2 * MUTATED_EXCHANGES)
  })

  test('stream decoders never throw, and keep their events in order', () => {
    const failures = new Failures()
    for (const exchange of mutationSample(streams)) {
      const codec = codecOf(exchange.dialect, exchange.kind)
      const frames = framesOfRecording(exchange)
      failures.check(exchange, 'mutated stream', () => {
        const parameters = checkParameters(MUTANTS)
        for (const place of fc.sample(fc.nat({ max: frames.length - 1 }), parameters)) {
          const frame = frames[place]
          const value = frame === undefined ? undefined : asObject(parseJson(frame.data))
          if (frame === undefined || value === undefined) continue
          const [mutant] = fc.sample(mutated(value), { ...parameters, numRuns: 1 })
          const changed = frames.with(place, { ...frame, data: JSON.stringify(mutant) })
          exchange.dialect.tap.readFrames(changed)
          const events = decodeFrames(codec, changed)
          const disorder = orderLaw(events)[0]
          if (disorder !== undefined) {
            return `frame ${place} as ${JSON.stringify(mutant)}: ${disorder.detail}`
          }
          for (const { chat } of Object.values(dialects)) if (chat) encodeStream(chat, events)
        }
        return undefined
      })
    }
    failures.report(100)
  })
})

/** Some recordings, another choice for each seed. */
function mutationSample(wanted: (exchange: Exchange) => boolean = () => true): Exchange[] {
  const random = seededRandom()
  const all = exchanges().filter((exchange) => exchange.kind !== 'embedding' && wanted(exchange))
  return Array.from({ length: MUTATED_EXCHANGES }, () => all[seededInteger(random, all.length)]!)
}

/** Runs `act` on mutants of a document; what it throws is a failure unless it is a GatewayError. */
function eachMutant(
  document: JsonValue | undefined,
  act: (body: JsonObject) => void,
): string | undefined {
  if (!isObject(document)) return undefined
  for (const mutant of fc.sample(mutated(document), checkParameters(MUTANTS))) {
    try {
      act(mutant)
    } catch (error) {
      if (error instanceof GatewayError) continue
      const shown = error instanceof Error ? (error.stack ?? error.message) : String(error)
      return `${shown.slice(0, 400)} for ${JSON.stringify(mutant).slice(0, 1_500)}`
    }
  }
  return undefined
}

describe.skipIf(!available)('recorded embeddings', () => {
  for (const target of Object.values(dialects)) {
    const codec = target.embedding
    if (codec === undefined) continue
    test(`survive ${target.name} but for declared losses`, () => {
      const failures = new Failures()
      for (const exchange of exchanges('embedding').filter((one) => !fails(one))) {
        const source = exchange.dialect.embedding
        if (source === undefined) continue
        const { body } = exchange.recording.request
        failures.check(exchange, 'embedding request', () =>
          isObject(body)
            ? embeddingRequestLaw(codec, source.decodeRequest(body, exchange.hints))
            : undefined,
        )
        failures.check(exchange, 'embedding answer', () => {
          const response = source.decodeResponse(bodyOf(exchange))
          return [
            ...embeddingResponseLaw(codec, response, 'float'),
            ...embeddingResponseLaw(codec, response, 'base64'),
          ]
        })
      }
      failures.report(80)
    })
  }
})

function sample(random: () => number, below: number, count: number): number[] {
  return Array.from({ length: count }, () => seededInteger(random, below))
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
    expect(unusedExceptions()).toEqual([])
  })
})

if (available) {
  afterAll(() => {
    process.stdout.write(`\nRecordings across dialects:\n${report.join('\n')}\n`)
  })
}

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
    if (!streams(exchange) || fails(exchange) || tellsError(exchange)) continue
    failures.check(exchange, `stream to ${target.name}`, () => {
      const source = codecOf(exchange.dialect, exchange.kind)
      return retoldLaw(target, codec, decodeFrames(source, framesOfRecording(exchange)))
    })
  }
  report.push(`  ${pair}, requests: ${tallies.requests.line()}`)
  report.push(`  ${pair}, answers: ${tallies.answers.line()}`)
  failures.report(1)
}
