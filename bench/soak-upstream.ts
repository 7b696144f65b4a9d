// The provider of a soak, a process of its own: it speaks every dialect, says slowly what a prompt plans, in odd splits, and under
// `/bad` does what the prompt says it does wrong. It counts what runs and who left; what that is worth, others judge.

import type { IrEvent } from '../src/core/ir/event.ts'
import { collect } from '../src/core/ir/collect.ts'
import { dialects } from '../src/dialects/registry.ts'
import { seededRandom } from '../src/testing/seed.ts'
import { type ChatDialect, dialectOfPath } from './pairs.ts'
import {
  ARGUMENTS_CLOSE,
  ARGUMENTS_OPEN,
  GAP_MS_MAX,
  gapsOf,
  INPUT_TOKENS,
  isAfterCommit,
  pieceOf,
  planIn,
  plannedMs,
  SILENCE_MS,
  SLOW_MS,
  textPieces,
  TOOL,
  type Plan,
} from './soak-plan.ts'

const JSON_HEADERS = { 'content-type': 'application/json' }
const STREAM_HEADERS = { 'content-type': 'text/event-stream; charset=utf-8' }
const LINES_HEADERS = { 'content-type': 'application/x-ndjson' }
/** Every so many writes are cut in two, at any byte. */
const SPLIT_SHARE = 0.2
/** A whole answer is thought about so long at most. */
const THOUGHT_MS_MAX = 500

/** What it tells of itself under `/stats`. */
export interface UpstreamStats {
  asked: number
  running: number
  /** Answers whose reader left before their end. */
  left: number
  faults: Record<string, number>
  /** Most that ran at once, by the letters a nonce begins with. */
  most: Record<string, number>
  /** Tokens told as used, by the same: of whole answers alone. */
  outputTokens: Record<string, number>
}

const stats: UpstreamStats = {
  asked: 0,
  running: 0,
  left: 0,
  faults: {},
  most: {},
  outputTokens: {},
}
const runningOf = new Map<string, number>()
const utf8 = new TextEncoder()

const ABOUT = { model: 'soak', id: 'soak-1', nowMs: 1_700_000_000_000, streamUsage: true }

function codecOf(dialect: ChatDialect) {
  const codec = dialects[dialect].chat
  if (codec === undefined) throw new Error(`${dialect} has no chat.`)
  return codec
}

interface Step {
  readonly event: IrEvent
  /** It is one of the pieces of the plan, and waited for. */
  readonly isPiece: boolean
}

function* stepsOf(plan: Plan): Generator<Step> {
  const step = (event: IrEvent, isPiece = false): Step => ({ event, isPiece })
  const at = { choice: 0, index: 0 }
  const text = textPieces(plan)
  yield step({ type: 'response-start', id: ABOUT.id, model: ABOUT.model, createdMs: ABOUT.nowMs })
  yield step({ type: 'block-start', ...at, block: { type: 'text', text: '' } })
  for (let index = 0; index < text; index += 1) {
    yield step({ type: 'text-delta', ...at, text: pieceOf(plan, index) }, true)
  }
  yield step({ type: 'block-end', ...at })
  if (plan.tool) {
    const call = { choice: 0, index: 1 }
    const block = { type: 'tool-use', id: 'call_1', name: TOOL, input: '' } as const
    yield step({ type: 'block-start', ...call, block: { ...block } })
    yield step({ type: 'tool-input-delta', ...call, text: ARGUMENTS_OPEN })
    for (let index = text; index < plan.pieces; index += 1) {
      yield step({ type: 'tool-input-delta', ...call, text: pieceOf(plan, index) }, true)
    }
    yield step({ type: 'tool-input-delta', ...call, text: ARGUMENTS_CLOSE })
    yield step({ type: 'block-end', ...call })
  }
  const unified = plan.tool ? 'tool-use' : 'stop'
  yield step({ type: 'finish', choice: 0, finish: { unified } })
  const usage = { inputTokens: INPUT_TOKENS, outputTokens: plan.pieces }
  yield step({ type: 'usage', usage })
}

interface Write {
  readonly bytes: Uint8Array
  readonly gapMs: number
  /** Pieces said with this write and those before it. */
  readonly pieces: number
}

/** The writes of a stream with the wait before each; dialects that keep something back (a call as one) send it with a later one. */
function* writesOf(plan: Plan, dialect: ChatDialect): Generator<Write> {
  const encoder = codecOf(dialect).createStreamEncoder(ABOUT)
  const gaps = gapsOf(plan)
  const random = seededRandom(Number(Bun.hash.crc32(`${plan.nonce} splits`)))
  let piece = 0
  let owedMs = 0
  function* split(text: string): Generator<Write> {
    if (text === '') return
    const bytes = utf8.encode(text)
    // Of a call that goes out as one only so much: nobody waits for a provider for ever.
    const gapMs = Math.min(owedMs, GAP_MS_MAX)
    owedMs = 0
    if (bytes.length < 2 || random() >= SPLIT_SHARE) return yield { bytes, gapMs, pieces: piece }
    const at = 1 + Math.floor(random() * (bytes.length - 1))
    yield { bytes: bytes.subarray(0, at), gapMs, pieces: piece }
    yield { bytes: bytes.subarray(at), gapMs: plan.gapMs === 0 ? 0 : 2, pieces: piece }
  }
  for (const { event, isPiece } of stepsOf(plan)) {
    if (isPiece) {
      owedMs += gaps[piece] ?? 0
      piece += 1
    }
    yield* split(encoder.push(event))
  }
  yield* split(encoder.end())
}

