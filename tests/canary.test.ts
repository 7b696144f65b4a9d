// A canary sentence and canary secrets through every way into the executable, with everything turned on that writes anything: log at its finest,
// traces, exports, guardrails, cache, request log, audit. What is forbidden to be written is then looked for in all that was: every file of the
// data folder, what was printed, metrics, what collectors were sent, exports, and every error that came back.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { startUpstream, type CapturedRequest, type Upstream } from '../src/testing/upstream.ts'
import { PROTOCOLS, send } from './harness/all-dialects.ts'
import { filesUnder } from './harness/files.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(300_000)

/** What people say: no log, metric, trace, export, error or row may have it where the policy is `metadata`. */
const SAID = {
  prompt: 'seventeen violet otters sing at dusk',
  system: 'the system is a brass octopus',
  tool: 'the tool found eleven amber keys',
  argument: 'pelican-on-a-tightrope',
  answer: 'a heron answers in marzipan',
  thinking: 'privately the walrus doubts',
  input: 'embedded quicksilver lanterns',
  broken: 'half a sentence about copper',
} as const

/** What opens something. The keys of clients and providers look like those that are known. */
const SECRETS = {
  client: 'weir-canary-client-key-0123456789abcdefgh',
  operator: 'weir-canary-operator-key-0123456789abcde',
  provider: 'sk-canary-provider-0123456789abcdefWXYZ',
  broken: 'sk-canary-broken-0123456789abcdefghUVST',
  master: 'canary master key of 32 characters or more',
  hook: 'canary-hook-secret-0123456789',
  langfuse: 'sk-lf-canary-0123456789abcdef',
  collector: 'canary-collector-token-0123456789',
  guess: 'weir_canaryThatNobodyGaveOut0123456789abcdef00',
  password: 'canary horse battery staple',
  query: 'canary-in-a-query-0123456789',
} as const

const MODEL = 'birds'

/** An answer of OpenAI's with all of it: thinking, text, a call. */
function answer(request: CapturedRequest): Response {
  if (request.target.includes('/models')) {
    return Response.json({ object: 'list', data: [{ id: 'm', object: 'model' }] })
  }
  if (request.target.includes('/embeddings')) {
    return Response.json({
      object: 'list',
      model: 'm',
      data: [{ object: 'embedding', index: 0, embedding: [0.1, 0.2] }],
      usage: { prompt_tokens: 3, total_tokens: 3 },
    })
  }
  const message = {
    role: 'assistant',
    reasoning_content: SAID.thinking,
    content: SAID.answer,
    tool_calls: [
      {
        id: 'call_1',
        type: 'function',
        function: { name: 'look', arguments: JSON.stringify({ at: SAID.argument }) },
      },
    ],
  }
  const usage = { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 }
  const base = { id: 'chatcmpl-1', created: 1_700_000_000, model: 'm' }
  if (!request.text.includes('"stream":true')) {
    const choices = [{ index: 0, message, finish_reason: 'tool_calls' }]
    return Response.json({ ...base, object: 'chat.completion', choices, usage })
  }
  const { tool_calls: calls, ...spoken } = message
  const chunks = [
    { choices: [{ index: 0, delta: spoken, finish_reason: null }] },
    {
      choices: [
        { index: 0, delta: { tool_calls: [{ index: 0, ...calls[0] }] }, finish_reason: null },
      ],
    },
    { choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] },
    { choices: [], usage },
  ]
  const lines = chunks.map(
    (chunk) =>
      `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', ...chunk })}\n\n`,
  )
  return new Response(`${lines.join('')}data: [DONE]\n\n`, {
    headers: { 'content-type': 'text/event-stream' },
  })
}

/** A provider that fails, repeating the key it was asked with and what it was asked. */
function failing({ headers, text }: CapturedRequest): Response {
  const { authorization = '' } = headers
  const message = `Incorrect API key provided: ${authorization}. You said: ${text}`
  return Response.json({ error: { message, type: 'x', code: 'y', param: null } }, { status: 500 })
}

/** What arrived at a collector, its bodies unpacked. */
class Received {
  readonly server: Upstream = startUpstream(() => Response.json({ partialSuccess: {} }))

  text(): string {
    return this.server.requests
      .map(({ bytes, headers, target }) => {
        const isPacked = headers['content-encoding'] === 'gzip'
        const body = isPacked ? Bun.gunzipSync(new Uint8Array(bytes)) : bytes
        return `${target}\n${Buffer.from(body).toString('latin1')}`
      })
      .join('\n')
  }
}

