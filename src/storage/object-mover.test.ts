// Bodies on their way to a bucket that misbehaves: away, slow, refusing, cutting uploads off, answering late. None is lost or doubled, none
// waits for ever, nothing is asked without a rest; and what S3's own examples sign to is what is signed here.

import { afterAll, afterEach, describe, expect, test } from 'bun:test'
import type { S3Settings } from '../core/content.ts'
import type { Transport } from '../core/ports.ts'
import { SharedDeadlines } from '../transport/deadlines.ts'
import { createTransport } from '../transport/http-transport.ts'
import { ObjectMover } from './object-mover.ts'
import { objectKeyOf } from './object-key.ts'
import { packBodies } from './packed-bodies.ts'
import { s3Headers, s3Query } from './s3-signature.ts'
import { S3Store } from './s3-store.ts'
import type { Store } from './store.ts'
import {
  MemoryLogger,
  realClock,
  removeFolders,
  sampleOutcome,
  storeIn,
  temporaryFolder,
  until,
} from './test-store.ts'

afterAll(removeFolders)
const ending: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end()
})

/** A bucket in memory that does to each request what the test wants. */
class Bucket {
  readonly objects = new Map<string, Uint8Array>()
  readonly asked: string[] = []
  fault: ((request: Request) => Response | undefined | Promise<Response | undefined>) | undefined
  private readonly server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async (request) => {
      const key = decodeURIComponent(new URL(request.url).pathname.slice('/bucket/'.length))
      this.asked.push(`${request.method} ${key}`)
      const faulty = await this.fault?.(request)
      if (faulty !== undefined) return faulty
      if (request.method === 'PUT') {
        this.objects.set(key, new Uint8Array(await request.arrayBuffer()))
        return new Response('', { headers: { etag: '"1"' } })
      }
      if (request.method === 'DELETE') {
        this.objects.delete(key)
        return new Response(null, { status: 204 })
      }
      const found = this.objects.get(key)
      return found === undefined ? s3Error(404, 'NoSuchKey') : new Response(found as never)
    },
  })

  constructor() {
    ending.push(() => this.server.stop(true))
  }

  settings(): S3Settings {
    return {
      endpoint: `http://127.0.0.1:${this.server.port}`,
      region: 'eu-test-1',
      bucket: 'bucket',
      prefix: 'p/',
      pathStyle: true,
      encryption: 'none',
    }
  }

  stop(): void {
    void this.server.stop(true)
  }
}

function s3Error(status: number, code: string): Response {
  return new Response(`<Error><Code>${code}</Code><Message>secret words</Message></Error>`, {
    status,
  })
}

const transport: Transport = createTransport(realClock, new SharedDeadlines(realClock))

function storeAt(settings: S3Settings, allowPrivate = true): S3Store {
  return new S3Store(settings, {
    transport,
    clock: realClock,
    credentials: () => ({ accessKeyId: 'id', secretAccessKey: 'a-secret-of-a-test' }),
    network: () => ({ verify: true, allowPrivate }),
  })
}

async function ready(bucket: Bucket) {
  const store = await storeIn(temporaryFolder())
  ending.push(() => store.close())
  const logger = new MemoryLogger()
  // Stands still: a rest of a second or two is not over because this machine was busy with something else.
  const startMs = Date.now()
  const clock = { ...realClock, offsetMs: 0, nowMs: () => startMs + clock.offsetMs }
  const mover = new ObjectMover({
    log: store.contentLog,
    clock,
    logger,
    random: () => 0.5,
    roundIntervalMs: 3_600_000,
  })
  ending.push(() => mover.stop())
  mover.use(storeAt(bucket.settings()))
  await mover.run()
  return { clock, logger, mover, store }
}

async function put(store: Store, tenantId = 'default') {
  const bare = sampleOutcome({ tenantId, timestampMs: Date.UTC(2026, 1, 3) })
  const packedBodies = await packBodies({ requestBody: 'question', responseBody: 'answer' })
  const objectKey = objectKeyOf('p/', bare)
  store.log.record({ ...bare, packedBodies, objectKey })
  expect(await store.log.flush()).toBe(true)
  return { logId: bare.logId, objectKey }
}

const states = async (store: Store) =>
  Object.fromEntries(
    (await store.contentLog.counts()).map(({ objects, state }) => [state, objects]),
  )

