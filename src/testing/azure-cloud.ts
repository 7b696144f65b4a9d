// A small Azure for tests: Entra ID's token endpoint, the management API and accounts that answer chats, each on a port of its own so
// that a token sent to the wrong one shows. It is as strict as the real one where a client could be wrong, and writes down who asked.

import { createHash, X509Certificate } from 'node:crypto'
import { jwtVerify } from 'jose'

export interface CloudApplication {
  readonly tenant: string
  readonly clientId: string
  readonly secret?: string
  /** PEM of a certificate that the application has. */
  readonly certificate?: string
}

export interface CloudDeployment {
  readonly name: string
  readonly model: string
  readonly version?: string
  readonly state?: string
  readonly capacity?: number
  readonly capabilities?: Readonly<Record<string, string>>
}

export interface CloudAccount {
  readonly name: string
  readonly kind?: string
  readonly location?: string
  readonly deployments: readonly CloudDeployment[]
  /** In place of its own address. */
  readonly endpoint?: string
}

export interface CloudSubscription {
  readonly id: string
  readonly name: string
  readonly isForbidden?: boolean
  readonly accounts: readonly CloudAccount[]
}

export interface CloudOptions {
  readonly application: CloudApplication
  readonly subscriptions?: readonly CloudSubscription[]
  /** PEM; without it everything is plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Its name in addresses; `localhost` unless given. Only with `tls`. */
  readonly host?: string
  /** Of a token; 3,600 unless given. */
  readonly lifeSeconds?: number
  readonly modelsScope?: string
  /** Rows on one page of a management list. */
  readonly pageRows?: number
}

interface Issued {
  readonly scope: string
  readonly endsMs: number
}

type Answer = Response | Promise<Response>

export class AzureCloud implements AsyncDisposable {
  /** Bodies of questions for tokens, in order. */
  readonly tokenQuestions: Record<string, string>[] = []
  /** Path and query of what the management API was asked. */
  readonly managementQuestions: string[] = []
  /** Credential of each chat. */
  readonly chatTokens: string[] = []
  /** Changed by tests: how the token service fails, and what it waits for before it answers. */
  tokenFault: { status: number; body: object; headers?: Record<string, string> } | undefined
  tokenGate: Promise<void> | undefined
  lifeSeconds: number
  /** The next so many management questions are told to wait so long. */
  throttled = { times: 0, retryAfterSeconds: 1 }
  /** Where the second page of deployments is said to be. */
  foreignNextLink: string | undefined
  private readonly options: CloudOptions
  private readonly issued = new Map<string, Issued>()
  private readonly assertionIds = new Set<string>()
  private readonly servers: Bun.Server<undefined>[] = []
  private readonly endpoints = new Map<string, string>()
  readonly authority: string
  readonly management: string

  constructor(options: CloudOptions) {
    this.options = options
    this.lifeSeconds = options.lifeSeconds ?? 3_600
    this.authority = this.listen((request) => this.token(request))
    this.management = this.listen((request) => this.manage(request))
    for (const { accounts } of options.subscriptions ?? []) {
      for (const account of accounts) {
        const endpoint = this.listen((request) => this.chat(request, account))
        this.endpoints.set(account.name, account.endpoint ?? endpoint)
      }
    }
  }

  get modelsScope(): string {
    return this.options.modelsScope ?? 'https://cognitiveservices.azure.com/.default'
  }

  /** `https://localhost:port` */
  endpoint(account: string): string {
    return this.endpoints.get(account) ?? ''
  }

