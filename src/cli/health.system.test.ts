// `weir health` as a health check runs it: the real program against real servers that are ready, not ready, silent, strange or away,
// and with a configuration that cannot be read.

import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const program = new TestProgram()
const stops: (() => unknown)[] = [() => program.remove()]
afterAll(async () => {
  for (const stop of stops.toReversed()) await stop()
})

/** A server that answers as it is told. @returns its port */
function serving(fetch: (request: Request) => Response | Promise<Response>): string {
  // Who hangs is not to be cut off by Bun before.
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch, idleTimeout: 60 })
  stops.push(() => server.stop(true))
  return String(server.port)
}

test('one that is not ready, with the failing checks and nothing of the others', async () => {
  const checks = { store: false, providers: true, log: false }
  const port = serving(() => Response.json({ status: 'not ready', checks }, { status: 503 }))
  const result = await program.run('health', '--port', port)
  expect(result).toEqual({
    code: 1,
    out: '',
    err: `Weir at 127.0.0.1:${port} is not ready: store, log\n`,
  })
})

test('a name of loopback is asked for, whatever names the server is held to', async () => {
  const seen: (string | null)[] = []
  const port = serving((request) => {
    seen.push(new URL(request.url).pathname, request.headers.get('host'))
    return Response.json({ status: 'ready', checks: { store: true } })
  })
  const result = await program.run('health', '--port', port, '--host', '0.0.0.0')
  expect(result).toEqual({ code: 0, out: `Weir at 127.0.0.1:${port} is ready\n`, err: '' })
  expect(seen).toEqual(['/readyz', `localhost:${port}`])
})

test.each([
  ['another program', () => new Response('<html>hello</html>')],
  ['a status alone', () => new Response(null, { status: 200 })],
  ['a refusal', () => new Response('{"error":"no"}', { status: 401 })],
])('%s is not taken for Weir', async (_name, answer) => {
  const port = serving(answer)
  for (const args of [[], ['--live']]) {
    const { code, err, out } = await program.run('health', '--port', port, ...args)
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(
      /^Weir at 127\.0\.0\.1:\d+ answers with status \d+, and not as Weir does\n$/,
    )
  }
})

test('what the other side says cannot move the cursor', async () => {
  const checks = { 'a\u001b[2J\nb': false }
  const port = serving(() => Response.json({ checks }, { status: 503 }))
  const { err } = await program.run('health', '--port', port)
  expect(err).toBe(`Weir at 127.0.0.1:${port} is not ready: a\\u001b[2J b\n`)
})

test('a server that says nothing is waited for a stated time and no longer', async () => {
  const hanging = Promise.withResolvers<Response>()
  const port = serving(() => hanging.promise)
  const result = await program.run('health', '--port', port)
  hanging.resolve(new Response())
  expect(result).toEqual({
    code: 1,
    out: '',
    err: `Weir at 127.0.0.1:${port} does not answer in time\n`,
  })
})

test('nobody there, and ports that are none', async () => {
  // A port of the system's, that it gives to nobody.
  const port = '1'
  const away = await program.run('health', '--port', port)
  expect([away.code, away.err]).toEqual([
    1,
    `Weir at 127.0.0.1:${port} does not answer: ECONNREFUSED\n`,
  ])
  for (const wrong of ['0', '65536', 'http', '-1', '1e3']) {
    expect((await program.run('health', `--port=${wrong}`)).code).toBe(2)
  }
})

test('environment above the file, and a broken file is no broken server', async () => {
  const port = serving(() => Response.json({ status: 'ready', checks: {} }))
  const from = async (environment: Record<string, string>, yaml: string) => {
    const one = new TestProgram(environment)
    stops.push(() => one.remove())
    one.write('weir.yaml', yaml)
    return await one.run('health')
  }
  expect((await from({}, `server: { port: ${port} }`)).code).toBe(0)
  expect((await from({}, `server: { host: '::', port: ${port} }`)).err).toStartWith(
    'Weir at [::1]:',
  )
  expect((await from({ WEIR_PORT: port }, 'server: { port: 1 }')).code).toBe(0)
  expect((await from({ WEIR_PORT: port }, 'server: { portt: : [')).code).toBe(0)
  const both = { WEIR_HOST: '0.0.0.0', WEIR_PORT: port }
  expect((await from(both, 'keys: [{ name: a, key: "${ABSENT}" }]')).code).toBe(0)
})

test('the real server, live and ready; nothing is made where it has no data', async () => {
  const server = program.spawn(['serve', '--port', '0'])
  const exited = server.exited
  stops.push(() => {
    server.kill()
    return exited
  })
  let said = ''
  const decoder = new TextDecoder()
  let port: string | undefined
  for await (const chunk of server.stdout) {
    said += decoder.decode(chunk, { stream: true })
    port = /listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1]
    if (port !== undefined) break
  }
  const elsewhere = new TestProgram()
  stops.push(() => elsewhere.remove())
  expect((await elsewhere.run('health', '--port', port!)).out).toEndWith(' is ready\n')
  expect((await elsewhere.run('health', '--live', '--port', port!)).out).toEndWith(' answers\n')
  expect(elsewhere.hasData()).toBe(false)
})
