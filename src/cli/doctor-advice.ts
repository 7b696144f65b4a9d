// What is wrong with the way to a provider, layer by layer, in words for the person at its end, and what that person can do. It reads
// facts of `transport/probe.ts` and makes no connection.

import { rootCertificates } from 'node:tls'
import { readFileSync } from 'node:fs'
import type { Provider } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import { percentDecoded } from '../core/percent.ts'
import { DEFAULT_BASE_URLS } from '../config/base-urls.ts'
import { type HttpAnswer, ProbeError, type Secured } from '../transport/probe.ts'
import {
  type CertificateFacts,
  isKnownToSystem,
  issuerAmong,
  splitPem,
} from '../transport/probe-certificate.ts'
import type { ForwardProxy } from '../transport/proxy.ts'
import { formatDate, formatTime } from './format.ts'
import type { Advice } from './provider-advice.ts'

/** What a layer's words may depend on. */
export interface Way {
  readonly provider: Provider
  /** Of the provider, without brackets. */
  readonly host: string
  readonly port: number
  readonly proxy: ForwardProxy | undefined
  /** A proxy variable of the environment that is set: `HTTPS_PROXY`. Weir does not use it. */
  readonly proxyVariable: string | undefined
}

/** What may help where nothing gets through. */
function unreachableTodo({ proxy, proxyVariable }: Way, first: string): string {
  if (proxy !== undefined) return `${first} and network.proxy.`
  if (proxyVariable === undefined) {
    return `${first}, the firewall, and whether this network needs network.proxy.`
  }
  return `${proxyVariable} is set here, and Weir does not use it: set network.proxy to "\${${proxyVariable}}".`
}

/** The name could not be resolved; behind a proxy it is the proxy's name. */
export function nameAdvice(error: ProbeError, name: string, way: Way): Advice {
  const whose = way.proxy === undefined ? '' : ' of network.proxy'
  const why =
    error.code === 'timeout'
      ? 'was not answered by DNS in time'
      : error.code === 'EAI_AGAIN'
        ? 'could not be asked for: no DNS server answers (EAI_AGAIN)'
        : `does not exist for this machine’s DNS (${error.code})`
  const spelling = way.proxy === undefined ? 'the spelling in base_url' : 'the spelling'
  return {
    reason: `the name ${name}${whose} ${why}`,
    todo: unreachableTodo(way, `Check ${spelling}, this machine’s DNS`),
  }
}

/** The guard refused an address. */
export function addressAdvice(host: string, refused: string, kind: string): Advice {
  const what = host === refused ? host : `${host} is ${refused}, which`
  const isPrivate = kind === 'private' || kind === 'loopback'
  return {
    reason: `${what} is ${kind}: this server may not connect there`,
    todo: isPrivate
      ? 'Set network.allow_private: true for this provider where it is meant to be inside.'
      : 'Correct base_url: metadata services and reserved addresses are never connected to.',
  }
}

/** No TCP connection. `place` is `host:port`. */
export function connectAdvice(error: ProbeError, place: string, way: Way): Advice {
  const isProxy = way.proxy !== undefined
  const what = isProxy ? 'the proxy ' : ''
  const setting = isProxy ? 'network.proxy' : 'base_url'
  switch (error.code) {
    case 'ECONNREFUSED':
      return {
        reason: `nothing listens at ${what}${place} (connection refused)`,
        todo: isProxy ? `Correct ${setting}.` : 'Start that server, or correct base_url.',
      }
    case 'timeout':
    case 'ETIMEDOUT':
      return {
        reason: `${what}${place} does not answer: no connection within timeouts.connect (${LIMITS.probeLayerTimeoutMs / 1_000} s at most here)`,
        todo: isProxy
          ? `A firewall may drop it. Check ${setting}.`
          : unreachableTodo(way, 'A firewall may drop it. Check base_url'),
      }
    default:
      return {
        reason: `no connection to ${what}${place} (${error.code})`,
        todo: isProxy
          ? `Check ${setting} and the firewall.`
          : unreachableTodo(way, 'Check base_url'),
      }
  }
}

