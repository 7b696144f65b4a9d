// The end of the executable: `/readyz` first, then no new requests, streams of every protocol to their own ends, and at the deadline
// an error in the words of each. No row is lost, and the process is gone in time.

import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { LIMITS } from '../src/core/limits.ts'
import { connectTcp } from '../src/testing/tcp.ts'
import { readResponse, requestText } from '../src/testing/http.ts'
import { startHeldUpstream, type HeldUpstream } from '../src/testing/held-upstream.ts'
import { PROTOCOLS, send, type Protocol } from './harness/all-dialects.ts'
import { expectSingleRows, startWeir, type LogRow, type Weir } from './harness/weir.ts'

setDefaultTimeout(120_000)

/** What a test does while it drains must be done by then, and a busy machine may leave this process standing for seconds. */
const DRAIN_MS = 6_000
/** How long a drain may take as a whole, and what a busy machine may add to it. */
const endMaxMs = (drainMs: number) => drainMs + 2 * LIMITS.stopFlushMs + 10_000

const running: { weir: Weir; held: HeldUpstream }[] = []

async function start(server: object, concurrency?: object) {
  const held = startHeldUpstream()
  const provider = {
    id: 'held',
    type: 'custom',
    compatible: 'openai',
    base_url: `${held.url}/v1`,
    retries: { max: 0 },
    ...(concurrency === undefined ? {} : { concurrency }),
  }
  const weir = await startWeir({ config: { server, providers: [provider] } })
  running.push({ weir, held })
  return { weir, held }
}

afterEach(async () => {
  for (const { weir, held } of running.splice(0)) {
    held.release()
    await weir.stop('SIGKILL')
    await held.close()
  }
})

const OPENAI = PROTOCOLS.find(({ name }) => name === 'openai-chat')!
const MODEL = 'held/m'

interface Streaming {
  readonly protocol: Protocol
  readonly requestId: string
  readonly status: number
  readonly text: Promise<string>
}

/** So many streams of each protocol, all of which have begun. */
async function streamsOfAll(weir: Weir, held: HeldUpstream, each: number): Promise<Streaming[]> {
  const before = held.asked.length
  const opening = PROTOCOLS.flatMap((protocol) =>
    Array.from({ length: each }, async () => {
      const sent = await send(weir.url, protocol.ask(MODEL, 'go', true))
      const { requestId, response } = sent
      return { protocol, requestId, status: response.status, text: response.text() }
    }),
  )
  await held.arrived(before + opening.length)
  return await Promise.all(opening)
}

/** Asked over a connection of its own: the status, or undefined where nobody listens any more. */
async function get(weir: Weir, path: string): Promise<number | undefined> {
  try {
    const peer = await connectTcp(weir.port)
    peer.write(requestText('GET', path, [['host', `127.0.0.1:${weir.port}`]]))
    return (await readResponse(peer)).status
  } catch {
    return undefined
  }
}

/** Sends the signal and waits until the process says that it is on its way. */
async function terminate(weir: Weir): Promise<void> {
  process.kill(weir.pid, 'SIGTERM')
  while ((await get(weir, '/readyz')) === 200);
}

function isGood(row: LogRow | undefined): boolean {
  return row?.['status'] === 200 && row['error_kind'] === null
}

function rowsById(weir: Weir): Map<unknown, LogRow> {
  expectSingleRows(weir)
  return new Map(weir.rows().map((row) => [row['request_id'], row]))
}

/** Streams of other forms: bytes passed on from a provider, and Gemini's array. Each has begun. */
async function otherStreams(weir: Weir, held: HeldUpstream): Promise<Promise<string>[]> {
  const before = held.asked.length
  const gemini = PROTOCOLS.find(({ name }) => name === 'gemini')!.ask(MODEL, 'array', true)
  const raw = { ...OPENAI.ask('m', 'raw', true), path: '/proxy/held/v1/chat/completions' }
  const all = await Promise.all([
    send(weir.url, raw),
    send(weir.url, { ...gemini, path: gemini.path.replace('?alt=sse', '') }),
  ])
  await held.arrived(before + all.length)
  for (const { response } of all) expect(response.status).toBe(200)
  return all.map(({ response }) => response.text())
}

