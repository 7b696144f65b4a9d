// `weir doctor` through the executable, against real sockets: for every layer that can fail a provider that fails just there. Each must be
// named as the first that fails, with the reason and what to do, whatever the layers before it were made of.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withBlackHole } from '../src/testing/black-hole.ts'
import { redisPath, startRedis } from '../src/testing/redis.ts'
import { type Certificates, makeCertificates, opensslPath } from './harness/certificates.ts'
import { nginxPath, startNginx } from './harness/nginx.ts'
import { squidPath, startSquid } from './harness/squid.ts'
import { executablePath, startWeir } from './harness/weir.ts'

setDefaultTimeout(240_000)

const KEY = 'sk-live-0123456789-last'
const PROXY_PASSWORD = 'proxy-password-9876'

interface ShownStep {
  readonly subject: string
  readonly step: string
  readonly label: string | null
  readonly state: string
  readonly duration_ms: number
  readonly result: string | null
  readonly reason: string | null
  readonly todo: string | null
}

interface Diagnosis {
  readonly code: number
  readonly out: string
  readonly err: string
  /** Steps of a provider. */
  of(subject: string): ShownStep[]
  /** The first that failed. */
  failure(subject: string): ShownStep | undefined
}

const folders: string[] = []
const cleanups: (() => unknown)[] = []

afterAll(async () => {
  for (const cleanup of cleanups) await cleanup()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

async function run(
  config: object,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<Diagnosis> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-doctor-'))
  folders.push(folder)
  const file = join(folder, 'weir.json')
  const server = { host: '127.0.0.1', port: 0 }
  const discovery = { environment: false, local: false }
  writeFileSync(file, JSON.stringify({ server, discovery, ...config }))
  const flags = ['--config', file, '--data', join(folder, 'data')]
  const child = Bun.spawn([executablePath(), 'doctor', ...args, ...flags], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  expect(out + err).not.toContain(KEY)
  expect(out + err).not.toContain(PROXY_PASSWORD)
  const steps = args.includes('--json') ? (JSON.parse(out) as ShownStep[]) : []
  const of = (subject: string) => steps.filter((step) => step.subject === subject)
  const failure = (subject: string) => of(subject).find(({ state }) => state === 'failed')
  return { code, out, err, of, failure }
}

/** Longer than anything that answers takes here; layers wait for no longer than five seconds whatever is said. */
const PATIENT = { connect: '5s', first_byte: '20s' }

/** Nobody listens there: the port is none that systems hand out. */
const NOBODY_PORT = 9

/** A provider that would be well if nothing else were said. */
function provider(id: string, baseUrl: string, more: object = {}) {
  return {
    id,
    type: 'custom',
    compatible: 'openai',
    base_url: baseUrl,
    keys: [KEY],
    timeouts: PATIENT,
    ...more,
  }
}

/** The first failing layer, and that everything behind it was not tried. */
function expectFailure(
  diagnosis: Diagnosis,
  subject: string,
  layer: string,
  reason: RegExp,
  todo: RegExp,
): void {
  // A machine that fails has tried no provider.
  expect(diagnosis.failure('this machine')).toBeUndefined()
  const failure = diagnosis.failure(subject)
  expect([subject, failure?.step]).toEqual([subject, layer])
  expect(failure?.reason).toMatch(reason)
  expect(failure?.todo).toMatch(todo)
  const steps = diagnosis.of(subject)
  const after = steps.slice(steps.findIndex((step) => step === failure) + 1)
  expect(after.map(({ state }) => state)).toEqual(after.map(() => 'not_reached'))
  expect(diagnosis.code).toBe(1)
  expect(diagnosis.err).toContain(`${subject} (${layer})`)
}

const CHAT = {
  id: 'x',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'OK.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 },
}

/** A provider that looks at keys, under `/v1`; what fails lies under other paths. */
async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  if (pathname === '/old/models') return Response.json({}, { status: 404 })
  const isKeyed = request.headers.get('authorization') === `Bearer ${KEY}`
  if (pathname === '/open/models') return Response.json({ data: [{ id: 'm' }] })
  if (!isKeyed) {
    const message = `Incorrect API key provided: ${request.headers.get('authorization') ?? 'none'}`
    return Response.json({ error: { message } }, { status: 401 })
  }
  if (pathname === '/v1/models') return Response.json({ data: [{ id: 'm' }, { id: 'gpt-5-mini' }] })
  if (pathname === '/v1/chat/completions') return Response.json(CHAT)
  return Response.json({ error: { message: 'no such path' } }, { status: 404 })
}

let plain: ReturnType<typeof Bun.serve>
let base: string

beforeAll(() => {
  plain = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: answer })
  cleanups.push(() => plain.stop(true))
  base = `http://127.0.0.1:${plain.port}/v1`
})

