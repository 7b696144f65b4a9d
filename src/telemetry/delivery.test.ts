import { afterEach, describe, expect, test } from 'bun:test'
import { LIMITS } from '../core/limits.ts'
import type { DeliverySettings } from '../core/telemetry-settings.ts'
import { systemClock, systemIds } from '../system.ts'
import { transport } from '../testing/transport.ts'
import { Delivery, shownUrl, type DeliveryOptions } from './delivery.ts'

type Answer = (request: Request) => Response | Promise<Response>

const SECRET = 'sk-lf-canary-0123456789'
const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A collector that keeps what it was sent and answers in turn; the last answer stays. */
function collector(...answers: Answer[]) {
  const bodies: string[] = []
  const heads: Headers[] = []
  const waiting = new Set<() => void>()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      bodies.push(await request.text())
      heads.push(request.headers)
      const answer = answers.length > 1 ? answers.shift() : answers[0]
      for (const look of waiting) look()
      return (await answer?.(request)) ?? new Response()
    },
  })
  ends.push(() => server.stop(true))
  const received = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (bodies.length < count) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  return { bodies, heads, received, url: `http://127.0.0.1:${server.port}/v1/traces?key=${SECRET}` }
}

function delivering(
  url: string,
  over: Partial<DeliverySettings> = {},
  more: Partial<DeliveryOptions<string>> = {},
) {
  const lines: string[] = []
  const note = (message: string, fields?: Record<string, unknown>) =>
    void lines.push(`${message} ${JSON.stringify(fields)}`)
  const delivery = new Delivery<string>(
    {
      id: 'one',
      type: 'traces',
      settings: {
        url,
        headers: { authorization: `Basic ${SECRET}` },
        network: { allowPrivate: true },
        // Far from what any answer takes: one that is taken for late is sent again.
        timeoutMs: 60_000,
        batchRows: 2,
        intervalMs: 5,
        queueRowsMax: 10,
        ...over,
      },
      write: (batch) => Promise.resolve({ body: batch.join(','), headers: {} }),
      sizeOf: (item) => item.length,
      ...more,
    },
    {
      transport: transport(),
      clock: systemClock,
      // No chance: the shortest waits there are.
      ids: { uuid: () => systemIds.uuid(), random: () => 0 },
      logger: { debug: note, info: note, warn: note, error: note },
    },
  )
  ends.push(() => delivery.stop(0))
  return { delivery, lines }
}

async function until(holds: () => boolean): Promise<void> {
  const limit = performance.now() + 15_000
  while (!holds()) {
    if (performance.now() > limit) throw new Error('it did not come to that')
    await Bun.sleep(2)
  }
}

describe('a collector that fails', () => {
  test('that is down costs what does not fit, and the log one line without a secret', async () => {
    // Where nobody listens, whoever else takes a port meanwhile.
    const url = `http://127.0.0.1:1/hook/x?token=${SECRET}`
    const { delivery, lines } = delivering(url)
    for (let at = 0; at < 40; at += 1) delivery.put(`item-${at}`)
    await until(() => delivery.status().failures > 0)
    const { dropped, lastError, queued, sent } = delivery.status()
    expect(sent).toBe(0)
    expect(queued + dropped).toBe(40)
    expect(queued).toBeLessThanOrEqual(10)
    expect(lastError).toBe('was not reached (upstream_error)')
    expect(lines.filter((line) => line.includes('could not be sent')).length).toBe(1)
    expect(lines.join()).not.toContain(SECRET)
    expect(JSON.stringify(delivery.status())).not.toContain(SECRET)
  })

  test('that fails for itself is sent the same bytes again, in its own time', async () => {
    const { bodies, received, url } = collector(
      () => new Response('later', { status: 503 }),
      () => new Response('later', { status: 503 }),
      () => new Response(),
    )
    const { delivery } = delivering(url)
    delivery.put('a')
    delivery.put('b')
    delivery.put('c')
    await received(4)
    await until(() => delivery.status().queued === 0)
    expect(bodies).toEqual(['a,b', 'a,b', 'a,b', 'c'])
    expect(delivery.status()).toMatchObject({ sent: 3, dropped: 0, failures: 2 })
  })

  test('that says when to come again is believed, within a bound', async () => {
    const times: number[] = []
    const { received, url } = collector(
      () => {
        times.push(performance.now())
        return new Response(null, { status: 429, headers: { 'retry-after': '1' } })
      },
      () => {
        times.push(performance.now())
        return new Response()
      },
    )
    const { delivery } = delivering(url)
    delivery.put('a')
    await received(2)
    expect(times[1]! - times[0]!).toBeGreaterThan(950)
    await until(() => delivery.status().sent === 1)
  })

  test.each([400, 401, 403, 404, 413, 500])('%p is not asked again', async (status) => {
    const { bodies, url } = collector(() => new Response('no', { status }))
    const { delivery } = delivering(url)
    delivery.put('a')
    await until(() => delivery.status().dropped === 1)
    expect(bodies.length).toBe(1)
    expect(delivery.status().lastError).toBe(`answered ${status}`)
  })

  test('500 of a receiver that is none of OTLP is tried again', async () => {
    const { bodies, url } = collector(
      () => new Response('no', { status: 500 }),
      () => new Response(),
    )
    const { delivery } = delivering(url, {}, { retries5xx: true })
    delivery.put('a')
    await until(() => delivery.status().sent === 1)
    expect(bodies.length).toBe(2)
  })

  test('is not followed to another address, which would get the credential', async () => {
    const other = collector(() => new Response())
    const { url } = collector(() => Response.redirect(other.url, 307))
    const { delivery } = delivering(url)
    delivery.put('a')
    await until(() => delivery.status().dropped === 1)
    expect(other.bodies).toEqual([])
  })

  test('that never answers is given up in time, and others that wait do not wait for it for ever', async () => {
    const { url } = collector(() => new Promise<Response>(() => undefined))
    const { delivery } = delivering(url, { timeoutMs: 50 })
    delivery.put('a')
    await until(() => delivery.status().failures >= 1)
    expect(delivery.status().lastError).toMatch(/in time|upstream_timeout/)
  })

  test('junk under a good status was taken', async () => {
    const { url } = collector(() => new Response(new Uint8Array([255, 0, 1, 2, 3])))
    const { delivery } = delivering(url, {}, { refused: () => undefined })
    delivery.put('a')
    await until(() => delivery.status().sent === 1)
  })

  test('what it says it did not take counts as lost', async () => {
    const { url } = collector(() => new Response('2'))
    const { delivery } = delivering(
      url,
      { batchRows: 3 },
      { refused: (answer) => ({ count: Number(new TextDecoder().decode(answer)), why: '' }) },
    )
    for (const item of ['a', 'b', 'c']) delivery.put(item)
    await until(() => delivery.status().queued === 0 && delivery.status().sent > 0)
    expect(delivery.status()).toMatchObject({ sent: 1, dropped: 2 })
  })

  test('more refused than was sent is all of it, and no counter goes back', async () => {
    const { url } = collector(() => new Response('1000000'))
    const { delivery } = delivering(
      url,
      { batchRows: 2 },
      { refused: (answer) => ({ count: Number(new TextDecoder().decode(answer)), why: '' }) },
    )
    for (const item of ['a', 'b']) delivery.put(item)
    await until(() => delivery.status().dropped > 0)
    expect(delivery.status()).toMatchObject({ sent: 0, dropped: 2 })
  })

  test('a batch that cannot be written is lost alone', async () => {
    const { bodies, url } = collector(() => new Response())
    const { delivery } = delivering(
      url,
      { batchRows: 1 },
      {
        write: ([item = '']) =>
          item === 'bad'
            ? Promise.reject(new RangeError(SECRET))
            : Promise.resolve({ body: item, headers: {} }),
      },
    )
    for (const item of ['a', 'bad', 'c']) delivery.put(item)
    await until(() => delivery.status().sent === 2)
    expect(bodies).toEqual(['a', 'c'])
    expect(delivery.status()).toMatchObject({
      dropped: 1,
      lastError: 'could not be written: RangeError',
    })
  })
})