/** The proxy was reached and gave no way on. */
export function proxyAdvice(error: ProbeError, place: string): Advice {
  if (error.code === 'not-http') {
    return {
      reason: `what listens at ${place} is no HTTP proxy`,
      todo: 'Correct network.proxy; SOCKS proxies are not supported.',
    }
  }
  const said =
    error.code === 'timeout' ? 'did not answer in time' : `closed the connection (${error.code})`
  return {
    reason: `the proxy ${place} ${said}`,
    todo: 'Check network.proxy: the scheme (http or https), the port, and the proxy’s log.',
  }
}

/** The proxy answered and refused. */
export function refusedByProxyAdvice(answer: HttpAnswer, way: Way): Advice {
  const { headers, status } = answer
  const target = `${way.host}:${way.port}`
  const why = /^(ERR_\w+)/.exec(headers.get('x-squid-error') ?? '')?.[1]
  const told = why === undefined ? `${status}` : `${status}, ${why}`
  if (status === 407) {
    const schemes = headers.get('proxy-authenticate') ?? ''
    if (schemes !== '' && !/\bbasic\b/i.test(schemes)) {
      return {
        reason: `the proxy wants ${schemes.split(/[\s,]/)[0] ?? 'another'} authentication (407)`,
        todo: 'Weir speaks Basic alone: have the proxy allow it, or go through a local relay that speaks the other.',
      }
    }
    const user = way.provider.network.proxy && URL.parse(way.provider.network.proxy)?.username
    return user === undefined || user === ''
      ? {
          reason: 'the proxy asks for a user and a password (407)',
          todo: 'Write them into network.proxy: http://user:password@host:port.',
        }
      : {
          reason: `the proxy refuses the user ${percentDecoded(user)} or the password (407)`,
          todo: 'Correct them in network.proxy; write characters such as @ : / as %40 %3A %2F.',
        }
  }
  if (status === 403 || status === 405 || why === 'ERR_ACCESS_DENIED') {
    return {
      reason: `the proxy does not allow ${target} (${told})`,
      todo: `Ask who runs the proxy to allow CONNECT to ${target}, or add the host to network.no_proxy if it is reached directly.`,
    }
  }
  const isName = why === 'ERR_DNS_FAIL'
  return {
    reason: isName
      ? `the proxy cannot resolve ${way.host} (${told})`
      : `the proxy cannot reach ${target} (${told})`,
    todo: 'Check base_url; a host inside the company’s network may belong in network.no_proxy.',
  }
}

/** The handshake broke off before there was a certificate to judge. `spoken` is what the server speaks where that was found out. */
export function handshakeAdvice(error: ProbeError, place: string, spoken?: string): Advice {
  const { code } = error
  if (/WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG/.test(code)) {
    return {
      reason: `what listens at ${place} speaks no TLS`,
      todo: 'Correct the port in base_url, or write http:// where it is meant to be unencrypted.',
    }
  }
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|WRONG_SSL_VERSION/.test(code)) {
    return spoken === undefined
      ? {
          reason: `${place} speaks only versions of TLS older than 1.2`,
          todo: 'Have its administrator turn on TLS 1.2; older versions are not secure.',
        }
      : {
          reason: `${place} speaks ${spoken} at most, and network.min_tls_version is 1.3`,
          todo: 'Have its administrator turn on TLS 1.3, or set network.min_tls_version to "1.2".',
        }
  }
  if (/HANDSHAKE_FAILURE/.test(code)) {
    return {
      reason: `${place} broke the handshake off (handshake_failure)`,
      todo: 'Either it demands a client certificate (network.cert_file and key_file), or there is no cipher in common.',
    }
  }
  if (/UNRECOGNIZED_NAME/.test(code)) {
    return {
      reason: `${place} knows no host of that name`,
      todo: 'Correct the host in base_url.',
    }
  }
  if (code === 'timeout') {
    return {
      reason: `${place} took the connection and did not answer the TLS handshake in time`,
      todo: 'A firewall may hold it, or the port speaks another protocol. Check base_url.',
    }
  }
  if (code === 'closed' || code === 'ECONNRESET') {
    return {
      reason: `the connection to ${place} was cut during the TLS handshake`,
      todo: 'A firewall that filters by name does that, and so does a port that speaks no TLS. Check base_url and the firewall.',
    }
  }
  return {
    reason: `no TLS connection to ${place} (${code})`,
    todo: 'Check base_url and what stands before that server.',
  }
}

