// Ports for servers that are started with a fixed one. They are of a range from which no system gives ports away by itself: one that was given
// back could be another program's before the server has it, or while it is started anew.

/** Below the ports that systems give to listeners and connections without one of their own, and above those of services. */
const FIRST = 15_000
const PORTS = 15_000
/** So many are tried before a machine without a free one is given up. */
const TRIES_MAX = 1_000

/** Ports of loopback that nobody listens on now, each another. */
export function freePorts(count: number): number[] {
  const listeners: ReturnType<typeof listenSomewhere>[] = []
  try {
    while (listeners.length < count) listeners.push(listenSomewhere())
    return listeners.map(({ port }) => port)
  } finally {
    for (const listener of listeners) listener.stop(true)
  }
}

/** A port of loopback that nobody listens on now. */
export function freePort(): number {
  return freePorts(1)[0]!
}

function listenSomewhere() {
  for (let tries = 1; ; tries += 1) {
    // By chance, as other processes look for one at the same time.
    const port = FIRST + Math.floor(Math.random() * PORTS)
    try {
      return Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } })
    } catch (error) {
      if (tries >= TRIES_MAX) throw error
    }
  }
}
