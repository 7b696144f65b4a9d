// What the audit quotes of requests that a guardrail was asked about, through the whole program: nothing unless it is wanted, nothing of whom
// the content policy leaves out, and for nobody but those who may read content, each of whom is in the audit.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { AuditRecord } from './core/audit.ts'
import type { JsonObject } from './core/json.ts'
import { LIMITS } from './core/limits.ts'
import { json } from './testing/upstream-answers.ts'
import { startUpstream, type Upstream } from './testing/upstream.ts'
import { openaiChat } from './testing/voices-openai.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'

const OWNER = 'the-key-of-the-owner-long-enough-00000001'
const AUDITOR = 'the-key-of-an-auditor-long-enough-0000001'
const SECRETIVE = 'the-key-of-somebody-secretive-long-00001'
const THEIRS = 'the-key-of-another-tenant-long-enough-01'
const MAIL = 'canary.person@example.com'

let whole: WholeApp
let up: Upstream

beforeEach(async () => {
  up = startUpstream(json(openaiChat.whole({ text: 'the answer says anathema' })))
  whole = await startWholeApp(
    [
      { name: 'owner', key: OWNER, roles: ['owner'] },
      { name: 'auditor', key: AUDITOR, roles: ['auditor'] },
      { name: 'secretive', key: SECRETIVE, roles: ['owner'] },
      { name: 'theirs', key: THEIRS, roles: ['owner'], tenant: 'other' },
    ],
    {
      log: { redact: ['email'] },
      content: [{ per: 'key', only: 'secretive', keep: 'none' }],
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
        { id: 'said', check: 'words', words: ['forbidden'], stages: ['input', 'tool_result'] },
        { id: 'told', check: 'words', words: ['anathema'], stages: ['output'] },
        { id: 'seen', check: 'words', words: ['odd'], mode: 'flag', stages: ['input'] },
      ],
    },
  )
})
afterEach(async () => {
  await whole.stop()
  await up.close()
})

function call(method: string, path: string, key: string, body?: object): Promise<Response> {
  return fetch(`${whole.app.server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function ask(content: string, key = OWNER): Promise<void> {
  const messages = [{ role: 'user', content }]
  await (await call('POST', '/v1/chat/completions', key, { model: 'up/gpt', messages })).text()
}

const entries = () => whole.app.store.audit.list({ tenantId: 'default', limit: 100 })

/** The newest entry about a rule; what is recorded is so behind the answer. */
async function entry(ruleId: string): Promise<AuditRecord> {
  for (;;) {
    const found = (await entries()).find(({ target }) => target.id === ruleId)
    if (found !== undefined) return found
    await Bun.sleep(5)
  }
}

const quoted = (sequence: number | string, key: string, query = '') =>
  call('GET', `/admin/audit/${sequence}/content${query}`, key)

async function want(content: 'none' | 'excerpt'): Promise<void> {
  const { store } = whole.app
  await store.storedSettings.change({ 'audit.content': content }, { kind: 'system', id: 'test' })
}

test('nothing unless it is wanted', async () => {
  await ask('this is forbidden')
  const { after, sequence } = await entry('said')
  expect(after).not.toHaveProperty('contentId')
  expect(after).not.toHaveProperty('contentHash')
  expect((await quoted(sequence, OWNER)).status).toBe(404)
  const gone = await whole.app.store.auditContent.prune(Infinity, new AbortController().signal)
  expect(gone).toBe(0)
})

test('what was asked and what was answered, redacted; who reads it is in the audit', async () => {
  await want('excerpt')
  await ask(`forbidden for ${MAIL}`)
  await ask('something odd')
  for (const [rule, text] of [
    ['said', 'forbidden for [EMAIL]'],
    ['seen', 'something odd'],
    ['told', 'the answer says anathema'],
  ] as const) {
    const { sequence } = await entry(rule)
    const answer = await quoted(sequence, OWNER)
    expect([rule, answer.status]).toEqual([rule, 200])
    const { content } = (await answer.json()) as JsonObject
    expect(content).toContain(text)
    expect(String(content).length).toBeLessThanOrEqual(LIMITS.auditExcerptChars)
    const read = (await entries()).find(({ action }) => action === 'content.read')
    expect(read).toMatchObject({
      actor: { kind: 'key' },
      target: { kind: 'audit', id: String(sequence) },
    })
  }
  // Neither the list nor the file has any of it.
  for (const path of ['/admin/audit?limit=100', '/admin/audit/export']) {
    const text = await (await call('GET', path, OWNER)).text()
    expect(text).toContain('contentHash')
    expect(text).not.toMatch(/forbidden for|something odd|answer says|canary/)
  }
  expect((await whole.app.store.audit.verify()).broken).toBeUndefined()
  await want('none')
})

test('nothing of whom the policy leaves out', async () => {
  await want('excerpt')
  await ask('this is forbidden', SECRETIVE)
  expect((await entry('said')).after).not.toHaveProperty('contentId')
})

test('nobody but those who may read content, and of another tenant there is none', async () => {
  await want('excerpt')
  await ask('this is forbidden')
  const { sequence } = await entry('said')
  expect((await quoted(sequence, AUDITOR)).status).toBe(403)
  expect((await quoted(sequence, 'nobody')).status).toBe(401)
  for (const [number, key] of [
    [sequence, THEIRS],
    [sequence + 1_000, OWNER],
    ['0', OWNER],
    ['x', OWNER],
    ['9'.repeat(40), OWNER],
    ['-1', OWNER],
  ] as const) {
    expect([number, (await quoted(number, key)).status]).toEqual([number, 404])
  }
  expect((await quoted(sequence, THEIRS, '?tenant=default')).status).toBe(404)
  expect((await entries()).some(({ action }) => action === 'content.read')).toBe(false)
})