/** A form of which half has come. */
async function unfinishedUpload(weir: Weir) {
  const peer = await connectTcp(weir.port)
  const head = requestText('POST', '/v1/files', [
    ['host', `127.0.0.1:${weir.port}`],
    ['content-type', 'multipart/form-data; boundary=b'],
    ['content-length', '1000'],
  ])
  peer.write(`${head}--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf`)
  // Whoever came after it has been answered: it is there.
  expect(await get(weir, '/health')).toBe(200)
  return { answer: readResponse(peer) }
}

describe('SIGTERM', () => {
  test('under 216 streams of all protocols: each comes to its own end', async () => {
    const { weir, held } = await start({ drain_timeout: '30s', stop_delay: '5s' })
    const streams = await streamsOfAll(weir, held, 36)
    process.kill(weir.pid, 'SIGTERM')
    // Within the delay a load balancer hears that it should look elsewhere, and who comes all the same is served.
    const seen = new Set<number | undefined>()
    while (!seen.has(503)) seen.add(await get(weir, '/readyz'))
    expect([...seen].every((status) => status === 200 || status === 503)).toBe(true)
    const late = await send(weir.url, OPENAI.ask(MODEL, 'late', true))
    expect(late.response.status).toBe(200)
    expect(late.response.headers.get('connection')).toBe('close')
    const lateText = late.response.text()
    // Then nobody listens any more, while all of them run on.
    while ((await get(weir, '/health')) !== undefined) await Bun.sleep(20)
    expect(held.running).toBe(streams.length + 1)
    held.release()
    for (const { protocol, status, text } of streams) {
      expect(status).toBe(200)
      const whole = await text
      expect(whole).toMatch(protocol.terminator)
      expect(whole).not.toMatch(protocol.stopping)
    }
    expect(await lateText).toMatch(OPENAI.terminator)
    expect(await weir.ended).toBe(0)
    const rows = rowsById(weir)
    expect(rows.size).toBe(streams.length + 1)
    for (const { requestId } of streams) expect(isGood(rows.get(requestId))).toBe(true)
  })

  test('at the deadline each stream is told so in its protocol, and nothing is lost', async () => {
    const { weir, held } = await start({ drain_timeout: '1500ms' })
    const streams = await streamsOfAll(weir, held, 36)
    const whole = PROTOCOLS.map(async (protocol) => {
      const sent = await send(weir.url, protocol.ask(MODEL, 'whole', false))
      return { protocol, ...sent, text: await sent.response.text() }
    })
    await held.arrived(streams.length + whole.length)
    const others = await otherStreams(weir, held)
    const upload = await unfinishedUpload(weir)
    const startedMs = performance.now()
    process.kill(weir.pid, 'SIGTERM')
    for (const { protocol, text } of streams) {
      const got = await text
      expect(got).toMatch(protocol.stopping)
      expect(got).not.toMatch(protocol.terminator)
    }
    expect(performance.now() - startedMs).toBeGreaterThan(1_400)
    for (const { protocol, response, text } of await Promise.all(whole)) {
      expect(response.status).toBe(protocol.name === 'anthropic' ? 529 : 503)
      expect(text).toContain('This server is shutting down.')
      expect(response.headers.get('retry-after')).toBe('1')
      expect(response.headers.get('x-should-retry')).toBe('true')
      expect(response.headers.get('connection')).toBe('close')
    }
    for (const text of others) expect(await text).toContain('This server is shutting down.')
    expect((await upload.answer).body).toContain('server_shutting_down')
    expect(await weir.ended).toBe(0)
    expect(performance.now() - startedMs).toBeLessThan(endMaxMs(1_500))
    // Their provider was told as well.
    await held.idle()
    const rows = rowsById(weir)
    expect(rows.size).toBe(streams.length + whole.length + others.length + 1)
    for (const row of rows.values()) expect(row['error_kind']).toBe('shutting_down')
    for (const { requestId } of streams) {
      const row = rows.get(requestId)
      // What was used by then is counted.
      expect(row).toMatchObject({ status: 200, usage_estimated: 1 })
      expect(row?.['input_tokens']).toBeGreaterThan(0)
    }
  })

  test('refuses who waits for a turn at once, who comes on an open connection, and who is still sending', async () => {
    const drain_timeout = `${DRAIN_MS}ms`
    const { weir, held } = await start({ drain_timeout, max_concurrent: 2, queue: 1 })
    const kept = await connectTcp(weir.port)
    const host = ['host', `127.0.0.1:${weir.port}`] as const
    kept.write(requestText('GET', '/health', [host]))
    const first = await readResponse(kept)
    const stream = await send(weir.url, OPENAI.ask(MODEL, 'runs', true))
    const text = stream.response.text()
    await held.arrived(1)
    // A body that never ends holds the other place.
    const sending = await connectTcp(weir.port)
    const type = ['content-type', 'application/json'] as const
    const head = requestText('POST', '/v1/chat/completions', [
      host,
      type,
      ['x-request-id', 'sending'],
      ['content-length', '1000'],
    ])
    sending.write(`${head}{"model":`)
    expect(await get(weir, '/health')).toBe(200)
    const [waiting] = await queued(weir, 1)
    const body = JSON.stringify(OPENAI.ask(MODEL, 'kept', true).body)
    process.kill(weir.pid, 'SIGTERM')
    const refused = await waiting!
    // At once: open connections are told so for a moment only.
    kept.write(
      requestText('POST', '/v1/chat/completions', [host, type, ['x-request-id', 'kept']], body),
    )
    expect(refused.response.status).toBe(503)
    expect(await refused.response.json()).toMatchObject({ error: { code: 'server_shutting_down' } })
    expect(held.running).toBe(1)
    const answer = await readResponse(kept, first.raw.length)
    expect([answer.status, answer.headers['connection']?.toLowerCase()]).toEqual([503, 'close'])
    expect(answer.body).toContain('server_shutting_down')
    expect(answer.headers['retry-after']).toBe('1')
    expect(await kept.closed).toBe('end')
    held.release()
    expect(await text).toMatch(OPENAI.terminator)
    const broken = await readResponse(sending)
    expect(broken.status).toBe(503)
    expect(broken.body).toContain('server_shutting_down')
    expect(await weir.ended).toBe(0)
    const rows = rowsById(weir)
    expect(rows.size).toBe(5)
    expect(isGood(rows.get(stream.requestId))).toBe(true)
    for (const id of [refused.requestId, 'kept', 'sending']) {
      expect(rows.get(id)).toMatchObject({ status: 503, error_kind: 'shutting_down' })
    }
  })

  test('cuts who waits for a busy provider only at the deadline', async () => {
    const { weir, held } = await start({ drain_timeout: `${DRAIN_MS}ms` }, { max: 1, queue: 2 })
    const stream = await send(weir.url, OPENAI.ask(MODEL, 'runs', true))
    const text = stream.response.text()
    await held.arrived(1)
    const waiting = await queued(weir, 2)
    await terminate(weir)
    held.release(1)
    expect(await text).toMatch(OPENAI.terminator)
    await held.arrived(2)
    const both = await Promise.all(waiting)
    expect(both.map(({ response }) => response.status).sort()).toEqual([200, 503])
    const texts = await Promise.all(both.map(({ response }) => response.text()))
    for (const each of texts) expect(each).toContain('server_shutting_down')
    expect(held.asked).toHaveLength(2)
    expect(await weir.ended).toBe(0)
  })

  test('a client that leaves meanwhile has left, and one that never reads holds up nothing', async () => {
    const { weir, held } = await start({ drain_timeout: `${DRAIN_MS}ms` })
    const leaving = new AbortController()
    const { signal } = leaving
    const left = await send(weir.url, OPENAI.ask(MODEL, 'leaves', true), { signal })
    const reader = await connectTcp(weir.port)
    const body = JSON.stringify(OPENAI.ask(MODEL, 'reads not', true).body)
    const head = [
      ['host', `127.0.0.1:${weir.port}`],
      ['content-type', 'application/json'],
      ['x-request-id', 'reads-not'],
    ] as const
    reader.write(requestText('POST', '/v1/chat/completions', head, body))
    await held.arrived(2)
    const startedMs = performance.now()
    await terminate(weir)
    leaving.abort()
    expect(await weir.ended).toBe(0)
    expect(performance.now() - startedMs).toBeLessThan(endMaxMs(DRAIN_MS))
    const rows = rowsById(weir)
    expect(rows.get(left.requestId)).toMatchObject({ status: 499, error_kind: 'client_closed' })
    expect(rows.get('reads-not')).toMatchObject({ error_kind: 'shutting_down' })
  })

  test('with nothing to do it ends at once; a second signal does not wait', async () => {
    const tookMs: number[] = []
    for (let count = 0; count < 3; count += 1) {
      const { weir } = await start({})
      const startedMs = performance.now()
      process.kill(weir.pid, 'SIGTERM')
      expect(await weir.ended).toBe(0)
      tookMs.push(performance.now() - startedMs)
    }
    // A busy machine may hold one of them up; a wait for nothing would hold up all.
    expect(Math.min(...tookMs)).toBeLessThan(1_000)
    const busy = await start({ drain_timeout: '30s' })
    const stream = send(busy.weir.url, OPENAI.ask(MODEL, 'runs', true))
    await busy.held.arrived(1)
    await stream
    await terminate(busy.weir)
    process.kill(busy.weir.pid, 'SIGTERM')
    expect(await busy.weir.ended).toBe(130)
  })
})