/** A TCP server that says one thing to whoever says anything. */
function sayer(text: string): number {
  const listener = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket) {
        socket.end(text)
      },
    },
  })
  cleanups.push(() => listener.stop(true))
  return listener.port
}

test('names, ports, addresses and answers: each failure at its layer', async () => {
  const { port } = plain
  const inside = { network: { allow_private: false } }
  const diagnosis = await run(
    {
      providers: [
        provider('nameless', 'http://no-such-host.invalid/v1'),
        provider('inside', base, inside),
        provider('refused', `http://127.0.0.1:${NOBODY_PORT}/v1`),
        provider('no-tls', `https://127.0.0.1:${port}/v1`),
        provider('keyless', base, { keys: ['sk-other-0123456789-ther'] }),
        provider('listless', `http://127.0.0.1:${port}/old`),
        provider('page', `http://127.0.0.1:${sayer('SSH-2.0-OpenSSH_9.9\r\n')}/v1`),
        provider('wanting', base),
        provider('well', base),
      ],
      models: [
        { id: 'typed', targets: [{ provider: 'wanting', model: 'gpt-5-mni' }] },
        { id: 'fast', targets: [{ provider: 'well', model: 'm' }] },
      ],
    },
    ['--json', '--tokens'],
  )
  const fails = (subject: string, layer: string, reason: RegExp, todo: RegExp) =>
    expectFailure(diagnosis, subject, layer, reason, todo)
  fails('nameless', 'dns', /no-such-host\.invalid/, /base_url.*DNS/)
  fails('inside', 'address', /127\.0\.0\.1 is loopback/, /allow_private: true/)
  fails('refused', 'tcp', /nothing listens at 127\.0\.0\.1:\d+/, /Start that server/)
  fails('no-tls', 'tls', /speaks no TLS/, /http:\/\//)
  fails('keyless', 'key', /refuses the key \(401\)/, /configuration file/)
  fails('listless', 'model list', /no model list.*404/, /\/v1/)
  fails('page', 'model list', /./, /base_url/)
  fails('wanting', 'model list', /gpt-5-mni, which the alias typed/, /Did you mean gpt-5-mini\?/)
  expect(diagnosis.failure('keyless')?.label).toBe('****ther')
  expect(diagnosis.failure('well')).toBeUndefined()
  const states = Object.fromEntries(diagnosis.of('well').map((step) => [step.step, step.state]))
  expect(states).toMatchObject({ tcp: 'ok', key: 'ok', 'model list': 'ok', 'one token': 'ok' })
  expect(diagnosis.of('well').at(-1)?.result).toBe('"OK.", 9 tokens in, 2 out')
})

test('an address that drops packets, within the connect limit', async () => {
  await withBlackHole(async ({ address, port }) => {
    const hole = (id: string, connect: string) =>
      provider(id, `http://${address}:${port}/v1`, { timeouts: { connect } })
    const config = { providers: [hole('soon', '400ms'), hole('late', '5s')] }
    const diagnosis = await run(config, ['--json'])
    const waitedMs = (id: string) => {
      expectFailure(diagnosis, id, 'tcp', /no connection within timeouts\.connect/, /firewall/)
      return diagnosis.failure(id)?.duration_ms ?? Number.NaN
    }
    // They wait beside each other, so whatever holds up the one holds up the other.
    expect(waitedMs('late')).toBeGreaterThanOrEqual(4_999)
    expect(waitedMs('soon')).toBeWithin(399, waitedMs('late') - 1_000)
  })
})

test('where nothing answers it still ends soon, in its order, and leaves nothing behind', async () => {
  await withBlackHole(async (hole) => {
    const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
    cleanups.push(() => silent.stop(true))
    // The one drops packets, the other takes connections and says nothing.
    const [dropped, mute] = [`${hole.address}:${hole.port}`, `127.0.0.1:${silent.port}`]
    const guards = ['a', 'b', 'c'].map((id) => ({
      id,
      check: 'webhook',
      stages: ['input'],
      url: `http://${id === 'a' ? dropped : mute}/${id}`,
    }))
    const timeouts = { connect: '2s', first_byte: '2s' }
    const config = {
      redis: { url: `redis://${dropped}` },
      tracing: { endpoint: `http://${dropped}/v1/traces` },
      clickhouse: { url: `http://${mute}`, user: 'u', password: 'p' },
      content_store: {
        s3: {
          endpoint: `http://${dropped}`,
          bucket: 'b',
          region: 'r',
          access_key: 'a',
          secret_key: 's',
        },
      },
      guardrails: guards,
      providers: [
        provider('dropped', `http://${dropped}/v1`, { timeouts }),
        provider('mute', `http://${mute}/v1`, { timeouts }),
      ],
    }
    const startedMs = performance.now()
    const { code, of } = await run(config, ['--json'])
    const tookMs = performance.now() - startedMs
    // Five seconds for this machine and five for the rest; one after the other it is what all steps took together, more than half a minute.
    const waits = ['this machine', 'dropped', 'mute'].flatMap((subject) => of(subject))
    const togetherMs = waits.reduce((sum, step) => sum + step.duration_ms, 0)
    expect(togetherMs).toBeGreaterThan(30_000)
    expect(togetherMs - tookMs).toBeGreaterThan(10_000)
    expect(code).toBe(1)
    const failed = of('this machine').filter(({ state }) => state === 'failed')
    expect(failed.map(({ label, step }) => (label === null ? step : `${step} ${label}`))).toEqual([
      'redis',
      'telemetry',
      'clickhouse',
      'bucket',
      'guardrail a',
      'guardrail b',
      'guardrail c',
    ])
    expect(of('dropped').find(({ state }) => state === 'failed')?.step).toBe('tcp')
    expect(of('mute').find(({ state }) => state === 'failed')?.step).toBe('model list')
  })
})

test('metadata services are never connected to, whatever is allowed', async () => {
  const config = { providers: [provider('metadata', 'http://169.254.169.254/v1')] }
  const diagnosis = await run(config, ['--json'])
  // The configuration itself refuses the address, which ends the diagnosis before any provider.
  const failed = diagnosis.failure('metadata') ?? diagnosis.failure('this machine')
  expect(failed?.step).toBe('configuration')
  expect(diagnosis.code).toBe(1)
})

describe.skipIf(opensslPath() === undefined)('TLS', () => {
  let certificates: Certificates

  beforeAll(() => {
    certificates = makeCertificates()
    cleanups.push(() => certificates.remove())
  })

  const text = (path: string) => readFileSync(path, 'utf8')

  function secure(pair: { certFile: string; keyFile: string }, clientCaFile?: string): number {
    const demands =
      clientCaFile === undefined
        ? {}
        : { ca: text(clientCaFile), requestCert: true, rejectUnauthorized: true }
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      tls: { cert: text(pair.certFile), key: text(pair.keyFile), ...demands },
      fetch: answer,
    })
    cleanups.push(() => server.stop(true))
    return server.port ?? 0
  }

  const https = (port: number) => `https://localhost:${port}/v1`

  test('certificates: who issued them, for whom, until when', async () => {
    const { caFile, client, expired, otherCaFile, otherClient, server, stranger, wrongHost } =
      certificates
    const ca = { network: { ca_file: caFile } }
    const good = secure(server)
    const guarded = secure(server, caFile)
    const wrongKey = { cert_file: client.certFile, key_file: otherClient.keyFile }
    const encrypted = { cert_file: client.certFile, key_file: client.encryptedKeyFile }
    const shown = { cert_file: client.certFile, key_file: client.keyFile }
    const diagnosis = await run(
      {
        providers: [
          provider('unknown', https(good)),
          provider('stranger', https(secure(stranger)), ca),
          provider('expired', https(secure(expired)), ca),
          provider('wrong-host', https(secure(wrongHost)), ca),
          provider('guarded', https(guarded), ca),
          provider('refused', https(secure(server, otherCaFile)), {
            network: { ca_file: caFile, ...shown },
          }),
          provider('wrong-key', https(guarded), { network: { ca_file: caFile, ...wrongKey } }),
          provider('locked', https(guarded), {
            network: { ca_file: caFile, ...encrypted, key_passphrase: 'not this one' },
          }),
          provider('shown', https(guarded), { network: { ca_file: caFile, ...shown } }),
          provider('any', https(good), { network: { verify: false } }),
          provider('well', https(good), ca),
        ],
      },
      ['--json'],
    )
    const fails = (subject: string, layer: string, reason: RegExp, todo: RegExp) =>
      expectFailure(diagnosis, subject, layer, reason, todo)
    const ofRoot = /issued by 'Weir Test Root'.*does not know/
    fails('unknown', 'certificate', ofRoot, /Set network\.ca_file to .*'Weir Test Root'/)
    fails('stranger', 'certificate', /'Another Root'/, /Add to .*ca\.pem .*'Another Root'/)
    fails('expired', 'certificate', /expired on 2020-02-01/, /renewed.*clock says 20/)
    fails('wrong-host', 'certificate', /is for elsewhere\.test, not for localhost/, /base_url/)
    fails('guarded', 'client certificate', /demands a client certificate/, /network\.cert_file/)
    fails('refused', 'client certificate', /refuses .*CN=client-one/, /authority/)
    fails('wrong-key', 'settings', /key_file.*another key/, /file/)
    fails('locked', 'settings', /key_file.*key_passphrase/, /file/)
    for (const id of ['shown', 'any', 'well']) expect(diagnosis.failure(id)).toBeUndefined()
    const step = (subject: string, name: string) =>
      diagnosis.of(subject).find((each) => each.step === name)
    expect(step('well', 'tls')?.result).toMatch(/^TLSv1\.3, TLS_/)
    expect(step('well', 'certificate')?.result).toMatch(
      /upstream\.test, issued by Weir Test Root, until 20/,
    )
    expect(step('shown', 'client certificate')?.result).toContain('CN=client-one was shown')
    expect(step('any', 'certificate')).toMatchObject({
      state: 'warning',
      reason: expect.stringMatching(/verify is false.*Weir Test Root/),
    })
  })

  test.skipIf(nginxPath() === undefined)(
    'nginx: old TLS, and a demand made in a page',
    async () => {
      const { caFile, client, otherCaFile, server } = certificates
      const upstream = `http://127.0.0.1:${plain.port}`
      const nginx = await startNginx({
        old: { ...server, upstream, protocols: ['TLSv1.2'] },
        guarded: { ...server, upstream, clientCaFile: caFile },
        other: { ...server, upstream, clientCaFile: otherCaFile },
      })
      cleanups.push(() => nginx.stop())
      const { guarded, old, other } = nginx.ports
      const shown = { ca_file: caFile, cert_file: client.certFile, key_file: client.keyFile }
      const diagnosis = await run(
        {
          network: { ca_file: caFile },
          providers: [
            provider('old', https(old), { network: { min_tls_version: '1.3' } }),
            provider('guarded', https(guarded)),
            provider('other', https(other), { network: shown }),
            provider('shown', https(guarded), { network: shown }),
          ],
        },
        ['--json'],
      )
      expectFailure(diagnosis, 'old', 'tls', /speaks TLS 1\.2 at most/, /min_tls_version/)
      const demand = /No required SSL certificate was sent/
      expectFailure(diagnosis, 'guarded', 'client certificate', demand, /cert_file/)
      const refusal = /refuses .*CN=client-one.*SSL certificate error/
      expectFailure(diagnosis, 'other', 'client certificate', refusal, /authority/)
      expect(diagnosis.failure('shown')).toBeUndefined()
    },
  )

  test.skipIf(squidPath() === undefined)('squid: its password, its rules, its DNS', async () => {
    const { caFile, proxy, server } = certificates
    const squid = await startSquid({
      user: 'weir',
      password: PROXY_PASSWORD,
      hosts: ['upstream.test', 'refused.test'],
      refused: ['refused.test'],
      tls: proxy,
    })
    cleanups.push(() => squid.stop())
    const port = secure(server)
    const good = `http://weir:${PROXY_PASSWORD}@127.0.0.1:${squid.port}`
    const through = (url: string) => ({ network: { proxy: url } })
    const diagnosis = await run(
      {
        network: { ca_file: caFile, proxy: good },
        providers: [
          provider(
            'open',
            `https://upstream.test:${port}/v1`,
            through(good.replace(/\/\/.*@/, '//')),
          ),
          provider(
            'wrong',
            `https://upstream.test:${port}/v1`,
            through(good.replace('weir:', 'other:')),
          ),
          provider('ruled', `https://refused.test:${port}/v1`),
          provider('nameless', `https://nobody.test:${port}/v1`, { timeouts: { connect: '5s' } }),
          provider(
            'secured',
            `https://upstream.test:${port}/v1`,
            through(`https://weir:${PROXY_PASSWORD}@localhost:${squid.tlsPort}`),
          ),
          provider('plain', `http://upstream.test:${plain.port}/v1`),
          provider(
            'plain-open',
            `http://upstream.test:${plain.port}/v1`,
            through(good.replace(/\/\/.*@/, '//')),
          ),
          provider('bypassed', base, { network: { no_proxy: ['127.0.0.0/8'] } }),
          provider('well', `https://upstream.test:${port}/v1`),
        ],
      },
      ['--json'],
    )
    const fails = (subject: string, reason: RegExp, todo: RegExp) =>
      expectFailure(diagnosis, subject, 'proxy', reason, todo)
    fails('open', /asks for a user and a password \(407\)/, /user:password@host/)
    fails('plain-open', /asks for a user and a password \(407\)/, /user:password@host/)
    fails('wrong', /refuses the user other or the password \(407\)/, /network\.proxy/)
    fails('ruled', /does not allow refused\.test:\d+ \(403/, /allow CONNECT/)
    fails('nameless', /cannot (resolve|reach) nobody\.test/, /base_url/)
    for (const id of ['secured', 'plain', 'bypassed', 'well']) {
      expect(diagnosis.failure(id)).toBeUndefined()
    }
    const dns = diagnosis.of('well').find(({ step }) => step === 'dns')
    expect(dns?.result).toContain('upstream.test is the proxy’s to resolve')
    // The proxy waits for a DNS that does not answer.
  })
})

