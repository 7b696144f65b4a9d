// The Ollama dialect: `/api/chat`, `/api/generate`, `/api/embed` and `/api/embeddings`, both directions. The lists of models
// that Ollama clients ask for are in `catalog.ts`.

import type { ChatCodec, Dialect } from '../dialect.ts'
import { embedding } from './embed.ts'
import { encodeChatRequest } from './encode-request.ts'
import { errors } from './error.ts'
import { decodeGenerateRequest, encodeGenerateRequest } from './generate.ts'
import { decodeChatRequest } from './request.ts'
import { decodeAnswer, encodeAnswer } from './response.ts'
import { AnswerStreamDecoder, AnswerStreamEncoder, keepaliveLine } from './stream.ts'
import { tap } from './tap.ts'
import type { Shape } from './wire.ts'

function answers(
  shape: Shape,
): Pick<
  ChatCodec,
  'decodeResponse' | 'encodeResponse' | 'createStreamDecoder' | 'createStreamEncoder'
> {
  return {
    decodeResponse: (body) => decodeAnswer(shape, body),
    encodeResponse: (response, reply) => encodeAnswer(shape, response, reply),
    createStreamDecoder: () => new AnswerStreamDecoder(shape),
    createStreamEncoder: (reply) => new AnswerStreamEncoder(shape, reply),
  }
}

export const ollama: Dialect = {
  name: 'ollama',
  framing: 'ndjson',
  errors,
  tap,
  chat: {
    decodeRequest: decodeChatRequest,
    encodeRequest: encodeChatRequest,
    ...answers('chat'),
  },
  completion: {
    decodeRequest: decodeGenerateRequest,
    encodeRequest: encodeGenerateRequest,
    ...answers('generate'),
  },
  embedding,
  keepalive: keepaliveLine,
}
