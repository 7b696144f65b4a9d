import { describe, expect, test } from 'bun:test'
import { Masking, maskStyle } from '../../guardrails/mask.ts'
import type { Guard } from '../../core/guardrail.ts'
import { systemClock } from '../../system.ts'
import { testGuard } from '../../testing/guards.ts'
import { SharedDeadlines } from '../../transport/deadlines.ts'
import { tryGuards } from './try.ts'

const ports = {
  clock: systemClock,
  deadlines: new SharedDeadlines(systemClock),
  maskings: { create: () => new Masking(), style: maskStyle },
}

function tried(text: string, ...guards: Guard[]) {
  const trial = {
    stage: 'input',
    texts: [{ text, role: 'user', kind: 'text' }],
    context: [],
    tenantId: 't',
    requestId: 'r',
    model: 'm',
    signal: new AbortController().signal,
  } as const
  return tryGuards(guards, trial, ports)
}

describe('rules tried', () => {
  test('each says what it would say, on what the ones before have left', async () => {
    const result = await tried(
      'a secret-word and more',
      testGuard({ id: 'flag', mode: 'flag' }),
      testGuard({ id: 'mask', mode: 'mask', check: 'pii' }),
      testGuard({ id: 'block' }),
      testGuard({ id: 'elsewhere', stages: ['output'] }),
    )
    expect(result).toMatchObject({
      texts: ['a [SECRET_1] and more'],
      verdicts: [
        { rule: { id: 'flag' }, verdict: 'flagged', spans: [{ start: 2, end: 13 }] },
        { rule: { id: 'mask' }, verdict: 'masked' },
        { rule: { id: 'block' }, verdict: 'pass', spans: [] },
      ],
    })
    expect(result.refusedBy).toBeUndefined()
  })

  test('what blocks ends it, and what gives no judgement says why', async () => {
    const blocked = await tried('secret-word', testGuard(), testGuard({ id: 'never' }))
    expect([blocked.refusedBy, blocked.verdicts.length]).toEqual(['words', 1])
    const judge = () => Promise.reject(new Error('connection refused'))
    const failed = await tried('hi', testGuard({}, { judge }))
    expect(failed).toMatchObject({
      refusedBy: 'words',
      verdicts: [{ verdict: 'failed-closed', failure: 'connection refused' }],
    })
    const open = await tried('hi', testGuard({ onFailure: 'open' }, { judge }))
    expect([open.refusedBy, open.verdicts[0]?.verdict]).toEqual([undefined, 'failed-open'])
  })

  test('what cannot be masked would be blocked', async () => {
    const result = await tried('secret-word', testGuard({ mode: 'mask' }, { withoutSpans: true }))
    expect([result.refusedBy, result.verdicts[0]?.verdict]).toEqual(['words', 'blocked'])
  })
})
