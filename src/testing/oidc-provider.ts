// A small OpenID provider for tests: discovery, keys, authorization code with PKCE, refresh, client credentials, user info and
// logout, strict where a client could be wrong. Every way in which a provider or somebody in between could be wrong is a fault that a
// test turns on. It stands for no product; what Keycloak does is tested against Keycloak.

import { createHash } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT, type JWK, type JWTHeaderParameters } from 'jose'

export type OidcClaims = Readonly<Record<string, unknown>>

export interface OidcUser {
  /** In every token and at user info. */
  readonly claims: OidcClaims
  /** In the id token alone; takes precedence. */
  readonly idClaims?: OidcClaims
  /** In the access token alone; takes precedence. */
  readonly accessClaims?: OidcClaims
}

export interface OidcProviderOptions {
  readonly clientId?: string
  /** Absent: a public client. */
  readonly clientSecret?: string
  /** By `sub`. */
  readonly users?: Readonly<Record<string, OidcUser>>
  /** Path of the issuer, as `/realms/team`; empty unless given. */
  readonly path?: string
  /** False: neither the `iss` parameter nor its announcement. */
  readonly saysIssuer?: boolean
  /** `aud` of access tokens; the client unless given. */
  readonly audience?: string | readonly string[]
}

/** Ways to be wrong; a test sets and deletes them while the provider runs. */
export interface OidcFaults {
  discovery?: 'down' | 'stalled' | 'huge' | 'no-json' | 'other-issuer' | 'foreign-endpoints'
  jwks?: 'down' | 'stalled' | 'huge' | 'empty'
  /** Of the token endpoint. */
  token?: { readonly status: number; readonly body: unknown } | 'stalled' | 'no-id-token'
  /** Of a refresh alone. */
  refresh?: 'refused' | 'down' | 'same-token'
  userInfo?: 'down' | 'other-subject'
  /** Replaces the parameter; null leaves it out. */
  callback?: {
    readonly state?: string | null
    readonly iss?: string | null
    readonly error?: string
  }
  /** Replaces claims of an id token; undefined leaves one out. */
  idToken?: Readonly<Record<string, unknown>>
  /** Replaces header fields of an id token. */
  idTokenHeader?: Readonly<Record<string, unknown>>
  /** Signs id tokens with a key that is published nowhere. */
  foreignKey?: boolean
  /** A code is taken as often as it comes, with any verifier. */
  lenientCodes?: boolean
}

interface Grant {
  readonly subject: string
  readonly redirectUri: string
  readonly challenge: string | null
  readonly method: string | null
  readonly nonce: string | null
  readonly sessionId: string
  used: boolean
}

interface SigningKey {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

const BACK_CHANNEL = 'http://schemas.openid.net/event/backchannel-logout'
const LIFE_SECONDS = 300

export class OidcProvider implements AsyncDisposable {
  readonly faults: OidcFaults = {}
  /** Method, path and query of every question, in order. */
  readonly questions: string[] = []
  /** Bodies of questions for tokens. */
  readonly tokenQuestions: Record<string, string>[] = []
  /** Queries of questions for a login, and of ends of sessions. */
  readonly loginQuestions: Record<string, string>[] = []
  readonly logoutQuestions: Record<string, string>[] = []
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string | undefined
  readonly users: Map<string, OidcUser>
  /** `sub` of whoever sits at the browser. */
  currentSubject: string
  private readonly options: OidcProviderOptions
  private readonly server: Bun.Server<undefined>
  private readonly grants = new Map<string, Grant>()
  private readonly refreshTokens = new Map<string, { subject: string; sessionId: string }>()
  private readonly accessTokens = new Map<string, string>()
  private keys: SigningKey[] = []
  private readonly foreign: SigningKey
  private counter = 0

