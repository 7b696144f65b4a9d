// What every route of the server needs: the gateway's dependencies, the rules of this listener, and small helpers to judge
// a request and to answer it. Routes get this, never Elysia's own context handed on.

import type { AddressRange } from '../core/address.ts'
import type { Actor } from '../core/audit.ts'
import type { AuthenticationRules } from '../auth/authenticate.ts'
import { authenticate } from '../auth/authenticate.ts'
import { credentialOf } from '../auth/credential.ts'
import { GatewayError } from '../core/error.ts'
import type { Clock, IdSource, Logger, OnceRepository } from '../core/ports.ts'
import { can, canSomewhere, scopes } from '../core/permission.ts'
import { DEFAULT_TENANT_ID, type Principal } from '../core/principal.ts'
import type { GatewayDeps } from '../gateway/deps.ts'
import type { SpoolRoom } from '../gateway/passthrough/spool.ts'
import type { CacheDeps } from './admin/cache-routes.ts'
import type { DiscoveryDeps } from './admin/discovery-routes.ts'
import type { GuardDeps } from './admin/guard-deps.ts'
import type { HealthDeps } from './admin/health-routes.ts'
import type { LoginDeps } from './browser.ts'
import type { ContentDeps } from './admin/content-deps.ts'
import type { AuditDeps } from './admin/audit-routes.ts'
import type { KeysDeps } from './admin/keys.ts'
import type { MoneyDeps } from './admin/money-deps.ts'
import type { ModelsDeps } from './admin/model-desk.ts'
import type { PeopleDeps } from './admin/people/deps.ts'
import type { ProvidersDeps } from './admin/provider-book.ts'
import type { Denials } from './denials.ts'
import { clientAddress } from './client-address.ts'
import type { RequestsDeps } from './admin/requests-routes.ts'
import type { ConfigurationDeps } from './admin/settings-deps.ts'
import type { UsageDeps } from './admin/usage-routes.ts'
import { checkHost, type HostRules } from './host-guard.ts'
import type { RefusedCredentials } from './refused-credentials.ts'
import type { RouteRule } from './route-actions.ts'

export interface ServerSettings {
  readonly host: string
  readonly port: number
  readonly maxBodyBytes: number
  readonly bodyTimeoutMs: number
  /** Of a form: a file, a picture, speech. */
  readonly maxUploadBytes: number
  readonly hostRules: HostRules
  /** Proxies that are believed where they say who asked them. */
  readonly trustedProxies: readonly AddressRange[]
}

export interface ServerDeps {
  readonly gateway: GatewayDeps
  readonly authentication: AuthenticationRules
  /** Bounds the guessing of credentials. */
  readonly refused: RefusedCredentials
  readonly clock: Clock
  readonly ids: IdSource
  readonly logger: Logger
  /** Where uploads lie while they are sent. */
  readonly spools: SpoolRoom
  settings(): ServerSettings
  /** A file of the web UI, or undefined where there is none of the name. */
  asset(path: string): Promise<WebAsset | undefined>
  /** What `/readyz` says. */
  readiness(): { ready: boolean; checks: Record<string, boolean> }
  /** What `/metrics` says, in the format that an `Accept` header wants. */
  metrics(accept: string | undefined): MetricsText | Promise<MetricsText>
  readonly discovery: DiscoveryDeps
  /** What was used and spent. */
  readonly usage: UsageDeps
  /** The response cache. */
  readonly cache: CacheDeps
  /** Guardrails and feature flags. */
  readonly guard: GuardDeps
  /** Limits and budgets, and what is left of them. */
  readonly money: MoneyDeps
  /** The request log, for those who look for something. */
  readonly requests: RequestsDeps
  readonly audit: AuditDeps
  /** Which content is kept, held and erased. */
  readonly content: ContentDeps
  readonly denials: Denials
  /** Creations that may be sent again. */
  readonly once: OnceRepository
  /** Providers, for those who manage them. */
  readonly providers: ProvidersDeps
  /** API keys, for those who manage them. */
  readonly keys: KeysDeps
  /** People, roles and who has them. */
  readonly people: PeopleDeps
  /** Aliases of the store, and the rules of the configuration for them. */
  readonly models: ModelsDeps
  /** Settings, export and import of configuration, secrets. */
  readonly configuration: ConfigurationDeps
  /** What `/admin/health` tells besides the gateway's own. */
  readonly health: HealthDeps
  /** Logins of people; absent where nobody can log in. */
  readonly login?: LoginDeps
}

export interface MetricsText {
  readonly contentType: string
  readonly text: string
}

export interface WebAsset {
  readonly body: Uint8Array
  /** The same, packed; absent where that saves nothing. */
  readonly gzip?: Uint8Array
  readonly contentType: string
  readonly etag: string
  /** It never changes under its name. */
  readonly isImmutable: boolean
}

/** What is known of a request before any route has seen it. */
export interface Admission {
  readonly requestId: string
  readonly loopbackHost: boolean
  readonly origin: string | undefined
  readonly arrivedMs: number
  readonly arrivedMonotonicMs: number
  /** The peer's address, asked for only where it decides something. */
  peer(): string | undefined
  /** The client's address: the peer's, or what a trusted proxy says of it (see `client-address.ts`). */
  from(): string | undefined
}

