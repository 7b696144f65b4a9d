// What a Postgres URL means, as options of the client: everything it says is either understood or refused, so that a setting
// somebody relies on (encryption above all) is never passed over in silence. Nothing is taken from the environment.

import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity, rootCertificates, type PeerCertificate } from 'node:tls'
import type postgres from 'postgres'
import { LIMITS } from '../core/limits.ts'
import { postgresServers } from '../core/postgres-url.ts'
import { StorageError } from './errors.ts'
import type { StoreLocation } from './locate.ts'

export type PostgresLocation = Extract<StoreLocation, { readonly engine: 'postgres' }>

type ClientOptions = postgres.Options<Record<string, never>>

/** Timeouts that Postgres keeps itself, in milliseconds; 0 is none. */
export interface ServerTimeouts {
  readonly statementMs: number
  readonly lockMs: number
  readonly idleTransactionMs: number
}

export const SERVER_TIMEOUTS: ServerTimeouts = {
  statementMs: LIMITS.postgresStatementTimeoutMs,
  lockMs: LIMITS.postgresLockTimeoutMs,
  idleTransactionMs: LIMITS.postgresIdleTransactionTimeoutMs,
}

const PORT = 5_432
const TLS_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
type TlsMode = (typeof TLS_MODES)[number]

/** Of the query, as libpq names them. `channel_binding=require` is refused: the client has none. */
const PARAMETERS = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'host',
  'application_name',
  'target_session_attrs',
]
/** Of libpq's words those that leave a server that can be written to. */
const TARGETS = ['any', 'primary', 'read-write'] as const
export type PostgresTarget = (typeof TARGETS)[number]

/** Where a URL leads, for people: no password. */
export function shownPostgres(url: string): string {
  const urls = postgresServers(url)
  const hosts = urls.map(shownServer).join(',')
  return `postgres://${hosts}/${partsOf(urls[0] ?? '').database}`
}

