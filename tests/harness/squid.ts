// A real squid as a company's forward proxy: it asks for a password, refuses one domain, and alone knows the address of the names
// under `.test`, so that an answer from such a name proves the way it came.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts, serverFolder, startBackground } from './background.ts'
import { opensslPath, type CertificatePair } from './certificates.ts'

const PASSWORD_CHECKS = ['/usr/lib/squid/basic_ncsa_auth', '/usr/lib64/squid/basic_ncsa_auth']

/** The account that squid takes on when root starts it. */
const SQUID_USER = 'proxy'

export interface SquidOptions {
  readonly user: string
  readonly password: string
  /** Names that only the proxy can resolve, all 127.0.0.1. */
  readonly hosts: readonly string[]
  /** Names it refuses to connect to with 403. */
  readonly refused?: readonly string[]
  /** With it, it listens for TLS as well. */
  readonly tls?: CertificatePair
}

export interface Squid {
  readonly port: number
  /** Where it speaks TLS; 0 without a certificate. */
  readonly tlsPort: number
  /** Lines of its log: `user method target status`. */
  log(): string[]
  stop(): Promise<void>
}

export function squidPath(): string | undefined {
  if (passwordCheck() === undefined || opensslPath() === undefined) return undefined
  return Bun.which('squid', { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` }) ?? undefined
}

function passwordCheck(): string | undefined {
  return PASSWORD_CHECKS.find((path) => existsSync(path))
}

/** @throws with what squid said when it is absent or does not start */
export async function startSquid(options: SquidOptions): Promise<Squid> {
  const program = squidPath()
  if (program === undefined) throw new Error('squid is not installed')
  const folder = serverFolder('squid', userId(SQUID_USER))
  const [port = 0, tlsPort = 0] = freePorts(2)
  const passwords = join(folder, 'passwords')
  const hosts = join(folder, 'hosts')
  const log = join(folder, 'access.log')
  const configFile = join(folder, 'squid.conf')
  writeFileSync(passwords, `${options.user}:${hashed(options.password)}\n`)
  writeFileSync(hosts, options.hosts.map((host) => `127.0.0.1 ${host}\n`).join(''))
  const tls = options.tls
  const refused = options.refused ?? []
  writeFileSync(
    configFile,
    [
      `http_port 127.0.0.1:${port}`,
      tls === undefined
        ? ''
        : `https_port 127.0.0.1:${tlsPort} tls-cert=${tls.certFile} tls-key=${tls.keyFile}`,
      `auth_param basic program ${passwordCheck() ?? ''} ${passwords}`,
      'auth_param basic children 1 startup=1',
      'acl known proxy_auth REQUIRED',
      ...(refused.length === 0
        ? []
        : [`acl refused dstdomain ${refused.join(' ')}`, 'http_access deny refused']),
      'http_access allow known',
      'http_access deny all',
      `hosts_file ${hosts}`,
      'dns_nameservers 127.0.0.1',
      'dns_timeout 1 seconds',
      'connect_timeout 2 seconds',
      'logformat short %un %rm %ru %>Hs',
      `access_log stdio:${log} short`,
      `cache_log ${join(folder, 'cache.log')}`,
      `coredump_dir ${folder}`,
      `pid_filename ${join(folder, 'squid.pid')}`,
      'cache deny all',
      'cache_mem 8 MB',
      'pinger_enable off',
      'netdb_filename none',
      'shutdown_lifetime 0 seconds',
      'visible_hostname proxy.test\n',
    ].join('\n'),
  )
  const ports = tls === undefined ? [port] : [port, tlsPort]
  const background = await startBackground([program, '-N', '-f', configFile], ports, folder)
  return {
    port,
    tlsPort: tls === undefined ? 0 : tlsPort,
    log: () => (existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []),
    stop: () => background.stop(),
  }
}

function hashed(password: string): string {
  const result = Bun.spawnSync([opensslPath() ?? 'openssl', 'passwd', '-apr1', '-stdin'], {
    stdin: Buffer.from(`${password}\n`),
    stdout: 'pipe',
  })
  return result.stdout.toString().trim()
}

function userId(name: string): number | undefined {
  if (!existsSync('/etc/passwd')) return undefined
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`))
  return line === undefined ? undefined : Number(line.split(':')[2])
}
