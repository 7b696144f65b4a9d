// The streamed answer of Chat Completions, decoded: frames to IR events for OpenAI and everyone who claims to be like it.
// A finish reason is told when it comes, but blocks end only when the stream does and the finish is told again if it turned
// out otherwise, because providers send more after their own end.

import type { IrEvent } from '../../core/ir/event.ts'
import type { StreamError, TokenLogprob } from '../../core/ir/response.ts'
import { asArray, asObject, asString, canonicalJson, isObject } from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Frame, StreamDecoder } from '../dialect.ts'
import { carries, isChoiceMember, isMessageMember } from './choice-members.ts'
import { decodeError, decodeStreamError } from './error.ts'
import { decodeFinish } from './finish.ts'
import { decodeLogprobs } from './logprobs.ts'
import { isViolation } from './rails.ts'
import { plainReasoning } from './reasoning.ts'
import { decodeReplyPart } from './reply-content.ts'
import type { ReplyPart } from './reply-content.ts'
import { answerKey, decodeReplyAudio, decodeReplyImages } from './response.ts'
import { ChoiceStream } from './stream-choice.ts'
import { decodeUsage, usageRest } from './usage.ts'
import { createdMs, DIALECT, RESPONSE_MEMBERS } from './wire.ts'

/** What of a chunk's choice differs between chat and legacy completions. */
export interface ChunkShape {
  readonly dialect: typeof DIALECT | 'openai-completions'
  /** Whether a choice's member is read. */
  isChoiceMember(key: string): boolean
  delta(choice: JsonObject): JsonObject | undefined
  logprobs(choice: JsonObject): TokenLogprob[] | undefined
}

const CHAT_SHAPE: ChunkShape = {
  dialect: DIALECT,
  isChoiceMember,
  delta: (choice) => asObject(choice.delta),
  logprobs: (choice) => decodeLogprobs(choice.logprobs),
}

export function createStreamDecoder(): StreamDecoder {
  return new ChunkDecoder(CHAT_SHAPE)
}

export class ChunkDecoder implements StreamDecoder {
  private readonly shape: ChunkShape
  private readonly choices: ChoiceStream[] = []
  private answer = ''
  private started = false
  ended = false
  private extras: JsonObject = {}
  private toldExtras = ''

  constructor(shape: ChunkShape) {
    this.shape = shape
  }

  push(frame: Frame): IrEvent[] {
    const out: IrEvent[] = []
    if (this.ended) return out
    const { data } = frame
    if (data === '[DONE]' || data.trim() === '[DONE]') {
      if (this.started) this.complete(out)
      else this.fail(truncated(), out)
      return out
    }
    if (data === '') return out
    let chunk: JsonValue
    try {
      chunk = JSON.parse(data) as JsonValue
    } catch (thrown) {
      this.fail(frame.event === 'error' ? textError(data) : badFrame(thrown), out)
      return out
    }
    if (isObject(chunk)) this.chunk(chunk, frame.event, out)
    else if (frame.event === 'error') this.fail(decodeStreamError(chunk, this.shape.dialect), out)
    else this.fail(badFrame(undefined), out)
    return out
  }

  end(): IrEvent[] {
    const out: IrEvent[] = []
    if (this.ended) return out
    const finished =
      this.choices.length > 0 && this.choices.every(({ finishWord }) => finishWord !== '')
    // Several providers leave out `[DONE]`; a finish reason of every choice is an end, anything less is a cut.
    if (finished) this.complete(out)
    else this.fail(truncated(), out)
    return out
  }

  private chunk(chunk: JsonObject, event: string | undefined, out: IrEvent[]): void {
    const choices = asArray(chunk.choices)
    const usage = chunk.usage === undefined || chunk.usage === null ? undefined : chunk.usage
    const isError =
      (chunk.error !== undefined && chunk.error !== null) ||
      event === 'error' ||
      (choices === undefined && chunk.object === 'error')
    if (!this.started && !isError) this.start(chunk, choices, out)
    if (choices !== undefined && !isError) {
      for (let position = 0; position < choices.length; position++) {
        const choice = choices[position]
        if (isObject(choice)) this.choice(choice, position, out)
      }
    }
    if (this.ended) return
    if (usage !== undefined) {
      const decoded = decodeUsage(usage)
      if (decoded !== undefined && this.started) out.push({ type: 'usage', usage: decoded })
      const rest = usageRest(usage)
      if (rest !== undefined) this.extras.usage = rest
    }
    if (isError) this.failed(decodeStreamError(chunk, this.shape.dialect), out)
    else if (this.started) this.keepExtras(chunk)
  }

