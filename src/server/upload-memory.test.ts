import { join } from 'node:path'
import { expect, test } from 'bun:test'

const MIB = 1024 * 1024
const UPLOAD_BYTES = 256 * MIB
/** Pieces that passed and were not yet collected, whatever the size of the upload; held whole it would be more than that. */
const GROWTH_BYTES_MAX = 96 * MIB

/** A provider that counts what it gets and keeps nothing. */
function countingProvider() {
  const seen: { bytes: number; declared: number; model: boolean }[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    maxRequestBodySize: 4 * UPLOAD_BYTES,
    async fetch(request) {
      let bytes = 0
      let tail = ''
      for await (const chunk of request.body!) {
        bytes += chunk.length
        tail = (tail + Buffer.from(chunk.subarray(-300)).toString('latin1')).slice(-300)
      }
      const declared = Number(request.headers.get('content-length'))
      seen.push({ bytes, declared, model: tail.includes('\r\n\r\nwhisper-1\r\n') })
      return Response.json({ text: 'heard' })
    },
  })
  return { seen, url: `http://127.0.0.1:${server.port}/v1`, stop: () => server.stop(true) }
}

/** A form whose model comes after a file of that size, made while it is sent. */
function upload(port: number, fileBytes: number): Promise<Response> {
  const head = Buffer.from(
    '--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n',
  )
  const tail = Buffer.from(
    '\r\n--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nup/whisper-1\r\n--b--\r\n',
  )
  let left = fileBytes
  let stage = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (stage === 0) controller.enqueue(head)
      stage = 1
      const piece = Math.min(left, MIB / 4)
      left -= piece
      if (piece > 0) return controller.enqueue(new Uint8Array(piece))
      controller.enqueue(tail)
      controller.close()
    },
  })
  return fetch(`http://127.0.0.1:${port}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: {
      'content-type': 'multipart/form-data; boundary=b',
      'content-length': String(head.length + fileBytes + tail.length),
    },
    body: body as unknown as NonNullable<RequestInit['body']>,
  })
}

test('an upload of 256 MiB with its model last takes less than 96 MiB of memory', async () => {
  const provider = countingProvider()
  const script = join(import.meta.dir, '..', 'testing', 'upload-server.ts')
  const child = Bun.spawn([process.execPath, script, provider.url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const lines = linesOf(child.stdout)
    const port = Number(await lines())
    const peak = async () => {
      child.stdin.write('\n')
      child.stdin.flush()
      return Number(await lines())
    }
    // What it takes to run at all, both ways of keeping a body included.
    for (const bytes of [1_000, 4 * MIB, 4 * MIB]) {
      expect((await upload(port, bytes)).status).toBe(200)
    }
    const before = await peak()
    const answer = await upload(port, UPLOAD_BYTES)
    expect(await answer.json()).toEqual({ text: 'heard' })
    const grown = (await peak()) - before
    expect(before).toBeGreaterThan(10 * MIB)
    expect(grown).toBeLessThan(GROWTH_BYTES_MAX)
    const last = provider.seen.at(-1)!
    expect(last.bytes).toBeGreaterThan(UPLOAD_BYTES)
    expect(last).toEqual({ bytes: last.bytes, declared: last.bytes, model: true })
  } finally {
    child.kill()
    await child.exited
    await provider.stop()
  }
}, 120_000)

function linesOf(stream: ReadableStream<Uint8Array>): () => Promise<string> {
  const reader = stream.getReader()
  let text = ''
  return async () => {
    for (;;) {
      const end = text.indexOf('\n')
      if (end >= 0) {
        const line = text.slice(0, end)
        text = text.slice(end + 1)
        return line
      }
      const { done, value } = await reader.read()
      if (done) throw new Error('The server ended.')
      text += Buffer.from(value).toString()
    }
  }
}