/** Counts one answer until it is over, however that goes. */
function begin(plan: Plan): (how: 'whole' | 'left' | 'broken') => void {
  const crew = /^[a-z]+/.exec(plan.nonce)?.[0] ?? ''
  const running = (runningOf.get(crew) ?? 0) + 1
  runningOf.set(crew, running)
  stats.most[crew] = Math.max(stats.most[crew] ?? 0, running)
  stats.asked += 1
  stats.running += 1
  let over = false
  return (how) => {
    if (over) return
    over = true
    stats.running -= 1
    runningOf.set(crew, (runningOf.get(crew) ?? 1) - 1)
    if (how === 'left') stats.left += 1
    if (how === 'whole') stats.outputTokens[crew] = (stats.outputTokens[crew] ?? 0) + plan.pieces
  }
}

type Done = ReturnType<typeof begin>

function streamed(plan: Plan, dialect: ChatDialect, signal: AbortSignal, done: Done): Response {
  const writes = writesOf(plan, dialect)
  // In the middle of the text: what breaks behind its own end has ended.
  const breaksAfter = isAfterCommit(plan.fault) ? Math.ceil(textPieces(plan) / 2) : Infinity
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = writes.next()
        if (next.done === true) {
          done('whole')
          controller.close()
          return
        }
        if (next.value.pieces > breaksAfter) {
          if (plan.fault === 'silence') await pause(SILENCE_MS, signal)
          done('broken')
          if (plan.fault === 'truncate') controller.close()
          else controller.error(new Error('cut on purpose'))
          return
        }
        const { bytes, gapMs } = next.value
        if (gapMs > 0) await pause(gapMs, signal)
        if (signal.aborted) return
        controller.enqueue(bytes)
      },
      cancel: () => done('left'),
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: dialect === 'ollama' ? LINES_HEADERS : STREAM_HEADERS })
}

async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, durationMs)
  const wake = () => resolve()
  signal.addEventListener('abort', wake)
  await promise
  signal.removeEventListener('abort', wake)
  clearTimeout(timer)
}

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  if (pathname === '/stats') return Response.json(stats)
  if (request.method === 'GET') return Response.json({ object: 'list', data: [], models: [] })
  // The signal is watched before the body is awaited, or a leaving client is missed.
  const { signal } = request
  const left = { done: undefined as Done | undefined }
  signal.addEventListener('abort', () => left.done?.('left'))
  let text = ''
  try {
    text = await request.text()
  } catch {
    // The other side left within its request: there is nobody to answer.
    return new Response(null, { status: 400 })
  }
  const said = planIn(text)
  if (said === undefined) return new Response('not a prompt of a soak', { status: 400 })
  const isBad = pathname.startsWith('/bad')
  const plan: Plan = isBad ? said : { ...said, fault: 'none' }
  const done = begin(plan)
  left.done = done
  if (plan.fault !== 'none') stats.faults[plan.fault] = (stats.faults[plan.fault] ?? 0) + 1
  if (plan.fault === '429' || plan.fault === '500') {
    done('broken')
    const error = { message: 'on purpose', type: 'soak', code: 'soak' }
    return Response.json({ error }, { status: Number(plan.fault) })
  }
  if (plan.fault === 'slow') await pause(SLOW_MS, signal)
  if (plan.fault === 'stall') {
    await pause(SILENCE_MS, signal)
    done('broken')
    return new Response(null, { status: 500 })
  }
  const dialect = pathname.includes(':generateContent') ? 'gemini' : dialectOfPath(pathname)
  const isStream = pathname.includes(':streamGenerateContent') || /"stream": ?true/.test(text)
  if (isStream) return streamed(plan, dialect, signal, done)
  return await whole(plan, dialect, signal, done)
}

/** An answer in one piece; what breaks a stream in its middle breaks this one before its end. */
async function whole(
  plan: Plan,
  dialect: ChatDialect,
  signal: AbortSignal,
  done: Done,
): Promise<Response> {
  const { response } = collect([...stepsOf(plan)].map(({ event }) => event))
  const body = JSON.stringify(codecOf(dialect).encodeResponse(response, ABOUT).value)
  if (isAfterCommit(plan.fault)) {
    if (plan.fault === 'silence') await pause(SILENCE_MS, signal)
    done('broken')
    return new Response(body.slice(0, body.length >> 1), { headers: JSON_HEADERS })
  }
  // A thoughtful provider, but not one that takes as long as its own stream.
  await pause(Math.min(plannedMs(plan), THOUGHT_MS_MAX), signal)
  done(signal.aborted ? 'left' : 'whole')
  return new Response(body, { headers: JSON_HEADERS })
}

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[2]),
  idleTimeout: 0,
  fetch: answer,
})

// What listens here takes a connection and breaks it off, whatever is said on it.
Bun.listen({
  hostname: '127.0.0.1',
  port: Number(process.argv[3]),
  socket: {
    data(socket) {
      stats.faults['reset'] = (stats.faults['reset'] ?? 0) + 1
      socket.terminate()
    },
  },
})

process.on('SIGTERM', () => void server.stop(true).then(() => process.exit(0)))
