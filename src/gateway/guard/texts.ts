// What of a request or an answer is text that rules judge: by the IR, so for every protocol alike, and besides it every other string of the
// body, as a client can hide a sentence in any of them. Nothing here judges or changes anything.

import type { GuardCheckKind, GuardStage, GuardText } from '../../core/guardrail.ts'
import type { EmbeddingRequest } from '../../core/ir/embedding.ts'
import type { Block, ChatRequest, MediaSource, Role } from '../../core/ir/request.ts'
import type { ChatResponse } from '../../core/ir/response.ts'
import { parseJson, type JsonObject, type JsonValue } from '../../core/json.ts'
import { visitNames, visitStrings } from '../../core/json-strings.ts'
import { isBinary, readableFile } from './binary.ts'

/** One text on its own. */
export interface TextPart extends GuardText {
  readonly stage: GuardStage
  /** Parts of the same number are read together by whoever reads them. */
  readonly group: number
  /** Stands beside what is said, or says it once more as it is read: it counts for nothing where the whole is measured. */
  readonly beside?: true
}

/** Members whose strings are words of a protocol, names or signatures: they are no text, and changing them would break the request. */
const STRUCTURAL: ReadonlySet<string> = new Set([
  'role',
  'type',
  'model',
  'object',
  'id',
  'tool_call_id',
  'tool_use_id',
  'toolUseId',
  'call_id',
  'response_id',
  'previous_response_id',
  'item_id',
  'file_id',
  'fileId',
  'container_id',
  'input_file_id',
  'signature',
  'thoughtSignature',
  'thought_signature',
  'encrypted_content',
  'media_type',
  'mime_type',
  'mimeType',
  'encoding_format',
  'finish_reason',
  'stop_reason',
  'finishReason',
  'service_tier',
  'reasoning_effort',
  'status',
  'system_fingerprint',
])

/** Members in which clients say what they like: there no name is a word of the protocol. */
const FREE: ReadonlySet<string> = new Set(['metadata', 'extra_body', 'labels'])

/** How protocols name their members. A name of another form is somebody's text. */
const MEMBER_NAME = /^[A-Za-z_$@][\w.$/-]{0,63}$/

/** Whether a string of that member is no text. One that has signs which no word of a protocol has may be rewritten all the same. */
export function isStructural(key: string | undefined, text: string): boolean {
  return key !== undefined && STRUCTURAL.has(key) && /^[\w.:/-]*$/.test(text)
}

/** Gathers parts, and remembers which strings are among them. */
class Parts {
  readonly list: TextPart[] = []
  readonly seen = new Set<string>()
  group = 0

  add(
    text: string,
    role: GuardText['role'],
    kind: GuardText['kind'],
    stage: GuardStage = 'input',
  ): void {
    this.seen.add(text)
    if (text !== '') this.list.push({ text, role, kind, stage, group: this.group })
  }

  addBeside(text: string, role: GuardText['role'], stage: GuardStage): void {
    this.seen.add(text)
    if (text === '') return
    this.list.push({ text, role, kind: 'data', stage, group: this.group, beside: true })
    this.group += 1
  }

  /** JSON text of a call's arguments, without the escapes that nobody needs, and its strings as they are read. */
  addJson(input: string, role: GuardText['role'], stage: GuardStage): void {
    this.seen.add(input)
    const value = parseJson(input)
    if (value === undefined) return this.add(input, role, 'tool_input', stage)
    this.group += 1
    this.add(JSON.stringify(value), role, 'tool_input', stage)
    this.addWithin(value, role, stage)
    this.group += 1
  }

  /** A schema: what it says of itself, its names and its values. */
  addSchema(schema: JsonObject): void {
    this.addBeside(JSON.stringify(schema), 'system', 'input')
    this.addWithin(schema, 'system', 'input')
  }

  /** Strings and names of a value that was added as JSON text: those that are read otherwise than they stand there. */
  private addWithin(value: JsonValue, role: GuardText['role'], stage: GuardStage): void {
    for (const text of textsWithin(value)) {
      this.seen.add(text)
      if (JSON.stringify(text).length !== text.length + 2) this.addBeside(text, role, stage)
    }
  }

