// The four bodies of a request as one packed piece: a request and what went to the provider are nearly the same text, so together they take
// little more than one. Zstandard (RFC 8878) of a JSON array; the same bytes lie in the store and outside of it.

import { promisify } from 'node:util'
import { contentDamaged, type Bodies } from '../core/content.ts'
import { LIMITS } from '../core/limits.ts'

/** Effort, of 1 to 22: more saves a few percent and costs several times as much. */
const LEVEL = 3

/** Off the thread that serves requests. */
export async function packBodies(bodies: Bodies): Promise<Buffer> {
  const { providerRequestBody, providerResponseBody, requestBody, responseBody } = bodies
  const list = [requestBody, responseBody, providerRequestBody, providerResponseBody]
  return await Bun.zstdCompress(JSON.stringify(list.map((body) => body ?? null)), {
    level: LEVEL,
  })
}

/**
 * Off the thread that serves requests, and never more than bodies can come to: a bucket may hand out anything.
 * @throws GatewayError 404 `content_damaged` where the bytes are none that `packBodies` has made
 */
export async function unpackBodies(packed: Uint8Array): Promise<Bodies> {
  const list = await listOf(packed)
  const body = (at: number): string | undefined =>
    typeof list[at] === 'string' ? list[at] : undefined
  const [requestBody, responseBody, providerRequestBody, providerResponseBody] = [0, 1, 2, 3].map(
    body,
  )
  return {
    ...(requestBody === undefined ? {} : { requestBody }),
    ...(responseBody === undefined ? {} : { responseBody }),
    ...(providerRequestBody === undefined ? {} : { providerRequestBody }),
    ...(providerResponseBody === undefined ? {} : { providerResponseBody }),
  }
}

async function listOf(packed: Uint8Array): Promise<readonly unknown[]> {
  try {
    // Loaded when the first body is read: an import would cost every start milliseconds.
    const { zstdDecompress } = process.getBuiltinModule('node:zlib')
    const bytes = await promisify(zstdDecompress)(packed, {
      maxOutputLength: LIMITS.contentUnpackedBytesMax,
    })
    const list: unknown = JSON.parse(bytes.toString('utf8'))
    if (Array.isArray(list)) return list
  } catch (error) {
    // No words of what is in it go into an error.
    if (!(error instanceof Error)) throw error
  }
  throw contentDamaged()
}
