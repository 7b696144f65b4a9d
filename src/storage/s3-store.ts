// Objects in a bucket of S3, or of a server that speaks its protocol: put, fetched, deleted, listed. Everything goes through the transport,
// so proxies, authorities and the rules for addresses hold as for any provider; nothing is retried here, and no secret is told in an error.

import type { AwsCredentials } from '../core/aws.ts'
import type { NetworkSettings } from '../core/catalog.ts'
import type { S3Settings } from '../core/content.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Transport, UpstreamMethod, UpstreamResponse } from '../core/ports.ts'
import { S3Error } from './s3-error.ts'
import { s3Encoded, s3Headers, s3Query } from './s3-signature.ts'

export interface S3Ports {
  readonly transport: Transport
  readonly clock: Pick<Clock, 'nowMs'>
  /** Undefined: there are none. Asked each time, as files and settings change. */
  credentials(): AwsCredentials | undefined
  network(url: string): NetworkSettings
}

export interface S3Listed {
  readonly key: string
  readonly changedMs: number
}

const NO_BODY = new Uint8Array()

export class S3Store {
  readonly settings: S3Settings
  private readonly ports: S3Ports

  constructor(settings: S3Settings, ports: S3Ports) {
    this.settings = settings
    this.ports = ports
  }

  /** All of it or nothing: an upload that breaks off leaves no object. @throws S3Error, or GatewayError of the transport */
  async put(key: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
    const { encryption, kmsKeyId } = this.settings
    const response = await this.send('PUT', key, {}, signal, body, {
      'content-type': 'application/zstd',
      ...(encryption === 'none' ? {} : { 'x-amz-server-side-encryption': encryption }),
      ...(kmsKeyId === undefined
        ? {}
        : { 'x-amz-server-side-encryption-aws-kms-key-id': kmsKeyId }),
    })
    response.cancel()
    // What answers everything with a page of its own is no bucket, and the store must not let go of what it was given.
    if (response.headers.get('etag') === null) throw new S3Error(response.status, 'NoETag')
  }

  /** Undefined: there is none. @throws as `put` */
  async get(key: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    try {
      const response = await this.send('GET', key, {}, signal)
      return await response.bytes(LIMITS.objectBytesMax)
    } catch (error) {
      if (error instanceof S3Error && error.code === 'NoSuchKey') return undefined
      throw error
    }
  }

  /** One there is not counts as deleted. @throws as `put` */
  async delete(key: string, signal: AbortSignal): Promise<void> {
    try {
      const response = await this.send('DELETE', key, {}, signal)
      response.cancel()
    } catch (error) {
      if (!(error instanceof S3Error && error.code === 'NoSuchKey')) throw error
    }
  }

  /** One page of the names behind the prefix. @throws as `put` */
  async list(
    after: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly objects: readonly S3Listed[]; readonly next: string | undefined }> {
    const query = {
      'list-type': '2',
      'max-keys': '500',
      prefix: this.settings.prefix,
      ...(after === undefined ? {} : { 'continuation-token': after }),
    }
    const response = await this.send('GET', undefined, query, signal)
    const text = new TextDecoder().decode(await response.bytes(LIMITS.objectListBytesMax))
    const objects = [...text.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)].map(
      ([, part = '']) => ({
        key: unescaped(elementOf(part, 'Key') ?? ''),
        changedMs: Date.parse(elementOf(part, 'LastModified') ?? ''),
      }),
    )
    const isCut = elementOf(text, 'IsTruncated') === 'true'
    const next = elementOf(text, 'NextContinuationToken')
    return { objects, next: isCut && next !== undefined ? unescaped(next) : undefined }
  }

  private async send(
    method: UpstreamMethod,
    key: string | undefined,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
    body?: Uint8Array,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<UpstreamResponse> {
    const { clock, network, transport } = this.ports
    const credentials = this.ports.credentials()
    if (credentials === undefined) throw new S3Error(0, 'NoCredentials')
    const { base, host, path } = this.placeOf(key)
    const fields = s3Headers(
      { method, host, path, query, headers, body: body ?? NO_BODY },
      { credentials, region: this.settings.region, nowMs: clock.nowMs() },
    )
    const search = s3Query(query)
    const timeoutMs = LIMITS.objectTimeoutMs
    const response = await transport.send({
      url: `${base}${path}${search === '' ? '' : `?${search}`}`,
      method,
      headers: fields,
      ...(body === undefined ? {} : { body }),
      timeouts: {
        connectMs: timeoutMs,
        firstByteMs: timeoutMs,
        idleMs: timeoutMs,
        totalMs: timeoutMs,
      },
      network: network(base),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    if (response.status >= 200 && response.status < 300) return response
    throw await errorOf(response)
  }

  private placeOf(key: string | undefined): { base: string; host: string; path: string } {
    const { bucket, endpoint, pathStyle } = this.settings
    const url = new URL(endpoint)
    const name = key === undefined ? '' : key.split('/').map(s3Encoded).join('/')
    const host = pathStyle ? url.host : `${bucket}.${url.host}`
    const path = pathStyle
      ? `/${s3Encoded(bucket)}${key === undefined ? '' : `/${name}`}`
      : `/${name}`
    return { base: `${url.protocol}//${host}`, host, path }
  }
}

async function errorOf(response: UpstreamResponse): Promise<S3Error> {
  let text = ''
  try {
    text = new TextDecoder().decode(await response.bytes(LIMITS.objectListBytesMax))
  } catch (error) {
    // The status says enough.
    if (!(error instanceof GatewayError)) throw error
  }
  // A 404 without a code is from whatever else is at the address: it says nothing of an object.
  const code = elementOf(text, 'Code') ?? 'Unknown'
  return new S3Error(response.status, /^\w{1,60}$/.test(code) ? code : 'Unknown')
}

/** The text of the first element of a name. Of what S3 answers no element holds another of its own name. */
function elementOf(xml: string, name: string): string | undefined {
  const start = xml.indexOf(`<${name}>`)
  if (start < 0) return undefined
  const end = xml.indexOf(`</${name}>`, start)
  return end < 0 ? undefined : xml.slice(start + name.length + 2, end)
}

function unescaped(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&')
}
