// The soak in small, against the executable, and the proof that it can fail: a gateway that cuts, changes a byte or keeps memory is seen
// through, and so are a row that is missing, a row too many, wrong usage and floors of memory that rise.

import { Database } from 'bun:sqlite'
import { beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { checkParameters, SEED, seededRandom } from '../src/testing/seed.ts'
import { audit, nanoUsdOf } from '../bench/soak-books.ts'
import { judge, type Told } from '../bench/soak-client.ts'
import { Gate, settled, SHORT_REST } from '../bench/soak-floors.ts'
import {
  againstMemory,
  againstStreams,
  againstTime,
  BOUNDS,
  growthOf,
  slopeOf,
  type Floor,
} from '../bench/soak-judge.ts'
import {
  ALL_DIALECTS,
  FAULTS,
  nextErrand,
  planIn,
  promptOf,
  textOf,
  type Errand,
  type Plan,
} from '../bench/soak-plan.ts'
import { soak, type SoakOptions, type SoakReport } from '../bench/soak-run.ts'

/** A provider that is held up on a busy machine is none that is silent; the run waits so long for its last silence. */
const PATIENCE = { firstByteMs: 10_000, idleMs: 10_000 }
const SOAK_LIMIT_MS = 240_000

/** A planted leak keeps more within its second part: four MiB of each of some forty connections. */
const WARM_MIB = 100

const options = (lines: string[], more: Partial<SoakOptions> = {}): SoakOptions => ({
  streams: 40,
  minutes: 0.12,
  floors: 2,
  settling: SHORT_REST,
  faults: FAULTS,
  dialects: ALL_DIALECTS,
  seed: SEED,
  piecesPerSecond: 5,
  secondsMax: 3,
  patience: PATIENCE,
  // Seconds are a warm-up, which grows, and times are those of a machine that runs four soaks at once, a silent provider's among them.
  bounds: {
    growthMaxMib: WARM_MIB,
    growthMax: 0,
    slowerTimesMax: 10,
    slowerMsMax: PATIENCE.firstByteMs + 5_000,
  },
  print: (line) => void lines.push(line),
  ...more,
})

const PLANTED = { streams: 15, minutes: 0.1, faults: [] } as const

describe('a soak', () => {
  const lines: string[] = []
  let right: Promise<SoakReport>
  let planted: Record<'cut' | 'swap' | 'leak', Promise<SoakReport>>
  beforeAll(() => {
    right = soak(options(lines))
    planted = {
      cut: soak(options([], { ...PLANTED, planted: 'cut' })),
      swap: soak(options([], { ...PLANTED, planted: 'swap' })),
      // Twice as long: each part needs its forty connections on a slow machine too.
      leak: soak(options([], { ...PLANTED, minutes: 2 * PLANTED.minutes, planted: 'leak' })),
    }
    for (const each of [right, ...Object.values(planted)]) each.catch(() => undefined)
  })

  test(
    'of the executable finds nothing, with faults on the way and over all protocols',
    async () => {
      const report = await right
      expect([report.problems, SEED]).toEqual([[], SEED])
      expect(report.outcomes.right).toBeGreaterThan(50)
      // Whoever met a fault with the answer begun was told so, and somebody did.
      expect(report.outcomes.told).toBeGreaterThan(0)
      expect(report.rows).toBeGreaterThanOrEqual(report.requests - (report.outcomes.left ?? 0))
      const output = lines.join('\n')
      for (const word of [...ALL_DIALECTS, ...FAULTS]) expect(output).toContain(word)
      for (const word of ['RSS', 'verdict       ok', 'KiB a request'])
        expect(output).toContain(word)
      // Judged, and not for want of floors: of nothing under way, with the heap that the executable tells.
      expect(report.floors).toHaveLength(2)
      for (const { heapMib, mib, requests } of report.floors) {
        expect(heapMib).toBeGreaterThan(1)
        expect(mib).toBeGreaterThan(heapMib)
        expect(requests).toBeGreaterThan(0)
      }
    },
    SOAK_LIMIT_MS,
  )

  test(
    'sees streams that are cut',
    async () => {
      expect((await planted.cut).problems.join('\n')).toMatch(/\d+ cut: soak-/)
    },
    SOAK_LIMIT_MS,
  )

  test(
    'sees a byte that is another',
    async () => {
      expect((await planted.swap).problems.join('\n')).toMatch(
        /\d+ wrong: soak-.*other bytes at \d+/,
      )
    },
    SOAK_LIMIT_MS,
  )

  test(
    'sees memory that is kept',
    async () => {
      expect((await planted.leak).problems.join('\n')).toMatch(/memory grows: \d+/)
    },
    SOAK_LIMIT_MS,
  )
})

const PLAN: Plan = {
  nonce: 's1x1',
  pieces: 6,
  gapMs: 0,
  fillChars: 0,
  tool: false,
  fault: 'none',
}
const errand = (more: Partial<Errand> = {}): Errand => ({
  plan: PLAN,
  client: 'openai-chat',
  provider: 'openai-chat',
  habit: 'reads',
  leaveAfterBytes: 0,
  ...more,
})

/** A stream as it goes over the wire. */
function wire(events: readonly string[], headers = '', isCut = false): string {
  const body = events.map((event) => `data: ${event}\n\n`).join('')
  const bytes = Buffer.from(body).toString('latin1')
  const chunk = `${bytes.length.toString(16)}\r\n${bytes}\r\n`
  return `HTTP/1.1 200 OK\r\nx-request-id: r\r\ntransfer-encoding: chunked\r\n${headers}\r\n${chunk}${isCut ? '' : '0\r\n\r\n'}`
}

const said = (content: string) => JSON.stringify({ choices: [{ delta: { content } }] })
const finished = JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }] })
const end = [finished, '[DONE]'] as const

