// A private certificate authority made by openssl in a folder of its own, with the certificates that a company's network has, good
// and bad. Keys are new in each run and go with the folder; nothing here may be trusted by anything but the tests.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Paths of a PEM certificate and its PEM key. */
export interface CertificatePair {
  readonly certFile: string
  readonly keyFile: string
}

export interface ClientPair extends CertificatePair {
  /** The same key, encrypted with the passphrase. */
  readonly encryptedKeyFile: string
  readonly passphrase: string
}

export interface Certificates extends Disposable {
  readonly folder: string
  /** The authority that signed everything but `stranger`. */
  readonly caFile: string
  /** An authority that signed nothing of this. */
  readonly otherCaFile: string
  /** For `upstream.test`, `*.upstream.test`, `localhost` and 127.0.0.1. */
  readonly server: CertificatePair
  /** The same names, for the forward proxy: `proxy.test`, `localhost` and 127.0.0.1. */
  readonly proxy: CertificatePair
  /** As `server`, but its time was over years ago. */
  readonly expired: CertificatePair
  /** Good, but for `elsewhere.test` alone. */
  readonly wrongHost: CertificatePair
  /** As `server`, signed by the other authority. */
  readonly stranger: CertificatePair
  /** Clients `CN=client-one` and `CN=client-two`. */
  readonly client: ClientPair
  readonly otherClient: ClientPair
  remove(): void
}

const SERVER_NAMES = 'DNS:upstream.test,DNS:*.upstream.test,DNS:localhost,IP:127.0.0.1'

/** The program, where the machine has it. */
export function opensslPath(): string | undefined {
  return Bun.which('openssl') ?? undefined
}

/**
 * Makes them all; some 0.3 s.
 * @throws with what openssl said when it is absent or refuses
 */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'weir-certificates-'))
  const authority = new Authority(folder, 'ca', 'Weir Test Root')
  const other = new Authority(folder, 'other-ca', 'Another Root')
  const remove = () => rmSync(folder, { recursive: true, force: true })
  return {
    folder,
    caFile: authority.certFile,
    otherCaFile: other.certFile,
    server: authority.issue('server', 'upstream.test', `subjectAltName=${SERVER_NAMES}`),
    proxy: authority.issue(
      'proxy',
      'proxy.test',
      'subjectAltName=DNS:proxy.test,DNS:localhost,IP:127.0.0.1',
    ),
    expired: authority.issue('expired', 'upstream.test', `subjectAltName=${SERVER_NAMES}`, {
      from: '20200101000000Z',
      until: '20200201000000Z',
    }),
    wrongHost: authority.issue('wrong-host', 'elsewhere.test', 'subjectAltName=DNS:elsewhere.test'),
    stranger: other.issue('stranger', 'upstream.test', `subjectAltName=${SERVER_NAMES}`),
    client: authority.issueClient('client-one'),
    otherClient: authority.issueClient('client-two'),
    remove,
    [Symbol.dispose]: remove,
  }
}

class Authority {
  readonly certFile: string
  private readonly folder: string
  private readonly keyFile: string
  private readonly configFile: string

  constructor(folder: string, name: string, subject: string) {
    this.folder = folder
    this.certFile = join(folder, `${name}.pem`)
    this.keyFile = join(folder, `${name}.key`)
    this.configFile = join(folder, `${name}.cnf`)
    const index = join(folder, `${name}.index`)
    writeFileSync(index, '')
    writeFileSync(`${index}.attr`, 'unique_subject = no\n')
    writeFileSync(
      this.configFile,
      [
        '[ca]\ndefault_ca = it',
        `[it]\ndatabase = ${index}\nnew_certs_dir = ${folder}\nrand_serial = yes`,
        'default_md = sha256\npolicy = any\ncopy_extensions = none',
        '[any]\ncommonName = supplied\n',
      ].join('\n'),
    )
    openssl(
      ['req', '-x509', ...newKey(this.keyFile), '-days', '30', '-subj', `/CN=${subject}`],
      ['-addext', 'basicConstraints=critical,CA:TRUE'],
      ['-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-out', this.certFile],
    )
  }

  issue(
    name: string,
    subject: string,
    extension: string,
    time?: { readonly from: string; readonly until: string },
  ): CertificatePair {
    const pair = {
      certFile: join(this.folder, `${name}.pem`),
      keyFile: join(this.folder, `${name}.key`),
    }
    const request = join(this.folder, `${name}.csr`)
    const extensions = join(this.folder, `${name}.ext`)
    writeFileSync(extensions, `basicConstraints=CA:FALSE\n${extension}\n`)
    openssl(['req', ...newKey(pair.keyFile), '-subj', `/CN=${subject}`, '-out', request])
    openssl(
      ['ca', '-batch', '-notext', '-config', this.configFile, '-extfile', extensions],
      ['-cert', this.certFile, '-keyfile', this.keyFile, '-in', request, '-out', pair.certFile],
      time === undefined ? ['-days', '30'] : ['-startdate', time.from, '-enddate', time.until],
    )
    return pair
  }

  issueClient(name: string): ClientPair {
    const pair = this.issue(name, name, 'extendedKeyUsage=clientAuth')
    const encryptedKeyFile = join(this.folder, `${name}.encrypted.key`)
    const passphrase = `pass-${crypto.randomUUID()}`
    openssl(
      ['pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-in', pair.keyFile],
      ['-out', encryptedKeyFile, '-passout', `pass:${passphrase}`],
    )
    return { ...pair, encryptedKeyFile, passphrase }
  }
}

function newKey(keyFile: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
}

/** Runs it with all the groups of arguments after each other. */
function openssl(...groups: readonly (readonly string[])[]): void {
  const args = groups.flat()
  const program = opensslPath()
  if (program === undefined) throw new Error('openssl is not installed')
  const result = Bun.spawnSync([program, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  if (result.exitCode !== 0) {
    throw new Error(`openssl ${args[0] ?? ''} failed: ${result.stderr.toString()}`)
  }
}