  private failed(error: StreamError, out: IrEvent[]): void {
    if (!isViolation(error)) {
      this.fail(error, out)
      return
    }
    if (!this.started) out.push({ type: 'response-start', id: '', model: '' })
    this.started = true
    if (this.choices.length === 0) this.choiceAt(0)
    for (const choice of this.choices) choice.finishWord = 'content_filter'
    this.complete(out)
  }

  private start(chunk: JsonObject, choices: JsonValue[] | undefined, out: IrEvent[]): void {
    const id = asString(chunk.id) ?? ''
    // Azure's first chunk holds filter results alone: no id, no model, no choice.
    if (choices === undefined || (choices.length === 0 && id === '')) {
      this.keepExtras(chunk)
      return
    }
    this.started = true
    this.answer = answerKey(id, chunk.created)
    const created = createdMs(chunk.created)
    out.push({
      type: 'response-start',
      id,
      model: asString(chunk.model) ?? '',
      ...(created === undefined ? {} : { createdMs: created }),
    })
    this.keepExtras(chunk)
    this.tellExtras(out)
  }

  private choice(wire: JsonObject, position: number, out: IrEvent[]): void {
    const index = typeof wire.index === 'number' ? wire.index : position
    const choice = this.choiceAt(index)
    if (wire.logprobs !== undefined && wire.logprobs !== null) {
      const tokens = this.shape.logprobs(wire)
      if (tokens !== undefined) out.push({ type: 'logprobs', choice: index, tokens })
    }
    const delta = this.shape.delta(wire)
    if (delta !== undefined) this.delta(choice, delta, out)
    else if (wire.message !== undefined) this.wholeMessage(choice, wire.message, out)
    const { shape } = this
    for (const key in wire) {
      if (!shape.isChoiceMember(key) && carries(wire[key])) {
        this.keepMember(choice, key, wire[key], delta)
      }
    }
    const finish = wire.finish_reason
    if (typeof finish === 'string' && finish !== '') {
      choice.finishWord = finish
      choice.stopReason = wire.stop_reason
      this.tellFinish(choice, out)
    }
    if (choice.overflow) this.fail(tooMuch(), out)
  }

  private keepMember(
    choice: ChoiceStream,
    key: string,
    value: JsonValue | undefined,
    delta: JsonObject | undefined,
  ): void {
    // Together says a delta's text in the choice again.
    if (key !== 'text' || value !== delta?.content) choice.unknown().keepInChoice(key, value)
  }

  private delta(choice: ChoiceStream, delta: JsonObject, out: IrEvent[]): void {
    for (const key in delta) {
      if (!isMessageMember(key) && carries(delta[key])) {
        choice.unknown().keepInMessage(key, delta[key])
      }
    }
    this.thinking(choice, delta, out)
    const { content } = delta
    if (typeof content === 'string') {
      if (content !== '') choice.text('text', content, out)
    } else if (Array.isArray(content)) {
      for (const part of content) this.contentPart(choice, decodeReplyPart(part), out)
    } else if (isObject(content)) choice.text('text', JSON.stringify(content), out)
    const { refusal } = delta
    if (typeof refusal === 'string' && refusal !== '') choice.text('refusal', refusal, out)
    if (Array.isArray(delta.annotations)) choice.citations(delta.annotations, out)
    if (Array.isArray(delta.images)) {
      for (const image of decodeReplyImages(delta.images)) choice.whole(image, out)
    }
    if (isObject(delta.audio)) choice.audioPiece(delta.audio)
    if (Array.isArray(delta.tool_calls)) choice.toolCalls(delta.tool_calls, out)
    const legacy = delta.function_call
    if (
      isObject(legacy) &&
      (asString(legacy.name) ?? '') + (asString(legacy.arguments) ?? '') !== ''
    ) {
      choice.toolCalls([{ index: 0, function: legacy }], out)
    }
  }