test('proxies that are none: refused, silent, another protocol, another authentication', async () => {
  const negotiate =
    'HTTP/1.1 407 Proxy\r\nProxy-Authenticate: Negotiate\r\ncontent-length: 0\r\n\r\n'
  const basic = negotiate.replace('Negotiate', 'Basic realm="x"')
  const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  cleanups.push(() => silent.stop(true))
  const through = (port: number) => ({
    network: { proxy: `http://weir:${PROXY_PASSWORD}@127.0.0.1:${port}` },
  })
  const url = 'https://upstream.test/v1'
  const diagnosis = await run(
    {
      providers: [
        provider('gone', url, through(NOBODY_PORT)),
        provider('silent', url, { ...through(silent.port), timeouts: { connect: '300ms' } }),
        provider('socks', url, through(sayer('\u0005\u0000 this is no HTTP at all\r\n\r\n'))),
        provider('negotiate', url, through(sayer(negotiate))),
        provider('percent', url, {
          network: { proxy: `http://us%er:${PROXY_PASSWORD}@127.0.0.1:${sayer(basic)}` },
        }),
      ],
    },
    ['--json'],
  )
  const fails = (subject: string, reason: RegExp, todo: RegExp) =>
    expectFailure(diagnosis, subject, 'proxy', reason, todo)
  fails('gone', /nothing listens at the proxy/, /network\.proxy/)
  fails('silent', /did not answer in time/, /network\.proxy/)
  fails('socks', /is no HTTP proxy/, /SOCKS/)
  fails('negotiate', /wants Negotiate/, /Basic/)
  fails('percent', /refuses the user us%er/, /network\.proxy/)
})

