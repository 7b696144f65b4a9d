// Holds the fixture upstreams to what other tests take for granted of them: a fixture that plays no fault proves nothing.

import { expect, test } from 'bun:test'
import { connectTcp } from './tcp.ts'
import { freePort, rawRequest, readResponse, requestText } from './http.ts'
import { recording, recordingIds, haveRecordings } from './recordings.ts'
import { SEED, seededRandom } from './seed.ts'
import {
  after,
  atRandom,
  delayed,
  everyBytes,
  gzipBomb,
  gzipCut,
  gzipped,
  HeldStream,
  html,
  json,
  rateLimited,
  recorded,
  redirect,
  stream,
} from './upstream-answers.ts'
import {
  bytes,
  closeDelimited,
  dripHeaders,
  finAtOnce,
  finMidStream,
  headThenSilence,
  type Play,
  resetAtOnce,
  resetMidStream,
  shortBody,
  silent,
  startRawUpstream,
} from './upstream-raw.ts'
import { startUpstream } from './upstream.ts'

/** How reading an answer to its end went. */
async function outcome(url: string): Promise<{ text: string; failed: boolean }> {
  try {
    const response = await fetch(url, { method: 'POST', body: '{}' })
    return { text: await response.text(), failed: false }
  } catch {
    return { text: '', failed: true }
  }
}

test('a client that leaves is told, by the request and by the stream', async () => {
  const held = new HeldStream()
  await using upstream = startUpstream(held.answer)
  const abort = new AbortController()
  held.write('data: one\n\n')
  const response = await fetch(upstream.url, { signal: abort.signal })
  const reader = response.body!.getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: one\n\n')
  const request = await held.opened
  abort.abort()
  await Promise.all([request.disconnected, held.cancelled])
  await reader.read().catch(() => undefined)
})

test('a client that leaves before the first byte is told too', async () => {
  const never = new Promise(() => undefined)
  await using upstream = startUpstream(after(never, json({})))
  const abort = new AbortController()
  const answer = fetch(upstream.url, { signal: abort.signal }).catch((error: unknown) => error)
  const request = await upstream.request(0)
  abort.abort()
  await request.disconnected
  expect(await answer).toBeInstanceOf(Error)
})

test('a stream that the test breaks fails at the reader, after what was written', async () => {
  const held = new HeldStream()
  await using upstream = startUpstream(held.answer)
  held.write('first')
  const response = await fetch(upstream.url)
  const reader = response.body!.getReader()
  await reader.read()
  held.fail()
  await expect(reader.read()).rejects.toThrow()
})

const faults: [string, Play][] = [
  ['FIN in the middle of a chunked stream', finMidStream(['data: 1\n\n'])],
  ['RST in the middle of a stream', resetMidStream(['data: 1\n\n'], Promise.resolve())],
  ['RST at once', resetAtOnce],
  ['FIN at once', finAtOnce],
  ['a body shorter than announced', shortBody('{"a":', 100)],
]
for (const [name, play] of faults) {
  test(`${name} is a failure for fetch`, async () => {
    using upstream = startRawUpstream(play)
    expect((await outcome(upstream.url)).failed).toBe(true)
    expect(upstream.failures).toEqual([])
  })
}

test('RST and FIN differ on the wire', async () => {
  using upstream = startRawUpstream(resetAtOnce, finAtOnce)
  const request = requestText('GET', '/', [['host', 'a']])
  const first = await connectTcp(upstream.port)
  first.write(request)
  expect(await first.closed).toBe('reset')
  const second = await connectTcp(upstream.port)
  second.write(request)
  expect(await second.closed).toBe('end')
})

test('a close-delimited cut looks like a good end', async () => {
  using upstream = startRawUpstream(closeDelimited('data: 1\n\n'))
  expect(await outcome(upstream.url)).toEqual({ text: 'data: 1\n\n', failed: false })
})

test('silence and dripping headers keep the reader waiting until it leaves', async () => {
  using upstream = startRawUpstream(silent, dripHeaders(5))
  for (const index of [0, 1]) {
    const abort = new AbortController()
    const answer = fetch(upstream.url, { signal: abort.signal }).catch(() => 'left')
    const peer = await upstream.peer(index)
    await peer.received((raw) => raw.includes('\r\n\r\n'))
    abort.abort()
    expect(await answer).toBe('left')
    await peer.closed
  }
})

test('a head can come alone', async () => {
  using upstream = startRawUpstream(headThenSilence())
  const response = await fetch(upstream.url)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  await response.body!.cancel()
  await upstream.peers[0]!.closed
})

test('an endless stream is stopped by a reader that does not read', async () => {
  let made = 0
  const piece = new Uint8Array(64 * 1024)
  const endless = function* (): Generator<Uint8Array> {
    for (;;) {
      made += 1
      yield piece
    }
  }
  await using upstream = startUpstream(stream(endless()), json({ ok: true }))
  const client = await connectTcp(upstream.port)
  client.write(requestText('GET', '/', [['host', 'a']]))
  await client.received((raw) => raw.length > 256 * 1024)
  client.reset()
  const request = await upstream.request(0)
  await request.disconnected
  const then = made
  expect(await (await fetch(upstream.url)).json()).toEqual({ ok: true })
  expect(made - then).toBeLessThan(1_000)
})

