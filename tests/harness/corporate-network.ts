// A company's network in small: a proxy that asks for a password, gateways with good and bad certificates, one provider behind them
// all and one that never says a word; and a configuration with a provider for each way through it, or into its walls.

import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../src/core/json.ts'
import { silent, startRawUpstream, type RawUpstream } from '../../src/testing/upstream-raw.ts'
import { startUpstream, type Upstream } from '../../src/testing/upstream.ts'
import { freePorts } from './background.ts'
import { type Certificates, makeCertificates, opensslPath } from './certificates.ts'
import { type Nginx, nginxPath, startNginx } from './nginx.ts'
import { type Squid, squidPath, startSquid } from './squid.ts'

export const KEY = 'sk-network-canary-000000000000000000000000'
export const USER = 'weir user'
/** Characters that a URL must escape. */
const PASSWORD = 'p@ss:w/rd%canary'
/** Its user is unknown: squid mixes up two passwords of one user that come at the same time, as they do at the start. */
const WRONG_USER = 'weir other'
const WRONG_PASSWORD = 'other-canary'
const WRONG_PASSPHRASE = 'phrase-canary'
export const CONNECT_MS = 10_000
/** Of those who never say a word. */
export const FIRST_BYTE_MS = 1_000
/** Of all others: only what is wrong on purpose may stop them, and no busy machine. */
const PATIENT_MS = 30_000

const HOSTS = ['upstream.test', 'api.upstream.test']
export type Server = 'plain' | 'mutual' | 'tls12' | 'expired' | 'wrongHost' | 'stranger'

export const COMPLETION: JsonObject = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'behind' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
}

/** Programs that the machine lacks for it. */
export function missingPrograms(): string[] {
  return [
    ['openssl', opensslPath()],
    ['nginx', nginxPath()],
    ['squid', squidPath()],
  ].flatMap(([name, path]) => (path === undefined && name !== undefined ? [name] : []))
}

export interface CorporateNetwork {
  readonly certificates: Certificates
  readonly upstream: Upstream
  readonly nginx: Nginx<Server>
  readonly squid: Squid
  readonly mute: RawUpstream
  stop(): Promise<void>
}

export async function startCorporateNetwork(): Promise<CorporateNetwork> {
  const certificates = makeCertificates()
  const upstream = startUpstream(() => Response.json(COMPLETION))
  const mute = startRawUpstream(silent)
  const behind = { upstream: upstream.url }
  const { caFile, server } = certificates
  const [nginx, squid] = await Promise.all([
    startNginx({
      plain: { ...behind, ...server },
      mutual: { ...behind, ...server, clientCaFile: caFile },
      tls12: { ...behind, ...server, protocols: ['TLSv1.2'] },
      expired: { ...behind, ...certificates.expired },
      wrongHost: { ...behind, ...certificates.wrongHost },
      stranger: { ...behind, ...certificates.stranger },
    }),
    startSquid({
      user: USER,
      password: PASSWORD,
      hosts: HOSTS,
      refused: ['refused.test'],
      tls: certificates.proxy,
    }),
  ])
  return {
    certificates,
    upstream,
    nginx,
    squid,
    mute,
    async stop() {
      await Promise.all([nginx.stop(), squid.stop(), upstream.close(), mute.close()])
      certificates.remove()
    },
  }
}

/** All that must not be read anywhere. */
export function secretsOf({ certificates }: CorporateNetwork): string[] {
  return [
    KEY,
    PASSWORD,
    encodeURIComponent(PASSWORD),
    btoa(`${USER}:${PASSWORD}`),
    WRONG_PASSWORD,
    btoa(`${WRONG_USER}:${WRONG_PASSWORD}`),
    WRONG_PASSPHRASE,
    certificates.client.passphrase,
    'BEGIN ',
  ]
}

/** What is wrong on purpose with a provider is in its network; all the rest is the same for all. */
function provider(id: string, baseUrl: string, network: JsonObject = {}): JsonObject {
  return {
    id,
    type: 'custom',
    compatible: 'openai',
    base_url: `${baseUrl}/v1`,
    keys: [KEY],
    headers: { 'x-team': 'blue' },
    timeouts: { connect: `${CONNECT_MS}ms`, first_byte: `${PATIENT_MS}ms` },
    retries: { max: 0 },
    network,
  }
}

function muteProvider(id: string, baseUrl: string, network: JsonObject = {}): JsonObject {
  const timeouts = { connect: `${CONNECT_MS}ms`, first_byte: `${FIRST_BYTE_MS}ms` }
  return { ...provider(id, baseUrl, network), timeouts }
}