test('a pool of keys: each by itself, and one that is on its way out is no failure', async () => {
  const keys = [KEY, 'sk-other-0123456789-ther']
  const draining = { keys, draining_keys: ['sk-older-0123456789-past'] }
  const diagnosis = await run({ providers: [provider('pool', base, draining)] }, ['--json'])
  const shown = diagnosis.of('pool').filter(({ step }) => step === 'key')
  expect(shown.map(({ label, state }) => [label, state])).toEqual([
    ['****last', 'ok'],
    ['****ther', 'failed'],
    ['****past (draining)', 'warning'],
  ])
  expect(diagnosis.of('pool').find(({ step }) => step === 'model list')?.state).toBe('ok')
  expect(diagnosis.code).toBe(1)
})

test('a list that is open to everybody says nothing of a key', async () => {
  const url = `http://127.0.0.1:${plain.port}/open`
  const diagnosis = await run({ providers: [provider('open', url)] }, ['--json'])
  const key = diagnosis.of('open').find(({ step }) => step === 'key')
  expect(key).toMatchObject({ state: 'skipped', result: expect.stringContaining('open to') })
  const token = diagnosis.of('open').find(({ step }) => step === 'one token')
  expect(token).toMatchObject({ state: 'skipped', result: expect.stringContaining('--model') })
  const asked = await run({ providers: [provider('open', url)] }, [
    'open',
    '--model',
    'm',
    '--json',
  ])
  expect(asked.failure('open')?.step).toBe('one token')
})

