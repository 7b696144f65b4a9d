// A hostile neighbourhood around the executable: the folder it is started in, web pages and their Hosts and Origins, providers
// that point inside, headers that must not cross. Nothing of it may get through.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rawRequest, requestText } from '../src/testing/http.ts'
import { startUpstream } from '../src/testing/upstream.ts'
import { text } from '../src/testing/upstream-answers.ts'
import { ask, bodyOf, DIALECTS, expectError, expectHealthy, expectRow } from './harness/ask.ts'
import {
  MODELS,
  PROVIDER_KEYS,
  PROVIDERS,
  startUpstreams,
  type Upstreams,
} from './harness/upstreams.ts'
import { expectSingleRows, startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(240_000)

let weir: Weir
let upstreams: Upstreams

beforeAll(async () => {
  upstreams = startUpstreams()
  weir = await startWeir({
    config: {
      server: { drain_timeout: '1s', allowed_origins: ['https://app.example.com'] },
      providers: [...upstreams.providers],
    },
  })
})
afterAll(async () => {
  await expectHealthy(weir)
  expectSingleRows(weir)
  expect(await weir.stop()).toBe(0)
  await upstreams.close()
})

test('a hostile .env and bunfig.toml in the working folder are neither read nor run', async () => {
  const marker = join(tmpdir(), `weir-marker-${process.pid}`)
  const canary = 'sk-canary-of-the-hostile-folder-0001'
  const other = await startWeir({
    config: { discovery: { environment: true, local: false } },
    files: {
      '.env': `OPENAI_API_KEY=${canary}\nWEIR_DATA=${marker}\nNODE_OPTIONS=--inspect\n`,
      '.env.local': `OPENAI_API_KEY=${canary}\n`,
      '.env.production': `OPENAI_API_KEY=${canary}\n`,
      'bunfig.toml': 'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n',
      'evil.ts': `require('node:fs').writeFileSync(${JSON.stringify(marker)}, 'ran')\n`,
      'package.json': '{"imports":{"#x":"./evil.ts"}}',
    },
  })
  try {
    await expectHealthy(other)
    const models = await fetch(`${other.url}/v1/models`)
    expect(await models.text()).not.toContain('openai/')
    expect((await other.runCli('providers', 'list')).stdout).not.toContain(canary)
    expect(other.stdout() + other.stderr()).not.toContain(canary)
    expect(existsSync(marker)).toBe(false)
    if (process.platform === 'linux') {
      expect(readFileSync(`/proc/${other.pid}/cmdline`, 'utf8')).not.toContain(canary)
    }
  } finally {
    expect(await other.stop()).toBe(0)
  }
})

function asked(): number {
  return PROVIDERS.reduce(
    (sum, name) =>
      sum + upstreams.servers[name].requests.filter((request) => request.method === 'POST').length,
    0,
  )
}

async function rawPost(target: string, hosts: string[], more: [string, string][] = []) {
  const fields: [string, string][] = [
    ...hosts.map((host): [string, string] => ['host', host]),
    ['content-type', 'application/json'],
    ['connection', 'close'],
    ...more,
  ]
  const body = JSON.stringify(bodyOf('openai', `openai/${MODELS.openai}`))
  return await rawRequest(weir.port, requestText('POST', target, fields, body))
}

describe('a Host that is none', () => {
  const HOSTS = [
    'x',
    'ab',
    'abc',
    '',
    'localhost:99999',
    '[',
    '[::1',
    'a/?',
    'a#@b',
    'x/..',
    'a b',
    '127.0.0.1@evil',
    'loc\thost',
  ]
  const TARGETS = [
    '/v1/chat/completions',
    '/k/x/v1/chat/completions',
    '//v1/chat/completions',
    '/v1/./chat/completions',
    '/v1/%63hat/completions',
    '/v1%2fchat/completions',
    '/V1/chat/completions',
    '/v1/chat/completions/',
    '/v1\\chat\\completions',
  ]
  test.each(HOSTS)('%p', async (host) => {
    const before = asked()
    for (const target of TARGETS) {
      const answer = await rawPost(target, [host])
      expect([400, 403, 404]).toContain(answer.status)
      expect(answer.body).not.toContain('Echo')
    }
    expect(asked()).toBe(before)
  })

  // A request line may name a whole URL; the runtime drops its host, so the Host alone is judged.
  test('two Hosts, and one beside a whole URL', async () => {
    const before = asked()
    const own = `127.0.0.1:${weir.port}`
    for (const [target, hosts] of [
      ['/v1/chat/completions', [own, 'evil.example']],
      ['/v1/chat/completions', ['evil.example', own]],
      ['http://abc/v1/chat/completions', ['abc']],
    ] as [string, string[]][]) {
      const answer = await rawPost(target, hosts)
      expect([400, 403, 404]).toContain(answer.status)
    }
    expect(asked()).toBe(before)
  })
})

describe('a page of the web', () => {
  const own = () => `127.0.0.1:${weir.port}`
  const REFUSED: Readonly<
    Record<string, () => Promise<{ status: number; headers: object; body: string }>>
  > = {
    'a foreign Host': () => rawPost('/v1/chat/completions', [`evil.example:${weir.port}`]),
    'a foreign Origin': () =>
      rawPost('/v1/chat/completions', [own()], [['origin', 'https://evil.example']]),
    'the Origin null': () => rawPost('/v1/chat/completions', [own()], [['origin', 'null']]),
    'an Origin that begins like ours': () =>
      rawPost('/v1/chat/completions', [own()], [['origin', 'http://localhost.evil.example']]),
    'a cross-site fetch': () =>
      rawPost(
        '/v1/chat/completions',
        [own()],
        [
          ['sec-fetch-site', 'cross-site'],
          ['sec-fetch-mode', 'no-cors'],
        ],
      ),
    'a simple form post to Ollama': () =>
      rawRequest(
        weir.port,
        requestText(
          'POST',
          '/api/chat',
          [
            ['host', own()],
            ['content-type', 'text/plain'],
            ['origin', 'https://evil.example'],
            ['connection', 'close'],
          ],
          JSON.stringify(bodyOf('ollama', 'openai/gpt-4o-mini')),
        ),
      ),
    'a preflight into the private network': () =>
      rawRequest(
        weir.port,
        requestText('OPTIONS', '/v1/chat/completions', [
          ['host', own()],
          ['origin', 'https://evil.example'],
          ['access-control-request-method', 'POST'],
          ['access-control-request-private-network', 'true'],
          ['connection', 'close'],
        ]),
      ),
  }
  for (const [name, send] of Object.entries(REFUSED)) {
    test(`${name} is refused`, async () => {
      const before = asked()
      const answer = await send()
      expect(answer.status).toBe(403)
      expect(
        Object.keys(answer.headers).filter((header) => header.startsWith('access-control')),
      ).toEqual([])
      expect(asked()).toBe(before)
    })
  }

  test.each(['localhost', '127.0.0.1', '[::1]', '127.0.0.2'])(
    'Host %s is answered',
    async (host) => {
      expect((await rawPost('/v1/chat/completions', [`${host}:${weir.port}`])).status).toBe(200)
    },
  )

  test('a configured Origin is answered and told so', async () => {
    const origin = 'https://app.example.com'
    const answer = await rawPost('/v1/chat/completions', [own()], [['origin', origin]])
    expect(answer.status).toBe(200)
    expect(answer.headers['access-control-allow-origin']).toBe(origin)
    const local = await rawPost(
      '/v1/chat/completions',
      [own()],
      [['origin', 'http://localhost:3000']],
    )
    expect(local.status).toBe(200)
  })
})

describe('an address that is not to be reached', () => {
  test.each([
    'http://169.254.169.254/latest',
    'http://2852039166/',
    'http://[::ffff:169.254.169.254]/',
    'http://0xa9.0xfe.0xa9.0xfe/',
    'http://[fe80::1]/',
    'http://0.0.0.0/',
  ])('%s is refused in the configuration', async (baseUrl) => {
    const config = {
      providers: [{ id: 'inside', type: 'custom', compatible: 'openai', base_url: baseUrl }],
    }
    const started = await startWeir({ config }).then(
      async (other) => `started, exit ${await other.stop()}`,
      (error: unknown) => String(error),
    )
    expect(started).toContain('providers[0].base_url')
    expect(started).not.toMatch(/\n\s+at /)
  })
})

test('only named headers reach a provider, and only named ones come back', async () => {
  const key = 'weir-test-key-of-the-header-test-000001'
  const hostile = {
    authorization: `Bearer ${key}`,
    'x-api-key': key,
    'api-key': key,
    'x-goog-api-key': key,
    cookie: 'session=the-clients-cookie',
    'proxy-authorization': 'Basic x',
    te: 'trailers',
    'x-forwarded-for': '10.9.8.7',
    'x-forwarded-host': 'evil.example',
    'x-real-ip': '10.9.8.7',
    forwarded: 'for=10.9.8.7',
    'openai-organization': 'org-client',
    'openai-project': 'proj-client',
    ...Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`x-random-${at}`, 'value'])),
  }
  const answers = startUpstream((request) =>
    request.method === 'GET'
      ? new Response('{"data":[]}')
      : text(
          JSON.stringify({
            id: 'c',
            object: 'chat.completion',
            created: 1,
            model: 'm',
            choices: [
              { index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' },
            ],
            usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
          }),
          {
            headers: {
              'content-type': 'application/json',
              'set-cookie': 'upstream=secret',
              'openai-organization': 'org-operator',
              'openai-processing-ms': '5',
              'x-request-id': 'req_upstream',
              'x-ratelimit-remaining-tokens': '1000',
              'access-control-allow-origin': '*',
              server: 'upstream',
              via: '1.1 upstream',
              'x-powered-by': 'upstream',
            },
          },
        )(request),
  )
  const other = await startWeir({
    config: {
      keys: [{ name: 'tests', key }],
      providers: [
        {
          id: 'p',
          type: 'custom',
          compatible: 'openai',
          base_url: `${answers.url}/v1`,
          keys: ['sk-of-the-operator'],
        },
      ],
    },
  })
  try {
    const answer = await ask(other, 'openai', bodyOf('openai', 'p/m'), { headers: hostile })
    expect(answer.status).toBe(200)
    const sent = answers.requests.find((request) => request.method === 'POST')!.headers
    const allowed = [
      'accept',
      'accept-encoding',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'user-agent',
    ]
    expect(Object.keys(sent).filter((name) => !allowed.includes(name))).toEqual([])
    expect(sent['authorization']).toBe('Bearer sk-of-the-operator')
    expect(JSON.stringify(sent)).not.toMatch(/weir-test-key|the-clients|org-client|10\.9\.8\.7/)
    const back = [...answer.headers.keys()].sort()
    for (const name of [
      'set-cookie',
      'openai-organization',
      'server',
      'via',
      'x-powered-by',
      'access-control-allow-origin',
    ]) {
      expect(back).not.toContain(name)
    }
    expect(answer.headers.get('x-upstream-request-id')).toBe('req_upstream')
    expect(answer.headers.get('x-request-id')).toBe(answer.requestId)
  } finally {
    await other.stop()
    await answers.close()
  }
})

test('no key of a provider or client shows in what is printed or said', async () => {
  for (const dialect of DIALECTS) {
    for (const provider of PROVIDERS) {
      const body = bodyOf(dialect, `${provider}/${MODELS[provider]}`, '#fail-400')
      const answer = await ask(weir, dialect, body)
      expectError(answer, dialect, {
        status: 400,
        code: 'invalid_value',
        type: 'invalid_request_error',
      })
      await expectRow(weir, answer.requestId, 400, 'upstream_invalid_request')
    }
  }
  const everything = weir.stdout() + weir.stderr() + JSON.stringify(weir.rows())
  for (const secret of Object.values(PROVIDER_KEYS)) expect(everything).not.toContain(secret)
})
