// Bodies of providers that compress although asked not to. Inflating is left to node's streams, which stop when nobody
// reads, so that a small bomb becomes no large memory; the bound on the whole is its reader's.

import { GatewayError } from '../core/error.ts'

/**
 * The body of a response as sent before compression; the response's own stream when it was not compressed.
 * @throws GatewayError `upstream_bad_response` for an encoding nobody knows.
 */
export function inflate(response: Response): ReadableStream<Uint8Array> | null {
  const encoding = encodingOf(response.headers)
  if (encoding === undefined || response.body === null) return response.body
  const { Readable } = process.getBuiltinModule('node:stream')
  const inflater = createInflater(encoding)
  const source = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0])
  source.on('error', (error) => inflater.destroy(error))
  inflater.on('close', () => source.destroy())
  source.pipe(inflater)
  return Readable.toWeb(inflater) as unknown as ReadableStream<Uint8Array>
}

function createInflater(encoding: string) {
  // Loaded with the first such body: the start would pay for it otherwise, and most providers do as they are asked.
  const zlib = process.getBuiltinModule('node:zlib')
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return zlib.createGunzip()
    case 'deflate':
      return zlib.createInflate()
    case 'br':
      return zlib.createBrotliDecompress()
    case 'zstd':
      return zlib.createZstdDecompress()
    default:
      throw new GatewayError('upstream_bad_response', {
        message: 'The provider sent a body in an encoding that is not understood.',
      })
  }
}

/** True when the body is not as it stands. */
export function isCompressed(headers: Headers): boolean {
  return encodingOf(headers) !== undefined
}

function encodingOf(headers: Headers): string | undefined {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase()
  return encoding === undefined || encoding === '' || encoding === 'identity' ? undefined : encoding
}
