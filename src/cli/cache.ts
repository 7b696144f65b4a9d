// What the commands of the response cache share: the question to the running server, which alone knows what it holds in memory and what it
// did. It asks through the management API, so the server decides who may.

import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { GatewayError } from '../core/error.ts'
import { isObject, parseJson, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { systemClock } from '../system.ts'
import { createTransport } from '../transport/http-transport.ts'
import { isOn, textOption } from './arguments.ts'
import { type CommandInput, type OptionDoc, UsageError } from './command.ts'
import { printable } from './format.ts'

const ANSWER_BYTES_MAX = 16 * 1_024 * 1_024

/** Where to ask, and whose answers. */
export const CACHE_OPTIONS: readonly OptionDoc[] = [
  { flag: '--tenant', value: 'ID', doc: 'of this tenant (default: one’s own)' },
  { flag: '--all', doc: 'of every tenant' },
  {
    flag: '--host',
    value: 'HOST',
    doc: 'where the running server listens (else the configuration)',
  },
  { flag: '--port', value: 'PORT', doc: 'its port (else the configuration)' },
]

/**
 * Asks the running server.
 * @returns undefined where it did not answer as hoped, which has been told
 */
export async function askCache(
  input: CommandInput,
  method: 'GET' | 'DELETE',
  query: Readonly<Record<string, string>> = {},
): Promise<JsonObject | undefined> {
  const { output } = input
  const { config } = loadConfig({ flags: input.configFlags })
  const words = new URLSearchParams({ ...tenantIn(input), ...query }).toString()
  const base = `http://${reachable(config.server)}:${config.server.port}`
  const url = `${base}/admin/cache${words === '' ? '' : `?${words}`}`
  const told = (message: string) => {
    output.error(`${printable(message)}\n`)
    return undefined
  }
  if (config.server.port === 0)
    return told('The port of a running server is not known: see --port.')
  try {
    const { body, status } = await send(url, method)
    if (status === 200 && isObject(body)) return body
    if (status === 401 || status === 403) {
      return told(`The server at ${base} wants a key that may do this, in WEIR_ADMIN_KEY.`)
    }
    const detail = isObject(body) ? body['detail'] : undefined
    return told(
      typeof detail === 'string'
        ? detail
        : `What answers at ${base} is no server that can be asked.`,
    )
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return told(`No server answers at ${base}: what it keeps is known to it alone.`)
  }
}

function tenantIn(input: CommandInput): Record<string, string> {
  const tenant = textOption(input, 'tenant')
  if (tenant !== undefined && isOn(input, 'all')) {
    throw new UsageError('--tenant and --all exclude each other.')
  }
  if (isOn(input, 'all')) return { tenant: '*' }
  return tenant === undefined ? {} : { tenant }
}

async function send(url: string, method: 'GET' | 'DELETE') {
  const key = process.env['WEIR_ADMIN_KEY'] ?? ''
  const timeoutMs = LIMITS.routeAskTimeoutMs
  const response = await createTransport(systemClock).send({
    url,
    method,
    headers: {
      accept: 'application/json',
      ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
    },
    timeouts: {
      connectMs: timeoutMs,
      firstByteMs: timeoutMs,
      idleMs: timeoutMs,
      totalMs: timeoutMs,
    },
    network: { allowPrivate: true },
    signal: AbortSignal.timeout(timeoutMs),
  })
  const text = new TextDecoder().decode(await response.bytes(ANSWER_BYTES_MAX))
  return { status: response.status, body: parseJson(text) }
}

function reachable({ host }: Config['server']): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
