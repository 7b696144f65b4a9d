// The documentation of what is neither a model nor management: how the process fares, the pages, and how people log in and out.

import type { JsonObject } from '../../core/json.ts'
import { list, open, orNull, ref, text, truth, words, type Schema } from './json-schema.ts'
import { json, type MediaDoc, type RouteDoc } from './operation.ts'

const HTML: Readonly<Record<string, MediaDoc>> = { 'text/html': { schema: { type: 'string' } } }
const PLAIN: Readonly<Record<string, MediaDoc>> = { 'text/plain': { schema: { type: 'string' } } }

/** As components. */
export const PLAIN_SCHEMAS: Readonly<Record<string, Schema>> = {
  BrowserSession: open(['authenticated'], {
    authenticated: truth(),
    user: open(['id', 'tenant', 'issuer'], {
      id: text(),
      tenant: text(),
      issuer: text(),
      name: orNull(text()),
      email: orNull(text()),
    }),
    csrf: text('For `x-weir-csrf` of every change.'),
    access: truth('Whether anything at all is allowed.'),
    tenant: text(),
    actions: list(text(), 'What one may do in one’s tenant.'),
    platform_actions: list(text(), 'What one may do everywhere.'),
    issuers: list(open(['id', 'label'], { id: text(), label: text() }), 'Where one can log in.'),
    local: truth('Whether one can log in with a password.'),
  }),
  OwnSessions: open(['data'], {
    data: list(
      open(['id', 'created', 'last_seen', 'expires', 'current'], {
        id: text(),
        created: text(undefined, { format: 'date-time' }),
        last_seen: text(undefined, { format: 'date-time' }),
        expires: text(undefined, { format: 'date-time' }),
        user_agent: orNull(text()),
        from: orNull(text()),
        current: truth(),
      }),
    ),
  }),
  LoggedIn: open(['redirect', 'access'], {
    redirect: text('Where to go on.'),
    access: truth(),
    message: text(),
  }),
}

/** All of them, by method and path as they are registered. */
export function plainDocs(): Map<string, RouteDoc[]> {
  return new Map([
    ...processDocs(),
    ...pageDocs(),
    ...loginDocs(),
    ...logoutDocs(),
    ...sessionDocs(),
  ])
}

type Entry = [string, RouteDoc[]]

const REDIRECT = {
  description: 'To where it goes on.',
  headers: { location: { schema: { type: 'string' } } },
} as const

function plain(
  route: string,
  tag: string,
  summary: string,
  answers: RouteDoc['answers'],
  more: Partial<RouteDoc> = {},
): Entry {
  return [route, [{ tag, summary, answers, dialect: 'openai-chat', ...more }]]
}

function processDocs(): Entry[] {
  const tag = 'Process'
  const ready = json(
    open(['status', 'checks'], {
      status: words('ready', 'not ready'),
      checks: { type: 'object', additionalProperties: { type: 'boolean' } },
    }),
  )
  return [
    plain('GET /health', tag, 'Whether the process lives', {
      200: { description: 'It does.', content: json(open(['status'], { status: words('ok') })) },
    }),
    plain('GET /readyz', tag, 'Whether it should be sent requests', {
      200: { description: 'It should.', content: ready },
      503: { description: 'It should not; `checks` says why.', content: ready },
    }),
    plain('GET /metrics', tag, 'Counters for Prometheus', {
      200: { description: 'In Prometheus’ text format.', content: PLAIN },
    }),
    plain('GET /openapi.json', tag, 'This document', {
      200: { description: 'OpenAPI 3.1.', content: json({ type: 'object' }) },
    }),
  ]
}

function pageDocs(): Entry[] {
  const tag = 'Pages'
  const file = { '*/*': { schema: {} } }
  const rest: JsonObject = {
    name: 'path',
    in: 'path',
    required: true,
    description: 'May hold slashes.',
    schema: { type: 'string' },
  }
  const below = (base: string, summary: string) =>
    plain(
      `GET ${base}/*`,
      tag,
      summary,
      { 200: { description: 'The file.', content: file } },
      { path: `${base}/:path`, parameters: [rest], errors: [404] },
    )
  return [
    plain('GET /', tag, 'The door', {
      200: { description: 'What clients of Ollama look for.', content: PLAIN },
      302: { ...REDIRECT, description: 'A browser is sent to the web UI.' },
    }),
    plain('GET /ui', tag, 'The web UI', { 200: { description: 'A page.', content: HTML } }),
    below('/ui', 'Pages and files of the web UI'),
    plain('GET /docs', tag, 'This documentation, to be tried out', {
      200: { description: 'A page.', content: HTML },
    }),
    below('/docs', 'Files of the documentation'),
  ]
}