/** One for each way. */
export function corporateProviders(network: CorporateNetwork): JsonObject[] {
  const { certificates, mute, nginx, squid, upstream } = network
  const { client, folder, otherCaFile, otherClient } = certificates
  const { ports } = nginx
  const [dead = 0] = freePorts(1)
  const via = (port: number, user = USER, password = PASSWORD, scheme = 'http') =>
    `${scheme}://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}`
  const wrongProxy = via(squid.port, WRONG_USER, WRONG_PASSWORD)
  const proxy = via(squid.port)
  const tlsProxy = via(squid.tlsPort, USER, PASSWORD, 'https')
  const shown = { cert_file: client.certFile, key_file: client.keyFile }
  const open = `http://upstream.test:${upstream.port}`
  const tls = (name: Server, host = 'localhost') => `https://${host}:${ports[name]}`
  const rotating = {
    cert_file: join(folder, 'rotating.pem'),
    key_file: join(folder, 'rotating.key'),
  }
  copyFileSync(client.certFile, rotating.cert_file)
  copyFileSync(client.keyFile, rotating.key_file)
  const broken = join(folder, 'broken.pem')
  writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n')
  return [
    provider('proxy-open', open, { proxy }),
    provider('proxy-tunnel', tls('plain', 'upstream.test'), { proxy }),
    provider('tls-proxy-open', open, { proxy: tlsProxy }),
    provider('tls-proxy-tunnel', tls('plain', 'api.upstream.test'), { proxy: tlsProxy }),
    provider('proxy-mutual', tls('mutual', 'upstream.test'), { proxy, ...shown }),
    provider('no-proxy', `http://127.0.0.1:${upstream.port}`, {
      proxy: via(dead),
      no_proxy: ['other.test', '127.0.0.0/8'],
    }),
    provider('direct', tls('plain')),
    provider('mutual', tls('mutual'), {
      cert_file: client.certFile,
      key_file: client.encryptedKeyFile,
      key_passphrase: client.passphrase,
    }),
    provider('mutual-other', tls('mutual'), {
      cert_file: otherClient.certFile,
      key_file: otherClient.keyFile,
    }),
    provider('tls13', tls('plain'), { min_tls_version: '1.3' }),
    provider('tls12', tls('tls12')),
    provider('unverified-stranger', tls('stranger'), { verify: false }),
    provider('unverified-expired', tls('expired'), { verify: false }),
    provider('unverified-host', tls('wrongHost'), { verify: false }),
    provider('rotating', tls('mutual'), rotating),

    provider('stranger', tls('stranger')),
    provider('expired', tls('expired')),
    provider('wrong-host', tls('wrongHost')),
    provider('other-ca', tls('plain'), { ca_file: otherCaFile }),
    provider('tls12-min-13', tls('tls12'), { min_tls_version: '1.3' }),
    provider('mutual-nothing', tls('mutual')),
    provider('wrong-passphrase', tls('mutual'), {
      cert_file: client.certFile,
      key_file: client.encryptedKeyFile,
      key_passphrase: WRONG_PASSPHRASE,
    }),
    provider('no-passphrase', tls('mutual'), {
      cert_file: client.certFile,
      key_file: client.encryptedKeyFile,
    }),
    provider('foreign-key', tls('mutual'), {
      cert_file: client.certFile,
      key_file: otherClient.keyFile,
    }),
    provider('broken-ca', tls('plain'), { ca_file: broken }),
    provider('key-for-ca', tls('plain'), { ca_file: client.keyFile }),
    provider('proxy-wrong-open', open, { proxy: wrongProxy }),
    provider('proxy-wrong-tunnel', tls('plain', 'upstream.test'), {
      proxy: wrongProxy,
    }),
    provider('proxy-nobody', tls('plain', 'upstream.test'), {
      proxy: `http://127.0.0.1:${squid.port}`,
    }),
    provider('proxy-forbidden', `https://refused.test:${ports.plain}`, { proxy }),
    provider('proxy-forbidden-open', `http://refused.test:${upstream.port}`, { proxy }),
    provider('proxy-dead', tls('plain', 'upstream.test'), { proxy: via(dead) }),
    provider('proxy-no-upstream', `https://upstream.test:${dead}`, { proxy }),
    provider('proxy-stranger', tls('stranger', 'upstream.test'), { proxy }),
    provider('tls-proxy-other-ca', open, { proxy: tlsProxy, ca_file: otherCaFile }),

    muteProvider('mute', `http://127.0.0.1:${mute.port}`),
    muteProvider('mute-tls', `https://127.0.0.1:${mute.port}`),
    muteProvider('mute-proxy', tls('plain', 'upstream.test'), { proxy: via(mute.port) }),
    muteProvider('mute-proxy-open', open, { proxy: via(mute.port) }),
    muteProvider('mute-tls-proxy', open, { proxy: via(mute.port, USER, PASSWORD, 'https') }),
    muteProvider('mute-behind-proxy', `https://upstream.test:${mute.port}`, { proxy }),
  ]
}
