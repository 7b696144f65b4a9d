import { describe, expect, test } from 'bun:test'
import type { UsageFilter, UsageRow } from '../../core/ports-money.ts'
import { createTestGateway } from '../../testing/gateway.ts'
import { startTestServer, testKey, type TestServer } from '../../testing/server.ts'

const KEY = 'weir_0123456789012345678901234567890123456789abcdef'

function row(group: UsageRow['group'], costNanoUsd = 0): UsageRow {
  return {
    group,
    requests: 1,
    errors: 0,
    inputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    costNanoUsd,
    unpricedRequests: 0,
    estimatedRequests: 0,
    responseHits: 0,
    savedNanoUsd: 0,
  }
}

function start(rows: readonly UsageRow[] = []): { asked: UsageFilter[]; server: TestServer } {
  const asked: UsageFilter[] = []
  const report = (filter: UsageFilter) => {
    asked.push(filter)
    return Promise.resolve(filter.groupBy.length === 0 ? [row([], 7)] : [...rows])
  }
  const keys = [testKey(KEY, { name: 'ci' })]
  const deps = { usage: { report } }
  return { asked, server: startTestServer(createTestGateway({ providers: [] }), { keys, deps }) }
}

test('one’s own use is one’s own alone, also of whoever needs no key', async () => {
  const { asked, server } = start()
  const url = `${server.url}/admin/usage/self?by=user,service,key`
  expect((await fetch(url)).status).toBe(200)
  // Users and services with tokens have no key either.
  expect(asked.at(-1)).toMatchObject({
    tenantId: 'default',
    keyId: '',
    serviceId: '',
    userId: '',
  })
  const own = { headers: { 'x-api-key': KEY } }
  expect((await fetch(url, own)).status).toBe(200)
  expect(asked.at(-1)?.keyId).toBe(testKey(KEY).id)
  const count = asked.length
  for (const [query, status] of [
    ['&key=another', 404],
    ['&user=u', 400],
    ['&tenant=other', 400],
  ] as const) {
    expect((await fetch(`${url}${query}`, own)).status).toBe(status)
  }
  expect(asked).toHaveLength(count)
  await server.stop(0)
})

describe('a report', () => {
  test('has names beside ids, goes on with time, and sums up everything', async () => {
    const { id } = testKey(KEY)
    const { server } = start([row([7_200_000, id], 9), row([3_600_000, 'gone'], 3)])
    const answer = await fetch(`${server.url}/admin/usage?by=hour,key`)
    expect(await answer.json()).toMatchObject({
      group_by: ['hour', 'key'],
      data: [
        { hour: '1970-01-01T01:00Z', key: 'gone', key_name: null },
        { hour: '1970-01-01T02:00Z', key: id, key_name: 'ci' },
      ],
      sum: { requests: 1, cost_usd: 7e-9 },
      is_cut: false,
    })
    const csv = await fetch(`${server.url}/admin/usage/export?by=hour,key`)
    expect(csv.headers.get('content-type')).toStartWith('text/csv')
    const [head, first, second] = (await csv.text()).split('\r\n')
    expect(head).toStartWith('hour,key,key_name,requests,')
    expect(first).toStartWith('1970-01-01T01:00Z,gone,,1,')
    expect(second).toStartWith(`1970-01-01T02:00Z,${id},ci,1,`)
    await server.stop(0)
  })

  test.each([
    ['by=secret', 'by[0]'],
    ['by=day,hour,key,model,user', 'by'],
    ['since=x', 'since'],
    ['since=2026-13-45', 'since'],
    ['limit=0', 'limit'],
    ['limit=10001', 'limit'],
    ['format=xml', 'format'],
    ['key=a&key=b', 'key'],
  ])('%s is refused by name', async (query, param) => {
    const { asked, server } = start()
    const answer = await fetch(`${server.url}/admin/usage?${query}`)
    expect([answer.status, ((await answer.json()) as { param: string }).param]).toEqual([
      400,
      param,
    ])
    expect(asked).toEqual([])
    await server.stop(0)
  })
})