test('SIGKILL: what was answered a moment ago is there, and the store is whole', async () => {
  const { weir, held } = await start({})
  held.release()
  const ids: string[] = []
  for (let at = 0; at < 20; at++) {
    const { response, requestId } = await send(weir.url, OPENAI.ask(MODEL, 'quick', false))
    await response.text()
    ids.push(requestId)
  }
  await weir.row(ids.at(-1)!)
  const cut = send(weir.url, OPENAI.ask(MODEL, 'cut', true)).catch(() => undefined)
  process.kill(weir.pid, 'SIGKILL')
  await cut
  await weir.ended
  const rows = rowsById(weir)
  for (const id of ids) expect(isGood(rows.get(id))).toBe(true)
  for (const name of ['weir.db', 'weir-log.db']) {
    const database = new Database(join(weir.dataFolder, name))
    expect(database.query('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    database.close()
  }
  expect((await weir.runCli('keys', 'create', 'after')).code).toBe(0)
})

type Sent = Awaited<ReturnType<typeof send>>

/**
 * Requests that wait for their turn by now: one more is sent than the queue takes, and when that one is refused the others are in it.
 */
async function queued(weir: Weir, queueMax: number): Promise<Promise<Sent>[]> {
  const all = Array.from({ length: queueMax + 1 }, (_, at) =>
    send(weir.url, OPENAI.ask(MODEL, `queued ${at}`, true)),
  )
  const { index, sent } = await Promise.race(
    all.map(async (sending, at) => ({ index: at, sent: await sending })),
  )
  expect(sent.response.status).toBe(503)
  expect(await sent.response.json()).toMatchObject({ error: { code: 'overloaded' } })
  return all.toSpliced(index, 1)
}
