// Whether a Weir answers where the configuration says, and which version it is: what `weir open` and `weir service` ask before they send
// anybody there. It asks over loopback what anybody may ask, presents no key and waits no longer than it says.

import type { ServerConfig } from '../config/config.ts'
import { asObject, parseJson } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { ask, connectTcp, ProbeError } from '../transport/probe.ts'

type Address = Pick<ServerConfig, 'host' | 'port'>

/** Where this machine reaches the server: listening everywhere includes loopback. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' || host === '[::]' ? '::1' : host.replace(/^\[|\]$/g, '')
}

/** `127.0.0.1:9347`, for a person. */
export function placeText({ host, port }: Address): string {
  const reached = reachableHost(host)
  return `${reached.includes(':') ? `[${reached}]` : reached}:${port}`
}

/** Whether a Weir is alive there. @throws what is no failure of the network */
export async function isAnswering(address: Address): Promise<boolean> {
  const body = await answerOf(address, '/health')
  return asObject(parseJson(body ?? ''))?.['status'] === 'ok'
}

/** Asks until it answers, so long as `serviceStartTimeoutMs`. @returns false when it never did */
export async function untilAnswering(address: Address, nowMs: () => number): Promise<boolean> {
  const endMs = nowMs() + LIMITS.serviceStartTimeoutMs
  for (;;) {
    if (await isAnswering(address)) return true
    if (nowMs() >= endMs) return false
    await Bun.sleep(LIMITS.serviceAskIntervalMs)
  }
}

/** The version of the Weir that answers there, as its API description says it; undefined where it is another program that does. */
export async function runningVersion(address: Address): Promise<string | undefined> {
  // The description is long and begins with what is wanted; no more than its beginning is read.
  const beginning = await answerOf(address, '/openapi.json')
  return /"info":\s*\{\s*"title":\s*"Weir",\s*"version":\s*"([\w.+-]{1,64})"/.exec(
    beginning ?? '',
  )?.[1]
}

async function answerOf({ host, port }: Address, target: string): Promise<string | undefined> {
  if (port === 0) return undefined
  try {
    const timeoutMs = LIMITS.probeAnswerTimeoutMs
    const { socket } = await connectTcp([reachableHost(host)], port, timeoutMs)
    try {
      const headers = { Host: `localhost:${port}`, Accept: 'application/json', Connection: 'close' }
      const question = { method: 'GET', target, headers, timeoutMs } as const
      const { body, status } = await ask(socket, { ...question, withBody: true })
      return status === 200 ? body : undefined
    } finally {
      socket.destroy()
    }
  } catch (error) {
    if (error instanceof ProbeError) return undefined
    throw error
  }
}
