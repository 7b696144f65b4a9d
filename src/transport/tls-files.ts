// Certificates that network settings name: read, proven to be what they should be, and read again when they change on disk, so that
// a client certificate is rotated without a restart. An error names the setting, never what is in the file.

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { NetworkSettings } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'

/** PEM text ready for a TLS context; the key is no longer encrypted. */
export interface TlsMaterial {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

type FileSetting = 'ca_file' | 'cert_file' | 'key_file'
type Setting = FileSetting | 'ca' | 'cert' | 'key'

/** What is wrong with a file that a setting names. Its code makes it a fault that another try will not mend. */
export class TlsFileProblem extends Error {
  readonly code = 'ERR_TLS_FILE'

  constructor(setting: Setting, problem: string) {
    super(`network.${setting} ${problem}`)
    this.name = 'TlsFileProblem'
  }
}

const NONE: TlsMaterial = {}

/** The files of one provider's settings. */
export class TlsFiles {
  private readonly network: NetworkSettings
  private readonly paths: readonly (readonly [FileSetting, string])[]
  private material: TlsMaterial | undefined
  private problem: TlsFileProblem | undefined
  private stamps: string | undefined
  private checkedMs = Number.NEGATIVE_INFINITY
  private brokenSinceMs = 0
  private readonly isEmpty: boolean

  constructor(network: NetworkSettings) {
    this.network = network
    const { ca, cert, key } = network
    this.paths = (
      [
        ['ca_file', network.caFile],
        ['cert_file', network.certFile],
        ['key_file', network.keyFile],
      ] as const
    ).flatMap(([setting, path]) => (path === undefined ? [] : [[setting, path] as const]))
    this.isEmpty = this.paths.length === 0 && [ca, cert, key].every((text) => text === undefined)
  }

  /**
   * What is to be used now; the same object until a file has changed. Files are looked at once in `tlsFileCheckIntervalMs`. When
   * one that was good is broken, as between the two writes of a rotation, the last good ones serve for `tlsFileGraceMs` more.
   * @throws GatewayError `upstream_error` with a `TlsFileProblem` as its cause
   */
  current(nowMs: number): TlsMaterial {
    if (this.isEmpty) return NONE
    if (nowMs - this.checkedMs >= LIMITS.tlsFileCheckIntervalMs) this.look(nowMs)
    const isUsable =
      this.problem === undefined || nowMs - this.brokenSinceMs < LIMITS.tlsFileGraceMs
    if (this.material !== undefined && isUsable) return this.material
    throw new GatewayError('upstream_error', {
      message: 'A certificate file of the provider could not be used.',
      cause: this.problem,
      shouldRetry: false,
    })
  }

