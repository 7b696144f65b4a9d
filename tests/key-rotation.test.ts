// A provider's key is replaced while requests go on, through the executable: the new one is added, the old one drains and is taken
// away. No request fails, the provider never sees a key it does not know, and a stream begun with the old key ends properly.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Server } from 'bun'
import type { Provider } from '../src/core/catalog.ts'
import { storeIn, TEST_ACTOR } from '../src/storage/test-store.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(180_000)

const OLD = 'sk-live-old-0123456789-aaaa'
const NEW = 'sk-live-new-0123456789-bbbb'
const REQUESTS_PER_SECOND = 50
/** Every so many a request is a stream. */
const STREAM_EACH = 5
/** Answers in a row with one key after which no other is in use: with two in turn the chance is nil. */
const IN_A_ROW = 60

interface Seen {
  readonly key: string
  readonly status: number
}

/** Takes only keys that it knows, as a provider whose keys come and go. */
class KeyedProvider {
  readonly known = new Set<string>([OLD])
  readonly seen: Seen[] = []
  readonly server: Server<undefined>
  private release: () => void = () => {}
  private readonly released: Promise<void>

  constructor() {
    this.released = new Promise((resolve) => {
      this.release = resolve
    })
    this.server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      idleTimeout: 0,
      fetch: (request) => this.answer(request),
    })
  }

  /** Lets held streams end. */
  endStreams(): void {
    this.release()
  }

  usesOf(key: string): number {
    return this.seen.filter((each) => each.key === key).length
  }

  /** The last so many were asked with this key. */
  usesOnly(key: string): boolean {
    return (
      this.seen.length >= IN_A_ROW && this.seen.slice(-IN_A_ROW).every((each) => each.key === key)
    )
  }

  private async answer(request: Request): Promise<Response> {
    if (request.method === 'GET') return Response.json({ object: 'list', data: [{ id: 'm' }] })
    const key = (request.headers.get('authorization') ?? '').replace('Bearer ', '')
    const body = (await request.json()) as { stream?: boolean; user?: string }
    const status = this.known.has(key) ? 200 : 401
    this.seen.push({ key, status })
    if (status !== 200) {
      return Response.json(
        { error: { message: 'Incorrect API key', code: 'invalid_api_key' } },
        { status },
      )
    }
    if (body.stream === true) return this.stream(body.user === 'held')
    return Response.json(
      completion({ message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }),
    )
  }

  private stream(isHeld: boolean): Response {
    const { released } = this
    const encode = (value: unknown) =>
      new TextEncoder().encode(`data: ${JSON.stringify(value)}\n\n`)
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(
          encode(completion({ delta: { role: 'assistant', content: 'hel' }, finish_reason: null })),
        )
        await (isHeld ? released : Bun.sleep(100))
        controller.enqueue(encode(completion({ delta: { content: 'lo' }, finish_reason: null })))
        controller.enqueue(encode(completion({ delta: {}, finish_reason: 'stop' })))
        controller.enqueue(new TextEncoder().encode('data: [DONE]\n\n'))
        controller.close()
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
}

function completion(choice: object): object {
  return {
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, ...choice }],
  }
}

/** Steady traffic until it is stopped; every answer that is not whole is kept. */
class Traffic {
  readonly failures: string[] = []
  sent = 0
  private readonly running = new Set<Promise<void>>()
  private readonly timer: ReturnType<typeof setInterval>
  private readonly weir: Weir
  private readonly model: string

  constructor(weir: Weir, model: string) {
    this.weir = weir
    this.model = model
    this.timer = setInterval(() => this.send(), 1_000 / REQUESTS_PER_SECOND)
  }

  async stop(): Promise<void> {
    clearInterval(this.timer)
    await Promise.all(this.running)
  }

  private send(): void {
    this.sent += 1
    const asked = ask(this.weir, this.model, this.sent % STREAM_EACH === 0).catch(
      (error: unknown) => {
        this.failures.push(String(error))
      },
    )
    this.running.add(asked)
    void asked.finally(() => this.running.delete(asked))
  }
}

