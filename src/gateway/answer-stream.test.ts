// Clients hang up where they like: in the middle, and, as official ones do, at the terminator while the provider's connection
// is still open. What was given whole is recorded as such, with the provider's own counts.

import { afterEach, describe, expect, test } from 'bun:test'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { HeldStream } from '../testing/upstream-answers.ts'
import { startUpstream, type Upstream } from '../testing/upstream.ts'

const closing: Upstream[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function event(choices: unknown[], more: Record<string, unknown> = {}): string {
  const head = { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'gpt-x' }
  return `data: ${JSON.stringify({ ...head, choices, ...more })}\n\n`
}

const HELLO = event([{ index: 0, delta: { role: 'assistant', content: 'Hello' } }])
const STOP = event([{ index: 0, delta: {}, finish_reason: 'stop' }])
const OTHER = event([{ index: 1, delta: { role: 'assistant', content: 'Hi' } }])
const USAGE = event([], { usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 } })
const DONE = 'data: [DONE]\n\n'

interface Left {
  readonly dialect: 'openai-chat' | 'anthropic'
  /** What the provider says before it falls silent with its connection open. */
  readonly said: string
  /** The client leaves when it has read this. */
  readonly until: string
  readonly body?: object
}

async function leave({ dialect, said, until, body = {} }: Left) {
  const held = new HeldStream()
  const up = startUpstream(held.answer)
  closing.push(up)
  const provider = testProvider({ id: 'p', type: 'openai', baseUrl: `${up.url}/v1` })
  const gateway = createTestGateway({ providers: [provider] })
  const messages = [{ role: 'user', content: 'Hello' }]
  const asking = gateway.ask({
    dialect,
    body: { model: 'p/gpt-x', messages, stream: true, max_tokens: 9, ...body },
  })
  held.write(said)
  const reader = ((await asking).body as ReadableStream<Uint8Array>).getReader()
  let got = ''
  while (!got.includes(until)) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`ended with ${got}`)
    got += new TextDecoder().decode(value)
  }
  await reader.cancel()
  await (
    await up.request(0)
  ).disconnected
  expect(gateway.deps.watch.size).toBe(0)
  return await gateway.outcome()
}

const WHOLE = { status: 200, finish: 'stop', usage: { inputTokens: 7, outputTokens: 2 } }
const LEFT = { status: 499, errorKind: 'client_closed', usage: { estimated: true } }

describe('a client that hangs up while the provider’s connection is open', () => {
  test.each([
    ['at the terminator, usage withheld', {}],
    ['at the terminator, usage asked for', { stream_options: { include_usage: true } }],
  ])('%s: the answer was whole', async (_title, body) => {
    const said = HELLO + STOP + USAGE + DONE
    const outcome = await leave({ dialect: 'openai-chat', said, until: '[DONE]', body })
    expect(outcome).toMatchObject({ ...WHOLE, mode: 'relay' })
    expect(outcome.errorKind).toBeUndefined()
    expect(outcome.usage?.estimated).toBeUndefined()
  })

  test('at the terminator of a provider that never counts: whole, with an estimate', async () => {
    const outcome = await leave({
      dialect: 'openai-chat',
      said: HELLO + STOP + DONE,
      until: '[DONE]',
    })
    expect(outcome).toMatchObject({ status: 200, usage: { estimated: true } })
  })

  test('translated, after the finish and the usage: the answer was whole', async () => {
    const said = HELLO + STOP + USAGE
    const outcome = await leave({ dialect: 'anthropic', said, until: 'Hello' })
    expect(outcome).toMatchObject({ ...WHOLE, mode: 'translate' })
    expect(outcome.usage?.estimated).toBeUndefined()
  })

  test.each(['openai-chat', 'anthropic'] as const)(
    'in the middle (%s): it was not',
    async (dialect) => {
      expect(await leave({ dialect, said: HELLO, until: 'Hello' })).toMatchObject(LEFT)
    },
  )

  test('after the end of one choice of two: it was not', async () => {
    const said = HELLO + STOP + OTHER
    const outcome = await leave({ dialect: 'openai-chat', said, until: '"Hi"', body: { n: 2 } })
    expect(outcome).toMatchObject(LEFT)
  })
})