const admissions = new WeakMap<Request, Admission>()

/** Judges Host and Origin and gives the request its id. @throws GatewayError of the host guard */
export function admit(request: Request, peer: () => string | undefined, deps: ServerDeps): void {
  let found: { readonly address: string | undefined } | undefined
  const from = () => {
    found ??= { address: clientAddress(peer(), request.headers, deps.settings().trustedProxies) }
    return found.address
  }
  const admission = {
    requestId: requestIdOf(request.headers, deps.ids),
    from,
    arrivedMs: deps.clock.nowMs(),
    arrivedMonotonicMs: deps.clock.monotonicMs(),
    peer,
    loopbackHost: false,
    origin: undefined as string | undefined,
  }
  // Known before it is judged: the answer to a refused one carries the id too.
  admissions.set(request, admission)
  const verdict = checkHost(request, deps.settings().hostRules)
  admission.loopbackHost = verdict.loopbackHost
  admission.origin = verdict.origin
}

/** The admission of a request that `admit` has seen. */
export function admissionOf(request: Request): Admission {
  const admission = admissions.get(request)
  if (admission === undefined)
    throw new GatewayError('internal', { cause: 'request was not admitted' })
  return admission
}

/**
 * Who asks, let in by the rule of the route. At once for a key; a promise where a token has to be looked into.
 * @param rule from `ruleOf`: what the route is for is said there and nowhere else
 * @throws GatewayError `authentication` or `permission`
 */
export function authorize(
  request: Request,
  rule: RouteRule,
  keyInPath: string | undefined,
  deps: ServerDeps,
): Principal | Promise<Principal> {
  const { from } = admissionOf(request)
  const asking = deps.refused.guard(
    from,
    () => credentialOf(request.headers, keyInPath),
    (credential) =>
      authenticate({ credential, from, isLocal: () => isLocal(request) }, deps.authentication),
  )
  return asking instanceof Promise
    ? asking.then((principal) => allowed(request, principal, rule, deps))
    : allowed(request, asking, rule, deps)
}

function allowed(
  request: Request,
  principal: Principal,
  rule: RouteRule,
  deps: ServerDeps,
): Principal {
  requireRule(request, principal, rule, deps)
  return principal
}

/**
 * Lets in who fulfils the rule; a refusal goes into the audit. What is named in a request is asked for again by whoever knows it.
 * @throws GatewayError `permission`
 */
export function requireRule(
  request: Request,
  principal: Principal,
  rule: RouteRule,
  deps: ServerDeps,
): void {
  if (fulfils(principal, rule, deps)) return
  deps.denials.note(actorOf(request, principal), rule)
  throw new GatewayError('permission')
}

function fulfils(principal: Principal, { action, subject }: RouteRule, deps: ServerDeps): boolean {
  switch (subject) {
    case 'process':
      return isShared(deps) ? can(principal, action, scopes.platform) : can(principal, action)
    case 'tenant':
      return can(principal, action)
    default:
      return canSomewhere(principal, action)
  }
}

/** Whether there is more than one tenant here. */
export function isShared({ gateway }: Pick<ServerDeps, 'gateway'>): boolean {
  return gateway.snapshot().rights.hasManyTenants
}

/** In whose name a route changes things. */
export function actorOf(request: Request, principal: Principal): Actor {
  const { keyId, keyName, kind, name, serviceId, tenantId, userId } = principal
  const { from: addressOf, requestId } = admissionOf(request)
  const shown = keyName ?? name
  const from = addressOf()
  return {
    kind,
    id: keyId ?? userId ?? serviceId ?? 'anonymous',
    tenantId,
    requestId,
    ...(shown === undefined ? {} : { name: shown }),
    ...(from === undefined ? {} : { from }),
  }
}

/** The connection comes from this machine, under a loopback name, and not through a proxy. */
function isLocal(request: Request): boolean {
  const { loopbackHost, peer } = admissionOf(request)
  if (!loopbackHost || wasForwarded(request.headers)) return false
  const address = peer()
  // Whoever has broken its connection has no address any more: that it left is all that can be said.
  if (address === undefined && request.signal.aborted) throw new GatewayError('client_closed')
  return address !== undefined && isLoopbackAddress(address)
}

/** The principal of a row for a request that never got one. */
export const NOBODY: Principal = { kind: 'anonymous', tenantId: DEFAULT_TENANT_ID, grants: [] }

/** A proxy in front makes every caller look local: then nobody is. */
function wasForwarded(headers: Headers): boolean {
  return FORWARDED_HEADERS.some((name) => headers.has(name))
}

/** Any of these is a proxy's: not every one names the client. */
const FORWARDED_HEADERS = [
  'x-forwarded-for',
  'forwarded',
  'x-real-ip',
  'via',
  'x-forwarded-host',
  'x-forwarded-proto',
  'cf-connecting-ip',
] as const

export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./i.test(address)
}

const REQUEST_ID = /^[A-Za-z0-9_-]{1,64}$/

/** The client's own id when it is a harmless one, else a new one. */
function requestIdOf(headers: Headers, ids: IdSource): string {
  const given = headers.get('x-request-id')
  if (given !== null && REQUEST_ID.test(given)) return given
  return `req_${ids.uuid().replaceAll('-', '')}`
}
