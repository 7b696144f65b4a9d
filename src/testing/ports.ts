// Ports for servers that are started with a fixed one.

/** Ports of loopback that nobody listens on now, each another. */
export function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () =>
    Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } }),
  )
  const ports = listeners.map((listener) => listener.port)
  for (const listener of listeners) listener.stop(true)
  return ports
}

/** A port of loopback that nobody listens on now. */
export function freePort(): number {
  return freePorts(1)[0]!
}
