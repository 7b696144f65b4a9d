// LangChain's three official integrations against a provider of each protocol, through the executable. They share one way of
// being asked; what must hold is in the matrix. LangChain repeats by its own rules, on top of the clients below it.

import { ChatAnthropic } from '@langchain/anthropic'
import type { BaseChatModel } from '@langchain/core/language_models/chat_models'
import {
  AIMessageChunk,
  HumanMessage,
  SystemMessage,
  ToolMessage,
  type UsageMetadata,
} from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import type { JSONSchema } from '@langchain/core/utils/json_schema'
import { ChatOllama, OllamaEmbeddings } from '@langchain/ollama'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { member, numberOrNone, textOrNone, Wire, type Client } from './harness/client.ts'
import { NO_EMBEDDINGS, resultOf, SAID, testClient, TOLD_ANYWAY } from './harness/matrix.ts'
import { USAGE } from './harness/script.ts'
import { PERSON_SCHEMA, TOOLS } from './harness/tools.ts'

/** Repeats allowed: its waits are seconds, and one shows as much as many. */
const RETRIES_MAX = 1

const tools = TOOLS.map(({ name, description, schema }) =>
  tool((input) => resultOf({ name, input }), {
    name,
    description,
    schema: schema as JSONSchema,
  }),
)

type Common = 'name' | 'dialect' | 'errors' | 'attempts' | 'tells' | 'streamedUsage'

interface Options extends Pick<Client, Common> {
  chat(model: string): BaseChatModel
  embed?: (model: string, texts: string[]) => Promise<number[][]>
}

async function gather(stream: AsyncIterable<AIMessageChunk>): Promise<AIMessageChunk> {
  let whole: AIMessageChunk | undefined
  for await (const chunk of stream) whole = whole === undefined ? chunk : whole.concat(chunk)
  return whole ?? new AIMessageChunk('')
}

function usageOf(message: AIMessageChunk) {
  const usage = message.usage_metadata as UsageMetadata | undefined
  return { input: usage?.input_tokens, output: usage?.output_tokens }
}

function createClient(options: Options): Client {
  const { chat, embed, ...rest } = options
  return {
    ...rest,
    async plain(model, text, system) {
      const turns = [new HumanMessage(text)]
      const asked = system === undefined ? turns : [new SystemMessage(system), ...turns]
      const answer = await chat(model).invoke(asked)
      return { text: answer.text, usage: usageOf(answer) }
    },
    async stream(model, text) {
      let pieces = 0
      async function* counted(): AsyncGenerator<AIMessageChunk> {
        for await (const chunk of await chat(model).stream(text)) {
          if (chunk.text !== '') pieces += 1
          yield chunk
        }
      }
      const answer = await gather(counted())
      return { text: answer.text, pieces, usage: usageOf(answer) }
    },
    async tools(model, text, stream) {
      const bound = chat(model).bindTools!(tools)
      const ask = async (messages: (HumanMessage | AIMessageChunk | ToolMessage)[]) =>
        stream ? await gather(await bound.stream(messages)) : await bound.invoke(messages)
      const question = new HumanMessage(text)
      const first = await ask([question])
      const calls = (first.tool_calls ?? []).map((call) => ({
        id: call.id ?? '',
        name: call.name,
        input: call.args as Record<string, string>,
      }))
      const results = calls.map(
        (call) =>
          new ToolMessage({ tool_call_id: call.id, name: call.name, content: resultOf(call) }),
      )
      const last = await ask([question, first, ...results])
      return { calls: calls.map(({ name, input }) => ({ name, input })), text: last.text }
    },
    async image(model, text, png) {
      const url = `data:image/png;base64,${Buffer.from(png).toString('base64')}`
      const content = [
        { type: 'text', text },
        { type: 'image_url', image_url: { url } },
      ]
      return (await chat(model).invoke([new HumanMessage({ content })])).text
    },
    async structured(model, text) {
      const held = chat(model).withStructuredOutput(PERSON_SCHEMA, { name: 'person' })
      return (await held.invoke(text)) as unknown
    },
    ...(embed === undefined
      ? {}
      : {
          async embed(model: string, texts: string[]) {
            const asked = model.replace(/^openai\/.*/, 'openai/text-embedding-3-small')
            return [await embed(asked, texts)]
          },
        }),
    async hold(model, text, signal, heard) {
      for await (const chunk of await chat(model).stream(text, { signal })) {
        if (chunk.text !== '') heard()
      }
    },
    failure: (error) => ({
      name: (error as Error).constructor.name,
      status: numberOrNone(member(error, 'status') ?? member(error, 'status_code')),
      code: textOrNone(member(error, 'code') ?? member(error, 'error', 'error', 'type')),
      message: (error as Error).message,
      requestId: textOrNone(member(error, 'requestID')),
    }),
  }
}

