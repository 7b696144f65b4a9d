// Hosts and proxies that swallow packets: the one fault that only a real stopped listener shows.

import { expect, test } from 'bun:test'
import { GatewayError } from '../core/error.ts'
import type { UpstreamRequest } from '../core/ports.ts'
import { systemClock } from '../system.ts'
import { fillBacklog, withBlackHole } from '../testing/black-hole.ts'
import { HandDeadlines } from '../testing/time-by-hand.ts'
import { SharedDeadlines } from './deadlines.ts'
import { HttpTransport } from './http-transport.ts'
import { AddressGuard } from './resolve.ts'

const CONNECT_MS = 1_000
const FIRST_BYTE_MS = 30_000

function request(url: string, over: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    url,
    method: 'GET',
    headers: {},
    timeouts: {
      connectMs: CONNECT_MS,
      firstByteMs: FIRST_BYTE_MS,
      idleMs: 30_000,
      totalMs: 60_000,
    },
    network: { allowPrivate: true },
    signal: new AbortController().signal,
    ...over,
  }
}

/** How it failed, and after how long. */
async function timed(sending: Promise<unknown>): Promise<{ error: GatewayError; tookMs: number }> {
  const startedMs = performance.now()
  try {
    await sending
  } catch (error) {
    if (error instanceof GatewayError) return { error, tookMs: performance.now() - startedMs }
    throw error
  }
  throw new Error('it did not fail')
}

test('a black hole is a timeout at the connect limit: host, proxy, and a name with other addresses', async () => {
  await withBlackHole(async ({ address, port, answering }) => {
    const addresses = { list: [address] }
    const via = new HttpTransport(
      new AddressGuard(
        () => performance.now(),
        async () => addresses.list,
      ),
      new SharedDeadlines(systemClock),
      () => performance.now(),
    )
    const hole = `http://${address}:${port}`
    const proxied = request('https://a.test/', { network: { proxy: hole } })
    const results = await Promise.all([
      timed(via.send(request(`${hole}/x`))),
      timed(via.send(request(`https://${address}:${port}/x`))),
      timed(via.send(proxied)),
    ])
    for (const { error, tookMs } of results) {
      expect(error.kind).toBe('upstream_timeout')
      expect(error.cause).toContain('connection')
      expect(tookMs).toBeGreaterThan(CONNECT_MS * 0.9)
      // Long before the next limit: which one it was its cause says, and no clock of a busy machine.
      expect(tookMs).toBeLessThan(FIRST_BYTE_MS / 2)
    }
    expect(results[2].error.cause).toContain('proxy')

    // The first of two addresses swallows everything: the other one is found before the connect limit, and kept.
    addresses.list = [address, answering]
    const silentServer = { connectMs: 30_000, firstByteMs: 400, idleMs: 400, totalMs: 60_000 }
    const found = await timed(
      via.send(request(`http://two.test:${port}/`, { timeouts: silentServer })),
    )
    expect(found.error.cause).toContain('first byte')
    expect(found.tookMs).toBeLessThan(15_000)
  })
})

/** Takes one connection, says what it is told to in two halves, and tells when it was asked. */
const BUSY_SERVER = `
const told = process.stdin[Symbol.asyncIterator]()
const server = require('node:net').createServer((socket) => {
  socket.on('error', () => undefined)
  socket.once('data', async () => {
    console.log('asked')
    await told.next()
    socket.write('HTTP/1.1 200 OK\\r\\ncontent-length: 12\\r\\n\\r\\nfirst ')
    await told.next()
    socket.end('second')
  })
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => console.log(server.address().port))
`

test('an answer that has begun is not broken off because nobody else could connect', async () => {
  if (process.platform !== 'linux') return
  const child = Bun.spawn([process.execPath, '-e', BUSY_SERVER], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const tell = async (word: string) => {
    child.stdin.write(word)
    await child.stdin.flush()
  }
  const lines = linesOf(child.stdout)
  const fillers: { end(): void }[] = []
  try {
    const port = Number((await lines.next()).value)
    const deadlines = new HandDeadlines()
    const via = new HttpTransport(new AddressGuard(() => performance.now()), deadlines, () =>
      performance.now(),
    )
    const sending = via.send(request(`http://127.0.0.1:${port}/x`))
    expect((await lines.next()).value).toBe('asked')
    // Stopped, it takes nobody else: the connection that is tried half-way to the limit is not answered.
    child.kill('SIGSTOP')
    await fillBacklog('127.0.0.1', port, fillers)
    expect(deadlines.pass(CONNECT_MS / 2)).toBe(1)
    child.kill('SIGCONT')
    await tell('first')
    const answer = await sending
    // The limit would come while the answer does: it is gone, whoever could not connect.
    expect(deadlines.pass(CONNECT_MS / 2)).toBe(0)
    await tell('second')
    expect(new TextDecoder().decode(await answer.bytes(100))).toBe('first second')
  } finally {
    for (const socket of fillers) socket.end()
    child.kill('SIGKILL')
    await child.exited
  }
})

async function* linesOf(output: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = ''
  for await (const piece of output) {
    const lines = (rest + new TextDecoder().decode(piece)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}