  private constructor(options: OidcProviderOptions, key: SigningKey, foreign: SigningKey) {
    this.options = options
    this.clientId = options.clientId ?? 'weir'
    this.clientSecret = options.clientSecret
    this.users = new Map(Object.entries(options.users ?? { alice: { claims: { name: 'Alice' } } }))
    this.currentSubject = [...this.users.keys()][0] ?? 'alice'
    this.keys = [key]
    this.foreign = foreign
    this.server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request) => this.answer(request),
    })
    this.issuer = `http://127.0.0.1:${this.server.port}${options.path ?? ''}`
  }

  static async start(options: OidcProviderOptions = {}): Promise<OidcProvider> {
    return new OidcProvider(options, await signingKey('key-1'), await signingKey('key-1'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop(true)
  }

  /** As a provider that is stopped: connections are refused from then on. */
  async stop(): Promise<void> {
    await this.server.stop(true)
  }

  /** New tokens are signed with a new key; the old one stays published unless it is withdrawn. */
  async rotateKey(withdraw = false): Promise<void> {
    const key = await signingKey(`key-${this.keys.length + 1}`)
    this.keys = withdraw ? [key] : [key, ...this.keys]
  }

  /** Signs any claims as the provider would. `iat` and `exp` are set unless they are given; undefined leaves one out. */
  async sign(
    claims: Readonly<Record<string, unknown>>,
    header: Readonly<Record<string, unknown>> = {},
    isForeign = false,
  ): Promise<string> {
    const key = isForeign ? this.foreign : this.keys[0]!
    const nowSeconds = Math.floor(Date.now() / 1_000)
    const all = without({
      iss: this.issuer,
      iat: nowSeconds,
      exp: nowSeconds + LIFE_SECONDS,
      ...claims,
    })
    return await new SignJWT(all)
      .setProtectedHeader({ alg: 'RS256', kid: key.kid, ...header } as JWTHeaderParameters)
      .sign(key.privateKey)
  }

  /** A logout token as OpenID Connect Back-Channel Logout 1.0 §2.4 says; undefined leaves a claim out. */
  async logoutToken(
    claims: Readonly<Record<string, unknown>>,
    header: Readonly<Record<string, unknown>> = {},
    isForeign = false,
  ): Promise<string> {
    this.counter += 1
    return await this.sign(
      {
        aud: this.clientId,
        jti: `logout-${this.counter}-${this.server.port}`,
        events: { [BACK_CHANNEL]: {} },
        ...claims,
      },
      { typ: 'logout+jwt', ...header },
      isForeign,
    )
  }

  /** An access token of a user, as it comes with a login. */
  async accessToken(subject: string, claims: OidcClaims = {}): Promise<string> {
    const user = this.users.get(subject)
    return await this.sign({
      sub: subject,
      aud: this.options.audience ?? this.clientId,
      azp: this.clientId,
      typ: 'Bearer',
      ...user?.claims,
      ...user?.accessClaims,
      ...claims,
    })
  }

  private async answer(request: Request): Promise<Response> {
    const url = new URL(request.url)
    this.questions.push(`${request.method} ${url.pathname}${url.search}`)
    const path = url.pathname.slice((this.options.path ?? '').length)
    if (path === '/.well-known/openid-configuration') return await this.discovery()
    if (path === '/jwks') return await this.jwks()
    if (path === '/authorize') return this.authorize(url.searchParams)
    if (path === '/token') return await this.token(request)
    if (path === '/userinfo') return this.userInfo(request.headers)
    if (path === '/logout') {
      this.logoutQuestions.push(Object.fromEntries(url.searchParams))
      const back = url.searchParams.get('post_logout_redirect_uri')
      return back === null ? new Response('bye') : Response.redirect(back, 302)
    }
    return new Response('not found', { status: 404 })
  }

  private async discovery(): Promise<Response> {
    const { discovery } = this.faults
    if (discovery === 'down') return new Response('down', { status: 503 })
    if (discovery === 'stalled') return await new Promise<Response>(() => {})
    if (discovery === 'huge') return huge()
    if (discovery === 'no-json') return new Response('<html>', json())
    const at = discovery === 'foreign-endpoints' ? 'http://169.254.169.254/latest' : this.issuer
    const body = {
      issuer: discovery === 'other-issuer' ? `${this.issuer}/other` : this.issuer,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${at}/token`,
      jwks_uri: `${at}/jwks`,
      userinfo_endpoint: `${at}/userinfo`,
      end_session_endpoint: `${this.issuer}/logout`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256', 'plain'],
      ...(this.options.saysIssuer === false
        ? {}
        : { authorization_response_iss_parameter_supported: true }),
    }
    return new Response(JSON.stringify(body), json())
  }

  private async jwks(): Promise<Response> {
    const { jwks } = this.faults
    if (jwks === 'down') return new Response('down', { status: 503 })
    if (jwks === 'stalled') return await new Promise<Response>(() => {})
    if (jwks === 'huge') return huge()
    const keys = jwks === 'empty' ? [] : this.keys.map((key) => key.jwk)
    return new Response(JSON.stringify({ keys }), json())
  }

  /** Whoever sits there has said yes already. */
  private authorize(query: URLSearchParams): Response {
    this.loginQuestions.push(Object.fromEntries(query))
    const redirectUri = query.get('redirect_uri')
    if (query.get('client_id') !== this.clientId || redirectUri === null) {
      return new Response('unknown client', { status: 400 })
    }
    const back = new URL(redirectUri)
    const { callback } = this.faults
    const set = (name: string, replaced: string | null | undefined, usual: string | null) => {
      const value = replaced === undefined ? usual : replaced
      if (value !== null) back.searchParams.set(name, value)
    }
    set('state', callback?.state, query.get('state'))
    set('iss', callback?.iss, this.options.saysIssuer === false ? null : this.issuer)
    if (callback?.error !== undefined) {
      back.searchParams.set('error', callback.error)
      return Response.redirect(back.href, 302)
    }
    this.counter += 1
    const code = `code-${this.counter}-${crypto.randomUUID()}`
    const sessionId = `sid-${this.counter}`
    this.grants.set(code, {
      subject: this.currentSubject,
      redirectUri,
      challenge: query.get('code_challenge'),
      method: query.get('code_challenge_method'),
      nonce: query.get('nonce'),
      sessionId,
      used: false,
    })
    back.searchParams.set('code', code)
    back.searchParams.set('session_state', sessionId)
    return Response.redirect(back.href, 302)
  }

  private async token(request: Request): Promise<Response> {
    const body = Object.fromEntries(new URLSearchParams(await request.text()))
    this.tokenQuestions.push(body)
    const { refresh, token } = this.faults
    if (token === 'stalled') return await new Promise<Response>(() => {})
    if (typeof token === 'object') return Response.json(token.body, { status: token.status })
    if (!this.isClient(request.headers, body)) return refused('invalid_client', 401)
    switch (body['grant_type']) {
      case 'authorization_code':
        return await this.redeem(body)
      case 'refresh_token': {
        if (refresh === 'down') return new Response('down', { status: 503 })
        const old = body['refresh_token'] ?? ''
        const held = this.refreshTokens.get(old)
        if (held === undefined || refresh === 'refused') return refused('invalid_grant')
        if (refresh !== 'same-token') this.refreshTokens.delete(old)
        return await this.tokens(held.subject, held.sessionId, null)
      }
      case 'client_credentials':
        return Response.json({
          access_token: await this.accessToken(`service-${this.clientId}`, {
            client_id: this.clientId,
          }),
          token_type: 'Bearer',
          expires_in: LIFE_SECONDS,
        })
      default:
        return refused('unsupported_grant_type')
    }
  }

  /** A code is redeemed once, by the client it was given to, with the verifier of its challenge (RFC 7636 §4.6). */
  private async redeem(body: Readonly<Record<string, string>>): Promise<Response> {
    const grant = this.grants.get(body['code'] ?? '')
    if (grant === undefined || grant.redirectUri !== body['redirect_uri']) {
      return refused('invalid_grant')
    }
    if (this.faults.lenientCodes !== true) {
      const verifier = createHash('sha256')
        .update(body['code_verifier'] ?? '')
        .digest('base64url')
      const isProven = grant.method === 'S256' && grant.challenge === verifier
      if (grant.used || !isProven) return refused('invalid_grant')
    }
    grant.used = true
    return await this.tokens(grant.subject, grant.sessionId, grant.nonce)
  }

  private async tokens(
    subject: string,
    sessionId: string,
    nonce: string | null,
  ): Promise<Response> {
    const user = this.users.get(subject)
    const accessToken = await this.accessToken(subject, { sid: sessionId })
    this.accessTokens.set(accessToken, subject)
    this.counter += 1
    const refreshToken = `refresh-${this.counter}-${crypto.randomUUID()}`
    this.refreshTokens.set(refreshToken, { subject, sessionId })
    const idToken = await this.sign(
      {
        sub: subject,
        aud: this.clientId,
        azp: this.clientId,
        sid: sessionId,
        ...(nonce === null ? {} : { nonce }),
        ...user?.claims,
        ...user?.idClaims,
        ...this.faults.idToken,
      },
      this.faults.idTokenHeader,
      this.faults.foreignKey,
    )
    return Response.json({
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: LIFE_SECONDS,
      refresh_token: refreshToken,
      ...(this.faults.token === 'no-id-token' ? {} : { id_token: idToken }),
    })
  }

  private userInfo(headers: Headers): Response {
    if (this.faults.userInfo === 'down') return new Response('down', { status: 503 })
    const token = headers.get('authorization')?.replace(/^Bearer /, '') ?? ''
    const subject = this.accessTokens.get(token)
    if (subject === undefined) return new Response('', { status: 401 })
    const sub = this.faults.userInfo === 'other-subject' ? `${subject}-other` : subject
    return Response.json({ sub, ...this.users.get(subject)?.claims })
  }

  private isClient(headers: Headers, body: Readonly<Record<string, string>>): boolean {
    const basic = /^Basic (.+)$/.exec(headers.get('authorization') ?? '')?.[1]
    if (basic !== undefined) {
      const [id = '', secret = ''] = atob(basic).split(':').map(formDecoded)
      return id === this.clientId && secret === this.clientSecret
    }
    return body['client_id'] === this.clientId && body['client_secret'] === this.clientSecret
  }
}

async function signingKey(kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  return {
    kid,
    privateKey,
    jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' },
  }
}

function without(claims: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
}

function refused(error: string, status = 400): Response {
  return Response.json({ error }, { status })
}

/** RFC 6749 §2.3.1: both are form-encoded before they are put together. */
function formDecoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}

function json(): { headers: Record<string, string> } {
  return { headers: { 'content-type': 'application/json' } }
}

/** Six megabytes that are JSON so far. */
function huge(): Response {
  return new Response(`{"keys":["${'x'.repeat(6 * 1_024 * 1_024)}"]}`, json())
}
