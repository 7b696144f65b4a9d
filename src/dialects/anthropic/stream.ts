// A provider's event stream into IR events. It keeps the one promise the IR makes, that blocks of a choice never interleave,
// and never throws: what cannot be read becomes an error event, and so does a stream that stops before `message_stop`.

import type { IrEvent } from '../../core/ir/event.ts'
import type { Block } from '../../core/ir/request.ts'
import type { StreamError } from '../../core/ir/response.ts'
import { asObject, asString, isObject, parseJson } from '../../core/json.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Frame, StreamDecoder } from '../dialect.ts'
import { decodeBlock } from './blocks.ts'
import { streamError } from './error.ts'
import { decodeFinish } from './finish.ts'
import { answerExtras } from './response.ts'
import { sealFromSignature } from './seal.ts'
import { decodeUsage, mergeWireUsage } from './usage.ts'
import { DIALECT } from './wire.ts'

interface OpenBlock {
  /** The provider's index, by which its deltas name it. */
  readonly wireIndex: number
  /** Ours, without gaps. */
  readonly index: number
  readonly type: Block['type']
  /** An opaque block is gathered here and said whole at its end. */
  readonly opaque?: JsonObject
  inputPieces: string[]
  /** Pieces of a signature; providers send one, the format allows more. */
  signature: string
  saidInput: boolean
}

/** Decoder of one stream. */
export class AnthropicStreamDecoder implements StreamDecoder {
  private started = false
  ended = false
  private nextIndex = 0
  private open: OpenBlock | undefined
  private usage: JsonObject | undefined
  private extras: JsonObject = {}

  push(frame: Frame): IrEvent[] {
    if (this.ended || frame.data === '[DONE]') return []
    const data = parseJson(frame.data)
    if (!isObject(data))
      return this.fail('invalid_json', 'The provider sent an event that is not JSON.')
    const type = asString(data['type']) ?? frame.event ?? (data['error'] ? 'error' : undefined)
    const events: IrEvent[] = []
    if (type === 'content_block_delta') this.delta(data, events)
    else if (type !== undefined) this.rare(type, data, events)
    return events
  }

  end(): IrEvent[] {
    if (this.ended) return []
    return this.fail('truncated', 'The provider ended its answer before it was complete.')
  }

  private rare(type: string, data: JsonObject, events: IrEvent[]): void {
    switch (type) {
      case 'message_start':
        return this.messageStart(asObject(data['message']) ?? {}, events)
      case 'content_block_start':
        return this.blockStart(data, events)
      case 'content_block_stop':
        return this.blockStop(events)
      case 'message_delta':
        return this.messageDelta(data, events)
      case 'message_stop':
        this.start(events)
        this.blockStop(events)
        this.ended = true
        return
      case 'error':
        this.ended = true
        events.push({ type: 'error', error: streamError(data) })
        return
      default:
        // `ping`, and events of a later version of the API.
        return
    }
  }

  private messageStart(message: JsonObject, events: IrEvent[]): void {
    if (this.started) return
    this.started = true
    events.push({
      type: 'response-start',
      id: asString(message['id']) ?? '',
      model: asString(message['model']) ?? '',
    })
    this.report(message, asObject(message['usage']), events)
  }

  private start(events: IrEvent[]): void {
    if (!this.started) this.messageStart({}, events)
  }

  /** Usage so far, and what else the event says; extras wait for the end, as each report replaces the one before. */
  private report(body: JsonObject, wireUsage: JsonObject | undefined, events: IrEvent[]): void {
    if (wireUsage !== undefined) {
      this.usage = mergeWireUsage(this.usage, wireUsage)
      const usage = decodeUsage(this.usage)
      if (usage !== undefined) events.push({ type: 'usage', usage })
    }
    Object.assign(this.extras, answerExtras(body, this.usage))
  }

  private blockStart(data: JsonObject, events: IrEvent[]): void {
    this.start(events)
    this.blockStop(events)
    const wire = asObject(data['content_block'])
    const wireIndex = typeof data['index'] === 'number' ? data['index'] : this.nextIndex
    if (wire === undefined) return this.broken(events)
    let block: Block
    try {
      block = decodeBlock(wire, 'content_block')
    } catch {
      return this.broken(events)
    }
    this.openBlock(block, wireIndex, events)
  }

  private openBlock(block: Block, wireIndex: number, events: IrEvent[]): void {
    const index = this.nextIndex++
    const state = { wireIndex, index, inputPieces: [], signature: '', saidInput: false }
    if (block.type === 'opaque') {
      this.open = { ...state, type: 'opaque', opaque: { ...block.value } }
      return
    }
    this.open = { ...state, type: block.type }
    const at = { choice: 0, index }
    // The text a block already has at its start is said as its first delta, as blocks of the IR open empty.
    if (block.type === 'text') {
      const { citations, ...rest } = block
      events.push({ type: 'block-start', ...at, block: { ...rest, text: '' } })
      if (block.text !== '') events.push({ type: 'text-delta', ...at, text: block.text })
      for (const citation of Array.isArray(citations?.value) ? citations.value : []) {
        events.push({ type: 'citation', ...at, citation, dialect: DIALECT })
      }
    } else if (block.type === 'thinking') {
      const { seal, ...rest } = block
      events.push({ type: 'block-start', ...at, block: { ...rest, text: '' } })
      if (block.text !== '') events.push({ type: 'thinking-delta', ...at, text: block.text })
      if (seal !== undefined) events.push({ type: 'seal-delta', ...at, seal })
    } else if (block.type === 'tool-use') {
      events.push({ type: 'block-start', ...at, block: { ...block, input: '' } })
      if (block.input !== '') {
        this.open.saidInput = true
        events.push({ type: 'tool-input-delta', ...at, text: block.input })
      }
    } else events.push({ type: 'block-start', ...at, block })
  }

