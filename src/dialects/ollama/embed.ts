// Embeddings: `/api/embed` with one text or a list, and the older `/api/embeddings` with one `prompt` and a bare vector as its
// answer. Both ways; vectors are always numbers here.

import { GatewayError } from '../../core/error.ts'
import type { EmbeddingRequest, EmbeddingResponse } from '../../core/ir/embedding.ts'
import { type Encoded, LossList } from '../../core/ir/loss.ts'
import {
  type JsonObject,
  asArray,
  asNumber,
  asString,
  invalidType,
  optional,
  required,
} from '../../core/json.ts'
import type { EmbeddingCodec, EncodeTarget, ReplyContext, RequestHints } from '../dialect.ts'
import { errorText } from './error.ts'
import { decodeUsage, encodeUsage } from './usage.ts'
import { decodeModel, otherMembers, takeExtras } from './wire.ts'

const REQUEST_MEMBERS: ReadonlySet<string> = new Set(['model', 'input', 'dimensions'])
const LEGACY_MEMBERS: ReadonlySet<string> = new Set(['model', 'prompt'])
const RESERVED: ReadonlySet<string> = new Set([...REQUEST_MEMBERS, 'prompt'])
const ANSWER_MEMBERS: ReadonlySet<string> = new Set([
  'model',
  'embeddings',
  'embedding',
  'prompt_eval_count',
  'error',
])
const NO_OPTIONS: ReadonlySet<string> = new Set()

/** Throws `invalid_request` naming `param`. `hints.legacy` reads the older form. */
function decodeRequest(body: JsonObject, hints: RequestHints): EmbeddingRequest {
  const model = decodeModel(body, hints)
  const legacy = hints.legacy === true
  const request: EmbeddingRequest = legacy
    ? { model, input: [required(body, 'prompt', asString, 'a string')], single: true, legacy }
    : { model, ...decodeInput(body) }
  const dimensions = legacy ? undefined : optional(body, 'dimensions', asNumber, 'a number')
  if (dimensions !== undefined) request.dimensions = dimensions
  const extras = decodeExtras(body, legacy ? LEGACY_MEMBERS : REQUEST_MEMBERS)
  if (extras !== undefined) request.extras = { ollama: extras }
  return request
}

function decodeInput(body: JsonObject): Pick<EmbeddingRequest, 'input' | 'single'> {
  const input = required(body, 'input', readInput, 'a string or an array of strings')
  if (typeof input === 'string') return { input: [input], single: true }
  return { input, single: false }
}

function readInput(value: unknown): string | string[] | undefined {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return undefined
  return value.every((text): text is string => typeof text === 'string') ? value : undefined
}

/** LangChain sends `options` full of nulls, and `keep_alive: null`: what says nothing is not kept. */
function decodeExtras(body: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  const rest = otherMembers(body, known)
  const options = rest?.['options']
  if (rest === undefined || options === undefined) return rest
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidType('options', 'an object')
  }
  const kept = otherMembers(options, NO_OPTIONS)
  if (kept === undefined) delete rest['options']
  else rest['options'] = kept
  return Object.keys(rest).length === 0 ? undefined : rest
}

/**
 * The older form for a request that came so, since its vectors are not normalised, else `/api/embed`. Token lists cannot be
 * sent: GatewayError `unsupported`.
 */
function encodeRequest(request: EmbeddingRequest, target: EncodeTarget): Encoded<JsonObject> {
  const losses = new LossList()
  const texts = request.input.map((entry, index) => {
    if (typeof entry === 'string') return entry
    throw new GatewayError('unsupported', {
      param: request.single ? 'input' : `input[${index}]`,
      message: 'The model behind this name takes text only, not lists of tokens.',
    })
  })
  if (request.user !== undefined) losses.dropped('user', 'user')
  const extras = takeExtras(request.extras, RESERVED, 'extras', losses)
  const [first] = texts
  const value: JsonObject = { ...extras, model: target.model }
  if (request.legacy === true && texts.length === 1 && first !== undefined) {
    if (request.dimensions !== undefined) losses.dropped('dimensions', 'dimensions')
    return { value: { ...value, prompt: first }, losses: losses.items }
  }
  value['input'] = request.single && first !== undefined ? first : texts
  if (request.dimensions !== undefined) value['dimensions'] = request.dimensions
  return { value, losses: losses.items }
}

/** Reads either form of answer. Throws `upstream_bad_response` for an object without vectors. */
function decodeResponse(body: JsonObject): EmbeddingResponse {
  const list = asArray(body['embeddings']) ?? asLegacy(body['embedding'])
  const vectors = list?.map(asVector)
  if (vectors === undefined || !vectors.every((vector) => vector !== undefined)) {
    const told = errorText(body['error']) ?? 'an Ollama embedding answer without vectors'
    throw new GatewayError('upstream_bad_response', { cause: new Error(told) })
  }
  const response: EmbeddingResponse = { model: asString(body['model']) ?? '', vectors }
  const usage = decodeUsage(body)
  if (usage !== undefined) response.usage = usage
  const rest = otherMembers(body, ANSWER_MEMBERS)
  if (rest !== undefined) response.extras = { ollama: rest }
  return response
}

function asLegacy(value: unknown): unknown[] | undefined {
  return Array.isArray(value) ? [value] : undefined
}

function asVector(value: unknown): number[] | undefined {
  if (!Array.isArray(value)) return undefined
  return value.every((entry): entry is number => typeof entry === 'number') ? value : undefined
}

/** The form the client asked in. The older one has room for one vector and nothing else. */
function encodeResponse(response: EmbeddingResponse, reply: ReplyContext): Encoded<JsonObject> {
  const losses = new LossList()
  const extras = takeExtras(response.extras, ANSWER_MEMBERS, 'extras', losses)
  const { request } = reply
  if (request !== undefined && 'legacy' in request && request.legacy === true) {
    if (response.usage !== undefined) losses.dropped('usage', 'usage')
    for (const key of Object.keys(extras)) losses.dropped('unknown-field', `extras.ollama.${key}`)
    return { value: { embedding: response.vectors[0] ?? [] }, losses: losses.items }
  }
  const value: JsonObject = {
    model: response.model === '' ? reply.model : response.model,
    embeddings: response.vectors,
    ...extras,
    ...encodeUsage(response.usage, losses),
  }
  return { value, losses: losses.items }
}

export const embedding: EmbeddingCodec = {
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
}
