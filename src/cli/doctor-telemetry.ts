// Whether every place that outcomes are sent to answers: a collector is sent an empty batch, which says whether it takes the credential too,
// and of a webhook only the head is asked for, as anything posted there would be an event. Nothing is recorded; no secret is in a message.

import type { Config } from '../config/config.ts'
import { LIMITS } from '../core/limits.ts'
import type { Transport, UpstreamMethod } from '../core/ports.ts'
import type { DeliverySettings, SinkStatus } from '../core/telemetry-settings.ts'
import { systemClock } from '../system.ts'
import { shownUrl } from '../telemetry/delivery.ts'
import { SharedDeadlines } from '../transport/deadlines.ts'
import { createTransport } from '../transport/http-transport.ts'
import { type Finding, StepFailure, unreached } from './doctor-steps.ts'

interface Place {
  readonly name: string
  readonly type: SinkStatus['type']
  readonly delivery: DeliverySettings
  readonly method: UpstreamMethod
  readonly protocol: 'protobuf' | 'json'
}

/** @throws StepFailure naming those that do not answer or refuse */
export async function telemetryFinding({
  exports,
  tracing,
}: Pick<Config, 'exports' | 'tracing'>): Promise<Finding> {
  const places: Place[] = [
    ...(tracing === undefined
      ? []
      : [{ ...tracing, name: 'tracing', type: 'traces' as const, method: 'POST' as const }]),
    ...exports.map((one) => ({
      ...one,
      name: one.id,
      method: one.type === 'webhook' ? ('HEAD' as const) : ('POST' as const),
    })),
  ]
  if (places.length === 0) return { skipped: 'nothing is sent out' }
  const transport = createTransport(systemClock, new SharedDeadlines(systemClock))
  const problems = await Promise.all(places.map((place) => problemOf(place, transport)))
  const told = problems.filter((problem) => problem !== undefined)
  if (told.length > 0) {
    throw new StepFailure({
      reason: told.join('; '),
      todo: 'Check address, credential and firewall. Until it answers, what does not fit into the queue is dropped and counted (weir_telemetry_dropped_total).',
    })
  }
  return places
    .map(({ delivery, name, type }) => `${name}: ${shownUrl(delivery.url, type)} answers`)
    .join('; ')
}

async function problemOf(
  { delivery, method, name, protocol, type }: Place,
  transport: Transport,
): Promise<string | undefined> {
  const limitMs = LIMITS.probeAnswerTimeoutMs
  const isJson = protocol === 'json'
  const at = `${name}: ${shownUrl(delivery.url, type)}`
  try {
    const response = await transport.send({
      url: delivery.url,
      method,
      headers: {
        ...delivery.headers,
        ...(method === 'POST'
          ? { 'content-type': isJson ? 'application/json' : 'application/x-protobuf' }
          : {}),
      },
      // A message without members: of protobuf it has no bytes.
      ...(method === 'POST' ? { body: isJson ? '{}' : new Uint8Array() } : {}),
      timeouts: { connectMs: limitMs, firstByteMs: limitMs, idleMs: limitMs, totalMs: limitMs },
      network: delivery.network,
      signal: AbortSignal.timeout(limitMs),
    })
    response.cancel()
    const isWell = method === 'HEAD' ? response.status < 500 : response.status < 300
    return isWell ? undefined : `${at} answers ${response.status}`
  } catch (error) {
    return `${at} ${unreached(error)}`
  }
}