/** Asks once. @throws when the answer is not the whole one */
async function ask(weir: Weir, model: string, stream: boolean, user = 'usual'): Promise<void> {
  const response = await fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, user, stream, messages: [{ role: 'user', content: 'hi' }] }),
  })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${response.status} ${text}`)
  const said = stream
    ? [...text.matchAll(/"content":"(\w*)"/g)].map((match) => match[1]).join('')
    : (JSON.parse(text) as { choices: { message: { content: string } }[] }).choices[0]?.message
        .content
  const isWhole = said === 'hello' && (!stream || text.trimEnd().endsWith('data: [DONE]'))
  if (!isWhole) throw new Error(`not whole: ${text}`)
}

async function until(name: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + 45_000
  while (!(await holds())) {
    if (performance.now() > limit) throw new Error(`waited in vain until ${name}`)
    await Bun.sleep(10)
  }
}

/** The three steps of a rotation, however they are made. */
interface Steps {
  add(): Promise<void>
  drain(): Promise<void>
  retire(): Promise<void>
}

async function rotate(weir: Weir, provider: KeyedProvider, model: string, steps: Steps) {
  const held = (async () => await ask(weir, model, true, 'held'))()
  await until('the held stream runs', () => provider.usesOf(OLD) > 0)
  const traffic = new Traffic(weir, model)
  await until('there is traffic', () => provider.usesOnly(OLD))

  provider.known.add(NEW)
  await steps.add()
  await until('the new key is used', () => provider.usesOf(NEW) >= IN_A_ROW / 2)
  await steps.drain()
  await until('the old key is left alone', () => provider.usesOnly(NEW))
  const usesOfOld = provider.usesOf(OLD)
  await steps.retire()
  // From now on the provider does not know it either.
  provider.known.delete(OLD)
  const sent = traffic.sent
  await until('there is more traffic', () => traffic.sent >= sent + 2 * REQUESTS_PER_SECOND)
  await traffic.stop()
  provider.endStreams()
  await held

  expect(traffic.failures).toEqual([])
  expect(provider.seen.filter(({ status }) => status !== 200)).toEqual([])
  expect(provider.usesOf(OLD)).toBe(usesOfOld)
  expect(provider.seen).toHaveLength(traffic.sent + 1)
  return { requests: traffic.sent, withOld: usesOfOld, withNew: provider.usesOf(NEW) }
}

function storedProvider(id: string, baseUrl: string): Provider {
  return {
    id,
    type: 'openai',
    origin: 'store',
    baseUrl,
    keys: [{ id: 'first', secret: OLD }],
    // Longer than a busy machine takes: a repeat would be a request too many.
    timeouts: { connectMs: 30_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 120_000 },
    retries: { max: 2, baseMs: 50, capMs: 500 },
    network: { allowPrivate: true },
    headers: {},
  }
}

describe('rotation of a provider key under load', () => {
  let weir: Weir
  const ofStore = new KeyedProvider()
  const ofFile = new KeyedProvider()
  const baseUrl = ({ server }: KeyedProvider) => `http://127.0.0.1:${server.port}/v1`
  const fileConfig = (keys: readonly string[], draining: readonly string[] = []) => ({
    providers: [
      { id: 'declared', type: 'openai', base_url: baseUrl(ofFile), keys, draining_keys: draining },
    ],
  })

  beforeAll(async () => {
    weir = await startWeir({ config: fileConfig([OLD]), env: { NEW_KEY: NEW } })
    const store = await storeIn(weir.dataFolder)
    await store.providers.save('default', storedProvider('stored', baseUrl(ofStore)), TEST_ACTOR)
    await store.close()
  })

  afterAll(async () => {
    expect(await weir.stop()).toBe(0)
    expect(weir.stdout() + weir.stderr()).not.toContain('sk-live')
    await Promise.all([ofStore, ofFile].map(({ server }) => server.stop(true)))
  })

  const cli = async (...args: string[]) => {
    const result = await weir.runCli('providers', 'keys', ...args)
    expect(result.stdout + result.stderr).not.toContain('sk-live')
    return result
  }

  test('by commands, of a provider of the store', async () => {
    const done = async (...args: string[]) => {
      expect(await cli(...args)).toMatchObject({ code: 0, stderr: '' })
    }
    // It was made beside the running server, which takes it over and asks it for its models.
    await until('the provider is known', async () => {
      const models = await fetch(`${weir.url}/v1/models`)
      return (await models.text()).includes('stored/m')
    })
    // The only key is not taken away by mistake.
    expect(await cli('retire', 'stored', 'first')).toMatchObject({ code: 1 })
    const figures = await rotate(weir, ofStore, 'stored/m', {
      add: () => done('add', 'stored', '--from-env', 'NEW_KEY'),
      drain: () => done('drain', 'stored', 'first'),
      retire: () => done('retire', 'stored', 'first'),
    })
    process.stdout.write(`key rotation by commands: ${JSON.stringify(figures)}\n`)
    const listed = await cli('list', 'stored', '--json')
    expect(JSON.parse(listed.stdout)).toMatchObject([{ masked: '****bbbb', state: 'in use' }])
  })

  test('by editing the file', async () => {
    const reloads = () => weir.stderr().split('configuration reloaded').length
    const configure = async (keys: readonly string[], draining: readonly string[] = []) => {
      const before = reloads()
      weir.configure(fileConfig(keys, draining))
      await until('the file is taken over', () => reloads() > before)
    }
    const figures = await rotate(weir, ofFile, 'declared/m', {
      add: () => configure([OLD, NEW]),
      drain: () => configure([NEW], [OLD]),
      retire: () => configure([NEW]),
    })
    process.stdout.write(`key rotation by the file: ${JSON.stringify(figures)}\n`)
    const refused = await cli('drain', 'declared', 'bbbb')
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("'draining_keys'")])
  })
})
