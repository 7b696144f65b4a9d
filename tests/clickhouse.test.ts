// The executable beside a real ClickHouse: requests are found and summed there as in the store, a server that is away costs nothing but time, and
// `weir doctor` tells each state. No content and no secret gets there.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { clickHousePath, startClickHouse, type TestClickHouse } from '../src/testing/clickhouse.ts'
import { startWeir, type Weir } from './harness/weir.ts'

const isMissing = clickHousePath() === undefined
if (isMissing)
  process.stdout.write('left out: the executable beside a ClickHouse: it is not installed\n')

setDefaultTimeout(300_000)

const KEY = 'the-key-of-the-owner-long-enough-00000001'
const CANARY = 'a sentence that stays where it is'
const WAIT_LIMIT_MS = 60_000

let server: TestClickHouse
let weir: Weir

beforeAll(async () => {
  if (isMissing) return
  server = await startClickHouse()
  weir = await startWeir({ config: configOf() })
})
afterAll(async () => {
  await weir?.stop()
  await server?.[Symbol.asyncDispose]()
})

function configOf(over: object = {}) {
  const { password, url, user } = server
  return {
    auth: { anonymous: 'never' },
    keys: [{ name: 'owner', key: KEY, roles: ['owner'] }],
    log: { requests: 'content' },
    clickhouse: { url, user, password, read: true, ...over },
  }
}

async function ask(
  path: string,
  body?: object,
): Promise<{ id: string; body: Record<string, unknown> }> {
  const answer = await fetch(`${weir.url}${path}`, {
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  })
  const told = (await answer.json()) as Record<string, unknown>
  expect(answer.status, JSON.stringify(told)).toBe(200)
  return { id: answer.headers.get('x-request-id') ?? '', body: told }
}

const chat = () =>
  ask('/v1/chat/completions', {
    model: 'mock/echo',
    messages: [{ role: 'user', content: CANARY }],
  })

const rowsOf = (body: Record<string, unknown>) => body['data'] as Record<string, unknown>[]

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const limit = performance.now() + WAIT_LIMIT_MS
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > limit) throw new Error(`waited for ${what} in vain`)
    await Bun.sleep(50)
  }
}

const found = (id: string) =>
  until(`the row of ${id}`, async () => {
    const { body } = await ask(`/admin/requests?request_id=${id}`)
    return rowsOf(body)[0]
  })

const sink = async () =>
  rowsOf((await ask('/admin/telemetry')).body).find(({ id }) => id === 'clickhouse')!

describe.skipIf(isMissing)('a ClickHouse', () => {
  test('has each request, which pages and reports are read from', async () => {
    const { id } = await chat()
    expect(await found(id)).toMatchObject({ request_id: id, status: 200 })
    const count = await server.query('SELECT count() FROM weir_requests FINAL')
    expect(Number(count)).toBeGreaterThan(0)
    const { body } = await ask('/admin/usage?by=model')
    expect(JSON.stringify(body)).toContain('mock/echo')
    // What is looked at alone comes with its content, which the store has.
    const row = await found(id)
    const content = await ask(`/admin/requests/${String(row['log_id'])}/content`)
    expect(JSON.stringify(content.body)).toContain(CANARY)
    expect(await server.query('SELECT * FROM weir_requests FORMAT JSONEachRow')).not.toContain(
      CANARY,
    )
  })

  test('that is away holds nobody up, and gets every request when it is back', async () => {
    await server.kill()
    const ids = [(await chat()).id, (await chat()).id, (await chat()).id]
    await until('the failure', async () =>
      (await sink())['last_error'] === null ? undefined : true,
    )
    const down = await weir.runCli('doctor', '--no-tokens')
    expect(down.stdout).toContain('is not reached')
    const refused = await fetch(`${weir.url}/admin/requests`, {
      headers: { authorization: `Bearer ${KEY}` },
    })
    expect(refused.status).toBe(503)
    expect(await refused.text()).not.toContain(server.password)
    await server.start()
    for (const id of ids) expect(await found(id)).toMatchObject({ status: 200 })
    const up = await weir.runCli('doctor', '--no-tokens')
    expect(up.stdout).toMatch(/ClickHouse \d+.*default\.weir_requests is there/)
    expect(weir.stdout() + weir.stderr()).not.toContain(server.password)
    // It has its rows a moment before the sink hears that it took them.
    await until('the last answer', async () => ((await sink())['queued'] === 0 ? true : undefined))
    expect(await sink()).toMatchObject({ queued: 0, dropped: 0, last_error: null })
  })

  test('has nothing of a person any more once they are erased from the command line', async () => {
    const { id } = await chat()
    await found(id)
    const key = (await server.query('SELECT any(api_key_id) FROM weir_requests')).trim()
    expect(key).not.toBe('')
    const mine = `SELECT count() FROM weir_requests WHERE api_key_id = '${key}'`
    expect(Number(await server.query(mine))).toBeGreaterThan(0)
    const { code, stderr, stdout } = await weir.runCli(
      'erase',
      'key',
      key,
      '--reason',
      'x',
      '--json',
    )
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ state: 'done' })
    expect((await server.query(mine)).trim()).toBe('0')
  })

  test('is gone from the configuration while it runs, and the store is read again', async () => {
    const { clickhouse: _clickhouse, ...without } = configOf()
    weir.configure(without)
    await until('the other configuration', async () =>
      (await sink()) === undefined ? true : undefined,
    )
    const { id } = await chat()
    expect(await found(id)).toMatchObject({ status: 200 })
    const there = await server.query(`SELECT count() FROM weir_requests WHERE request_id = '${id}'`)
    expect(there).toBe('0')
  })
})
