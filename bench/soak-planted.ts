// A gateway gone wrong, to prove that a soak sees it: a process that hands on what stands behind it, and cuts a stream, changes a byte
// or keeps memory as it is told. It is for the checker's own test; nothing else may run through it.

import type { Socket } from 'bun'

const [listenPort, targetPort, what = ''] = process.argv.slice(2)
const kept: Uint8Array[] = []
let connections = 0
/** Every so many connections go wrong. */
const EVERY = 5
const LEAK_BYTES = 4 * 1_024 * 1_024
const LATE_BYTES = 1_500

interface Pair {
  other: Socket<Pair> | undefined
  waiting: Uint8Array[]
  /** Bytes of the answer so far. */
  bytes: number
  readonly isBad: boolean
}

/** Handed on with what the other side does not take at once kept for it. */
function send(pair: Pair, socket: Socket<Pair> | undefined, data: Uint8Array): void {
  if (socket === undefined || pair.waiting.length > 0) {
    pair.waiting.push(data)
    return
  }
  const written = Math.max(0, socket.write(data))
  if (written < data.length) pair.waiting.push(data.subarray(written))
}

function flush(pair: Pair, socket: Socket<Pair>): void {
  const parts = pair.waiting.splice(0)
  for (const part of parts) send(pair, socket, part)
}

/** What waits for a client, by its connection. */
const clients = new WeakMap<Socket<Pair>, Pair>()

Bun.listen<Pair>({
  hostname: '127.0.0.1',
  port: Number(listenPort),
  socket: {
    open(client) {
      connections += 1
      // By connection to the client, and by connection to the gateway: bytes that wait for that side.
      const toClient: Pair = {
        other: undefined,
        waiting: [],
        bytes: 0,
        isBad: connections % EVERY === 0,
      }
      client.data = { other: undefined, waiting: [], bytes: 0, isBad: false }
      if (what === 'leak') kept.push(new Uint8Array(LEAK_BYTES).fill(connections))
      void Bun.connect<Pair>({
        hostname: '127.0.0.1',
        port: Number(targetPort),
        data: toClient,
        socket: {
          open(server) {
            client.data.other = server
            flush(client.data, server)
          },
          data(_server, data) {
            const copy = Uint8Array.from(data)
            toClient.bytes += copy.length
            const isNow = toClient.isBad && toClient.bytes > LATE_BYTES
            if (isNow && what === 'cut') return void client.terminate()
            if (isNow && what === 'swap') {
              const at = copy.findIndex((byte) => byte === 0xa9)
              if (at >= 0) copy[at] = 0xa8
            }
            send(toClient, client, copy)
          },
          drain: (server) => flush(client.data, server),
          close: () => void client.end(),
          error: () => void client.end(),
        },
      })
      clients.set(client, toClient)
    },
    data(client, data) {
      send(client.data, client.data.other, Uint8Array.from(data))
    },
    drain(client) {
      const pair = clients.get(client)
      if (pair !== undefined) flush(pair, client)
    },
    close: (client) => void client.data.other?.end(),
    error: (client) => void client.data.other?.end(),
  },
})

process.on('SIGTERM', () => process.exit(0))
