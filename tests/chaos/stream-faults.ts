// Faults in the middle of an answer: silence, a broken connection, a half-closed one, broken events, no end at all. What was begun as
// a stream ends with an error in the client's protocol; what was to come whole is asked of the next target.

import type { Cut, WayFaults } from '../../src/testing/fault-proxy.ts'
import { watchGrowth } from '../harness/weir.ts'
import type { Scenario } from './account.ts'
import { behind } from './connection-faults.ts'
import { atOnce } from './load.ts'
import { DONE, eventOf, pieceOf, STREAM_HEADERS, wholeOf, type Fault } from './echo.ts'
import { BROKEN, BROKEN_OR_RIGHT, failing, faultScenario, RIGHT } from './fault-case.ts'
import { modelOf, providerAt, World } from './world.ts'

const IDLE_MS = 200
const SLACK_MS = 50
/** Within the third piece of a stream, and within the body of a whole answer. */
const CUT_AT_BYTE = 1_000
const LONG = { pieces: 6, gapMs: 2, fillChars: 300 }

function cutScenario(name: string, title: string, how: Cut, late: boolean): Scenario {
  const answer: WayFaults = { cut: { atByte: CUT_AT_BYTE, how } }
  const failed = late ? failing([504, 'upstream_timeout']) : failing([502, 'upstream_error'])
  return faultScenario({
    name,
    title,
    expected: 'stream: in-band error; whole: failover',
    make: (world, echo) =>
      behind(
        world,
        echo,
        { answer },
        // Where nothing is silent no deadline may come before the break.
        { timeouts: { idle: late ? `${IDLE_MS}ms` : '20s', first_byte: '20s', total: '25s' } },
      ),
    alone: { whole: failed, stream: BROKEN },
    pair: { whole: RIGHT, stream: BROKEN_OR_RIGHT },
    ...LONG,
    // Running streams are looked at every quarter of a second.
    ...(late ? { attemptMsMax: IDLE_MS + 250 + SLACK_MS } : {}),
  })
}

/** The right pieces with something between or behind them. */
function spoilt(between: string, end: string): Fault {
  return ({ words, stream }) => {
    if (!stream) {
      const text = JSON.stringify(wholeOf(words))
      const half = text.slice(0, text.length >> 1)
      return new Response(half, { headers: { 'content-type': 'application/json' } })
    }
    const [first, second] = [pieceOf(words, 0), pieceOf(words, 1)].map((piece) => eventOf(piece))
    return new Response(`${first}${between}${second}${end}`, { headers: STREAM_HEADERS })
  }
}

const BROKEN_EVENTS: Readonly<Record<string, Fault>> = {
  'no-terminator': spoilt('', ''),
  'broken-json': spoilt('data: {"choices":[{"index":0,"delta":{"content":\n\n', DONE),
  garbage: spoilt('data: <html>504 Gateway Time-out</html>\n\n', DONE),
  'cut-event': spoilt('', 'data: {"choices":[{"index":0,"del'),
}

function brokenEvents(name: string, fault: Fault): Scenario {
  const bad = failing([502, 'upstream_bad_response'], [502, 'upstream_error'])
  return faultScenario({
    name: `sse-${name}`,
    title: `broken SSE, ${name.replace('-', ' ')}`,
    expected: 'stream: in-band error; whole: failover',
    make(_world, echo) {
      echo.fault = fault
      return { baseUrl: echo.baseUrl }
    },
    alone: { whole: bad, stream: BROKEN },
    pair: { whole: RIGHT, stream: BROKEN_OR_RIGHT },
  })
}

const TOTAL_MS = 1_500
const ENDLESS_CLIENTS = 8
/** Far below what the endless streams bring within their time. */
const ENDLESS_BYTES_MAX = 64 * 1024 * 1024

/** Right pieces, and after them empty ones for ever, each with something large beside. */
const endless: Fault = ({ words, signal }) => {
  let index = 0
  const encoder = new TextEncoder()
  const beside = eventOf('').replace('"index":0', `"index":0,"beside":"${'x'.repeat(8_192)}"`)
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await Bun.sleep(1)
      if (signal.aborted) return
      controller.enqueue(
        encoder.encode(index < words.pieces ? eventOf(pieceOf(words, index)) : beside),
      )
      index += 1
    },
  })
  return new Response(body, { headers: STREAM_HEADERS })
}

const INFINITE: Scenario = {
  name: 'infinite',
  title: 'stream without end',
  expected: 'in-band error at total; memory bounded',
  async run(account) {
    await using world = new World()
    const echo = world.echo()
    echo.fault = endless
    const weir = await world.weir({
      providers: [providerAt('p', echo.baseUrl, { timeouts: { total: `${TOTAL_MS}ms` } })],
      models: [modelOf('m', ['p'])],
    })
    const grown = watchGrowth(weir.pid)
    const told = await atOnce({ port: weir.port, model: 'm', stream: true }, ENDLESS_CLIENTS)
    account.count('endless streams', told, 'broken')
    const rows = await account.rows(weir, told)
    account.attempts(rows, told)
    const longest = Math.max(...told.map(({ totalMs }) => totalMs))
    account.atMost('cut after', longest, TOTAL_MS + 500, 'ms')
    account.must(
      told.every(({ totalMs }) => totalMs >= TOTAL_MS - 50),
      'a stream was cut before its time',
    )
    if (grown !== undefined) {
      account.atMost('memory grew by', grown() / 1_048_576, ENDLESS_BYTES_MAX / 1_048_576, 'MiB', 4)
    }
    for (const row of rows.values()) {
      account.must(row['error_kind'] === 'upstream_timeout', `a row: ${String(row['error_kind'])}`)
    }
  },
}

export const STREAM_FAULTS: readonly Scenario[] = [
  cutScenario('silence', 'silence mid-stream', 'silence', true),
  cutScenario('reset', 'reset mid-stream', 'reset', false),
  cutScenario('half-closed', 'half-closed socket mid-stream', 'fin', false),
  ...Object.entries(BROKEN_EVENTS).map(([name, fault]) => brokenEvents(name, fault)),
  INFINITE,
]
