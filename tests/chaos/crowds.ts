// Faults that clients bring: many that leave, many more than can be served, many that hardly read. Whoever behaves well beside them
// must not feel it, and nothing of them may pile up.

import { requestText } from '../../src/testing/http.ts'
import { memoryBytes } from '../harness/weir.ts'
import type { Scenario } from './account.ts'
import type { Told } from './client.ts'
import { eventOf, promptOf, STREAM_HEADERS, type Asked } from './echo.ts'
import { askOf, atOnce, inTurn, quantile, rightTimes, steadily, type Kind } from './load.ts'
import { settled } from './storms.ts'
import { modelOf, providerAt, World } from './world.ts'

const CANCEL_MS = 250
const KEY = 'weir-key-of-the-chaos-run-0000000001'

const DISCONNECTS: Scenario = {
  name: 'disconnects',
  title: 'clients leave in a storm',
  expected: 'upstream let go in 250 ms; one row each',
  async run(account, pace) {
    await using world = new World()
    const echo = world.echo()
    const weir = await world.weir({
      providers: [providerAt('p', echo.baseUrl)],
      models: [modelOf('m', ['p'])],
      // Who is gone before it is read has no address any more that it could be trusted by.
      keys: [{ name: 'chaos', key: KEY }],
    })
    const count = pace.quick ? 60 : 300
    await inTurn({ port: weir.port, model: 'm', key: KEY }, 100, 4)
    // Long enough that none can have ended by itself.
    const kind: Kind = { port: weir.port, model: 'm', key: KEY }
    const long: Kind = { ...kind, stream: true, pieces: 3_000, gapMs: 20 }
    const kinds: readonly Kind[] = [
      { ...long, leaveAfterBytes: 0 },
      { ...long, leaveAfterBytes: 1 },
      { ...long, leaveAfterBytes: 1_500 },
    ]
    const steady = steadily(kind, { perSecond: 20, forMs: pace.quick ? 1_000 : 4_000 })
    const told = (await Promise.all(kinds.map((it) => atOnce(it, count / kinds.length)))).flat()
    account.count('those that leave', told, 'left')
    account.count('those that stay', await steady, 'right')
    const left = new Map(told.map(({ ask, endedMs }) => [ask.words.nonce, endedMs]))
    const asked = [...echo.times.keys()].filter((nonce) => left.has(nonce))
    await settled(() => echo.cancelled.length, asked.length)
    const gone = new Map(echo.cancelled.map(({ nonce, atMs }) => [nonce, atMs]))
    const kept = asked.filter((nonce) => !gone.has(nonce))
    account.must(kept.length === 0, `${kept.length} of ${asked.length} upstream requests went on`)
    const delays = asked.flatMap((nonce) => {
      const atMs = gone.get(nonce)
      return atMs === undefined ? [] : [atMs - left.get(nonce)!]
    })
    account.atMost('upstream let go after, p99', quantile(delays, 0.99), CANCEL_MS, 'ms', 40)
    const rows = await account.rows(weir, told)
    const wrong = [...rows.values()].filter(({ status }) => status !== 499)
    account.must(wrong.length === 0, `${wrong.length} rows of those that left say no 499`)
    account.note(`${asked.length} of ${told.length} had reached the provider`)
  },
}

const THINK_MS = 200
const RUNNING_MAX = 8
const QUEUE_MAX = 16

