// What the certificates of a server say: who issued them for whom, and until when; and whether the machine's own store knows an issuer
// that Weir does not. Facts only: what is to be done about them is said elsewhere.

import { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls'

/** Longer chains than that are loops. */
const CHAIN_MAX = 10

export interface CertificateFacts {
  /** Common name, or what stands for it. */
  readonly subject: string
  /** `Corp Root CA (Corp Ltd)` */
  readonly issuer: string
  /** Names it holds for: `api.example.com`, `*.example.com`, `10.0.0.5`. */
  readonly names: readonly string[]
  readonly validFromMs: number
  readonly validUntilMs: number
  readonly isSelfSigned: boolean
  /** DER. */
  readonly raw: Uint8Array
}

/** The certificates that were sent, the server's own first; with the local root at the end where one was found. */
export function readChain(peer: DetailedPeerCertificate): CertificateFacts[] {
  const chain: CertificateFacts[] = []
  let at: DetailedPeerCertificate | undefined = peer
  while (at?.raw !== undefined && chain.length < CHAIN_MAX) {
    chain.push(factsOf(at))
    const issuer: DetailedPeerCertificate | undefined = at.issuerCertificate
    if (issuer === at || issuer?.fingerprint256 === at.fingerprint256) break
    at = issuer
  }
  return chain
}

function factsOf(certificate: PeerCertificate): CertificateFacts {
  const { issuer, raw, subject, subjectaltname, valid_from: from, valid_to: until } = certificate
  const names = (subjectaltname ?? '')
    .split(', ')
    .map((name) => name.replace(/^(?:DNS|IP Address|URI|email):/, ''))
    .filter((name) => name !== '')
  return {
    subject: nameOf(subject) ?? names[0] ?? 'no name',
    issuer: nameOf(issuer) ?? 'no name',
    names,
    validFromMs: Date.parse(from),
    validUntilMs: Date.parse(until),
    isSelfSigned: JSON.stringify(subject) === JSON.stringify(issuer),
    raw,
  }
}

function nameOf(entity: PeerCertificate['subject'] | undefined): string | undefined {
  // Bun leaves members out that node always has, and gives lists for those that stand twice.
  const common = textOf(entity?.CN)
  const organisation = textOf(entity?.O) ?? textOf(entity?.OU)
  if (common === undefined) return organisation
  return organisation === undefined || organisation === common
    ? common
    : `${common} (${organisation})`
}

function textOf(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value
  return typeof first === 'string' && first !== '' ? first : undefined
}

/** Whether the operating system trusts the issuer of the last certificate that was sent. */
export function isKnownToSystem(chain: readonly CertificateFacts[]): boolean {
  // Loaded here, with the question: an import would read root certificates at every start.
  const { getCACertificates } = process.getBuiltinModule('node:tls')
  return issuerAmong(chain, getCACertificates('system')) === 'signed'
}

/**
 * What a set of PEM certificates knows of a chain's last certificate: `signed` when one of them signed it or is it, `same-name` when
 * one is named as its issuer but has another key, as after a renewal.
 */
export function issuerAmong(
  chain: readonly CertificateFacts[],
  authorities: readonly string[],
): 'signed' | 'same-name' | undefined {
  const raw = chain.at(-1)?.raw
  if (raw === undefined) return undefined
  const last = new X509Certificate(raw)
  let found: 'same-name' | undefined
  for (const pem of authorities) {
    let authority: X509Certificate
    try {
      authority = new X509Certificate(pem)
    } catch {
      // One that cannot be read signed nothing that can be checked.
      continue
    }
    if (authority.subject !== last.issuer) continue
    if (last.verify(authority.publicKey)) return 'signed'
    found = 'same-name'
  }
  return found
}

/** The certificates of a PEM file, one text each. */
export function splitPem(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
}