  block(block: Block, role: GuardText['role'], stage: GuardStage): void {
    const isResult = stage === 'tool_result'
    switch (block.type) {
      case 'text':
        return this.add(block.text, role, isResult ? 'tool_result' : 'text', stage)
      case 'refusal':
        return this.add(block.text, role, 'refusal', stage)
      case 'thinking':
        return this.add(block.text, role, 'thinking', stage)
      case 'tool-use':
        for (const name of calledBy(block))
          if (!this.seen.has(name)) this.addBeside(name, role, stage)
        return this.addJson(block.input, role, stage)
      case 'tool-result': {
        const inner = stage === 'output' ? stage : 'tool_result'
        for (const one of block.content) this.block(one, 'tool', inner)
        return
      }
      case 'audio':
        if (block.transcript !== undefined) this.add(block.transcript, role, 'text', stage)
        return
      case 'file': {
        const { source } = block
        const text = source.kind === 'text' ? source.text : readableFile(source)
        if (text !== undefined) this.add(text, role, isResult ? 'tool_result' : 'text', stage)
        if (block.title !== undefined) this.addBeside(block.title, role, stage)
        if (block.filename !== undefined) this.addBeside(block.filename, role, stage)
        return
      }
      case 'opaque':
        return this.rest(block.value, role, stage)
      case 'image': {
        const text = readableFile(block.source)
        if (text !== undefined) this.add(text, role, isResult ? 'tool_result' : 'text', stage)
      }
    }
  }

  /** Every string that is none of those before, and every name that is none of a protocol. */
  rest(value: JsonValue | undefined, role: GuardText['role'], stage: GuardStage): void {
    const note = (text: string) => {
      if (!this.seen.has(text)) this.addBeside(text, role, stage)
    }
    visitTexts(value, undefined, false, (text, isName) => {
      if (isName || !isBinary(text)) note(text)
    })
  }

  /** A body that cannot be told apart: its strings may be parts of one text, whoever says them. */
  unread(body: JsonObject): void {
    for (const stage of ['input', 'tool_result'] as const) {
      this.group += 1
      visitTexts(body, undefined, false, (text, isName) => {
        if (isName || !isBinary(text)) this.add(text, 'user', 'text', stage)
      })
    }
  }
}

/** What a call is named by, as far as it may be text. */
export function calledBy({ id, name }: { readonly id: string; readonly name: string }): string[] {
  return isStructural('id', id) ? [name] : [name, id]
}

/** Strings and names of a value that may be text. @param isFree no member of it is the protocol's */
function visitTexts(
  value: JsonValue | undefined,
  key: string | undefined,
  isFree: boolean,
  visit: (text: string, isName: boolean) => void,
): void {
  if (typeof value === 'string') {
    if (isFree || !isStructural(key, value)) visit(value, false)
  } else if (Array.isArray(value)) {
    for (const item of value) visitTexts(item, key, isFree, visit)
  } else if (typeof value === 'object' && value !== null) {
    for (const name of Object.keys(value)) {
      if (isFree || !MEMBER_NAME.test(name)) visit(name, true)
      visitTexts(value[name], name, isFree || FREE.has(name), visit)
    }
  }
}

/** Strings and names of a value. */
function textsWithin(value: JsonValue): string[] {
  const texts: string[] = []
  visitStrings(value, (text) => texts.push(text))
  visitNames(value, (name) => texts.push(name))
  return texts
}

/**
 * The texts of a request.
 * @param request `unread`: it is in the words of a dialect, but not in ones that are understood
 * @param body as the client said it: what stands in it beside the decoded request is judged as well
 */
export function requestTexts(
  request: ChatRequest | EmbeddingRequest | 'unread' | undefined,
  body: JsonObject,
): TextPart[] {
  const parts = new Parts()
  if (request === 'unread') {
    parts.unread(body)
    return parts.list
  }
  if (request !== undefined && 'messages' in request) chatTexts(request, parts)
  else if (request !== undefined) {
    for (const input of request.input) {
      if (typeof input === 'string') parts.add(input, 'user', 'data')
      parts.group += 1
    }
  }
  parts.rest(body, 'user', 'input')
  return parts.list
}

function chatTexts(request: ChatRequest, parts: Parts): void {
  let before: Role | undefined
  for (const message of request.messages) {
    const role = message.role === 'developer' ? 'system' : message.role
    // Messages of one speaker that follow on each other are read as one.
    if (role !== before) parts.group += 1
    before = role
    const stage = message.role === 'tool' ? 'tool_result' : 'input'
    for (const block of message.content) parts.block(block, role, stage)
  }
  parts.group += 1
  for (const tool of request.tools ?? []) {
    const { description, parameters } =
      tool.type === 'function' ? tool : { description: undefined, parameters: tool.value }
    if (description !== undefined) parts.addBeside(description, 'system', 'input')
    if (parameters !== undefined) parts.addSchema(parameters)
  }
  const { responseFormat } = request
  if (responseFormat?.type === 'json-schema') parts.addSchema(responseFormat.schema)
}

