// OpenAI's Embeddings as a dialect. Errors, usage and the tap are those of Chat Completions, and stand there.

import type { Dialect } from '../dialect.ts'
import { openaiErrors } from '../openai-chat/error.ts'
import { SSE_KEEPALIVE } from '../openai-chat/index.ts'
import { openaiTap } from '../openai-chat/tap.ts'
import { decodeRequest, encodeRequest } from './request.ts'
import { decodeResponse, encodeResponse } from './response.ts'
import { DIALECT } from './wire.ts'

export const openaiEmbeddings: Dialect = {
  name: DIALECT,
  framing: 'sse',
  errors: openaiErrors,
  tap: openaiTap,
  embedding: { decodeRequest, encodeRequest, decodeResponse, encodeResponse },
  keepalive: () => SSE_KEEPALIVE,
}
