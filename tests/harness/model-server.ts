// A real model server for tests: llama.cpp's own, with a tiny model of random weights made on the spot. It is asked directly
// too, so that what comes through the executable can be held against what the server itself says.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runPython, startPython } from './python.ts'

const MAKE_LIMIT_MS = 60_000

/** The name under which the server knows its model: the file's. */
export const MODEL = 'tiny.gguf'

/** What the server counts. */
export interface Counts {
  readonly input: number
  readonly output: number
}

export interface Told extends Counts {
  readonly text: string
  readonly finish: string
}

export interface ModelServer {
  readonly chatUrl: string
  readonly embeddingUrl: string
  /** One user turn, asked at the server itself. */
  chat(content: string, body: object): Promise<Told>
  completion(prompt: string, body: object): Promise<Told>
  embedding(input: string[]): Promise<{ vectors: number[][]; input: number }>
  /** How many slots are at work. */
  busySlots(): Promise<number>
  stop(): Promise<void>
}

interface Choice {
  readonly message?: { readonly content: string }
  readonly text?: string
  readonly finish_reason: string
}

interface Answer {
  readonly choices: readonly Choice[]
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number }
}

/** Makes the model and starts the server. @throws with what Python wrote when that fails */
export async function startModelServer(python: string): Promise<ModelServer> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-model-'))
  try {
    const file = join(folder, MODEL)
    const made = await runPython(python, 'make_gguf.py', { args: [file], timeoutMs: MAKE_LIMIT_MS })
    if (made.code !== 0) throw new Error(`the model could not be made: ${made.error}`)
    const server = await startPython(python, 'model_server.py', [file])
    const addresses = JSON.parse(server.firstLine) as { chat: string; embedding: string }
    return connect(addresses, async () => {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

function connect(
  { chat, embedding }: { chat: string; embedding: string },
  stop: () => Promise<void>,
): ModelServer {
  return {
    chatUrl: chat,
    embeddingUrl: embedding,
    stop,
    async chat(content, body) {
      const messages = [{ role: 'user', content }]
      return told(await post<Answer>(`${chat}/v1/chat/completions`, { messages, ...body }))
    },
    async completion(prompt, body) {
      return told(await post<Answer>(`${chat}/v1/completions`, { prompt, ...body }))
    },
    async embedding(input) {
      const answer = await post<{
        data: { embedding: number[] }[]
        usage: { prompt_tokens: number }
      }>(`${embedding}/v1/embeddings`, { input })
      return {
        vectors: answer.data.map((item) => item.embedding),
        input: answer.usage.prompt_tokens,
      }
    },
    async busySlots() {
      const slots = (await (await fetch(`${chat}/slots`)).json()) as { is_processing: boolean }[]
      return slots.filter((slot) => slot.is_processing).length
    },
  }
}

function told({ choices, usage }: Answer): Told {
  const [choice] = choices
  if (choice === undefined) throw new Error('the model server answered without a choice')
  return {
    text: choice.message?.content ?? choice.text ?? '',
    finish: choice.finish_reason,
    input: usage.prompt_tokens,
    output: usage.completion_tokens,
  }
}

async function post<T>(url: string, body: object): Promise<T> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`the model server said ${response.status}`)
  return (await response.json()) as T
}
