// Microsoft Entra ID for tests, in its documented v2.0 shapes: discovery, keys, authorization code with PKCE, client credentials, app
// roles, groups with their overage, and Microsoft Graph beside it. It is as strict as the real one where a client could be wrong.
// It is no Entra ID: what only the real one shows is not proven by it.

import { createHash } from 'node:crypto'
import { jwtVerify, SignJWT, type JWTPayload } from 'jose'
import { EntraGraph } from './entra-graph.ts'
import { issuerKey, type IssuerKey } from './token-issuer.ts'

export interface EntraUser {
  /** Object id, a GUID. */
  readonly id: string
  readonly name: string
  readonly userName: string
  readonly email?: string
  /** App roles at the application. */
  readonly roles?: readonly string[]
  readonly groups?: readonly string[]
}

export interface EntraApplication {
  /** A GUID. */
  readonly clientId: string
  /** Object id of its service principal. */
  readonly id: string
  readonly secret?: string
  readonly redirectUris?: readonly string[]
  /** App roles that its service principal has at others. */
  readonly roles?: readonly string[]
  readonly groups?: readonly string[]
  /** Graph's application permissions, consented. */
  readonly graphPermissions?: readonly string[]
}

export interface EntraOptions {
  /** Of the directory, a GUID. */
  readonly tenantId: string
  readonly users: readonly EntraUser[]
  readonly applications: readonly EntraApplication[]
  /** Groups in a token; 200 unless given. */
  readonly groupsMax?: number
}

interface Grant {
  readonly user: EntraUser
  readonly application: EntraApplication
  readonly redirectUri: string
  readonly challenge: string | undefined
  readonly nonce: string | undefined
  readonly scope: string
  readonly sessionId: string
}

const GRAPH_AUDIENCE = '00000003-0000-0000-c000-000000000000'

export class EntraIssuer implements AsyncDisposable {
  /** Whoever sits at the browser; undefined shows the page to pick an account, as the real one does. */
  signedIn: EntraUser | undefined
  /** Paths that were asked for, and forms sent to the token endpoint. */
  readonly asked: string[] = []
  readonly tokenForms: Record<string, string>[] = []
  /** Whose tokens the published keys are said to sign; any directory's unless set. */
  keysOf: string | undefined
  readonly graph: EntraGraph
  readonly origin: string
  readonly issuer: string
  private readonly options: EntraOptions
  private readonly server: Bun.Server<undefined>
  private readonly codes = new Map<string, Grant>()
  private readonly refreshTokens = new Map<string, Grant>()
  private keys: IssuerKey[] = []

