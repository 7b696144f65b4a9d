// A provider that does everything wrong, in each native protocol, chosen by the model's name: answers that are none, streams
// that break, silence, redirects, bombs. One server does what HTTP allows, a second one what only a bare socket can.

import type { JsonObject } from '../../src/core/json.ts'
import { object } from './checks.ts'
import { gzipBomb, gzipCut, html, redirect, text } from '../../src/testing/upstream-answers.ts'
import { startUpstream, type Answer, type Upstream } from '../../src/testing/upstream.ts'
import { startRawUpstream, readRequest, type RawUpstream } from '../../src/testing/upstream-raw.ts'
import { startUpstreams, type Upstreams } from './upstreams.ts'

/** The protocols it does wrong in. */
export const PROTOCOLS = ['openai', 'anthropic', 'ollama'] as const
type Protocol = (typeof PROTOCOLS)[number]

/** What a gzip bomb inflates to. */
const BOMB_BYTES = 512 * 1024 * 1024

/** Deadlines that nothing but a hang reaches: what fails in another way must never fail by the clock on a machine that is held up. */
const PATIENT = { connect: '20s', first_byte: '20s', idle: '20s', total: '25s' }
/** The one that a test of silence waits for is short, and no other. */
const SILENT = { ...PATIENT, first_byte: '200ms' }
const HALTING = { ...PATIENT, idle: '500ms' }

/** The beginning of a good stream in each protocol. */
export const STREAM_STARTS: Readonly<Record<Protocol, string>> = {
  openai: [
    { choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] },
    { choices: [{ index: 0, delta: { content: 'Once upon' }, finish_reason: null }] },
  ]
    .map((chunk) => ({
      id: 'c',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'm',
      ...chunk,
    }))
    .map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
    .join(''),
  anthropic: [
    {
      type: 'message_start',
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'm',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 3, output_tokens: 1 },
      },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Once upon' } },
  ]
    .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    .join(''),
  ollama: `${JSON.stringify({ model: 'm', created_at: '2026-01-01T00:00:00Z', message: { role: 'assistant', content: 'Once upon' }, done: false })}\n`,
}

const STREAM_TYPES: Readonly<Record<Protocol, string>> = {
  openai: 'text/event-stream',
  anthropic: 'text/event-stream',
  ollama: 'application/x-ndjson',
}

const ERRORS: Readonly<Record<Protocol, JsonObject>> = {
  openai: { error: { message: 'Inside.', type: 'server_error', param: null, code: null } },
  anthropic: { type: 'error', error: { type: 'overloaded_error', message: 'Inside.' } },
  ollama: { error: 'Inside.' },
}

function errorFrame(provider: Protocol): string {
  const body = JSON.stringify(ERRORS[provider])
  if (provider === 'ollama') return `${body}\n`
  return provider === 'anthropic' ? `event: error\ndata: ${body}\n\n` : `data: ${body}\n\n`
}

function brokenFrame(provider: Protocol): string {
  return provider === 'ollama' ? '{"message": {\n' : 'data: {"choices": [\n\n'
}

/** Which path speaks which protocol. */
function protocolOf(target: string): Protocol {
  if (target.startsWith('/api/')) return 'ollama'
  return target.startsWith('/v1/messages') ? 'anthropic' : 'openai'
}

export interface BadProvider {
  readonly server: Upstream
  /** Where redirects and the like would lead: nobody may ever come here. */
  readonly trap: Upstream
  readonly raw: RawUpstream
  /** Good ones, for what must go on beside the bad. */
  readonly good: Upstreams
  /**
   * `bad-openai`, `raw-openai` and so on for each protocol. `silent` and `mute` are `bad` and `raw` with a short time for the first byte,
   * `halting` is `bad` with a short time between two.
   */
  readonly providers: object[]
  close(): Promise<void>
}

const JSON_HEADERS = { 'content-type': 'application/json' }

