// A small OpenID provider for tests of bearer tokens: it publishes real keys and signs whatever a test wants signed, good or bad. It
// counts what it is asked and can be slow, broken, huge or gone.

import {
  CompactSign,
  exportJWK,
  generateKeyPair,
  type CompactJWSHeaderParameters,
  type CryptoKey,
  type JWK,
} from 'jose'

export interface IssuerKey {
  readonly kid: string
  readonly algorithm: string
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  /** As it is published. */
  readonly jwk: JWK
}

/** Every key costs tens of milliseconds to make; those of a kind are made once for a test run and handed out in turn. */
const pool: IssuerKey[] = []

/** A key of its own; `nth` names one that other tests may also use. */
export async function issuerKey(nth: number, algorithm = 'RS256'): Promise<IssuerKey> {
  const kid = `${algorithm}-${nth}`
  const known = pool.find((key) => key.kid === kid)
  if (known !== undefined) return known
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: algorithm }
  const key = { kid, algorithm, privateKey, publicKey, jwk }
  pool.push(key)
  return key
}

export interface TokenIssuerOptions {
  /** Path of the issuer behind its address; none unless given. */
  readonly path?: string
  readonly keys: readonly IssuerKey[]
}

type Fault =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'silence' }
  | { readonly kind: 'body'; readonly body: string }
  | { readonly kind: 'redirect'; readonly to: string }

export class TokenIssuer implements AsyncDisposable {
  /** Paths that were asked for, in order. */
  readonly asked: string[] = []
  /** What is published; changed by tests. */
  published: readonly JWK[]
  /** How keys, or everything, is not answered. */
  keysFault: Fault | undefined
  fault: Fault | undefined
  /** What discovery says instead. */
  described: Record<string, unknown> = {}
  readonly origin: string
  readonly issuer: string
  private readonly server: Bun.Server<undefined>
  private readonly open = new Set<(response: Response) => void>()
  private key: IssuerKey

  constructor({ keys, path = '' }: TokenIssuerOptions) {
    this.published = keys.map(({ jwk }) => jwk)
    this.key = keys[0]!
    this.server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request) => this.answer(request),
    })
    this.origin = `http://127.0.0.1:${this.server.port}`
    this.issuer = `${this.origin}${path}`
  }

  get keysAsked(): number {
    return this.asked.filter((path) => path === '/keys').length
  }

  /** From now on signs with this key; what is published stays as it is. */
  signWith(key: IssuerKey): void {
    this.key = key
  }

  /** Signs any payload; `header` replaces members of the usual one, undefined takes one away. */
  async sign(
    payload: object,
    header: Record<string, unknown> = {},
    key: IssuerKey = this.key,
  ): Promise<string> {
    const all = { alg: key.algorithm, typ: 'JWT', kid: key.kid, ...header }
    const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
    return await new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
      .setProtectedHeader(given as CompactJWSHeaderParameters)
      .sign(key.privateKey)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.open) end(new Response(null, { status: 503 }))
    await this.server.stop(true)
  }

  private answer(request: Request): Response | Promise<Response> {
    const { pathname } = new URL(request.url)
    this.asked.push(pathname)
    const fault = this.fault ?? (pathname === '/keys' ? this.keysFault : undefined)
    if (fault !== undefined) return this.failed(fault)
    if (pathname === '/keys') return Response.json({ keys: this.published })
    if (
      pathname ===
      `${new URL(this.issuer).pathname.replace(/\/$/, '')}/.well-known/openid-configuration`
    ) {
      return Response.json({
        issuer: this.issuer,
        jwks_uri: `${this.origin}/keys`,
        authorization_endpoint: `${this.origin}/authorize`,
        token_endpoint: `${this.origin}/token`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        ...this.described,
      })
    }
    return new Response(null, { status: 404 })
  }

  private failed(fault: Fault): Response | Promise<Response> {
    switch (fault.kind) {
      case 'status':
        return new Response('no', { status: fault.status })
      case 'body':
        return new Response(fault.body, { headers: { 'content-type': 'application/json' } })
      case 'redirect':
        return new Response(null, { status: 302, headers: { location: fault.to } })
      case 'silence': {
        const { promise, resolve } = Promise.withResolvers<Response>()
        this.open.add(resolve)
        return promise
      }
    }
  }
}
