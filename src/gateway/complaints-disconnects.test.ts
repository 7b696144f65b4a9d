// What is reported of other gateways about answers that break off and clients that leave: a success told after half an answer,
// nothing recorded of what was used, a provider's keepalives handed on as content. Every client protocol with every provider
// protocol, translated. Reports are named as `repository#number`.

import { describe, expect, test } from 'bun:test'
import type { DialectName } from '../core/ir/request.ts'
import type { JsonObject } from '../core/json.ts'
import {
  contentOf,
  hear,
  isStreamed,
  requestAs,
  saying,
  stageOf,
  STREAMED,
  translated,
} from '../testing/ears.ts'
import { checkStream } from '../testing/shapes.ts'
import { HeldStream } from '../testing/upstream-answers.ts'
import type { Said } from '../testing/voices.ts'

const CASES = STREAMED.filter(translated)
const SAID: Said = {
  thinking: 'Hm.',
  text: 'Once upon a time there was a weir, 世界, and a river.',
}

/** A piece of the text as every voice cuts it, and every client gets it. */
const NEAR_THE_CUT = '"eir"'

/** What in a stream tells a client that all is well. */
const SUCCESS =
  /\[DONE\]|message_stop|message_delta|response\.(?:completed|incomplete)|"done":true|message-end|"finishReason"|"finish_reason":"/

/** Where each protocol tells a failure in a stream. */
const FAILURE: Readonly<Partial<Record<DialectName, (last: JsonObject) => unknown>>> = {
  'openai-chat': ({ error }) => (error as JsonObject)['message'],
  'openai-responses': ({ type, response, error, message }) =>
    type === 'response.failed'
      ? ((response as JsonObject)['error'] as JsonObject)['message']
      : type === 'error'
        ? (message ?? (error as JsonObject)['message'])
        : undefined,
  anthropic: ({ type, error }) => (type === 'error' ? (error as JsonObject)['message'] : undefined),
  ollama: ({ error }) => error,
  gemini: ({ error }) => (error as JsonObject)['message'],
  cohere: (last) => (JSON.stringify(last).includes('"ERROR"') ? 'told' : last['message']),
}

describe('an answer that breaks off is an error in the client’s own form, and what came is counted', () => {
  const reports = 'litellm#40404 #17173, new-api#4184 #5290'
  const cases = CASES.flatMap(([client, dialect, , voice]) =>
    (['ends without its end', 'breaks'] as const).map(
      (way) => [client, dialect, way, voice] as const,
    ),
  )
  test.each(cases)(`${reports}: %s <- %s, %s`, async (client, _dialect, way, voice) => {
    const begun = Promise.withResolvers<void>()
    const cut = async function* (frames: string[]) {
      yield* frames.slice(0, -voice.tail - 4)
      if (way !== 'breaks') return
      // Cut under the answer, once nearly all of it was read: of what comes in the same moment as the cut, `fetch` may give nothing.
      await begun.promise
      throw new Error('cut')
    }
    await using stage = stageOf(voice, saying(voice, { ...SAID, usage: null }, cut))
    const reply = await stage.gateway.ask(requestAs(client, { stream: true }))
    let text = ''
    const decoder = new TextDecoder()
    for await (const piece of reply.body as ReadableStream<Uint8Array>) {
      text += decoder.decode(piece, { stream: true })
      if (text.includes(NEAR_THE_CUT)) begun.resolve()
    }
    const heard = hear(client, true, text)
    expect(heard.error).toBeDefined()
    expect(contentOf(heard.response).text).toStartWith('Once upon a time')
    // Cohere tells a failure in the event that ends a success, with another word.
    const failed = /message-end(?=.*"finish_reason":"ERROR")|"finish_reason":"ERROR"|message-end\n/g
    const own = client === 'cohere' ? heard.text.replaceAll(failed, '') : heard.text
    expect(own).not.toMatch(SUCCESS)
    const told = FAILURE[client]?.(heard.events.at(-1)!)
    expect(told, heard.text.slice(-300)).toBeString()
    const { usage, errorKind } = await stage.outcome()
    expect(usage?.estimated).toBe(true)
    expect(usage?.outputTokens).toBeGreaterThan(5)
    expect(usage?.inputTokens).toBeGreaterThan(0)
    expect(errorKind).toMatch(/^upstream_/)
  })
})

describe('a client that leaves', () => {
  test.each(CASES)(
    'litellm#3341 #13774 #17364 #30245 #37140, new-api#7062 #7231: the provider is left at once, and the part is counted: %s <- %s',
    async (client, _dialect, _form, voice) => {
      const held = new HeldStream({ headers: { 'content-type': voice.contentType } })
      const frames = voice.stream({ ...SAID, usage: null })
      held.write(frames.slice(0, -voice.tail - 4).join(''))
      await using stage = stageOf(voice, held.answer)
      const abort = new AbortController()
      const reply = await stage.gateway.ask({
        ...requestAs(client, { stream: true }),
        signal: abort.signal,
      })
      const reader = (reply.body as ReadableStream<Uint8Array>).getReader()
      await reader.read()
      abort.abort()
      await stage.asked[0]!.disconnected
      const { usage, status } = await stage.outcome()
      expect(status).toBe(499)
      expect(usage?.estimated).toBe(true)
      expect(usage?.outputTokens).toBeGreaterThan(5)
    },
  )

  test.each(CASES.map(([client, dialect, , voice]) => [client, dialect, voice] as const))(
    'litellm#30223 the provider is left too where the answer is no stream: %s <- %s',
    async (client, _dialect, voice) => {
      const never = Promise.withResolvers<Response>()
      await using stage = stageOf(voice, () => never.promise)
      const abort = new AbortController()
      const asking = stage.ask(client, {}, abort.signal)
      while (stage.asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
      abort.abort()
      await stage.asked[0]!.disconnected
      const heard = await asking
      never.resolve(new Response())
      expect(heard.status).toBe(499)
      expect((await stage.outcome()).usage).toMatchObject({ estimated: true })
    },
  )
})

test.each(CASES.filter(([, dialect]) => dialect !== 'ollama'))(
  'envoyproxy/ai-gateway#2549 a provider’s keepalives are not handed on: %s <- %s',
  async (client, _dialect, _form, voice) => {
    const noisy = (frames: string[]) =>
      frames.flatMap((frame) => [
        ': keepalive\n\n',
        ...(voice.dialect === 'anthropic' ? ['event: ping\ndata: {"type":"ping"}\n\n'] : []),
        frame,
      ])
    await using stage = stageOf(voice, saying(voice, SAID, noisy))
    const heard = await stage.ask(client, { stream: true })
    checkStream(client, heard)
    expect(contentOf(heard.response)).toMatchObject({ text: SAID.text!, thinking: 'Hm.' })
    expect(heard.text).not.toMatch(/ping|keepalive/)
    expect(isStreamed(voice, stage.asked[0]!)).toBe(true)
  },
)
