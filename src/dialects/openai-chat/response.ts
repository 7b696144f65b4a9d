// The Chat Completions answer that is not streamed, both directions. Reading is lenient towards OpenAI's imitators
// (content as array or object, empty objects for absent ones); writing is exactly OpenAI's shape.

import { LossList } from '../../core/ir/loss.ts'
import type { Encoded } from '../../core/ir/loss.ts'
import type {
  AudioBlock,
  Block,
  Extras,
  Seal,
  ThinkingBlock,
  ToolUseBlock,
} from '../../core/ir/request.ts'
import type { ChatResponse, Choice } from '../../core/ir/response.ts'
import { asArray, asObject, asString, isObject } from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { ownChoiceExtras } from '../choice-extras.ts'
import type { ReplyContext } from '../dialect.ts'
import {
  ChoiceMembers,
  gatherMembers,
  isChoiceMember,
  isMessageMember,
  partMembers,
} from './choice-members.ts'
import { decodeImage, dropExtras, urlOfSource } from './content.ts'
import { decodeFinish, encodeFinish } from './finish.ts'
import { encodeLegacyCall, finishWord, wantsLegacyCall } from './legacy-call.ts'
import { decodeLogprobs, encodeLogprobs } from './logprobs.ts'
import { applyRails } from './rails.ts'
import { decodeReasoning, encodeReplyReasoning } from './reasoning.ts'
import { decodeReplyContent } from './reply-content.ts'
import {
  argumentsText,
  decodeToolCall,
  encodeToolCall,
  isExtraContent,
  makeToolCallId,
  withCallMembers,
} from './tools.ts'
import { decodeUsage, encodeUsage, tellUsageLosses, usageRest } from './usage.ts'
import { ownExtras } from '../extras.ts'
import {
  assignMembers,
  badResponse,
  createdMs,
  createdSeconds,
  DIALECT,
  extrasOf,
  meaningful,
  RESPONSE_MEMBERS,
} from './wire.ts'

/** Throws GatewayError `upstream_bad_response` for an object without choices. */
export function decodeResponse(body: JsonObject): ChatResponse {
  const list = asArray(body.choices)
  if (list === undefined) throw badResponse('no choices in a chat completion')
  const response: ChatResponse = {
    id: asString(body.id) ?? '',
    model: asString(body.model) ?? '',
    choices: [],
  }
  const created = createdMs(body.created)
  if (created !== undefined) response.createdMs = created
  const answer = answerKey(response.id, body.created)
  list.forEach((value, position) => {
    if (isObject(value)) response.choices.push(decodeChoice(value, position, answer))
  })
  const usage = decodeUsage(body.usage)
  if (usage !== undefined) response.usage = usage
  const extras = answerExtras(DIALECT, body)
  if (extras !== undefined) response.extras = extras
  applyRails(response, body)
  return response
}

/** Unknown members of an answer; those of its usage stand under `usage`. */
export function answerExtras(
  dialect: AnswerShape['dialect'],
  body: JsonObject,
): Extras | undefined {
  const rest = usageRest(body.usage)
  const extras = extrasOf(dialect, body, RESPONSE_MEMBERS)
  return rest === undefined ? extras : { [dialect]: { ...extras?.[dialect], usage: rest } }
}

/** What made ids are derived from: the same for an answer in one body and in a stream. */
export function answerKey(id: string, created: JsonValue | undefined): string {
  return `${id}/${typeof created === 'number' ? created : ''}`
}

function decodeChoice(wire: JsonObject, position: number, answer: string): Choice {
  const index = typeof wire.index === 'number' ? wire.index : position
  const message = asObject(wire.message) ?? {}
  const { blocks: thinking, toolSeals } = decodeReasoning(message)
  const content = decodeReplyContent(message.content)
  const blocks: Block[] = [...thinking, ...content.blocks]
  const sources = [...content.sources, ...(asArray(message.annotations) ?? [])]
  const text = blocks.find((block) => block.type === 'text')
  if (text?.type === 'text' && sources.length > 0) {
    text.citations = { dialect: DIALECT, value: sources }
  }
  const refusal = asString(message.refusal)
  if (refusal !== undefined && refusal !== '') blocks.push({ type: 'refusal', text: refusal })
  blocks.push(...decodeReplyImages(message.images))
  const calls = decodeCalls(message, index, answer)
  // As in a stream, where a call of another type is only whole at the end.
  calls.sort((first, second) => Number(first.type === 'opaque') - Number(second.type === 'opaque'))
  for (const call of calls) {
    const seal = call.type === 'tool-use' ? toolSeals.get(call.id) : undefined
    if (seal !== undefined && call.type === 'tool-use') call.seal = seal
    blocks.push(call)
  }
  const audio = meaningful(message.audio)
  if (audio !== undefined) blocks.push(decodeReplyAudio(audio))
  const choice: Choice = { index, blocks }
  const logprobs = decodeLogprobs(wire.logprobs)
  if (logprobs !== undefined) choice.logprobs = logprobs
  choice.finish = decodeFinish(
    wire.finish_reason,
    { calls: calls.length > 0, refusal: blocks.some(({ type }) => type === 'refusal') },
    wire.stop_reason,
  )
  const extras = new ChoiceMembers()
  gatherMembers(wire, isChoiceMember, 'choice', extras)
  gatherMembers(message, isMessageMember, 'message', extras)
  extras.keepInMessage('content_parts', content.others)
  if (text === undefined) extras.keepInMessage('annotations', sources)
  if (choice.finish.stopSequence === undefined) extras.keepInChoice('stop_reason', wire.stop_reason)
  const own = extras.result()
  if (own !== undefined) choice.extras = { [DIALECT]: own }
  return choice
}

