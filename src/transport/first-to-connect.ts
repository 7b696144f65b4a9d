// Which of several addresses answers: each gets a head start over the next (RFC 8305 §5), so that an address family that leads
// nowhere costs a moment and not the whole limit. Bare TCP to addresses that were judged before; nothing is sent.

import { LIMITS } from '../core/limits.ts'
import type { Deadlines } from '../core/ports.ts'

/**
 * The first address to which a connection can be made, or undefined when none could within the limit. Every attempt is closed.
 * @param signal ends it, with undefined
 */
export function firstToConnect(
  addresses: readonly string[],
  port: number,
  deadlines: Deadlines,
  limitMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  let next = 0
  let failed = 0
  let isOver = false
  let headStart: Timer | undefined
  const end = (address: string | undefined) => {
    if (isOver) return
    isOver = true
    clearTimeout(headStart)
    limit.cancel()
    signal.removeEventListener('abort', leave)
    resolve(address)
  }
  const leave = () => end(undefined)
  const tryNext = () => {
    clearTimeout(headStart)
    const address = addresses[next]
    if (isOver || address === undefined) return
    next += 1
    headStart = setTimeout(tryNext, LIMITS.connectionRaceDelayMs)
    const lost = () => {
      failed += 1
      if (failed === addresses.length) end(undefined)
      else tryNext()
    }
    void Bun.connect({
      hostname: address,
      port,
      socket: {
        open(socket) {
          socket.end()
          end(address)
        },
        data() {},
      },
    }).catch(lost)
  }
  const limit = deadlines.after(limitMs, leave)
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  tryNext()
  return promise
}
