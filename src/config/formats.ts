// What text of each format must look like, and its canonical form. A check never puts the text into its message: an operator
// who pastes a key into the wrong field must not find it in a log.

import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { isAwsRegion } from '../core/aws.ts'
import { parseAddressRange } from '../core/address.ts'
import {
  bareHost,
  hasControl,
  headerValue,
  hookUrl,
  isHost,
  noProxy,
  proxyUrl,
  webUrl,
  type Checked,
} from '../core/outbound-text.ts'
import { LIMITS } from '../core/limits.ts'
import { postgresServers } from '../core/postgres-url.ts'
import { isTenantId } from '../core/roles.ts'
import type { TextFormat } from './node.ts'

export interface FormatContext {
  /** Absolute folder of the configuration file: what relative paths are relative to. */
  readonly folder: string
  readonly platform: NodeJS.Platform
}

/** Checks one text; its canonical form, or what it must be. */
export function checkFormat(format: TextFormat, text: string, context: FormatContext): Checked {
  return CHECKS[format](text, context)
}

const CHECKS: Record<TextFormat, (text: string, context: FormatContext) => Checked> = {
  id: (text) =>
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text)
      ? { value: text }
      : { problem: 'must be letters, digits, ".", "_" and "-" only' },
  'model-id': (text) =>
    hasControl(text) || text !== text.trim()
      ? { problem: 'must have no spaces around it and no control characters' }
      : { value: text },
  'header-value': headerValue,
  'aws-region': (text) =>
    isAwsRegion(text) ? { value: text } : { problem: 'must be a region such as eu-central-1' },
  host,
  'host-pattern': hostPattern,
  origin,
  'address-range': (text) =>
    parseAddressRange(text) === undefined
      ? { problem: 'must be an IP address or a block such as 10.0.0.0/8' }
      : { value: text },
  'public-url': (text) => webUrl(text, false),
  'base-url': (text) => webUrl(text, true),
  'hook-url': hookUrl,
  'proxy-url': proxyUrl,
  'no-proxy': noProxy,
  'redis-url': redisUrl,
  'storage-url': storageUrl,
  file,
  instant,
  role: (text) =>
    /^[a-z0-9][a-z0-9_-]{0,62}(?:@\/)?$/.test(text)
      ? { value: text }
      : {
          problem:
            'must be a role such as member or admin, with @/ behind it for the whole installation',
        },
  'tenant-id': (text) =>
    isTenantId(text) ? { value: text } : { problem: 'must be lower-case letters, digits and "-"' },
  access: (text) =>
    text === 'everyone' || /^(?:user|group|team|service|key):\S.*$/.test(text)
      ? { value: text }
      : { problem: 'must be everyone, or user:, group:, team:, service: or key: with a name' },
}

function host(text: string): Checked {
  const bare = bareHost(text)
  return isHost(bare) ? { value: bare } : { problem: 'must be an IP address or a host name' }
}

function hostPattern(text: string): Checked {
  const name = bareHost(text.startsWith('*.') ? text.slice(2) : text)
  if (isHost(name)) return { value: bareHost(text).toLowerCase() }
  return { problem: 'must be a host name without scheme and port; "*." may stand in front' }
}

function origin(text: string): Checked {
  const wanted = { problem: 'must be an origin such as https://app.example.com, without a path' }
  // Not only the web: desktop clients and extensions have origins of their own schemes.
  if (!/^[a-z][a-z0-9+.-]*:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.test(text)) {
    return wanted
  }
  if (!URL.canParse(text)) return wanted
  return { value: /^https?:/i.test(text) ? new URL(text).origin : text }
}

function redisUrl(text: string): Checked {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'redis:' && url.protocol !== 'rediss:')) {
    return { problem: 'must begin with redis:// or rediss://' }
  }
  if (url.hostname === '' || !/^(?:\/\d{0,3})?$/.test(url.pathname) || url.hash !== '') {
    return { problem: 'must be redis://host:port or redis://host:port/number' }
  }
  return { value: text }
}

/** Canonical form: `sqlite:` and the absolute path; of Postgres the URL as it is. */
function storageUrl(text: string, context: FormatContext): Checked {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'postgres' || scheme === 'postgresql') return postgresUrl(text)
  if (scheme !== 'sqlite') {
    return {
      problem: 'must be sqlite:///path/weir.db or postgres://user:password@host:port/database',
    }
  }
  let path = text.slice('sqlite:'.length)
  if (/^\/\/[^/]/.test(path)) return { problem: 'needs three slashes: sqlite:///path/weir.db' }
  if (path.startsWith('///')) path = path.slice(context.platform === 'win32' ? 3 : 2)
  if (path === '' || /[/\\]$/.test(path) || /[?#]/.test(path) || path.startsWith(':')) {
    return { problem: 'must name a file, without a query' }
  }
  return { value: `sqlite:${resolve(context.folder, path)}` }
}

function postgresUrl(text: string): Checked {
  const servers = postgresServers(text)
  if (servers.length > LIMITS.postgresServersMax) {
    return { problem: `must name ${LIMITS.postgresServersMax} servers at most` }
  }
  for (const server of servers) {
    const url = URL.parse(server)
    const isWhole = url !== null && url.hostname !== '' && url.hash === ''
    if (!isWhole || !/^\/[^/]+$/.test(url.pathname)) {
      return { problem: 'must be postgres://user:password@host:port/database' }
    }
  }
  return { value: text }
}

/** Canonical form: the absolute path. */
function file(text: string, context: FormatContext): Checked {
  const path = resolve(context.folder, text)
  try {
    if (!statSync(path).isFile()) return { problem: 'must be a file' }
    accessSync(path, constants.R_OK)
    return { value: path }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const isDenied = code === 'EACCES' || code === 'EPERM'
    return { problem: isDenied ? 'may not be read by this user' : 'no such file' }
  }
}

/** Canonical form: an ISO time in UTC. A date alone lasts until its end. */
function instant(text: string): Checked {
  const wanted = {
    problem: 'must be a date or a time with its zone, such as 2027-01-31 or 2027-01-31T12:00:00Z',
  }
  const match =
    /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2}))?$/.exec(
      text,
    )
  if (match === null) return wanted
  const [, year = '', month = '', day = '', time, zone] = match
  const dayMs = Date.UTC(Number(year), Number(month) - 1, Number(day))
  // Date.UTC rolls 31 February over into March.
  if (new Date(dayMs).toISOString().slice(0, 10) !== `${year}-${month}-${day}`) return wanted
  if (time === undefined) return { value: new Date(dayMs + 86_400_000).toISOString() }
  const timeMs = Date.parse(`${year}-${month}-${day}T${time}${zone}`)
  return Number.isNaN(timeMs) ? wanted : { value: new Date(timeMs).toISOString() }
}
