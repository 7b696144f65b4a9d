// Runs the laws for every dialect over generated values. A law that fails prints its seed, the smallest case and the path.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { GatewayError } from '../core/error.ts'
import { collect } from '../core/ir/collect.ts'
import type { IrEvent } from '../core/ir/event.ts'
import { replay } from '../core/ir/replay.ts'
import type { ChatRequest } from '../core/ir/request.ts'
import type { ChatResponse } from '../core/ir/response.ts'
import type { JsonObject } from '../core/json.ts'
import { embeddingRequest, embeddingResponse } from '../testing/arbitraries-embedding.ts'
import {
  chatResponse,
  completionResponse,
  hostileObject,
  mutated,
} from '../testing/arbitraries-response.ts'
import { untidyRequest, untidyResponse } from '../testing/arbitraries-untidy.ts'
import { chatRequest, completionRequest } from '../testing/arbitraries.ts'
import { cpuMsOf } from '../testing/cpu-time.ts'
import { checkParameters } from '../testing/seed.ts'
import { embeddingRequestLaw, embeddingResponseLaw } from './conformance-embeddings.ts'
import {
  errorLaw,
  keepaliveLaw,
  ownTruncationLaw,
  splitLaw,
  tapLaw,
  textFormsLaw,
} from './conformance-streams.ts'
import {
  crossRequest,
  decodeFrames,
  describeViolations,
  encodeStream,
  framesOfText,
  LAW_REPLY,
  LAW_TARGET,
  orderLaw,
  requestLaw,
  responseLaw,
  streamLaw,
  type Violation,
} from './conformance.ts'
import type { ChatCodec, Dialect, EmbeddingCodec, Frame } from './dialect.ts'
import { dialects } from './registry.ts'

const RUNS = 150

/** Asserts a law over generated values. */
function holds<T>(values: fc.Arbitrary<T>, law: (value: T) => Violation[], runs = RUNS): void {
  fc.assert(
    fc.property(values, (value) => {
      const found = describeViolations(law(value))
      if (found !== undefined) throw new Error(found)
    }),
    checkParameters(runs),
  )
}

/** Fails when `act` throws anything but a GatewayError. */
function onlyGatewayErrors(act: () => unknown): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    // A message goes to the client: it must not be empty, nor a dump.
    if (error.message === '' || error.message.length > 2_000) throw error
  }
}

/** Member names and short words of some documents, for hostile ones made of the same. */
function vocabulary(documents: readonly JsonObject[]): string[] {
  const words = new Set<string>(['__proto__', 'constructor', 'toString', 'error', 'length'])
  const visit = (value: unknown): void => {
    if (typeof value === 'string' && /^[a-z_]{2,24}$/.test(value)) words.add(value)
    if (typeof value !== 'object' || value === null) return
    for (const [key, member] of Object.entries(value)) {
      if (!/^\d+$/.test(key) && key.length < 30) words.add(key)
      visit(member)
    }
  }
  visit(documents)
  return [...words]
}

interface Case {
  readonly name: string
  readonly dialect: Dialect
  readonly codec: ChatCodec
  readonly requests: fc.Arbitrary<ChatRequest>
  readonly responses: fc.Arbitrary<ChatResponse>
  readonly manyChoices: fc.Arbitrary<ChatResponse>
  /** A legacy completion has one text and no media. */
  readonly media: fc.Arbitrary<ChatRequest> | undefined
}

const cases: Case[] = Object.values(dialects).flatMap((dialect) => {
  const found: Case[] = []
  if (dialect.chat !== undefined) {
    found.push({
      name: `${dialect.name} chat`,
      dialect,
      codec: dialect.chat,
      requests: chatRequest(),
      responses: chatResponse(),
      manyChoices: chatResponse(3),
      media: chatRequest(true),
    })
  }
  if (dialect.completion !== undefined) {
    found.push({
      name: `${dialect.name} completion`,
      dialect,
      codec: dialect.completion,
      requests: completionRequest(),
      responses: completionResponse(),
      manyChoices: completionResponse(3),
      media: undefined,
    })
  }
  return found
})

const streamText = (codec: ChatCodec, response: ChatResponse): string =>
  encodeStream(codec, replay(response)).pieces.join('')

test('the registry names each dialect as it names itself', () => {
  expect(cases.length).toBeGreaterThan(3)
  for (const [name, dialect] of Object.entries(dialects)) expect(dialect.name).toBe(name as never)
})

