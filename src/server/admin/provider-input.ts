// What a client of the management API says of a provider, made into one: every text in its canonical form, secrets that are sent back as
// `***` put back in their place, and what must hold between settings held. Whether it may be is decided elsewhere.

import { classifyAddress } from '../../core/address.ts'
import {
  DEFAULT_CIRCUIT,
  DEFAULT_CONTEXT,
  type EntraSettings,
  type NetworkSettings,
  type Provider,
  type ProviderKey,
  type ProviderType,
} from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import { isObject, type JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { headerValue, noProxy, proxyUrl, webUrl, type Checked } from '../../core/outbound-text.ts'
import { headerNameProblem, providerProblems } from '../../core/provider-rules.ts'
import { isAwsRegion } from '../../core/aws.ts'
import { providerKind } from '../../providers/registry.ts'
import { maskedProxy } from './provider-json.ts'
import { KEPT, type WholeProvider } from './provider-schemas.ts'

/** Who a provider is; the rest are its settings. */
export interface ProviderName {
  readonly id: string
  readonly tenantId: string
  readonly type: ProviderType
}

/**
 * A provider of the store.
 * @param before what it was, whose secrets and keys stay where they are not given anew
 * @throws GatewayError `invalid_request` naming the member
 */
export function providerOf(
  name: ProviderName,
  given: WholeProvider,
  before: Provider | undefined,
): Provider {
  const { id, tenantId, type } = name
  const baseUrl = baseUrlOf(given, type)
  const keys = given.keys === undefined ? (before?.keys ?? []) : keysOf(given.keys, before)
  const { check, concurrency, context } = given
  const provider: Provider = {
    id,
    tenantId,
    type,
    origin: 'store',
    baseUrl,
    keys,
    timeouts: {
      connectMs: given.timeouts?.connect_ms ?? LIMITS.connectTimeoutMs,
      firstByteMs: given.timeouts?.first_byte_ms ?? LIMITS.firstByteTimeoutMs,
      idleMs: given.timeouts?.idle_ms ?? LIMITS.idleTimeoutMs,
      totalMs: given.timeouts?.total_ms ?? LIMITS.totalTimeoutMs,
    },
    retries: {
      max: given.retries?.max ?? LIMITS.retriesMax,
      baseMs: given.retries?.base_ms ?? LIMITS.retryBaseMs,
      capMs: given.retries?.cap_ms ?? LIMITS.retryCapMs,
    },
    circuit: circuitOf(given, baseUrl),
    network: networkOf(given.network ?? {}, before?.network ?? {}),
    headers: headersOf(given.headers ?? {}, before?.headers ?? {}),
    ...present({
      compatible: given.compatible,
      apiVersion: plain(given.api_version, 'api_version'),
      region: regionOf(given),
      configId: plain(given.config_id, 'config_id'),
      keyStrategy: given.key_strategy,
      concurrency: concurrency && {
        max: concurrency.max,
        queue: concurrency.queue ?? LIMITS.providerQueueMax,
        queueTimeoutMs: concurrency.queue_timeout_ms ?? LIMITS.queueTimeoutMs,
      },
      check: check && {
        intervalMs: check.interval_ms ?? LIMITS.checkIntervalMs,
        ...present({ model: check.model }),
      },
      context: context && {
        guard: context.guard ?? DEFAULT_CONTEXT.guard,
        maxTokens: context.max_tokens ?? DEFAULT_CONTEXT.maxTokens,
        reserveTokens: context.reserve ?? DEFAULT_CONTEXT.reserveTokens,
      },
      entra: given.entra && entraOf(given.entra, before?.entra),
    }),
  }
  refuseProblems(provider, given)
  return provider
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined | null> }

/** Without the members that are undefined or null. */
function present<T extends object>(values: T): Present<T> {
  const members = Object.entries(values).filter(
    ([, value]) => value !== undefined && value !== null,
  )
  return Object.fromEntries(members) as Present<T>
}

/** Settings that were joined to others: null takes a member away (RFC 7396). */
export function mergedSettings(before: JsonObject, change: JsonObject): JsonObject {
  const merged: JsonObject = { ...before }
  for (const [name, value] of Object.entries(change)) {
    const old = merged[name]
    if (value === null) delete merged[name]
    else if (isObject(value)) merged[name] = mergedSettings(isObject(old) ? old : {}, value)
    else merged[name] = value
  }
  return merged
}

export function invalid(param: string, message: string, code?: string): GatewayError {
  return new GatewayError('invalid_request', {
    param,
    message,
    ...(code === undefined ? {} : { code }),
  })
}

function sentence(problem: string): string {
  return `${problem.charAt(0).toUpperCase()}${problem.slice(1)}${problem.endsWith('.') ? '' : '.'}`
}

/** The canonical form. @throws GatewayError naming the member */
function canonical(param: string, checked: Checked): string {
  if ('value' in checked) return checked.value
  throw invalid(param, sentence(checked.problem))
}

function plain(text: string | null | undefined, param: string): string | undefined {
  return text === undefined || text === null ? undefined : canonical(param, headerValue(text))
}

function baseUrlOf({ base_url: given }: WholeProvider, type: ProviderType): string {
  if (given !== undefined && given !== null) return canonical('base_url', webUrl(given, true))
  return providerKind(type)?.defaultBaseUrl ?? ''
}

function regionOf({ region }: WholeProvider): string | undefined {
  if (region === undefined || region === null) return undefined
  if (isAwsRegion(region)) return region
  throw invalid('region', 'Must be a region such as eu-central-1.')
}

/** The address is one of this machine. */
function isHere(baseUrl: string): boolean {
  const url = URL.parse(baseUrl)
  return url !== null && classifyAddress(url.hostname) === 'loopback'
}

function circuitOf({ circuit }: WholeProvider, baseUrl: string): NonNullable<Provider['circuit']> {
  const openMs = circuit?.open_ms ?? DEFAULT_CIRCUIT.openMs
  return {
    enabled: circuit?.enabled ?? DEFAULT_CIRCUIT.enabled,
    failures: circuit?.failures ?? DEFAULT_CIRCUIT.failures,
    errorRate: circuit?.error_rate ?? DEFAULT_CIRCUIT.errorRate,
    windowMs: circuit?.window_ms ?? DEFAULT_CIRCUIT.windowMs,
    openMs,
    // Whoever starts a server on this machine need not wait for it.
    ...present({ openMaxMs: circuit?.open_max_ms ?? (isHere(baseUrl) ? openMs : undefined) }),
  }
}

/** Characters of a hash that are enough to tell the keys of one provider apart. */
const KEY_ID_CHARS = 8

/** What a key is called where nobody has named it: the same key is called the same. */
export function keyIdOf(secret: string): string {
  return new Bun.CryptoHasher('sha256').update(secret).digest('hex').slice(0, KEY_ID_CHARS)
}

function keysOf(secrets: readonly string[], before: Provider | undefined): ProviderKey[] {
  return secrets.map((text, index) => {
    const secret = secretKey(text, `keys[${index}]`)
    if (secrets.indexOf(text) !== index) throw invalid(`keys[${index}]`, 'Is there twice.')
    const known = before?.keys.find((key) => key.secret === secret)
    return { id: known?.id ?? keyIdOf(secret), secret }
  })
}

/** @throws GatewayError naming the member */
export function secretKey(text: string, param: string): string {
  if (text === KEPT) throw invalid(param, 'Give the key itself; *** only stands for it.')
  return canonical(param, headerValue(text))
}

/** The secret, or that of before where it is sent back masked. */
function secretOf(
  given: string | null | undefined,
  before: string | undefined,
  param: string,
): string | undefined {
  if (given === undefined || given === null) return undefined
  if (given !== KEPT) return given
  if (before !== undefined) return before
  throw invalid(param, 'There is none that could stay: give it.')
}

function headersOf(
  given: Readonly<Record<string, string>>,
  before: Readonly<Record<string, string>>,
): Record<string, string> {
  const names = Object.keys(given)
  if (names.length > LIMITS.adminListItemsMax) throw invalid('headers', 'Are too many.')
  return Object.fromEntries(
    names.map((name) => {
      const problem = headerNameProblem(name)
      const isName = /^[\w.-]{1,60}$/.test(name)
      const param = isName ? `headers.${name}` : 'headers'
      if (problem !== undefined) throw invalid(param, sentence(problem))
      const own = Object.hasOwn(before, name) ? before[name] : undefined
      const value = secretOf(given[name], own, param) ?? ''
      return [name, canonical(param, headerValue(value))]
    }),
  )
}

function networkOf(
  given: NonNullable<WholeProvider['network']>,
  before: NetworkSettings,
): NetworkSettings {
  const { allow_private: allowPrivate, ca, cert, min_tls_version: minTlsVersion, verify } = given
  const key = secretOf(given.key, before.key, 'network.key')
  const isPair = (cert ?? undefined) !== undefined
  if (isPair !== (key !== undefined)) {
    throw invalid(`network.${isPair ? 'key' : 'cert'}`, 'Missing; cert and key need each other.')
  }
  const keyPassphrase = secretOf(
    given.key_passphrase,
    before.keyPassphrase,
    'network.key_passphrase',
  )
  const hasFiles = !isPair && before.keyFile !== undefined
  if (keyPassphrase !== undefined && key === undefined && !hasFiles) {
    throw invalid('network.key_passphrase', 'Is for an encrypted key, and there is none.')
  }
  return present({
    proxy: proxyOf(given.proxy, before.proxy),
    noProxy: given.no_proxy?.map((host, at) => canonical(`network.no_proxy[${at}]`, noProxy(host))),
    ca,
    cert,
    key,
    keyPassphrase,
    verify,
    minTlsVersion,
    allowPrivate,
    // Files that a command has named stay; none can be named here.
    caFile: before.caFile,
    certFile: hasFiles ? before.certFile : undefined,
    keyFile: hasFiles ? before.keyFile : undefined,
  })
}

function proxyOf(given: string | null | undefined, before: string | undefined): string | undefined {
  if (given === undefined || given === null) return undefined
  if (before !== undefined && given === maskedProxy(before)) return before
  const url = URL.parse(given)
  if (url?.password === KEPT || url?.username === KEPT) {
    throw invalid('network.proxy', 'Give its password anew: its address or user has changed.')
  }
  return canonical('network.proxy', proxyUrl(given))
}

function entraOf(
  given: NonNullable<WholeProvider['entra']>,
  before: EntraSettings | undefined,
): EntraSettings {
  const clientSecret = secretOf(given.client_secret, before?.clientSecret, 'entra.client_secret')
  // An application's certificate is in files, which a command has named.
  const { certFile, keyFile, keyPassphrase } =
    clientSecret === undefined ? (before ?? {}) : ({} as Partial<EntraSettings>)
  return {
    tenant: idOf(given.tenant, 'entra.tenant'),
    clientId: idOf(given.client_id, 'entra.client_id'),
    cloud: given.cloud ?? 'public',
    ...present({
      clientSecret: plain(clientSecret, 'entra.client_secret'),
      certFile,
      keyFile,
      keyPassphrase,
      authority: addressOf(given.authority, 'entra.authority'),
      management: addressOf(given.management, 'entra.management'),
      scope: plain(given.scope, 'entra.scope'),
    }),
  }
}

function idOf(text: string, param: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text)) return text
  throw invalid(param, 'Must be letters, digits, ".", "_" and "-" only.')
}