describe('bodies on their way out', () => {
  test('lie in the store until they lie outside, under their tenant and day', async () => {
    const bucket = new Bucket()
    const { mover, store } = await ready(bucket)
    const { logId, objectKey } = await put(store, 'team-a')
    expect(objectKey).toBe(`p/team-a/2026/02/03/${logId}.json.zst`)
    const before = await store.search.find('team-a', logId)
    expect(before?.outcome.requestBody).toBe('question')
    await mover.run()
    expect([...bucket.objects.keys()]).toEqual([objectKey])
    const after = await store.search.find('team-a', logId)
    expect([after?.objectKey, after?.outcome.requestBody]).toEqual([objectKey, undefined])
    expect(await mover.bodiesOf(objectKey)).toEqual({
      requestBody: 'question',
      responseBody: 'answer',
    })
  })

  test.each<[string, (request: Request) => Response | Promise<Response>, string]>([
    ['refuses', () => s3Error(403, 'AccessDenied'), '403 AccessDenied'],
    ['is gone', () => s3Error(404, 'NoSuchBucket'), '404 NoSuchBucket'],
    [
      'is in another region',
      () => s3Error(400, 'AuthorizationHeaderMalformed'),
      '400 AuthorizationHeaderMalformed',
    ],
    ['says nothing one could read', () => new Response('<html>', { status: 502 }), '502 Unknown'],
    ['sends elsewhere', () => Response.redirect('http://127.0.0.1:1/x', 307), 'upstream_redirect'],
  ])(
    'a bucket that %s is told of without its words, rested from, and got over',
    async (_name, fault, told) => {
      const bucket = new Bucket()
      const { clock, logger, mover, store } = await ready(bucket)
      const { logId, objectKey } = await put(store)
      bucket.fault = fault
      await mover.run()
      expect(mover.counters.problem).toBe(told)
      expect(JSON.stringify(logger.lines)).not.toMatch(/secret words|a-secret/)
      expect((await store.search.find('default', logId))?.outcome.requestBody).toBe('question')
      // Not again before its time.
      const asked = bucket.asked.length
      await mover.run()
      expect(bucket.asked.length).toBe(asked)
      bucket.fault = undefined
      clock.offsetMs = 3_600_000
      await mover.run()
      expect([...bucket.objects.keys()]).toEqual([objectKey])
      expect(mover.counters).toMatchObject({ moved: 1, problem: undefined })
    },
  )

  test('an upload that breaks off is made again', async () => {
    const bucket = new Bucket()
    const { clock, mover, store } = await ready(bucket)
    await put(store)
    // Hangs up in the middle of what it is sent.
    const rude = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: { data: (socket) => void socket.terminate() },
    })
    ending.push(() => rude.stop(true))
    const settings = { ...bucket.settings(), endpoint: `http://127.0.0.1:${rude.port}` }
    mover.use(storeAt(settings))
    await mover.run()
    expect(await states(store)).toEqual({ waiting: 1 })
    expect(mover.counters.problem).toBe('upstream_error')
    mover.use(storeAt(bucket.settings()))
    clock.offsetMs = 3_600_000
    await mover.run()
    expect(await states(store)).toEqual({ stored: 1 })
    expect(bucket.objects.size).toBe(1)
  })

  test('whose answer was lost are there once, after a restart too', async () => {
    const bucket = new Bucket()
    const first = await ready(bucket)
    const { objectKey } = await put(first.store)
    bucket.fault = async (request) => {
      bucket.objects.set(objectKey, new Uint8Array(await request.arrayBuffer()))
      return s3Error(500, 'InternalError')
    }
    await first.mover.run()
    bucket.fault = undefined
    // Another process, later, on the same store.
    const clock = { ...realClock, nowMs: () => Date.now() + 3_600_000 }
    const log = first.store.contentLog
    const next = new ObjectMover({ log, clock, logger: new MemoryLogger(), random: () => 0.5 })
    ending.push(() => next.stop())
    next.use(storeAt(bucket.settings()))
    await until('it is out', async () => (await states(first.store))['stored'] === 1)
    expect(bucket.objects.size).toBe(1)
  })

  test('whose row goes meanwhile leave no object behind', async () => {
    const bucket = new Bucket()
    const { clock, mover, store } = await ready(bucket)
    await put(store)
    // Between the upload and the word that it is done.
    bucket.fault = async () => {
      store.upkeep.start(() => ({ retentionMs: 1_000 }))
      await store.upkeep.run()
      return undefined
    }
    await mover.run()
    expect(bucket.objects.size + ((await states(store))['leaving'] ?? 0)).toBeGreaterThan(0)
    bucket.fault = undefined
    clock.offsetMs = 3_600_000
    await mover.run()
    expect(bucket.objects.size).toBe(0)
    expect(await states(store)).toEqual({})
  })

  test('whose object another replica deletes while it is brought out leave none behind', async () => {
    const bucket = new Bucket()
    const { mover, store } = await ready(bucket)
    const { objectKey } = await put(store)
    bucket.fault = async (request) => {
      if (request.method !== 'PUT') return undefined
      bucket.fault = undefined
      // The row went, the other one deletes what is not there yet, and only then the upload is done.
      await store.contentLog.gone({ objectKey, sequence: 1, timestampMs: 0, tries: 0 })
      return undefined
    }
    await mover.run()
    expect(bucket.asked).toEqual([`PUT ${objectKey}`, `DELETE ${objectKey}`])
    expect(bucket.objects.size).toBe(0)
  })

  test('stay in the store, and deletions on the list, where something that is no bucket answers', async () => {
    const bucket = new Bucket()
    const { clock, mover, store } = await ready(bucket)
    const { logId, objectKey } = await put(store)
    bucket.fault = () => new Response('<html>welcome</html>')
    await mover.run()
    expect(await states(store)).toEqual({ waiting: 1 })
    expect(mover.counters.problem).toBe('200 NoETag')
    bucket.fault = undefined
    clock.offsetMs = 3_600_000
    await mover.run()
    expect(await states(store)).toEqual({ stored: 1 })
    bucket.fault = () => new Response('<html>not found</html>', { status: 404 })
    await expect(mover.bodiesOf(objectKey)).rejects.toMatchObject({ status: 503 })
    store.upkeep.start(() => ({ retentionMs: 1_000 }))
    await store.upkeep.run()
    await mover.run()
    expect(await states(store)).toEqual({ leaving: 1 })
    expect(mover.counters.problem).toBe('404 Unknown')
    expect(await store.search.find('default', logId)).toBeUndefined()
  })

  test('that unpack to more than bodies come to, or to none, are told as damaged', async () => {
    const bucket = new Bucket()
    const { mover } = await ready(bucket)
    for (const bytes of [
      await Bun.zstdCompress(new Uint8Array(200_000_000)),
      await Bun.zstdCompress('{"no":"list"}'),
      new TextEncoder().encode('no zstd'),
    ]) {
      bucket.objects.set('p/x', bytes)
      await expect(mover.bodiesOf('p/x')).rejects.toMatchObject({
        status: 404,
        code: 'content_damaged',
      })
    }
  })

  test('that are damaged in the store take no request with them', async () => {
    const { store } = await ready(new Bucket())
    const bare = sampleOutcome({ timestampMs: Date.UTC(2026, 1, 3) })
    store.log.record({ ...bare, packedBodies: Buffer.from('no zstd') })
    expect(await store.log.flush()).toBe(true)
    expect(await store.search.find('default', bare.logId)).toMatchObject({
      isContentDamaged: true,
      outcome: { logId: bare.logId },
    })
  })

  test('are swept where no row knows them; what is called otherwise is somebody else’s', async () => {
    const bucket = new Bucket()
    const { mover, store } = await ready(bucket)
    const { objectKey } = await put(store)
    await mover.run()
    const orphan = objectKey.replace('/2026/', '/2025/')
    const names = [objectKey, orphan, 'p/notes.txt', `other/${orphan.slice(2)}`]
    const page = names.map(
      (name) =>
        `<Contents><Key>${name}</Key><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>`,
    )
    bucket.fault = (request) =>
      request.method === 'GET' ? new Response(`<R>${page.join('')}</R>`) : undefined
    expect(await mover.sweep(false)).toMatchObject({ looked: 4, orphans: 1, deleted: 1 })
    expect(bucket.asked.filter((asked) => asked.startsWith('DELETE'))).toEqual([`DELETE ${orphan}`])
    // Without a bucket there is nothing that could be away.
    mover.use(undefined)
    await expect(mover.sweep(true)).rejects.toMatchObject({ status: 409, code: 'no_content_store' })
  })

  test('that cannot be had now are a 503, and those that are lost a 404', async () => {
    const bucket = new Bucket()
    const { mover, store } = await ready(bucket)
    const { objectKey } = await put(store)
    await mover.run()
    bucket.fault = () => s3Error(503, 'SlowDown')
    await expect(mover.bodiesOf(objectKey)).rejects.toMatchObject({
      status: 503,
      code: 'content_unavailable',
    })
    bucket.fault = undefined
    bucket.objects.clear()
    await expect(mover.bodiesOf(objectKey)).rejects.toMatchObject({
      status: 404,
      code: 'content_not_found',
    })
    mover.use(undefined)
    await expect(mover.bodiesOf(objectKey)).rejects.toMatchObject({ status: 503 })
  })

  test('at an address that is not allowed go nowhere', async () => {
    const bucket = new Bucket()
    const guarded = storeAt(bucket.settings(), false)
    await expect(
      guarded.put('x', new Uint8Array([1]), new AbortController().signal),
    ).rejects.toThrow()
    expect(bucket.asked).toEqual([])
  })
})

// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "GET Object" and "GET Bucket Lifecycle"
describe('signatures of S3’s own examples', () => {
  const scope = {
    credentials: {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    },
    region: 'us-east-1',
    nowMs: Date.UTC(2013, 4, 24),
  }
  const request = { method: 'GET', host: 'examplebucket.s3.amazonaws.com', body: '', headers: {} }

  test.each([
    [
      { path: '/test.txt', query: {}, headers: { range: 'bytes=0-9' } },
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ],
    [
      { path: '/', query: { lifecycle: '' } },
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ],
    [
      { path: '/', query: { 'max-keys': '2', prefix: 'J' } },
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ],
  ])('%o', (more, signature) => {
    const headers = s3Headers({ ...request, ...more }, scope)
    expect(headers['authorization']).toContain(`Signature=${signature}`)
  })

  test('a query is sorted and encoded in one way', () => {
    expect(s3Query({ b: "it's (a) *", a: '' })).toBe('a=&b=it%27s%20%28a%29%20%2A')
  })
})