/** Starts the bad providers and one that is there to trap. */
export async function startBadProvider(): Promise<BadProvider> {
  const trap = startUpstream(text('{}', { headers: JSON_HEADERS }))
  const bomb = await gzipBomb(BOMB_BYTES)
  const server = startUpstream((request) => {
    if (request.method === 'GET')
      return new Response('{"data":[],"models":[]}', { headers: JSON_HEADERS })
    const model = String(object(request.json(), 'body')['model'])
    const answer = answers(protocolOf(request.target), trap.url, bomb)[model]
    return answer === undefined
      ? new Response(`no answer for ${model}`, { status: 501 })
      : answer(request)
  })
  const raw = startRawUpstream(playRaw)
  const good = startUpstreams()
  const common = {
    keys: ['sk-ant-bad-provider-secret'],
    retries: { max: 0 },
    // Nothing but failures comes from here, and each is wanted.
    circuit: { enabled: false },
  }
  const entry = (kind: string, name: Protocol, url: string, timeouts = PATIENT) => ({
    id: `${kind}-${name}`,
    type: name,
    base_url: name === 'openai' ? `${url}/v1` : url,
    timeouts,
    ...common,
  })
  return {
    server,
    trap,
    raw,
    good,
    providers: [
      ...good.providers,
      ...PROTOCOLS.flatMap((name) => [
        entry('bad', name, server.url),
        entry('silent', name, server.url, SILENT),
        entry('halting', name, server.url, HALTING),
        entry('raw', name, raw.url),
        entry('mute', name, raw.url, SILENT),
        entry('gone', name, 'http://127.0.0.1:1'),
      ]),
    ],
    async close() {
      raw.close()
      await Promise.all([server.close(), trap.close(), good.close()])
    },
  }
}

function answers(provider: Protocol, trapUrl: string, bomb: Answer): Record<string, Answer> {
  const start = STREAM_STARTS[provider]
  const stream = (body: string): Answer =>
    text(body, { headers: { 'content-type': STREAM_TYPES[provider] } })
  return {
    html: html(),
    'html-503': html(503),
    nothing: () => new Response(null, { status: 204 }),
    'empty-body': text('', { headers: JSON_HEADERS }),
    'plain-text': text('upstream connect error', { headers: JSON_HEADERS }),
    'half-json': text('{"choices":[{"mess', { headers: JSON_HEADERS }),
    'a-list': text('[]', { headers: JSON_HEADERS }),
    'another-object': text('{"ok":true}', { headers: JSON_HEADERS }),
    'error-inside': text(JSON.stringify(ERRORS[provider]), { headers: JSON_HEADERS }),
    bomb,
    'gzip-cut': gzipCut(start.repeat(50)),
    'strange-encoding': text('x', { headers: { ...JSON_HEADERS, 'content-encoding': 'rot13' } }),
    ...Object.fromEntries(
      ([301, 302, 303, 307, 308] as const).map((status) => [
        `redirect-${status}`,
        redirect(status, `${trapUrl}/v1/chat/completions`),
      ]),
    ),
    'stream-without-end': stream(start),
    'stream-broken': stream(start + brokenFrame(provider)),
    'stream-error-inside': stream(start + errorFrame(provider)),
    'stream-error-first': stream(errorFrame(provider)),
    'stream-hangs': (request) => held(start, STREAM_TYPES[provider], request.disconnected),
    hangs: async (request) => {
      await request.disconnected
      return new Response(null, { status: 204 })
    },
  }
}

function held(start: string, contentType: string, until: Promise<void>): Response {
  let told = false
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (told) return await until
      told = true
      controller.enqueue(new TextEncoder().encode(start))
    },
  })
  return new Response(body, { headers: { 'content-type': contentType } })
}

/** The raw plays, by the model's name in the request. */
const playRaw: Parameters<typeof startRawUpstream>[0] = async (peer) => {
  const request = await readRequest(peer)
  const provider = protocolOf(/^POST (\S+)/.exec(request)?.[1] ?? '')
  const head = 'HTTP/1.1 200 OK\r\n'
  const start = STREAM_STARTS[provider]
  const chunk = `${start.length.toString(16)}\r\n${start}\r\n`
  switch (/"model":\s*"([^"]+)"/.exec(request)?.[1]) {
    case 'fin-mid-stream':
      peer.write(
        `${head}content-type: ${STREAM_TYPES[provider]}\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`,
      )
      return peer.end()
    case 'close-delimited':
      peer.write(
        `${head}content-type: ${STREAM_TYPES[provider]}\r\nconnection: close\r\n\r\n${start}`,
      )
      return peer.end()
    case 'short-body':
      peer.write(`${head}content-type: application/json\r\ncontent-length: 900\r\n\r\n{"choices":[`)
      return peer.end()
    case 'fin-at-once':
      return peer.end()
    case 'not-http':
      peer.write('220 smtp.example.com ESMTP\r\n')
      return peer.end()
    case 'silent':
      return
    case undefined:
    default:
      return peer.reset()
  }
}
