// The program's log, traces and exports of the configuration in the words of the program, and the rules between their keys that no single node of the schema can
// hold. It opens nothing and sends nothing.

import type { NetworkDefaults } from '../core/network.ts'
import { outboundNetwork } from '../core/network.ts'
import type {
  DeliverySettings,
  ExportSettings,
  TracingSettings,
} from '../core/telemetry-settings.ts'
import { webhookKey } from '../core/webhook-key.ts'
import { toNetwork } from './catalog.ts'
import type { Config } from './config.ts'
import { childPath } from './lines.ts'
import type { Unproven, ValueOf } from './node.ts'
import { quoteName } from './problem.ts'
import type { Settings } from './schema.ts'
import type { EXPORT, TRACING } from './schema-telemetry.ts'
import type { ProblemList } from './validate.ts'

type TracingValues = ValueOf<typeof TRACING>
type ExportValues = ValueOf<typeof EXPORT>

/** What is printed, kept and sent out about requests. */
export function toTelemetry(
  { exports, log, tracing: given }: Pick<Settings, 'exports' | 'log' | 'tracing'>,
  network: NetworkDefaults,
): Pick<Config, 'exports' | 'log' | 'tracing'> {
  const tracing = toTracing(given, network)
  return {
    log: toLog(log, network.isShared),
    ...(tracing === undefined ? {} : { tracing }),
    exports: exports.map((one) => toExport(one, network)),
  }
}

function toLog(log: Settings['log'], isShared: boolean): Config['log'] {
  const { format, level, max_size, redact, requests, retention } = log
  return {
    access: log.access ?? (isShared ? 'errors' : 'none'),
    format,
    level,
    requests,
    redact,
    ...(retention === undefined ? {} : { retentionMs: retention }),
    ...(max_size === undefined ? {} : { bytesMax: max_size }),
  }
}

/** How requests are traced; undefined where they are not. */
function toTracing(settings: TracingValues, network: NetworkDefaults): TracingSettings | undefined {
  const { endpoint, keep_slower_than: slower } = settings
  if (endpoint === undefined) return undefined
  return {
    delivery: toDelivery(otlpUrl(endpoint, '/v1/traces'), settings.headers, settings, network),
    protocol: settings.protocol,
    sample: settings.sample,
    honourParent: settings.honour_parent,
    keepErrors: settings.keep_errors,
    ...(slower === undefined ? {} : { keepSlowerThanMs: slower }),
    propagate: settings.propagate,
    content: settings.content,
    serviceName: settings.service_name,
    attributes: settings.resource_attributes,
  }
}

/** One export as it is sent. */
function toExport(settings: ExportValues, network: NetworkDefaults): ExportSettings {
  const { id, only, secret, type } = settings
  const { models, tenants } = only
  return {
    id,
    type,
    delivery: toDelivery(urlOf(settings), headersOf(settings), settings, network),
    ...(secret === undefined ? {} : { secret }),
    protocol: settings.protocol,
    only: {
      errors: only.errors,
      ...(models === undefined ? {} : { models }),
      ...(tenants === undefined ? {} : { tenants }),
    },
    content: settings.content,
    serviceName: settings.service_name,
    attributes: settings.resource_attributes,
  }
}

function urlOf({ type, url }: ExportValues): string {
  if (type === 'webhook') return url
  // Langfuse takes OTLP: https://langfuse.com/integrations/native/opentelemetry
  return otlpUrl(url, type === 'langfuse' ? '/api/public/otel/v1/traces' : '/v1/logs')
}

function headersOf(settings: ExportValues): Readonly<Record<string, string>> {
  const { headers, public_key: name = '', secret_key: secret = '', type } = settings
  if (type !== 'langfuse') return headers
  const basic = Buffer.from(`${name}:${secret}`).toString('base64')
  return { authorization: `Basic ${basic}`, 'x-langfuse-ingestion-version': '4', ...headers }
}

/** The whole address of one signal: what is written may be it, or the base that all signals share. */
function otlpUrl(text: string, path: string): string {
  const url = new URL(text)
  if (!url.pathname.endsWith(path)) {
    const base = url.pathname.replace(/\/+$/, '')
    // Langfuse's own base, as its documentation gives it to other programs.
    url.pathname = base.endsWith('/api/public/otel') ? `${base}/v1/traces` : `${base}${path}`
  }
  return url.href
}

function toDelivery(
  url: string,
  headers: Readonly<Record<string, string>>,
  { batch, network, timeout }: Pick<TracingValues, 'batch' | 'network' | 'timeout'>,
  defaults: NetworkDefaults,
): DeliverySettings {
  return {
    url,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
    ),
    network: outboundNetwork(url, true, defaults, toNetwork(network)),
    timeoutMs: timeout,
    batchRows: batch.size,
    intervalMs: batch.interval,
    queueRowsMax: batch.queue,
  }
}

/** Header fields that say how the body is written, which is not the operator's to say. */
const BODY_HEADERS: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'content-length',
  'transfer-encoding',
  'connection',
  'host',
  'webhook-id',
  'webhook-timestamp',
  'webhook-signature',
])

/** Shorter keys can be guessed. */
const KEY_BYTES_MIN = 16

/** Adds a problem for every rule between keys that is broken. */
export function checkTelemetry(
  settings: {
    readonly tracing?: Unproven<TracingValues> | undefined
    readonly exports?: readonly (Unproven<ExportValues> | undefined)[] | undefined
  },
  problems: ProblemList,
): void {
  checkHeaders(settings.tracing?.headers, 'tracing', problems)
  const ids = new Set<string>()
  for (const [index, one] of (settings.exports ?? []).entries()) {
    if (one === undefined) continue
    const path = childPath('exports', index)
    if (one.id !== undefined && ids.has(one.id)) {
      problems.add(childPath(path, 'id'), 'stands twice; each export needs its own')
    }
    if (one.id !== undefined) ids.add(one.id)
    checkHeaders(one.headers, path, problems)
    checkKeys(one, path, problems)
  }
}

function checkKeys(one: Unproven<ExportValues>, path: string, problems: ProblemList): void {
  const { public_key, secret, secret_key, type } = one
  if (type === undefined) return
  // A part that was refused has told its own problem, and is undefined too: it is told twice then, which does no harm.
  const needs = { webhook: ['secret'], langfuse: ['public_key', 'secret_key'], 'otlp-logs': [] }
  const given = { secret, public_key, secret_key }
  if (secret !== undefined && webhookKey(secret).length < KEY_BYTES_MIN) {
    problems.add(
      childPath(path, 'secret'),
      'is too short: behind whsec_ stand at least 16 bytes in base64',
    )
  }
  for (const [name, value] of Object.entries(given)) {
    const isNeeded = needs[type].some((needed) => needed === name)
    if (isNeeded && value === undefined) {
      problems.add(childPath(path, name), `missing; an export of type ${type} cannot be without`)
    }
    if (!isNeeded && value !== undefined) {
      problems.add(childPath(path, name), `is not for exports of type ${type}`)
    }
  }
}

function checkHeaders(
  headers: Unproven<Readonly<Record<string, string>>> | undefined,
  path: string,
  problems: ProblemList,
): void {
  for (const name of Object.keys(headers ?? {})) {
    const at = childPath(
      childPath(path, 'headers'),
      /^[\w.-]{1,60}$/.test(name) ? name : quoteName(name),
    )
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(name))
      problems.add(at, 'is no name of a header')
    else if (BODY_HEADERS.has(name.toLowerCase())) problems.add(at, 'is set by Weir itself')
  }
}
