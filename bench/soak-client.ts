// The client of a soak: one request on one bare connection, read as its habit is (at once, slowly, or not to the end), and a judgement
// of what came by the plan alone. It never tries again and never waits for ever.

import { parseResponse, requestText } from '../src/testing/http.ts'
import {
  argumentsOf,
  isAfterCommit,
  plannedMs,
  textOf,
  type Errand,
  type Fault,
} from './soak-plan.ts'
import { askFor, errorCode, heardStream, heardWhole, type Heard } from './soak-wire.ts'

/**
 * `right`: every byte and the proper end. `told`: an error in the answer itself, of a fault that leaves nothing else. `left`: on purpose.
 * `refused`: an error of its protocol instead of an answer. The others may never be: `cut` (no end and no error), `wrong` (other bytes, or
 * an error that need not be), `hung`, `gone` (nobody took the connection, or it ended before a byte).
 */
export type Outcome = 'right' | 'told' | 'left' | 'refused' | 'cut' | 'wrong' | 'hung' | 'gone'

export interface Ask {
  readonly port: number
  readonly model: string
  readonly key: string
  readonly requestId: string
  readonly errand: Errand
}

export interface Told {
  readonly requestId: string
  readonly errand: Errand
  readonly outcome: Outcome
  /** 0 where none came. */
  readonly status: number
  /** Of an error. */
  readonly code: string
  /** Bytes came. */
  readonly bytes: number
  readonly firstMs: number
  readonly totalMs: number
  /** Monotonic. */
  readonly endedMs: number
  /** What was wrong, for the report. */
  readonly detail: string
}

const SLACK_MS = 30_000
/** A slow reader takes so much, then nothing for this long, again and again, so many times. */
const SLOW_BYTES = 300_000
const SLOW_PAUSE_MS = 400
const SLOW_PAUSES_MAX = 8

type Ending = 'closed' | 'left' | 'hung' | 'gone'

interface Received {
  readonly ending: Ending
  readonly raw: Buffer
  readonly firstMs: number
}

/** Sends one request. Never rejects: what went wrong is told. */
export async function run(ask: Ask): Promise<Told> {
  const startedMs = performance.now()
  const received = await exchange(ask, startedMs)
  const endedMs = performance.now()
  const { errand, requestId } = ask
  const judged =
    received.ending === 'closed'
      ? judge(errand, requestId, received.raw.toString('latin1'))
      : nothing(received.ending)
  return {
    requestId,
    errand,
    bytes: received.raw.length,
    firstMs: received.firstMs,
    totalMs: endedMs - startedMs,
    endedMs,
    ...judged,
  }
}

async function exchange({ errand, ...ask }: Ask, startedMs: number): Promise<Received> {
  const parts: Buffer[] = []
  const over = Promise.withResolvers<Ending>()
  let bytes = 0
  let firstMs = Number.NaN
  let taken = 0
  let pauses = 0
  const leaveAt = errand.habit === 'leaves' ? errand.leaveAfterBytes : Number.POSITIVE_INFINITY
  let unsent = new TextEncoder().encode(requestOf({ errand, ...ask }))
  const flush = (socket: Bun.Socket) => {
    if (unsent.length > 0) unsent = unsent.subarray(Math.max(0, socket.write(unsent)))
  }
  const limitMs = plannedMs(errand.plan) * 2 + SLACK_MS
  const timer = setTimeout(() => over.resolve('hung'), limitMs)
  let ending: Ending
  try {
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port: ask.port,
      socket: {
        open: flush,
        drain: flush,
        data(open, data) {
          // The head comes alone as a rule; what counts is the first of the answer itself.
          if (Number.isNaN(firstMs) && (bytes > 0 || hasBody(data))) {
            firstMs = performance.now() - startedMs
          }
          bytes += data.length
          taken += data.length
          parts.push(Buffer.from(data))
          if (bytes >= leaveAt) over.resolve('left')
          if (errand.habit !== 'slow' || taken < SLOW_BYTES || pauses >= SLOW_PAUSES_MAX) return
          taken = 0
          pauses += 1
          open.pause()
          setTimeout(() => open.resume(), SLOW_PAUSE_MS)
        },
        end: () => over.resolve('closed'),
        close: () => over.resolve('closed'),
        error: () => over.resolve('closed'),
      },
    })
    if (leaveAt === 0) over.resolve('left')
    ending = await over.promise
    socket.terminate()
  } catch {
    // Nobody listens: told as an outcome.
    ending = 'gone'
  }
  clearTimeout(timer)
  if (ending === 'closed' && bytes === 0) ending = 'gone'
  return { ending, raw: Buffer.concat(parts), firstMs }
}

