// `weir health`: asks the running server whether it is well and answers with an exit code, for health checks of containers that hold
// no other program. It runs every few seconds beside the server, so it loads no more than it must, opens no store and waits for no
// answer longer than a stated time; and a file that somebody has broken says nothing about a server that goes on without it.

import type { ConfigFlags } from '../config/load.ts'
import { ConfigError } from '../config/problem.ts'
import { processSurroundings, variable } from '../config/surroundings.ts'
import { asObject, parseJson } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { ask, connectTcp, type HttpAnswer, ProbeError } from '../transport/probe.ts'
import { isOn } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { printable } from './format.ts'
import { placeText, reachableHost } from './running.ts'

export const health: Command = {
  name: 'health',
  summary: 'ask the running server whether it is ready, for health checks',
  usage: 'health [--live] [--host HOST] [--port PORT]',
  options: [
    { flag: '--live', doc: 'only whether it answers at all (/health), not whether it is ready' },
    { flag: '--host', value: 'HOST', doc: 'where it listens (else WEIR_HOST, server.host)' },
    { flag: '--port', value: 'PORT', doc: 'its port (else WEIR_PORT, server.port)' },
  ],
  notes: [
    'Exit code 0 when it is, 1 when not. It asks /readyz at the configured address, over loopback where that is all addresses,',
    `and waits ${LIMITS.healthTimeoutMs / 1_000} s at most.`,
  ],
  examples: ['weir health', 'weir health --live --port 8080'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { host, port } = await findAddress(input.configFlags)
  const isLive = isOn(input, 'live')
  const place = `Weir at ${placeText({ host, port })}`
  const answer = await question(host, port, isLive ? '/health' : '/readyz')
  const problem = typeof answer === 'string' ? answer : problemOf(answer, isLive)
  if (problem === undefined) {
    input.output.out(`${place} ${isLive ? 'answers' : 'is ready'}\n`)
    return 0
  }
  input.output.error(`${place} ${problem}\n`)
  return 1
}

interface Address {
  readonly host: string
  readonly port: number
}

/** Where the server is asked. @throws UsageError when no port can be known */
async function findAddress(flags: ConfigFlags): Promise<Address> {
  const surroundings = processSurroundings()
  const host = flags.host ?? variable(surroundings, 'WEIR_HOST')?.trim()
  const port = flags.port ?? variable(surroundings, 'WEIR_PORT')?.trim()
  // Both stand above the file: where they are known, as in the image, it need not be read.
  const declared = host === undefined || port === undefined ? await declaredAddress(flags) : DEFAULT
  return { host: reachableHost(host ?? declared.host), port: portOf(port ?? String(declared.port)) }
}

const DEFAULT: Address = { host: '127.0.0.1', port: 9347 }

/** What the configuration says; the defaults where it cannot be read, as the server goes on with what it read before. */
async function declaredAddress(flags: ConfigFlags): Promise<Address> {
  const { loadConfig } = await import('../config/load.ts')
  try {
    return loadConfig({ flags }).config.server
  } catch (error) {
    if (error instanceof ConfigError) return DEFAULT
    throw error
  }
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port >= 1 && port <= 65_535) return port
  throw new UsageError('The port must be a whole number from 1 to 65535: give it with --port.')
}

/** The answer, or in words why there is none. */
async function question(host: string, port: number, target: string): Promise<HttpAnswer | string> {
  const endMs = performance.now() + LIMITS.healthTimeoutMs
  try {
    const { socket } = await connectTcp([host], port, LIMITS.healthTimeoutMs)
    try {
      // A name of loopback is answered whatever other names are allowed.
      const headers = { Host: `localhost:${port}`, Accept: 'application/json', Connection: 'close' }
      const timeoutMs = Math.max(1, endMs - performance.now())
      return await ask(socket, { method: 'GET', target, headers, timeoutMs, withBody: true })
    } finally {
      socket.destroy()
    }
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error
    if (error.code === 'timeout') return 'does not answer in time'
    return `does not answer: ${printable(error.code)}`
  }
}

/** What is wrong by an answer; undefined when nothing is. */
function problemOf({ body, status }: HttpAnswer, isLive: boolean): string | undefined {
  const said = asObject(parseJson(body))
  if (isLive) {
    return status === 200 && said?.['status'] === 'ok' ? undefined : notWeir(status)
  }
  const checks = asObject(said?.['checks'])
  if (checks === undefined) return notWeir(status)
  if (status === 200) return undefined
  const failing = Object.keys(checks).filter((name) => checks[name] !== true)
  return `is not ready: ${printable(failing.join(', '))}`
}

function notWeir(status: number): string {
  return `answers with status ${status}, and not as Weir does`
}
