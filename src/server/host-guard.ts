// Which Host and Origin this server answers to, judged before any routing: a Host of three characters changes the path the
// router sees, a foreign one is DNS rebinding, and a foreign Origin is a web page trying the local server.

import { GatewayError } from '../core/error.ts'

export interface HostRules {
  /** Bound to loopback: only loopback names and `allowedHosts` are answered. */
  readonly loopbackOnly: boolean
  /**
   * Host names in lower case, without port, beside loopback; `*.example.com` takes any subdomain. Empty on a server: any
   * valid one.
   */
  readonly allowedHosts: readonly string[]
  /** Origins whose pages may call, as `https://app.example.com`. */
  readonly allowedOrigins: readonly string[]
}

export interface HostVerdict {
  /** The Host is a loopback name: only then may a caller without a key be the local user. */
  readonly loopbackHost: boolean
  /** The page's origin, when there is one and it is allowed. */
  readonly origin: string | undefined
}

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\.?)(?::([0-9]{1,5}))?$/i

/** IPv4 as it is always written. */
const ADDRESS = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

/**
 * Judges a request by its Host, URL and Origin.
 * @throws GatewayError `invalid_host` (400), `host_not_allowed` (403) or `origin_not_allowed` (403)
 */
export function checkHost(request: Request, rules: HostRules): HostVerdict {
  const host = request.headers.get('host')
  const name = host === null ? undefined : hostName(host)
  if (host === null || name === undefined || !urlMatchesHost(request.url, host)) {
    throw new GatewayError('invalid_host')
  }
  const loopbackHost = isLoopbackName(name)
  const listed = rules.allowedHosts.some((allowed) => isListed(name, allowed))
  const open = !rules.loopbackOnly && rules.allowedHosts.length === 0
  if (!loopbackHost && !listed && !open) throw new GatewayError('host_not_allowed')
  return { loopbackHost, origin: checkOrigin(request, rules) }
}

function isListed(name: string, allowed: string): boolean {
  // An IPv6 address stands in brackets in a Host, and without them in a setting.
  if (name === `[${allowed}]`) return true
  return allowed.startsWith('*.') ? name.endsWith(allowed.slice(1)) : name === allowed
}

/** Lower-case name of a valid Host value without its port; undefined for anything else. */
function hostName(host: string): string | undefined {
  // The router looks for the path after the eleventh character of the URL; four characters of host keep it right.
  if (host.length < 4) return undefined
  const match = HOST.exec(host)
  if (match === null || Number(match[2] ?? 0) > 65_535) return undefined
  const name = match[1]!.toLowerCase().replace(/\.$/, '')
  // What ends like an address and is none makes a URL that nobody can read.
  if (/[\d\]]$/.test(name) && !ADDRESS.test(name) && !URL.canParse(`http://${name}/`))
    return undefined
  return name
}

/** An absolute-form request line can name another host than the header: then it is not for us. */
function urlMatchesHost(url: string, host: string): boolean {
  const start = url.indexOf('://') + 3
  if (start < 3) return false
  return (
    url.startsWith(`${host}/`, start) ||
    url.slice(start).toLowerCase().startsWith(`${host.toLowerCase()}/`)
  )
}

export function isLoopbackName(name: string): boolean {
  return (
    name === 'localhost' || name === '[::1]' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)
  )
}

function checkOrigin(request: Request, rules: HostRules): string | undefined {
  const origin = request.headers.get('origin')
  if (origin === null) {
    // A page's simple GET has no Origin but says where it comes from.
    if (request.headers.get('sec-fetch-site') === 'cross-site' && !isNavigation(request)) {
      throw new GatewayError('origin_not_allowed')
    }
    return undefined
  }
  if (rules.allowedOrigins.includes(origin)) return origin
  if (isLoopbackOrigin(origin)) return origin
  throw new GatewayError('origin_not_allowed')
}

/** A person following a link to the UI from elsewhere: a GET that shows a page and tells its caller nothing. */
function isNavigation(request: Request): boolean {
  return request.method === 'GET' && request.headers.get('sec-fetch-mode') === 'navigate'
}

function isLoopbackOrigin(origin: string): boolean {
  const match = /^https?:\/\/(\[::1\]|[a-z0-9.]+)(?::\d{1,5})?$/i.exec(origin)
  return match !== null && isLoopbackName(match[1]!.toLowerCase())
}
