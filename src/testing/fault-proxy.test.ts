// What the fault proxy does to a connection, seen from both of its ends: each fault, and above all the absence of one.

import { afterEach, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import type { TCPSocketListener } from 'bun'
import {
  bandwidth,
  NEVER_ANSWER,
  RESET_REQUESTS,
  startFaultProxy,
  type FaultProxy,
  type Faults,
} from './fault-proxy.ts'
import { seededInteger, withSeed } from './seed.ts'
import { connectTcp, listenTcp, type TcpPeer } from './tcp.ts'

const opened: { close?(): void; stop?(force: boolean): void }[] = []
afterEach(() => {
  for (const it of opened.splice(0)) {
    it.close?.()
    it.stop?.(true)
  }
})

interface Ends {
  readonly proxy: FaultProxy
  /** The upstream's end of the next connection: it may be accepted after bytes for it are on their way. */
  next(): Promise<TcpPeer>
  /** A client and the upstream's end of its connection, once that has the greeting `hello`. */
  dial(): Promise<{ client: TcpPeer; upstream: TcpPeer }>
}

function start(faults: Faults = {}): Ends {
  const arrived: ((peer: TcpPeer) => void)[] = []
  const listener = listenTcp((peer) => arrived.shift()?.(peer))
  const proxy = startFaultProxy({ port: listener.port, faults })
  opened.push(listener, proxy)
  const next = () => {
    const { promise, resolve } = Promise.withResolvers<TcpPeer>()
    arrived.push(resolve)
    return promise
  }
  return {
    proxy,
    next,
    async dial() {
      const arriving = next()
      const client = await connectTcp(proxy.port)
      const upstream = await arriving
      client.write('hello')
      await upstream.received((raw) => raw === 'hello')
      return { client, upstream }
    },
  }
}

test('without a fault bytes pass both ways, and FIN ends the connection', async () => {
  const { proxy, dial } = start()
  const { client, upstream } = await dial()
  upstream.write('well')
  expect(await client.received((raw) => raw === 'well')).toBe('well')
  upstream.end()
  expect(await client.closed).toBe('end')
  await (
    await proxy.connection(0)
  ).closed
  expect(proxy.connections).toEqual([])
})

test('every byte arrives as it was, whatever the pieces, to a receiver that stops now and then', async () => {
  await withSeed(async (random) => {
    const body = Buffer.from(Array.from({ length: 65_536 }, () => seededInteger(random, 256)))
    const times = 96
    const listener = listenTcp((peer) => {
      const sent = (async () => {
        for (let count = 0; count < times; count += 1) {
          const cut = seededInteger(random, body.length)
          peer.write(body.subarray(0, cut))
          peer.write(body.subarray(cut))
          if (count % 16 === 0) await Bun.sleep(0)
        }
        peer.end()
      })()
      void sent
    })
    const proxy = startFaultProxy({ port: listener.port })
    opened.push(listener, proxy)
    const hash = createHash('sha256')
    let received = 0
    const ended = Promise.withResolvers<void>()
    await Bun.connect({
      hostname: '127.0.0.1',
      port: proxy.port,
      socket: {
        data(socket, data) {
          hash.update(data)
          received += data.length
          if (seededInteger(random, 8) === 0) {
            socket.pause()
            setTimeout(() => socket.resume(), 2)
          }
        },
        close: () => ended.resolve(),
      },
    })
    await ended.promise
    const whole = createHash('sha256')
    for (let count = 0; count < times; count += 1) whole.update(body)
    expect(received).toBe(times * body.length)
    expect(hash.digest('hex')).toBe(whole.digest('hex'))
  })
})

test('a receiver that takes nothing holds up the sender', async () => {
  let sent = 0
  const endless: TCPSocketListener = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open: (socket) => fill(socket),
      drain: (socket) => fill(socket),
      data() {},
    },
  })
  const piece = Buffer.alloc(65_536)
  function fill(socket: { write(bytes: Uint8Array): number }): void {
    for (let written = piece.length; written === piece.length;) {
      written = socket.write(piece)
      sent += Math.max(0, written)
    }
  }
  const proxy = startFaultProxy({ port: endless.port })
  opened.push(proxy, endless)
  await Bun.connect({
    hostname: '127.0.0.1',
    port: proxy.port,
    socket: { open: (socket) => void socket.pause(), data() {} },
  })
  const read = () => sent
  let last = -1
  while (read() === 0 || read() !== last) {
    last = read()
    await Bun.sleep(100)
  }
  expect(sent).toBeLessThan(64 * 1024 * 1024)
})

test('refused, and taken again on the same port; open connections go on', async () => {
  const { proxy, dial } = start()
  const { client, upstream } = await dial()
  proxy.refuse()
  await expect(connectTcp(proxy.port)).rejects.toThrow()
  upstream.write('still here')
  await client.received((raw) => raw === 'still here')
  proxy.accept()
  const again = await dial()
  again.upstream.write('and again')
  expect(await again.client.received((raw) => raw === 'and again')).toBe('and again')
})