describe('the machine', () => {
  test('all well, for a person', async () => {
    const { code, err, out } = await run({ providers: [provider('well', base)] })
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^this machine\n {2}ok {4}version +\d+ms {2}weir \d/)
    expect(out).toMatch(/\nwell {2}http:\/\/127\.0\.0\.1:\d+\/v1\n {2}ok {4}settings/)
    expect(out).toMatch(/one token +not asked/)
    expect(out).toMatch(/\nAll well.*: this machine and 2 providers\.\n$/)
    expect(out).not.toContain('\u001b')
  })

  test('a configuration with problems ends it there', async () => {
    const { code, err, out } = await run({ serverr: {}, providers: [{ id: 'a', type: 'opnai' }] })
    expect(code).toBe(1)
    expect(out).toMatch(/FAIL {2}configuration .*2 problems.*did you mean openai/)
    expect(out).toMatch(/data folder.*not reached/)
    expect(err).toBe('Failed at: this machine (configuration)\n')
  })

  test('variables that other programs obey are named, and help where nothing gets through', async () => {
    const environment = {
      HTTPS_PROXY: `http://u:${PROXY_PASSWORD}@127.0.0.1:9`,
      NO_PROXY: 'inside',
    }
    // As curl takes it, without a scheme.
    const bare = { HTTPS_PROXY: `u:${PROXY_PASSWORD}@127.0.0.1:9` }
    expect((await run({}, [], bare)).out).toContain('HTTPS_PROXY=****@127.0.0.1:9')
    const config = { providers: [provider('nameless', 'https://no-such-host.invalid/v1')] }
    const { failure, of } = await run(config, ['--json'], environment)
    const variables = of('this machine').find(({ step }) => step === 'proxy variables')
    expect(variables?.state).toBe('warning')
    expect(variables?.todo).toMatch(/network\.proxy to "\$\{HTTPS_PROXY\}".*NO_PROXY.*no_proxy/)
    expect(failure('nameless')?.todo).toContain('HTTPS_PROXY is set here')
  })

  test('an address that something else has', async () => {
    const taken = await run({ server: { host: '127.0.0.1', port: plain.port } }, ['--json'])
    expect(taken.failure('this machine')?.step).toBe('address')
    expect(taken.failure('this machine')?.reason).toContain('another program listens')
    expect(taken.code).toBe(1)
  })

  test('a Weir that runs there, its store and its master key; and nothing is recorded', async () => {
    const weir = await startWeir({ config: { providers: [provider('well', base)] } })
    try {
      weir.configure({ server: { port: weir.port }, providers: [provider('well', base)] })
      const before = weir.rows().length
      const { code, stdout } = await weir.runCli('doctor', '--json')
      const steps = JSON.parse(stdout) as ShownStep[]
      const result = (name: string) => steps.find(({ step }) => step === name)
      expect(result('address')?.result).toMatch(/Weir runs at .* and is ready/)
      expect(result('store')).toMatchObject({ state: 'ok' })
      expect(result('master key')).toMatchObject({ state: 'ok' })
      expect(code).toBe(0)
      expect(weir.rows()).toHaveLength(before)
      writeFileSync(join(weir.dataFolder, 'master.key'), Buffer.alloc(32, 7))
      const broken = await weir.runCli('doctor', '--json')
      const key = (JSON.parse(broken.stdout) as ShownStep[]).find(({ state }) => state === 'failed')
      expect([broken.code, key?.step]).toEqual([1, 'master key'])
    } finally {
      await weir.stop()
    }
  })

  test('a store of which a part is missing is left as it is', async () => {
    const weir = await startWeir({ config: { providers: [provider('well', base)] } })
    try {
      weir.configure({ server: { port: 0 }, providers: [provider('well', base)] })
      const logFile = join(weir.dataFolder, 'weir-log.db')
      for (const end of ['', '-wal', '-shm']) rmSync(`${logFile}${end}`, { force: true })
      const { code, stdout } = await weir.runCli('doctor', '--json')
      const steps = JSON.parse(stdout) as ShownStep[]
      expect(steps.find(({ step }) => step === 'store')).toMatchObject({
        state: 'warning',
        reason: expect.stringContaining('weir-log.db is not there'),
      })
      expect(code).toBe(0)
      expect(existsSync(logFile)).toBe(false)
    } finally {
      await weir.stop()
    }
  })

  test('a clock that is wrong is named, and fails what is signed', async () => {
    const early = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () =>
        Response.json(
          { data: [{ id: 'm' }], modelSummaries: [] },
          { headers: { date: new Date(Date.now() - 3_600_000).toUTCString() } },
        ),
    })
    cleanups.push(() => early.stop(true))
    const url = `http://127.0.0.1:${early.port}`
    const told = await run({ providers: [provider('early', url)] }, ['early', '--json'])
    const clock = told.of('this machine').find(({ step }) => step === 'clock')
    expect(clock).toMatchObject({ state: 'warning', reason: expect.stringMatching(/60m.*ahead/) })
    expect(told.code).toBe(0)
    const aws = { id: 'aws', type: 'bedrock', base_url: url, region: 'eu-west-1', keys: [KEY] }
    const signed = await run({ providers: [aws] }, ['aws', '--json'])
    expect(signed.failure('this machine')?.step).toBe('clock')
  })

  test('every step has an id, and what is secret and open to others is told with its command', async () => {
    const told = await run({ providers: [provider('one', base)] }, ['one', '--json'])
    const steps = JSON.parse(told.out) as (ShownStep & { readonly id: string })[]
    expect(steps.every(({ id }) => /^[a-z-]+$/.test(id))).toBe(true)
    expect(steps.find(({ id }) => id === 'provider-tcp')?.subject).toBe('one')
    expect(told.of('this machine').find(({ step }) => step === 'permissions')).toMatchObject({
      state: 'warning',
      reason: expect.stringContaining('weir.json'),
      todo: expect.stringContaining('chmod 600'),
    })
  })

  test('nobody can get in, a fallback leads nowhere, a limit concerns nothing', async () => {
    const target = { provider: 'one', model: 'm' }
    const { failure, of } = await run(
      {
        auth: { anonymous: 'never', local: false },
        providers: [provider('one', base)],
        models: [{ id: 'fast', targets: [target], routing: { fallbacks: { any: ['gone'] } } }],
        limits: [{ per: 'provider', only: 'two', requests_per_minute: 5 }],
      },
      ['one', '--json'],
    )
    const step = (name: string) => of('this machine').find((one) => one.step === name)
    expect(failure('this machine')).toMatchObject({
      step: 'keys',
      todo: expect.stringContaining('weir keys create'),
    })
    expect(step('models')?.reason).toBe('fallbacks to nothing: fast → gone')
    expect(step('rules')?.reason).toBe('concern nothing there is: per provider two')
  })

  test('a bucket that is not there', async () => {
    const s3 = {
      endpoint: 'http://127.0.0.1:9',
      region: 'eu-central-1',
      bucket: 'b',
      access_key: 'AKIA1234',
      secret_key: PROXY_PASSWORD,
    }
    const { failure } = await run({ content_store: { s3 } }, ['mock', '--json'])
    expect(failure('this machine')).toMatchObject({
      step: 'bucket',
      reason: expect.stringContaining('is not reached'),
    })
  })

  test('Redis that is not there', async () => {
    const redis = { url: `redis://:${PROXY_PASSWORD}@127.0.0.1:9` }
    const { failure } = await run({ redis }, ['--json'])
    expect(failure('this machine')).toMatchObject({
      step: 'redis',
      reason: expect.stringMatching(/127\.0\.0\.1:9 is not reached \(ECONNREFUSED\)/),
    })
  })

  test.skipIf(redisPath() === undefined)('a real Redis and its password', async () => {
    await using redis = await startRedis(['--requirepass', PROXY_PASSWORD])
    const at = (password: string) => ({ url: `redis://:${password}@127.0.0.1:${redis.port}` })
    const good = await run({ redis: at(PROXY_PASSWORD) }, ['--json'])
    expect(good.of('this machine').find(({ step }) => step === 'redis')?.state).toBe('ok')
    const bad = await run({ redis: at('not-this-password') }, ['--json'])
    expect(bad.failure('this machine')).toMatchObject({
      step: 'redis',
      todo: expect.stringContaining('user and password in redis.url'),
    })
  })
})
