// Whole answers of servers that name no type, or a wrong one: JSON is known by what it is, on one line or many, and so is a stream that
// nobody asked for.

import { expect, test } from 'bun:test'
import { createTestGateway, testProvider, textOf } from '../testing/gateway.ts'
import { text } from '../testing/upstream-answers.ts'
import { startUpstream } from '../testing/upstream.ts'

const MESSAGE = { role: 'assistant', content: 'Hi there' }
const ANSWER = { id: 'x', choices: [{ index: 0, message: MESSAGE, finish_reason: 'stop' }] }
const CHUNK = { id: 'x', choices: [{ index: 0, delta: MESSAGE, finish_reason: 'stop' }] }
const LINE = { model: 'm', message: MESSAGE, done: true, done_reason: 'stop' }

const BODIES = [
  ['custom', 'one line', JSON.stringify(ANSWER)],
  ['custom', 'one line and its end', `${JSON.stringify(ANSWER)}\n`],
  ['custom', 'many lines', JSON.stringify(ANSWER, null, 2)],
  ['custom', 'an event stream', `data: ${JSON.stringify(CHUNK)}\n\ndata: [DONE]\n\n`],
  ['ollama', 'one line', JSON.stringify(LINE)],
  ['ollama', 'many lines', JSON.stringify(LINE, null, 2)],
  [
    'ollama',
    'lines of JSON',
    [
      { ...LINE, done: false },
      { model: 'm', message: { role: 'assistant' }, done: true },
    ]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
  ],
] as const

const TYPES = ['', 'text/plain', 'application/octet-stream'] as const
const CASES = BODIES.flatMap(([type, name, body]) =>
  TYPES.map((contentType) => [type, name, contentType, body] as const),
)

test.each(CASES)('%s, %s as %p', async (type, _name, contentType, body) => {
  const headers = { 'content-type': contentType }
  await using up = startUpstream(text(body, contentType === '' ? {} : { headers }))
  const baseUrl = type === 'custom' ? `${up.url}/v1` : up.url
  const gateway = createTestGateway({ providers: [testProvider({ id: 'p', type, baseUrl })] })
  for (const dialect of ['openai-chat', 'anthropic'] as const) {
    const messages = [{ role: 'user', content: 'Hi' }]
    const reply = await gateway.ask({ dialect, body: { model: 'p/m', max_tokens: 9, messages } })
    expect(reply.status).toBe(200)
    expect(await textOf(reply)).toContain('Hi there')
  }
})

test('a line of a stream that was cut is no answer', async () => {
  await using up = startUpstream(text(JSON.stringify({ ...LINE, done: false })))
  const provider = testProvider({ id: 'p', type: 'ollama', baseUrl: up.url })
  const gateway = createTestGateway({ providers: [provider] })
  const body = { model: 'p/m', messages: [{ role: 'user', content: 'Hi' }] }
  expect((await gateway.ask({ body })).status).toBe(502)
})

test.each(['data: ', 'data:', 'event: error\r\ndata: '])(
  'an error under its status, wrapped into an event (%p), is read as what it is',
  async (before) => {
    const error = { message: 'No such tool.', type: 'invalid_request_error', param: 'tools[0]' }
    const headers = { 'content-type': 'text/event-stream' }
    const event = `${before}${JSON.stringify({ error })}\r\n\r\ndata: [DONE]\r\n\r\n`
    await using up = startUpstream(text(event, { status: 400, headers }))
    const provider = testProvider({ id: 'p', type: 'custom', baseUrl: `${up.url}/v1` })
    const gateway = createTestGateway({ providers: [provider] })
    const body = { model: 'p/m', stream: true, messages: [{ role: 'user', content: 'Hi' }] }
    const reply = await gateway.ask({ body })
    expect(reply.status).toBe(400)
    expect(JSON.parse(await textOf(reply))).toMatchObject({
      error: { message: 'No such tool.', param: 'tools[0]' },
    })
  },
)