function decodeCalls(
  message: JsonObject,
  choice: number,
  answer: string,
): Exclude<ReturnType<typeof decodeToolCall>, undefined>[] {
  const calls = (asArray(message.tool_calls) ?? [])
    .map((call, position) => decodeToolCall(call, () => makeToolCallId(answer, choice, position)))
    .filter((call) => call !== undefined)
  const legacy = asObject(message.function_call)
  const name = asString(legacy?.name)
  if (calls.length === 0 && legacy !== undefined && name !== undefined && name !== '') {
    const id = makeToolCallId(answer, choice, 0)
    calls.push({ type: 'tool-use', id, name, input: argumentsText(legacy.arguments) })
  }
  return calls
}

/** OpenRouter's `images`, in the shape of content parts. */
export function decodeReplyImages(value: JsonValue | undefined): Block[] {
  const blocks: Block[] = []
  for (const item of asArray(value) ?? []) {
    const image = asObject(item)?.image_url
    const url = asString(asObject(image)?.url) ?? asString(image)
    if (url !== undefined) blocks.push(decodeImage(url, 'images'))
  }
  return blocks
}

/** Audio of an answer. The wire does not tell its format, which the request named. */
export function decodeReplyAudio(wire: JsonObject): AudioBlock {
  const block: AudioBlock = { type: 'audio' }
  const id = asString(wire.id)
  const data = asString(wire.data)
  const transcript = asString(wire.transcript)
  if (id !== undefined) block.id = id
  if (data !== undefined) {
    block.source = { kind: 'base64', mediaType: 'application/octet-stream', data }
  }
  if (transcript !== undefined) block.transcript = transcript
  const extras = extrasOf(DIALECT, wire, new Set(['id', 'data', 'transcript']))
  if (extras !== undefined) block.extras = extras
  return block
}

export function encodeReplyAudio(block: AudioBlock, path: string, losses: LossList): JsonObject {
  const wire: JsonObject = {}
  if (block.id !== undefined) wire.id = block.id
  if (block.source?.kind === 'base64') {
    wire.data = block.source.data
    if (block.source.mediaType !== 'application/octet-stream') {
      losses.adapted('audio-format', `${path}.source`)
    }
  } else if (block.source !== undefined) losses.dropped('audio', path)
  if (block.format !== undefined) losses.dropped('audio-format', `${path}.format`)
  if (block.transcript !== undefined) wire.transcript = block.transcript
  return assignMembers(wire, ownExtras(block.extras, DIALECT, path, losses))
}

/** What of a whole answer differs between chat and legacy completions. */
export interface AnswerShape {
  readonly dialect: typeof DIALECT | 'openai-completions'
  readonly object: string
  encodeChoice(choice: Choice, position: number, losses: LossList): JsonObject
}

/** An answer for a client: OpenAI's shape, nothing in its messages that a client may not send back. */
export function encodeAnswer(
  response: ChatResponse,
  reply: ReplyContext,
  shape: AnswerShape,
): Encoded<JsonObject> {
  const losses = new LossList()
  const body: JsonObject = {
    id: response.id === '' ? reply.id : response.id,
    object: shape.object,
    created: createdSeconds(response.createdMs ?? reply.nowMs),
    model: response.model === '' ? reply.model : response.model,
    choices: response.choices.map((choice, position) =>
      shape.encodeChoice(choice, position, losses),
    ),
  }
  const { usage: rest, ...own } = ownExtras(response.extras, shape.dialect, '', losses) ?? {}
  if (response.usage !== undefined || rest !== undefined) {
    body.usage = encodeUsage(response.usage, asObject(rest))
    if (response.usage !== undefined) tellUsageLosses(response.usage, losses)
  }
  assignMembers(body, own)
  return { value: body, losses: losses.items }
}

/** A chat completion. */
export function encodeResponse(response: ChatResponse, reply: ReplyContext): Encoded<JsonObject> {
  const legacy = wantsLegacyCall(reply)
  return encodeAnswer(response, reply, {
    dialect: DIALECT,
    object: 'chat.completion',
    encodeChoice: (choice, position, losses) => encodeChoice(choice, position, legacy, losses),
  })
}