const LOGIN_ERRORS = [401, 404, 408, 409, 413, 415, 429, 502, 503]

function loginDocs(): Entry[] {
  const tag = 'Login'
  const page = { dialect: 'page' } as const
  const get = (path: string, summary: string, answers: RouteDoc['answers'], more = {}) =>
    plain(`GET ${path}`, tag, summary, answers, { ...page, errors: [404], ...more })
  const post = (path: string, summary: string, status: number, body: JsonObject) =>
    plain(
      `POST ${path}`,
      tag,
      summary,
      { [status]: { description: 'Logged in: a cookie is set.', content: json(ref('LoggedIn')) } },
      { ...page, errors: LOGIN_ERRORS, body: { required: true, content: json(body) } },
    )
  const html = { 200: { description: 'A page.', content: HTML }, 302: REDIRECT }
  return [
    get('/auth/login', 'The page to log in on', html),
    get('/auth/login/:issuer', 'Begin a login', { 302: REDIRECT }, { errors: [404, 429, 502] }),
    get(
      '/auth/callback',
      'Where an issuer sends people back',
      { 302: REDIRECT },
      { errors: [404, 429, 502] },
    ),
    get('/auth/setup', 'The page that makes the first administrator', html),
    post('/auth/login/local', 'Log in with a password', 200, {
      type: 'object',
      required: ['name', 'password'],
      properties: { name: text(), password: text(), return: text('Where to go on.') },
      additionalProperties: false,
    }),
    post('/auth/login/link', 'Log in with a one-time link', 200, {
      type: 'object',
      required: ['token'],
      properties: { token: text('Of the link.') },
      additionalProperties: false,
    }),
    post('/auth/setup', 'Make the first administrator', 201, {
      type: 'object',
      required: ['token', 'name', 'password'],
      properties: { token: text('Of the link.'), name: text(), password: text() },
      additionalProperties: false,
    }),
    get('/auth/password', 'The page on which one chooses a password', html),
    post('/auth/password', 'Choose a password', 200, {
      type: 'object',
      required: ['token', 'password'],
      properties: { token: text('Of the link.'), password: text() },
      additionalProperties: false,
    }),
  ]
}

/** What issuers ask. */
function logoutDocs(): Entry[] {
  const tag = 'Login'
  return [
    plain(
      'POST /auth/backchannel/:issuer',
      tag,
      'An issuer says that somebody has logged out',
      { 200: { description: 'Their sessions here have ended.' } },
      {
        dialect: 'page',
        errors: LOGIN_ERRORS,
        body: {
          required: true,
          content: {
            'application/x-www-form-urlencoded': {
              schema: {
                type: 'object',
                required: ['logout_token'],
                properties: { logout_token: text() },
              },
            },
          },
        },
      },
    ),
    plain(
      'GET /auth/frontchannel/:issuer',
      tag,
      'The same, by a frame of its page',
      {
        200: { description: 'Their sessions here have ended.', content: PLAIN },
      },
      { dialect: 'page', errors: [404] },
    ),
  ]
}

function sessionDocs(): Entry[] {
  const tag = 'Login'
  const ended = json(open(['id', 'ended'], { id: text(), ended: truth() }))
  return [
    plain(
      'GET /auth/session',
      tag,
      'Who one is, and what one may do',
      {
        200: { description: 'For whoever asks.', content: json(ref('BrowserSession')) },
      },
      { errors: [429] },
    ),
    plain('GET /auth/sessions', tag, 'Where one is logged in', {
      200: { description: 'One’s own sessions.', content: json(ref('OwnSessions')) },
    }),
    plain(
      'DELETE /auth/sessions/:id',
      tag,
      'Log out elsewhere',
      { 200: { description: 'It has ended.', content: ended } },
      { errors: [404] },
    ),
    plain(
      'POST /auth/logout',
      tag,
      'Log out',
      {
        200: {
          description: 'The session has ended here.',
          content: json(open(['redirect'], { redirect: text('Where the issuer ends its own.') })),
        },
      },
      { errors: [404] },
    ),
  ]
}