function addressOf(text: string | null | undefined, param: string): string | undefined {
  return text === undefined || text === null ? undefined : canonical(param, webUrl(text, true))
}

/** Names of the configuration that are others here. */
const NAMES: Readonly<Record<string, string>> = {
  'retries.base': 'retries.base_ms',
  'entra.cert_file': 'entra.client_secret',
}

function refuseProblems(provider: Provider, given: WholeProvider): void {
  const { baseUrl, entra, id, keys, retries, type } = provider
  const isSaid = (value: unknown) => value !== undefined && value !== null
  const [first] = providerProblems({
    id,
    type,
    needsBaseUrl: providerKind(type)?.defaultBaseUrl === undefined,
    baseUrl: baseUrl === '' ? undefined : baseUrl,
    hasBaseUrl: isSaid(given.base_url),
    hasCompatible: isSaid(given.compatible),
    hasApiVersion: isSaid(given.api_version),
    hasRegion: isSaid(given.region),
    hasContext: isSaid(given.context),
    hasConfigId: isSaid(given.config_id),
    keys: keys.map(({ secret }) => secret),
    retries,
    entra: entra && {
      hasSecret: entra.clientSecret !== undefined,
      hasCertificate: entra.certFile !== undefined,
      hasKey: entra.keyFile !== undefined,
      hasPassphrase: entra.keyPassphrase !== undefined,
      authority: entra.authority,
      management: entra.management,
    },
  })
  if (first === undefined) return
  const message = sentence(
    first.message.replace(', or cert_file', '').replace(' than cap', ' than cap_ms'),
  )
  throw invalid(NAMES[first.path] ?? first.path, message)
}
