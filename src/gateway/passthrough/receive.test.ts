import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GatewayError } from '../../core/error.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Deadlines, StreamedBody } from '../../core/ports.ts'
import { systemIds } from '../../system.ts'
import { receiveBody, receiveForm, type Incoming, type ReceiveDeps } from './receive.ts'
import { Spool, SpoolRoom, type SpoolSettings } from './spool.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-receive-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const MIB = 1024 * 1024
const HEADER = { 'content-type': 'multipart/form-data; boundary=b' }

/** Deadlines that a test fires by hand. */
class ManualDeadlines implements Deadlines {
  readonly waiting: { delayMs: number; fire: () => void }[] = []
  after(delayMs: number, fire: () => void) {
    const entry = { delayMs, fire }
    this.waiting.push(entry)
    return {
      cancel: () => {
        const at = this.waiting.indexOf(entry)
        if (at >= 0) this.waiting.splice(at, 1)
      },
    }
  }
}

function room(over: Partial<SpoolSettings> = {}): SpoolRoom {
  return new SpoolRoom({ folder: () => join(folder, 'uploads'), ids: systemIds, ...over })
}

function receiving(over: Partial<ReceiveDeps> = {}): ReceiveDeps & { deadlines: ManualDeadlines } {
  return {
    room: room(),
    uploadBytesMax: () => 64 * MIB,
    ...over,
    deadlines: new ManualDeadlines(),
  }
}

interface Sent {
  readonly incoming: Incoming
  readonly cancelled: () => boolean
  readonly pulls: () => number
  readonly leave: AbortController
}

/** A client that sends these pieces as they are asked for; `hang` sends nothing more, `break` breaks off. */
function sending(
  pieces: Iterable<Uint8Array | string>,
  ending: 'end' | 'hang' | 'break' = 'end',
  headers: Record<string, string> = HEADER,
): Sent {
  const iterator = pieces[Symbol.iterator]()
  const leave = new AbortController()
  let cancelled = false
  let pulls = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulls += 1
        const next = iterator.next()
        if (next.done !== true) {
          const { value } = next
          controller.enqueue(typeof value === 'string' ? Buffer.from(value) : value)
        } else if (ending === 'end') controller.close()
        else if (ending === 'break') {
          leave.abort()
          controller.error(new DOMException('The connection was closed.', 'AbortError'))
        } else return new Promise(() => undefined)
        return undefined
      },
      cancel() {
        cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return {
    incoming: { headers: new Headers(headers), body, signal: leave.signal },
    cancelled: () => cancelled,
    pulls: () => pulls,
    leave,
  }
}

const FILE_HEAD = '--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'
const MODEL_AND_END =
  '\r\n--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b--\r\n'

function* upload(mebibytes: number): Generator<Uint8Array | string> {
  yield FILE_HEAD
  for (let index = 0; index < mebibytes * 4; index += 1) yield new Uint8Array(MIB / 4).fill(index)
  yield MODEL_AND_END
}

async function failure(receivingIt: Promise<unknown>): Promise<GatewayError> {
  try {
    await receivingIt
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('it did not fail')
}

async function contentOf(content: Uint8Array | StreamedBody): Promise<Uint8Array> {
  if (content instanceof Uint8Array) return content
  return await new Response(content.open() as ConstructorParameters<typeof Response>[0]).bytes()
}

const filesLeft = () => {
  try {
    return readdirSync(join(folder, 'uploads'))
  } catch {
    return []
  }
}

describe('an upload that ends badly leaves nothing behind', () => {
  test.each([
    [
      'the client leaves in the middle',
      () => sending(take(upload(8), 12), 'break'),
      'client_closed',
    ],
    [
      'broken framing after a large part',
      () => sending([FILE_HEAD, new Uint8Array(2 * MIB), '\r\n--bx']),
      'invalid_request',
    ],
    ['no end', () => sending([FILE_HEAD, new Uint8Array(2 * MIB)]), 'invalid_request'],
    [
      'the model twice',
      () =>
        sending([
          FILE_HEAD,
          new Uint8Array(2 * MIB),
          MODEL_AND_END.replace('--b--\r\n', MODEL_AND_END.slice(2)),
        ]),
      'invalid_request',
    ],
    [
      'a declared length over the limit',
      () => sending(upload(2), 'end', { ...HEADER, 'content-length': '99999999' }),
      'request_too_large',
    ],
    [
      'another length than was declared',
      () => sending(upload(2), 'end', { ...HEADER, 'content-length': '5' }),
      'invalid_request',
    ],
    [
      'compression',
      () => sending(upload(1), 'end', { ...HEADER, 'content-encoding': 'gzip' }),
      'unsupported_media_type',
    ],
  ] as const)('%s', async (_name, make, kind) => {
    const sent = make()
    const deps = receiving({ uploadBytesMax: () => 32 * MIB })
    expect((await failure(receiveForm(sent.incoming, deps))).kind).toBe(kind)
    expect(deps.room.bytesOnDisk).toBe(0)
    expect(filesLeft()).toEqual([])
    expect(deps.deadlines.waiting).toEqual([])
  })

  test('a body larger than the limit is not read to its end', async () => {
    const sent = sending(upload(64))
    const deps = receiving({ uploadBytesMax: () => 3 * MIB })
    expect((await failure(receiveForm(sent.incoming, deps))).kind).toBe('request_too_large')
    expect(sent.cancelled()).toBe(true)
    expect(sent.pulls()).toBeLessThan(20)
  })

  test.each([LIMITS.uploadIdleTimeoutMs, LIMITS.uploadTotalTimeoutMs])(
    'a client that stands still is not waited for: %d ms',
    async (delayMs) => {
      const sent = sending(take(upload(8), 10), 'hang')
      const deps = receiving()
      const failing = failure(receiveForm(sent.incoming, deps))
      while (sent.pulls() < 11) await Bun.sleep(1)
      deps.deadlines.waiting.find((entry) => entry.delayMs === delayMs)!.fire()
      expect((await failing).kind).toBe('request_timeout')
      expect(sent.cancelled()).toBe(true)
      expect(deps.room.bytesOnDisk).toBe(0)
    },
  )

  test('a full disk is an error, at once', async () => {
    const full = room({ openFile: () => open('/dev/full', 'r+') })
    const sent = sending(upload(8))
    const error = await failure(receiveForm(sent.incoming, receiving({ room: full })))
    expect(error.kind).toBe('storage_unavailable')
    expect(error.message).not.toContain(folder)
    expect(full.bytesOnDisk).toBe(0)
    expect(sent.cancelled()).toBe(true)
  })

  test('a folder that cannot be made is an error', async () => {
    const file = join(folder, 'a-file')
    writeFileSync(file, '')
    const blocked = room({ folder: () => join(file, 'uploads') })
    const error = await failure(
      receiveForm(sending(upload(8)).incoming, receiving({ room: blocked })),
    )
    expect(error.kind).toBe('storage_unavailable')
  })

  test('all uploads together have their bound, and give it back', async () => {
    const shared = room()
    shared.take(LIMITS.uploadDiskBytesMax - MIB)
    const deps = receiving({ room: shared })
    const error = await failure(receiveForm(sending(upload(4)).incoming, deps))
    expect(error.kind).toBe('overloaded')
    expect(error.retryAfterMs).toBeGreaterThan(0)
    expect(shared.bytesOnDisk).toBe(LIMITS.uploadDiskBytesMax - MIB)
  })
})

function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count
  for (const item of items) {
    if (left === 0) return
    left -= 1
    yield item
  }
}