describe('the judgement of an answer', () => {
  const half = textOf(PLAN).slice(0, 20)
  const error = JSON.stringify({ error: { code: 'upstream_error' } })
  const bad = 'x-weir-provider: bad-openai-chat\r\n'
  const broken = errand({ plan: { ...PLAN, fault: 'cut' } })
  test.each([
    ['whole', errand(), wire([said(textOf(PLAN)), ...end]), 'right'],
    ['in pieces', errand(), wire([...[...textOf(PLAN)].map(said), ...end]), 'right'],
    ['without its end', errand(), wire([said(textOf(PLAN))]), 'cut'],
    ['with no reason for its end', errand(), wire([said(textOf(PLAN)), '[DONE]']), 'cut'],
    ['cut in its framing', errand(), wire([said(textOf(PLAN)), ...end], '', true), 'cut'],
    ['half, with an end', errand(), wire([said(half), ...end]), 'wrong'],
    ['twice', errand(), wire([said(textOf(PLAN)), said(half), ...end]), 'wrong'],
    ['of another', errand(), wire([said(textOf({ ...PLAN, nonce: 's2' })), ...end]), 'wrong'],
    ['with an event that is none', errand(), wire([said(half), '{"choices']), 'wrong'],
    ['with an error and no fault', errand(), wire([said(half), error]), 'wrong'],
    ['with an error that is due', broken, wire([said(half), error], bad), 'told'],
    ['with an error of the right provider', broken, wire([said(half), error]), 'wrong'],
    ['with an error and an end', broken, wire([said(half), error, '[DONE]'], bad), 'wrong'],
    ['cut where an error is due', broken, wire([said(half)], bad), 'cut'],
    ['cut within an event', broken, wire([said(half), '{"choices'], bad), 'cut'],
    ['cut within an event, and told', broken, wire([said(half), '{"choi', error], bad), 'told'],
    ['of nobody', errand(), 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', 'wrong'],
    ['without a head', errand(), 'HTTP/1.1 200', 'cut'],
  ] as const)('%s', (_name, asked, raw, outcome) => {
    expect(judge(asked, 'r', raw).outcome).toBe(outcome)
  })
})

test('a plan is the same at both ends, whatever it is written into', () => {
  const plans = fc.record({
    nonce: fc.stringMatching(/^[a-z][0-9]{1,4}x[0-9]{1,4}$/),
    pieces: fc.nat(500),
    gapMs: fc.nat(1_000),
    fillChars: fc.nat(20_000),
    tool: fc.boolean(),
    fault: fc.constantFrom(...FAULTS, 'none' as const),
  })
  fc.assert(
    fc.property(plans, (plan) => {
      expect(planIn(JSON.stringify({ messages: [{ content: promptOf(plan) }] }))).toEqual(plan)
    }),
    checkParameters(200),
  )
})

test('every fault, habit and protocol comes up', () => {
  const random = seededRandom()
  const mix = { dialects: ALL_DIALECTS, faults: FAULTS, piecesPerSecond: 5, secondsMax: 5 }
  const errands = Array.from({ length: 3_000 }, (_, index) => nextErrand(`s${index}`, mix, random))
  expect(new Set(errands.map(({ plan }) => plan.fault))).toEqual(new Set(['none', ...FAULTS]))
  expect(new Set(errands.map(({ habit }) => habit)).size).toBe(4)
  const pairs = new Set(errands.map(({ client, provider }) => `${client} ${provider}`))
  expect(pairs.size).toBe(ALL_DIALECTS.length ** 2)
})

test('the slope under load is found to a quarter of a MiB', () => {
  const random = seededRandom()
  for (const mibPerMinute of [0, 2, -3]) {
    // Ten minutes of samples: a floor that moves, and above it what comes and goes.
    const samples = Array.from({ length: 600 }, (_, second) => ({
      atMs: second * 1_000,
      mib: 200 + (mibPerMinute * second) / 60 + random() ** 3 * 80,
    }))
    const slope = slopeOf(samples)
    expect(Math.abs(slope!.mibPerMinute - mibPerMinute)).toBeLessThan(0.25)
    expect(slope!.plusMinus).toBeLessThan(0.5)
  }
  expect(slopeOf([])).toBeUndefined()
})

describe('the floors of memory', () => {
  const floors = (minutes: number, ...mibs: readonly number[]): Floor[] =>
    mibs.map((mib, at) => ({
      loadMs: ((at + 1) * minutes * 60_000) / mibs.length,
      mib,
      heapMib: 20,
      requests: (at + 1) * 1_000,
      isSettled: true,
    }))
  const { growthMax, growthMaxMib } = BOUNDS

  test('may rise by their bound and no more, whatever was between', () => {
    // From the first of four to the last are three quarters of the run.
    const most = growthMaxMib + growthMax * 7.5
    expect(againstMemory(floors(10, 100, 150, 50, 100 + most), BOUNDS)).toEqual([])
    const [problem] = againstMemory(floors(10, 100, 150, 50, 100.2 + most), BOUNDS)
    expect(problem).toContain('memory grows: 23.7 MiB, 3.16 MiB a minute, 8.09 KiB a request')
    expect(problem).toContain('bound 23.5 MiB')
  })

  test('fall, stay, or are too few to say anything', () => {
    for (const mibs of [[200, 100], [100, 100], [100], [], [100, Number.NaN]]) {
      expect(againstMemory(floors(10, ...mibs), BOUNDS)).toEqual([])
    }
    expect(growthOf(floors(10, Number.NaN, 100, 130))?.mib).toBe(30)
  })

  test('are taken once memory moves no more, or after their time', async () => {
    const quick = { restMs: 0, everyMs: 1, looks: 3, moveMib: 1, limitMs: 60_000 }
    const falling = [300, 200, 150, 120.5, 120, 120.4, 90]
    const seen = await settled(() => falling.shift()!, quick)
    expect([seen.mib, seen.isSettled, falling]).toEqual([120, true, [90]])
    const rested = await settled(() => 7, { ...quick, restMs: 30 })
    expect(rested.tookMs).toBeGreaterThanOrEqual(30)
    let mib = 0
    const never = await settled(() => (mib += 5), { ...quick, limitMs: 20 })
    expect(never.isSettled).toBe(false)
  })
})

test('a gate is quiet once all have ended, and lets nobody begin until it opens', async () => {
  const gate = new Gate()
  const events: string[] = []
  const client = async (name: string) => {
    const seen = { opening: 0 }
    const spread = async () => void events.push(`${name} spreads`)
    while (await gate.enter(seen, spread)) {
      events.push(`${name} begins`)
      await Bun.sleep(1)
      events.push(`${name} ends`)
      gate.leave()
    }
  }
  const clients = [client('a'), client('b')]
  await Bun.sleep(2)
  expect(events).toEqual([])
  for (let turn = 0; turn < 2; turn += 1) {
    gate.open()
    await Bun.sleep(5)
    await gate.shut()
    const told = events.splice(0)
    const count = (what: string) => told.filter((each) => each.endsWith(what)).length
    expect(count('begins')).toBeGreaterThan(1)
    expect(count('ends')).toBe(count('begins'))
    expect(count('spreads')).toBe(2)
    await Bun.sleep(5)
    expect(events).toEqual([])
  }
  gate.end()
  await Promise.all(clients)
  expect(events).toEqual([])
})

test('times of the last part are held against the first, less what this side was held up', () => {
  const times = (p99: number) => ({ p50: 1, p99, count: 10 })
  expect(againstTime(times(100), times(340), 0, BOUNDS)).toEqual([])
  expect(againstTime(times(100), times(360), 0, BOUNDS)).toHaveLength(1)
  expect(againstTime(times(100), times(360), 50, BOUNDS)).toEqual([])
  expect(againstTime(times(100), times(360), Number.NaN, BOUNDS)).toHaveLength(1)
})

describe('the books', () => {
  const told = (requestId: string, more: Partial<Told> = {}): Told => ({
    requestId,
    errand: errand(),
    outcome: 'right',
    status: 200,
    code: '',
    bytes: 10,
    firstMs: 1,
    totalMs: 2,
    endedMs: 3,
    detail: '',
    ...more,
  })
  type Row = readonly [string, number, string | null, number | null, number | null, number | null]
  const row = (id: string): Row => [id, 200, null, 10, 6, nanoUsdOf(6)]

  function problemsOf(rows: readonly Row[], seen: readonly Told[], spentNanoUsd = 0): string {
    const folder = mkdtempSync(join(tmpdir(), 'weir-books-'))
    try {
      const database = new Database(join(folder, 'weir-log.db'))
      database.run(
        'CREATE TABLE requests (request_id, status, error_kind, input_tokens, output_tokens, cost_nano_usd)',
      )
      database.run('CREATE TABLE budget_windows (spent_nano_usd)')
      database.run('INSERT INTO budget_windows VALUES (?)', [spentNanoUsd])
      for (const each of rows) database.run('INSERT INTO requests VALUES (?,?,?,?,?,?)', [...each])
      database.close()
      return audit(folder, seen, 'p').problems.join('\n')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  test('are right', () => {
    const left = told('d', { outcome: 'left', bytes: 0 })
    expect(problemsOf([row('a'), row('b')], [told('a'), told('b'), left])).toBe('')
  })

  test.each([
    ['a row is missing', [row('a')], [told('a'), told('b')], 0, 'without a row: b'],
    ['a row is double', [row('a'), row('a')], [told('a')], 0, 'more than one row: a'],
    ['a row is of nobody', [row('a'), row('b')], [told('a')], 0, 'rows of no request: b'],
    ['tokens are wrong', [['a', 200, null, 10, 5, 60_000]], [told('a')], 0, 'whose usage'],
    ['tokens are unknown', [['a', 200, null, null, null, null]], [told('a')], 0, 'whose usage'],
    ['the cost is wrong', [['a', 200, null, 10, 6, 1]], [told('a')], 0, 'whose cost'],
    ['an answer is told as an error', [['a', 200, 'x', 10, 6, 1]], [told('a')], 0, 'otherwise'],
    [
      'an error is told as an answer',
      [row('a')],
      [told('a', { outcome: 'told' })],
      0,
      'a row that tells none',
    ],
    ['money is spent of a budget by nobody', [row('a')], [told('a')], 5, 'do not reconcile'],
  ] as const)('%s', (_name, rows, seen, spent, words) => {
    expect(problemsOf(rows as readonly Row[], seen, spent)).toContain(words)
  })

  test('refusals are due to those alone who have a limit', () => {
    const refused = told('a', { outcome: 'refused', code: 'x', detail: 'why' })
    expect(againstStreams([told('b'), refused], () => true)).toEqual([])
    expect(againstStreams([told('b'), refused], () => false)).toHaveLength(1)
    expect(againstStreams([], () => true)).toEqual(['nothing was answered'])
  })
})
