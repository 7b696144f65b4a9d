// What is reported of other gateways about errors and endings: a status that becomes another, an error in the wrong form or inside
// a stream that never began, finish reasons that leak or hide one another. Every client protocol with every provider protocol.
// Reports are named as `repository#number`.

import { describe, expect, test } from 'bun:test'
import type { DialectName } from '../core/ir/request.ts'
import type { FinishReason } from '../core/ir/response.ts'
import type { JsonObject } from '../core/json.ts'
import { dialects } from '../dialects/registry.ts'
import {
  contentOf,
  FORMS,
  hearSaid,
  isStreamed,
  PAIRS,
  saying,
  stageOf,
  STREAMED,
  translated,
  type Heard,
} from '../testing/ears.ts'
import { checkStream } from '../testing/shapes.ts'
import { stream } from '../testing/upstream-answers.ts'
import { VOICES, type Ending, type Said } from '../testing/voices.ts'

const NO_RETRIES = { retries: { max: 0, baseMs: 1, capMs: 1 } }
const WORDS = 'The provider says no.'

/** Where each protocol has the words of an error, and nothing else beside it that its clients would stumble over. */
const SHAPES: Readonly<Partial<Record<DialectName, (body: JsonObject, status: number) => void>>> = {
  'openai-chat': openaiShape,
  'openai-responses': openaiShape,
  anthropic(body) {
    expect(body['type']).toBe('error')
    expect(Object.keys(body['error'] as JsonObject).toSorted()).toEqual(['message', 'type'])
    expect(String((body['error'] as JsonObject)['type'])).toMatch(/_error$|^request_too_large$/)
  },
  ollama(body) {
    expect(Object.keys(body)).toEqual(['error'])
    expect(body['error']).toBeString()
  },
  gemini(body, status) {
    const error = body['error'] as JsonObject
    expect(error['code']).toBe(status)
    expect(error['status']).toMatch(/^[A-Z_]+$/)
    expect(error['message']).toBeString()
  },
  cohere(body) {
    expect(body['message']).toBeString()
  },
}

function openaiShape(body: JsonObject): void {
  const error = body['error'] as JsonObject
  expect(Object.keys(error).toSorted()).toEqual(['code', 'message', 'param', 'type'])
}

function checkShape(client: DialectName, heard: Heard): void {
  const shape = SHAPES[client]
  if (shape === undefined) throw new Error(`no form of an error is known for ${client}`)
  shape(heard.json, heard.status)
}

/** Status of a provider to status of the client; an Anthropic client has two of its own. */
const STATUSES: readonly (readonly [number, number, anthropic?: number])[] = [
  [400, 400],
  [401, 502],
  [403, 502],
  [404, 404],
  [413, 413],
  [422, 400],
  [429, 429],
  [500, 502],
  [503, 502],
  [529, 503, 529],
]

describe('a provider’s status stays what it means, in the client’s own form', () => {
  const reports = 'litellm#38318 #32537 #17131, tensorzero#5445, envoyproxy/ai-gateway#2546'
  const cases = FORMS.flatMap(([client, dialect, form, voice]) =>
    STATUSES.map((status) => [client, dialect, form, status[0], status, voice] as const),
  )
  test.each(cases)(
    `${reports}: %s <- %s, %s, %d`,
    async (client, _dialect, form, given, [, usual, anthropic], voice) => {
      const refuse = () => Response.json(voice.error(given, WORDS), { status: given })
      await using stage = stageOf(voice, refuse, NO_RETRIES)
      const heard = await stage.ask(client, { stream: form === 'streamed' })
      expect(heard.status).toBe(client === 'anthropic' ? (anthropic ?? usual) : usual)
      expect(heard.headers['content-type']).toStartWith('application/json')
      checkShape(client, heard)
      // A provider's 400 keeps its words; what our credential is refused with is none of the client's affair.
      if ([400, 404, 413, 422].includes(given)) expect(heard.text).toContain(WORDS)
      if ([401, 403].includes(given)) expect(heard.text).not.toContain(WORDS)
    },
  )
})

describe('an error inside a stream', () => {
  const cases = STREAMED.filter(([, , , voice]) => voice.streamError !== undefined)
  test.each(cases)(
    'litellm#35307 tells its own kind, and no success follows: %s <- %s',
    async (client, _dialect, _form, voice) => {
      const frames = voice.stream({ text: 'Hello there.', usage: null })
      const broken = [
        ...frames.slice(0, -voice.tail - 1),
        voice.streamError!('Rate limit reached for now.', 429),
      ]
      await using stage = stageOf(
        voice,
        stream(broken, { headers: { 'content-type': voice.contentType } }),
      )
      const heard = await stage.ask(client, { stream: true })
      expect(heard.status).toBe(200)
      expect(heard.error).toBeDefined()
      expect(heard.text).toContain('Rate limit reached for now.')
      expect(heard.text).not.toContain('[DONE]')
      expect(heard.text).not.toMatch(
        /message_stop|response\.completed|"done":true|"COMPLETE"|"STOP"/,
      )
      expect(contentOf(heard.response).text).toStartWith('Hel')
      const outcome = await stage.outcome()
      expect(outcome.errorKind).toBeDefined()
    },
  )

  const first = cases.filter(translated)
  test.each(first)(
    'litellm#17131 as its first event is a real error, with its status: %s <- %s',
    async (client, dialect, _form, voice) => {
      // Ollama and Cohere tell no status in a stream.
      const status = dialect === 'ollama' || dialect === 'cohere' ? undefined : 429
      const refuse = () =>
        new Response(voice.streamError!('Rate limit reached.', 429), {
          status: 429,
          headers: { 'content-type': voice.contentType },
        })
      await using stage = stageOf(voice, refuse, NO_RETRIES)
      const heard = await stage.ask(client, { stream: true })
      expect(heard.status).toBe(429)
      checkShape(client, heard)
      if (status !== undefined) expect(heard.text).not.toContain('data:')
    },
  )
})

