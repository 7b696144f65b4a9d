import { expect, test } from 'bun:test'
import type { UsageFilter } from '../../core/ports-money.ts'
import { createTestGateway } from '../../testing/gateway.ts'
import { startTestServer, testKey } from '../../testing/server.ts'

const KEY = 'weir_0123456789012345678901234567890123456789abcdef'

test('one’s own use is one’s own alone, also of whoever needs no key', async () => {
  const asked: UsageFilter[] = []
  const report = (filter: UsageFilter) => {
    asked.push(filter)
    return Promise.resolve([])
  }
  const standings = () => Promise.resolve([])
  const server = startTestServer(createTestGateway({ providers: [] }), {
    keys: [testKey(KEY)],
    deps: { usage: { report, standings, budgets: () => [] } },
  })
  const url = `${server.url}/admin/usage/self?by=user,service,key&user=u&key=k&tenant=other`
  expect((await fetch(url)).status).toBe(200)
  // Users and services with tokens have no key either.
  expect(asked.at(-1)).toMatchObject({
    tenantId: 'default',
    keyId: '',
    serviceId: '',
    userId: '',
  })
  expect((await fetch(url, { headers: { 'x-api-key': KEY } })).status).toBe(200)
  expect(asked.at(-1)?.keyId).toBe(testKey(KEY).id)
  await server.stop(0)
})