  private constructor(options: EntraOptions, keys: IssuerKey[]) {
    this.options = options
    this.keys = keys
    this.server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request) => this.answer(request),
    })
    this.origin = `http://127.0.0.1:${this.server.port}`
    this.issuer = `${this.origin}/${options.tenantId}/v2.0`
    const members = [...options.users, ...options.applications]
    this.graph = new EntraGraph({
      memberships: new Map(members.map(({ groups = [], id }) => [id, groups])),
      judge: (token) => this.judgeGraphToken(token),
    })
  }

  static async start(options: EntraOptions): Promise<EntraIssuer> {
    return new EntraIssuer(options, [await issuerKey(11)])
  }

  /** The new key signs; both are published, as in the real one. */
  async rotate(): Promise<void> {
    this.keys = [await issuerKey(11 + this.keys.length), ...this.keys]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.server.stop(true), this.graph[Symbol.asyncDispose]()])
  }

  /** An access token of a person for an application (delegated permissions). */
  async userToken(
    user: EntraUser,
    audience: EntraApplication,
    more: Record<string, unknown> = {},
    client: EntraApplication = audience,
  ): Promise<string> {
    return await this.sign({
      aud: audience.clientId,
      azp: client.clientId,
      azpacr: client.secret === undefined ? '0' : '1',
      name: user.name,
      preferred_username: user.userName,
      oid: user.id,
      sub: pairwise(user, audience),
      scp: 'access_as_user',
      ...this.rolesOf(user),
      ...this.groupsOf(user, 'users'),
      ...more,
    })
  }

  /** An access token of an application by itself (client credentials). */
  async applicationToken(
    client: EntraApplication,
    audience: EntraApplication,
    more: Record<string, unknown> = {},
  ): Promise<string> {
    return await this.sign({
      aud: audience.clientId,
      azp: client.clientId,
      azpacr: '1',
      oid: client.id,
      sub: client.id,
      ...this.rolesOf(client),
      ...this.groupsOf(client, 'servicePrincipals'),
      ...more,
    })
  }

  /** An ID token, which is no access token. */
  async idToken(
    user: EntraUser,
    client: EntraApplication,
    more: Record<string, unknown> = {},
  ): Promise<string> {
    return await this.sign({
      aud: client.clientId,
      name: user.name,
      preferred_username: user.userName,
      ...(user.email === undefined ? {} : { email: user.email }),
      oid: user.id,
      sub: pairwise(user, client),
      ...this.rolesOf(user),
      ...this.groupsOf(user, 'users'),
      ...more,
    })
  }

  private async sign(payload: JWTPayload): Promise<string> {
    const key = this.keys[0]!
    const nowSeconds = Math.floor(Date.now() / 1_000)
    const common = {
      iss: this.issuer,
      iat: nowSeconds,
      nbf: nowSeconds,
      exp: nowSeconds + 3_900,
      aio: 'E2ZgYFg',
      rh: '0.AX',
      tid: this.options.tenantId,
      uti: crypto.randomUUID(),
      ver: '2.0',
    }
    return await new SignJWT({ ...common, ...payload })
      .setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid: key.kid })
      .sign(key.privateKey)
  }

  private rolesOf({ roles }: { readonly roles?: readonly string[] }): JWTPayload {
    return roles === undefined || roles.length === 0 ? {} : { roles: [...roles] }
  }

  private groupsOf(
    { groups = [], id }: { readonly id: string; readonly groups?: readonly string[] },
    kind: 'users' | 'servicePrincipals',
  ): JWTPayload {
    if (groups.length <= (this.options.groupsMax ?? 200)) {
      return groups.length === 0 ? {} : { groups: [...groups] }
    }
    const endpoint = `https://graph.windows.net/${this.options.tenantId}/${kind}/${id}/getMemberObjects`
    return { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint } } }
  }

  private async answer(request: Request): Promise<Response> {
    const url = new URL(request.url)
    this.asked.push(url.pathname)
    const [, directory = '', rest = ''] = /^\/([^/]+)\/(.*)$/.exec(url.pathname) ?? []
    const isShared = directory === 'common' || directory === 'organizations'
    if (!isShared && directory !== this.options.tenantId) {
      return refusal('invalid_tenant', 90002, `Tenant '${directory}' not found.`)
    }
    switch (`${request.method} ${rest}`) {
      case 'GET v2.0/.well-known/openid-configuration':
        return Response.json(this.description(directory, isShared))
      case 'GET discovery/v2.0/keys':
        return Response.json({ keys: this.keys.map((key) => this.published(key)) })
      case 'GET oauth2/v2.0/authorize':
        return this.authorize(url.searchParams)
      case 'POST oauth2/v2.0/token':
        return await this.token(request)
      case 'GET oauth2/v2.0/logout':
        return this.logout(url.searchParams)
      default:
        return new Response('Not found', { status: 404 })
    }
  }

  private description(directory: string, isShared: boolean) {
    const base = `${this.origin}/${directory}`
    return {
      token_endpoint: `${base}/oauth2/v2.0/token`,
      token_endpoint_auth_methods_supported: [
        'client_secret_post',
        'private_key_jwt',
        'client_secret_basic',
        'self_signed_tls_client_auth',
      ],
      jwks_uri: `${base}/discovery/v2.0/keys`,
      response_modes_supported: ['query', 'fragment', 'form_post'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      issuer: isShared ? `${this.origin}/{tenantid}/v2.0` : this.issuer,
      request_uri_parameter_supported: false,
      userinfo_endpoint: `${this.graph.url}/oidc/userinfo`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      device_authorization_endpoint: `${base}/oauth2/v2.0/devicecode`,
      http_logout_supported: true,
      frontchannel_logout_supported: true,
      end_session_endpoint: `${base}/oauth2/v2.0/logout`,
      claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'nonce', 'name', 'tid', 'ver', 'email'],
      tenant_region_scope: 'EU',
      cloud_instance_name: 'microsoftonline.com',
      cloud_graph_host_name: 'graph.windows.net',
      msgraph_host: 'graph.microsoft.com',
    }
  }

  private published({ jwk, kid }: IssuerKey) {
    const { e, kty, n } = jwk
    // Without `alg`, as the real ones.
    return {
      kty,
      use: 'sig',
      kid,
      x5t: kid,
      n,
      e,
      cloud_instance_name: 'microsoftonline.com',
      issuer: this.keysOf ?? `${this.origin}/{tenantid}/v2.0`,
    }
  }

  private authorize(query: URLSearchParams): Response {
    const application = this.application(query.get('client_id'))
    if (application === undefined) {
      return refusal('unauthorized_client', 700016, 'Application was not found in the directory.')
    }
    const redirectUri = query.get('redirect_uri') ?? ''
    if (application.redirectUris?.includes(redirectUri) !== true) {
      return refusal('invalid_request', 50011, 'The redirect URI does not match those configured.')
    }
    const back = new URL(redirectUri)
    const state = query.get('state')
    if (state !== null) back.searchParams.set('state', state)
    const fault = this.authorizeFault(query)
    if (fault !== undefined) {
      back.searchParams.set('error', 'invalid_request')
      back.searchParams.set('error_description', fault)
      return Response.redirect(back.href, 302)
    }
    const user = this.signedIn
    if (user === undefined) {
      return new Response('<title>Sign in to your account</title>', {
        headers: { 'content-type': 'text/html' },
      })
    }
    const code = `0.${crypto.randomUUID()}`
    const sessionId = crypto.randomUUID()
    this.codes.set(code, {
      user,
      application,
      redirectUri,
      challenge: query.get('code_challenge') ?? undefined,
      nonce: query.get('nonce') ?? undefined,
      scope: query.get('scope') ?? '',
      sessionId,
    })
    back.searchParams.set('code', code)
    back.searchParams.set('session_state', sessionId)
    return Response.redirect(back.href, 302)
  }

  private authorizeFault(query: URLSearchParams): string | undefined {
    const scopes = (query.get('scope') ?? '').split(' ')
    if (query.get('response_type') !== 'code') return 'AADSTS70011: response_type'
    if (!scopes.includes('openid')) return 'AADSTS70011: scope lacks openid'
    const method = query.get('code_challenge_method')
    const challenge = query.get('code_challenge')
    if (challenge === null) return 'AADSTS9002325: Proof Key for Code Exchange is required.'
    if (method !== 'S256') return 'AADSTS501491: Invalid size of Code_Challenge parameter.'
    return /^[\w-]{43}$/.test(challenge) ? undefined : 'AADSTS501491: Invalid code_challenge.'
  }

  private async token(request: Request): Promise<Response> {
    const form = Object.fromEntries(new URLSearchParams(await request.text()))
    this.tokenForms.push(form)
    if (
      request.headers.get('content-type')?.startsWith('application/x-www-form-urlencoded') !== true
    ) {
      return refusal('invalid_request', 900144, 'The request body must be a form.')
    }
    const basic = basicCredentials(request.headers.get('authorization'))
    const application = this.application(basic?.[0] ?? form['client_id'])
    if (application === undefined) {
      return refusal('unauthorized_client', 700016, 'Application was not found in the directory.')
    }
    const secret = basic?.[1] ?? form['client_secret']
    if (application.secret !== undefined && secret !== application.secret) {
      return secret === undefined
        ? refusal('invalid_client', 7000218, 'The request body must contain client_secret.')
        : refusal('invalid_client', 7000215, 'Invalid client secret provided.')
    }
    switch (form['grant_type']) {
      case 'authorization_code':
        return await this.redeem(form, application)
      case 'refresh_token':
        return await this.refresh(form, application)
      case 'client_credentials':
        return await this.credentials(form, application)
      default:
        return refusal('unsupported_grant_type', 70003, 'The grant type is not supported.')
    }
  }

  private async redeem(
    form: Record<string, string>,
    application: EntraApplication,
  ): Promise<Response> {
    const code = form['code'] ?? ''
    const grant = this.codes.get(code)
    this.codes.delete(code)
    if (grant === undefined || grant.application !== application) {
      return refusal('invalid_grant', 54005, 'The code was already redeemed or is unknown.')
    }
    if (form['redirect_uri'] !== grant.redirectUri) {
      return refusal('invalid_grant', 500112, 'The reply address does not match.')
    }
    const verifier = form['code_verifier'] ?? ''
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    if (grant.challenge !== challenge) {
      return refusal('invalid_grant', 501481, 'The code_verifier does not match.')
    }
    return await this.answered(grant)
  }

  private async refresh(
    form: Record<string, string>,
    application: EntraApplication,
  ): Promise<Response> {
    const token = form['refresh_token'] ?? ''
    const grant = this.refreshTokens.get(token)
    if (grant === undefined || grant.application !== application) {
      return refusal('invalid_grant', 70000, 'The provided grant is invalid or malformed.')
    }
    return await this.answered({ ...grant, nonce: undefined })
  }

  private async answered(grant: Grant): Promise<Response> {
    const { application, nonce, scope, sessionId, user } = grant
    const refreshToken = `1.${crypto.randomUUID()}`
    const isOffline = scope.split(' ').includes('offline_access')
    if (isOffline) this.refreshTokens.set(refreshToken, grant)
    const more = { sid: sessionId, ...(nonce === undefined ? {} : { nonce }) }
    return Response.json({
      token_type: 'Bearer',
      scope,
      expires_in: 3_899,
      ext_expires_in: 3_899,
      access_token: await this.userToken(user, application, { sid: sessionId }),
      id_token: await this.idToken(user, application, more),
      ...(isOffline ? { refresh_token: refreshToken } : {}),
    })
  }

  private async credentials(
    form: Record<string, string>,
    application: EntraApplication,
  ): Promise<Response> {
    if (application.secret === undefined) {
      return refusal('invalid_client', 7000216, 'A credential is required.')
    }
    const scope = form['scope'] ?? ''
    const audience = this.options.applications.find(
      ({ clientId }) => scope === `${clientId}/.default` || scope === `api://${clientId}/.default`,
    )
    const isGraph = scope === `${this.graph.url}/.default`
    if (audience === undefined && !isGraph) {
      return refusal('invalid_resource', 500011, 'The resource principal was not found.')
    }
    const token =
      audience === undefined
        ? await this.sign({
            aud: GRAPH_AUDIENCE,
            azp: application.clientId,
            oid: application.id,
            sub: application.id,
            roles: [...(application.graphPermissions ?? [])],
          })
        : await this.applicationToken(application, audience)
    return Response.json({
      token_type: 'Bearer',
      expires_in: 3_599,
      ext_expires_in: 3_599,
      access_token: token,
    })
  }

  private async judgeGraphToken(token: string): Promise<'refused' | 'forbidden' | 'allowed'> {
    for (const key of this.keys) {
      try {
        const { payload } = await jwtVerify(token, key.publicKey, { audience: GRAPH_AUDIENCE })
        const roles = (payload['roles'] ?? []) as string[]
        const reads = roles.includes('User.Read.All') && roles.includes('GroupMember.Read.All')
        return reads || roles.includes('Directory.Read.All') ? 'allowed' : 'forbidden'
      } catch {
        continue
      }
    }
    return 'refused'
  }

  private logout(query: URLSearchParams): Response {
    this.signedIn = undefined
    const target = query.get('post_logout_redirect_uri')
    return target === null ? new Response('Signed out') : Response.redirect(target, 302)
  }

  private application(clientId: string | null | undefined): EntraApplication | undefined {
    return this.options.applications.find((each) => each.clientId === clientId)
  }
}

/** Another one at every application, as the real `sub`. */
function pairwise(user: EntraUser, { clientId }: EntraApplication): string {
  return createHash('sha256').update(`${user.id}:${clientId}`).digest('base64url')
}

function basicCredentials(header: string | null): readonly [string, string] | undefined {
  const match = /^Basic (\S+)$/.exec(header ?? '')
  if (match === null) return undefined
  const text = Buffer.from(match[1]!, 'base64').toString()
  const colon = text.indexOf(':')
  return [
    decodeURIComponent(text.slice(0, colon).replaceAll('+', ' ')),
    decodeURIComponent(text.slice(colon + 1).replaceAll('+', ' ')),
  ]
}

function refusal(error: string, code: number, message: string): Response {
  return Response.json(
    {
      error,
      error_description: `AADSTS${code}: ${message} Trace ID: 0 Correlation ID: 0`,
      error_codes: [code],
      timestamp: '2026-01-01 00:00:00Z',
    },
    { status: error === 'invalid_client' ? 401 : 400 },
  )
}