test('an upstream that is not there ends the connection by RST', async () => {
  const listener = listenTcp(() => undefined)
  const { port } = listener
  listener.stop(true)
  const proxy = startFaultProxy({ port })
  opened.push(proxy)
  const client = await connectTcp(proxy.port)
  expect(await client.closed).toBe('reset')
})

test('a connection that is never answered is, once the fault is gone', async () => {
  const { proxy, next } = start(NEVER_ANSWER)
  const arriving = next()
  const client = await connectTcp(proxy.port)
  client.write('hello')
  const connection = await proxy.connection(0)
  expect(await connection.cut).toBe('silence')
  expect(connection.passedBytes('request')).toBe(0)
  proxy.set({})
  await connection.passed('request', 5)
  const upstream = await arriving
  expect(await upstream.received((raw) => raw === 'hello')).toBe('hello')
  upstream.write('late')
  expect(await client.received((raw) => raw === 'late')).toBe('late')
})

test('silence, RST and FIN in place of a byte of the answer', async () => {
  const { proxy, dial } = start()
  for (const how of ['silence', 'reset', 'fin'] as const) {
    proxy.setNext({ answer: { cut: { atByte: 6, how } } })
    const { client, upstream } = await dial()
    const connection = proxy.connections[0]!
    upstream.write('first ')
    await client.received((raw) => raw === 'first ')
    upstream.write('second')
    expect(await connection.cut).toBe(how)
    if (how === 'reset') {
      expect(await client.closed).toBe('reset')
      expect(await upstream.closed).toBe('reset')
      continue
    }
    if (how === 'fin') expect(await client.closed).toBe('end')
    expect(await client.received((raw) => raw.length >= 6)).toBe('first ')
    expect(connection.passedBytes('answer')).toBe(6)
    connection.reset()
    await connection.closed
  }
})

test('after FIN to one side that side may go on speaking', async () => {
  const { proxy, next } = start({ answer: { cut: { atByte: 0, how: 'fin' } } })
  const arriving = next()
  const heard = Promise.withResolvers<void>()
  const client = await Bun.connect({
    hostname: '127.0.0.1',
    port: proxy.port,
    allowHalfOpen: true,
    socket: { data() {}, end: () => heard.resolve() },
  })
  client.write('hello')
  await (await proxy.connection(0)).passed('request', 5)
  const upstream = await arriving
  upstream.write('never seen')
  await heard.promise
  client.write(', still here')
  const said = await upstream.received((raw) => raw.endsWith('here'))
  expect(said).toBe('hello, still here')
})

test('RST for what is asked from now on, not for the answer that comes', async () => {
  const { proxy, dial } = start()
  const { client, upstream } = await dial()
  proxy.set(RESET_REQUESTS)
  upstream.write('the answer')
  expect(await client.received((raw) => raw === 'the answer')).toBe('the answer')
  client.write('another')
  expect(await client.closed).toBe('reset')
})

test('a corrupted byte is the only one that differs, over pieces too', async () => {
  const { dial } = start({ answer: { corrupt: { atByte: 3, bytes: 2 }, pace: bandwidth(50) } })
  const { client, upstream } = await dial()
  upstream.write('abcdefgh')
  const raw = await client.received((all) => all.length === 8)
  const differs = [...raw].map((char, at) => char !== 'abcdefgh'[at])
  expect(differs).toEqual([false, false, false, true, true, false, false, false])
})

test('latency, a slow first byte and a drip take their time and keep the order', async () => {
  const slow: readonly [Faults, number][] = [
    [{ answer: { latencyMs: 60, jitterMs: 20 } }, 60],
    [{ request: { latencyMs: 60 } }, 0],
    [{ answer: { firstByteMs: 60 } }, 60],
    [{ answer: { pace: { bytes: 2, everyMs: 20 } } }, 40],
  ]
  for (const [faults, leastMs] of slow) {
    const { dial } = start(faults)
    const { client, upstream } = await dial()
    const startedMs = performance.now()
    for (const part of ['12', '34', '56']) upstream.write(part)
    expect(await client.received((raw) => raw.length === 6)).toBe('123456')
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(leastMs - 1)
  }
})

test('only the first byte after a question is slow', async () => {
  const { dial, proxy } = start({ answer: { firstByteMs: 80 } })
  const { client, upstream } = await dial()
  upstream.write('a')
  await client.received((raw) => raw === 'a')
  // Longer than this test may take: a second byte that counts as a first one never comes.
  proxy.set({ answer: { firstByteMs: 600_000 } })
  upstream.write('b')
  expect(await client.received((raw) => raw === 'ab')).toBe('ab')
})

test('faults of one connection leave another alone', async () => {
  const { proxy, dial } = start()
  const one = await dial()
  const two = await dial()
  const [first] = proxy.connections
  first!.set({ answer: { cut: { atByte: 0, how: 'reset' } } })
  one.upstream.write('x')
  two.upstream.write('y')
  expect(await one.client.closed).toBe('reset')
  expect(await two.client.received((raw) => raw === 'y')).toBe('y')
})