const SDK_ERRORS = {
  unauthorized: 'AuthenticationError',
  notFound: 'NotFoundError',
  badRequest: 'BadRequestError',
  rateLimited: 'RateLimitError',
  badGateway: 'InternalServerError',
  tooLarge: 'APIError',
}
const attempts = { rateLimited: RETRIES_MAX + 1, badGateway: RETRIES_MAX + 1 }

const openaiWire = new Wire()
testClient('langchain openai', openaiWire, ({ url, key }) => {
  const common = {
    apiKey: key,
    configuration: { baseURL: `${url}/v1`, fetch: openaiWire.fetch },
    get maxRetries() {
      return openaiWire.retriesMax ?? RETRIES_MAX
    },
  }
  return createClient({
    name: 'langchain openai',
    dialect: 'openai-chat',
    errors: SDK_ERRORS,
    attempts,
    tells: { code: true, requestId: true },
    chat: (model) => new ChatOpenAI({ model, ...common }),
    embed: (model, texts) => new OpenAIEmbeddings({ model, ...common }).embedDocuments(texts),
  })
})

const anthropicWire = new Wire()
testClient(
  'langchain anthropic',
  anthropicWire,
  ({ url, key }) =>
    createClient({
      name: 'langchain anthropic',
      dialect: 'anthropic',
      errors: SDK_ERRORS,
      attempts,
      tells: { code: true, requestId: true },
      // It adds up what the first and the last event say of the output, and takes the input from the first alone, where it
      // is an estimate when the provider tells it in the last: four characters a token, and four for a message.
      streamedUsage: (provider) =>
        provider === 'anthropic'
          ? { input: USAGE.input, output: USAGE.output + 1 }
          : { input: 4 + Math.ceil(SAID.length / 4), output: USAGE.output },
      chat: (model) =>
        new ChatAnthropic({
          model,
          apiKey: key,
          anthropicApiUrl: url,
          maxRetries: anthropicWire.retriesMax ?? RETRIES_MAX,
          clientOptions: { fetch: anthropicWire.fetch },
        }),
    }),
  { ...NO_EMBEDDINGS, ...TOLD_ANYWAY },
)

const ollamaWire = new Wire()
testClient(
  'langchain ollama',
  ollamaWire,
  ({ url, key }) => {
    const headers = { authorization: `Bearer ${key}` }
    const common = { baseUrl: url, headers, fetch: ollamaWire.fetch, maxRetries: RETRIES_MAX }
    return createClient({
      name: 'langchain ollama',
      dialect: 'ollama',
      errors: Object.fromEntries(
        Object.keys(SDK_ERRORS).map((name) => [name, 'ResponseError']),
      ) as unknown as Client['errors'],
      attempts: { rateLimited: 1, badGateway: 1 },
      tells: { code: false, requestId: false },
      chat: (model) => new ChatOllama({ model, ...common }),
      embed: (model, texts) => new OllamaEmbeddings({ model, ...common }).embedDocuments(texts),
    })
  },
  {
    ...TOLD_ANYWAY,
    cancel: 'it looks at its signal only when the next line has come',
  },
)
