// OpenAI's legacy Completions as a dialect: one prompt in, text out. Errors, usage and the tap are those of Chat Completions,
// and stand there.

import type { Dialect } from '../dialect.ts'
import { openaiErrors } from '../openai-chat/error.ts'
import { SSE_KEEPALIVE } from '../openai-chat/index.ts'
import { openaiTap } from '../openai-chat/tap.ts'
import { decodeRequest, encodeRequest } from './request.ts'
import { decodeResponse, encodeResponse } from './response.ts'
import { createStreamDecoder, createStreamEncoder } from './stream.ts'
import { DIALECT } from './wire.ts'

export const openaiCompletions: Dialect = {
  name: DIALECT,
  framing: 'sse',
  errors: openaiErrors,
  tap: openaiTap,
  completion: {
    decodeRequest,
    encodeRequest,
    decodeResponse,
    encodeResponse,
    createStreamDecoder,
    createStreamEncoder,
  },
  keepalive: () => SSE_KEEPALIVE,
}
