// The load command against servers whose answers and delays are known, and against the executable: its figures must be theirs. A server
// that stalls is the attack: whoever times requests from when they were sent, not from when they were due, does not see it.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { Histogram } from '../bench/load-histogram.ts'
import { load, loopbackUrl, type LoadOptions } from '../bench/load-run.ts'
import { checkParameters } from '../src/testing/seed.ts'
import { startWeir, type Weir } from './harness/weir.ts'

// Many short runs and programs, on a machine that may be busy.
setDefaultTimeout(90_000)

const ANSWER = JSON.stringify({ ok: true })
/** The first of a stream comes after a tenth of a second, the rest after another. */
const PART_MS = 100
const DELAY_MS = 60
const SILENT_MS = 30_000

const STALL_MS = 700
/** Counts from the first request that meets it. */
let stalledUntilMs: number | undefined
let asked = 0
const bodies: string[] = []

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  asked += 1
  const body = await request.text()
  if (bodies.length < 1_000) bodies.push(`${pathname} ${body}`)
  const { model = '' } = JSON.parse(body) as { model?: string }
  if (model === 'slow') await Bun.sleep(DELAY_MS)
  if (model === 'stalls') {
    stalledUntilMs ??= performance.now() + STALL_MS
    await Bun.sleep(Math.max(0, stalledUntilMs - performance.now()))
  }
  if (model === 'limited' && asked % 2 === 0) return Response.json({ error: 'x' }, { status: 429 })
  if (model === 'silent') await Bun.sleep(SILENT_MS)
  if (!/"stream":true/.test(body)) return new Response(ANSWER)
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  void (async () => {
    const writer = writable.getWriter()
    const say = (text: string) => writer.write(new TextEncoder().encode(text))
    await Bun.sleep(PART_MS)
    await say('data: {}\n\n')
    await Bun.sleep(PART_MS)
    await say(model === 'cut' ? 'data: {}\n\n' : 'data: {}\n\ndata: [DONE]\n\n')
    await writer.close()
  })()
  return new Response(readable, { headers: { 'content-type': 'text/event-stream' } })
}

const server = Bun.serve({ hostname: '127.0.0.1', port: 0, idleTimeout: 0, fetch: answer })
afterAll(() => server.stop(true))

const options = (more: Partial<LoadOptions> = {}): LoadOptions => ({
  url: new URL(`http://127.0.0.1:${server.port}`),
  profile: 'chat',
  seconds: 1,
  connections: 500,
  model: 'm',
  embeddingModel: 'e',
  maxTokens: 5,
  prompt: 'hello',
  timeoutMs: 5_000,
  ...more,
})

describe('an open loop', () => {
  test('asks as often as it says, and tells the delay that there is', async () => {
    const report = await load(options({ rate: 100, model: 'slow' }))
    expect(report.requests).toBe(100)
    expect(report.results).toEqual({ '200': 100 })
    expect(report.bytes).toBe(100 * ANSWER.length)
    for (const share of [0.01, 0.5]) {
      expect(report.total.quantileMs(share)).toBeGreaterThan(DELAY_MS * 0.98)
    }
    // What a busy machine adds it adds to some; times that were wrong by a factor or a unit would be so for all.
    expect(report.total.quantileMs(0.01)).toBeLessThan(DELAY_MS * 3)
  })

  test('times a stall from the moment each request was due', async () => {
    // Ten connections: the rest has to wait for one, and that wait is theirs too.
    const report = await load(options({ rate: 100, model: 'stalls', connections: 10 }))
    expect(report.results).toEqual({ '200': 100 })
    expect(report.connections).toBeLessThanOrEqual(10)
    // Due evenly over the second, seven tenths of them in the stall: half of all waited for 200 ms and more.
    expect(report.total.quantileMs(0.5)).toBeGreaterThan(150)
    expect(report.total.quantileMs(0.99)).toBeGreaterThan(600)
    expect(report.late.quantileMs(0.99)).toBeGreaterThan(400)
  })

  test('gives up what is not answered in time, and says how many', async () => {
    const report = await load(options({ rate: 20, model: 'silent', timeoutMs: 200, seconds: 0.5 }))
    expect(report.answered).toBe(0)
    expect(report.results).toEqual({ 'no answer in time': 10 })
    // Not when the server would have answered.
    expect(report.elapsedMs).toBeLessThan(SILENT_MS / 2)
  })
})

test('a closed loop has so many requests out and no more', async () => {
  const seconds = 3
  const report = await load(options({ connections: 4, model: 'slow', seconds }))
  expect(report.connections).toBe(4)
  // Each of four asks again after its delay.
  expect(report.requests).toBeLessThanOrEqual(4 * Math.ceil((seconds * 1_000) / DELAY_MS))
  // A sixth of them: a busy machine takes the rest.
  expect(report.requests).toBeGreaterThan(4 * 8)
})

