// Ollama clients warm a model up, or put it away, with a request that asks for nothing. There is nothing to load here, so it
// is answered at once and no provider is asked.

import type { JsonObject } from '../core/json.ts'
import { encodeLoaded, loadRequest } from '../dialects/ollama/catalog.ts'
import type { Inbound } from './inbound.ts'
import type { Peeked } from './peek.ts'

/** The answer to a request that only loads or unloads; undefined when it asks for an answer. */
export function loadedAnswer(
  inbound: Inbound,
  peeked: Peeked,
  nowMs: number,
): JsonObject | undefined {
  if (inbound.dialect !== 'ollama' || inbound.operation === 'embedding') return undefined
  const shape = inbound.operation === 'chat' ? 'chat' : 'generate'
  const asked = loadRequest(shape, peeked.body)
  return asked === undefined
    ? undefined
    : encodeLoaded(shape, peeked.model, nowMs, asked === 'unload')
}
