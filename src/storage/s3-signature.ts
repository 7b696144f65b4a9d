// AWS Signature Version 4 as S3 wants it: the path is encoded once, and the hash of the body is a field of its own. Pure; nothing is sent.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html

import { createHash, createHmac } from 'node:crypto'
import type { AwsCredentials } from '../core/aws.ts'

export interface S3Request {
  readonly method: string
  readonly host: string
  /** Encoded as it is sent. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

/** RFC 3986's unreserved characters stay, all others are percent-encoded. */
export function s3Encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** The query as it is signed and sent. */
export function s3Query(query: Readonly<Record<string, string>>): string {
  return Object.keys(query)
    .toSorted()
    .map((name) => `${s3Encoded(name)}=${s3Encoded(query[name] ?? '')}`)
    .join('&')
}

/** All fields to send beside the host: those given, and those that sign them. */
export function s3Headers(
  request: S3Request,
  scope: {
    readonly credentials: AwsCredentials
    readonly region: string
    readonly nowMs: number
  },
): Record<string, string> {
  const { accessKeyId, secretAccessKey, sessionToken } = scope.credentials
  const time = new Date(scope.nowMs).toISOString().replace(/\.\d+|[-:]/g, '')
  const date = time.slice(0, 8)
  const hash = sha256(request.body)
  const sent: Record<string, string> = {
    ...request.headers,
    'x-amz-content-sha256': hash,
    'x-amz-date': time,
    ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
  }
  const signed: Record<string, string> = { ...sent, host: request.host }
  const names = Object.keys(signed).toSorted()
  const canonical = [
    request.method,
    request.path,
    s3Query(request.query),
    ...names.map((name) => `${name}:${(signed[name] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    hash,
  ].join('\n')
  const place = `${date}/${scope.region}/s3/aws4_request`
  let key: string | Uint8Array = `AWS4${secretAccessKey}`
  for (const part of [date, scope.region, 's3', 'aws4_request']) key = hmac(key, part)
  const signature = hmac(
    key,
    ['AWS4-HMAC-SHA256', time, place, sha256(canonical)].join('\n'),
  ).toString('hex')
  sent['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${place}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  return sent
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: string | Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
