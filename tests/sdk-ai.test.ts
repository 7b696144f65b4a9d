// The AI SDK with its OpenAI-compatible and its Anthropic provider against a provider of each protocol, through the
// executable. What must hold is in the matrix; here is only how this client is asked. It repeats by its own rules.

import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import {
  embedMany,
  generateText,
  jsonSchema,
  Output,
  RetryError,
  stepCountIs,
  streamText,
  tool,
  type EmbeddingModel,
  type LanguageModel,
  type ToolSet,
} from 'ai'
import { member, numberOrNone, textOrNone, Wire, type Client } from './harness/client.ts'
import { NO_EMBEDDINGS, resultOf, testClient, TOLD_ANYWAY } from './harness/matrix.ts'
import { PERSON_SCHEMA, TOOLS } from './harness/tools.ts'

/** Repeats allowed: it waits two seconds before each. */
const RETRIES_MAX = 1

// What it has to say of models it does not know is no news here.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false })

const tools: ToolSet = Object.fromEntries(
  TOOLS.map(({ name, description, schema }) => [
    name,
    tool({
      description,
      inputSchema: jsonSchema<Record<string, string>>(schema as object),
      execute: (input) => resultOf({ name, input }),
    }),
  ]),
)

interface Options extends Pick<Client, 'name' | 'dialect'> {
  readonly wire: Wire
  chat(model: string): LanguageModel
  embedding?: (model: string) => EmbeddingModel
}

interface Usage {
  readonly inputTokens: number | undefined
  readonly outputTokens: number | undefined
}

const usageOf = (usage: Usage) => ({ input: usage.inputTokens, output: usage.outputTokens })

function createClient({ name, dialect, wire, chat, embedding }: Options): Client {
  const common = {
    get maxRetries() {
      return wire.retriesMax ?? RETRIES_MAX
    },
  }
  return {
    name,
    dialect,
    errors: {
      unauthorized: 'AI_APICallError',
      notFound: 'AI_APICallError',
      badRequest: 'AI_APICallError',
      rateLimited: 'AI_APICallError',
      badGateway: 'AI_APICallError',
      tooLarge: 'AI_APICallError',
    },
    attempts: { rateLimited: RETRIES_MAX + 1, badGateway: RETRIES_MAX + 1 },
    tells: { code: true, requestId: true },
    async plain(model, text, system) {
      const answer = await generateText({
        ...common,
        model: chat(model),
        prompt: text,
        ...(system === undefined ? {} : { system }),
      })
      return { text: answer.text, usage: usageOf(answer.usage) }
    },
    async stream(model, text) {
      let failure: unknown
      const answer = streamText({
        ...common,
        model: chat(model),
        prompt: text,
        onError: ({ error }) => {
          failure = error
        },
      })
      let said = ''
      let pieces = 0
      for await (const piece of answer.textStream) {
        said += piece
        pieces += 1
      }
      if (failure !== undefined) throw failure
      return { text: said, pieces, usage: usageOf(await answer.usage) }
    },
    async tools(model, text, stream) {
      // The SDK makes the calls and asks again by itself.
      const asked = { ...common, model: chat(model), prompt: text, tools, stopWhen: stepCountIs(3) }
      const answer = stream ? streamText(asked) : await generateText(asked)
      const [steps, said] = [await answer.steps, await answer.text]
      const calls = steps.flatMap((step) => step.toolCalls)
      return {
        calls: calls.map((call) => ({
          name: call.toolName,
          input: call.input as Record<string, string>,
        })),
        text: said,
      }
    },
    async image(model, text, png) {
      const answer = await generateText({
        ...common,
        model: chat(model),
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text },
              { type: 'image', image: png, mediaType: 'image/png' },
            ],
          },
        ],
      })
      return answer.text
    },
    async structured(model, text) {
      const schema = jsonSchema<{ name: string; age: number }>(PERSON_SCHEMA)
      const output = Output.object({ schema })
      return (await generateText({ ...common, model: chat(model), prompt: text, output })).output
    },
    ...(embedding === undefined
      ? {}
      : {
          async embed(model: string, values: string[]) {
            const asked = model.replace(/^openai\/.*/, 'openai/text-embedding-3-small')
            return [(await embedMany({ ...common, model: embedding(asked), values })).embeddings]
          },
        }),
    async hold(model, text, signal, heard) {
      const answer = streamText({
        ...common,
        model: chat(model),
        prompt: text,
        abortSignal: signal,
      })
      for await (const piece of answer.textStream) if (piece !== '') heard()
    },
    failure(thrown) {
      const error = RetryError.isInstance(thrown) ? thrown.lastError : thrown
      return {
        name: (error as Error).name,
        status: numberOrNone(member(error, 'statusCode')),
        code: textOrNone(member(error, 'data', 'error', dialect === 'anthropic' ? 'type' : 'code')),
        message: (error as Error).message,
        requestId: textOrNone(member(error, 'responseHeaders', 'x-request-id')),
      }
    },
  }
}

const openaiWire = new Wire()
testClient('ai openai-compatible', openaiWire, ({ url, key }) => {
  const provider = createOpenAICompatible({
    name: 'weir',
    baseURL: `${url}/v1`,
    apiKey: key,
    fetch: openaiWire.fetch,
    includeUsage: true,
    supportsStructuredOutputs: true,
  })
  return createClient({
    name: 'ai openai-compatible',
    dialect: 'openai-chat',
    wire: openaiWire,
    chat: (model) => provider.chatModel(model),
    embedding: (model) => provider.embeddingModel(model),
  })
})

const anthropicWire = new Wire()
testClient(
  'ai anthropic',
  anthropicWire,
  ({ url, key }) => {
    const provider = createAnthropic({
      baseURL: `${url}/v1`,
      apiKey: key,
      fetch: anthropicWire.fetch,
    })
    return createClient({
      name: 'ai anthropic',
      dialect: 'anthropic',
      wire: anthropicWire,
      chat: (model) => provider(model),
    })
  },
  { ...NO_EMBEDDINGS, ...TOLD_ANYWAY },
)
