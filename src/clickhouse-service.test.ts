// A ClickHouse of the configuration as that changes while the server of before is away: its rows find the way to the new one, and an erasure
// is told of as done only once they are gone there too. The server is one of ours that speaks the few words that are needed.

import { afterAll, expect, test } from 'bun:test'
import type { Config } from './config/config.ts'
import { NOTHING_ERASED, type Erasure } from './core/content.ts'
import { ClickHouseService } from './clickhouse-service.ts'
import { storeEraser } from './storage/eraser.ts'
import {
  MemoryLogger,
  realClock,
  removeFolders,
  sampleOutcome,
  storeIn,
  temporaryFolder,
  TEST_ACTOR,
  until,
} from './storage/test-store.ts'
import { SharedDeadlines } from './transport/deadlines.ts'
import { createTransport } from './transport/http-transport.ts'

afterAll(removeFolders)

const transport = createTransport(realClock, new SharedDeadlines(realClock))

/** Takes rows, counts those that are left, and keeps what it was asked. */
function startStub() {
  const state = { isAway: false, rows: [] as string[], asked: [] as string[] }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const text = await request.text()
      if (state.isAway) return new Response('Code: 1. away', { status: 500 })
      const query = new URL(request.url).searchParams.get('query')
      if (query?.startsWith('INSERT') === true) state.rows.push(...text.trim().split('\n'))
      else state.asked.push(text)
      if (text.startsWith('ALTER') && text.includes(' DELETE ')) state.rows = []
      if (text.includes('system.tables')) return new Response('{"name":"t"}\n')
      const count = text.includes('FROM t ') ? state.rows.length : 0
      return new Response(text.includes('count()') ? `{"n":${count}}\n` : '')
    },
  })
  return { state, url: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) }
}

function configOf(url: string): Config {
  const network = { allowPrivate: true }
  const clickhouse = {
    url,
    database: 'default',
    table: 't',
    user: 'u',
    password: 'p',
    network,
    read: false,
  }
  return { clickhouse } as unknown as Config
}

function serviceIn(folder: string): ClickHouseService {
  return new ClickHouseService({
    transport,
    logger: new MemoryLogger(),
    dataFolder: folder,
    search: {} as never,
    usage: {} as never,
    isHeld: () => Promise.resolve(false),
  })
}

test('rows that found no way to the old place are sent to the new one while the program runs', async () => {
  const [before, after] = [startStub(), startStub()]
  before.state.isAway = true
  const service = serviceIn(temporaryFolder())
  const old = (await service.sink(configOf(before.url), undefined))!
  old.record(sampleOutcome())
  const next = (await service.sink(configOf(after.url), old))!
  old.replacedBy?.(next)
  await old.stop()
  await until('the new one has it', () => after.state.rows.length === 1)
  await next.stop()
  await Promise.all([before.stop(), after.stop()])
})

test('an erasure is done when the rows there are gone, and waits while nobody answers', async () => {
  const stub = startStub()
  const folder = temporaryFolder()
  const store = await storeIn(folder)
  const service = serviceIn(folder)
  const sink = (await service.sink(configOf(stub.url), undefined))!
  const outcome = { ...sampleOutcome(), userId: 'ann' }
  store.log.record(outcome)
  // It waits in memory: the erasure must not pass it by.
  sink.record(outcome)
  const erasure: Erasure = {
    tenantId: outcome.tenantId,
    id: Bun.randomUUIDv7(),
    kind: 'user',
    subject: 'ann',
    mode: 'delete',
    reason: 'asked by mail',
    state: 'running',
    counts: NOTHING_ERASED,
    afterSequence: 0,
    createdMs: realClock.nowMs(),
    createdBy: 'test',
  }
  await store.erasures.create(erasure, TEST_ACTOR)
  const eraser = storeEraser(store, {
    flush: () => store.log.flush(),
    marked: () => undefined,
    elsewhere: (asked, holds) => service.erase(asked, holds),
    clock: realClock,
    logger: new MemoryLogger(),
    pauseMs: 0,
  })
  const found = () => store.erasures.find(erasure.tenantId, erasure.id)
  stub.state.isAway = true
  await eraser.run()
  expect(await found()).toMatchObject({ state: 'running', counts: { requests: 1 } })
  expect((await found())?.finishedMs).toBeUndefined()
  stub.state.isAway = false
  await eraser.run()
  expect(await found()).toMatchObject({ state: 'done', counts: { requests: 1, held: 0 } })
  expect(stub.state.rows).toEqual([])
  expect(stub.state.asked.filter((text) => text.startsWith('ALTER TABLE t DELETE'))).toHaveLength(1)
  await eraser.stop()
  await sink.stop()
  await store.close()
  await stub.stop()
})
