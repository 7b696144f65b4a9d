// Certificates that network settings name: read, proven to be what they should be, and read again when they change on disk, so that
// a client certificate is rotated without a restart. An error names the setting, never what is in the file.

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
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

/** What is wrong with a file that a setting names. Its code makes it a fault that another try will not mend. */
export class TlsFileProblem extends Error {
  readonly code = 'ERR_TLS_FILE'

  constructor(setting: FileSetting, problem: string) {
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

  constructor(network: NetworkSettings) {
    this.network = network
    this.paths = (
      [
        ['ca_file', network.caFile],
        ['cert_file', network.certFile],
        ['key_file', network.keyFile],
      ] as const
    ).flatMap(([setting, path]) => (path === undefined ? [] : [[setting, path] as const]))
  }

  /**
   * What is to be used now; the same object until a file has changed. Files are looked at once in `tlsFileCheckIntervalMs`. When
   * one that was good is broken, as between the two writes of a rotation, the last good ones serve for `tlsFileGraceMs` more.
   * @throws GatewayError `upstream_error` with a `TlsFileProblem` as its cause
   */
  current(nowMs: number): TlsMaterial {
    if (this.paths.length === 0) return NONE
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
  if (network.caFile !== undefined) {
    const own = certificatesIn('ca_file', network.caFile)
    // An extra authority adds to the public ones: a corporate proxy intercepts some hosts, not all.
    material.ca = [...rootCertificates, ...own.map((each) => each.pem)].join('\n')
  }
  if (network.certFile === undefined || network.keyFile === undefined) return material
  const chain = certificatesIn('cert_file', network.certFile)
  const key = privateKey(network.keyFile, network.keyPassphrase)
  if (chain[0]?.certificate.checkPrivateKey(key) !== true) {
    throw new TlsFileProblem('key_file', 'holds another key than that of network.cert_file')
  }
  material.cert = chain.map((each) => each.pem).join('\n')
  material.key = key.export({ type: 'pkcs8', format: 'pem' })
  return material
}

const BLOCK = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END [A-Z0-9 ]+-----/g

function certificatesIn(
  setting: FileSetting,
  path: string,
): { readonly pem: string; readonly certificate: X509Certificate }[] {
  const blocks = readText(setting, path).match(BLOCK) ?? []
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

function privateKey(path: string, passphrase: string | undefined): KeyObject {
  const text = readText('key_file', path)
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new TlsFileProblem('key_file', 'holds no private key in PEM form')
  }
  const isEncrypted = /BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(text)
  if (isEncrypted && passphrase === undefined) {
    throw new TlsFileProblem('key_file', 'is encrypted and network.key_passphrase is not set')
  }
  try {
    return createPrivateKey({ key: text, format: 'pem', passphrase: passphrase ?? '' })
  } catch {
    // What the library says may repeat what it read.
    const problem = isEncrypted
      ? 'is not opened by network.key_passphrase'
      : 'holds a private key that cannot be read'
    throw new TlsFileProblem('key_file', problem)
  }
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
