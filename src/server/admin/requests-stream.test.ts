// The tail as a stream to a client that does not read: it holds no place any longer than whoever asked may have one.

import { expect, test } from 'bun:test'
import { GatewayError } from '../../core/error.ts'
import { SILENT_LOGGER } from '../../telemetry/log.ts'
import { createTestGateway } from '../../testing/gateway.ts'
import { testKey, testServerDeps } from '../../testing/server.ts'
import { admit, type ServerDeps } from '../context.ts'
import { ruleOf } from '../route-actions.ts'
import { tailResponse } from './requests-stream.ts'
import { RequestTail } from './requests-tail.ts'

const SECRET = 'weir_test-key-of-more-than-thirty-two-characters'

test('a reader that stalls gives its place back when its right is gone, and is asked for once', async () => {
  const gateway = createTestGateway({ providers: [] })
  const base = testServerDeps(gateway, { keys: [testKey(SECRET)], anonymous: 'never' })
  const ended = Promise.withResolvers<void>()
  let asked = 0
  const refused = {
    guard: () => {
      asked += 1
      setTimeout(ended.resolve, 0)
      throw new GatewayError('authentication')
    },
  } as unknown as ServerDeps['refused']
  const deps: ServerDeps = { ...base, refused }
  const request = new Request('http://127.0.0.1/admin/requests/tail', {
    headers: { host: '127.0.0.1', authorization: `Bearer ${SECRET}` },
  })
  admit(request, () => '127.0.0.1', deps)
  const source = { lastSequence: () => Promise.resolve(0), following: () => Promise.resolve([]) }
  const tail = new RequestTail({ source, logger: SILENT_LOGGER, pollIntervalMs: 5 })
  const rule = ruleOf('GET', '/admin/requests/tail')
  const answer = await tailResponse({ request, rule, tenantId: 'default' }, {}, tail, deps)
  expect(tail.isRunning).toBe(true)
  await ended.promise
  while (tail.isRunning) await Bun.sleep(1)
  // Whoever reads at last is told why.
  expect(await answer.text()).toContain('event: end\ndata: {"reason":"authentication"}')
  expect(asked).toBe(1)
})
