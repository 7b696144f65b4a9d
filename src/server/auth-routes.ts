// How people log in and out: the pages, the way to an issuer and back, passwords of local users, the link that sets up the
// administrator, and what issuers say when somebody has logged out there. What any of it means is decided behind `LoginDesk`.

import { randomBytes } from 'node:crypto'
import { Elysia } from 'elysia'
import { GatewayError, toGatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { LoggedIn } from '../auth/login-desk.ts'
import { hasRights, NO_ROLE } from './admin/authorize.ts'
import { authPage, respondLoginError } from './auth-pages.ts'
import { bodyObject, formField, textMember } from './auth-body.ts'
import {
  browserOf,
  cookieOf,
  placeOf,
  requireOwnPage,
  setCookie,
  wantsPage,
  type LoginDeps,
  type Place,
} from './browser.ts'
import type { ServerDeps } from './context.ts'
import { lastPartOf, pathOf, respond, respondJson } from './respond.ts'

const BROWSER_ID = /^[A-Za-z0-9_-]{43}$/

type Handler = (request: Request, login: LoginDeps, place: Place) => Response | Promise<Response>

export function authRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'auth-routes' })
  // Each is looked at by itself: who asks is nobody yet, or whoever the session says.
  const handled =
    (handler: Handler) =>
    async ({ request }: { readonly request: Request }) => {
      try {
        if (deps.login === undefined) throw new GatewayError('unknown_url')
        return await handler(request, deps.login, placeOf(deps))
      } catch (thrown) {
        const error = toGatewayError(thrown)
        if (error.kind === 'internal') {
          deps.logger.error('a login failed inside', { error: String(error.cause) })
        }
        return respondLoginError(request, error, deps)
      }
    }
  const unparsed = { parse: 'none' } as const
  app.get(
    '/auth/login',
    handled((request, _login, place) => loginPage(request, place, deps)),
  )
  app.get('/auth/login/:issuer', handled(beginLogin))
  app.post(
    '/auth/login/local',
    handled((...asked) => logInLocally(...asked, deps)),
    unparsed,
  )
  app.post(
    '/auth/login/link',
    handled((...asked) => logInByLink(...asked, deps)),
    unparsed,
  )
  app.get(
    '/auth/callback',
    handled((...asked) => finishLogin(...asked, deps)),
  )
  app.get(
    '/auth/setup',
    handled((request) => authPage(request, 'setup.html', deps)),
  )
  app.post(
    '/auth/setup',
    handled((...asked) => setUp(...asked, deps)),
    unparsed,
  )
  app.get(
    '/auth/password',
    handled((request) => authPage(request, 'password.html', deps)),
  )
  app.post(
    '/auth/password',
    handled((...asked) => choosePassword(...asked, deps)),
    unparsed,
  )
  app.post(
    '/auth/backchannel/:issuer',
    handled((...asked) => backChannel(...asked, deps)),
    unparsed,
  )
  app.get('/auth/frontchannel/:issuer', handled(frontChannel))
  return app
}

function queryOf(request: Request): URLSearchParams {
  const at = request.url.indexOf('?')
  return new URLSearchParams(at < 0 ? '' : request.url.slice(at))
}

/**
 * A login begins where it will end: cookies do not go from `localhost` to `127.0.0.1`. Undefined where the browser is there already, or
 * a proxy in between says another name for good.
 */
function elsewhere(request: Request, { url }: Place): Response | undefined {
  const query = queryOf(request)
  const { host } = new URL(url)
  if (request.headers.get('host') === host || query.has('moved')) return undefined
  query.set('moved', '1')
  return redirect(request, `${url}${pathOf(request)}?${query.toString()}`)
}

async function loginPage(request: Request, place: Place, deps: ServerDeps): Promise<Response> {
  return elsewhere(request, place) ?? (await authPage(request, 'login.html', deps))
}

async function beginLogin(request: Request, login: LoginDeps, place: Place): Promise<Response> {
  const moved = elsewhere(request, place)
  if (moved !== undefined) return moved
  const held = cookieOf(request, place.loginCookie)
  // Kept where there is one: somebody may have begun in two tabs.
  const browserId =
    held !== undefined && BROWSER_ID.test(held) ? held : randomBytes(32).toString('base64url')
  const url = await login.desk.begin(
    lastPartOf(request),
    {
      redirectUri: redirectUri(place),
      browserId,
      returnTo: queryOf(request).get('return'),
    },
    browserOf(request, place),
  )
  const maxAgeSeconds = LIMITS.loginAttemptMs / 1_000
  setCookie(request, place, place.loginCookie, browserId, { maxAgeSeconds })
  return redirect(request, url.href)
}

