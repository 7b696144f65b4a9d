// Versions of what the management API shows (RFC 9110 §8.8.3, §13.1): a tag made of what is shown, and the conditions a request may put on
// it, so that nobody writes over what somebody else has changed meanwhile. Nothing is stored for it.

import { canonicalJson, type JsonObject } from '../../core/json.ts'
import { GatewayError } from '../../core/error.ts'
import { respond } from '../respond.ts'

/** A strong tag of a representation, whatever the order of its members. */
export function etagOf(version: JsonObject): string {
  return `"${new Bun.CryptoHasher('sha256').update(canonicalJson(version)).digest('hex').slice(0, 32)}"`
}

/** The answer to a reader who has this version already; undefined for everybody else. */
export function unchanged(request: Request, etag: string): Response | undefined {
  if (request.method !== 'GET') return undefined
  const given = request.headers.get('if-none-match')
  if (given === null || !(given.trim() === '*' || tagsOf(given).includes(etag))) return undefined
  return respond(request, { status: 304, headers: {}, body: '' })
}

/**
 * What a request demands of the version it changes; undefined where it demands nothing. To be asked within the change.
 * @param read what the tag is made of now; undefined where there is none
 * @returns rejects with GatewayError 412 `changed_meanwhile` or `exists`
 */
export function preconditionOf(
  { headers }: Request,
  read: () => Promise<JsonObject | undefined>,
): (() => Promise<void>) | undefined {
  const match = headers.get('if-match')
  const noneMatch = headers.get('if-none-match')
  if (match === null && noneMatch === null) return undefined
  return async () => {
    const version = await read()
    if (match !== null && !fits(match, version)) throw changedMeanwhile()
    if (noneMatch !== null && fits(noneMatch, version)) {
      throw failed('exists', 'It is there already.')
    }
  }
}

function fits(header: string, version: JsonObject | undefined): boolean {
  if (version === undefined) return false
  return header.trim() === '*' || tagsOf(header).includes(etagOf(version))
}

/** Weak tags compare as strong ones do not: they never fit a change, and a reader's cost nothing to ignore. */
function tagsOf(header: string): string[] {
  return header.split(',').map((tag) => tag.trim())
}

/** Somebody else was first. */
export function changedMeanwhile(): GatewayError {
  return failed('changed_meanwhile', 'It was changed since it was read. Read it again.')
}

function failed(code: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { status: 412, code, message })
}