  /** As if every token given out so far had been withdrawn. */
  revokeAll(): void {
    this.issued.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop(true)))
  }

  private listen(answer: (request: Request) => Answer): string {
    const { tls } = this.options
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key } }),
      fetch: answer,
    })
    this.servers.push(server)
    return tls === undefined
      ? `http://127.0.0.1:${server.port}`
      : `https://${this.options.host ?? 'localhost'}:${server.port}`
  }

  private async token(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    const form = Object.fromEntries(new URLSearchParams(await request.text()))
    this.tokenQuestions.push(form)
    await this.tokenGate
    if (this.tokenFault !== undefined) {
      const { body, headers = {}, status } = this.tokenFault
      return Response.json(body, { status, headers })
    }
    const { clientId, tenant } = this.options.application
    const type = request.headers.get('content-type')
    if (request.method !== 'POST' || type !== 'application/x-www-form-urlencoded') {
      return refusal('invalid_request', 900144, 'The request body must be a form.')
    }
    if (pathname !== `/${tenant}/oauth2/v2.0/token`) {
      return refusal('invalid_request', 90002, 'Tenant not found.')
    }
    if (form['client_id'] !== clientId) {
      return refusal('unauthorized_client', 700016, 'Application was not found in the directory.')
    }
    if (form['grant_type'] !== 'client_credentials') {
      return refusal('unsupported_grant_type', 70003, 'The grant type is not supported.')
    }
    if (![this.modelsScope, `${this.management}/.default`].includes(form['scope'] ?? '')) {
      return refusal('invalid_resource', 500011, 'The resource principal was not found.')
    }
    return (await this.unproven(form)) ?? this.issue(form['scope']!)
  }

  private async unproven(form: Record<string, string>): Promise<Response | undefined> {
    const { application } = this.options
    const { client_assertion: assertion, client_secret: secret } = form
    if (assertion === undefined) {
      if (secret === undefined) return refusal('invalid_client', 7000216, 'Neither is there.')
      if (secret === application.secret) return undefined
      return refusal('invalid_client', 7000215, 'Invalid client secret provided.')
    }
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    if (secret !== undefined || form['client_assertion_type'] !== type) {
      return refusal('invalid_request', 900144, 'One proof, of a known type.')
    }
    try {
      await this.checkAssertion(assertion)
      return undefined
    } catch (error) {
      return refusal('invalid_client', 700027, `Assertion failed: ${String(error)}`)
    }
  }

  private async checkAssertion(assertion: string): Promise<void> {
    const { certificate = '', clientId, tenant } = this.options.application
    const known = new X509Certificate(certificate)
    const { payload, protectedHeader } = await jwtVerify(assertion, known.publicKey, {
      algorithms: ['PS256'],
      audience: `${this.authority}/${tenant}/oauth2/v2.0/token`,
      issuer: clientId,
      subject: clientId,
      typ: 'JWT',
      requiredClaims: ['exp', 'nbf', 'jti'],
    })
    const thumbprint = createHash('sha256').update(known.raw).digest('base64url')
    if (protectedHeader['x5t#S256'] !== thumbprint) throw new Error('another certificate')
    if (payload.exp! - payload.nbf! > 600) throw new Error('lives too long')
    if (this.assertionIds.has(payload.jti!)) throw new Error('used twice')
    this.assertionIds.add(payload.jti!)
  }

  private issue(scope: string): Response {
    // Shaped as a JWT, as the real ones are; nobody but this server reads it.
    const token = `eyJ${crypto.randomUUID()}.${crypto.randomUUID()}.${crypto.randomUUID()}`
    this.issued.set(token, { scope, endsMs: performance.now() + this.lifeSeconds * 1_000 })
    return Response.json({
      token_type: 'Bearer',
      expires_in: this.lifeSeconds,
      ext_expires_in: this.lifeSeconds,
      access_token: token,
    })
  }

  private bearer(request: Request, scope: string): string | undefined {
    const token = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
    const issued = token === undefined ? undefined : this.issued.get(token)
    const holds =
      issued !== undefined && issued.scope === scope && performance.now() < issued.endsMs
    return holds && !request.headers.has('api-key') ? token : undefined
  }

  private manage(request: Request): Response {
    const url = new URL(request.url)
    this.managementQuestions.push(url.pathname + url.search)
    if (this.bearer(request, `${this.management}/.default`) === undefined) {
      return managementError(401, 'InvalidAuthenticationToken', 'The access token is invalid.')
    }
    if (this.throttled.times > 0) {
      this.throttled.times -= 1
      return managementError(429, 'TooManyRequests', 'Slow down.', {
        'retry-after': String(this.throttled.retryAfterSeconds),
      })
    }
    const wanted = url.pathname === '/subscriptions' ? '2022-12-01' : '2024-10-01'
    if (url.searchParams.get('api-version') !== wanted) {
      return managementError(400, 'InvalidApiVersionParameter', 'The api-version is invalid.')
    }
    return this.managed(url)
  }

  private managed(url: URL): Response {
    const subscriptions = this.options.subscriptions ?? []
    if (url.pathname === '/subscriptions') {
      const rows = subscriptions.map(({ id, name }) => ({
        id: `/subscriptions/${id}`,
        subscriptionId: id,
        displayName: name,
        state: 'Enabled',
      }))
      return this.page(url, rows)
    }
    const [, id = '', rest = ''] = /^\/subscriptions\/([^/]+)\/(.*)$/.exec(url.pathname) ?? []
    const subscription = subscriptions.find((candidate) => candidate.id === id)
    if (subscription === undefined) {
      return managementError(404, 'SubscriptionNotFound', 'The subscription was not found.')
    }
    if (subscription.isForbidden === true) {
      return managementError(403, 'AuthorizationFailed', 'The client has no authorization.')
    }
    if (rest === 'providers/Microsoft.CognitiveServices/accounts') {
      return this.page(
        url,
        subscription.accounts.map((account) => this.accountRow(id, account)),
      )
    }
    const path =
      /^resourceGroups\/models\/providers\/Microsoft\.CognitiveServices\/accounts\/([^/]+)\/(\w+)$/
    const [, name, list] = path.exec(rest) ?? []
    const account = subscription.accounts.find((candidate) => candidate.name === name)
    if (account === undefined) return managementError(404, 'ResourceNotFound', 'Not found.')
    if (list === 'models') return this.page(url, account.deployments.map(modelRow))
    if (list === 'deployments') {
      return this.page(url, account.deployments.map(deploymentRow), this.foreignNextLink)
    }
    return managementError(404, 'ResourceNotFound', 'Not found.')
  }

  private accountRow(subscriptionId: string, { kind, location, name }: CloudAccount) {
    return {
      id: `/subscriptions/${subscriptionId}/resourceGroups/models/providers/Microsoft.CognitiveServices/accounts/${name}`,
      name,
      type: 'Microsoft.CognitiveServices/accounts',
      kind: kind ?? 'OpenAI',
      location: location ?? 'westeurope',
      properties: { endpoint: `${this.endpoint(name)}/`, provisioningState: 'Succeeded' },
    }
  }

  private page(url: URL, rows: readonly object[], foreign?: string): Response {
    const size = this.options.pageRows ?? 2
    const start = Number(url.searchParams.get('$skiptoken') ?? 0)
    const next = new URL(`${this.management}${url.pathname}${url.search}`)
    next.searchParams.set('$skiptoken', String(start + size))
    const hasMore = start + size < rows.length
    return Response.json({
      value: rows.slice(start, start + size),
      ...(hasMore ? { nextLink: foreign ?? next.href } : {}),
    })
  }

  private async chat(request: Request, account: CloudAccount): Promise<Response> {
    const { pathname } = new URL(request.url)
    const token = this.bearer(request, this.modelsScope)
    this.chatTokens.push(request.headers.get('authorization')?.slice('Bearer '.length) ?? '')
    if (token === undefined) {
      return Response.json(
        { error: { code: '401', message: 'Access denied due to invalid or expired token.' } },
        { status: 401 },
      )
    }
    const body = (await request.json().catch(() => ({}))) as { model?: string }
    const deployment = account.deployments.find(({ name }) => name === body.model)
    if (pathname !== '/openai/v1/chat/completions' || deployment === undefined) {
      return Response.json(
        { error: { code: 'DeploymentNotFound', message: 'The API deployment does not exist.' } },
        { status: 404 },
      )
    }
    return Response.json({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: deployment.model,
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: `from ${account.name}`, refusal: null },
          finish_reason: 'stop',
        },
      ],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    })
  }
}

function refusal(error: string, code: number, message: string): Response {
  return Response.json(
    {
      error,
      error_description: `AADSTS${code}: ${message} Trace ID: 0 Correlation ID: 0`,
      error_codes: [code],
    },
    { status: error === 'invalid_client' ? 401 : 400 },
  )
}

function managementError(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ error: { code, message } }, { status, headers })
}

function deploymentRow({ capabilities, capacity, model, name, state, version }: CloudDeployment) {
  return {
    name,
    type: 'Microsoft.CognitiveServices/accounts/deployments',
    sku: { name: 'Standard', capacity: capacity ?? 10 },
    properties: {
      model: { format: 'OpenAI', name: model, version: version ?? '1' },
      provisioningState: state ?? 'Succeeded',
      capabilities: capabilities ?? { chatCompletion: 'true' },
      rateLimits: [{ key: 'request', renewalPeriod: 10, count: 10 }],
    },
  }
}

function modelRow({ model, version }: CloudDeployment) {
  return {
    format: 'OpenAI',
    name: model,
    version: version ?? '1',
    capabilities: { maxContextToken: '128000' },
    deprecation: { inference: '2030-01-31T00:00:00Z' },
    lifecycleStatus: 'GenerallyAvailable',
  }
}
