// The toll-gate of a request: behind the question whether it may be asked at all, in front of every provider. Limits and budgets are
// taken here, all or none, and given back or corrected when the request's record is settled. Where neither is configured nothing is
// computed.

import type { Model } from '../core/catalog.ts'
import type { DialectName } from '../core/ir/request.ts'
import type { JsonObject } from '../core/json.ts'
import type { GatewayDeps } from './deps.ts'
import type { Arrival } from './inbound.ts'
import type { RequestRecord } from './record.ts'

/** What is known of a request when it is admitted. */
export interface Asked {
  readonly inbound: Arrival
  /** As the client names it; empty where it names none (files, raw paths). */
  readonly modelName: string
  /** Absent where no model is asked for. */
  readonly model?: Model
  /** Absent where it is none of JSON. With the turns that it refers to, where they are kept here. */
  readonly body?: JsonObject
  /** Size of those turns, which are not among the bytes that came in. */
  readonly earlierBytes?: number | undefined
  /** Whether the answer streams: for how much of it may still come. */
  readonly stream: boolean
  /** What a raw request asks for and in whose words, where its path tells. */
  readonly raw?: RawAsked | undefined
}

export interface RawAsked {
  readonly dialect: DialectName
  readonly operation: 'chat' | 'completion' | 'embedding' | 'token-count' | 'rerank' | 'moderation'
}

/** One kind of toll. */
export interface Toll {
  /**
   * Takes what the request needs and says at the record how it is settled (`record.atSettled`). At once where nothing outside has to be
   * asked.
   * @throws GatewayError `rate_limit`, `concurrency_limit`, `insufficient_quota`, `storage_unavailable`
   */
  take(asked: Asked, record: RequestRecord): void | Promise<void>
}

/** Takes every toll there is, in turn: what a later one refuses, the settling of the record gives back to the earlier ones. */
export function admit(
  asked: Asked,
  record: RequestRecord,
  deps: Pick<GatewayDeps, 'tolls'>,
): void | Promise<void> {
  const { tolls } = deps
  for (const [index, toll] of tolls.entries()) {
    const taking = toll.take(asked, record)
    if (taking instanceof Promise) return takeRest(taking, tolls.slice(index + 1), asked, record)
  }
}

async function takeRest(
  first: Promise<void>,
  rest: readonly Toll[],
  asked: Asked,
  record: RequestRecord,
): Promise<void> {
  await first
  for (const toll of rest) await toll.take(asked, record)
}
