// Requests under the guardrails of a configuration file, through the whole program: what is blocked is nowhere, what is masked reaches no
// provider and no file of the store, the row and the audit know what happened, and a key that is excepted is not held up.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditRecord } from './core/audit.ts'
import type { StoredRequest } from './core/ports.ts'
import { json, stream } from './testing/upstream-answers.ts'
import { startUpstream, type Upstream } from './testing/upstream.ts'
import { openaiChat } from './testing/voices-openai.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'

const KEY = 'the-key-of-the-client-long-enough-0000001'
const LEGAL = 'the-key-of-legal-long-enough-000000000001'
const MAIL = 'canary.person@example.com'
const WORD = 'projectcanary'

let whole: WholeApp
let up: Upstream

beforeAll(async () => {
  up = startUpstream(json(openaiChat.whole({ text: 'to [EMAIL_1]' })))
  whole = await startWholeApp(
    [
      { name: 'client', key: KEY, roles: ['admin'] },
      { name: 'legal', key: LEGAL, roles: ['admin'] },
    ],
    {
      providers: [
        {
          id: 'up',
          type: 'custom',
          compatible: 'openai',
          base_url: `${up.url}/v1`,
          keys: ['sk-test-0123456789'],
        },
      ],
      guardrails: [
        {
          id: 'mail',
          check: 'pii',
          mode: 'mask',
          detect: ['email'],
          stages: ['input', 'tool_result'],
        },
        {
          id: 'projects',
          check: 'words',
          words: [WORD],
          stages: ['input', 'output'],
          except: ['key:legal'],
        },
      ],
    },
  )
})

afterAll(async () => {
  await whole.stop()
  await up.close()
})

function ask(content: string, more: object = {}, key = KEY): Promise<Response> {
  return fetch(`${whole.app.server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'up/gpt', messages: [{ role: 'user', content }], ...more }),
  })
}

async function row(id: string | null): Promise<StoredRequest> {
  for (;;) {
    const rows = await whole.app.store.requests.list({ tenantId: 'default', limit: 100 })
    const found = rows.find(({ outcome }) => outcome.requestId === id)
    if (found !== undefined) return found
    await Bun.sleep(5)
  }
}

test('masked on its way, restored for the client, and told in header and row', async () => {
  const answer = await ask(`write to ${MAIL}`, { user: MAIL })
  const got = await answer.text()
  expect([answer.status, got.includes(`to ${MAIL}`)]).toEqual([200, true])
  expect(answer.headers.get('x-weir-guardrails')).toBe('mail=masked')
  expect(up.requests.at(-1)?.text).not.toContain('canary')
  const { outcome } = await row(answer.headers.get('x-request-id'))
  expect(outcome.guardrails).toMatchObject([
    { ruleId: 'mail', stage: 'input', verdict: 'masked', categories: ['email'] },
    { ruleId: 'projects', stage: 'input', verdict: 'pass' },
    { ruleId: 'projects', stage: 'output', verdict: 'pass' },
  ])
})

test('blocked on its way in and on its way out, in any disguise the check knows', async () => {
  const before = up.requests.length
  for (const said of [
    WORD,
    'Project\u200bCanary',
    '\u0440rojectcanary',
    'ＰＲＯＪＥＣＴＣＡＮＡＲＹ',
  ]) {
    const answer = await ask(`tell me of ${said}`)
    expect([answer.status, (await answer.text()).includes('projects')]).toEqual([400, true])
  }
  expect(up.requests).toHaveLength(before)
  up.play(stream(openaiChat.stream({ text: `it is ${WORD}, you know` })))
  const answer = await ask('hi', { stream: true })
  const got = await answer.text()
  expect(got).not.toContain('canary')
  expect(got).toContain('"finish_reason":"content_filter"')
  const { outcome } = await row(answer.headers.get('x-request-id'))
  expect([outcome.status, outcome.finish]).toEqual([200, 'content_filter'])
  expect(outcome.usage?.outputTokens).toBeGreaterThan(0)
})

test('who is excepted is not judged by that rule', async () => {
  up.play(json(openaiChat.whole({ text: 'fine' })))
  const answer = await ask(`tell me of ${WORD}`, {}, LEGAL)
  expect(answer.status).toBe(200)
  await answer.text()
})

test('the audit knows what was blocked, once, and no file of the store knows what it said', async () => {
  const blocked = async (): Promise<AuditRecord[]> => {
    const records = await whole.app.store.audit.list({ tenantId: 'default', limit: 100 })
    return records.filter(({ action }) => action === 'guardrail.blocked')
  }
  while ((await blocked()).length === 0) await Bun.sleep(5)
  const records = await blocked()
  expect(records).toMatchObject([
    {
      target: { kind: 'guardrail', id: 'projects' },
      actor: { kind: 'key', id: 'file:client' },
      after: { check: 'words', stage: 'input', verdict: 'blocked', model: 'up/gpt' },
    },
  ])
  const folder = join(whole.folder, 'data')
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    if (!/\.db(?:-wal)?$/.test(name)) continue
    const bytes = readFileSync(join(folder, name))
    for (const canary of [MAIL, WORD]) {
      // The rule itself stands in the file alone.
      expect([name, bytes.includes(canary)]).toEqual([name, false])
    }
  }
})