test('a small form stays in memory, a large one lies on disk without a name', async () => {
  const deps = receiving()
  await using small = disposable(
    await receiveForm(sending([FILE_HEAD, 'x', MODEL_AND_END]).incoming, deps),
  )
  expect(small.content()).toBeInstanceOf(Uint8Array)
  expect(deps.room.bytesOnDisk).toBe(0)

  const modes: number[] = []
  const watched = room({
    openFile: async (path) => {
      const file = await open(path, 'wx+', 0o600)
      modes.push((await file.stat()).mode & 0o777)
      return file
    },
  })
  const large = await receiveForm(sending(upload(4)).incoming, receiving({ room: watched }))
  expect(large.content()).not.toBeInstanceOf(Uint8Array)
  expect(modes).toEqual([0o600])
  expect(statSync(join(folder, 'uploads')).mode & 0o777).toBe(0o700)
  expect(filesLeft()).toEqual([])
  expect(watched.bytesOnDisk).toBe(large.bytes)
  await large.dispose()
  await large.dispose()
  expect(watched.bytesOnDisk).toBe(0)
  const reading = large.content()
  await expect(contentOf(reading)).rejects.toThrow()
})

function disposable<T extends { dispose(): Promise<void> }>(it: T): T & AsyncDisposable {
  return Object.assign(it, { [Symbol.asyncDispose]: () => it.dispose() })
}

test.each([0.1, 4])(
  'the model is another and the rest the same, as often as asked: %d MiB',
  async (size) => {
    const pieces = [...upload(size)]
    const original = Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)))
    const form = await receiveForm(sending(pieces).incoming, receiving())
    try {
      for (const name of ['whisper-large-v3', 'w', '']) {
        const content = form.withField('model', name)
        const bytes = await contentOf(content)
        const expected = Buffer.from(
          original.toString('latin1').replace('whisper-1', name),
          'latin1',
        )
        expect(Buffer.compare(bytes, expected)).toBe(0)
        expect(content instanceof Uint8Array ? content.length : content.bytes).toBe(expected.length)
      }
      expect(() => form.withField('model', 'a\r\n--b')).toThrow(GatewayError)
    } finally {
      await form.dispose()
    }
  },
)

test('a model is added where the form has none', async () => {
  const body = `${FILE_HEAD}x\r\n--b--`
  const form = await receiveForm(sending([body]).incoming, receiving())
  const bytes = await contentOf(form.withField('model', 'm'))
  const again = await receiveForm(sending([bytes]).incoming, receiving())
  expect(again.fields.get('model')?.value).toBe('m')
})

test('a body of any kind is taken as it is', async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(60_000))
  const sent = sending([bytes], 'end', { 'content-type': 'application/octet-stream' })
  const body = await receiveBody(sent.incoming, receiving())
  expect(await contentOf(body.content())).toEqual(bytes)
  expect(body.contentType).toBe('application/octet-stream')
})

test('a spool holds no more than its share of memory, in whatever pieces it is written', async () => {
  for (const piece of [1_000, 70_000, 3 * MIB]) {
    const shared = room()
    const spool = new Spool(shared)
    for (let written = 0; written < 12 * MIB; written += piece) {
      await spool.write(new Uint8Array(piece))
      expect(spool.bytes - shared.bytesOnDisk).toBeLessThanOrEqual(LIMITS.uploadMemoryBytesMax)
    }
    await spool.dispose()
  }
})
