// fast-check generators of what the IR can hold and no dialect likes: blocks in odd orders, system messages in the middle,
// results without calls, broken arguments, empty texts, blocks of one dialect alone. Encoders must say what they lose of it.

import * as fc from 'fast-check'
import type { Block, ChatRequest, Message } from '../core/ir/request.ts'
import { normalizeMessages } from '../core/ir/request.ts'
import type { ChatResponse, Choice, Finish } from '../core/ir/response.ts'
import { chatResponse } from './arbitraries-response.ts'
import { base64, someText, word } from './arbitraries-values.ts'
import { chatRequest } from './arbitraries.ts'

const brokenInput = fc.constantFrom('{"a":', '[]', 'null', '0', '"x"', ' ')

/** Blocks an assistant's turn may hold besides the usual ones. */
const oddBlock: fc.Arbitrary<Block> = fc.oneof(
  fc.constant<Block>({ type: 'text', text: '' }),
  someText.map<Block>((text) => ({ type: 'refusal', text })),
  someText.map<Block>((text) => ({ type: 'thinking', text })),
  fc.tuple(word, brokenInput).map<Block>(([name, input]) => ({
    type: 'tool-use',
    id: `odd_${name}`,
    name,
    input,
  })),
  base64.map<Block>((data) => ({
    type: 'image',
    source: { kind: 'base64', mediaType: 'image/png', data },
  })),
  word.map<Block>((id) => ({ type: 'audio', id: `audio_${id}`, transcript: 'said' })),
  word.map<Block>((id) => ({
    type: 'opaque',
    dialect: 'anthropic',
    value: { type: 'server_tool_use', id, name: 'web_search', input: { query: 'x' } },
  })),
)

/** Odd blocks of different kinds: no answer has two refusals or two voices. */
function oddBlocks(maxLength: number): fc.Arbitrary<Block[]> {
  return fc.uniqueArray(oddBlock, { minLength: 1, maxLength, selector: (block) => block.type })
}

const oddMessage: fc.Arbitrary<Message> = fc.oneof(
  someText.map<Message>((text) => ({ role: 'system', content: [{ type: 'text', text }] })),
  someText.map<Message>((text) => ({ role: 'developer', content: [{ type: 'text', text }] })),
  someText.map<Message>((text) => ({ role: 'user', content: [{ type: 'text', text }] })),
  someText.map<Message>((text) => ({ role: 'assistant', content: [{ type: 'text', text }] })),
  fc.constantFrom('user' as const, 'assistant' as const).map<Message>((role) => ({
    role,
    content: [],
  })),
  oddBlocks(4).map<Message>((content) => ({
    role: 'assistant',
    content,
  })),
  fc.tuple(word, someText).map<Message>(([id, text]) => ({
    role: 'tool',
    content: [{ type: 'tool-result', toolUseId: `gone_${id}`, content: [{ type: 'text', text }] }],
  })),
)

/** A chat with one to three odd messages put between its turns. */
export function untidyRequest(): fc.Arbitrary<ChatRequest> {
  const insertions = fc.array(fc.tuple(fc.nat({ max: 8 }), oddMessage), {
    minLength: 1,
    maxLength: 3,
  })
  return fc.tuple(chatRequest(true), insertions).map(([request, odd]) => {
    const messages = [...request.messages]
    for (const [place, message] of odd) {
      messages.splice(Math.min(place, messages.length), 0, structuredClone(message))
    }
    return { ...request, messages: normalizeMessages(messages) }
  })
}

const oddFinish: fc.Arbitrary<Finish | undefined> = fc.constantFrom<Finish | undefined>(
  undefined,
  { unified: 'stop' },
  { unified: 'tool-use' },
  { unified: 'pause' },
  { unified: 'error' },
  { unified: 'other', raw: 'eos' },
  { unified: 'refusal' },
)

/** An answer with odd blocks before, between and after its own, and a finish reason that need not fit. */
export function untidyResponse(): fc.Arbitrary<ChatResponse> {
  const parts = fc.tuple(chatResponse(2), oddBlocks(3), fc.nat({ max: 4 }), oddFinish)
  return parts.map(([response, odd, place, finish]) => {
    const [first, ...rest] = response.choices
    if (first === undefined) return response
    const blocks = [...first.blocks]
    for (const block of odd) {
      if (block.type === 'refusal' && blocks.some(({ type }) => type === 'refusal')) continue
      blocks.splice(Math.min(place, blocks.length), 0, structuredClone(block))
    }
    const { finish: _finish, ...bare } = first
    const choice: Choice = { ...bare, blocks, ...(finish === undefined ? {} : { finish }) }
    return { ...response, choices: [choice, ...rest] }
  })
}
