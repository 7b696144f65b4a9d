// One call of a server in a test, as JSON both ways: how it is sent and read is the same for every test of the management API, whose key is
// asked with and what is expected is each one's own.

import type { JsonObject } from '../core/json.ts'

export interface Told {
  readonly status: number
  readonly headers: Headers
  readonly etag: string | undefined
  /** As it came. */
  readonly text: string
  /** Empty where the answer is none of JSON. */
  readonly body: JsonObject & { readonly data: JsonObject[] }
}

export interface Call {
  readonly key: string
  /** A text is sent as it is. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** @param url of the server and the path */
export async function callServer(
  method: string,
  url: string,
  { body, headers = {}, key }: Call,
): Promise<Told> {
  const answer = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await answer.text()
  const isJson = answer.headers.get('content-type')?.includes('json') ?? false
  return {
    status: answer.status,
    headers: answer.headers,
    etag: answer.headers.get('etag') ?? undefined,
    text,
    body: (isJson && text !== '' ? JSON.parse(text) : {}) as Told['body'],
  }
}
