// The part of Microsoft Graph that tells memberships, for tests: documented shapes, errors and bounds, strict about what it is sent.
// It stands on a port of its own, so that a token sent to the wrong place shows.

export interface GraphOptions {
  /** Object ids by the id of the user or service principal. */
  readonly memberships: ReadonlyMap<string, readonly string[]>
  /** Whether a token may ask here; what it may do. */
  readonly judge: (token: string) => Promise<'refused' | 'forbidden' | 'allowed'>
}

export interface GraphQuestion {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly body: string
}

/** https://learn.microsoft.com/graph/api/directoryobject-getmemberobjects */
const MEMBER_OBJECTS_MAX = 11_000

export class EntraGraph implements AsyncDisposable {
  readonly questions: GraphQuestion[] = []
  readonly url: string
  /** How the next so many questions fail. */
  fault: { readonly status: number; readonly code: string; times: number } | undefined
  /** What an answer waits for. */
  gate: Promise<void> | undefined
  /** Where the second page is said to be. */
  foreignNextLink: string | undefined
  private readonly options: GraphOptions
  private readonly server: Bun.Server<undefined>

  constructor(options: GraphOptions) {
    this.options = options
    this.server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request) => this.answer(request),
    })
    this.url = `http://127.0.0.1:${this.server.port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop(true)
  }

  private async answer(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const body = await request.text()
    this.questions.push({ method: request.method, target: url.pathname + url.search, body })
    await this.gate
    if (this.fault !== undefined && this.fault.times > 0) {
      this.fault.times -= 1
      return failure(this.fault.status, this.fault.code, 'A fault of the test.')
    }
    const token = /^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
    const verdict = token === undefined ? 'refused' : await this.options.judge(token)
    if (verdict === 'refused') {
      return failure(401, 'InvalidAuthenticationToken', 'Access token validation failure.')
    }
    const [, kind, id = '', action] =
      /^\/v1\.0\/(users|servicePrincipals)\/([^/]+)\/(\w+)$/.exec(url.pathname) ?? []
    if (kind === undefined) {
      return failure(400, 'BadRequest', 'Resource not found for the segment.')
    }
    if (verdict === 'forbidden') {
      return failure(
        403,
        'Authorization_RequestDenied',
        'Insufficient privileges to complete the operation.',
      )
    }
    const groups = this.options.memberships.get(id)
    if (groups === undefined) {
      return failure(404, 'Request_ResourceNotFound', `Resource '${id}' does not exist.`)
    }
    if (action === 'getMemberObjects' && request.method === 'POST') {
      return this.memberObjects(request, body, groups)
    }
    if (action === 'transitiveMemberOf' && request.method === 'GET') return this.page(url, groups)
    return failure(405, 'Request_BadRequest', 'Specified HTTP method is not allowed.')
  }

  private memberObjects(request: Request, body: string, groups: readonly string[]): Response {
    if (request.headers.get('content-type')?.startsWith('application/json') !== true) {
      return failure(415, 'UnsupportedMediaType', 'The request body must be JSON.')
    }
    const only = (JSON.parse(body) as { securityEnabledOnly?: unknown }).securityEnabledOnly
    if (typeof only !== 'boolean') {
      return failure(400, 'Request_BadRequest', 'Invalid value for securityEnabledOnly.')
    }
    if (groups.length > MEMBER_OBJECTS_MAX) {
      return failure(400, 'Directory_ResultSizeLimitExceeded', 'The result has too many objects.')
    }
    return Response.json({
      '@odata.context': `${this.url}/v1.0/$metadata#Collection(Edm.String)`,
      value: groups,
    })
  }

  private page(url: URL, groups: readonly string[]): Response {
    const top = Number(url.searchParams.get('$top') ?? 100)
    if (!(top >= 1 && top <= 999)) return failure(400, 'Request_BadRequest', 'Invalid page size.')
    const start = Number(url.searchParams.get('$skiptoken') ?? 0)
    const next = new URL(this.url + url.pathname + url.search)
    next.searchParams.set('$skiptoken', String(start + top))
    const hasMore = start + top < groups.length
    return Response.json({
      '@odata.context': `${this.url}/v1.0/$metadata#directoryObjects(id)`,
      ...(hasMore ? { '@odata.nextLink': this.foreignNextLink ?? next.href } : {}),
      value: groups
        .slice(start, start + top)
        .map((id) => ({ '@odata.type': '#microsoft.graph.group', id })),
    })
  }
}

function failure(status: number, code: string, message: string): Response {
  return Response.json(
    {
      error: {
        code,
        message,
        innerError: { date: '2026-01-01T00:00:00', 'request-id': crypto.randomUUID() },
      },
    },
    { status },
  )
}
