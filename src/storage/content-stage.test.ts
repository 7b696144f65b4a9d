// What lies between a request and the log: bodies go on packed and without what is redacted, and where that fails, has no room or has ended,
// the row goes on without them. No row is lost, and none goes on in clear.

import { describe, expect, test } from 'bun:test'
import type { Outcome } from '../core/outcome.ts'
import { LIMITS } from '../core/limits.ts'
import { redactBodies } from '../core/redact-body.ts'
import { ContentStage, type ContentStageOptions } from './content-stage.ts'
import { unpackBodies } from './packed-bodies.ts'
import { MemoryLogger, sampleOutcome } from './test-store.ts'

const MARK = 'ann@example.org'
const redactor = () => (text: string) => text.replaceAll(MARK, '[EMAIL]')
const POLICY = { redact: ['email'] } as const

function staged(over: Partial<ContentStageOptions> = {}) {
  const rows: Outcome[] = []
  const told: Outcome[] = []
  const logger = new MemoryLogger()
  const stage = new ContentStage({
    redactor,
    redactLarge: (bodies) => Promise.resolve(redactBodies(bodies, redactor())),
    logger,
    log: { record: (outcome) => void rows.push(outcome) },
    others: { record: (outcome) => void told.push(outcome) },
    objectKeyFor: (_outcome, bytes) => (bytes > 10_000 ? 'key' : undefined),
    ...over,
  })
  return { logger, rows, stage, told }
}

const withBody = (requestBody: string): Outcome => sampleOutcome({ requestBody, responseBody: '' })
/** What cannot be packed. */
const noise = (chars: number) =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(chars))).toString('base64')

describe('the stage', () => {
  test('hands on what has no bodies at once, the same object', () => {
    const { rows, stage, told } = staged()
    const outcome = sampleOutcome()
    stage.record(outcome, { redact: [] })
    expect([rows[0], told[0]]).toEqual([outcome, outcome])
    expect(rows[0]).toBe(outcome)
  })

  test('packs, redacts and says where it is to lie; the others are told the text', async () => {
    const { rows, stage, told } = staged()
    stage.record(withBody(`hello ${MARK}`), POLICY)
    stage.record(withBody(`${MARK} ${noise(30_000)}`), POLICY)
    await stage.flush()
    expect(rows.map(({ objectKey }) => objectKey)).toEqual([undefined, 'key'])
    for (const row of rows) {
      expect(row.requestBody).toBeUndefined()
      const bodies = await unpackBodies(row.packedBodies!)
      expect(bodies.requestBody).toContain('[EMAIL]')
      expect(bodies.responseBody).toBe('')
    }
    expect(told[0]?.requestBody).toBe('hello [EMAIL]')
    expect(JSON.stringify([rows, told])).not.toContain(MARK)
  })

  test('texts of errors are redacted, bodies or not', () => {
    const { rows, stage } = staged()
    stage.record(sampleOutcome({ errorText: `no such user ${MARK}` }), POLICY)
    expect(rows[0]?.errorText).toBe('no such user [EMAIL]')
  })

  test.each<[string, Partial<ContentStageOptions>]>([
    [
      'detectors that fail',
      {
        redactor: () => () => {
          throw new Error(MARK)
        },
      },
    ],
    [
      'detectors that cannot be made',
      {
        redactor: () => {
          throw new Error(MARK)
        },
      },
    ],
    ['a thread that is gone', { redactLarge: () => Promise.reject(new Error('gone')) }],
  ])('%s cost bodies, never a row, and let nothing through', async (_name, over) => {
    const { rows, stage, told } = staged(over)
    const large = noise(LIMITS.contentRedactInlineChars)
    const outcome = withBody(`${MARK} ${'redactLarge' in over ? large : ''}`)
    stage.record('redactLarge' in over ? outcome : { ...outcome, errorText: MARK }, POLICY)
    await stage.flush()
    expect(rows).toHaveLength(1)
    expect(rows[0]?.packedBodies).toBeUndefined()
    expect(JSON.stringify([rows, told])).not.toContain(MARK)
    expect(stage.counters.failed).toBeGreaterThan(0)
  })

  test('is bounded: beyond it rows go on without their bodies, and are counted', async () => {
    const { rows, stage } = staged()
    const body = 'x'.repeat(LIMITS.contentQueueCharsMax / 4)
    for (let at = 0; at < 8; at += 1) stage.record(withBody(body), { redact: [] })
    expect(stage.counters.withoutBodies).toBeGreaterThan(2)
    await stage.flush()
    expect(rows).toHaveLength(8)
    expect(rows.filter(({ packedBodies }) => packedBodies === undefined)).toHaveLength(
      stage.counters.withoutBodies,
    )
  })

  test('ends with everything handed on; what comes later has no bodies', async () => {
    const { rows, stage } = staged()
    stage.record(withBody('first'), { redact: [] })
    await stage.stop()
    stage.record(withBody('second'), { redact: [] })
    expect(rows.map(({ packedBodies }) => packedBodies !== undefined)).toEqual([true, false])
    expect(stage.counters).toEqual({ waiting: 0, withoutBodies: 1, failed: 0 })
  })
})
