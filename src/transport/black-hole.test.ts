// Hosts and proxies that swallow packets: the one fault that only a real stopped listener shows.

import { expect, test } from 'bun:test'
import { GatewayError } from '../core/error.ts'
import type { UpstreamRequest } from '../core/ports.ts'
import { systemClock } from '../system.ts'
import { withBlackHole } from '../testing/black-hole.ts'
import { SharedDeadlines } from './deadlines.ts'
import { HttpTransport } from './http-transport.ts'
import { AddressGuard } from './resolve.ts'

const CONNECT_MS = 1_000

function request(url: string, over: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    url,
    method: 'GET',
    headers: {},
    timeouts: { connectMs: CONNECT_MS, firstByteMs: 30_000, idleMs: 30_000, totalMs: 60_000 },
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
      // A tenth, a tick of the deadlines for each half, and a busy machine.
      expect(tookMs).toBeLessThan(CONNECT_MS * 1.1 + 500)
    }
    expect(results[2].error.cause).toContain('proxy')

    // The first of two addresses swallows everything: the other one is found in a moment, and kept.
    addresses.list = [address, answering]
    const silentServer = { connectMs: CONNECT_MS, firstByteMs: 400, idleMs: 400, totalMs: 1_000 }
    const found = await timed(
      via.send(request(`http://two.test:${port}/`, { timeouts: silentServer })),
    )
    expect(found.error.cause).toContain('first byte')
    expect(found.tookMs).toBeLessThan(1_500)
  })
})

/** Takes one connection, says nothing for a while, answers in two halves, and takes no other connection meanwhile. */
const BUSY_SERVER = `
const server = require('node:net').createServer((socket) => {
  socket.once('data', () => {
    Bun.sleepSync(${CONNECT_MS * 0.8})
    socket.write('HTTP/1.1 200 OK\\r\\ncontent-length: 12\\r\\n\\r\\nfirst ')
    Bun.sleepSync(${CONNECT_MS})
    socket.end('second')
  })
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => console.log(server.address().port))
`

test('an answer that has begun is not broken off because nobody else could connect', async () => {
  if (process.platform !== 'linux') return
  const child = Bun.spawn([process.execPath, '-e', BUSY_SERVER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const fillers: { end(): void }[] = []
  try {
    const { value } = await child.stdout.getReader().read()
    const port = Number(new TextDecoder().decode(value))
    const via = new HttpTransport(
      new AddressGuard(() => performance.now()),
      new SharedDeadlines(systemClock),
      () => performance.now(),
    )
    const sending = via.send(request(`http://127.0.0.1:${port}/x`))
    await Bun.sleep(CONNECT_MS / 10)
    // Until one does not get through: the server is busy with the request above.
    for (let isOpen = true; isOpen;) {
      const socket = await Promise.race([
        Bun.connect({ hostname: '127.0.0.1', port, socket: { data() {} } }),
        Bun.sleep(CONNECT_MS / 10).then(() => undefined),
      ])
      if (socket === undefined) isOpen = false
      else fillers.push(socket)
    }
    const answer = await sending
    expect(new TextDecoder().decode(await answer.bytes(100))).toBe('first second')
  } finally {
    for (const socket of fillers) socket.end()
    child.kill('SIGKILL')
    await child.exited
  }
})