  private look(nowMs: number): void {
    this.checkedMs = nowMs
    // Before the reading: what is written meanwhile shows at the next look.
    const stamps = this.paths.map(([, path]) => stampOf(path)).join('|')
    if (stamps === this.stamps) return
    this.stamps = stamps
    try {
      this.material = loadMaterial(this.network)
      this.problem = undefined
    } catch (error) {
      if (!(error instanceof TlsFileProblem)) throw error
      if (this.problem === undefined) this.brokenSinceMs = nowMs
      this.problem = error
    }
  }
}

/** Changes whenever the file is written, replaced or given other rights. */
function stampOf(path: string): string {
  try {
    const { ctimeMs, ino, mtimeMs, size } = statSync(path)
    return `${ctimeMs} ${mtimeMs} ${size} ${ino}`
  } catch {
    return 'absent'
  }
}

/**
 * Reads and proves the files of some settings.
 * @throws TlsFileProblem
 */
export function loadMaterial(network: NetworkSettings): TlsMaterial {
  const material: { -readonly [Name in keyof TlsMaterial]: TlsMaterial[Name] } = {}
  const own = authoritiesOf(network)
  if (own.length > 0) {
    // An extra authority adds to the public ones: a corporate proxy intercepts some hosts, not all.
    // The module and its list are loaded here: importing them would cost every start what few configurations need.
    const { rootCertificates } = process.getBuiltinModule('node:tls')
    material.ca = [...rootCertificates, ...own.map((each) => each.pem)].join('\n')
  }
  const { cert, certFile, key, keyFile, keyPassphrase } = network
  if (cert !== undefined && key !== undefined) {
    const chain = certificatesIn('cert', cert)
    return { ...material, ...pairOf(chain, privateKey('key', key, keyPassphrase), 'key') }
  }
  if (certFile === undefined || keyFile === undefined) return material
  const chain = certificatesIn('cert_file', readText('cert_file', certFile))
  const opened = privateKey('key_file', readText('key_file', keyFile), keyPassphrase)
  return { ...material, ...pairOf(chain, opened, 'key_file') }
}

interface Certificate {
  readonly pem: string
  readonly certificate: X509Certificate
}

function authoritiesOf({ ca, caFile }: NetworkSettings): Certificate[] {
  return [
    ...(caFile === undefined ? [] : certificatesIn('ca_file', readText('ca_file', caFile))),
    ...(ca === undefined ? [] : certificatesIn('ca', ca)),
  ]
}

function pairOf(
  chain: readonly Certificate[],
  key: KeyObject,
  setting: 'key' | 'key_file',
): Pick<TlsMaterial, 'cert' | 'key'> {
  if (chain[0]?.certificate.checkPrivateKey(key) !== true) {
    const other = setting === 'key' ? 'cert' : 'cert_file'
    throw new TlsFileProblem(setting, `holds another key than that of network.${other}`)
  }
  return {
    cert: chain.map((each) => each.pem).join('\n'),
    key: key.export({ type: 'pkcs8', format: 'pem' }),
  }
}

const BLOCK = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END [A-Z0-9 ]+-----/g

function certificatesIn(setting: Setting, text: string): Certificate[] {
  const blocks = text.match(BLOCK) ?? []
  if (blocks.length === 0) throw new TlsFileProblem(setting, 'holds no certificate in PEM form')
  return blocks.map((block, index) => {
    try {
      const certificate = new X509Certificate(block)
      return { certificate, pem: certificate.toString() }
    } catch {
      const which = blocks.length === 1 ? 'a certificate' : `a certificate, number ${index + 1},`
      throw new TlsFileProblem(setting, `holds ${which} that cannot be read`)
    }
  })
}

function privateKey(
  setting: 'key' | 'key_file',
  text: string,
  passphrase: string | undefined,
): KeyObject {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new TlsFileProblem(setting, 'holds no private key in PEM form')
  }
  const isEncrypted = /BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(text)
  if (isEncrypted && passphrase === undefined) {
    throw new TlsFileProblem(setting, 'is encrypted and network.key_passphrase is not set')
  }
  try {
    const encrypted = setting === 'key' ? encryptedKeyIn(text) : undefined
    if (encrypted !== undefined) {
      if (largestParameter(encrypted) > LIMITS.keyDerivationRoundsMax) {
        throw new TlsFileProblem(setting, 'is encrypted so that opening it would take too long')
      }
      const type = { format: 'der', type: 'pkcs8' } as const
      return createPrivateKey({ key: encrypted, ...type, passphrase: passphrase ?? '' })
    }
    return createPrivateKey({ key: text, format: 'pem', passphrase: passphrase ?? '' })
  } catch (error) {
    if (error instanceof TlsFileProblem) throw error
    // What the library says may repeat what it read.
    const problem = isEncrypted
      ? 'is not opened by network.key_passphrase'
      : 'holds a private key that cannot be read'
    throw new TlsFileProblem(setting, problem)
  }
}

/** The bytes of a key that is encrypted by its own parameters (RFC 5958): what is looked at is what is opened. */
function encryptedKeyIn(text: string): Buffer | undefined {
  const [, body] =
    /-----BEGIN ENCRYPTED PRIVATE KEY-----([^-]*)-----END ENCRYPTED PRIVATE KEY-----/.exec(text) ??
    []
  return body === undefined ? undefined : Buffer.from(body, 'base64')
}

/**
 * The largest number among the parameters of how a key is encrypted (RFC 8018). Rounds of the derivation are one of them, and whoever sends
 * a key may ask for so many that everybody waits.
 */
function largestParameter(der: Buffer): number {
  const algorithm = elementAt(elementAt(der).content)
  return (algorithm.tag & CONSTRUCTED) === 0 ? 0 : largestInteger(algorithm.content, 0)
}

const CONSTRUCTED = 0x20
const INTEGER = 0x02
const PARAMETER_DEPTH_MAX = 8

function largestInteger(der: Buffer, depth: number): number {
  let largest = 0
  for (let rest = der; rest.length > 0;) {
    const { content, length, tag } = elementAt(rest)
    rest = rest.subarray(length)
    const isConstructed = (tag & CONSTRUCTED) !== 0
    if (isConstructed && depth >= PARAMETER_DEPTH_MAX) return Number.POSITIVE_INFINITY
    if (isConstructed) largest = Math.max(largest, largestInteger(content, depth + 1))
    if (tag === INTEGER) largest = Math.max(largest, Number(`0x0${content.toString('hex')}`))
  }
  return largest
}

/** The first element of DER (X.690 §8.1), its length that of all of it. @throws RangeError where there is none */
function elementAt(der: Buffer): { tag: number; content: Buffer; length: number } {
  const tag = der.readUInt8(0)
  const first = der.readUInt8(1)
  const more = first < 0x80 ? 0 : first & 0x7f
  const size = more === 0 ? first : der.readUIntBE(2, more)
  const length = 2 + more + size
  if (length > der.length) throw new RangeError('cut off')
  return { tag, content: der.subarray(2 + more, length), length }
}

function readText(setting: FileSetting, path: string): string {
  try {
    if (statSync(path).size > LIMITS.tlsFileBytesMax) {
      throw new TlsFileProblem(setting, 'is larger than a file of certificates may be')
    }
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof TlsFileProblem) throw error
    const code = (error as { code?: unknown } | null)?.code
    throw new TlsFileProblem(
      setting,
      `cannot be read (${typeof code === 'string' ? code : 'unknown'})`,
    )
  }
}
