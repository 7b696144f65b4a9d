// Whether the configured Redis can be reached and answers a PING. The client is closed at once; the password is in no message.

import { maskUrl } from '../config/show.ts'
import { LIMITS } from '../core/limits.ts'
import { bareHost, connectTcp, ProbeError, resolveName } from '../transport/probe.ts'
import { type Finding, StepFailure } from './doctor-steps.ts'

const REDIS_PORT = 6_379

const UNREACHED = 'Check redis.url and the firewall. Until it answers, replicas share no health.'

/** @throws StepFailure when it does not answer or refuses */
export async function redisFinding(text: string | undefined): Promise<Finding> {
  if (text === undefined) return { skipped: 'none configured' }
  const shown = maskUrl(text)
  const url = new URL(text)
  // A path to a socket has no host: the PING alone can tell.
  if (url.hostname !== '') await reach(url, shown)
  const isTls = url.protocol.startsWith('rediss')
  const client = new Bun.RedisClient(text, {
    connectionTimeout: LIMITS.probeAnswerTimeoutMs,
    autoReconnect: false,
    maxRetries: 0,
  })
  const limit = Promise.withResolvers<never>()
  const timer = setTimeout(() => limit.reject(new Error('no answer')), LIMITS.probeAnswerTimeoutMs)
  try {
    await Promise.race([client.connect().then(() => client.send('PING', [])), limit.promise])
    return `${shown} answers`
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (typeof code !== 'string') {
      const todo = isTls
        ? 'Check whether that port speaks TLS: redis:// is without, rediss:// with.'
        : UNREACHED
      throw new StepFailure({ reason: `${shown} takes the connection and does not answer`, todo })
    }
    // Bun's client tells a refused password as a connection that was closed.
    throw new StepFailure({
      reason: `${shown} takes the connection and closes it (${code})`,
      todo: 'Check user and password in redis.url (redis://user:password@host:port), and whether it wants rediss://.',
    })
  } finally {
    clearTimeout(timer)
    client.close()
  }
}

/** @throws StepFailure when no connection can be made */
async function reach(url: URL, shown: string): Promise<void> {
  const port = url.port === '' ? REDIS_PORT : Number(url.port)
  try {
    const addresses = await resolveName(bareHost(url), LIMITS.probeAnswerTimeoutMs)
    const { socket } = await connectTcp(addresses, port, LIMITS.probeAnswerTimeoutMs)
    socket.destroy()
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error
    throw new StepFailure({ reason: `${shown} is not reached (${error.code})`, todo: UNREACHED })
  }
}
