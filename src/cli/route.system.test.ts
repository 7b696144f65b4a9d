// `weir route` as a child process: with nothing running it decides from the configuration and says so; beside a server it says what
// that one says.

import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startTestServer, testKey } from '../testing/server.ts'
import { targetOf } from '../testing/routes.ts'
import { startUpstream } from '../testing/upstream.ts'
import { html, json } from '../testing/upstream-answers.ts'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const ADMIN = 'weir_admin678901234567890123456789012345678abcdef'

const CONFIG = {
  // Nothing listens there.
  server: { port: 1 },
  providers: [
    {
      id: 'one',
      type: 'custom',
      compatible: 'openai',
      base_url: 'https://one.example.com/v1',
      keys: ['sk-0123456789'],
    },
    {
      id: 'two',
      type: 'custom',
      compatible: 'openai',
      base_url: 'https://two.example.com/v1',
      keys: ['sk-0123456789'],
    },
  ],
  models: [
    {
      id: 'fast',
      targets: [
        { provider: 'one', model: 'm', abilities: { vision: false } },
        { provider: 'two', model: 'm', tags: ['eu'] },
      ],
      routing: { strategy: 'order', fallbacks: { any: ['spare', 'lareg'] } },
    },
    { id: 'spare', targets: [{ provider: 'one', model: 's' }] },
  ],
}

let weir: TestProgram
beforeEach(() => {
  weir = new TestProgram()
  weir.write('weir.json', JSON.stringify(CONFIG))
})
afterEach(() => weir.remove())

test('used wrongly', async () => {
  for (const [args, words] of [
    [[], 'Missing the model'],
    [['fast', '--needs', 'sight'], '--needs takes'],
    [['fast', '--tokens', 'many'], '--tokens must be'],
    [['fast', 'more'], 'Unexpected argument'],
  ] as const) {
    const { code, err, out } = await weir.run('route', ...args)
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain(words)
  }
})

test('a model that is not there, with control characters in its name', async () => {
  const { code, err, out } = await weir.run('route', 'no\u001b[2Jbody')
  expect([code, out]).toEqual([1, ''])
  expect(err).toContain('model_not_found')
  // oxlint-disable-next-line no-control-regex
  expect(err).not.toMatch(/\u001b/)
})

test('with no server the configuration decides, which is said', async () => {
  const { code, err, out } = await weir.run('route', 'fast', '--needs', 'vision')
  expect(code).toBe(0)
  expect(err).toContain('No server answers at http://127.0.0.1:1/admin/route')
  expect(out.split('\n').map((line) => line.trim().replace(/ +/g, ' '))).toEqual([
    'fast: order',
    'TARGET WHY',
    '1 two/m as listed',
    '- one/m declared without vision',
    '',
    'when any: spare',
    'TARGET WHY',
    '1 one/s the only target',
    '',
    'when any: lareg',
    'nobody would be asked: model_not_found: There is no such model.',
    '',
  ])
  expect(weir.hasData()).toBe(false)
})

test('as JSON, and for what nobody can take', async () => {
  const { code, out } = await weir.run('route', 'fast', '--tags', 'eu', '--json')
  expect(code).toBe(0)
  const answer = JSON.parse(out) as { live: boolean; routes: { candidates: { rank: unknown }[] }[] }
  expect(answer.live).toBe(false)
  expect(answer.routes[0]?.candidates.map(({ rank }) => rank)).toEqual([0, null])
  const nobody = await weir.run('route', 'fast', '--tags', 'us')
  expect(nobody.out).toContain('nobody would be asked: invalid_request: ')
})

test('a running server answers for itself, with the key it wants', async () => {
  const providers = ['one', 'two'].map((id) =>
    testProvider({ id, type: 'custom', baseUrl: 'http://127.0.0.1:9/v1' }),
  )
  const targets = [targetOf('one', { order: 3 }), targetOf('two', { order: 2 })]
  const model = { id: 'live', origin: 'file', targets, defaults: {}, losses: 'report' } as const
  await using server = startTestServer(createTestGateway({ providers, models: [model] }), {
    keys: [testKey(ADMIN, { roles: ['admin'] })],
    anonymous: 'never',
  })
  const port = ['--port', String(server.port)]
  const without = await weir.run('route', 'fast', ...port)
  expect(without.code).toBe(0)
  expect(without.err).toContain('WEIR_ADMIN_KEY')
  expect(without.out).toContain('fast: order')
  const admin = new TestProgram({ WEIR_ADMIN_KEY: ADMIN })
  try {
    const live = await admin.run('route', 'live', '--json', ...port)
    expect([live.code, live.err]).toEqual([0, ''])
    expect(JSON.parse(live.out)).toMatchObject({ model: 'live', live: true })
    // What it says of a question is said, and not gone round.
    const unknown = await admin.run('route', 'fast', ...port)
    expect([unknown.code, unknown.out]).toEqual([1, ''])
    expect(unknown.err).toContain('model_not_found (model): ')
    expect(unknown.err).not.toContain('configuration alone')
    const wrong = await admin.run('route', 'live', '--tokens', '7', '--key', 'nobody', ...port)
    expect([wrong.code, wrong.out]).toEqual([1, ''])
    expect(wrong.err).not.toContain('configuration alone')
  } finally {
    admin.remove()
  }
})

test.each([
  ['a page', html()],
  ['something else in JSON', json({ routes: 'none' })],
  ['an error of something else', json({ error: 'no' }, { status: 404 })],
])('%s instead of a server is nobody', async (_name, answer) => {
  const other = startUpstream(answer)
  try {
    const { code, err, out } = await weir.run('route', 'fast', '--port', String(other.port))
    expect(code).toBe(0)
    expect(err).toContain('is no server that can be asked')
    expect(out).toContain('fast: order')
  } finally {
    await other.close()
  }
})
