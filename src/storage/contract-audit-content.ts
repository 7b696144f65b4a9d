// The contract of what the audit quotes: what every engine must do alike. Called from each engine's tests; imported by tests alone.

import { expect, test } from 'bun:test'
import type { AuditEvent } from '../core/audit.ts'
import type { AuditExcerpt, Hold } from '../core/content.ts'
import { storeEraser } from './eraser.ts'
import type { Store } from './store.ts'
import { MemoryLogger, realClock, TEST_ACTOR } from './test-store.ts'

const CANARY = 'a sentence that nobody else may read'
const ACTOR = { ...TEST_ACTOR, id: 'quoting' }

const blocked = (tenantId: string): AuditEvent => ({
  tenantId,
  action: 'guardrail.blocked',
  target: { kind: 'guardrail', id: 'words' },
  after: { stage: 'input' },
})

const ofAnn: AuditExcerpt = {
  logId: 'l1',
  userId: 'ann',
  keyId: 'k1',
  timestampMs: 50,
  text: CANARY,
}

/** Quotes, and gives the number of the entry. */
async function quote(store: Store, excerpt: AuditExcerpt, tenantId = 'default'): Promise<number> {
  await store.auditContent.record(blocked(tenantId), ACTOR, excerpt)
  const [entry] = await store.audit.list({ tenantId, action: 'guardrail.blocked', limit: 1 })
  return entry!.sequence
}

const find = async (store: Store, sequence: number, tenantId?: string) =>
  (await store.auditContent.find(tenantId, sequence))?.text

const isWhole = async (store: Store) => (await store.audit.verify()).broken === undefined

