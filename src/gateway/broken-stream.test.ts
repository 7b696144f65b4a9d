// A stream that breaks off is told by the same code in every protocol, relayed or translated: the one that `docs/errors.md` has.

import { expect, test } from 'bun:test'
import type { DialectName } from '../core/ir/request.ts'
import { createTestGateway, testProvider, textOf } from '../testing/gateway.ts'
import { stream } from '../testing/upstream-answers.ts'
import { startUpstream } from '../testing/upstream.ts'

const sse = (value: object) => `data: ${JSON.stringify(value)}\n\n`
const CHUNK = { id: 'x', choices: [{ index: 0, delta: { role: 'assistant', content: 'Hi' } }] }
const START = {
  type: 'message_start',
  message: { id: 'm', type: 'message', role: 'assistant', content: [], usage: { input_tokens: 1 } },
}
const PART = { candidates: [{ content: { role: 'model', parts: [{ text: 'Hi' }] }, index: 0 }] }
const LINE = { model: 'm', message: { role: 'assistant', content: 'Hi' }, done: false }

const BROKEN = [
  ['custom', sse(CHUNK)],
  ['anthropic', sse(START)],
  ['gemini', sse(PART)],
  ['ollama', `${JSON.stringify(LINE)}\n`],
] as const

const CLIENTS: readonly (readonly [DialectName, object])[] = [
  ['openai-chat', { messages: [{ role: 'user', content: 'Hi' }] }],
  ['openai-responses', { input: 'Hi' }],
]

const PAIRS = BROKEN.flatMap(([type, sent]) =>
  CLIENTS.map(([dialect, body]) => [type, dialect, sent, body] as const),
)

test.each(PAIRS)('%s broke off, told to %s', async (type, dialect, sent, body) => {
  await using up = startUpstream(stream([sent]))
  const baseUrl = type === 'custom' ? `${up.url}/v1` : up.url
  const gateway = createTestGateway({ providers: [testProvider({ id: 'p', type, baseUrl })] })
  const reply = await gateway.ask({ dialect, body: { model: 'p/m', stream: true, ...body } })
  const text = await textOf(reply)
  const failed = text
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice(6)) as { error?: object })
    .find(({ error }) => error !== undefined && error !== null)
  expect(failed?.error).toMatchObject({ type: 'server_error', code: 'upstream_error', param: null })
  expect(text).not.toContain('truncated"')
  expect((await gateway.outcome()).errorKind).toBe('upstream_error')
})