interface Message {
  readonly texts: string[]
  readonly refusals: string[]
  readonly thinking: ThinkingBlock[]
  readonly toolSeals: [string, Seal][]
  readonly calls: JsonObject[]
  /** The one call of a client that knows no `tool_calls`; null before it, undefined for any other client. */
  legacyCall: JsonObject | null | undefined
  readonly images: JsonObject[]
  annotations: JsonValue[]
  audio: JsonObject | undefined
}

function encodeChoice(
  choice: Choice,
  position: number,
  legacy: boolean,
  losses: LossList,
): JsonObject {
  const path = `choices[${position}]`
  const parts: Message = {
    texts: [],
    refusals: [],
    thinking: [],
    toolSeals: [],
    calls: [],
    legacyCall: legacy ? null : undefined,
    images: [],
    annotations: [],
    audio: undefined,
  }
  let rank = 0
  choice.blocks.forEach((block, index) => {
    const at = `${path}.blocks[${index}]`
    const gone = block.type === 'opaque' && block.dialect !== DIALECT
    const blockRank = gone ? rank : REPLY_ORDER.indexOf(block.type)
    if (blockRank < rank) losses.adapted('block-order', `${path}.blocks`)
    rank = Math.max(rank, blockRank)
    addBlock(block, at, parts, losses)
  })
  if (choice.finish === undefined) losses.adapted('finish-reason', `${path}.finish`, 'none')
  if (parts.texts.length > 1 || parts.refusals.length > 1) {
    losses.adapted('text-blocks', `${path}.blocks`, 'joined')
  }
  const message: JsonObject = {
    role: 'assistant',
    content: parts.texts.length > 0 || nothingElse(parts) ? parts.texts.join('') : null,
    refusal: parts.refusals.length > 0 ? parts.refusals.join('') : null,
    ...encodeReplyReasoning(parts.thinking, parts.toolSeals),
  }
  const own = partMembers(ownChoiceExtras(choice.extras, DIALECT, position, losses))
  if (parts.annotations.length > 0) message.annotations = parts.annotations
  if (parts.images.length > 0) message.images = parts.images
  if (parts.audio !== undefined) message.audio = parts.audio
  if (parts.calls.length > 0) message.tool_calls = parts.calls
  const { legacyCall } = parts
  if (isObject(legacyCall)) message.function_call = legacyCall
  const holds = { refusal: parts.refusals.length > 0, calls: callsTools(parts) }
  const wire: JsonObject = {
    index: choice.index,
    message: assignMembers(message, own.message),
    logprobs: choice.logprobs === undefined ? null : encodeLogprobs(choice.logprobs),
    finish_reason:
      choice.finish === undefined
        ? null
        : finishWord(encodeFinish(choice.finish, holds, `${path}.finish`, losses), legacy),
  }
  return assignMembers(wire, own.choice)
}

const REPLY_ORDER: readonly string[] = [
  'thinking',
  'text',
  'refusal',
  'image',
  'tool-use',
  'opaque',
  'audio',
]

function callsTools(parts: Message): boolean {
  return parts.calls.length > 0 || isObject(parts.legacyCall)
}

function nothingElse(parts: Message): boolean {
  return !callsTools(parts) && parts.refusals.length === 0 && parts.audio === undefined
}

function addBlock(block: Block, at: string, parts: Message, losses: LossList): void {
  switch (block.type) {
    case 'text':
      dropExtras(block.extras, at, losses)
      parts.texts.push(block.text)
      if (block.citations === undefined) return
      if (block.citations.dialect === DIALECT) {
        parts.annotations.push(...(asArray(block.citations.value) ?? []))
      } else losses.dropped('citations', `${at}.citations`, block.citations.dialect)
      return
    case 'refusal':
      parts.refusals.push(block.text)
      return
    case 'thinking':
      dropExtras(block.extras, at, losses)
      parts.thinking.push(block)
      return
    case 'tool-use':
      if (parts.legacyCall !== undefined) {
        const place = parts.legacyCall === null ? 0 : 1
        parts.legacyCall = encodeLegacyCall(block, at, place, losses) ?? parts.legacyCall
        return
      }
      parts.calls.push(encodeReplyCall(block, at, losses))
      if (block.seal !== undefined && !isExtraContent(block.seal)) {
        parts.toolSeals.push([block.id, block.seal])
      }
      return
    case 'image':
      if (block.source.kind === 'file-id') losses.dropped('image', at)
      else {
        parts.images.push({ type: 'image_url', image_url: { url: urlOfSource(block.source) } })
      }
      return
    case 'audio':
      if (parts.audio === undefined) parts.audio = encodeReplyAudio(block, at, losses)
      else losses.dropped('audio', at)
      return
    case 'opaque':
      if (block.dialect === DIALECT) parts.calls.push(block.value)
      else losses.dropped('opaque-block', at, block.dialect)
      return
    case 'file':
    case 'tool-result':
      losses.dropped(block.type, at)
  }
}

export function encodeReplyCall(
  block: ToolUseBlock,
  at: string,
  losses: LossList,
  argumentsSaid?: string,
): JsonObject {
  const call = encodeToolCall(block, block.id, argumentsSaid)
  return withCallMembers(call, ownExtras(block.extras, DIALECT, at, losses))
}
