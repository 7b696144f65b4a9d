// The end of the server, in order: nothing new begins, connections are let go, what runs may finish, what does not finish in time
// is told so in its own protocol, and what is left then is cut. When this is done every request has been settled.

import type { Server } from 'bun'
import { LIMITS } from '../core/limits.ts'
import type { GatewayDeps } from '../gateway/deps.ts'

/**
 * Stops accepting and waits for what runs.
 * @param drainTimeoutMs how long it may run; the whole takes no longer than that and twice `LIMITS.stopFlushMs`
 */
export async function stopServer(
  server: Server<undefined>,
  { gates, shutdown }: Pick<GatewayDeps, 'gates' | 'shutdown'>,
  drainTimeoutMs: number,
): Promise<void> {
  const deadlineMs = performance.now() + drainTimeoutMs
  shutdown.drain()
  gates.close()
  // Closing the listener resets kept-alive connections, and with them requests that are on their way: for a moment they get words.
  await until(() => server.pendingRequests === 0, Math.min(LIMITS.stopRefusalMs, drainTimeoutMs))
  let isOver = false
  const stopped = server.stop(false).then(() => {
    isOver = true
  })
  // A connection that has sent half of a request's head holds the listener, and nothing that is worth a wait.
  const isIdle = () => server.pendingRequests === 0 && gates.all.running === 0
  await until(() => isOver || isIdle(), deadlineMs - performance.now())
  if (!isOver) {
    if (!isIdle()) {
      shutdown.cut()
      await inTime(stopped, LIMITS.stopFlushMs)
    }
    // A client that does not read must not keep this process.
    await server.stop(true)
  }
  await until(() => gates.all.running === 0, LIMITS.stopFlushMs)
}

async function inTime(work: Promise<void>, limitMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, Math.max(0, limitMs))
  await Promise.race([work, promise])
  clearTimeout(timer)
}

/** Waits for what tells nobody that it has come. */
async function until(isSo: () => boolean, limitMs: number): Promise<void> {
  const limit = performance.now() + limitMs
  while (!isSo() && performance.now() < limit) await Bun.sleep(LIMITS.stopPollIntervalMs)
}