let weir: Weir
let provider: Upstream
let broken: Upstream
const collector = new Received()
/** Everything that clients were told and that is no answer of a model. */
const told: string[] = []

beforeAll(async () => {
  provider = startUpstream(answer)
  broken = startUpstream(failing)
  const { url } = collector.server
  const price = { input: 1, output: 2 }
  const batch = { interval: '20ms' }
  weir = await startWeir({
    config: {
      secrets: { master_key: SECRETS.master },
      auth: { anonymous: 'never' },
      log: { requests: 'metadata', level: 'debug', access: 'all', format: 'json' },
      keys: [
        { name: 'client', key: SECRETS.client },
        { name: 'operator', key: SECRETS.operator, roles: ['owner'] },
      ],
      providers: [
        {
          id: 'own',
          type: 'custom',
          compatible: 'openai',
          base_url: `${provider.url}/v1`,
          keys: [SECRETS.provider],
          circuit: { enabled: false },
        },
        {
          id: 'broken',
          type: 'custom',
          compatible: 'openai',
          circuit: { enabled: false },
          base_url: `${broken.url}/v1`,
          keys: [SECRETS.broken],
          retries: { max: 1, base: '1ms' },
        },
      ],
      models: [
        { id: MODEL, targets: [{ provider: 'own', model: 'm' }], price },
        {
          id: 'falls',
          targets: [
            { provider: 'broken', model: 'm', order: 0 },
            { provider: 'own', model: 'm', order: 1 },
          ],
        },
        { id: 'broken-alone', targets: [{ provider: 'broken', model: 'm' }] },
      ],
      tracing: { endpoint: url, headers: { authorization: SECRETS.collector }, batch },
      exports: [
        { id: 'hook', type: 'webhook', url: `${url}/hook`, secret: SECRETS.hook, batch },
        {
          id: 'lf',
          type: 'langfuse',
          url,
          public_key: 'pk-lf-x',
          secret_key: SECRETS.langfuse,
          batch,
        },
        { id: 'logs', type: 'otlp-logs', url, headers: { 'x-token': SECRETS.collector }, batch },
      ],
      guardrails: [
        {
          id: 'no-otters',
          check: 'words',
          words: ['forbidden otters'],
          mode: 'block',
          stages: ['input', 'output'],
        },
        { id: 'mails', check: 'pii', mode: 'mask', stages: ['input'] },
        {
          id: 'sees',
          check: 'regex',
          patterns: [{ name: 'birds', pattern: 'otters' }],
          mode: 'flag',
          stages: ['input', 'output'],
        },
      ],
      cache: { exact: { enabled: true, store: 'store' } },
    },
  })
})
afterAll(async () => {
  await weir?.stop()
  await Promise.all([provider?.close(), broken?.close(), collector.server.close()])
})