test.each(FORMS)(
  'envoyproxy/ai-gateway#2554 a compressed answer is told as what it is then: %s <- %s, %s',
  async (client, _dialect, form, voice) => {
    await using stage = stageOf(voice, (request) => {
      const streams = isStreamed(voice, request)
      const said: Said = { text: 'Größe' }
      const body = streams ? voice.stream(said).join('') : JSON.stringify(voice.whole(said))
      return new Response(Bun.gzipSync(new TextEncoder().encode(body)), {
        headers: {
          'content-type': streams ? voice.contentType : 'application/json',
          'content-encoding': 'gzip',
        },
      })
    })
    const heard = await stage.ask(client, { stream: form === 'streamed' })
    expect(contentOf(heard.response).text).toBe('Größe')
    expect(Object.keys(heard.headers).map((name) => name.toLowerCase())).not.toContain(
      'content-encoding',
    )
  },
)

/** All the words that a client of the protocol may be told. */
const OWN_WORDS: Readonly<Partial<Record<DialectName, readonly string[]>>> = {
  'openai-chat': ['stop', 'length', 'tool_calls', 'content_filter'],
  'openai-responses': ['completed', 'max_output_tokens', 'content_filter'],
  anthropic: ['end_turn', 'max_tokens', 'stop_sequence', 'tool_use', 'refusal', 'pause_turn'],
  // Its clients print whatever stands there; the last is no word of its server, and says more than `stop`.
  ollama: ['stop', 'length', 'content_filter'],
  gemini: ['STOP', 'MAX_TOKENS', 'SAFETY', 'PROHIBITED_CONTENT', 'OTHER'],
  // The last is a word of its first version.
  cohere: ['COMPLETE', 'MAX_TOKENS', 'TOOL_CALL', 'STOP_SEQUENCE', 'ERROR_TOXIC'],
}

/** What a client must be able to tell the endings apart by; where its protocol cannot, the loss is told. */
const MEANS: Readonly<Record<Ending, readonly FinishReason[]>> = {
  stop: ['stop'],
  length: ['length'],
  calls: ['tool-use'],
  filter: ['content-filter', 'refusal'],
  refusal: ['content-filter', 'refusal'],
}
const CANNOT: Readonly<Partial<Record<DialectName, readonly Ending[]>>> = {
  cohere: ['refusal'],
}

const SAYS: Readonly<Record<Ending, Said>> = {
  stop: { text: 'Hello.' },
  length: { text: 'Hello and' },
  calls: { calls: [{ id: 'call_1', name: 'now', input: '{}' }] },
  filter: { text: 'Hel' },
  refusal: { text: 'I cannot help with that.' },
}

describe('how an answer ended is said in the client’s own words, and means the same', () => {
  const reports = 'litellm#12481, bifrost#1489'
  const cases = FORMS.flatMap(([client, dialect, form, voice]) =>
    voice.endings.map((ending) => [client, dialect, form, ending, voice] as const),
  )
  test.each(cases)(`${reports}: %s <- %s, %s, %s`, async (client, dialect, form, ending, voice) => {
    const said = { ...SAYS[ending], ending }
    const heard = await hearSaid(client, voice, form === 'streamed', said)
    const [choice] = heard.response.choices
    const { finish } = choice!
    expect(OWN_WORDS[client]).toContain(finish!.raw!)
    const { text } = contentOf(heard.response)
    expect(text).toBe(said.text ?? '')
    if (form === 'streamed' && client !== dialect) checkStream(client, heard)
    if (CANNOT[client]?.includes(ending) === true) {
      const { losses } = (await lossesOf(client, voice, form, said)) ?? { losses: [] }
      expect(losses.some((feature) => feature.startsWith('finish'))).toBe(true)
      return
    }
    const refused = choice!.blocks.some((block) => block.type === 'refusal')
    const means = refused ? [...MEANS[ending], 'stop'] : MEANS[ending]
    expect(means).toContain(finish!.unified)
  })

  async function lossesOf(
    client: DialectName,
    voice: (typeof FORMS)[number][3],
    form: string,
    said: Said,
  ) {
    await using stage = stageOf(voice, saying(voice, said))
    await stage.ask(client, { stream: form === 'streamed' })
    const { losses } = await stage.outcome()
    return { losses: losses.map(({ feature }) => feature) }
  }

  test.each(FORMS.filter(([, dialect]) => dialect !== 'gemini'))(
    'vllm#58228 a call that was cut is not told as a whole one: %s <- %s, %s',
    async (client, dialect, form, voice) => {
      const said: Said = { calls: [{ id: 'call_1', name: 'now', input: '{}' }], ending: 'length' }
      const heard = await hearSaid(client, voice, form === 'streamed', said)
      expect(heard.response.choices[0]!.finish!.unified).toBe('length')
      if (form === 'streamed' && client !== dialect) checkStream(client, heard)
    },
  )
})

test('every protocol of clients and of providers is known here', () => {
  for (const [client] of PAIRS) {
    expect([client, typeof SHAPES[client]]).toEqual([client, 'function'])
    expect(OWN_WORDS[client]).toBeDefined()
  }
  const spoken = (Object.keys(dialects) as DialectName[]).filter(
    // What is no text needs a voice in bytes; its own folder holds it to the laws.
    (name) => dialects[name].chat !== undefined && dialects[name].framing !== 'aws-event-stream',
  )
  expect(VOICES.map(({ dialect }) => dialect).toSorted()).toEqual(spoken.toSorted())
})
