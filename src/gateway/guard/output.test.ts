// What a model says under rules: blocked text is never sent, whole or streamed, from any provider to any client; what passes is what it was;
// what was bought is billed. S64.

import { afterEach, describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { DialectName } from '../../core/ir/request.ts'
import type { JsonObject } from '../../core/json.ts'
import { collect } from '../../core/ir/collect.ts'
import type { IrEvent } from '../../core/ir/event.ts'
import type { ChatResponse } from '../../core/ir/response.ts'
import { dialects } from '../../dialects/registry.ts'
import { createFramer } from '../../dialects/sse.ts'
import { createTestGateway, textOf } from '../../testing/gateway.ts'
import { testGuard, withGuards } from '../../testing/guards.ts'
import { checkParameters } from '../../testing/seed.ts'
import { json, stream } from '../../testing/upstream-answers.ts'
import { startUpstream, type Answer } from '../../testing/upstream.ts'
import { VOICES, voiceProvider, type Said, type Voice } from '../../testing/voices.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

type Guards = Parameters<typeof withGuards>[1][]

function gatewayOf(voice: Voice, answer: Answer, ...guards: Guards) {
  const upstream = startUpstream(answer)
  closing.push(upstream)
  const gateway = createTestGateway({ providers: [voiceProvider(voice, upstream.url)] })
  const events = withGuards(gateway.deps, ...guards)
  return { ...gateway, upstream, events }
}

const CLIENTS: readonly DialectName[] = [
  'openai-chat',
  'openai-responses',
  'anthropic',
  'ollama',
  'gemini',
  'cohere',
]

function requestOf(client: DialectName, model: string, isStream: boolean, text = 'hi') {
  const messages = [{ role: 'user', content: text }]
  const bodies: Partial<Record<DialectName, JsonObject>> = {
    'openai-chat': { messages },
    'openai-responses': { input: text },
    anthropic: { messages, max_tokens: 100 },
    ollama: { messages },
    gemini: { contents: [{ role: 'user', parts: [{ text }] }] },
    cohere: { messages },
  }
  const hints = client === 'gemini' ? { model, stream: isStream } : {}
  const named = client === 'gemini' ? {} : { model, stream: isStream }
  return { dialect: client, body: { ...bodies[client], ...named }, hints }
}

/** An answer as the client understands it. */
function understood(client: DialectName, text: string, isStream: boolean): ChatResponse {
  const codec = dialects[client].chat!
  if (!isStream) return codec.decodeResponse(JSON.parse(text) as JsonObject)
  const framer = createFramer(dialects[client].framing)
  const decoder = codec.createStreamDecoder()
  const bytes = new TextEncoder().encode(text)
  const events: IrEvent[] = [...framer.push(bytes), ...framer.end()].flatMap((frame) =>
    decoder.push(frame),
  )
  const { error, response } = collect([...events, ...decoder.end()])
  expect(error).toBeUndefined()
  return response
}

function saidIn({ choices }: ChatResponse): string {
  return choices
    .flatMap(({ blocks }) => blocks)
    .map((block) =>
      block.type === 'text' ? block.text : block.type === 'tool-use' ? block.input : '',
    )
    .join('')
}

const LONG = 'word after word after word, and so on and on, until there is enough of it. '
const BAD = `${LONG.repeat(3)}here it is: secret-word. ${LONG}`

const isStreamed = [false, true]

describe('a blocked answer', () => {
  for (const voice of VOICES) {
    for (const client of CLIENTS) {
      for (const isStream of isStreamed) {
        const name = `${voice.dialect} to ${client}${isStream ? ', streamed' : ''}`
        test(name, async () => {
          const said: Said = { text: BAD }
          const events = [...voice.stream(said)]
          const answer = isStream
            ? stream(events, { headers: { 'content-type': voice.contentType } })
            : json(voice.whole(said))
          const gateway = gatewayOf(voice, answer, testGuard({ stages: ['output'] }))
          const reply = await gateway.ask(requestOf(client, `p/${voice.model}`, isStream))
          const text = await textOf(reply)
          expect(reply.status).toBe(200)
          expect(text).not.toContain('secret')
          expect(text).not.toContain('-word')
          const got = understood(client, text, isStream)
          expect(BAD).toContain(saidIn(got))
          if (client !== 'cohere') {
            expect(['content-filter', 'refusal']).toContain(
              got.choices[0]?.finish?.unified as string,
            )
          }
          const outcome = await gateway.outcome()
          expect([outcome.status, outcome.finish, outcome.errorKind]).toEqual([
            200,
            'content_filter',
            undefined,
          ])
          expect(outcome.usage?.outputTokens).toBeGreaterThan(0)
          expect(outcome.guardrails).toMatchObject([
            { ruleId: 'words', stage: 'output', verdict: 'blocked' },
          ])
          expect(gateway.events.map(({ action }) => action)).toEqual(['guardrail.blocked'])
          expect(gateway.outcomes).toHaveLength(1)
        })
      }
    }
  }
})

describe('an answer that passes', () => {
  for (const voice of VOICES) {
    for (const client of CLIENTS) {
      for (const isStream of isStreamed) {
        test(`${voice.dialect} to ${client}${isStream ? ', streamed' : ''}`, async () => {
          const said: Said = {
            thinking: 'let me think',
            text: LONG.repeat(4),
            calls: [{ id: 'call_1', name: 'f', input: '{"a":"b","n":1}' }],
          }
          const answer = () =>
            isStream
              ? stream(voice.stream(said), { headers: { 'content-type': voice.contentType } })
              : json(voice.whole(said))
          const request = requestOf(client, `p/${voice.model}`, isStream)
          const plain = await textOf(await gatewayOf(voice, answer()).ask(request))
          const gateway = gatewayOf(voice, answer(), testGuard({ stages: ['output'] }))
          const judged = await textOf(await gateway.ask(request))
          if (!isStream && voice.dialect === client) expect(judged).toBe(plain)
          const strip = ({ choices, usage }: ChatResponse) => ({
            tokens: [usage?.inputTokens, usage?.cacheReadTokens, usage?.outputTokens],
            // Ids of calls are made anew for protocols that have none.
            choices: JSON.parse(
              JSON.stringify(choices, (key, value: unknown) => (key === 'id' ? 'id' : value)),
            ) as unknown,
          })
          expect(strip(understood(client, judged, isStream))).toEqual(
            strip(understood(client, plain, isStream)),
          )
          expect((await gateway.outcome()).guardrails).toMatchObject([{ verdict: 'pass' }])
        })
      }
    }
  }
})

describe('a stream', () => {
  const openai = VOICES.find(({ dialect }) => dialect === 'openai-chat')!
  const chunk = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`

  test('S64: split anywhere, no byte of what is blocked is sent, and all before it may be', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('a', 'b ', '.', '\u{1f600}'), maxLength: 120 }),
        fc.string({ unit: fc.constantFrom('x', ' y'), maxLength: 120 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        fc.integer({ min: 11, max: 60 }),
        async (before, after, sizes, windowChars) => {
          const text = `${before}secret-word${after}`
          const pieces: string[] = []
          const characters = [...text]
          while (characters.length > 0)
            pieces.push(characters.splice(0, sizes.next().value).join(''))
          const answer = stream([
            chunk({ role: 'assistant', content: '' }),
            ...pieces.map((content) => chunk({ content })),
            chunk({}, 'stop'),
            'data: [DONE]\n\n',
          ])
          const gateway = gatewayOf(openai, answer, testGuard({ stages: ['output'], windowChars }))
          const reply = await gateway.ask(requestOf('openai-chat', 'p/m', true))
          const got = understood('openai-chat', await textOf(reply), true)
          expect(before.startsWith(saidIn(got))).toBe(true)
          expect(got.choices[0]?.finish?.unified).toBe('content-filter')
        },
      ),
      checkParameters(60),
    )
  }, 60_000)

  test('masked, split anywhere, is what the whole masked is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('secret-word', 'a', ' ', 'secret', '-word', 'bcd'), {
          maxLength: 40,
        }),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        fc.integer({ min: 11, max: 40 }),
        async (words, sizes, windowChars) => {
          const text = words.join('')
          const pieces: string[] = []
          for (let at = 0; at < text.length;) {
            const size = sizes.next().value
            pieces.push(text.slice(at, at + size))
            at += size
          }
          const answer = stream([
            chunk({ role: 'assistant', content: '' }),
            ...pieces.map((content) => chunk({ content })),
            chunk({}, 'stop'),
            'data: [DONE]\n\n',
          ])
          const rule = { stages: ['output'], mode: 'mask', check: 'pii', windowChars } as const
          const gateway = gatewayOf(openai, answer, testGuard(rule))
          const reply = await gateway.ask(requestOf('openai-chat', 'p/m', true))
          const got = understood('openai-chat', await textOf(reply), true)
          expect(saidIn(got)).toBe(text.replaceAll('secret-word', '[SECRET]'))
        },
      ),
      checkParameters(60),
    )
  }, 60_000)

  test('several rules, however it is split: the same verdict and the same text as of the whole', async () => {
    const words = fc.constantFrom(
      'secret-word',
      'forbidden',
      'odd',
      'a',
      ' ',
      '. ',
      'secret',
      '-word',
      'forb',
      'idden',
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(words, { maxLength: 50 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 12 })),
        fc.shuffledSubarray(['mask', 'block', 'flag'], { minLength: 1 }),
        fc.integer({ min: 11, max: 50 }),
        async (said, sizes, modes, windowChars) => {
          const text = said.join('')
          const patterns = { mask: /secret-word/g, block: /forbidden/g, flag: /odd/g } as const
          const guards = () =>
            modes.map((mode) =>
              testGuard(
                { id: mode, stages: ['output'], mode: mode as 'mask', check: 'pii', windowChars },
                { pattern: patterns[mode as 'mask'] },
              ),
            )
          const pieces: string[] = []
          for (let at = 0; at < text.length;) {
            const size = sizes.next().value
            pieces.push(text.slice(at, at + size))
            at += size
          }
          const whole = gatewayOf(openai, json(openai.whole({ text })), ...guards())
          const streamed = gatewayOf(
            openai,
            stream([
              chunk({ role: 'assistant', content: '' }),
              ...pieces.map((content) => chunk({ content })),
              chunk({}, 'stop'),
              'data: [DONE]\n\n',
            ]),
            ...guards(),
          )
          const answers = [whole, streamed].map(async (gateway, at) => {
            const reply = await gateway.ask(requestOf('openai-chat', 'p/m', at === 1))
            const got = understood('openai-chat', await textOf(reply), at === 1)
            const { guardrails } = await gateway.outcome()
            const blocked = guardrails?.some(({ verdict }) => verdict === 'blocked') === true
            return {
              text: saidIn(got),
              finish: got.choices[0]?.finish?.unified,
              blocked,
              guardrails,
            }
          })
          const [first, second] = await Promise.all(answers)
          expect([second!.blocked, second!.finish]).toEqual([first!.blocked, first!.finish])
          if (modes.includes('block')) expect(second!.text).not.toContain('forbidden')
          if (modes.includes('mask')) expect(second!.text).not.toContain('secret-word')
          if (!first!.blocked) {
            expect(second!.text).toBe(first!.text)
            expect(second!.guardrails?.map(({ verdict }) => verdict)).toEqual(
              first!.guardrails?.map(({ verdict }) => verdict),
            )
          }
          for (const one of closing.splice(0)) await one.close()
        },
      ),
      checkParameters(80),
    )
  }, 60_000)

  test('of the older protocols of completions is judged as well', async () => {
    const completion = (text: string, finish: string | null = null) =>
      `data: ${JSON.stringify({ id: 'c', object: 'text_completion', created: 1, model: 'm', choices: [{ index: 0, text, finish_reason: finish }] })}\n\n`
    for (const client of ['openai-completions', 'ollama'] as const) {
      const answer = stream(
        [...BAD].map((sign) => completion(sign)).concat(completion('', 'stop'), 'data: [DONE]\n\n'),
      )
      const gateway = gatewayOf(openai, answer, testGuard({ stages: ['output'] }))
      const reply = await gateway.ask({
        dialect: client,
        operation: 'completion',
        body: { model: 'p/gpt-4o-mini', prompt: 'hi', stream: true, raw: true },
      })
      const text = await textOf(reply)
      expect([reply.status, text.includes('secret')]).toEqual([200, false])
      expect((await gateway.outcome()).finish).toBe('content_filter')
    }
  })

  test('arguments of a call are judged as they are read, however they are escaped', async () => {
    const input = '{"q":"\\u0073ecret-\\u0077ord"}'
    for (const client of CLIENTS) {
      const said: Said = { calls: [{ id: 'c', name: 'f', input }] }
      const gateway = gatewayOf(
        openai,
        stream(openai.stream(said)),
        testGuard({ stages: ['output'] }),
      )
      const reply = await gateway.ask(requestOf(client, 'p/gpt-4o-mini', true))
      const text = await textOf(reply)
      expect(text).not.toContain('ecret')
      expect((await gateway.outcome()).finish).toBe('content_filter')
    }
  })

  test('its provider is left at once, and what it had said is billed', async () => {
    const hold = new ReadableStream<Uint8Array>({
      start(controller) {
        const write = (text: string) => controller.enqueue(new TextEncoder().encode(text))
        write(chunk({ role: 'assistant', content: BAD }))
      },
    })
    const answer: Answer = () =>
      new Response(hold, { headers: { 'content-type': 'text/event-stream' } })
    const gateway = gatewayOf(openai, answer, testGuard({ stages: ['output'] }))
    const reply = await gateway.ask(requestOf('openai-chat', 'p/m', true))
    expect(await textOf(reply)).toContain('"finish_reason":"content_filter"')
    await (
      await gateway.upstream.request(0)
    ).disconnected
    const outcome = await gateway.outcome()
    expect(outcome.usage).toMatchObject({ estimated: true })
    expect(outcome.usage!.outputTokens).toBeGreaterThan(20)
  })

  test('waits for whoever judges it, and a failed check ends it as a failure', async () => {
    for (const voice of VOICES) {
      const said: Said = { text: BAD }
      const events = voice.stream(said)
      const answer = stream(events, { headers: { 'content-type': voice.contentType } })
      let asked = 0
      const failing = testGuard(
        { stages: ['output'], timeoutMs: 30 },
        {
          judge: () =>
            asked++ === 0 ? Promise.resolve({ hit: false, categories: [] }) : new Promise(() => {}),
        },
      )
      const gateway = gatewayOf(voice, answer, failing)
      const reply = await gateway.ask(requestOf(voice.dialect, `p/${voice.model}`, true))
      const text = await textOf(reply)
      expect(text).toContain("'words'")
      expect(text).not.toContain('secret')
      const outcome = await gateway.outcome()
      expect([outcome.errorKind, gateway.outcomes.length]).toEqual(['guardrail_unavailable', 1])
    }
  })

  test('a client that leaves ends the judging, and the record', async () => {
    const asked = Promise.withResolvers<AbortSignal>()
    const guard = testGuard(
      { stages: ['output'], timeoutMs: 60_000 },
      {
        judge: ({ signal }) => {
          asked.resolve(signal)
          return new Promise(() => {})
        },
      },
    )
    const leaving = new AbortController()
    const gateway = gatewayOf(openai, stream(openai.stream({ text: BAD })), guard)
    const reply = await gateway.ask({
      ...requestOf('openai-chat', 'p/m', true),
      signal: leaving.signal,
    })
    const reading = textOf(reply).catch(() => 'gone')
    const signal = await asked.promise
    leaving.abort()
    expect(await reading).toBe('gone')
    expect((await gateway.outcome()).status).toBe(499)
    expect(signal.aborted).toBe(true)
  })

  test('where a rule needs the whole, nothing is sent before it is there', async () => {
    for (const isBad of [true, false]) {
      const text = isBad ? BAD : LONG
      const guard = testGuard({ stages: ['output'] }, { sees: 'whole' })
      const gateway = gatewayOf(openai, stream(openai.stream({ text })), guard)
      const reply = await gateway.ask(requestOf('openai-chat', 'p/m', true))
      const got = understood('openai-chat', await textOf(reply), true)
      expect(saidIn(got)).toBe(isBad ? '' : LONG)
      expect(guard.questions).toHaveLength(1)
    }
  })

  test('who only looks on holds nothing back', async () => {
    const guard = testGuard({ stages: ['output'], mode: 'flag' })
    const gateway = gatewayOf(openai, stream(openai.stream({ text: BAD })), guard)
    const reply = await gateway.ask(requestOf('openai-chat', 'p/m', true))
    expect(saidIn(understood('openai-chat', await textOf(reply), true))).toBe(BAD)
    expect((await gateway.outcome()).guardrails).toMatchObject([{ verdict: 'flagged' }])
  })
})
