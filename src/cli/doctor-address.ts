// Whether the address that Weir is to listen on is free, taken by a Weir that runs, or by something else. It listens there for a moment
// only, and asks what answers there no more than any client may.

import type { Config } from '../config/config.ts'
import { asObject, parseJson } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { ask, connectTcp, type HttpAnswer, ProbeError } from '../transport/probe.ts'
import { type Finding, StepFailure } from './doctor-steps.ts'

/** @throws StepFailure when a start would fail there, or what runs there is not well */
export async function addressFinding(config: Config): Promise<Finding> {
  const { host, port } = config.server
  if (port === 0) return { skipped: 'any free port is taken' }
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const code = listenCode(host, port)
  if (code === undefined) return `${place} is free; Weir does not run there`
  if (code === 'EADDRINUSE') return await runningFinding(host, port, place)
  if (code === 'EACCES') {
    throw new StepFailure({
      reason: `${place} may not be listened on by this user (EACCES)`,
      todo: 'Take a port of 1024 or more, or give the executable the capability: setcap cap_net_bind_service=+ep.',
    })
  }
  throw new StepFailure({
    reason: `${place} cannot be listened on (${code})`,
    todo: 'Set server.host to an address of this machine, or 0.0.0.0 for all.',
  })
}

/** The system's code where the address cannot be listened on. */
function listenCode(hostname: string, port: number): string | undefined {
  try {
    Bun.listen({ hostname, port, exclusive: true, socket: { data() {} } }).stop(true)
    return undefined
  } catch (error) {
    const { code } = error as { code?: unknown }
    return typeof code === 'string' ? code : 'unknown'
  }
}

async function runningFinding(host: string, port: number, place: string): Promise<Finding> {
  const answer = await askReadiness(host, port)
  const body = answer === undefined ? undefined : asObject(parseJson(answer.body))
  const checks = asObject(body?.['checks'])
  if (answer === undefined || checks === undefined) {
    throw new StepFailure({
      reason: `another program listens at ${place}`,
      todo: 'End it, or take another port with server.port or --port.',
    })
  }
  const failing = Object.keys(checks).filter((name) => checks[name] !== true)
  const isReady = answer.status === 200
  if (isReady && failing.length === 0) return `Weir runs at ${place} and is ready`
  return {
    result: `Weir runs at ${place}`,
    warning: {
      reason: `it is ${isReady ? 'ready, but not whole' : 'not ready'}: ${failing.join(', ')}`,
      todo: 'See its log, and the steps below.',
    },
  }
}

/** What `/readyz` says there; undefined where nothing of HTTP answers. */
async function askReadiness(host: string, port: number): Promise<HttpAnswer | undefined> {
  // Listening everywhere includes here.
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  try {
    const timeoutMs = LIMITS.probeAnswerTimeoutMs
    const { socket } = await connectTcp([address], port, timeoutMs)
    try {
      const headers = { Host: `localhost:${port}`, Accept: 'application/json', Connection: 'close' }
      const question = { method: 'GET', target: '/readyz', headers, timeoutMs } as const
      return await ask(socket, { ...question, withBody: true })
    } finally {
      socket.destroy()
    }
  } catch (error) {
    if (error instanceof ProbeError) return undefined
    throw error
  }
}