function hasBody(data: Buffer): boolean {
  const end = data.indexOf('\r\n\r\n')
  return end >= 0 && end + 4 < data.length
}

function requestOf({ errand, key, model, port, requestId }: Ask): string {
  const { path, body } = askFor(errand.client, model, errand.plan, errand.habit !== 'whole')
  return requestText(
    'POST',
    path,
    [
      ['host', `127.0.0.1:${port}`],
      ['content-type', 'application/json'],
      ['x-request-id', requestId],
      ['connection', 'close'],
      ['authorization', `Bearer ${key}`],
      ...(errand.client === 'anthropic' ? [['anthropic-version', '2023-06-01'] as const] : []),
    ],
    body,
  )
}

type Judgement = Pick<Told, 'outcome' | 'status' | 'code' | 'detail'>

function nothing(outcome: 'left' | 'hung' | 'gone'): Judgement {
  return { outcome, status: 0, code: '', detail: outcome }
}

/** What an answer is worth, byte for byte. */
export function judge(errand: Errand, requestId: string, raw: string): Judgement {
  const response = parseResponse(raw, true)
  if (response === undefined) {
    return { ...nothing('gone'), outcome: 'cut', detail: `no head: ${raw.slice(0, 80)}` }
  }
  const { body, complete, headers, status } = response
  const base = { status, code: '', detail: '' }
  if (headers['x-request-id'] !== requestId) {
    const whose = headers['x-request-id'] ?? `nobody: ${status} ${body.slice(0, 80)}`
    return { ...base, outcome: 'wrong', detail: `answers ${whose}` }
  }
  if (status !== 200) {
    const code = errorCode(body)
    if (complete && code !== undefined) {
      return {
        ...base,
        outcome: 'refused',
        code,
        detail: `${status} ${code}: ${body.slice(0, 120)}`,
      }
    }
    return { ...base, outcome: 'wrong', detail: `an error of no form: ${body.slice(0, 120)}` }
  }
  const isWhole = errand.habit === 'whole'
  const heard = isWhole ? heardWhole(errand.client, body) : heardStream(errand.client, body)
  const isFaulty = headers['x-weir-provider']?.startsWith('bad-') === true
  return { ...base, ...verdictOf(errand, heard, { isFaulty, complete, body }) }
}

interface Circumstances {
  /** The faulty provider was the one to answer. */
  readonly isFaulty: boolean
  readonly complete: boolean
  readonly body: string
}

function verdictOf(
  errand: Errand,
  heard: Heard,
  { body, complete, isFaulty }: Circumstances,
): Pick<Told, 'outcome' | 'detail' | 'code'> {
  const { plan } = errand
  const due = { text: textOf(plan), input: argumentsOf(plan) ?? '' }
  const code = heard.error ?? ''
  const wrong = (detail: string) => ({ outcome: 'wrong' as const, detail, code })
  const isDue = isFaulty && isAfterCommit(plan.fault) && errand.habit !== 'whole'
  // Half an event that a provider broke off in was handed on by then; the error must follow all the same.
  if (heard.isUnreadable && !isDue) return wrong(`an event nobody can read: ${body.slice(-200)}`)
  if (!due.text.startsWith(heard.text)) return wrong(difference(due.text, heard.text))
  if (!due.input.startsWith(heard.input)) return wrong(difference(due.input, heard.input))
  if (heard.error !== undefined) {
    if (heard.ended) return wrong('an error and a proper end')
    if (!isDue)
      return wrong(`an error in the answer that need not be: ${code}, ${faultName(plan.fault)}`)
    return { outcome: 'told', detail: '', code }
  }
  if (!heard.ended || !complete) {
    return { outcome: 'cut', detail: `no end: ${JSON.stringify(body.slice(-160))}`, code }
  }
  if (heard.text !== due.text) return wrong(difference(due.text, heard.text))
  if (heard.input !== due.input) return wrong(difference(due.input, heard.input))
  return { outcome: 'right', detail: '', code }
}

function faultName(fault: Fault): string {
  return fault === 'none' ? 'no fault' : `fault ${fault}`
}

function difference(due: string, got: string): string {
  let at = 0
  while (at < due.length && due[at] === got[at]) at += 1
  const show = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 20), at + 40))
  return `other bytes at ${at} of ${due.length}: ${show(got)} instead of ${show(due)}`
}
