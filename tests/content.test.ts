// What is kept of requests' content, through the executable: nothing where the policy says so, in no file; what is kept is redacted, of its
// tenant alone and gone when its time is over; a real bucket that is away, refuses or loses objects costs nobody a request.

import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { json as answering } from '../src/testing/upstream-answers.ts'
import { startUpstream, type Upstream } from '../src/testing/upstream.ts'
import { filesUnder } from './harness/files.ts'
import { findS3, type S3Server } from './harness/s3.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(300_000)

const found = await findS3()
if (found.missing !== undefined) process.stdout.write(`left out: content in S3: ${found.missing}\n`)
const servers: S3Server[] = []
const running: (Weir | Upstream)[] = []

afterEach(async () => {
  for (const one of running.splice(0))
    await ('dataFolder' in one ? one.stop('SIGKILL') : one[Symbol.asyncDispose]())
})
afterAll(async () => {
  for (const server of servers) await server.stop()
})

async function bucketServer(): Promise<S3Server> {
  const server = await found.start!()
  servers.push(server)
  return server
}

const CLIENT = 'weir-test-client-0123456789abcdefghij'
const OTHER = 'weir-test-other-0123456789abcdefghijk'
const ADMIN = 'weir-test-admin-0123456789abcdefghijk'
/** Marks of the question and of the answer, and what must be taken out of both. */
const ASKED = 'the bittern hides forty thimbles'
const ANSWERED = 'a heron knows of seven thimbles'
const MAIL = 'canary.person@example.org'
const SPLIT_MAIL = 'split.person@example.org'

const whole = answering({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: `${ANSWERED} ${MAIL}` },
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
})

function streamed(pieces: readonly string[]): Response {
  const chunk = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  const text = [
    ...pieces.map((content) => chunk({ content })),
    chunk({}, 'stop'),
    'data: [DONE]\n\n',
  ]
  return new Response(text.join(''), { headers: { 'content-type': 'text/event-stream' } })
}

function provider(): Upstream {
  const list = answering({ object: 'list', data: [] })
  const upstream = startUpstream((request) => {
    if (request.method === 'GET') return list(request)
    const body = JSON.parse(request.text) as { stream?: boolean; model?: string }
    if (body.model === 'broken') {
      return answering(
        { error: { message: `${ANSWERED} ${MAIL}`, type: 'x' } },
        { status: 400 },
      )(request)
    }
    // An address that no piece of the stream holds whole.
    if (body.stream === true) return streamed([ANSWERED, ' split.per', 'son@exam', 'ple.org', '.'])
    return whole(request)
  })
  running.push(upstream)
  return upstream
}

interface More {
  readonly log?: object
  readonly content?: readonly object[]
  readonly content_store?: object
  readonly env?: Record<string, string>
}

async function start(upstream: Upstream, { env, ...more }: More = {}): Promise<Weir> {
  const weir = await startWeir({
    config: {
      providers: [
        {
          id: 'up',
          type: 'custom',
          compatible: 'openai',
          base_url: `${upstream.url}/v1`,
          keys: ['sk-of-a-test-0123456789'],
          retries: { max: 0 },
        },
      ],
      keys: [
        { name: 'client', key: CLIENT },
        { name: 'other', key: OTHER },
        { name: 'admin', key: ADMIN, roles: ['owner'] },
      ],
      ...more,
    },
    env: env ?? {},
  })
  running.push(weir)
  return weir
}

interface Question {
  readonly key?: string
  readonly model?: string
  readonly stream?: boolean
  readonly filler?: number
  readonly status?: number
}

/** Asks, and gives the request's id. */
async function ask(weir: Weir, question: Question = {}): Promise<string> {
  const { filler = 0, key = CLIENT, model = 'm', status = 200, stream = false } = question
  const response = await fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: `up/${model}`,
      stream,
      messages: [
        { role: 'user', content: `${ASKED} ${MAIL} ${noise(filler)}` },
        // In escapes it is as good as in clear.
        { role: 'user', content: 'escaped' },
      ],
    }).replace('escaped', MAIL.replace('@', '\\u0040')),
  })
  await response.text()
  expect(response.status).toBe(status)
  return response.headers.get('x-request-id')!
}