const OVERLOAD: Scenario = {
  name: 'overload',
  title: 'ten times more than can be served',
  expected: 'goodput ≥ 80 %; refused at once, with retry-after',
  async run(account, pace) {
    await using world = new World()
    const echo = world.echo({ thinkMs: THINK_MS })
    const concurrency = { max: RUNNING_MAX, queue: QUEUE_MAX, queue_timeout: '20s' }
    const weir = await world.weir({
      providers: [providerAt('p', echo.baseUrl, { concurrency })],
      models: [modelOf('m', ['p'])],
    })
    const kind: Kind = { port: weir.port, model: 'm' }
    const startedMs = performance.now()
    const base = await inTurn(kind, pace.quick ? 32 : 120, RUNNING_MAX)
    const peak = (1_000 * base.length) / (performance.now() - startedMs)
    account.count('as many as can be served', base, 'right')
    const forMs = pace.quick ? 1_500 : 8_000
    const beganMs = performance.now()
    const told = await steadily(kind, { perSecond: 10 * peak, forMs })
    const tookMs = performance.now() - beganMs
    account.count('ten times more', told, 'right', 'error')
    account.errorsAre('ten times more', told, [
      [503, 'overloaded'],
      [429, 'concurrency_limit_exceeded'],
    ])
    const served = told.filter(({ outcome }) => outcome === 'right').length
    const refused = told.filter(({ outcome }) => outcome === 'error')
    const goodput = (1_000 * served) / tookMs
    account.note(`${served} served, ${refused.length} refused`)
    account.must(refused.length > 0, 'nothing was refused')
    // What else the machine does takes more or less of it between the two loads.
    const due = (pace.strict ? 0.8 : 0.4) * peak
    account.must(goodput >= due, `served ${goodput.toFixed(0)}/s of ${peak.toFixed(0)}/s`)
    account.note(`goodput ${Math.round((100 * goodput) / peak)} % of ${peak.toFixed(0)}/s`)
    account.must(
      refused.every(({ headers }) => headers['retry-after'] !== undefined),
      'a refusal says no retry-after',
    )
    const times = refused.map(({ totalMs }) => totalMs)
    // Far less than a place in the queue is waited for.
    account.atMost('refused within, p50', quantile(times, 0.5), 10, 'ms', 500)
    account.note(`p99 ${quantile(times, 0.99).toFixed(1)} ms`)
    account.must(echo.runningMax <= RUNNING_MAX, `${echo.runningMax} ran at the provider at once`)
    account.compare(told, base)
    const rows = await account.rows(weir, [...base, ...told])
    account.attempts(rows, told)
    account.askedAsRecorded(rows, told, [echo])
  },
}

/** Streams of clients that do not keep up, and what the program may take for each. */
interface Readers {
  readonly name: string
  readonly title: string
  readonly expected: string
  readonly readers: number
  readonly quickReaders: number
  /** Between two events of the provider; 0 is as fast as they are taken. */
  readonly gapMs: number
  /** Between two reads of the client; 0 is never again. */
  readonly readEveryMs: number
  readonly eachKibMax: number
}

const READERS: readonly Readers[] = [
  {
    name: 'slow-readers',
    title: 'slow readers on 500 streams',
    expected: '≤ 256 KiB each; others’ p99 < 2x',
    readers: 500,
    quickReaders: 100,
    // 10 KiB a second for each: many times what a model says.
    gapMs: 200,
    readEveryMs: 1_000,
    eachKibMax: 256,
  },
  {
    name: 'stalled-readers',
    title: 'readers that never read, endless provider',
    expected: 'provider held up; ≤ 4 MiB each',
    readers: 200,
    quickReaders: 20,
    gapMs: 0,
    readEveryMs: 0,
    // A bare pass-through of the runtime takes 2 MiB: it reads ahead of what is taken.
    eachKibMax: 4 * 1_024,
  },
]

/** Of less than this nobody can say that it doubled. */
const P99_FLOOR_MS = 5

