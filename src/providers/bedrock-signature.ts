// AWS Signature Version 4 in header fields, as every AWS service but S3 wants it. Pure: the time is given, and nothing is sent.
// It signs a request as it stands on the wire, so whoever calls it must send just that.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

import { createHash, createHmac } from 'node:crypto'
import type { AwsCredentials } from '../core/aws.ts'
import { percentDecoded } from '../core/percent.ts'

const ALGORITHM = 'AWS4-HMAC-SHA256'

/** One request as it will be on the wire. */
export interface RequestToSign {
  readonly method: string
  /** With the port, where it is not the usual one. */
  readonly host: string
  /** Encoded as it is sent. */
  readonly path: string
  /** Encoded as it is sent, without its question mark; `''` for none. */
  readonly query: string
  /** Lower-case names of all fields to sign, beside those this adds. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

export interface SigningScope {
  readonly credentials: AwsCredentials
  readonly region: string
  readonly service: string
  readonly nowMs: number
}

/** The fields that sign a request: `authorization`, `x-amz-date`, and `x-amz-security-token` of temporary credentials. */
export function signatureHeaders(
  request: RequestToSign,
  { credentials, region, service, nowMs }: SigningScope,
): Record<string, string> {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  // `20150830T123600Z`
  const time = new Date(nowMs).toISOString().replace(/\.\d+|[-:]/g, '')
  const date = time.slice(0, 8)
  const added: Record<string, string> = { 'x-amz-date': time }
  if (sessionToken !== undefined) added['x-amz-security-token'] = sessionToken
  const headers = { ...request.headers, ...added, host: request.host }
  const names = Object.keys(headers).toSorted()
  const scope = `${date}/${region}/${service}/aws4_request`
  const toSign = [ALGORITHM, time, scope, sha256(canonicalRequest(request, headers, names))]
  let key: string | Uint8Array = `AWS4${secretAccessKey}`
  for (const part of [date, region, service, 'aws4_request']) key = hmac(key, part)
  const signature = hmac(key, toSign.join('\n')).toString('hex')
  const credential = `Credential=${accessKeyId}/${scope}`
  added['authorization'] =
    `${ALGORITHM} ${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  return added
}

function canonicalRequest(
  { method, path, query, body }: RequestToSign,
  headers: Readonly<Record<string, string>>,
  names: readonly string[],
): string {
  return [
    method,
    canonicalPath(path),
    canonicalQuery(query),
    ...names.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    sha256(body),
  ].join('\n')
}

/** Without empty and dotted parts, each of the others encoded once more than it is sent. */
function canonicalPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(encoded(part))
  }
  const end = parts.length > 0 && path.endsWith('/') ? '/' : ''
  return `/${parts.join('/')}${end}`
}

/** Sorted, each name with a value, encoded in the one way that AWS has for it. */
function canonicalQuery(query: string): string {
  const pairs = query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=')
      const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
      return [encoded(percentDecoded(name)), encoded(percentDecoded(value))] as const
    })
  return pairs
    .toSorted(([a, one], [b, other]) => compare(a, b) || compare(one, other))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

/** RFC 3986's unreserved characters stay, all others are percent-encoded. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: string | Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