for (const { name, dialect, codec, requests, responses, manyChoices, media } of cases) {
  describe(name, () => {
    test('a stream cut before its finish is an error', () => {
      holds(manyChoices, (response) => ownTruncationLaw(dialect, codec, response), 60)
    })

    test('after an error an encoder is silent and the stream reads as failed', () => {
      holds(responses, (response) => errorLaw(dialect, codec, response), 60)
    })

    test('requests survive but for declared losses', () => {
      holds(requests, (request) => requestLaw(codec, request))
    })

    if (media !== undefined) {
      test('requests with media survive, or are refused as unsupported', () => {
        holds(media, (request) => requestLaw(codec, request))
      })
    }

    if (media !== undefined) {
      test('what is untidy is lost aloud or not at all', () => {
        holds(untidyRequest(), (request) => requestLaw(codec, request))
        holds(untidyResponse(), (response) => [
          ...responseLaw(codec, response),
          ...(response.choices.every((choice) => choice.finish !== undefined)
            ? streamLaw(dialect, codec, response)
            : []),
        ])
      })
    }

    test('a chat of text alone is never refused', () => {
      holds(
        requests.map((request) => ({ ...request, sampling: {} })),
        (request) =>
          request.n !== undefined || request.logprobs !== undefined || crossRequest(codec, request)
            ? []
            : [{ law: 'refusal', path: '', detail: 'a request without media is unsupported' }],
        60,
      )
    })

    test('responses survive but for declared losses', () => {
      holds(responses, (response) => responseLaw(codec, response))
      holds(manyChoices, (response) => responseLaw(codec, response), 60)
    })

    test('a stream collects to the whole answer', () => {
      holds(responses, (response) => streamLaw(dialect, codec, response))
      holds(manyChoices, (response) => streamLaw(dialect, codec, response), 60)
    })

    test('every split and every form of the text is the same stream', () => {
      holds(responses, (response) => splitLaw(dialect, streamText(codec, response)), 8)
      holds(
        manyChoices,
        (response) => textFormsLaw(dialect, codec, streamText(codec, response)),
        60,
      )
    })

    test('a keepalive between two pieces means nothing', () => {
      holds(responses, (response) => keepaliveLaw(dialect, codec, response), 60)
    })

    test('the tap reads what the decoder reads', () => {
      holds(responses, (response) => tapLaw(dialect, codec, response), 60)
    })

    test('nothing but a GatewayError is thrown for any JSON', () => {
      hostileBodies(dialect, codec, requests, responses)
    })

    test('stream decoders never throw', () => {
      hostileFrames(dialect, codec, responses)
    })

    test('work grows with the length of a stream, not with its square', () => {
      expect(growth(dialect, codec)).toBeLessThan(2.5)
    })
  })
}

function hostileBodies(
  dialect: Dialect,
  codec: ChatCodec,
  requests: fc.Arbitrary<ChatRequest>,
  responses: fc.Arbitrary<ChatResponse>,
): void {
  const asked = fc.sample(requests, checkParameters(12)).flatMap((request) => {
    const crossing = crossRequest(codec, request)
    return crossing === undefined ? [] : [crossing.wire]
  })
  const answered = fc
    .sample(responses, checkParameters(12))
    .map((response) => codec.encodeResponse(response, LAW_REPLY).value)
  const failed = dialect.errors.encode(new GatewayError('rate_limit'), 'request-1')
  const names = vocabulary([...asked, ...answered, failed])
  const documents = [...asked, ...answered, failed]
  const bodies = fc.oneof(
    hostileObject(names),
    fc.constantFrom(...documents).chain((document) => mutated(document)),
  )
  fc.assert(
    fc.property(bodies, (body) => {
      onlyGatewayErrors(() => codec.encodeRequest(codec.decodeRequest(body, {}), LAW_TARGET))
      onlyGatewayErrors(() => codec.encodeResponse(codec.decodeResponse(body), LAW_REPLY))
      dialect.tap.readResponse(body)
      dialect.errors.decode(JSON.stringify(body))
    }),
    checkParameters(400),
  )
  fc.assert(
    fc.property(fc.string(), (text) => {
      dialect.errors.decode(text)
    }),
    checkParameters(100),
  )
}