/** Bundles in which operating systems keep the authorities they trust. */
export const SYSTEM_BUNDLES: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/** What breaks TLS open to look inside, by the names in its certificates. */
const INTERCEPTORS =
  /zscaler|netskope|palo ?alto|fortinet|fortigate|blue ?coat|symantec web|mcafee|skyhigh|umbrella|sophos|kaspersky|avast|avg web|eset|bitdefender|check ?point|forcepoint|websense|barracuda|squid|mitmproxy|charles proxy|fiddler|portswigger|cloudflare.*gateway|gateway ca|sonicwall|watchguard|iboss|menlo/i

const PUBLIC_HOSTS: ReadonlySet<string> = new Set(
  Object.values(DEFAULT_BASE_URLS).flatMap((text) =>
    text === undefined ? [] : [new URL(text).hostname],
  ),
)

export interface CertificateQuestion {
  readonly secured: Pick<Secured, 'chain' | 'chainProblem' | 'isWrongHost'>
  readonly host: string
  readonly caFile: string | undefined
  readonly nowMs: number
  /** What stands in `todo` for the setting of the address. */
  readonly setting: 'base_url' | 'network.proxy'
  /** A bundle of the system that is there. */
  readonly systemBundle: string | undefined
}

/** Why a certificate does not hold, and what to do; undefined when it does. */
export function certificateAdvice(question: CertificateQuestion): Advice | undefined {
  const { chainProblem, chain, isWrongHost } = question.secured
  const [own] = chain
  if (own === undefined) {
    return { reason: 'the server showed no certificate', todo: `Check ${question.setting}.` }
  }
  if (chainProblem !== undefined) return chainAdvice(chainProblem, own, question)
  if (!isWrongHost) return undefined
  return {
    reason: `the certificate is for ${namesText(own)}, not for ${question.host}`,
    todo: `Write one of these names into ${question.setting}, or have a certificate for ${question.host} made.`,
  }
}

function chainAdvice(code: string, own: CertificateFacts, question: CertificateQuestion): Advice {
  const { nowMs, secured } = question
  const clock = `This machine’s clock says ${formatTime(nowMs)} UTC.`
  switch (code) {
    case 'CERT_HAS_EXPIRED': {
      const old = secured.chain.find(({ validUntilMs }) => validUntilMs < nowMs) ?? own
      return {
        reason: `the certificate of ${old.subject} expired on ${formatDate(old.validUntilMs)}`,
        todo: `Have it renewed by who runs that server. ${clock}`,
      }
    }
    case 'CERT_NOT_YET_VALID': {
      const young = secured.chain.find(({ validFromMs }) => validFromMs > nowMs) ?? own
      return {
        reason: `the certificate of ${young.subject} is valid from ${formatDate(young.validFromMs)} only`,
        todo: `${clock} Set it if that is wrong.`,
      }
    }
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return {
        reason: `the certificate of ${own.subject} is signed by itself`,
        todo: 'Where that server is yours, name its certificate in network.ca_file.',
      }
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return unknownIssuerAdvice(question)
    default:
      return {
        reason: `the certificate of ${own.subject}, issued by ${own.issuer}, does not hold (${code})`,
        todo: 'Have it corrected by who runs that server.',
      }
  }
}

