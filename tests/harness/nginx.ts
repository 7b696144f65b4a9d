// A real nginx in front of a fake provider: it speaks TLS with the certificates it is given, may demand one of the client, and tells
// the provider behind it what it saw of each connection. It stands for a company's gateway in front of a model.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts, serverFolder, startBackground } from './background.ts'
import type { CertificatePair } from './certificates.ts'

/** Headers that nginx adds for the provider behind it. */
export const SEEN = {
  /** Subject of the client certificate, `CN=…`; empty without one. */
  client: 'x-seen-client',
  /** `TLSv1.2` or `TLSv1.3`. */
  protocol: 'x-seen-protocol',
  /** The server name that the handshake asked for. */
  serverName: 'x-seen-server-name',
  host: 'x-seen-host',
  /** A number for each connection. */
  connection: 'x-seen-connection',
} as const

export interface NginxServer extends CertificatePair {
  /** Where requests go, `http://127.0.0.1:port`. */
  readonly upstream: string
  /** Clients must show a certificate of this authority. */
  readonly clientCaFile?: string
  readonly protocols?: readonly ('TLSv1.2' | 'TLSv1.3')[]
}

export interface Nginx<Name extends string> {
  /** Ports of 127.0.0.1, by the servers' names. */
  readonly ports: Readonly<Record<Name, number>>
  stop(): Promise<void>
}

export function nginxPath(): string | undefined {
  return Bun.which('nginx', { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` }) ?? undefined
}

/** @throws with what nginx said when it is absent or does not start */
export async function startNginx<Name extends string>(
  servers: Readonly<Record<Name, NginxServer>>,
): Promise<Nginx<Name>> {
  const program = nginxPath()
  if (program === undefined) throw new Error('nginx is not installed')
  const folder = serverFolder('nginx')
  const entries = Object.entries<NginxServer>(servers)
  const free = freePorts(entries.length)
  const blocks = entries.map(([, server], index) => serverBlock(server, free[index] ?? 0))
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  )
  const configFile = join(folder, 'nginx.conf')
  writeFileSync(
    configFile,
    [
      'daemon off; worker_processes 1; error_log stderr warn;',
      `pid ${join(folder, 'nginx.pid')};`,
      process.getuid?.() === 0 ? 'user root;' : '',
      'events { worker_connections 256; }',
      `http { access_log off; ${temporary.join(' ')}`,
      ...blocks,
      '}\n',
    ].join('\n'),
  )
  const background = await startBackground(
    [program, '-p', folder, '-e', 'stderr', '-c', configFile, '-g', 'master_process off;'],
    free,
    folder,
  )
  const ports = Object.fromEntries(entries.map(([name], index) => [name, free[index] ?? 0]))
  return { ports: ports as Record<Name, number>, stop: () => background.stop() }
}

function serverBlock(server: NginxServer, port: number): string {
  const demands =
    server.clientCaFile === undefined
      ? ''
      : `ssl_client_certificate ${server.clientCaFile}; ssl_verify_client on;`
  return `server {
  listen 127.0.0.1:${port} ssl;
  ssl_certificate ${server.certFile}; ssl_certificate_key ${server.keyFile};
  ssl_protocols ${(server.protocols ?? ['TLSv1.2', 'TLSv1.3']).join(' ')};
  ${demands}
  location / {
    proxy_pass ${server.upstream}; proxy_http_version 1.1; proxy_buffering off;
    proxy_set_header ${SEEN.client} $ssl_client_s_dn;
    proxy_set_header ${SEEN.protocol} $ssl_protocol;
    proxy_set_header ${SEEN.serverName} $ssl_server_name;
    proxy_set_header ${SEEN.host} $http_host;
    proxy_set_header ${SEEN.connection} $connection;
  }
}`
}
