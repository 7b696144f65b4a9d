// The response cache through the whole program: an answer from memory costs nothing and says so, and the erasure of whoever has asked first
// takes it away from everybody.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { json } from './testing/upstream-answers.ts'
import { startUpstream, type Upstream } from './testing/upstream.ts'
import { openaiChat } from './testing/voices-openai.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'

const FIRST = 'the-key-of-the-first-long-enough-00000001'
const SECOND = 'the-key-of-the-second-long-enough-0000001'

let whole: WholeApp
let up: Upstream

beforeAll(async () => {
  up = startUpstream(json(openaiChat.whole({ text: 'Well said.' })))
  whole = await startWholeApp(
    [
      { name: 'first', key: FIRST },
      { name: 'second', key: SECOND, roles: ['admin'] },
    ],
    {
      providers: [{ id: 'up', type: 'openai', base_url: `${up.url}/v1`, keys: ['sk-0123456789'] }],
      cache: { exact: { enabled: true, store: 'memory' }, scope: 'tenant' },
    },
  )
})

afterAll(async () => {
  await whole.stop()
  await up.close()
})

async function asked(path: string, key: string, body?: object): Promise<Response> {
  return await fetch(`${whole.app.server.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function state(key: string, content: string): Promise<string | null> {
  const messages = [{ role: 'user', content }]
  const reply = await asked('/v1/chat/completions', key, { model: 'up/gpt', messages })
  await reply.text()
  return reply.headers.get('x-weir-cache')
}

test('the erasure of whoever asked first takes their answers out of memory, and nobody else’s', async () => {
  expect(await state(FIRST, 'one')).toBe('miss')
  expect(await state(SECOND, 'one')).toBe('hit')
  expect(await state(SECOND, 'two')).toBe('miss')
  const keys = (await (await asked('/admin/keys', SECOND)).json()) as {
    data: { id: string; name: string }[]
  }
  const subject = keys.data.find(({ name }) => name === 'first')!.id
  const about = { kind: 'key', subject, reason: 'asked by mail' }
  const made = await asked('/admin/erasures', SECOND, about)
  expect(made.status).toBe(202)
  const { id } = (await made.json()) as { id: string }
  let told: { state?: string } = {}
  while (told.state !== 'done') {
    await Bun.sleep(5)
    told = (await (await asked(`/admin/erasures/${id}`, SECOND)).json()) as typeof told
  }
  expect(told).toMatchObject({ kept: 1, requests: 1 })
  expect(await state(SECOND, 'two')).toBe('hit')
  expect(await state(SECOND, 'one')).toBe('miss')
})