/** What cannot be packed. */
function noise(chars: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(Math.ceil(chars * 0.75)))).toString(
    'base64url',
  )
}

async function admin(weir: Weir, method: string, path: string, body?: unknown) {
  const response = await fetch(`${weir.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') === true
  const isLines = response.headers.get('content-type')?.includes('jsonl') === true
  return { status: response.status, text, json: isJson && !isLines ? JSON.parse(text) : undefined }
}

async function contentOf(weir: Weir, requestId: string) {
  const { log_id: id } = await weir.row(requestId)
  return await admin(weir, 'GET', `/admin/requests/${String(id)}/content`)
}

/** The marks that some file holds, in clear or packed. */
function marksIn(folder: string, marks: readonly string[]): string[] {
  const seen: string[] = []
  for (const [name, bytes] of filesUnder(folder)) {
    for (const text of [bytes, ...unpacked(bytes)]) {
      for (const mark of marks) if (text.includes(mark)) seen.push(`${name}: ${mark}`)
    }
  }
  return seen
}

/** Packed pieces, wherever they begin in a file. */
function unpacked(bytes: Buffer): Buffer[] {
  const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
  const pieces: Buffer[] = []
  for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1)) {
    for (const end of ends(bytes, at)) {
      try {
        pieces.push(Bun.zstdDecompressSync(bytes.subarray(at, end)))
        break
      } catch {
        // Not its end, or no piece at all.
      }
    }
  }
  return pieces
}

function* ends(bytes: Buffer, at: number): Generator<number> {
  for (let end = at + 20; end <= Math.min(bytes.length, at + 4_096); end += 1) yield end
}

async function until(name: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + 60_000
  while (!(await holds())) {
    if (performance.now() > limit) throw new Error(`waited in vain until ${name}`)
    await Bun.sleep(25)
  }
}

const MARKS = [ASKED, ANSWERED, MAIL, 'canary.person', SPLIT_MAIL]

describe('what is not to be kept', () => {
  test.each([{ requests: 'metadata' }, { requests: 'none' }, { requests: 'content-on-error' }])(
    'is in no file and on no line: %p',
    async (log) => {
      const weir = await start(provider(), { log: { ...log, level: 'debug', access: 'all' } })
      await ask(weir)
      await ask(weir, { stream: true })
      if (log.requests === 'none') expect(weir.rows()).toEqual([])
      else await until('rows are there', () => weir.rows().length === 2)
      // Its write-ahead log is among the files while it runs.
      expect(marksIn(weir.dataFolder, MARKS)).toEqual([])
      expect(weir.stdout() + weir.stderr()).not.toContain('thimbles')
      const metrics = await admin(weir, 'GET', '/metrics')
      for (const mark of MARKS) expect(metrics.text).not.toContain(mark)
    },
  )

  test('content-on-error keeps bodies of what failed alone', async () => {
    const weir = await start(provider(), { log: { requests: 'content-on-error' } })
    const fine = await ask(weir)
    const failed = await ask(weir, { model: 'broken', status: 400 })
    expect((await contentOf(weir, fine)).status).toBe(404)
    const { json } = await contentOf(weir, failed)
    expect(json.client_request).toContain(ASKED)
    expect(json.provider_response).toContain(ANSWERED)
  })

  test('rules: of a key before of a model before of a tenant, and what a tenant forbids stays forbidden', async () => {
    const weir = await start(provider(), {
      content: [
        { per: 'model', only: 'up/secret', keep: 'metadata' },
        { per: 'key', only: 'other', keep: 'content' },
      ],
      log: { requests: 'content' },
    })
    expect((await contentOf(weir, await ask(weir))).status).toBe(200)
    expect((await contentOf(weir, await ask(weir, { model: 'secret' }))).status).toBe(404)
    expect((await contentOf(weir, await ask(weir, { model: 'secret', key: OTHER }))).status).toBe(
      200,
    )
    const made = await admin(weir, 'POST', '/admin/content-rules', {
      id: 'nothing',
      per: 'tenant',
      keep: 'none',
    })
    expect(made.status).toBe(201)
    const before = weir.rows().length
    await ask(weir, { key: OTHER })
    await ask(weir)
    expect((await admin(weir, 'DELETE', '/admin/content-rules/nothing')).status).toBe(200)
    expect((await contentOf(weir, await ask(weir))).status).toBe(200)
    expect(weir.rows().length).toBe(before + 1)
    const audit = await admin(weir, 'GET', '/admin/audit?target_kind=content_rule')
    expect(audit.json.data.map((each: { action: string }) => each.action)).toEqual([
      'content_rule.delete',
      'content_rule.save',
    ])
  })
})

describe('what is kept', () => {
  test('is packed, without what is redacted: in escapes, in pieces of a stream and in texts of errors too', async () => {
    const weir = await start(provider(), { log: { requests: 'content', redact: ['email'] } })
    const ids = [
      await ask(weir),
      await ask(weir, { stream: true }),
      await ask(weir, { model: 'broken', status: 400 }),
      // Looked through on another thread.
      await ask(weir, { filler: 200_000 }),
    ]
    for (const id of ids) {
      const { json, text } = await contentOf(weir, id)
      expect(json.client_request).toContain(ASKED)
      // A refusal is the gateway's own to the client: the provider's stands beside it.
      expect(`${json.client_response}${json.provider_response}`).toContain(ANSWERED)
      expect(text).not.toMatch(/canary\.person|split\.person|u0040/)
    }
    expect(marksIn(weir.dataFolder, [MAIL, 'canary.person', SPLIT_MAIL])).toEqual([])
    // The search for marks finds what is there.
    expect(marksIn(weir.dataFolder, [ASKED]).length).toBeGreaterThan(0)
    const reads = await admin(weir, 'GET', '/admin/audit?action=content.read')
    expect(reads.json.total).toBe(4)
  })

  test('comes as JSON lines, with bodies for those who may read them', async () => {
    const weir = await start(provider(), { log: { requests: 'content' } })
    for (let at = 0; at < 3; at += 1) await ask(weir)
    await until('rows are there', () => weir.rows().length === 3)
    const plain = await admin(weir, 'GET', '/admin/requests/export')
    expect(plain.text.trim().split('\n')).toHaveLength(3)
    expect(plain.text).not.toContain('thimbles')
    const full = await admin(weir, 'GET', '/admin/requests/export?content=true&model=up/m')
    const lines = full.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toHaveLength(3)
    for (const line of lines) expect(line.content.client_request).toContain(ASKED)
    const refused = await fetch(`${weir.url}/admin/requests/export?content=true`, {
      headers: { authorization: `Bearer ${CLIENT}` },
    })
    expect(refused.status).toBe(403)
  })

  test('of one person goes on demand, but for what is held, and is gone from the files', async () => {
    const weir = await start(provider(), { log: { requests: 'content' } })
    const kept = await ask(weir, { key: OTHER })
    const first = await ask(weir)
    const second = await ask(weir)
    const { log_id: heldId } = await weir.row(first)
    await weir.row(second)
    const hold = { id: 'case', kind: 'request', subject: heldId, reason: 'a case' }
    expect((await admin(weir, 'POST', '/admin/holds', hold)).status).toBe(201)
    const asked = { kind: 'key', subject: 'file:client', reason: 'asked for' }
    const counted = await admin(weir, 'POST', '/admin/erasures', { ...asked, dry_run: true })
    expect(counted.json).toMatchObject({ state: 'counted', requests: 1, bodies: 1, held: 1 })
    const refused = await admin(weir, 'POST', '/admin/erasures', { ...asked, when_held: 'refuse' })
    expect([refused.status, refused.json.code]).toEqual([409, 'held'])
    const { json: erasure, status } = await admin(weir, 'POST', '/admin/erasures', asked)
    expect(status).toBe(202)
    const state = async () => (await admin(weir, 'GET', `/admin/erasures/${erasure.id}`)).json.state
    await until('it waits for the hold', async () => (await state()) === 'waiting')
    expect((await contentOf(weir, first)).status).toBe(200)
    expect(weir.rows(second)).toEqual([])
    const released = await admin(weir, 'POST', '/admin/holds/case/release', { reason: 'closed' })
    expect(released.status).toBe(200)
    await until('it is done', async () => (await state()) === 'done')
    expect((await admin(weir, 'GET', `/admin/requests/${String(heldId)}/content`)).status).toBe(404)
    expect((await contentOf(weir, kept)).status).toBe(200)
    const report = await admin(weir, 'GET', `/admin/erasures/${erasure.id}/report`)
    expect(report.json).toMatchObject({ requests: 2, bodies: 2, held: 0, state: 'done' })
    // Rows are figures now, and still there.
    expect(weir.rows().filter((row) => row['api_key_id'] === null)).toHaveLength(2)
  })
})

describe('on the command line', () => {
  test('rules, holds, exports and erasures do what the management API does', async () => {
    const weir = await start(provider(), { log: { requests: 'content' } })
    const first = await ask(weir)
    const second = await ask(weir)
    const { log_id: heldId } = await weir.row(first)
    await weir.row(second)
    const cli = async (...args: string[]) => {
      const { code, stderr, stdout } = await weir.runCli(...args)
      expect([args, code, stderr]).toEqual([args, 0, expect.any(String)])
      return stdout
    }
    await cli(
      'content',
      'save',
      'errors',
      '--per',
      'key',
      '--keep',
      'content-on-error',
      '--redact',
      'email,ip',
    )
    expect(JSON.parse(await cli('content', 'list', '--json'))).toMatchObject([
      { id: 'errors', keep: 'content-on-error', redact: ['email', 'ip'] },
    ])
    await cli('content', 'delete', 'errors')
    await cli('holds', 'create', 'request', String(heldId), '--id', 'case', '--reason', 'a case')
    expect(await cli('holds', 'list')).toContain('a case')
    const lines = await cli('requests', 'export', '--content', '--key', 'file:client')
    expect(lines.trim().split('\n')).toHaveLength(2)
    expect(lines).toContain(ASKED)
    const reason = ['--reason', 'asked for', '--json']
    const counted = JSON.parse(await cli('erase', 'key', 'file:client', ...reason, '--dry-run'))
    expect(counted).toMatchObject({ requests: 1, held: 1, state: 'counted' })
    const done = JSON.parse(await cli('erase', 'key', 'file:client', ...reason))
    expect(done).toMatchObject({ requests: 1, held: 1, state: 'waiting' })
    await cli('holds', 'release', 'case', '--reason', 'closed')
    expect(await cli('holds', 'list')).not.toContain('a case')
    const report = async () => (await admin(weir, 'GET', `/admin/erasures/${done.id}`)).json
    // The server looks now and then for what waits: it may have gone on with it already.
    expect((await report()).state).toBeOneOf(['waiting', 'running', 'done'])
    const wrong = await weir.runCli('holds', 'create', 'span', '--reason', 'x')
    expect(wrong.code).toBe(2)
  })
})

describe.skipIf(found.missing !== undefined)('in a real bucket', () => {
  const store = (server: S3Server, more: object = {}) => ({
    content_store: {
      threshold: '1KiB',
      s3: {
        endpoint: server.url,
        region: server.region,
        bucket: server.bucket,
        access_key: server.accessKey,
        secret_key: server.secretKey,
        ...more,
      },
    },
    log: { requests: 'content', redact: ['email'] },
  })
  const standing = async (weir: Weir) => (await admin(weir, 'GET', '/admin/content')).json
  const waiting = async (weir: Weir): Promise<number> => {
    const { objects } = await standing(weir)
    return objects
      .filter((each: { state: string }) => each.state !== 'stored')
      .reduce((sum: number, each: { objects: number }) => sum + each.objects, 0)
  }

  test('large bodies lie outside under their tenant, are fetched back, and go with their rows', async () => {
    const server = await bucketServer()
    const weir = await start(provider(), store(server))
    const small = await ask(weir)
    const large = await ask(weir, { filler: 20_000 })
    const { log_id: id } = await weir.row(large)
    await until('it is out', () => server.objects().length === 1)
    await until('it says so', async () => (await waiting(weir)) === 0)
    expect(server.objects()[0]).toMatch(
      new RegExp(`^weir/default/\\d{4}/\\d\\d/\\d\\d/${String(id)}\\.json\\.zst$`),
    )
    for (const requestId of [small, large]) {
      const { json, text } = await contentOf(weir, requestId)
      expect(json.client_request).toContain(ASKED)
      expect(text).not.toContain('canary.person')
    }
    const detail = await admin(weir, 'GET', `/admin/requests/${String(id)}`)
    expect(detail.json.has_content).toBe(true)
    const lines = await admin(weir, 'GET', '/admin/requests/export?content=true')
    const exported = lines.text.trim().split('\n')
    expect(exported).toHaveLength(2)
    for (const line of exported) expect(line).toContain(ASKED)
    await admin(weir, 'POST', '/admin/erasures', {
      kind: 'key',
      subject: 'file:client',
      mode: 'delete',
      reason: 'asked for',
    })
    await until(
      'rows and objects are gone',
      () => weir.rows().length === 0 && server.objects().length === 0,
    )
    expect(weir.stdout() + weir.stderr()).not.toContain(server.secretKey)
  })

  test('a bucket that is away costs no request and no body, and gets them when it is back', async () => {
    const server = await bucketServer()
    const upstream = provider()
    const weir = await start(upstream, store(server))
    await server.pause()
    const ids = [await ask(weir, { filler: 5_000 }), await ask(weir, { filler: 5_000 })]
    // It lies in the store meanwhile.
    for (const id of ids) expect((await contentOf(weir, id)).json.client_request).toContain(ASKED)
    await until('it is told', async () => (await standing(weir)).problem !== null)
    expect((await standing(weir)).failed).toBeGreaterThan(0)
    await server.resume()
    await until(
      'all are out',
      async () => server.objects().length === 2 && (await waiting(weir)) === 0,
    )
    await server.pause()
    const away = await contentOf(weir, ids[0]!)
    expect([away.status, away.json.code]).toEqual([503, 'content_unavailable'])
    expect((await ask(weir)).length).toBeGreaterThan(0)
  })

  test.each([
    ['a wrong secret', { secret_key: 'another-secret-0123456789' }, 'SignatureDoesNotMatch'],
    ['no such bucket', { bucket: 'not-there' }, 'NoSuchBucket'],
    ['the wrong region', { region: 'eu-other-1' }, 'AuthorizationHeaderMalformed'],
  ])('%s is told and keeps bodies in the store', async (_name, more, code) => {
    const server = await bucketServer()
    const weir = await start(provider(), store(server, more))
    const id = await ask(weir, { filler: 5_000 })
    await until('it is told', async () => ((await standing(weir)).problem ?? '').includes(code))
    expect((await contentOf(weir, id)).json.client_request).toContain(ASKED)
    expect(server.objects()).toEqual([])
  })

  test('objects that no row knows are found and, old enough, deleted; young ones stay', async () => {
    const server = await bucketServer()
    const weir = await start(provider(), store(server))
    await ask(weir, { filler: 5_000 })
    await until(
      'it is out',
      async () => server.objects().length === 1 && (await waiting(weir)) === 0,
    )
    const stray = join(server.folder, 'weir/default/2026/01/02', `${crypto.randomUUID()}.json.zst`)
    await Bun.write(stray, 'x')
    expect((await admin(weir, 'POST', '/admin/content/sweep', {})).json).toMatchObject({
      looked: 2,
      orphans: 0,
      deleted: 0,
    })
    Bun.spawnSync(['touch', '-d', '3 days ago', stray])
    expect((await admin(weir, 'POST', '/admin/content/sweep', {})).json).toMatchObject({
      orphans: 1,
      deleted: 0,
      dry_run: true,
    })
    const swept = await admin(weir, 'POST', '/admin/content/sweep', { dry_run: false })
    expect(swept.json).toMatchObject({ orphans: 1, deleted: 1 })
    expect(server.objects()).toHaveLength(1)
  })

  test('credentials come from the environment or a profile where the file has none', async () => {
    const server = await bucketServer()
    const { content_store: given, log } = store(server)
    const { access_key: _a, secret_key: _s, ...s3 } = given.s3
    const weir = await start(provider(), {
      content_store: { ...given, s3 },
      log,
      env: { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey },
    })
    await ask(weir, { filler: 5_000 })
    await until('it is out', () => server.objects().length === 1)
  })
})
