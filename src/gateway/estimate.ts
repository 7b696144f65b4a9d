// Token counts where the provider told none: an answer that was cut off, or a server that never counts. Rough, on the safe
// side of zero, and always marked as estimated.

import type { Usage } from '../core/ir/usage.ts'

/** English and JSON average about four bytes a token in every current tokenizer. */
const BYTES_PER_TOKEN = 4

/** Usage from what went each way. `outputTokens` counts what the client got, not what the provider may have made beyond. */
export function estimateUsage(requestBytes: number, outputTokens: number): Usage {
  return {
    inputTokens: Math.max(1, Math.ceil(requestBytes / BYTES_PER_TOKEN)),
    outputTokens: Math.max(0, Math.round(outputTokens)),
    estimated: true,
  }
}

/** Tokens in a text of that many bytes. */
export function tokensInBytes(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN)
}
