// The client of the chaos runs: one request on one bare connection, and a judgement of what came back. It knows right from wrong by
// the nonce alone, never tries again, and never waits for ever; what an outcome is worth is the scenario's to say.

import { isObject, parseJson } from '../../src/core/json.ts'
import { parseResponse, requestText, type RawResponse } from '../../src/testing/http.ts'
import { promptOf, textOf, type Words } from './echo.ts'

export type Client = 'openai' | 'anthropic'

export interface Ask {
  readonly port: number
  readonly model: string
  readonly client: Client
  readonly stream: boolean
  readonly words: Words
  /** Sent as `x-request-id`. */
  readonly requestId: string
  readonly key?: string
  /** Leaves once so many bytes of the answer have come; 0 leaves right after asking. */
  readonly leaveAfterBytes?: number
  readonly limitMs?: number
}

/**
 * `right`: the whole text and its proper end. `error`: an error instead of an answer. `broken`: an answer that ends with an error of
 * its protocol. `refused`: nobody took the connection, or it ended before any byte. `left`: on purpose. The others may never be:
 * `cut` (no end and no error), `wrong` (another text), `hung`.
 */
export type Outcome = 'right' | 'error' | 'broken' | 'refused' | 'left' | 'cut' | 'wrong' | 'hung'

export interface Told {
  readonly ask: Ask
  readonly outcome: Outcome
  /** 0 where none came. */
  readonly status: number
  /** Code or type of an error, as its protocol says it. */
  readonly code: string
  readonly headers: Readonly<Record<string, string>>
  readonly startedMs: number
  readonly firstMs: number
  readonly totalMs: number
  /** Monotonic moment of the last byte or of the connection's end. */
  readonly endedMs: number
  /** What was wrong, for the report. */
  readonly detail: string
}

/** Far beyond what a load that piles up on a busy machine takes; whoever waits as long has been forgotten. */
const LIMIT_MS = 120_000

/** Sends one request. Never rejects: what went wrong is told. */
export async function tell(ask: Ask): Promise<Told> {
  const startedMs = performance.now()
  const parts: Buffer[] = []
  let firstMs = Number.NaN
  let bytes = 0
  let ending: 'closed' | 'left' | 'hung' | 'refused' = 'closed'
  const over = Promise.withResolvers<void>()
  const unsent = { bytes: new TextEncoder().encode(requestOf(ask)) }
  const flush = (socket: { write(data: Uint8Array): number }) => {
    if (unsent.bytes.length === 0) return
    unsent.bytes = unsent.bytes.subarray(Math.max(0, socket.write(unsent.bytes)))
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port: ask.port,
      socket: {
        open: flush,
        drain: flush,
        data(open, data) {
          if (bytes === 0) firstMs = performance.now() - startedMs
          bytes += data.length
          parts.push(Buffer.from(data))
          if (bytes < (ask.leaveAfterBytes ?? Number.POSITIVE_INFINITY)) return
          ending = 'left'
          open.terminate()
          over.resolve()
        },
        end: () => over.resolve(),
        close: () => over.resolve(),
        error: () => over.resolve(),
      },
    })
    timer = setTimeout(() => {
      ending = 'hung'
      over.resolve()
    }, ask.limitMs ?? LIMIT_MS)
    if (ask.leaveAfterBytes === 0) {
      ending = 'left'
      socket.terminate()
      over.resolve()
    }
    await over.promise
    socket.terminate()
  } catch {
    // Nobody listens: told as an outcome.
    ending = 'refused'
  }
  clearTimeout(timer)
  const endedMs = performance.now()
  const times = { ask, startedMs, firstMs, endedMs, totalMs: endedMs - startedMs }
  if (ending !== 'closed') return { ...times, ...nothing(ending) }
  if (bytes === 0) return { ...times, ...nothing('refused') }
  return { ...times, ...judge(ask, Buffer.concat(parts).toString('latin1')) }
}

type Judgement = Pick<Told, 'outcome' | 'status' | 'code' | 'headers' | 'detail'>

function nothing(outcome: Outcome): Judgement {
  return { outcome, status: 0, code: '', headers: {}, detail: outcome }
}