export function auditContentContract(open: () => Promise<Store>): void {
  test('what is quoted is found by its tenant alone, and stands nowhere in the entry', async () => {
    const store = await open()
    const text = `${CANARY} \u{1F600} "quoted"\n\0`
    const one = await quote(store, { ...ofAnn, text })
    const other = await quote(store, { logId: 'l2', timestampMs: 0, text: CANARY }, 'other')
    const again = await quote(store, ofAnn)
    expect(await find(store, one, 'default')).toBe(text)
    expect(await store.auditContent.find(undefined, other)).toEqual({
      tenantId: 'other',
      text: CANARY,
    })
    expect(await find(store, other, 'default')).toBeUndefined()
    expect(await find(store, 999, 'default')).toBeUndefined()
    await store.audit.record(blocked('default'), ACTOR)
    expect(await find(store, again + 1, 'default')).toBeUndefined()
    const entries = await store.audit.list({ action: 'guardrail.blocked', limit: 10 })
    expect(JSON.stringify(entries)).not.toContain('nobody else')
    const hashes = entries.map(({ after }) => after?.['contentHash'])
    expect(hashes[0]).toBeUndefined()
    // The same text twice has two hashes: none tells that they are the same.
    expect(new Set(hashes.slice(1)).size).toBe(3)
    expect(await isWhole(store)).toBe(true)
  })

  test('one person’s go and leave the chain whole; nobody else’s go with them', async () => {
    const store = await open()
    const anns = await quote(store, ofAnn)
    const bobs = await quote(store, { ...ofAnn, userId: 'bob', keyId: 'k2' })
    const nobodys = await quote(store, { logId: 'l3', timestampMs: 50, text: CANARY })
    const elsewhere = await quote(store, ofAnn, 'other')
    const erase = (kind: 'user' | 'key', subject: string) =>
      store.auditContent.erase({ tenantId: 'default', kind, subject })
    expect(await erase('user', 'ann')).toEqual({ deleted: 1, held: 0 })
    expect(await erase('user', 'ann')).toEqual({ deleted: 0, held: 0 })
    expect(await find(store, anns)).toBeUndefined()
    for (const sequence of [bobs, nobodys, elsewhere]) {
      expect(await find(store, sequence)).toBe(CANARY)
    }
    expect(await erase('key', 'k2')).toEqual({ deleted: 1, held: 0 })
    expect(await find(store, bobs)).toBeUndefined()
    expect(await isWhole(store)).toBe(true)
  })

  test.each([
    { kind: 'request', subject: 'l1' },
    { kind: 'user', subject: 'ann' },
    { kind: 'key', subject: 'k1' },
    { kind: 'span', sinceMs: 50, untilMs: 51 },
    { kind: 'span' },
  ] as const)('a hold %j keeps what is quoted until it is released', async (draft) => {
    const store = await open()
    const hold: Hold = {
      tenantId: 'default',
      id: 'h',
      reason: 'court',
      createdMs: 1,
      createdBy: 'x',
      ...draft,
    }
    const held = await quote(store, ofAnn)
    const { signal } = new AbortController()
    await store.holds.create({ ...hold, tenantId: 'other', id: 'others' }, TEST_ACTOR)
    for (const [id, span] of [
      ['before', { untilMs: 50 }],
      ['behind', { sinceMs: 51 }],
    ] as const) {
      await store.holds.create({ ...hold, kind: 'span', id, ...span } as Hold, TEST_ACTOR)
    }
    await store.holds.create(hold, TEST_ACTOR)
    expect(await store.auditContent.prune(51, signal)).toBe(0)
    const person = { tenantId: 'default', kind: 'user', subject: 'ann' } as const
    expect(await store.auditContent.erase(person)).toEqual({ deleted: 0, held: 1 })
    expect(await find(store, held)).toBe(CANARY)
    await store.holds.release('default', 'h', 'over', TEST_ACTOR)
    // Those before and behind it hold others, and those of another tenant nothing here.
    expect(await store.auditContent.prune(50, signal)).toBe(0)
    expect(await store.auditContent.prune(51, signal)).toBe(1)
    expect(await find(store, held)).toBeUndefined()
    expect(await isWhole(store)).toBe(true)
  })

  test('from the end of its making on a hold holds, whatever is being deleted', async () => {
    const store = await open()
    const { signal } = new AbortController()
    for (let round = 0; round < 6; round += 1) {
      const sequences: number[] = []
      for (let at = 0; at < 4; at += 1) sequences.push(await quote(store, ofAnn))
      const left = async () => {
        const texts = await Promise.all(sequences.map((sequence) => find(store, sequence)))
        return texts.filter((text) => text !== undefined).length
      }
      const draft = { tenantId: 'default', id: `h${round}`, kind: 'span', reason: 'court' } as const
      const making = store.holds
        .create({ ...draft, createdMs: 1, createdBy: 'x' }, TEST_ACTOR)
        .then(left)
      const pruning = store.auditContent.prune(51, signal)
      const [atFirst] = await Promise.all([making, pruning])
      expect(await left()).toBe(atFirst)
      await store.holds.release('default', `h${round}`, 'over', TEST_ACTOR)
      await store.auditContent.prune(51, signal)
      expect(await left()).toBe(0)
    }
  })

  test('an erasure waits for what is held, and counts what went', async () => {
    const store = await open()
    await quote(store, ofAnn)
    await quote(store, { ...ofAnn, logId: 'l2' })
    await store.holds.create(
      {
        tenantId: 'default',
        id: 'h',
        kind: 'request',
        subject: 'l2',
        reason: 'court',
        createdMs: 1,
        createdBy: 'x',
      },
      TEST_ACTOR,
    )
    const counts = { requests: 0, bodies: 0, objects: 0, sessions: 0, kept: 0, held: 0 }
    await store.erasures.create(
      {
        tenantId: 'default',
        id: 'e',
        kind: 'user',
        subject: 'ann',
        mode: 'anonymise',
        reason: 'asked',
        state: 'running',
        counts,
        afterSequence: 0,
        createdMs: 1,
        createdBy: 'x',
      },
      TEST_ACTOR,
    )
    const eraser = storeEraser(store, {
      flush: () => store.log.flush(),
      marked: () => undefined,
      clock: realClock,
      logger: new MemoryLogger(),
      pauseMs: 0,
    })
    await eraser.run()
    const report = async () => await store.erasures.find('default', 'e')
    expect(await report()).toMatchObject({ state: 'waiting', counts: { kept: 1, held: 1 } })
    await store.holds.release('default', 'h', 'over', TEST_ACTOR)
    await eraser.run()
    expect(await report()).toMatchObject({ state: 'done', counts: { kept: 2, held: 0 } })
    await eraser.stop()
    expect(await isWhole(store)).toBe(true)
  })

  test('a rotation goes over it, and leaves the entry what it was', async () => {
    const store = await open()
    const one = await quote(store, ofAnn)
    const { values } = await store.secrets.rotate(TEST_ACTOR)
    expect(values).toBe(1)
    expect(await find(store, one)).toBe(CANARY)
    expect(await isWhole(store)).toBe(true)
  })

  test('whatever is too old goes, however much it is', async () => {
    const store = await open()
    const youngMs = Date.now()
    const young = await quote(store, { ...ofAnn, timestampMs: youngMs })
    await quote(store, ofAnn)
    await quote(store, ofAnn, 'other')
    store.upkeep.start(() => ({ retentionMs: 3_600_000 }))
    await store.upkeep.run()
    // Before the young one, however long all of this has taken.
    expect(await store.auditContent.prune(youngMs - 1_000, new AbortController().signal)).toBe(0)
    expect(await find(store, young)).toBe(CANARY)
    expect(
      await store.auditContent.erase({ tenantId: 'other', kind: 'key', subject: 'k1' }),
    ).toEqual({ deleted: 0, held: 0 })
  })
}