  /** One part of a list in `content`, where Mistral puts thinking, text and references. */
  private contentPart(choice: ChoiceStream, part: ReplyPart | undefined, out: IrEvent[]): void {
    if (part === undefined) return
    if (part.kind === 'source') choice.citations([part.value], out)
    else if (part.kind === 'other') choice.unknown().keepInMessage('content_parts', [part.value])
    else if (part.block.type === 'thinking') choice.thinkingPart(part.block, out)
    else if (part.block.type === 'text' || part.block.type === 'refusal') {
      choice.text(part.block.type, part.block.text, out)
    } else choice.whole(part.block, out)
  }

  private thinking(choice: ChoiceStream, delta: JsonObject, out: IrEvent[]): void {
    const details = delta.reasoning_details
    const text = plainReasoning(delta)
    if (!Array.isArray(details) || details.length === 0) {
      if (text !== undefined) choice.text('thinking', text, out)
      return
    }
    const repeated = details.some((item) => {
      const entry = asObject(item)
      return (asString(entry?.text) ?? asString(entry?.summary) ?? '') !== ''
    })
    if (text !== undefined && !repeated) choice.text('thinking', text, out)
    choice.details(details, out)
  }

  /** A choice with the message so far and no delta: what is new of it. */
  private wholeMessage(choice: ChoiceStream, value: JsonValue, out: IrEvent[]): void {
    const message = asObject(value)
    if (message === undefined) return
    const content = asString(message.content)
    const fresh = content?.slice(choice.textChars)
    this.delta(choice, content === undefined ? message : { ...message, content: fresh }, out)
  }

  private choiceAt(index: number): ChoiceStream {
    for (const choice of this.choices) if (choice.index === index) return choice
    const choice = new ChoiceStream(index, this.answer)
    this.choices.push(choice)
    return choice
  }

  private keepExtras(chunk: JsonObject): void {
    for (const key in chunk) {
      if (RESPONSE_MEMBERS.has(key)) continue
      const value = chunk[key]
      if (value === undefined || value === null || key === '__proto__') continue
      const earlier = typeof value === 'object' ? this.extras[key] : undefined
      // Groq tells its object in two halves.
      this.extras[key] = isObject(earlier) && isObject(value) ? { ...earlier, ...value } : value
    }
  }

  private tellExtras(out: IrEvent[]): void {
    const text = canonicalJson(this.extras)
    if (text === '{}' || text === this.toldExtras) return
    this.toldExtras = text
    out.push({ type: 'extras', extras: { [this.shape.dialect]: { ...this.extras } } })
  }

  private complete(out: IrEvent[]): void {
    for (const choice of this.choices) choice.end(out, decodeReplyAudio)
    for (const choice of this.choices) {
      this.tellUnknown(choice, out)
      this.tellFinish(choice, out)
    }
    this.tellExtras(out)
    this.ended = true
  }

  private tellUnknown(choice: ChoiceStream, out: IrEvent[]): void {
    const { stopReason } = choice
    const finish = decodeFinish(choice.finishWord, choice.holds, stopReason)
    if (finish.stopSequence === undefined && carries(stopReason)) {
      choice.unknown().keepInChoice('stop_reason', stopReason)
    }
    const own = choice.members?.result()
    if (own === undefined) return
    const extras = { [this.shape.dialect]: own }
    out.push({ type: 'choice-extras', choice: choice.index, extras })
  }

  private tellFinish(choice: ChoiceStream, out: IrEvent[]): void {
    const finish = decodeFinish(choice.finishWord, choice.holds, choice.stopReason)
    const { told } = choice
    if (told?.unified === finish.unified && told.raw === finish.raw) return
    choice.told = finish
    out.push({ type: 'finish', choice: choice.index, finish })
  }

  private fail(error: StreamError, out: IrEvent[]): void {
    out.push({ type: 'error', error })
    this.ended = true
  }
}

function truncated(): StreamError {
  return {
    message: 'The provider ended the stream before its answer was complete.',
    type: 'server_error',
    code: 'truncated',
  }
}

function badFrame(thrown: unknown): StreamError {
  return {
    message: 'The provider sent a stream event that could not be understood.',
    type: 'server_error',
    code: 'upstream_bad_response',
    ...(thrown instanceof Error
      ? { raw: { dialect: DIALECT, value: `not JSON: ${thrown.name}` } }
      : {}),
  }
}

function textError(data: string): StreamError {
  return { message: decodeError(data)?.message ?? 'The provider reported an error in the stream.' }
}

function tooMuch(): StreamError {
  return {
    message: 'The provider sent more in one answer than this server takes.',
    type: 'server_error',
    code: 'upstream_bad_response',
  }
}
