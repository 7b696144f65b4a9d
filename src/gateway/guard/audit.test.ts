import { expect, test } from 'bun:test'
import type { Actor, AuditEvent } from '../../core/audit.ts'
import { LIMITS } from '../../core/limits.ts'
import { memberGrants } from '../../testing/principals.ts'
import { testRule } from '../../testing/guards.ts'
import { SILENT_LOGGER } from '../../telemetry/log.ts'
import { GuardAudit, type GuardAuditPorts } from './audit.ts'
import type { GuardEvent } from './ports.ts'

function auditAt(record: GuardAuditPorts['record'], more: Pick<GuardAuditPorts, 'excerpt'> = {}) {
  let nowMs = 0
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
  const audit = new GuardAudit({ clock, logger: SILENT_LOGGER, record, ...more })
  return { audit, pass: (durationMs: number) => (nowMs += durationMs) }
}

const blocked = (keyId: string, id = 'pii'): GuardEvent => ({
  action: 'guardrail.blocked',
  rule: testRule({ id }),
  stage: 'input',
  verdict: 'blocked',
  categories: ['email'],
  texts: () => [],
  logId: 'l',
  arrivedMs: 5,
  principal: { kind: 'key', tenantId: 't', keyId, grants: memberGrants() },
  requestId: 'r',
  model: 'm',
})

test('a flood is one entry for each rule, caller and minute, and the next one says how many there were', async () => {
  const events: [AuditEvent, Actor][] = []
  const { audit, pass } = auditAt((event, by) => {
    events.push([event, by])
    return Promise.resolve()
  })
  for (let times = 0; times < 1_000; times += 1) {
    audit.note(blocked('a'))
    audit.note(blocked('b'))
    audit.note(blocked('a', 'other'))
  }
  expect(events.map(([{ target }, { id }]) => [target.id, id])).toEqual([
    ['pii', 'a'],
    ['pii', 'b'],
    ['other', 'a'],
  ])
  pass(LIMITS.guardAuditIntervalMs)
  audit.note(blocked('a'))
  expect(events.at(-1)?.[0]).toMatchObject({
    tenantId: 't',
    after: { alsoBefore: 999, stage: 'input' },
  })
})

test('callers beyond number cost bounded memory, and a store that is away costs nothing', () => {
  const { audit } = auditAt(() => Promise.reject(new Error('away')))
  for (let at = 0; at < LIMITS.guardAuditEntriesMax + 5; at += 1) audit.note(blocked(`k${at}`))
  expect((audit as unknown as { recent: Map<string, unknown> }).recent.size).toBe(
    LIMITS.guardAuditEntriesMax,
  )
})

test('an excerpt comes with whose it is, and one that fails keeps nothing from being recorded', () => {
  const excerpts: unknown[] = []
  const texts = ['quoted', undefined, new Error('canary')]
  const { audit } = auditAt(
    (_event, _by, excerpt) => {
      excerpts.push(excerpt)
      return Promise.resolve()
    },
    {
      excerpt: () => {
        const next = texts.shift()
        if (next instanceof Error) throw next
        return next
      },
    },
  )
  for (const key of ['a', 'b', 'c']) audit.note(blocked(key))
  expect(excerpts).toEqual([
    { logId: 'l', keyId: 'a', timestampMs: 5, text: 'quoted' },
    undefined,
    undefined,
  ])
})
