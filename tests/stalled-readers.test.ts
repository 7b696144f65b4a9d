// Clients that ask for a stream and never read it, against the executable: their provider is held up, memory stays bounded,
// others go on, and what is left is cleaned up and logged when they go.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { requestText } from '../src/testing/http.ts'
import { startUpstream, type Upstream } from '../src/testing/upstream.ts'
import { stream } from '../src/testing/upstream-answers.ts'
import { bodyOf, expectHealthy, expectRow, nextRequestId, PATHS } from './harness/ask.ts'
import { memoryBytes, startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(120_000)

let weir: Weir
let endless: Upstream
/** Pieces that the endless provider has been asked for. */
let produced = 0
const PIECE_CHARS = 16_384

async function* pieces(): AsyncGenerator<string> {
  const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' }
  const delta = { content: 'x'.repeat(PIECE_CHARS) }
  for (;;) {
    produced += 1
    yield `data: ${JSON.stringify({ ...chunk, choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`
  }
}

beforeAll(async () => {
  endless = startUpstream((request) =>
    request.method === 'GET' ? new Response('{"data":[]}') : stream(pieces())(request),
  )
  const base = `${endless.url}/v1`
  weir = await startWeir({
    config: {
      server: { drain_timeout: '1s' },
      providers: [{ id: 'endless', type: 'custom', compatible: 'openai', base_url: base }],
    },
  })
  // Asked for its models once after the start: nothing but the test's requests comes after that.
  await endless.request(0)
})
afterAll(async () => {
  expect(await weir.stop()).toBe(0)
  await endless.close()
})

const READERS = 40
/** Memory of the program for each. The runtime alone takes two megabytes: it reads ahead of what is taken. */
const BYTES_PER_READER_MAX = 4 * 1_024 * 1_024
const MEMORY_SLACK_BYTES = 48 * 1_024 * 1_024
/** Far above what it takes to fill the buffers of all readers on a busy machine. */
const SETTLE_LIMIT_MS = 60_000

test.each(['relay', 'translate'] as const)(
  'readers that never read hold up their provider, %s',
  async (mode) => {
    const dialect = mode === 'relay' ? 'openai' : 'anthropic'
    await expectHealthy(weir)
    const before = memoryBytes(weir.pid)
    produced = 0
    const ids = Array.from({ length: READERS }, () => nextRequestId())
    const first = endless.requests.length
    const sockets = await Promise.all(
      ids.map((id) => stalledReader(weir.port, PATHS[dialect], id, dialect)),
    )
    const streams = await Promise.all(ids.map((_, at) => endless.request(first + at)))
    const total = await settled(() => produced)
    // The system's buffers on two connections, and ours; without back-pressure it were gigabytes and it never settled.
    expect((total * PIECE_CHARS) / READERS).toBeLessThan(systemBufferBytes() + BYTES_PER_READER_MAX)
    if (before !== undefined) {
      const grown = memoryBytes(weir.pid)! - before
      expect(grown).toBeLessThan(READERS * BYTES_PER_READER_MAX + MEMORY_SLACK_BYTES)
    }
    // Others go on as if nothing were.
    const startedMs = performance.now()
    await expectHealthy(weir)
    expect(performance.now() - startedMs).toBeLessThan(20_000)
    for (const socket of sockets) socket.terminate()
    await Promise.all(streams.map((request) => request.disconnected))
    for (const id of ids) await expectRow(weir, id, 499, 'client_closed')
  },
)

/**
 * What the system may hold between the provider and a reader that takes nothing: a send and a receive buffer on each of two
 * connections. Linux says how far it grows them, and machines differ by a factor of five.
 */
function systemBufferBytes(): number {
  const largest = (name: string) => {
    const file = `/proc/sys/net/ipv4/${name}`
    if (!existsSync(file)) return 6 * 1_024 * 1_024
    return Number(readFileSync(file, 'utf8').trim().split(/\s+/)[2])
  }
  return 2 * (largest('tcp_wmem') + largest('tcp_rmem'))
}

/** A connection that sends its request and then takes nothing. */
async function stalledReader(
  port: number,
  path: string,
  id: string,
  dialect: 'openai' | 'anthropic',
) {
  const body = JSON.stringify(bodyOf(dialect, 'endless/m', 'hi', true))
  const request = requestText(
    'POST',
    path,
    [
      ['host', `127.0.0.1:${port}`],
      ['content-type', 'application/json'],
      ['x-request-id', id],
    ],
    body,
  )
  return await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      open(socket) {
        socket.write(request)
        socket.pause()
      },
      data() {},
      error() {},
    },
  })
}

/** A counter's value once it has stopped moving. @throws when it never does */
async function settled(read: () => number): Promise<number> {
  const limit = performance.now() + SETTLE_LIMIT_MS
  let last = -1
  while (performance.now() < limit) {
    const now = read()
    if (now === last && now > 0) return now
    last = now
    await Bun.sleep(400)
  }
  throw new Error(`still moving after ${SETTLE_LIMIT_MS} ms: ${last}`)
}
