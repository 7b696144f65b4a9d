// fast-check generators of requests in the IR's normal form, as a decoder could have made them: alternating turns, tool
// results that answer calls, names filled in. They must stay free of any one dialect's habits, but for seals and extras.

import * as fc from 'fast-check'
import type {
  Block,
  CacheHint,
  ChatRequest,
  FunctionTool,
  Message,
  Reasoning,
  ResponseFormat,
  Sampling,
  ToolChoice,
  ToolResultBlock,
  ToolUseBlock,
} from '../core/ir/request.ts'
import type { JsonObject } from '../core/json.ts'
import {
  base64,
  extrasOf,
  rarely,
  sometimes,
  someText,
  tenths,
  toolInput,
  word,
} from './arbitraries-values.ts'

const cache: fc.Arbitrary<CacheHint> = fc.constantFrom<CacheHint>({}, { ttl: '5m' }, { ttl: '1h' })

const textBlock: fc.Arbitrary<Block> = fc
  .tuple(someText, rarely('cache', cache))
  .map(([text, rest]) => ({ type: 'text', text, ...rest }))

const imageBlock: fc.Arbitrary<Block> = fc
  .tuple(
    fc.oneof(
      base64.map((data) => ({ kind: 'base64' as const, mediaType: 'image/png', data })),
      word.map((name) => ({ kind: 'url' as const, url: `https://images.example/${name}.png` })),
    ),
    rarely('detail', fc.constantFrom('low', 'high')),
  )
  .map(([source, rest]) => ({ type: 'image', source, ...rest }))

const mediaBlock: fc.Arbitrary<Block> = fc.oneof(
  imageBlock,
  base64.map<Block>((data) => ({
    type: 'audio',
    source: { kind: 'base64', mediaType: 'audio/wav', data },
    format: 'wav',
  })),
  fc.tuple(base64, word).map<Block>(([data, name]) => ({
    type: 'file',
    source: { kind: 'base64', mediaType: 'application/pdf', data },
    filename: `${name}.pdf`,
  })),
)

const thinkingBlock: fc.Arbitrary<Block> = fc.oneof(
  someText.map<Block>((text) => ({ type: 'thinking', text })),
  fc.tuple(someText, base64).map<Block>(([text, value]) => ({
    type: 'thinking',
    text,
    seal: { dialect: 'anthropic', kind: 'signature', value },
  })),
  base64.map<Block>((value) => ({
    type: 'thinking',
    text: '',
    seal: { dialect: 'anthropic', kind: 'redacted', value },
  })),
)

/** Thinking stands before text and text before calls, the one order every dialect can say. */
function assistantBlocks(calls: ToolUseBlock[]): fc.Arbitrary<Block[]> {
  return fc
    .tuple(
      fc.array(thinkingBlock, { maxLength: 1 }),
      fc.array(textBlock, { minLength: calls.length === 0 ? 1 : 0, maxLength: 2 }),
    )
    .map(([thinking, texts]) => [...thinking, ...texts, ...calls])
}

const functionTool = (name: string): fc.Arbitrary<FunctionTool> =>
  fc
    .tuple(
      sometimes<Pick<FunctionTool, 'description' | 'strict'>>({
        description: someText,
        strict: fc.boolean(),
      }),
      rarely('cache', cache),
      fc.option(
        fc.constantFrom<JsonObject>(
          { type: 'object', properties: {} },
          {
            type: 'object',
            properties: {
              city: { type: 'string', description: 'Größe' },
              days: { type: 'integer' },
            },
            required: ['city'],
            additionalProperties: false,
          },
        ),
        { nil: undefined },
      ),
    )
    .map(([rest, hint, parameters]) => ({
      type: 'function',
      name,
      ...rest,
      ...hint,
      ...(parameters === undefined ? {} : { parameters }),
    }))

/** A turn with calls of these tools, and the message that answers each of them. */
function toolRound(
  round: number,
  names: readonly string[],
  media: boolean,
): fc.Arbitrary<Message[]> {
  const one = fc.tuple(fc.constantFrom(...names), toolInput)
  return fc.array(one, { minLength: 1, maxLength: 3 }).chain((pairs) => {
    const calls = pairs.map<ToolUseBlock>(([name, input], index) => ({
      type: 'tool-use',
      id: `call_${round}_${index}`,
      name,
      input,
    }))
    const results = calls.map((call) => toolResult(call, media))
    return fc
      .tuple(assistantBlocks(calls), fc.tuple(...results))
      .map<Message[]>(([content, answered]) => [
        { role: 'assistant', content },
        { role: 'tool', content: answered },
      ])
  })
}

function toolResult(call: ToolUseBlock, media: boolean): fc.Arbitrary<ToolResultBlock> {
  const content = fc.array(media ? fc.oneof(textBlock, imageBlock) : textBlock, {
    minLength: 1,
    maxLength: 2,
  })
  return fc
    .tuple(content, rarely('isError', fc.constant(true)), rarely('cache', cache))
    .map(([blocks, isError, hint]) => ({
      type: 'tool-result',
      toolUseId: call.id,
      toolName: call.name,
      content: blocks,
      ...isError,
      ...hint,
    }))
}

function userMessage(media: boolean): fc.Arbitrary<Message> {
  const content = fc.array(media ? fc.oneof(textBlock, textBlock, mediaBlock) : textBlock, {
    minLength: 1,
    maxLength: 3,
  })
  return fc
    .tuple(content, rarely('name', word))
    .map(([blocks, rest]) => ({ role: 'user', content: blocks, ...rest }))
}

