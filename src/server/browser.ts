// Browsers that ask: where they reach this server, the cookies they hold, and whether a page of ours is what makes them ask. A cookie is
// believed on the management API and the login alone, and for a change only with proof that our own page wants it.

import { isCsrfToken } from '../auth/session-token.ts'
import type { Browser, LoginDesk } from '../auth/login-desk.ts'
import { credentialOf } from '../auth/credential.ts'
import { GatewayError } from '../core/error.ts'
import { admissionOf, type ServerDeps } from './context.ts'
import { isLoopbackName } from './host-guard.ts'

/** What the server needs to let people log in. */
export interface LoginDeps {
  readonly desk: LoginDesk
  /** `https://weir.example.com` as it is configured, or the loopback address listened on; undefined where neither is known. */
  publicUrl(): string | undefined
}

/** Where browsers reach this server. */
export interface Place {
  /** Without a slash at its end. */
  readonly url: string
  /** As pages of ours send it. */
  readonly origin: string
  readonly sessionCookie: string
  readonly loginCookie: string
  readonly isSecure: boolean
}

/** Header that proves a page of ours, with the token of `/auth/session`. */
export const CSRF_HEADER = 'x-weir-csrf'

const COOKIES_CHARS_MAX = 16_384

/**
 * The place that is configured. What a request says of itself is never asked: a Host may be anybody's.
 * @throws GatewayError 404 where nobody logs in, 403 where a cookie could be read on its way
 */
export function placeOf({ login }: Pick<ServerDeps, 'login'>): Place {
  if (login === undefined) throw new GatewayError('unknown_url')
  const text = login.publicUrl()
  const url = text === undefined ? null : URL.parse(text)
  if (text === undefined || url === null) {
    throw notHere('Set server.public_url to the address that people use: logins need it.')
  }
  const isSecure = url.protocol === 'https:'
  if (!isSecure && !isLoopbackName(url.hostname)) {
    throw notHere('server.public_url must begin with https://: logins are not sent in clear.')
  }
  return {
    url: text.replace(/\/+$/, ''),
    origin: url.origin,
    // The prefix keeps other hosts of the domain from planting one (RFC 6265bis §4.1.3.2).
    sessionCookie: isSecure ? '__Host-weir' : 'weir',
    loginCookie: isSecure ? '__Host-weir-login' : 'weir-login',
    isSecure,
  }
}

function notHere(message: string): GatewayError {
  return new GatewayError('permission', { code: 'login_not_possible', message })
}

/** A cookie's value; of several of the name the first, as browsers order them. */
export function cookieOf(request: Request, name: string): string | undefined {
  const header = request.headers.get('cookie')
  if (header === null || header.length > COOKIES_CHARS_MAX) return undefined
  for (const part of header.split(';')) {
    const equals = part.indexOf('=')
    if (equals > 0 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim()
  }
  return undefined
}

interface Pending {
  readonly cookies: Map<string, string>
  readonly headers: Map<string, string>
}

const pending = new WeakMap<Request, Pending>()

/**
 * Gives the browser a cookie with the answer to this request, whoever makes it.
 * @param more.maxAgeSeconds absent: until the browser is closed
 * @param more.headers what the page should know with it
 */
export function setCookie(
  request: Request,
  { isSecure }: Pick<Place, 'isSecure'>,
  name: string,
  value: string,
  more: {
    readonly maxAgeSeconds?: number
    readonly headers?: Readonly<Record<string, string>>
  } = {},
): void {
  const { headers = {}, maxAgeSeconds } = more
  const kept = pending.get(request) ?? { cookies: new Map(), headers: new Map() }
  const age = maxAgeSeconds === undefined ? '' : `; Max-Age=${maxAgeSeconds}`
  const secure = isSecure ? '; Secure' : ''
  kept.cookies.set(name, `${name}=${value}; Path=/; HttpOnly; SameSite=Lax${secure}${age}`)
  for (const [header, text] of Object.entries(headers)) kept.headers.set(header, text)
  pending.set(request, kept)
}

/** Puts the cookies of a request into its answer, which nobody may keep then. */
export function applyCookies(request: Request, { headers }: Response): void {
  const kept = pending.get(request)
  if (kept === undefined) return
  for (const cookie of kept.cookies.values()) headers.append('set-cookie', cookie)
  for (const [header, text] of kept.headers) headers.set(header, text)
  headers.set('cache-control', 'no-store')
}

/** The value of the session's cookie, where the request proves itself in no other way. */
export function sessionValueOf(request: Request, place: Place): string | undefined {
  const value = cookieOf(request, place.sessionCookie)
  return value === undefined || credentialOf(request.headers) !== undefined ? undefined : value
}

/** What is recorded of a browser. */
export function browserOf(request: Request, place: Place): Browser {
  const { from: addressOf, requestId } = admissionOf(request)
  const from = addressOf()
  const userAgent = request.headers.get('user-agent')
  const sessionValue = cookieOf(request, place.sessionCookie)
  return {
    requestId,
    ...(from === undefined ? {} : { from }),
    ...(userAgent === null ? {} : { userAgent }),
    ...(sessionValue === undefined ? {} : { sessionValue }),
  }
}

/** Whether a person looks at the answer. */
export function wantsPage({ headers }: Request): boolean {
  return (
    headers.get('sec-fetch-mode') === 'navigate' ||
    (headers.get('accept')?.includes('text/html') ?? false)
  )
}

/** Whether a method may change something. */
export function isChange({ method }: Request): boolean {
  return !['GET', 'HEAD', 'OPTIONS'].includes(method)
}

/**
 * Lets in what no page of others can have sent: for what is asked without a session, as a login. A program says no origin.
 * @throws GatewayError 403 `origin_not_allowed`
 */
export function requireOwnPage({ headers }: Request, { origin }: Place): void {
  const given = headers.get('origin')
  const site = headers.get('sec-fetch-site')
  if (given !== null ? given !== origin : site !== null && site !== 'same-origin') {
    throw new GatewayError('origin_not_allowed')
  }
}

/**
 * Lets in a change that a page of ours makes in a session: its token, its origin, and a body that no plain form can send.
 * @throws GatewayError 403 `origin_not_allowed`, or `permission` with the code `csrf`
 */
export function requireOwnChange(request: Request, place: Place, sessionValue: string): void {
  const { headers } = request
  requireOwnPage(request, place)
  if (headers.get('origin') === null && headers.get('sec-fetch-site') === null) throw csrf()
  if (!isCsrfToken(headers.get(CSRF_HEADER), sessionValue)) throw csrf()
  const length = headers.get('content-length')
  const hasBody = headers.has('transfer-encoding') || (length !== null && length !== '0')
  const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (hasBody && type !== 'application/json') throw csrf()
}

function csrf(): GatewayError {
  return new GatewayError('permission', {
    code: 'csrf',
    message: `A change in a session needs the header ${CSRF_HEADER} with the token of /auth/session, and JSON.`,
  })
}