describe('bounds', () => {
  test('memory is one: what is too large for it is dropped', () => {
    const { delivery } = delivering(
      'http://127.0.0.1:9/',
      { intervalMs: 60_000, batchRows: 100, queueRowsMax: 100 },
      { sizeOf: () => LIMITS.telemetryQueueBytesMax / 2 },
    )
    for (const item of ['a', 'b', 'c']) delivery.put(item)
    expect(delivery.status()).toMatchObject({ queued: 2, dropped: 1 })
  })

  test('a batch has no more bytes than it may, but always one', async () => {
    const { bodies, url } = collector(() => new Response())
    const { delivery } = delivering(
      url,
      { batchRows: 3 },
      { sizeOf: () => LIMITS.telemetryBatchBytesMax },
    )
    for (const item of ['a', 'b', 'c']) delivery.put(item)
    await until(() => delivery.status().sent === 3)
    expect(bodies).toEqual(['a', 'b', 'c'])
  })

  test('putting in never throws and never waits', () => {
    const { delivery } = delivering('http://127.0.0.1:9/', {
      intervalMs: 60_000,
      batchRows: 20_000,
      queueRowsMax: 5,
    })
    for (let at = 0; at < 10_000; at += 1) delivery.put('x')
    expect(delivery.status()).toMatchObject({ queued: 5, dropped: 9_995 })
  })
})

describe('the end', () => {
  test('sends what waits', async () => {
    const { bodies, url } = collector(() => new Response())
    const { delivery } = delivering(url, { intervalMs: 60_000, batchRows: 100, queueRowsMax: 100 })
    for (let at = 0; at < 50; at += 1) delivery.put(String(at))
    await delivery.stop()
    expect(bodies.join().split(',').length).toBe(50)
    expect(delivery.status()).toMatchObject({ sent: 50, queued: 0, dropped: 0 })
  })

  test('does not wait longer than it may for one that is slow, and counts what is lost', async () => {
    const { url } = collector(() => new Promise<Response>(() => undefined))
    const { delivery } = delivering(url, { queueRowsMax: 100 })
    for (let at = 0; at < 10; at += 1) delivery.put(String(at))
    const startedMs = performance.now()
    await delivery.stop(100)
    // It would wait for a minute.
    expect(performance.now() - startedMs).toBeLessThan(10_000)
    expect(delivery.status()).toMatchObject({ queued: 0, dropped: 10, sent: 0 })
    delivery.put('after')
    expect(delivery.status().dropped).toBe(11)
  })

  test('comes at once for a batch that waits for its next try', async () => {
    const { received, url } = collector(
      () => new Response(null, { status: 429, headers: { 'retry-after': '60' } }),
      () => new Response(),
    )
    const { delivery } = delivering(url)
    delivery.put('a')
    await received(1)
    await until(() => delivery.status().failures === 1)
    await delivery.stop(15_000)
    expect(delivery.status()).toMatchObject({ sent: 1, dropped: 0 })
  })
})

test('an address is shown without what may be a secret in it', () => {
  const text = 'https://user:pw@host:4318/v1/traces?key=x#y'
  expect(shownUrl(text, 'traces')).toBe('https://host:4318/v1/traces')
  expect(shownUrl(text, 'webhook')).toBe('https://host:4318')
  expect(shownUrl('junk', 'webhook')).toBe('unknown')
})