test('a stream is timed to its first byte and to its last, and must have its end', async () => {
  const report = await load(options({ rate: 20, profile: 'stream' }))
  expect(report.results).toEqual({ '200': 20 })
  expect(report.first.quantileMs(0.5)).toBeGreaterThan(PART_MS * 0.97)
  // Of the fastest: a busy machine holds up others.
  expect(report.first.quantileMs(0.01)).toBeLessThan(PART_MS * 1.8)
  expect(report.total.quantileMs(0.5)).toBeGreaterThan(PART_MS * 1.9)
  const cut = await load(options({ rate: 20, profile: 'stream', model: 'cut', seconds: 0.5 }))
  expect(cut.results).toEqual({ 'a stream without its end': 10 })
})

test('what a server refuses is counted by status and timed with no answer', async () => {
  const report = await load(options({ rate: 100, model: 'limited', key: 'k' }))
  expect(report.answered).toBeGreaterThan(0)
  expect((report.results['200'] ?? 0) + (report.results['429'] ?? 0)).toBe(100)
  expect(report.total.count).toBe(report.answered)
  const nobody = await load(
    options({ url: new URL('http://127.0.0.1:1'), connections: 2, seconds: 0.2 }),
  )
  expect(nobody.answered).toBe(0)
  expect(Object.keys(nobody.results)).toEqual(['not connected'])
})

test('mixed asks for all three', async () => {
  bodies.length = 0
  await load(options({ rate: 100, profile: 'mixed' }))
  const count = (part: string) => bodies.filter((body) => body.includes(part)).length
  expect(count('/v1/embeddings {"model":"e"')).toBe(10)
  expect(count('"stream":true')).toBe(30)
  expect(count('/v1/chat/completions')).toBe(90)
})

test('only this machine is loaded', () => {
  for (const text of [
    'http://127.0.0.1:9347',
    'http://127.8.8.8',
    'http://localhost:1',
    'http://[::1]:1/',
  ]) {
    expect(loopbackUrl(text).protocol).toBe('http:')
  }
  for (const text of [
    'http://example.com',
    'https://127.0.0.1',
    'http://10.0.0.1',
    'http://127.0.0.1.example.com',
    'http://0.0.0.0',
    'http://user@example.com',
    'http://127.0.0.1@example.com/',
    '127.0.0.1:9347',
    '',
  ]) {
    expect(() => loopbackUrl(text)).toThrow('--url')
  }
})

test('shares of a histogram are within one per cent of the times themselves', () => {
  const times = fc.array(fc.double({ min: 0.01, max: 100_000, noNaN: true }), { minLength: 1 })
  fc.assert(
    fc.property(times, fc.double({ min: 0, max: 0.999, noNaN: true }), (values, share) => {
      const histogram = new Histogram()
      for (const value of values) histogram.add(value)
      const sorted = values.toSorted((left, right) => left - right)
      const exact = sorted[Math.floor(values.length * share)]!
      expect(Math.abs(histogram.quantileMs(share) - exact) / exact).toBeLessThan(0.011)
      expect(histogram.maxMs).toBe(sorted.at(-1)!)
    }),
    checkParameters(300),
  )
  expect(new Histogram().quantileMs(0.5)).toBeNaN()
})

describe('the command, against the executable', () => {
  const KEY = 'load-key-0123456789-0123456789-0123456789'
  let weir: Weir
  beforeAll(async () => {
    weir = await startWeir({
      config: { auth: { anonymous: 'never' }, keys: [{ name: 'load', key: KEY }] },
    })
  })
  afterAll(async () => {
    await weir.stop()
  })

  async function command(...args: string[]) {
    const child = Bun.spawn([process.execPath, 'bench/load.ts', ...args], {
      cwd: `${import.meta.dir}/..`,
      env: { PATH: process.env['PATH'] ?? '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    return { code, stdout, stderr }
  }

  test('prints JSON, and a row is written for each request', async () => {
    const common = ['--url', weir.url, '--seconds', '0.5', '--rate', '40', '--profile', 'mixed']
    const { code, stdout } = await command(...common, '--key', KEY, '--json')
    expect(code).toBe(0)
    const told = JSON.parse(stdout) as { totalMs: { p50: number }; sentLateMs: object }
    expect(told).toMatchObject({ loop: 'open', requests: 20, answered: 20, results: { '200': 20 } })
    expect(told.totalMs.p50).toBeGreaterThan(0)
    expect(Object.keys(told.sentLateMs)).toEqual(['p50', 'p90', 'p99', 'p999', 'mean', 'max'])
    while (weir.rows().length < 20) await Bun.sleep(10)
    expect(weir.rows()).toHaveLength(20)
  })

  test('prints a table; refusals end it with 1, what it does not understand with 2', async () => {
    const common = ['--url', weir.url, '--seconds', '0.3', '--connections', '2']
    const right = await command(...common, '--key', KEY)
    expect([right.code, right.stdout]).toEqual([0, expect.stringContaining('p999')])
    const refused = await command(...common, '--key', 'wrong')
    expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining('401: ')])
    expect(refused.stdout).not.toContain('wrong')
    for (const args of [
      ['--url', 'http://example.com'],
      ['--profile', 'all'],
      ['--rate', '0'],
      ['--seconds', 'x'],
    ]) {
      const { code, stderr } = await command(...args)
      expect([code, stderr]).toEqual([2, expect.stringContaining('bun run load')])
    }
  })
})
