// An address of this machine that takes no connection and refuses none, as a firewall that drops packets: a listener in a process
// that is stopped, its backlog filled. Linux drops what comes beyond; elsewhere the caller's test is left out.

import { readFileSync } from 'node:fs'

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

/** A connection that is unanswered for so long stays so. */
const UNANSWERED_MS = 150

/**
 * Connects to a listener that takes nobody, until the kernel answers no more: then its backlog is full.
 * @param fillers gets those that came through, for the caller to close
 */
export async function fillBacklog(
  address: string,
  port: number,
  fillers: { end(): void }[],
): Promise<void> {
  for (let count = 0; count < BACKLOG_MAX; count += 1) {
    const state = { isOpen: false }
    const connecting = Bun.connect({ hostname: address, port, socket: { data() {} } }).then(
      (socket) => {
        state.isOpen = true
        fillers.push(socket)
      },
      // The listener has gone while this one still waited for it.
      () => undefined,
    )
    for (let unanswered = 0; !state.isOpen;) {
      await Promise.race([connecting, Bun.sleep(UNANSWERED_MS)])
      if (state.isOpen) break
      // Time alone says nothing: this process may have stood still. Twice, as a busy kernel may be late as well.
      unanswered = isUnanswered(address, port) ? unanswered + 1 : 0
      if (unanswered === 2) return
    }
  }
}

/** Whether the kernel has asked for a connection to there and got no answer. */
function isUnanswered(address: string, port: number): boolean {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))
  const place = `${bytes.toReversed().join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase()
  const SYN_SENT = '02'
  return readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .some((line) => {
      const [, , remote, state] = line.trim().split(/\s+/)
      return remote === place && state === SYN_SENT
    })
}

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
    await fillBacklog('127.0.0.2', port, fillers)
    await use({ address: '127.0.0.2', port, answering: '127.0.0.1' })
  } finally {
    for (const socket of fillers) socket.end()
    other?.stop(true)
    child.kill('SIGKILL')
    await child.exited
  }
}