test('scripted answers come in order and the last one again; requests are kept', async () => {
  await using upstream = startUpstream(json({ n: 1 }), json({ n: 2 }, { status: 201 }))
  const bodies: unknown[] = []
  for (const body of ['{"a":1}', '{"a":2}', '{"a":3}']) {
    const headers = { 'x-test': body }
    const response = await fetch(`${upstream.url}/v1/x?y=1`, { method: 'POST', body, headers })
    bodies.push([response.status, await response.json()])
  }
  expect(bodies).toEqual([
    [200, { n: 1 }],
    [201, { n: 2 }],
    [201, { n: 2 }],
  ])
  expect(upstream.requests.map((request) => request.json())).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }])
  expect(upstream.requests[1]?.headers['x-test']).toBe('{"a":2}')
  expect(upstream.requests[1]?.target).toBe('/v1/x?y=1')
  expect((await upstream.request(2)).method).toBe('POST')
})

test('a delayed answer, and bytes that are no HTTP', async () => {
  await using upstream = startUpstream(delayed(1, json({ late: true })))
  expect(await (await fetch(upstream.url)).json()).toEqual({ late: true })
  using broken = startRawUpstream(bytes('SSH-2.0-OpenSSH\r\n\r\n'))
  expect((await outcome(broken.url)).failed).toBe(true)
})

test('an unscripted request and a throwing answer are seen', async () => {
  await using upstream = startUpstream()
  expect((await fetch(upstream.url)).status).toBe(501)
  upstream.play(() => {
    throw new Error('scripted')
  })
  expect((await fetch(upstream.url)).status).toBe(500)
  expect(upstream.failures).toHaveLength(1)
})

test('odd answers are what they say', async () => {
  await using upstream = startUpstream(
    html(),
    redirect(307, 'http://127.0.0.1:1/'),
    rateLimited('7'),
    gzipped('{"a":"ä"}'),
  )
  const page = await fetch(upstream.url)
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  const moved = await fetch(upstream.url, { redirect: 'manual' })
  expect([moved.status, moved.headers.get('location')]).toEqual([307, 'http://127.0.0.1:1/'])
  const limited = await fetch(upstream.url)
  expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7'])
  expect(await (await fetch(upstream.url)).json()).toEqual({ a: 'ä' })
})

test('a gzip bomb is small on the wire and large when opened; a cut one fails', async () => {
  const inflatedBytes = 8 * 1024 * 1024
  await using upstream = startUpstream(await gzipBomb(inflatedBytes), gzipCut('x'.repeat(50_000)))
  const squeezed = await fetch(upstream.url, { decompress: false })
  expect((await squeezed.bytes()).length).toBeLessThan(inflatedBytes / 500)
  upstream.play(await gzipBomb(inflatedBytes))
  expect((await (await fetch(upstream.url)).text()).length).toBe(inflatedBytes + 13)
  upstream.play(gzipCut(Array.from({ length: 5_000 }, (_, index) => index).join()))
  expect((await outcome(upstream.url)).failed).toBe(true)
})

test('any chunking of a text is the text, inside characters too', () => {
  const body = 'data: grüße 🌊\r\n\r\n'.repeat(20)
  for (const size of [1, 2, 3, 7, 1_000]) {
    expect(Buffer.concat(everyBytes(body, size)).toString('utf8')).toBe(body)
  }
  const random = seededRandom()
  for (let round = 0; round < 50; round += 1) {
    const joined = Buffer.concat(atRandom(body, 9, random)).toString('utf8')
    if (joined !== body) throw new Error(`chunking lost bytes with WEIR_SEED=${SEED}`)
  }
})

test('the raw client reads framed, chunked and cut answers as they are', async () => {
  await using upstream = startUpstream(json({ a: 'ü' }), stream(['data: ü\n\n', 'data: 2\n\n']))
  const request = requestText('POST', '/', [['host', 'x:99999']], '{}')
  const plain = await rawRequest(upstream.port, request)
  expect([plain.status, plain.body, plain.complete]).toEqual([200, '{"a":"ü"}', true])
  const chunked = await rawRequest(upstream.port, request)
  expect([chunked.body, chunked.complete]).toEqual(['data: ü\n\ndata: 2\n\n', true])
  using broken = startRawUpstream(shortBody('{"a":', 100))
  expect((await rawRequest(broken.port, request)).complete).toBe(false)
})

test('two requests on one connection are read one after the other', async () => {
  await using upstream = startUpstream(json({ n: 1 }), json({ n: 2 }))
  const peer = await connectTcp(upstream.port)
  const request = requestText('GET', '/', [['host', 'a']])
  peer.write(request)
  const first = await readResponse(peer)
  peer.write(request)
  const second = await readResponse(peer, first.raw.length)
  expect([first.body, second.body]).toEqual(['{"n":1}', '{"n":2}'])
  peer.end()
  expect(await peer.closed).toBe('end')
})

test('a free port has no listener', async () => {
  await expect(connectTcp(freePort())).rejects.toThrow()
})

test.skipIf(!haveRecordings('fixture upstream, recordings'))(
  'a recorded stream is played byte for byte in any chunking',
  async () => {
    const id = recordingIds({ endpoints: ['chat.completions'], kinds: ['stream'] })[0]!
    const found = recording(id)
    await using upstream = startUpstream(recorded(found, (body) => everyBytes(body, 11)))
    const response = await fetch(upstream.url)
    expect(await response.text()).toBe(found.response.raw!)
    expect(response.headers.get('content-type')).toContain('text/event-stream')
  },
)