/** What of a request no rule can read, and where; pictures are left out. */
export function unreadable(request: ChatRequest): Map<GuardStage, string> {
  const found = new Map<GuardStage, string>()
  const look = (block: Block, stage: GuardStage): void => {
    if (block.type === 'tool-result') for (const one of block.content) look(one, 'tool_result')
    else if (block.type === 'audio' && block.source !== undefined) found.set(stage, 'a sound')
    else if (block.type === 'file' || block.type === 'image') {
      const { source } = block
      if (source.kind === 'text' || readableFile(source) !== undefined) return
      if (block.type === 'image' && !isOtherThanPicture(source)) return
      found.set(stage, 'a file')
    }
  }
  for (const { content, role } of request.messages) {
    for (const block of content) look(block, role === 'tool' ? 'tool_result' : 'input')
  }
  return found
}

/** Bytes that are handed over as a picture and say themselves that they are none. */
function isOtherThanPicture(source: MediaSource): boolean {
  return source.kind === 'base64' && !/^(?:image\/|\*|$)/i.test(source.mediaType)
}

/** The texts of an answer, of every choice. */
export function responseTexts(response: ChatResponse): TextPart[] {
  const parts = new Parts()
  for (const choice of response.choices) {
    parts.group += 1
    for (const block of choice.blocks) parts.block(block, 'assistant', 'output')
    for (const block of choice.blocks) {
      if (block.type === 'text') parts.rest(block.citations?.value, 'assistant', 'output')
      parts.rest(block.extras as JsonObject | undefined, 'assistant', 'output')
    }
    parts.rest(choice.extras as JsonObject | undefined, 'assistant', 'output')
  }
  parts.rest(response.extras as JsonObject | undefined, 'assistant', 'output')
  return parts.list
}

/** The texts of anything that is JSON. */
export function valueTexts(value: JsonValue, stage: GuardStage): TextPart[] {
  const parts = new Parts()
  parts.rest(value, stage === 'output' ? 'assistant' : 'user', stage)
  return parts.list
}

/** A text of a question and the parts it is made of, in their order. */
export interface Asked {
  readonly text: GuardText
  readonly parts: readonly number[]
  /** Characters between two parts. */
  readonly gap: number
}

/** Checks that measure how much is said, or what all of it is: they are asked about what is said alone. */
const MEASURING: ReadonlySet<GuardCheckKind> = new Set<GuardCheckKind>(['length', 'json_schema'])

/** Checks that read texts together by themselves. */
const JOINING: ReadonlySet<GuardCheckKind> = new Set<GuardCheckKind>([
  'injection',
  'llama_guard',
  'shield_gemma',
  'topic',
])

/** What a rule is asked: each part by itself, and those that are read together joined besides. */
export function askedTexts(parts: readonly TextPart[], check: GuardCheckKind): Asked[] {
  const measures = MEASURING.has(check)
  const asked: Asked[] = []
  parts.forEach(({ beside, kind, role, text }, index) => {
    if (measures && beside === true) return
    asked.push({ text: { text, role, kind }, parts: [index], gap: 0 })
  })
  if (measures || JOINING.has(check)) return asked
  const groups = new Map<string, number[]>()
  parts.forEach(({ group, kind, role, stage }, index) => {
    if (kind === 'tool_input' || kind === 'data') return
    // Thinking is not read on in the text.
    const key = `${group} ${stage} ${role} ${kind}`
    const members = groups.get(key)
    if (members === undefined) groups.set(key, [index])
    else members.push(index)
  })
  for (const members of groups.values()) {
    if (members.length < 2) continue
    const { kind, role } = parts[members[0]!]!
    for (const separator of ['', '\n']) {
      const text = members.map((index) => parts[index]!.text).join(separator)
      asked.push({ text: { text, role, kind }, parts: members, gap: separator.length })
    }
  }
  return asked
}

/** The texts of a call's arguments. */
export function toolInputTexts(input: string): TextPart[] {
  const parts = new Parts()
  parts.addJson(input, 'assistant', 'output')
  return parts.list
}
