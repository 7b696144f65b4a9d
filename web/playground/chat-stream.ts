// An answer as it comes: a completion whole or in chunks, folded into a step. Nothing here draws or asks; the clock is the caller's.

import { createParser, type EventSourceMessage } from 'eventsource-parser'
import type { Facts, Problem, Step, ToolCall } from './types.ts'

interface Delta {
  readonly content?: string | null
  readonly refusal?: string | null
  readonly reasoning_content?: string | null
  readonly reasoning?: string | null
  readonly tool_calls?: readonly CallDelta[] | null
}

interface CallDelta {
  readonly index?: number
  readonly id?: string | null
  readonly function?: { readonly name?: string | null; readonly arguments?: string | null } | null
}

interface Usage {
  readonly prompt_tokens?: number
  readonly completion_tokens?: number
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number } | null
}

/** A completion, or a chunk of one. */
export interface Completion {
  readonly choices?: readonly {
    readonly index?: number
    readonly delta?: Delta
    readonly message?: Delta
    readonly finish_reason?: string | null
  }[]
  readonly usage?: Usage | null
  readonly error?: { readonly message?: string; readonly code?: string | null } | null
}

/** What has been seen of an answer, and the step that it makes. */
export class Fold {
  private text = ''
  private reasoning = ''
  private refusal = ''
  private finish: string | undefined
  private usage: Usage | undefined
  private readonly calls: { id: string; name: string; args: string }[] = []
  problem: Problem | undefined
  /** The end was said: without it a stream has broken off. */
  hasEnded = false

  /** @returns whether it says anything of the answer itself */
  take({ choices, error, usage }: Completion): boolean {
    if (error !== undefined && error !== null) {
      const words = error.message ?? 'The answer broke off.'
      this.problem = { status: 0, code: error.code ?? 'stream_error', words }
    }
    this.usage = usage ?? this.usage
    const choice = choices?.find(({ index = 0 }) => index === 0)
    this.finish = choice?.finish_reason ?? this.finish
    const delta = choice?.delta ?? choice?.message
    if (delta === undefined) return false
    const before = this.size
    this.text += delta.content ?? ''
    this.refusal += delta.refusal ?? ''
    this.reasoning += delta.reasoning_content ?? delta.reasoning ?? ''
    for (const [at, call] of (delta.tool_calls ?? []).entries()) this.call(call, call.index ?? at)
    return this.size > before
  }

  private get size(): number {
    const { length } = this.calls
    return this.text.length + this.refusal.length + this.reasoning.length + length
  }

  private call({ function: named, id }: CallDelta, at: number): void {
    const call = (this.calls[at] ??= { id: '', name: '', args: '' })
    call.id ||= id ?? ''
    call.name += named?.name ?? ''
    call.args += named?.arguments ?? ''
  }

  /** The step as it stands. */
  step(state: Step['state'], facts: Facts): Step {
    const { finish, problem, reasoning, refusal, text, usage } = this
    const reasoningTokens = usage?.completion_tokens_details?.reasoning_tokens
    return {
      state,
      text,
      reasoning,
      refusal,
      calls: this.calls.flatMap((call, at): ToolCall[] =>
        call === undefined ? [] : [{ ...call, id: call.id === '' ? `call_${at}` : call.id }],
      ),
      results: {},
      facts: {
        ...facts,
        ...(usage?.prompt_tokens === undefined ? {} : { inputTokens: usage.prompt_tokens }),
        ...(usage?.completion_tokens === undefined
          ? {}
          : { outputTokens: usage.completion_tokens }),
        ...(reasoningTokens === undefined ? {} : { reasoningTokens }),
      },
      ...(finish === undefined ? {} : { finish }),
      ...(problem === undefined ? {} : { problem }),
    }
  }
}

/**
 * Reads server-sent events to their end (WHATWG HTML, "Server-sent events").
 * @param onChunk for each event that is a chunk
 * @throws DOMException `AbortError` where the request was aborted, TypeError where the connection broke
 */
export async function readEvents(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  fold: Fold,
  onChunk: (isOfAnswer: boolean) => void,
): Promise<void> {
  const parser = createParser({
    onEvent({ data }: EventSourceMessage) {
      if (data === '[DONE]') fold.hasEnded = true
      else onChunk(fold.take(chunkOf(data)))
    },
  })
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    parser.feed(next.value)
  }
}

function chunkOf(data: string): Completion {
  try {
    return JSON.parse(data) as Completion
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown
    return { error: { message: 'The answer has a part that cannot be read.', code: 'bad_chunk' } }
  }
}

/** What the header fields of an answer say of it. */
export function factsOf(headers: Headers): Facts {
  const text = (name: string) => headers.get(name) ?? undefined
  const losses = text('x-weir-losses')
  const [attempts, usd] = ['x-weir-attempts', 'x-weir-cost-usd'].map((name) => {
    const value = text(name)
    return value === undefined ? undefined : Number(value)
  })
  const facts = {
    provider: text('x-weir-provider'),
    model: text('x-weir-model'),
    mode: text('x-weir-mode'),
    requestId: text('x-request-id'),
    losses: losses?.split(',').map((loss) => loss.trim()),
    attempts,
    usd,
  }
  const known = Object.entries(facts).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known) as Facts
}