async function post(
  path: string,
  body: unknown,
  { key = SECRETS.client, ...headers }: Record<string, string> = {},
): Promise<Response> {
  return await fetch(`${weir.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

/** Reads an answer; what is no good answer is kept among what clients were told. */
async function read(response: Response): Promise<string> {
  const text = await response.text()
  const headers = JSON.stringify([...response.headers])
  told.push(headers)
  if (!response.ok) told.push(text)
  return text
}

const TOOLS = [
  {
    type: 'function',
    function: {
      name: 'look',
      parameters: { type: 'object', properties: { at: { type: 'string' } } },
    },
  },
]

const CONVERSATION = [
  { role: 'system', content: SAID.system },
  { role: 'user', content: `${SAID.prompt} from ann@example.com` },
  {
    role: 'assistant',
    content: null,
    tool_calls: [
      {
        id: 'call_0',
        type: 'function',
        function: { name: 'look', arguments: JSON.stringify({ at: SAID.argument }) },
      },
    ],
  },
  { role: 'tool', tool_call_id: 'call_0', content: SAID.tool },
]

async function until(holds: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + 60_000
  while (!(await holds())) {
    if (performance.now() > limit) throw new Error('what waits is not sent')
    await Bun.sleep(20)
  }
}

/** A text as it may stand in what is written: as it is, as JSON and JavaScript escape it, in base64 at each offset. */
function formsOf(text: string): string[] {
  const encoded = [0, 1, 2].map((offset) => {
    const base64 = Buffer.from(`${' '.repeat(offset)}${text}`).toString('base64')
    // What depends on its neighbours is left out at both ends.
    return base64.slice(offset === 0 ? 0 : 4, -4)
  })
  return [text, encodeURIComponent(text), ...encoded.filter((form) => form.length >= 12)]
}

function findings(
  artefacts: ReadonlyMap<string, string>,
  canaries: Readonly<Record<string, string>>,
): string[] {
  const found: string[] = []
  for (const [name, canary] of Object.entries(canaries)) {
    for (const [where, text] of artefacts) {
      if (formsOf(canary).some((form) => text.includes(form))) found.push(`${name} in ${where}`)
    }
  }
  return found
}

describe('nothing that is forbidden is written anywhere', () => {
  test('through every protocol, whole and streamed, answered, failed, blocked and repeated', async () => {
    for (const protocol of PROTOCOLS) {
      for (const stream of [false, true]) {
        for (const model of [MODEL, MODEL, 'falls', 'broken-alone', 'no-such-model']) {
          const { response } = await send(weir.url, protocol.ask(model, SAID.prompt, stream), {
            key: SECRETS.client,
          })
          await read(response)
        }
        const asked = protocol.ask(MODEL, `forbidden otters: ${SAID.prompt}`, stream)
        const { response } = await send(weir.url, asked, { key: SECRETS.client })
        expect(response.status).toBe(400)
        await read(response)
      }
    }
    const whole = { model: MODEL, messages: CONVERSATION, tools: TOOLS }
    for (const stream of [false, true])
      await read(await post('/v1/chat/completions', { ...whole, stream }))
    // The canaries do come through.
    const answered = await read(await post('/v1/chat/completions', { ...whole, seed: 3 }))
    for (const part of [SAID.answer, SAID.argument]) expect(answered).toContain(part)
    const asked = provider.requests.map(({ text }) => text).join('\n')
    for (const part of [SAID.prompt, SAID.system, SAID.tool]) expect(asked).toContain(part)
    expect(asked).not.toContain('ann@example.com')
  })

  test('through every other path of models', async () => {
    const say = [{ role: 'user', content: SAID.prompt }]
    const requests: [string, unknown, Record<string, string>?][] = [
      ['/v1/embeddings', { model: MODEL, input: [SAID.input] }],
      // The client asks for its answer to be kept.
      ['/v1/responses', { model: MODEL, input: SAID.prompt, store: true }],
      ['/v1/completions', { model: MODEL, prompt: SAID.prompt }],
      ['/v1/messages/count_tokens', { model: MODEL, messages: say }],
      ['/api/generate', { model: MODEL, prompt: SAID.prompt, stream: false }],
      ['/api/embed', { model: MODEL, input: SAID.input }],
      ['/v2/embed', { model: MODEL, texts: [SAID.input], input_type: 'search_query' }],
      [`/v1beta/models/${MODEL}:embedContent`, { content: { parts: [{ text: SAID.input }] } }],
      [`/openai/deployments/${MODEL}/chat/completions?api-version=2024-10-21`, { messages: say }],
      [
        `/proxy/own/v1/chat/completions?x=${SECRETS.query}`,
        { model: 'm', messages: say },
        { key: SECRETS.operator },
      ],
      [
        '/proxy/broken/v1/chat/completions',
        { model: 'm', messages: say },
        { key: SECRETS.operator },
      ],
      [`/k/${SECRETS.client}/v1/chat/completions`, { model: MODEL, messages: say }, { key: '' }],
      [`/k/${SECRETS.guess}/v1/chat/completions`, { model: MODEL, messages: say }, { key: '' }],
      ['/v1/rerank', { model: MODEL, query: SAID.prompt, documents: [SAID.input] }],
      ['/v1/moderations', { model: MODEL, input: SAID.prompt }],
      ['/v1/images/generations', { model: MODEL, prompt: SAID.prompt }],
    ]
    for (const [path, body, headers] of requests) {
      const response = await post(path, body, headers ?? {})
      // What a provider itself says under its raw path is its own, and handed on as it is.
      if (path.startsWith('/proxy/broken')) await response.arrayBuffer()
      else await read(response)
    }
    const query = await fetch(`${weir.url}/v1beta/models?key=${SECRETS.client}&x=${SECRETS.query}`)
    await read(query)
  })

  test('through requests that are wrong in every way', async () => {
    const bad: [string, unknown, Record<string, string>?][] = [
      [
        '/v1/chat/completions',
        `{"model":"${MODEL}","messages":[{"role":"user","content":"${SAID.broken}`,
      ],
      ['/v1/chat/completions', { model: MODEL, messages: SAID.broken }],
      ['/v1/chat/completions', { model: MODEL, messages: [{ role: SAID.broken, content: 1 }] }],
      ['/v1/chat/completions', { model: MODEL, messages: [], temperature: SAID.broken }],
      [
        '/v1/messages',
        {
          model: MODEL,
          messages: [{ role: 'user', content: SAID.broken }],
          max_tokens: SAID.broken,
        },
      ],
      ['/v1/responses', { model: MODEL, input: { what: SAID.broken } }],
      ['/v1/chat/completions', { model: MODEL, messages: [] }, { key: SECRETS.guess }],
      ['/v1/no-such-path', { said: SAID.broken }],
      ['/admin/keys', { name: 7, owner: SAID.broken }, { key: SECRETS.operator }],
      [
        '/admin/providers',
        { id: 'p', type: SAID.broken, keys: [SECRETS.guess] },
        { key: SECRETS.operator },
      ],
      [
        '/admin/guardrails',
        { id: 'g', check: 'regex', patterns: [`(${SAID.broken}`] },
        { key: SECRETS.operator },
      ],
      ['/auth/login', { name: 'root', password: SECRETS.password }],
    ]
    for (const [path, body, headers] of bad) {
      const response = await post(path, body, headers ?? {})
      expect(response.status).toBeGreaterThanOrEqual(400)
      await read(response)
    }
    const gone = new AbortController()
    const leaving = fetch(`${weir.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${SECRETS.client}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: MODEL, stream: true, messages: CONVERSATION, seed: 9 }),
      signal: gone.signal,
    })
    await leaving.then((response) => response.body?.getReader().read())
    gone.abort()
  })

  test('in files, output, metrics, traces, exports, rows, audit and errors', async () => {
    const operator = { headers: { authorization: `Bearer ${SECRETS.operator}` } }
    const artefacts = new Map<string, string>()
    const paths = [
      '/metrics',
      '/openapi.json',
      '/readyz',
      '/admin/requests?limit=200',
      '/admin/requests/facets',
      '/admin/requests/export',
      '/admin/audit?limit=200',
      '/admin/usage?by=model',
      '/admin/settings',
      '/admin/providers',
      '/admin/keys',
      '/admin/guardrails',
      '/admin/health',
      '/admin/telemetry',
      '/admin/cache',
      '/admin/config/export',
    ]
    for (const path of paths) {
      const response = await fetch(`${weir.url}${path}`, operator)
      const text = await response.text()
      expect(`${path} ${response.status}`).toBe(`${path} 200`)
      artefacts.set(path, text)
    }
    for (const command of [
      ['logs', '--json'],
      ['doctor', '--json', '--no-tokens'],
      ['config', 'show'],
      ['audit', 'export'],
    ]) {
      const { stderr, stdout } = await weir.runCli(...command)
      artefacts.set(`weir ${command.join(' ')}`, stdout + stderr)
    }
    const { dataFolder } = weir
    // Before the end: what is on disk while it runs counts as well.
    for (const [name, bytes] of filesUnder(dataFolder)) {
      artefacts.set(`running ${name}`, bytes.toString('latin1'))
    }
    // Nothing waits to be sent any more.
    await until(async () => {
      const response = await fetch(`${weir.url}/admin/telemetry`, operator)
      const { data } = (await response.json()) as { data: { queued: number; sent: number }[] }
      return data.length === 4 && data.every(({ queued, sent }) => queued === 0 && sent > 0)
    })
    artefacts.set('what it printed', weir.stdout() + weir.stderr())
    artefacts.set('what clients were told', told.join('\n'))
    artefacts.set('what collectors got', collector.text())
    // That they hold something is part of it.
    expect(artefacts.get('what collectors got')).toContain('chat')
    expect(artefacts.get('/metrics')).toContain('weir_')
    expect(artefacts.get('what it printed')!.length).toBeGreaterThan(1_000)
    expect(artefacts.get('/admin/requests?limit=200')).toContain('no-otters')
    expect(artefacts.get('/admin/audit?limit=200')).toContain('guardrail.blocked')
    const types = new Set(collector.server.requests.map(({ target }) => target))
    expect([...types].toSorted()).toEqual(
      expect.arrayContaining(['/api/public/otel/v1/traces', '/hook', '/v1/logs', '/v1/traces']),
    )
    expect(findings(artefacts, SAID)).toEqual([])
    expect(findings(artefacts, SECRETS)).toEqual([])
  })
})
