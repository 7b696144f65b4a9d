// Certificates of applications for tests, made by openssl in a folder of the test's own. Keys are new each time and trusted by nothing.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface RsaCertificate {
  readonly certFile: string
  readonly keyFile: string
  /** The same key, encrypted with the passphrase. */
  readonly encryptedKeyFile: string
  readonly passphrase: string
  /** PEM of the certificate. */
  readonly pem: string
}

export interface CertificateWish {
  readonly name: string
  readonly days?: number
  /** In place of RSA. */
  readonly isElliptic?: boolean
}

/** Makes one. @throws with what openssl said when it is absent or refuses */
export function makeCertificate(folder: string, wish: CertificateWish): RsaCertificate {
  const file = (ending: string) => join(folder, `${wish.name}.${ending}`)
  const [certFile, keyFile, encryptedKeyFile] = [file('pem'), file('key'), file('encrypted.key')]
  const passphrase = `pass-${crypto.randomUUID()}`
  const kind =
    wish.isElliptic === true ? ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['rsa:2048']
  const subject = ['-subj', `/CN=${wish.name}`, '-days', String(wish.days ?? 30)]
  openssl(
    'req',
    '-x509',
    '-newkey',
    ...kind,
    '-nodes',
    '-keyout',
    keyFile,
    '-out',
    certFile,
    ...subject,
  )
  openssl(
    'pkcs8',
    '-topk8',
    '-v2',
    'aes-256-cbc',
    '-in',
    keyFile,
    '-out',
    encryptedKeyFile,
    '-passout',
    `pass:${passphrase}`,
  )
  return { certFile, keyFile, encryptedKeyFile, passphrase, pem: readFileSync(certFile, 'utf8') }
}

function openssl(...args: string[]): void {
  const result = Bun.spawnSync(['openssl', ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  if (result.exitCode === 0) return
  throw new Error(`openssl ${args[0] ?? ''} failed: ${result.stderr.toString()}`)
}
