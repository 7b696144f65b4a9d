// What a Postgres URL means, as options of the client: everything it says is either understood or refused, so that a setting
// somebody relies on (encryption above all) is never passed over in silence. Nothing is taken from the environment.

import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity, rootCertificates, type PeerCertificate } from 'node:tls'
import type postgres from 'postgres'
import { LIMITS } from '../core/limits.ts'
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
const PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'host', 'application_name']

/** Where a URL leads, for people: no password. */
export function shownPostgres(url: string): string {
  const { database, host, port } = partsOf(url)
  return `postgres://${host}:${port}/${database}`
}

interface UrlParts {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  readonly parameters: ReadonlyMap<string, string>
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
    }
  } catch (error) {
    const message = 'storage.url holds a % that escapes nothing; a % itself is written as %25.'
    throw new StorageError('cannot_open', message, error)
  }
}

/**
 * Options of a client with one connection.
 * @param timeouts undefined where the server refuses them at the start, as PgBouncer does
 * @throws StorageError `cannot_open` in words for the operator, when the URL asks for what is not understood
 */
export function postgresOptions(
  location: PostgresLocation,
  timeouts: ServerTimeouts | undefined,
): ClientOptions {
  const parts = partsOf(location.url)
  checkParameters(parts.parameters)
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

function checkParameters(parameters: ReadonlyMap<string, string>): void {
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
