// Numbers that pages tell stand in `core/limits.ts`: a bound that is changed there and not here would leave a page that is wrong, which
// nobody notices until it matters. Each line is a page, its words, and the number that they are made from.

import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'

const DOCS = join(import.meta.dir, '../../docs')
const KIB = 1024
const MIB = KIB * KIB
const MINUTE_MS = 60_000

const text = (count: number) => count.toLocaleString('en')
const seconds = (ms: number) => ms / 1_000
const minutes = (ms: number) => ms / MINUTE_MS
const hours = (ms: number) => ms / MINUTE_MS / 60

const TOLD: readonly (readonly [page: string, words: string])[] = [
  ['limits', `${LIMITS.authFailuresMax} refused credentials in a minute`],
  ['limits', `counts for ${seconds(LIMITS.limitLeaseMs)} seconds at most`],
  ['authorization', `has ${LIMITS.ownKeysMax} at most`],
  ['budgets', `else ${text(LIMITS.budgetOutputTokensMax)} tokens`],
  ['audit', `at most ${text(LIMITS.auditExcerptChars)} characters`],
  ['caching', `bodies over ${LIMITS.cacheRequestBytesMax / MIB} MiB`],
  ['caching', `longer than ${seconds(LIMITS.cacheEmbedMs)} s the request is a miss`],
  ['caching', `\`max_size\` and ${text(LIMITS.cacheRowsMax)} answers`],
  ['clickhouse', `in batches of ${text(LIMITS.clickhouseBatchRows)} rows`],
  ['scaling', `batches of ${text(LIMITS.clickhouseBatchRows)} `],
  ['team', `at most ${LIMITS.logSpoolBytesMax / MIB / KIB} GiB`],
  ['team', `bodies left out from ${LIMITS.logSpoolBodiesBytesMax / MIB} MiB on`],
  ['security-model', `${LIMITS.requestBodyBytesMax / MIB} MiB, one minute`],
  ['security-model', `depth ${LIMITS.requestJsonDepthMax}`],
  ['security-model', `ends after ${minutes(LIMITS.sessionIdleMs)} min unused`],
  ['security-model', `${hours(LIMITS.sessionLifetimeMs)} h at most`],
  ['security-model', `argon2id, ${LIMITS.passwordShortestChars} characters at least`],
  ['guardrails', `at most ${LIMITS.guardCallsMax} questions at once`],
  ['guardrails', `${LIMITS.guardCallsOfOneMax} of them for one judgement`],
  ['guardrails', `up to ${LIMITS.guardQueueMax} more wait`],
  ['guardrails', `slices of ${LIMITS.guardSliceChars / KIB} KiB`],
  ['guardrails', `overlap of ${LIMITS.guardOverlapChars / KIB} KiB`],
  ['monitoring', `at most ${text(LIMITS.metricSeriesMax)} combinations of labels`],
  ['monitoring', `a histogram ${LIMITS.metricHistogramSeriesMax};`],
]

describe('the numbers of the pages', () => {
  test.each(TOLD)('%s says "%s"', (page, words) => {
    const said = readFileSync(join(DOCS, `${page}.md`), 'utf8').replaceAll(/\s+/g, ' ')
    expect(said).toContain(words)
  })

  test('that are words are the numbers, too', () => {
    expect(minutes(LIMITS.requestBodyTimeoutMs)).toBe(1)
    expect(minutes(LIMITS.keyRefusedBaseMs)).toBe(1)
    expect(minutes(LIMITS.keyRefusedCapMs)).toBe(15)
    expect(hours(LIMITS.setupLinkMs)).toBe(1)
  })
})