function readersScenario(how: Readers): Scenario {
  const { name, title, expected } = how
  return {
    name,
    title,
    expected,
    async run(account, pace) {
      await using world = new World()
      const echo = world.echo()
      const flood = new Flood(how.gapMs)
      echo.fault = (asked) => flood.answer(asked)
      const weir = await world.weir({
        providers: [providerAt('p', echo.baseUrl)],
        models: [modelOf('m', ['p'])],
      })
      const others: Kind = { port: weir.port, model: 'm', pieces: 5 }
      const flow = { perSecond: 50, forMs: pace.quick ? 1_000 : 5_000 }
      await inTurn(others, pace.quick ? 100 : 400, 8)
      // On a machine that does other work so many a second pile up, whatever the readers do: there one comes after the other.
      const ask = () => (pace.strict ? steadily(others, flow) : inTurn(others, 50, 2))
      const base = await ask()
      account.count('before them', base, 'right')
      const before = memoryBytes(weir.pid)
      const readers = pace.quick ? how.quickReaders : how.readers
      const sockets = await Promise.all(
        Array.from({ length: readers }, (_, index) =>
          slowReader(weir.port, index % 2 === 0 ? 'openai' : 'anthropic', how.readEveryMs),
        ),
      )
      await settled(() => echo.times.size, base.length + readers)
      if (how.gapMs === 0) account.must(await flood.isHeldUp(), 'the provider was never held up')
      else await Bun.sleep(pace.quick ? 1_000 : 8_000)
      const during = await ask()
      account.count('beside them', during, 'right')
      const after = memoryBytes(weir.pid)
      account.compare(during, base)
      const { name: judged, share } = account.judged
      const slowest = (told: readonly Told[]) => quantile(rightTimes(told), share)
      const ratio = slowest(during) / Math.max(P99_FLOOR_MS, slowest(base))
      account.atMost(`${judged} of others, times`, ratio, 2, 'x')
      if (before !== undefined && after !== undefined) {
        const each = (after - before) / readers / 1_024
        account.atMost('memory for each', each, how.eachKibMax, 'KiB', 2)
        account.note(`${Math.round((after - before) / 1_048_576)} MiB for ${readers}`)
      }
      for (const socket of sockets) socket.terminate()
      account.attempts(await account.rows(weir, [...base, ...during]), during)
    },
  }
}

/** Streams without end for prompts of a single piece, which the readers alone send. */
class Flood {
  private readonly gapMs: number
  private readonly piece = new TextEncoder().encode(eventOf('~'.repeat(2_048)))
  private produced = 0

  constructor(gapMs: number) {
    this.gapMs = gapMs
  }

  answer({ words, signal }: Asked): Response | undefined {
    if (words.pieces > 1) return undefined
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (this.gapMs > 0) await Bun.sleep(this.gapMs)
        if (signal.aborted) return
        this.produced += 1
        controller.enqueue(this.piece)
      },
    })
    return new Response(body, { headers: STREAM_HEADERS })
  }

  /** Whether no more is asked of it, within twenty seconds: all buffers on the way are full. */
  async isHeldUp(): Promise<boolean> {
    const limitMs = performance.now() + 20_000
    for (let last = -1; performance.now() < limitMs;) {
      if (this.produced > 0 && this.produced === last) return true
      last = this.produced
      await Bun.sleep(400)
    }
    return false
  }
}

/** Takes what the system has for it, and again after a while where it is to. */
async function slowReader(port: number, client: 'openai' | 'anthropic', everyMs: number) {
  const { words } = askOf({ port, model: 'm', pieces: 1 })
  const messages = [{ role: 'user', content: promptOf(words) }]
  const body = JSON.stringify({ model: 'm', stream: true, messages, max_tokens: 100 })
  const path = client === 'openai' ? '/v1/chat/completions' : '/v1/messages'
  const request = requestText(
    'POST',
    path,
    [
      ['host', `127.0.0.1:${port}`],
      ['content-type', 'application/json'],
      ['anthropic-version', '2023-06-01'],
    ],
    body,
  )
  return await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      open: (socket) => void socket.write(request),
      data(socket) {
        socket.pause()
        if (everyMs > 0) setTimeout(() => socket.resume(), everyMs)
      },
      error() {},
    },
  })
}

export const CROWD_FAULTS: readonly Scenario[] = [
  DISCONNECTS,
  OVERLOAD,
  ...READERS.map(readersScenario),
]
