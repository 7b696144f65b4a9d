// Token counts where the provider told none: an answer that was cut off, or a server that never counts. Rough, on the safe
// side of zero, and always marked as estimated.

import type { Block, ChatRequest } from '../core/ir/request.ts'
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

/** What an image or a file counts for where nobody can look into it: about a full-size picture. */
const MEDIA_TOKENS = 1_500

/** Input tokens of a request by its text, tools and media: what a local count can say without the model's tokenizer. */
export function estimateInputTokens(request: ChatRequest): number {
  let chars = 0
  let tokens = 0
  const walk = (blocks: readonly Block[]): void => {
    for (const block of blocks) {
      switch (block.type) {
        case 'text':
        case 'thinking':
        case 'refusal':
          chars += block.text.length
          break
        case 'tool-use':
          chars += block.name.length + block.input.length
          break
        case 'tool-result':
          walk(block.content)
          break
        case 'opaque':
          chars += JSON.stringify(block.value).length
          break
        default:
          tokens += MEDIA_TOKENS
      }
    }
  }
  for (const message of request.messages) {
    // Role and separators.
    tokens += 4
    walk(message.content)
  }
  for (const tool of request.tools ?? []) chars += JSON.stringify(tool).length
  return tokens + Math.ceil(chars / BYTES_PER_TOKEN)
}
