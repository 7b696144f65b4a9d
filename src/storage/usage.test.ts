import { afterAll, describe, expect, test } from 'bun:test'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import * as fc from 'fast-check'
import { join } from 'node:path'
import { HOUR_MS } from '../core/usage-rollup.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { checkParameters } from '../testing/seed.ts'
import { LogWriter } from './log-writer.ts'
import { outcomes } from './outcome-arbitrary.ts'
import * as tables from './schema-log.sqlite.ts'
import {
  migratedDatabase,
  realClock,
  removeFolders,
  sampleOutcome,
  temporaryFolder,
} from './test-store.ts'
import { Usage } from './usage.ts'
import { UsageCompanion } from './usage-companion.ts'

afterAll(removeFolders)

const NOON_MS = Date.UTC(2026, 2, 31, 12)
const ALL = { startMs: 0, endMs: Number.POSITIVE_INFINITY }

function open() {
  const database = migratedDatabase(join(temporaryFolder(), 'log.db'), 'log')
  const db = drizzle(database)
  const usage = new Usage({ engine: 'sqlite', db }, db, tables)
  const companions = [new UsageCompanion()]
  const log = new LogWriter(database, { logger: SILENT_LOGGER, clock: realClock, companions })
  return { database, usage, log }
}

const answered = sampleOutcome({
  timestampMs: NOON_MS,
  modelRequested: 'fast',
  modelResolved: 'gpt-5-mini',
  providerId: 'openai',
  apiKeyId: 'k1',
  usage: { inputTokens: 10, cacheReadTokens: 5, cacheWrite1hTokens: 2, outputTokens: 3 },
  costNanoUsd: 700,
})

function outcome(fields: Partial<typeof answered>) {
  return { ...answered, logId: Bun.randomUUIDv7(), ...fields }
}

describe('totals', () => {
  test('are in the store with the rows, by any dimension and filter', async () => {
    const { database, log, usage } = open()
    log.record(answered)
    log.record(outcome({ apiKeyId: 'k2', costNanoUsd: 300, timestampMs: NOON_MS + HOUR_MS }))
    log.record(outcome({ status: 502, usage: undefined, costNanoUsd: undefined } as never))
    log.record(outcome({ tenantId: 'other', timestampMs: NOON_MS + 20 * HOUR_MS }))
    await log.flush()
    const base = { sinceMs: NOON_MS, untilMs: NOON_MS + 48 * HOUR_MS, limit: 100 }
    const byKey = await usage.report({ ...base, tenantId: 'default', groupBy: ['key'] })
    expect(byKey).toEqual([
      expect.objectContaining({ group: ['k1'], requests: 2, errors: 1, costNanoUsd: 700 }),
      expect.objectContaining({ group: ['k2'], requests: 1, errors: 0, costNanoUsd: 300 }),
    ])
    expect(byKey[0]).toMatchObject({ inputTokens: 10, cacheReadTokens: 5, cacheWriteTokens: 2 })
    const [total, ...more] = await usage.report({ ...base, groupBy: [] })
    expect(more).toEqual([])
    expect(total).toMatchObject({ group: [], requests: 4, costNanoUsd: 1_700, outputTokens: 9 })
    const byMonth = await usage.report({ ...base, groupBy: ['tenant', 'month', 'day', 'hour'] })
    expect(byMonth.map(({ group }) => group)).toEqual([
      ['default', Date.UTC(2026, 2, 1), Date.UTC(2026, 2, 31), NOON_MS],
      ['other', Date.UTC(2026, 3, 1), Date.UTC(2026, 3, 1), NOON_MS + 20 * HOUR_MS],
      ['default', Date.UTC(2026, 2, 1), Date.UTC(2026, 2, 31), NOON_MS + HOUR_MS],
    ])
    expect(await usage.report({ ...base, keyId: 'nobody', groupBy: [] })).toEqual([
      expect.objectContaining({ requests: 0, costNanoUsd: 0 }),
    ])
    expect(await usage.report({ ...base, groupBy: ['key'], limit: 1 })).toHaveLength(1)
    await expect(usage.report({ ...base, sinceMs: Number.NaN, groupBy: [] })).rejects.toMatchObject(
      { kind: 'invalid_request' },
    )
    expect(await usage.keysLastUsed('default')).toEqual(
      new Map([
        ['k1', NOON_MS],
        ['k2', NOON_MS + HOUR_MS],
      ]),
    )
    database.close()
  })

  test('invented names of models make no line', async () => {
    const { database, log, usage } = open()
    for (let at = 0; at < 50; at += 1) {
      const modelRequested = `invented-${at}`
      log.record(sampleOutcome({ timestampMs: NOON_MS, status: 404, modelRequested }))
      log.record(
        sampleOutcome({
          timestampMs: NOON_MS,
          status: 404,
          modelRequested: `openai/${modelRequested}`,
          modelResolved: modelRequested,
          providerId: 'openai',
        }),
      )
    }
    await log.flush()
    expect(database.query('SELECT COUNT(*) n FROM usage_hourly').get()).toEqual({ n: 2 })
    expect((await usage.reconcile(ALL, false)).differences).toEqual([])
    database.close()
  })

  test('an answer without a known price is counted as one, and is not free', async () => {
    const { database, log, usage } = open()
    log.record(outcome({ costNanoUsd: undefined } as never))
    log.record(
      outcome({ operation: 'token-count', usage: undefined, costNanoUsd: undefined } as never),
    )
    await log.flush()
    const base = { sinceMs: NOON_MS, untilMs: NOON_MS + 1, limit: 1, groupBy: [] as const }
    expect(await usage.report(base)).toMatchObject([{ requests: 2, unpricedRequests: 1 }])
    database.close()
  })

  test('without rows they are written all the same', async () => {
    const { database, log, usage } = open()
    log.record({ ...answered, withoutRow: true })
    await log.flush()
    expect(database.query('SELECT COUNT(*) n FROM requests').get()).toEqual({ n: 0 })
    const base = { sinceMs: NOON_MS, untilMs: NOON_MS + 1, limit: 1, groupBy: [] as const }
    expect(await usage.report(base)).toMatchObject([{ requests: 1, costNanoUsd: 700 }])
    expect(await usage.reconcile(ALL, true)).toMatchObject({ hours: 0, differences: [] })
    database.close()
  })
})

