// Files of the executable as answers: the web UI's, the guide's and those of the API documentation. It knows the header fields that keep a page to what
// comes from here, and asks nobody who they are: none of these files holds anything of anybody's.

import { GatewayError } from '../core/error.ts'
import type { ServerDeps } from './context.ts'
import { respond, respondError } from './respond.ts'

/** Everything a page needs is in the executable; nothing may come from elsewhere, nor stand in the page itself. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** A browser that has such a file never asks for it again. */
const FOREVER = 'public, max-age=31536000, immutable'

/** What a page may do, told to the browser. */
export function pageHeaders(): Record<string, string> {
  return {
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), browsing-topics=()',
  }
}

/**
 * A file by its name, packed for whoever takes that, and only where the browser has another one.
 * @param fallback of a name that is no file's: the page that knows what is meant
 * @param missing whether that page only says that there is none: then it is answered as such (404)
 */
export async function webFile(
  request: Request,
  name: string,
  deps: Pick<ServerDeps, 'asset'>,
  fallback?: string,
  missing = false,
): Promise<Response> {
  const named = await deps.asset(name)
  const asset = named ?? (fallback === undefined ? undefined : await deps.asset(fallback))
  const status = missing && named === undefined ? 404 : 200
  if (asset === undefined) return respondError(request, new GatewayError('unknown_url'))
  const { body, contentType, etag, gzip, isImmutable } = asset
  const headers: Record<string, string> = {
    ...pageHeaders(),
    'content-type': contentType,
    'cache-control': isImmutable ? FOREVER : 'no-cache',
    etag,
    vary: 'Accept-Encoding',
  }
  if (status === 200 && tagsOf(request).includes(etag))
    return respond(request, { status: 304, headers, body: '' })
  if (gzip === undefined || !takesGzip(request)) {
    return respond(request, { status, headers, body })
  }
  headers['content-encoding'] = 'gzip'
  return respond(request, { status, headers, body: gzip })
}

/** Tags of `If-None-Match`; a proxy may have made one weak. */
function tagsOf(request: Request): string[] {
  const given = request.headers.get('if-none-match')
  return given === null ? [] : given.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
}

/** RFC 9110 §12.5.3: a coding that is named takes it, but with a quality of nothing. */
export function takesGzip(request: Request): boolean {
  const given = request.headers.get('accept-encoding') ?? ''
  return given.split(',').some((part) => {
    const [coding = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    return coding === 'gzip' && !parameters.some((text) => /^q=0(?:\.0*)?$/.test(text))
  })
}
