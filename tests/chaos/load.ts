// Loads of the chaos runs: so many requests a second whether answers come or not, or so many clients that ask one after the other.
// Each request has a nonce and an id of its own; the mix of protocols and streams is fixed, so that two loads compare.

import { tell, type Ask, type Client, type Told } from './client.ts'
import type { Words } from './echo.ts'

let counter = 0

export interface Kind {
  readonly port: number
  readonly model: string
  readonly client?: Client
  readonly stream?: boolean
  readonly pieces?: number
  readonly gapMs?: number
  readonly fillChars?: number
  readonly key?: string
  readonly leaveAfterBytes?: number
  readonly limitMs?: number
}

/** A request of its own; protocol and streaming take turns where the kind leaves them open. */
export function askOf(kind: Kind): Ask {
  counter += 1
  const nonce = `n${process.pid}x${counter}`
  const { pieces = 3, gapMs = 0, fillChars = 0, client, stream, ...rest } = kind
  const words: Words = { nonce, pieces, gapMs, fillChars }
  return {
    ...rest,
    words,
    requestId: `chaos-${nonce}`,
    client: client ?? (counter % 4 < 2 ? 'openai' : 'anthropic'),
    stream: stream ?? counter % 2 === 0,
  }
}

/** Each of so many clients asks as soon as it has its answer, until so many requests were made in all. */
export async function inTurn(kind: Kind, requests: number, clients: number): Promise<Told[]> {
  const told: Told[] = []
  let left = requests
  const loop = async () => {
    while (left > 0) {
      left -= 1
      told.push(await tell(askOf(kind)))
    }
  }
  await Promise.all(Array.from({ length: clients }, loop))
  return told
}

/** All at once. */
export async function atOnce(kind: Kind, requests: number): Promise<Told[]> {
  return await Promise.all(Array.from({ length: requests }, () => tell(askOf(kind))))
}

export interface Flow {
  readonly perSecond: number
  readonly forMs: number
  /** Ends it early. */
  readonly until?: AbortSignal
}

/** So many a second at even distances, whether answers come or not; resolves once all have ended. */
export async function steadily(kind: Kind | (() => Kind), flow: Flow): Promise<Told[]> {
  const startedMs = performance.now()
  const running: Promise<Told>[] = []
  const total = Math.round((flow.perSecond * flow.forMs) / 1_000)
  for (let sent = 0; sent < total && flow.until?.aborted !== true;) {
    const due = ((performance.now() - startedMs) * flow.perSecond) / 1_000
    for (; sent < Math.min(total, due); sent += 1) {
      running.push(tell(askOf(typeof kind === 'function' ? kind() : kind)))
    }
    await Bun.sleep(Math.max(1, (1_000 * (sent - due)) / flow.perSecond))
  }
  return await Promise.all(running)
}

/** The value below which this share of the values lies; NaN for none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  if (sorted.length === 0) return Number.NaN
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

/** Times to the last byte of those that were answered right. */
export function rightTimes(told: readonly Told[]): number[] {
  return told.filter(({ outcome }) => outcome === 'right').map(({ totalMs }) => totalMs)
}