function hostileFrames(
  dialect: Dialect,
  codec: ChatCodec,
  responses: fc.Arbitrary<ChatResponse>,
): void {
  const good = fc
    .sample(responses, checkParameters(12))
    .map((response) => framesOfText(dialect, streamText(codec, response)))
  const known = good.flat()
  const bodies = known.flatMap((frame) => {
    const value: unknown = frame.data.startsWith('{') ? JSON.parse(frame.data) : undefined
    return value === undefined ? [] : [value as JsonObject]
  })
  const names = vocabulary(bodies)
  const events = [...new Set(known.map((frame) => frame.event))]
  const hostile: fc.Arbitrary<Frame> = fc
    .tuple(
      fc.constantFrom(...events),
      fc.oneof(
        fc.constantFrom(...known).map((frame) => frame.data),
        fc
          .constantFrom(...bodies)
          .chain((body) => mutated(body).map((value) => JSON.stringify(value))),
        hostileObject(names).map((value) => JSON.stringify(value)),
        fc.constantFrom('', '[DONE]', 'null', '[]', '0', '"x"', '{', '{"error":null}'),
        fc.string(),
      ),
    )
    .map(([event, data]) => (event === undefined ? { data } : { event, data }))
  // A good beginning first, so that the odd frames meet a decoder in the middle of its work.
  const streams = fc
    .tuple(fc.constantFrom(...good), fc.nat({ max: 12 }), fc.array(hostile, { maxLength: 8 }))
    .map(([frames, count, odd]) => [...frames.slice(0, count), ...odd, ...frames.slice(count)])
  fc.assert(
    fc.property(streams, (frames) => {
      const decoded = decodeFrames(codec, frames)
      const disorder = describeViolations(orderLaw(decoded))
      if (disorder !== undefined) throw new Error(disorder)
      collect(decoded)
      dialect.tap.readFrames(frames)
      for (const other of cases) encodeStream(other.codec, decoded)
    }),
    checkParameters(300),
  )
}

/** How much more work one stream is than ten of a tenth of its length, at best of a few tries: noise only ever adds to it. */
function growth(dialect: Dialect, codec: ChatCodec): number {
  const run = (deltas: number): void => {
    const events: IrEvent[] = [
      { type: 'response-start', id: 'a', model: 'm' },
      { type: 'block-start', choice: 0, index: 0, block: { type: 'text', text: '' } },
    ]
    for (let count = 0; count < deltas; count += 1) {
      events.push({ type: 'text-delta', choice: 0, index: 0, text: `word ${count} ` })
    }
    events.push({ type: 'block-end', choice: 0, index: 0 })
    events.push({ type: 'finish', choice: 0, finish: { unified: 'stop' } })
    const text = encodeStream(codec, events).pieces.join('')
    const { response, error } = collect(decodeFrames(codec, framesOfText(dialect, text)))
    expect(error).toBeUndefined()
    expect(JSON.stringify(response.choices[0]?.blocks)).toContain(`word ${deltas - 1} `)
  }
  // One short stream is less than what the time of a processor is counted in.
  const tenShort = () => {
    for (let count = 0; count < 10; count += 1) run(2_000)
  }
  run(2_000)
  let least = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 5 && least >= 1.5; attempt += 1) {
    least = Math.min(least, cpuMsOf(() => run(20_000)) / cpuMsOf(tenShort))
  }
  return least
}

for (const dialect of Object.values(dialects)) {
  const codec = dialect.embedding
  if (codec === undefined) continue
  describe(`${dialect.name} embeddings`, () => {
    embeddingLaws(codec)
  })
}

function embeddingLaws(codec: EmbeddingCodec): void {
  test('requests survive but for declared losses, or are refused as unsupported', () => {
    holds(embeddingRequest(), (request) => embeddingRequestLaw(codec, request))
  })

  test('responses survive in each encoding the client may ask for', () => {
    const encodings = fc.constantFrom('float' as const, 'base64' as const)
    holds(fc.tuple(embeddingResponse(), encodings), ([response, encoding]) =>
      embeddingResponseLaw(codec, response, encoding),
    )
  })

  test('nothing but a GatewayError is thrown for any JSON', () => {
    const [request] = fc.sample(embeddingRequest(), checkParameters(1))
    const [response] = fc.sample(embeddingResponse(), checkParameters(1))
    const asked = codec.encodeRequest({ ...request!, input: ['x'] }, LAW_TARGET).value
    const answered = codec.encodeResponse(response!, LAW_REPLY).value
    const names = vocabulary([asked, answered])
    const bodies = fc.oneof(hostileObject(names), mutated(asked), mutated(answered))
    fc.assert(
      fc.property(bodies, (body) => {
        onlyGatewayErrors(() => codec.encodeRequest(codec.decodeRequest(body, {}), LAW_TARGET))
        onlyGatewayErrors(() => codec.encodeResponse(codec.decodeResponse(body), LAW_REPLY))
      }),
      checkParameters(300),
    )
  })
}