/** One exchange: the user, any rounds of tools, and mostly a last word of the assistant. */
function exchange(
  index: number,
  names: readonly string[],
  media: boolean,
): fc.Arbitrary<Message[]> {
  const rounds =
    names.length === 0
      ? fc.constant<Message[][]>([])
      : fc
          .array(fc.nat({ max: 3 }), { maxLength: 2 })
          .chain((list) =>
            list.length === 0
              ? fc.constant<Message[][]>([])
              : fc.tuple(...list.map((_, round) => toolRound(index * 10 + round, names, media))),
          )
  const closing = assistantBlocks([]).map<Message>((content) => ({ role: 'assistant', content }))
  return fc
    .tuple(userMessage(media), rounds, closing)
    .map(([user, tools, last]) => [user, ...tools.flat(), last])
}

const systemMessage: fc.Arbitrary<Message> = fc
  .tuple(
    fc.constantFrom('system' as const, 'developer' as const),
    fc.array(textBlock, { minLength: 1, maxLength: 2 }),
  )
  .map(([role, content]) => ({ role, content }))

function conversation(names: readonly string[], media: boolean): fc.Arbitrary<Message[]> {
  return fc
    .tuple(
      fc.option(systemMessage, { nil: undefined }),
      fc
        .integer({ min: 1, max: 3 })
        .chain((count) =>
          fc.tuple(...Array.from({ length: count }, (_, index) => exchange(index, names, media))),
        ),
      fc.boolean(),
    )
    .map(([system, exchanges, answered]) => {
      const turns = exchanges.flat()
      // A prefilled answer is one thing a request may end with; a user's or a tool's turn is the usual other.
      const messages = answered && turns.length > 1 ? turns : turns.slice(0, -1)
      return system === undefined ? messages : [system, ...messages]
    })
}

const sampling: fc.Arbitrary<Sampling> = sometimes<Sampling>({
  temperature: tenths(1),
  topP: tenths(1),
  topK: fc.integer({ min: 1, max: 100 }),
  minP: tenths(1),
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  frequencyPenalty: tenths(2),
  presencePenalty: tenths(2),
  repeatPenalty: tenths(2),
})

const responseFormat: fc.Arbitrary<ResponseFormat> = fc.oneof(
  fc.constant<ResponseFormat>({ type: 'text' }),
  fc.constant<ResponseFormat>({ type: 'json' }),
  fc
    .tuple(
      word,
      sometimes<{ description: string; strict: boolean }>({
        description: someText,
        strict: fc.boolean(),
      }),
    )
    .map<ResponseFormat>(([name, rest]) => ({
      type: 'json-schema',
      schema: { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] },
      name,
      ...rest,
    })),
)

const reasoning: fc.Arbitrary<Reasoning> = fc.oneof(
  fc.constantFrom('low', 'medium', 'high').map<Reasoning>((effort) => ({ effort })),
  fc.integer({ min: 1_024, max: 4_096 }).map<Reasoning>((budgetTokens) => ({
    enabled: true,
    budgetTokens,
  })),
  fc.constant<Reasoning>({ enabled: false }),
)

function toolChoice(names: readonly string[]): fc.Arbitrary<ToolChoice> {
  return fc.oneof(
    fc.constantFrom<ToolChoice>({ type: 'auto' }, { type: 'none' }, { type: 'required' }),
    fc.constantFrom(...names).map<ToolChoice>((name) => ({ type: 'tool', name })),
  )
}

const stop = fc.array(word, { minLength: 1, maxLength: 3 })

const requestOptions: fc.Arbitrary<Partial<ChatRequest>> = sometimes<Partial<ChatRequest>>({
  maxTokens: fc.integer({ min: 5_000, max: 9_000 }),
  stop,
  n: fc.integer({ min: 1, max: 3 }),
  responseFormat,
  reasoning,
  logprobs: fc.oneof(
    fc.constant({ enabled: true }),
    fc.integer({ min: 1, max: 5 }).map((top) => ({ enabled: true, top })),
  ),
  user: word,
  extras: extrasOf('openai-chat', 'anthropic', 'ollama'),
})

/** A chat with everything the IR can hold; images, audio and files only with `media`. */
export function chatRequest(media = false): fc.Arbitrary<ChatRequest> {
  const names = fc.uniqueArray(word, { maxLength: 3 })
  return names.chain((tools) => {
    const base = fc.tuple(conversation(tools, media), sampling, requestOptions, fc.boolean())
    const withTools =
      tools.length === 0
        ? fc.constant({})
        : fc
            .tuple(
              fc.tuple(...tools.map(functionTool)),
              sometimes<Pick<ChatRequest, 'toolChoice' | 'parallelToolCalls'>>({
                toolChoice: toolChoice(tools),
                parallelToolCalls: fc.boolean(),
              }),
            )
            .map(([list, rest]) => ({ tools: list, ...rest }))
    return fc
      .tuple(base, withTools)
      .map<ChatRequest>(([[messages, numbers, rest, stream], toolPart]) => ({
        form: 'chat',
        model: 'some-model',
        messages,
        stream,
        sampling: numbers,
        ...rest,
        ...toolPart,
      }))
  })
}

/** A legacy completion: one user block. */
export function completionRequest(): fc.Arbitrary<ChatRequest> {
  const options = sometimes<Partial<ChatRequest>>({
    maxTokens: fc.integer({ min: 1, max: 9_000 }),
    stop,
    n: fc.integer({ min: 1, max: 3 }),
    suffix: someText,
    echo: fc.boolean(),
    user: word,
    extras: extrasOf('openai-completions', 'openai-chat', 'ollama'),
  })
  return fc
    .tuple(someText, sampling, options, fc.boolean())
    .map<ChatRequest>(([text, numbers, rest, stream]) => ({
      form: 'completion',
      model: 'some-model',
      messages: [{ role: 'user', content: [{ type: 'text', text }] }],
      stream,
      sampling: numbers,
      ...rest,
    }))
}