function requestOf(ask: Ask): string {
  const { client, model, stream, words, requestId, key, port } = ask
  const messages = [{ role: 'user', content: promptOf(words) }]
  const body = { model, stream, messages, ...(client === 'anthropic' ? { max_tokens: 4_096 } : {}) }
  return requestText(
    'POST',
    client === 'anthropic' ? '/v1/messages' : '/v1/chat/completions',
    [
      ['host', `127.0.0.1:${port}`],
      ['content-type', 'application/json'],
      ['x-request-id', requestId],
      ['connection', 'close'],
      ...(client === 'anthropic' ? [['anthropic-version', '2023-06-01'] as const] : []),
      ...(key === undefined ? [] : [['authorization', `Bearer ${key}`] as const]),
    ],
    JSON.stringify(body),
  )
}

function judge(ask: Ask, raw: string): Judgement {
  const response = parseResponse(raw, true)
  if (response === undefined) {
    return { ...nothing('cut'), detail: `no head: ${JSON.stringify(raw.slice(0, 80))}` }
  }
  const { status, headers, body } = response
  const base = { status, headers, code: '', detail: '' }
  if (headers['x-request-id'] !== ask.requestId) {
    return { ...base, outcome: 'wrong', detail: `answers ${headers['x-request-id'] ?? 'nobody'}` }
  }
  if (status !== 200) {
    const code = codeOf(body)
    if (response.complete && code !== undefined) return { ...base, outcome: 'error', code }
    return { ...base, outcome: 'wrong', detail: `an error of no form: ${body.slice(0, 120)}` }
  }
  return { ...base, ...(ask.stream ? judgeStream(ask, response) : judgeWhole(ask, response)) }
}

const UNREADABLE = 'unreadable'

type Verdict = Pick<Judgement, 'outcome' | 'detail'> & Partial<Pick<Judgement, 'code'>>

function judgeWhole(ask: Ask, { body, complete }: RawResponse): Verdict {
  if (!complete) return { outcome: 'cut', detail: `a body without its end: ${body.slice(-80)}` }
  const json = parsed(body)
  const text =
    ask.client === 'openai'
      ? at(json, 'choices', 0, 'message', 'content')
      : at(json, 'content', 0, 'text')
  return sameText(ask, text, true)
}

function judgeStream(ask: Ask, { body, complete }: RawResponse): Verdict {
  const texts: string[] = []
  let ended = false
  let code: string | undefined
  for (const frame of body.split('\n\n')) {
    const data = /^data: ?(.*)$/m.exec(frame)?.[1]
    if (data === undefined) continue
    if (data === '[DONE]') {
      ended = true
      continue
    }
    const json = parsed(data)
    // An event that no client can read is an error that the client sees by itself.
    if (json === undefined) code ??= UNREADABLE
    if (at(json, 'type') === 'message_stop') ended = true
    code ??= at(json, 'error') === undefined ? undefined : (codeOf(data) ?? 'error')
    const text = at(json, 'choices', 0, 'delta', 'content') ?? at(json, 'delta', 'text')
    if (typeof text === 'string') texts.push(text)
  }
  const said = sameText(ask, texts.join(''), ended && code === undefined)
  if (said.outcome === 'wrong') return said
  if (code !== undefined && code !== UNREADABLE && ended)
    return { outcome: 'wrong', detail: 'an error and a proper end' }
  if (code !== undefined) return { outcome: 'broken', code, detail: '' }
  if (!ended || !complete) return { outcome: 'cut', detail: `no end: ${body.slice(-80)}` }
  return said
}

/** A whole text must be equal, a part of one must be its beginning. */
function sameText(ask: Ask, text: unknown, whole: boolean): Verdict {
  const due = textOf(ask.words)
  const same = typeof text === 'string' && (whole ? text === due : due.startsWith(text))
  if (same) return { outcome: 'right', detail: '' }
  return { outcome: 'wrong', detail: `${JSON.stringify(text)?.slice(0, 120) ?? 'no text'}` }
}

function parsed(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    // Judged as no text at all.
    return undefined
  }
}

function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here = value
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = (here as Record<string | number, unknown>)[step]
  }
  return here
}

function codeOf(body: string): string | undefined {
  const json = parsed(body)
  if (!isObject(json as never)) return undefined
  const code = at(json, 'error', 'code') ?? at(json, 'error', 'type')
  return typeof code === 'string' ? code : undefined
}