async function finishLogin(
  request: Request,
  login: LoginDeps,
  place: Place,
  deps: ServerDeps,
): Promise<Response> {
  const browserId = cookieOf(request, place.loginCookie)
  const loggedIn = await login.desk.finish(
    queryOf(request),
    { redirectUri: redirectUri(place), browserId },
    browserOf(request, place),
  )
  letIn(request, place, loggedIn)
  if (!hasRights(loggedIn.principal)) return await withoutRole(request, deps)
  return redirect(request, `${place.url}${loggedIn.returnTo}`)
}

/** Logged in, and nothing is theirs: said at once, where they would look for the reason. */
function withoutRole(request: Request, deps: ServerDeps): Response | Promise<Response> {
  const error = new GatewayError('permission', { code: 'no_role', message: NO_ROLE })
  return wantsPage(request)
    ? authPage(request, 'login.html', deps, { problem: error.message, status: error.status })
    : respondLoginError(request, error, deps)
}

async function logInLocally(
  request: Request,
  login: LoginDeps,
  place: Place,
  deps: ServerDeps,
): Promise<Response> {
  requireOwnPage(request, place)
  const body = await bodyObject(request, deps, ['name', 'password', 'return'])
  const name = textMember(body, 'name')
  const password = textMember(body, 'password')
  const returnTo = body['return'] === undefined ? null : textMember(body, 'return')
  const browser = browserOf(request, place)
  const loggedIn = await login.desk.withPassword({ name, password, returnTo }, browser)
  letIn(request, place, loggedIn)
  return respondAccess(request, loggedIn)
}

/** A link that was merely looked at, by a scanner or ahead of a click, is as good as before: only the page's own question uses it up. */
async function logInByLink(
  request: Request,
  login: LoginDeps,
  place: Place,
  deps: ServerDeps,
): Promise<Response> {
  requireOwnPage(request, place)
  const body = await bodyObject(request, deps, ['token'])
  const loggedIn = await login.desk.withLink(textMember(body, 'token'), browserOf(request, place))
  letIn(request, place, loggedIn)
  return respondAccess(request, loggedIn)
}

/** Where the page goes on, and why not further. */
function respondAccess(request: Request, { principal, returnTo }: LoggedIn): Response {
  const access = hasRights(principal)
  return respondJson(request, {
    redirect: access ? returnTo : '/auth/login',
    access,
    ...(access ? {} : { message: NO_ROLE }),
  })
}

async function setUp(
  request: Request,
  login: LoginDeps,
  place: Place,
  deps: ServerDeps,
): Promise<Response> {
  requireOwnPage(request, place)
  const body = await bodyObject(request, deps, ['token', 'name', 'password'])
  const loggedIn = await login.desk.setUp(
    {
      token: textMember(body, 'token'),
      name: textMember(body, 'name'),
      password: textMember(body, 'password'),
    },
    browserOf(request, place),
  )
  letIn(request, place, loggedIn)
  return respondJson(request, { redirect: loggedIn.returnTo, access: true }, 201)
}

async function choosePassword(
  request: Request,
  login: LoginDeps,
  place: Place,
  deps: ServerDeps,
): Promise<Response> {
  requireOwnPage(request, place)
  const body = await bodyObject(request, deps, ['token', 'password'])
  const facts = { token: textMember(body, 'token'), password: textMember(body, 'password') }
  const loggedIn = await login.desk.choosePassword(facts, browserOf(request, place))
  letIn(request, place, loggedIn)
  return respondAccess(request, loggedIn)
}

/** OpenID Connect Back-Channel Logout 1.0 §2.5 and §2.8. */
async function backChannel(
  request: Request,
  login: LoginDeps,
  place: Place,
  deps: ServerDeps,
): Promise<Response> {
  const token = await formField(request, deps, 'logout_token')
  await login.desk.backChannel(lastPartOf(request), token, originOf(request, place))
  return respond(request, { status: 200, headers: { 'cache-control': 'no-store' }, body: '' })
}

/** Shown in a frame of the issuer's page, without cookies: the session's name at the issuer is all there is. */
async function frontChannel(request: Request, login: LoginDeps, place: Place): Promise<Response> {
  const query = queryOf(request)
  await login.desk.frontChannel(
    lastPartOf(request),
    { sessionId: query.get('sid'), issuer: query.get('iss') },
    originOf(request, place),
  )
  return respond(request, {
    status: 200,
    headers: { 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8' },
    body: '',
  })
}

function originOf(request: Request, place: Place) {
  const { from, requestId } = browserOf(request, place)
  return {
    ...(from === undefined ? {} : { from }),
    ...(requestId === undefined ? {} : { requestId }),
  }
}

function letIn(request: Request, place: Place, { sessionValue }: LoggedIn): void {
  setCookie(request, place, place.sessionCookie, sessionValue)
}

function redirectUri({ url }: Place): string {
  return `${url}/auth/callback`
}

function redirect(request: Request, location: string): Response {
  return respond(request, {
    status: 302,
    headers: { location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' },
    body: '',
  })
}
