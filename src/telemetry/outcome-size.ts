// How much memory an outcome holds while it waits, and one that holds no bodies: for queues that are bounded in bytes, and for whatever may
// not be told content. It judges nothing.

import type { Outcome } from '../core/outcome.ts'

/** Fields and lists of one, about. */
const OWN_BYTES = 2_048

/** About how much memory one holds: its texts twice their length, and the rest. */
export function outcomeBytes(outcome: Outcome): number {
  const { providerRequestBody, providerResponseBody, requestBody, responseBody } = outcome
  let chars = 0
  for (const body of [requestBody, responseBody, providerRequestBody, providerResponseBody]) {
    chars += body?.length ?? 0
  }
  return OWN_BYTES + chars * 2
}

/** The same without bodies, in whatever form; the same object where it has none. */
export function withoutBodies(outcome: Outcome): Outcome {
  const {
    packedBodies,
    providerRequestBody,
    providerResponseBody,
    requestBody,
    responseBody,
    ...rest
  } = outcome
  const bodies = [
    packedBodies,
    providerRequestBody,
    providerResponseBody,
    requestBody,
    responseBody,
  ]
  if (bodies.every((body) => body === undefined)) return outcome
  return rest
}
