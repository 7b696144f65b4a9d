// `weir logs` as a child process over rows that the real log writer wrote: tables, JSON lines, selections, following, and
// readers that go away.

import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import type { Outcome } from '../core/outcome.ts'
import { sampleKey, sampleOutcome, storeIn, TEST_ACTOR } from '../storage/test-store.ts'
import type { Store } from '../storage/store.ts'
import { requestJson } from '../telemetry/request-json.ts'
import { PROGRAMS_LIMIT_MS, LineReader, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

let weir: TestProgram
let store: Store

beforeEach(async () => {
  weir = new TestProgram()
  store = await storeIn(weir.data)
})

afterEach(async () => {
  await store.close()
  weir.remove()
})

const START_MS = Date.UTC(2026, 10, 21, 3, 33, 56)

async function record(...rows: Partial<Outcome>[]): Promise<Outcome[]> {
  const outcomes = rows.map((row, at) =>
    sampleOutcome({ timestampMs: START_MS + at * 1_000, ...row }),
  )
  for (const outcome of outcomes) store.log.record(outcome)
  expect(await store.log.flush()).toBe(true)
  return outcomes
}

function parseLines(text: string): { log_id: string }[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

test('no row, no such row, no such key', async () => {
  const empty = await weir.run('logs')
  expect([empty.code, empty.out]).toEqual([0, ''])
  expect(empty.err).toContain('No such requests')
  for (const id of ['nonsense', Bun.randomUUIDv7(), '\u001b[2J']) {
    const { code, err, out } = await weir.run('logs', '--id', id)
    expect([code, out]).toEqual([1, ''])
    // oxlint-disable-next-line no-control-regex
    expect(err).not.toMatch(/\u001b/)
  }
  const key = await weir.run('logs', '--key', 'nobody')
  expect([key.code, key.err]).toEqual([1, expect.stringContaining("no API key 'nobody'")])
})

test('what clients and providers sent cannot reach the terminal as more than text', async () => {
  const evil = 'm\u001b]0;owned\u0007\u009b2J\u202e\nsecond line'
  const [row] = await record({
    modelRequested: evil,
    modelResolved: evil,
    providerId: 'mock',
    status: 502,
    errorKind: 'upstream_error',
    errorText: evil,
    userAgent: evil,
    requestBody: evil,
    responseBody: evil,
    losses: [{ feature: evil, path: evil, action: 'dropped' }],
  })
  for (const args of [['logs'], ['logs', '--json'], ['logs', '--id', row!.logId]]) {
    const { code, out } = await weir.run(...args)
    expect(code).toBe(0)
    expect(out).toContain('owned')
    // oxlint-disable-next-line no-control-regex
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  }
  const [json] = parseLines((await weir.run('logs', '--json')).out)
  expect(json).toMatchObject({ request: { model: evil } })
})

test('JSON lines are the one shape, oldest first, with bodies only by id', async () => {
  const rows = await record(
    { requestBody: '{"a":1}', responseBody: '' },
    {
      status: 429,
      errorKind: 'upstream_rate_limited',
      usage: { inputTokens: 0, outputTokens: 7 },
      costNanoUsd: 0,
      attempts: [{ providerId: 'p', model: 'm', mode: 'relay', status: 429, durationMs: 3 }],
    },
  )
  const { out } = await weir.run('logs', '--json')
  const { requestBody, responseBody, ...first } = rows[0]!
  expect(parseLines(out) as unknown).toEqual([requestJson(first), requestJson(rows[1]!)])
  const one = await weir.run('logs', '--json', '--id', rows[0]!.logId.toUpperCase())
  expect(parseLines(one.out) as unknown).toEqual([requestJson(rows[0]!)])
  expect([requestBody, responseBody]).toEqual(['{"a":1}', ''])
})

test('the table shows unknown and zero apart, and where a request went', async () => {
  await record(
    {},
    {
      modelRequested: 'fast',
      modelResolved: 'gpt-5-mini',
      providerId: 'openai',
      mode: 'translate',
      usage: { inputTokens: 10, cacheReadTokens: 5, outputTokens: 0 },
      costNanoUsd: 123_000,
      totalMs: 1_234,
      firstTokenMs: 210,
      losses: [{ feature: 'seal', path: 'messages[0]', action: 'dropped' }],
    },
    {
      modelRequested: 'mock/echo',
      modelResolved: 'echo',
      providerId: 'mock',
      status: 499,
      errorKind: 'client_closed',
    },
  )
  const { out } = await weir.run('logs')
  const lines = out.trimEnd().split('\n')
  expect(lines.map((line) => line.split(/ {2,}/).map((cell) => cell.trim()))).toEqual([
    [
      'TIME (UTC)',
      'STATUS',
      'CLIENT',
      'MODEL',
      'MODE',
      'IN',
      'OUT',
      'COST',
      'TOTAL',
      'FIRST',
      'LOSSES',
      'NOTES',
      'ERROR',
    ],
    ['2026-11-21 03:33:56', '200', 'openai-chat', '-', '-', '-', '-', '-', '12ms', '-', '0'],
    [
      '2026-11-21 03:33:57',
      '200',
      'openai-chat',
      'fast → openai/gpt-5-mini',
      'translate',
      '15',
      '0',
      '$0.000123',
      '1.23s',
      '210ms',
      '1',
    ],
    [
      '2026-11-21 03:33:58',
      '499',
      'openai-chat',
      'mock/echo',
      '-',
      '-',
      '-',
      '-',
      '12ms',
      '-',
      '0',
      'client_closed',
    ],
  ])
})

test('what guardrails and the cache had to do with it is in its line, and all of it in its details', async () => {
  const [row] = await record({
    cache: { state: 'hit', kind: 'semantic', ageMs: 61_000, savedNanoUsd: 2_000_000 },
    guardrails: [
      {
        ruleId: 'pii-out',
        check: 'pii',
        stage: 'output',
        verdict: 'masked',
        categories: ['email'],
        durationMs: 2,
        startedMs: 1,
        asked: 3,
      },
      {
        ruleId: 'quiet',
        check: 'words',
        stage: 'input',
        verdict: 'pass',
        categories: [],
        durationMs: 1,
        startedMs: 0,
        asked: 1,
      },
    ],
  })
  const { out } = await weir.run('logs')
  expect(out).toContain('cache semantic, pii-out masked')
  expect(out).not.toContain('quiet')
  const details = (await weir.run('logs', '--id', row!.logId)).out
  expect(details).toContain('semantic: hit, 1m01s old, saved $0.002')
  expect(details).toContain('pii-out (pii) on output: masked (email) in 2ms, asked 3 times')
  expect(details).toContain('quiet (words) on input: pass in 1ms')
})

test('since: what is older is not shown', async () => {
  const [old, young] = await record(
    { timestampMs: Date.now() - 3 * 3_600_000 },
    { timestampMs: Date.now() - 60_000 },
  )
  const shown = async (...args: string[]) =>
    parseLines((await weir.run('logs', '--json', ...args)).out).map(({ log_id }) => log_id)
  expect(await shown('--since', '1h')).toEqual([young!.logId])
  expect(await shown('--since', '1d')).toEqual([old!.logId, young!.logId])
  expect((await weir.run('logs', '--since', 'soon')).code).not.toBe(0)
})

test('selections: newest, errors, model, key of any of its ids', async () => {
  const first = await store.keys.create(sampleKey({ name: 'ci' }), TEST_ACTOR)
  const second = await store.keys.create(sampleKey({ name: 'ci' }), TEST_ACTOR)
  const rows = await record(
    { apiKeyId: first.id, modelRequested: 'fast', modelResolved: 'gpt' },
    { status: 500, errorKind: 'internal', modelRequested: 'slow' },
    { apiKeyId: second.id, modelRequested: 'slow' },
    { apiKeyId: second.id, status: 404, errorKind: 'model_not_found' },
  )
  const cases: readonly (readonly [readonly string[], readonly number[]])[] = [
    [[], [0, 1, 2, 3]],
    [
      ['--limit', '2'],
      [2, 3],
    ],
    [['--errors'], [1, 3]],
    [['--model', 'gpt'], [0]],
    [['--model', 'slow', '--errors'], [1]],
    [
      ['--key', 'ci'],
      [0, 2, 3],
    ],
    [['--key', second.id, '--limit', '1'], [3]],
    [['--key', 'ci', '--errors'], [3]],
  ]
  for (const [args, wanted] of cases) {
    const { out } = await weir.run('logs', '--json', ...args)
    const ids = parseLines(out).map((row) => rows.findIndex(({ logId }) => logId === row.log_id))
    expect([args, ids]).toEqual([args, [...wanted]])
  }
})

test('following shows each new row of the selection once, and ends cleanly at Ctrl-C', async () => {
  const [old] = await record({ status: 500, errorKind: 'internal' })
  const child = weir.spawn(['logs', '--follow', '--json', '--errors'])
  const lines = new LineReader(child.stdout)
  const nextId = async () => JSON.parse((await lines.next()) ?? 'null')?.log_id
  expect(await nextId()).toBe(old!.logId)
  // A request that began before the others and ended after them: its row is new, though its time is old.
  const [good, late] = await record(
    {},
    { status: 502, errorKind: 'upstream_error', timestampMs: START_MS - 60_000 },
  )
  expect(await nextId()).toBe(late!.logId)
  const [last] = await record({ status: 503, errorKind: 'overloaded' })
  expect(await nextId()).toBe(last!.logId)
  expect(good!.status).toBe(200)
  child.kill('SIGINT')
  expect(await lines.next()).toBeUndefined()
  expect(await child.exited).toBe(0)
  expect(await new Response(child.stderr).text()).toBe('')
})

test('a reader that goes away ends it quietly, following or not', async () => {
  await record(...Array.from({ length: 1_000 }, () => ({ modelRequested: 'x'.repeat(300) })))
  for (const args of [['--follow'], []]) {
    const child = weir.spawn(['logs', '--json', '--limit', '1000', ...args])
    const lines = new LineReader(child.stdout)
    expect(await lines.next()).toStartWith('{')
    await lines.cancel()
    // A follower notices when it has something to say.
    await record({})
    expect(await child.exited).toBe(0)
    expect(await new Response(child.stderr).text()).toBe('')
  }
})

test('the details of one request tell how its targets were put into an order', async () => {
  const [row] = await record({
    route: [
      {
        model: 'fast',
        by: 'latency',
        candidates: [
          { providerId: 'a', model: 'm', rank: 0, reason: 'first byte after 20 ms' },
          { providerId: 'b', model: 'm', reason: 'left alone for another 3 s\u001b[2J' },
        ],
      },
      {
        model: 'spare',
        by: 'weighted',
        fallbackFor: 'failed',
        candidates: [{ providerId: 'c', model: 'n', rank: 0, reason: 'the only target' }],
      },
    ],
    attempts: [{ providerId: 'a', model: 'm', mode: 'relay', as: 'hedge', durationMs: 3 }],
  })
  const { out } = await weir.run('logs', '--id', row!.logId)
  const lines = out.split('\n').map((line) => line.trim().replace(/ {2,}/g, ' '))
  const from = lines.indexOf('route fast by latency')
  expect(lines.slice(from, from + 6)).toEqual([
    'route fast by latency',
    '1 a/m: first byte after 20 ms',
    '- b/m: left alone for another 3 s\\u001b[2J',
    'route spare by weighted, fallen back to: failed',
    '1 c/n: the only target',
    'attempt a/m relay (hedge): ok in 3ms',
  ])
})
