// What is kept of an answer and how it is written down: the provider's answer in the IR, what it had cost, and what its request had lost on
// the way. It says which answers are worth keeping, reads back strictly, and gives an answer from memory a name and time of its own.

import type { EmbeddingResponse } from '../../core/ir/embedding.ts'
import type { Loss } from '../../core/ir/loss.ts'
import type { Block } from '../../core/ir/request.ts'
import type { ChatResponse } from '../../core/ir/response.ts'
import { isObject, parseJson, type JsonValue } from '../../core/json.ts'
import { LEFT_OUT } from './canonical.ts'

/** One of `chat` and `embedding` is there. */
export interface KeptAnswer {
  readonly chat?: ChatResponse
  readonly embedding?: EmbeddingResponse
  /** What it had cost; absent where that is not known. */
  readonly costNanoUsd?: number
  /** Of the request, as it was put to the provider. */
  readonly losses: readonly Loss[]
}

const FORM = 1

/** Whether an answer is whole and good: nothing cut, refused or filtered, and no call of a tool unless those are wanted. */
export function isKeepable({ choices }: ChatResponse, toolCalls: boolean): boolean {
  if (choices.length === 0) return false
  return choices.every(({ blocks, finish }) => {
    if (blocks.length === 0) return false
    const isDone =
      finish?.unified === 'stop' ||
      finish?.unified === 'stop-sequence' ||
      (toolCalls && finish?.unified === 'tool-use')
    return isDone && blocks.every((block) => isKeepableBlock(block, toolCalls))
  })
}

function isKeepableBlock(block: Block | undefined, toolCalls: boolean): boolean {
  switch (block?.type) {
    case 'text':
    case 'thinking':
    case 'image':
    case 'opaque':
      return true
    case 'tool-use':
      return toolCalls
    default:
      return false
  }
}

/** What may be told of who has asked, in requests of any protocol: none of it is looked at when requests are compared. */
const OF_WHO_ASKED: ReadonlySet<string> = new Set(Object.values(LEFT_OUT).flat())

/** An answer without what its provider has repeated of who asked for it: whoever gets it next may be another. */
export function nameless<T extends ChatResponse | EmbeddingResponse>(answer: T): T {
  const { extras } = answer
  if (extras === undefined) return answer
  const left = Object.entries(extras).map(([dialect, members]) => [
    dialect,
    Object.fromEntries(Object.entries(members).filter(([name]) => !OF_WHO_ASKED.has(name))),
  ])
  return { ...answer, extras: Object.fromEntries(left) as NonNullable<T['extras']> }
}

export function writeEntry({ chat, costNanoUsd, embedding, losses }: KeptAnswer): string {
  return JSON.stringify({
    form: FORM,
    ...(chat === undefined ? {} : { chat }),
    ...(embedding === undefined ? {} : { embedding }),
    ...(costNanoUsd === undefined ? {} : { costNanoUsd }),
    ...(losses.length === 0 ? {} : { losses }),
  })
}

/** Undefined for whatever is no entry of this form. */
export function readEntry(value: string): KeptAnswer | undefined {
  const entry = parseJson(value)
  if (!isObject(entry) || entry['form'] !== FORM) return undefined
  const { chat, costNanoUsd, embedding, losses } = entry
  const isChat = isChatResponse(chat)
  const isEmbedding = isEmbeddingResponse(embedding)
  if (isChat === isEmbedding) return undefined
  return {
    // Both were made by `writeEntry` and are as they were, or their frame would not fit.
    ...(isChat ? { chat: chat as unknown as ChatResponse } : {}),
    ...(isEmbedding ? { embedding: embedding as unknown as EmbeddingResponse } : {}),
    ...(typeof costNanoUsd === 'number' ? { costNanoUsd } : {}),
    losses: Array.isArray(losses) ? (losses as unknown as Loss[]) : [],
  }
}

function isChatResponse(value: JsonValue | undefined): boolean {
  if (!isObject(value) || typeof value['id'] !== 'string') return false
  const { choices, model } = value
  if (typeof model !== 'string' || !Array.isArray(choices) || choices.length === 0) return false
  return choices.every(
    (choice) =>
      isObject(choice) &&
      typeof choice['index'] === 'number' &&
      Array.isArray(choice['blocks']) &&
      choice['blocks'].every((block) => isObject(block) && typeof block['type'] === 'string'),
  )
}

function isEmbeddingResponse(value: JsonValue | undefined): boolean {
  if (!isObject(value) || typeof value['model'] !== 'string') return false
  const { vectors } = value
  return (
    Array.isArray(vectors) &&
    vectors.every(
      (vector) => Array.isArray(vector) && vector.every((one) => typeof one === 'number'),
    )
  )
}

/**
 * The answer as it is given again: under an id and a time of its own, as two answers of one id would be taken for one.
 * @param fresh an id that nobody else has
 */
export function renewed(chat: ChatResponse, fresh: string, nowMs: number): ChatResponse {
  const prefix = /^[A-Za-z]{2,12}[-_]/.exec(chat.id)?.[0]
  return {
    ...chat,
    id: prefix === undefined ? '' : prefix + fresh,
    ...(chat.createdMs === undefined ? {} : { createdMs: nowMs }),
  }
}