function unknownIssuerAdvice(question: CertificateQuestion): Advice {
  const { caFile, host, secured, systemBundle } = question
  const { chain } = secured
  const last = chain.at(-1)
  const issuer = last?.issuer ?? 'nobody'
  const isIntercepted = INTERCEPTORS.test(chain.map((each) => each.issuer).join(' '))
  const stranger = isIntercepted
    ? `, which inspects TLS between here and ${host}`
    : PUBLIC_HOSTS.has(host)
      ? `, which is no public authority: something between here and ${host} (a proxy that inspects TLS, an antivirus) shows its own certificate`
      : ''
  const reason = `the certificate was issued by '${issuer}'${stranger}, an authority that Weir does not know`
  if (caFile !== undefined && issuerAmong(chain, splitPem(readText(caFile))) === 'same-name') {
    return {
      reason: `${reason}; ${caFile} has one of that name with another key`,
      todo: `Renew ${caFile}: get the certificate that '${issuer}' has now.`,
    }
  }
  if (issuerAmong(chain, rootCertificates) === undefined && isKnownToSystem(chain)) {
    return {
      reason: `${reason}; the operating system trusts it`,
      todo:
        systemBundle === undefined
          ? `Export '${issuer}' from the system’s store as a PEM file and name it in network.ca_file.`
          : `Set network.ca_file to ${systemBundle}, which has it.`,
    }
  }
  const missing =
    chain.length === 1 && !isIntercepted
      ? ' If it is an intermediate of a public authority, that server has to send it along.'
      : ''
  const where = caFile === undefined ? 'Set network.ca_file to' : `Add to ${caFile}`
  return { reason, todo: `${where} the certificate of '${issuer}' (PEM).${missing}` }
}

/** A file that configuration has found; '' where it is gone since, which a step before this has told. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const NAMES_SHOWN = 4

function namesText({ names, subject }: CertificateFacts): string {
  if (names.length === 0) return subject
  const shown = names.slice(0, NAMES_SHOWN).join(', ')
  const rest = names.length - NAMES_SHOWN
  return rest > 0 ? `${shown} and ${rest} more` : shown
}

/** How a server says that it wants a client certificate, or another one. Undefined when it says nothing of it. */
export function clientCertificateAdvice(
  outcome: HttpAnswer | ProbeError,
  shown: string | undefined,
): Advice | undefined {
  const said = outcome instanceof ProbeError ? alertOf(outcome.code) : pageOf(outcome)
  const isCut = outcome instanceof ProbeError && /^(?:closed|ECONNRESET)$/.test(outcome.code)
  if (shown !== undefined) {
    // Some servers only hang up on a certificate they do not take.
    if (said === undefined && !isCut) return undefined
    return {
      reason: `the server refuses the client certificate of ${shown} (${said ?? 'it closed the connection'})`,
      todo: 'Check that network.cert_file is from an authority that server trusts, is valid still, and holds its intermediates.',
    }
  }
  if (said === undefined) return undefined
  return {
    reason: `the server demands a client certificate (${said})`,
    todo: 'Set network.cert_file and network.key_file to the certificate that was made for you.',
  }
}

/** TLS alerts about the client's certificate (RFC 8446 §6.2). */
function alertOf(code: string): string | undefined {
  const alert =
    /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE\w*|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE|DECRYPT_ERROR)$/.exec(
      code,
    )?.[1]
  return alert?.toLowerCase().replaceAll('_', ' ')
}

/** nginx lets the handshake pass and says so in a page of its own; so do Apache, IIS and Cloudflare. */
function pageOf({ body, status }: HttpAnswer): string | undefined {
  if (status < 400 || status > 499) return undefined
  const words =
    /no required ssl certificate was sent|the ssl certificate error|client certificate (?:is )?required|requires? a client certificate/i.exec(
      body,
    )?.[0]
  return words === undefined ? undefined : `${status} ${words}`
}
