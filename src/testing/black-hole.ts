// An address of this machine that takes no connection and refuses none, as a firewall that drops packets: a listener in a process
// that is stopped, its backlog filled. Linux drops what comes beyond; elsewhere the caller's test is left out.

export interface BlackHole {
  /** Connections to it at `port` neither succeed nor fail. */
  readonly address: string
  readonly port: number
  /** An address that takes connections at the same port. */
  readonly answering: string
}

/** Far above what a listener is given: Bun asks for 512. */
const BACKLOG_MAX = 2_000

const LISTENER = `
const server = require('node:net').createServer()
server.listen({ host: '127.0.0.2', port: 0, backlog: 1 }, () => console.log(server.address().port))
`

/** Runs a test with a black hole; does nothing where the system has none to offer. */
export async function withBlackHole(use: (hole: BlackHole) => Promise<void>): Promise<void> {
  if (process.platform !== 'linux') return
  const child = Bun.spawn([process.execPath, '-e', LISTENER], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const fillers: { end(): void }[] = []
  let other: { stop(closeAll: boolean): void } | undefined
  try {
    const reader = child.stdout.getReader()
    const { value } = await reader.read()
    const port = Number(new TextDecoder().decode(value))
    child.kill('SIGSTOP')
    other = Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } })
    // Until one does not get through: then the backlog is full.
    for (let count = 0; count < BACKLOG_MAX; count += 1) {
      const socket = await Promise.race([
        Bun.connect({ hostname: '127.0.0.2', port, socket: { data() {} } }),
        Bun.sleep(150).then(() => undefined),
      ])
      if (socket === undefined) break
      fillers.push(socket)
    }
    await use({ address: '127.0.0.2', port, answering: '127.0.0.1' })
  } finally {
    for (const socket of fillers) socket.end()
    other?.stop(true)
    child.kill('SIGKILL')
    await child.exited
  }
}