describe('reconcile', () => {
  test('of any outcomes: the totals are what the rows say, column by column', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(outcomes(), { maxLength: 40 }), async (all) => {
        const { database, log, usage } = open()
        for (const each of all) {
          const usageSmall = each.usage === undefined ? {} : { usage: small(each.usage) }
          log.record({
            ...each,
            ...usageSmall,
            costNanoUsd: each.costNanoUsd === undefined ? undefined : each.costNanoUsd % 1e9,
            logId: Bun.randomUUIDv7(),
            timestampMs: NOON_MS + (each.timestampMs % (3 * HOUR_MS)),
          } as never)
        }
        await log.flush()
        const report = await usage.reconcile(ALL, false)
        expect(report.differences).toEqual([])
        expect(report.rows).toBe(all.length)
        database.close()
      }),
      checkParameters(25),
    )
  }, 120_000)

  test('finds every column that was changed, and mends it', async () => {
    const { database, log, usage } = open()
    log.record(answered)
    await log.flush()
    database.run('UPDATE usage_hourly SET cost_nano_usd = 1, total_ms = total_ms + 5')
    const found = await usage.reconcile(ALL, false)
    expect(found.differences).toEqual([
      expect.objectContaining({
        hourMs: NOON_MS,
        tenantId: 'default',
        group: expect.objectContaining({ model: 'fast', key_id: 'k1' }),
        columns: {
          cost_nano_usd: { stored: 1, actual: 700 },
          total_ms: { stored: 17, actual: 12 },
        },
      }),
    ])
    expect(await usage.reconcile(ALL, true)).toMatchObject({ mended: 1 })
    expect((await usage.reconcile(ALL, false)).differences).toEqual([])
    database.run('DELETE FROM usage_hourly')
    expect(await usage.reconcile(ALL, true)).toMatchObject({ mended: 1 })
    expect((await usage.reconcile(ALL, false)).differences).toEqual([])
    database.close()
  })

  test('what an older version did not count is no difference, and is filled in', async () => {
    const { database, log, usage } = open()
    log.record(outcome({ firstTokenMs: 7, status: 502 }))
    await log.flush()
    database.run('UPDATE usage_hourly SET server_errors = NULL, first_token_ms = NULL')
    const untouched = { differences: [], mended: 0 }
    expect(await usage.reconcile(ALL, false)).toMatchObject(untouched)
    expect(await usage.reconcile(ALL, true)).toMatchObject({ differences: [], mended: 1 })
    expect(database.query('SELECT server_errors, first_token_ms FROM usage_hourly').all()).toEqual([
      { server_errors: 1, first_token_ms: 7 },
    ])
    expect(await usage.reconcile(ALL, true)).toMatchObject(untouched)
    database.close()
  })

  test('rows that are gone say nothing: the hours before them and theirs stay', async () => {
    const { database, log, usage } = open()
    for (const hour of [0, 1, 2]) {
      log.record(outcome({ timestampMs: NOON_MS + hour * HOUR_MS }))
      log.record(outcome({ timestampMs: NOON_MS + hour * HOUR_MS + 5 }))
    }
    await log.flush()
    database.run(`DELETE FROM requests WHERE timestamp_ms <= ${NOON_MS + HOUR_MS}`)
    expect(await usage.reconcile(ALL, true)).toMatchObject({ hours: 1, differences: [], mended: 0 })
    database.run(`DELETE FROM requests WHERE timestamp_ms = ${NOON_MS + 2 * HOUR_MS}`)
    const { differences, mended } = await usage.reconcile(ALL, true)
    expect(mended).toBe(0)
    expect(differences).toMatchObject([{ rowsMissing: true, hourMs: NOON_MS + 2 * HOUR_MS }])
    database.close()
  })
})

/** Counts whose sums stay exact. */
function small<T extends object>(usage: T): T {
  return Object.fromEntries(
    Object.entries(usage).map(([name, value]) => [
      name,
      typeof value === 'number' ? value % 1e6 : value,
    ]),
  ) as T
}
