// OpenAI's official client against a provider of each protocol, through the executable. What must hold is in the matrix;
// here is only how this client is asked.

import OpenAI from 'openai'
import { member, numberOrNone, textOrNone, Wire, type Client } from './harness/client.ts'
import { resultOf, testClient } from './harness/matrix.ts'
import { PERSON_SCHEMA, TOOLS } from './harness/tools.ts'

type Message = OpenAI.Chat.ChatCompletionMessageParam

const tools: OpenAI.Chat.ChatCompletionTool[] = TOOLS.map(({ name, description, schema }) => ({
  type: 'function',
  function: { name, description, parameters: schema },
}))

function createClient(openai: OpenAI): Client {
  const usageOf = (usage: OpenAI.CompletionUsage | null | undefined) => ({
    input: usage?.prompt_tokens,
    output: usage?.completion_tokens,
  })
  async function complete(model: string, messages: Message[], stream: boolean) {
    if (!stream) return await openai.chat.completions.create({ model, messages, tools })
    const runner = openai.chat.completions.stream({
      model,
      messages,
      tools,
      stream_options: { include_usage: true },
    })
    return await runner.finalChatCompletion()
  }
  return {
    name: 'openai',
    dialect: 'openai-chat',
    errors: {
      unauthorized: 'AuthenticationError',
      notFound: 'NotFoundError',
      badRequest: 'BadRequestError',
      rateLimited: 'RateLimitError',
      badGateway: 'InternalServerError',
      tooLarge: 'APIError',
    },
    attempts: { rateLimited: 3, badGateway: 1 },
    tells: { code: true, requestId: true },
    async plain(model, text, system) {
      const messages: Message[] = [{ role: 'user', content: text }]
      if (system !== undefined) messages.unshift({ role: 'system', content: system })
      const answer = await openai.chat.completions.create({ model, messages })
      return { text: answer.choices[0]?.message.content ?? '', usage: usageOf(answer.usage) }
    },
    async stream(model, text) {
      const stream = await openai.chat.completions.create({
        model,
        messages: [{ role: 'user', content: text }],
        stream: true,
        stream_options: { include_usage: true },
      })
      let said = ''
      let pieces = 0
      let usage: OpenAI.CompletionUsage | null | undefined
      for await (const chunk of stream) {
        const piece = chunk.choices[0]?.delta.content ?? ''
        said += piece
        if (piece !== '') pieces += 1
        usage = chunk.usage ?? usage
      }
      return { text: said, pieces, usage: usageOf(usage) }
    },
    async tools(model, text, stream) {
      const messages: Message[] = [{ role: 'user', content: text }]
      const first = await complete(model, messages, stream)
      const message = first.choices[0]!.message
      const calls = (message.tool_calls ?? []).map((call) => {
        if (call.type !== 'function') throw new Error('not a function call')
        const input = JSON.parse(call.function.arguments) as Record<string, string>
        return { id: call.id, name: call.function.name, input }
      })
      // Its streaming helper adds members of its own that no API takes back.
      messages.push({
        role: 'assistant',
        content: message.content,
        tool_calls: calls.map(({ id, name, input }) => ({
          id,
          type: 'function',
          function: { name, arguments: JSON.stringify(input) },
        })),
      })
      for (const call of calls) {
        messages.push({ role: 'tool', tool_call_id: call.id, content: resultOf(call) })
      }
      const last = await complete(model, messages, stream)
      return {
        calls: calls.map(({ name, input }) => ({ name, input })),
        text: last.choices[0]?.message.content ?? '',
      }
    },
    async image(model, text, png) {
      const url = `data:image/png;base64,${Buffer.from(png).toString('base64')}`
      const content = [
        { type: 'text' as const, text },
        { type: 'image_url' as const, image_url: { url } },
      ]
      const messages: Message[] = [{ role: 'user', content }]
      const answer = await openai.chat.completions.create({ model, messages })
      return answer.choices[0]?.message.content ?? ''
    },
    async structured(model, text) {
      const answer = await openai.chat.completions.parse({
        model,
        messages: [{ role: 'user', content: text }],
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'person', strict: true, schema: PERSON_SCHEMA },
        },
      })
      return JSON.parse(answer.choices[0]?.message.content ?? 'null') as unknown
    },
    async embed(model, texts) {
      const asked = model.replace(/^openai\/.*/, 'openai/text-embedding-3-small')
      const results: number[][][] = []
      // Without a format the client asks for base64 and decodes it.
      for (const encoding of ['float', undefined] as const) {
        const answer = await openai.embeddings.create({
          model: asked,
          input: texts,
          ...(encoding === undefined ? {} : { encoding_format: encoding }),
        })
        results.push(answer.data.map((item) => item.embedding))
      }
      return results
    },
    async hold(model, text, signal, heard) {
      const messages: Message[] = [{ role: 'user', content: text }]
      const stream = await openai.chat.completions.create(
        { model, messages, stream: true },
        { signal },
      )
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) heard()
    },
    failure: (error) => ({
      name: (error as Error).constructor.name,
      status: numberOrNone(member(error, 'status')),
      code: textOrNone(member(error, 'code')),
      message: (error as Error).message,
      requestId: textOrNone(member(error, 'requestID')),
    }),
  }
}

const wire = new Wire()
testClient('openai', wire, ({ url, key }) =>
  createClient(new OpenAI({ baseURL: `${url}/v1`, apiKey: key, fetch: wire.fetch })),
)