/** Host and port of a URL with one server. */
export function shownServer(url: string): string {
  const { host, port } = partsOf(url)
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * The servers that may be the one, each as a location of its own; the location itself where it names one.
 * @throws StorageError `cannot_open` where hosts are named in two places: one would take the place of all
 */
export function serversOf(location: PostgresLocation): readonly PostgresLocation[] {
  const urls = postgresServers(location.url)
  if (urls.length === 1) return [location]
  if (partsOf(urls[0] ?? '').parameters.has('host')) {
    throw refused('storage.url names several servers and a host in its query besides.')
  }
  return urls.map((url) => ({ ...location, url }))
}

/**
 * What a server must be. Where several are named and nothing is said it is the primary: a standby is of no use.
 * @throws StorageError `cannot_open` where something else is asked for
 */
export function targetOf(location: PostgresLocation): PostgresTarget {
  const urls = postgresServers(location.url)
  const given = partsOf(urls[0] ?? '').parameters.get('target_session_attrs')
  if (given === undefined) return urls.length > 1 ? 'primary' : 'any'
  const target = TARGETS.find((each) => each === given)
  if (target === undefined) {
    throw refused(`target_session_attrs in storage.url must be ${TARGETS.join(', ')}.`)
  }
  return target
}

interface UrlParts {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  readonly parameters: ReadonlyMap<string, string>
  /** With those that stand there twice. */
  readonly parametersCount: number
}

function refused(message: string): StorageError {
  return new StorageError('cannot_open', message)
}

function partsOf(text: string): UrlParts {
  const url = URL.parse(text)
  if (url === null) throw refused('storage.url is no URL of Postgres.')
  const bare = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
  const parameters = new Map(url.searchParams)
  try {
    return {
      host: parameters.get('host') ?? decodeURIComponent(bare),
      port: url.port === '' ? PORT : Number(url.port),
      database: decodeURIComponent(url.pathname.slice(1)),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      parameters,
      parametersCount: url.searchParams.size,
    }
  } catch (error) {
    const message = 'storage.url holds a % that escapes nothing; a % itself is written as %25.'
    throw new StorageError('cannot_open', message, error)
  }
}

/**
 * Options of a client with one connection, to the first server of the location.
 * @param timeouts undefined where the server refuses them at the start, as PgBouncer does
 * @throws StorageError `cannot_open` in words for the operator, when the URL asks for what is not understood
 */
export function postgresOptions(
  location: PostgresLocation,
  timeouts: ServerTimeouts | undefined,
): ClientOptions {
  const parts = partsOf(postgresServers(location.url)[0] ?? '')
  checkParameters(parts)
  const isSocket = parts.host.startsWith('/')
  return {
    host: parts.host,
    port: parts.port,
    ...(isSocket ? { path: `${parts.host}/.s.PGSQL.${parts.port}` } : {}),
    database: parts.database,
    user: parts.user === '' ? 'postgres' : parts.user,
    password: parts.password,
    ssl: isSocket ? false : tlsOf(parts, location.caFile),
    max: 1,
    // How long a connection lives and idles is the pool's to say.
    max_lifetime: null,
    keep_alive: 30,
    // PgBouncer hands each transaction to another server connection, which knows no statement prepared before.
    prepare: false,
    fetch_types: false,
    onnotice: () => undefined,
    debug: false,
    connection: {
      application_name: parts.parameters.get('application_name') ?? 'weir',
      ...(timeouts === undefined
        ? {}
        : {
            statement_timeout: timeouts.statementMs,
            lock_timeout: timeouts.lockMs,
            idle_in_transaction_session_timeout: timeouts.idleTransactionMs,
          }),
    },
  }
}

/** Milliseconds before a connection is made again; the last half of it by chance, so that replicas do not meet. */
export function retryDelayMs(failures: number): number {
  const { postgresRetryBaseMs, postgresRetryCapMs } = LIMITS
  const waitMs = Math.min(postgresRetryCapMs, postgresRetryBaseMs * 2 ** Math.min(failures, 10))
  return waitMs * (0.5 + Math.random() / 2)
}

function checkParameters({ host, parameters, parametersCount }: UrlParts): void {
  // Of two the one that is not meant might hold, encryption above all.
  if (parametersCount !== parameters.size) throw refused('storage.url asks for something twice.')
  if (host.includes(',')) {
    throw refused('Several servers in storage.url stand before the name of the database.')
  }
  for (const [name, value] of parameters) {
    if (PARAMETERS.includes(name)) continue
    if (name === 'channel_binding' && value !== 'require') continue
    const why =
      name === 'channel_binding'
        ? 'channel_binding=require, which cannot be had; use sslmode=verify-full instead.'
        : // A password with a ? in it ends up here.
          `${/^[a-z_]{1,60}$/.test(name) ? `'${name}'` : 'something'}, which is not understood (${PARAMETERS.join(', ')} are).`
    throw refused(`storage.url asks for ${why}`)
  }
}

function tlsModeOf(parts: UrlParts, hasAuthorities: boolean): TlsMode {
  const given = parts.parameters.get('sslmode')
  if (given === undefined) return hasAuthorities ? 'verify-full' : 'prefer'
  // libpq's `allow` would begin without, and mean encryption only where the server insists.
  const mode = TLS_MODES.find((each) => each === given || (given === 'allow' && each === 'prefer'))
  if (mode === undefined) throw refused(`sslmode in storage.url must be ${TLS_MODES.join(', ')}.`)
  return mode
}

function readPem(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new StorageError('cannot_open', `The ${what} ${path} could not be read.`, error)
  }
}

function tlsOf(parts: UrlParts, caFile: string | undefined): false | 'prefer' | object {
  const { host, parameters } = parts
  const rootFile = parameters.get('sslrootcert')
  const files = [caFile, rootFile === 'system' ? undefined : rootFile]
  const extra = files.flatMap((file) =>
    file === undefined ? [] : [readPem(file, 'file of certificate authorities')],
  )
  const mode = tlsModeOf(parts, extra.length > 0 || rootFile === 'system')
  if (mode === 'disable') return false
  const certFile = parameters.get('sslcert')
  const keyFile = parameters.get('sslkey')
  const own = {
    ...(certFile === undefined ? {} : { cert: readPem(certFile, 'client certificate') }),
    ...(keyFile === undefined ? {} : { key: readPem(keyFile, 'key of the client certificate') }),
  }
  if (mode === 'prefer') return 'prefer'
  // As libpq does: `require` proves who is there only where authorities are named.
  if (mode === 'require' && extra.length === 0) return { ...own, rejectUnauthorized: false }
  return {
    ...own,
    rejectUnauthorized: true,
    ...(extra.length === 0 ? {} : { ca: [...rootCertificates, ...extra] }),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    checkServerIdentity: (_name: string, certificate: PeerCertificate) =>
      mode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
  }
}