  private blockStop(events: IrEvent[]): void {
    const { open } = this
    if (open === undefined) return
    this.open = undefined
    const at = { choice: 0, index: open.index }
    if (open.opaque !== undefined) {
      const value = open.opaque
      if (open.inputPieces.length > 0) value['input'] = parseJson(open.inputPieces.join('')) ?? {}
      events.push({
        type: 'block-start',
        ...at,
        block: { type: 'opaque', dialect: DIALECT, value },
      })
    }
    events.push({ type: 'block-end', ...at })
  }

  private delta(data: JsonObject, events: IrEvent[]): void {
    const delta = asObject(data['delta'])
    if (delta === undefined) return this.broken(events)
    if (this.open === undefined && !this.openImplicitly(delta, data, events)) {
      return this.broken(events)
    }
    const open = this.open!
    // A delta for a block that has ended, or for one that has not begun, has no place to go.
    if (typeof data['index'] === 'number' && data['index'] !== open.wireIndex) {
      return this.broken(events)
    }
    if (open.opaque !== undefined) opaqueDelta(open, open.opaque, delta)
    else this.knownDelta(open, delta, events)
  }

  /** Some servers speaking this dialect leave out the start of text and thinking blocks. */
  private openImplicitly(delta: JsonObject, data: JsonObject, events: IrEvent[]): boolean {
    const block: Block | undefined =
      delta['type'] === 'text_delta'
        ? { type: 'text', text: '' }
        : delta['type'] === 'thinking_delta'
          ? { type: 'thinking', text: '' }
          : undefined
    if (block === undefined) return false
    this.start(events)
    this.openBlock(block, typeof data['index'] === 'number' ? data['index'] : 0, events)
    return true
  }

  private knownDelta(open: OpenBlock, delta: JsonObject, events: IrEvent[]): void {
    const at = { choice: 0, index: open.index }
    switch (delta['type']) {
      case 'text_delta': {
        const text = asString(delta['text']) ?? ''
        if (text !== '' && open.type === 'text') events.push({ type: 'text-delta', ...at, text })
        return
      }
      case 'thinking_delta': {
        const text = asString(delta['thinking']) ?? ''
        if (text !== '' && open.type === 'thinking') {
          events.push({ type: 'thinking-delta', ...at, text })
        }
        return
      }
      case 'signature_delta': {
        open.signature += asString(delta['signature']) ?? ''
        const seal = sealFromSignature(open.signature)
        if (seal !== undefined) events.push({ type: 'seal-delta', ...at, seal })
        return
      }
      case 'input_json_delta': {
        const text = asString(delta['partial_json']) ?? ''
        // A whole `{}` is a call without arguments, which the IR says with no text.
        if (text === '' || open.type !== 'tool-use' || (text === '{}' && !open.saidInput)) return
        open.saidInput = true
        events.push({ type: 'tool-input-delta', ...at, text })
        return
      }
      case 'citations_delta': {
        const citation = delta['citation']
        if (citation !== undefined && open.type === 'text') {
          events.push({ type: 'citation', ...at, citation, dialect: DIALECT })
        }
        return
      }
      default:
        return
    }
  }

  private messageDelta(data: JsonObject, events: IrEvent[]): void {
    this.start(events)
    this.blockStop(events)
    const delta = asObject(data['delta']) ?? {}
    const finish = decodeFinish(delta)
    if (finish !== undefined) events.push({ type: 'finish', choice: 0, finish })
    this.report({ ...data, ...delta, delta: null }, asObject(data['usage']), events)
    if (Object.keys(this.extras).length > 0) {
      events.push({ type: 'extras', extras: { [DIALECT]: { ...this.extras } } })
    }
  }

  private broken(events: IrEvent[]): void {
    events.push(...this.fail('invalid_event', 'The provider sent an event out of order.'))
  }

  private fail(code: string, message: string): IrEvent[] {
    this.ended = true
    const error: StreamError = { message, type: 'api_error', code, status: 502 }
    return [{ type: 'error', error }]
  }
}

/** Gathers a delta of a block only Anthropic knows: argument text for `input`, other strings appended, the rest replaced. */
function opaqueDelta(open: OpenBlock, value: JsonObject, delta: JsonObject): void {
  for (const key in delta) {
    const piece = delta[key]
    if (key === 'type') continue
    if (key === 'partial_json') {
      if (typeof piece === 'string' && piece !== '') open.inputPieces.push(piece)
    } else if (key === 'citation' && piece !== undefined) {
      const earlier = value['citations']
      value['citations'] = [...(Array.isArray(earlier) ? earlier : []), piece]
    } else {
      const earlier = value[key]
      const grows = typeof earlier === 'string' && typeof piece === 'string'
      value[key] = grows ? earlier + piece : piece
    }
  }
}
