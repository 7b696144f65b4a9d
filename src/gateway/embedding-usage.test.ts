// Embeddings of a provider that counts no tokens: vectors are long and are no output, and a client of OpenAI's protocol gets the usage
// that its answers always have.

import { expect, test } from 'bun:test'
import type { JsonObject } from '../core/json.ts'
import { createTestGateway, testProvider, textOf } from '../testing/gateway.ts'
import { json } from '../testing/upstream-answers.ts'
import { startUpstream } from '../testing/upstream.ts'

const VECTOR = Array.from({ length: 3_072 }, (_, index) => index / 3_072)
const ASKED = { model: 'p/m', input: 'What is a weir?' }
const GEMINI_ASKED = { content: { parts: [{ text: 'What is a weir?' }] } }

const VALUES: JsonObject = { values: VECTOR }
const DATA = [{ object: 'embedding', index: 0, embedding: VECTOR }]
const OPENAI: JsonObject = { object: 'list', data: DATA, model: 'm' }

test.each([
  ['gemini', 'openai-embeddings', { embeddings: [VALUES] } as JsonObject, 'translate'],
  ['gemini', 'gemini', { embedding: VALUES } as JsonObject, 'relay'],
  ['custom', 'openai-embeddings', OPENAI, 'relay'],
  ['ollama', 'openai-embeddings', OPENAI, 'relay'],
] as const)('%s asked by %s: a vector has no output tokens', async (type, dialect, body, mode) => {
  await using up = startUpstream(json(body))
  const baseUrl = type === 'custom' ? `${up.url}/v1` : up.url
  const gateway = createTestGateway({ providers: [testProvider({ id: 'p', type, baseUrl })] })
  const reply = await gateway.ask({
    dialect,
    operation: 'embedding',
    body: dialect === 'gemini' ? GEMINI_ASKED : ASKED,
    hints: dialect === 'gemini' ? { model: 'p/m' } : {},
  })
  expect(reply.status).toBe(200)
  expect(reply.headers['x-weir-mode']).toBe(mode)
  const { usage } = await gateway.outcome()
  expect(usage?.estimated).toBe(true)
  expect(usage?.inputTokens).toBeGreaterThan(0)
  expect(usage?.outputTokens).toBe(0)
  const told = JSON.parse(await textOf(reply)) as { usage?: object }
  if (mode === 'relay') return
  const tokens = usage!.inputTokens!
  expect(told.usage).toEqual({ prompt_tokens: tokens, total_tokens: tokens })
})
