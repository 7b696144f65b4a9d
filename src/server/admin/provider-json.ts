// Providers as the management API shows them: settings in full, of secrets only that they are there, and how they fare. Nothing is looked up
// here but what this process knows already.

import {
  DEFAULT_CIRCUIT,
  type EntraSettings,
  type NetworkSettings,
  type Provider,
} from '../../core/catalog.ts'
import type { JsonObject } from '../../core/json.ts'
import { secretHint } from '../../core/policy/key-choice.ts'
import type { MaskedKey } from '../../core/ports.ts'
import type { Asked } from '../../gateway/catalog.ts'
import type { ProviderReport } from '../../gateway/health-report.ts'
import { readOnlyWords } from './provider-book.ts'
import { KEPT, type HEALTH_STATES } from './provider-schemas.ts'

/** An alias that leads to a provider. */
export interface ProviderUse {
  readonly model: string
  readonly targets: number
  readonly isOnly: boolean
}

/** What is shown of one provider besides itself. */
export interface ProviderView {
  /** Settings are theirs to see: it is not the installation's. */
  readonly isOwn: boolean
  readonly seesKeys: boolean
  readonly report: ProviderReport
  readonly asked: Asked | undefined
  readonly uses: readonly ProviderUse[]
  /** When its keys were added; absent where nobody knows. */
  readonly masked?: readonly MaskedKey[]
}

/** A proxy's address without its password, or anything else that is read there. */
export function maskedProxy(text: string): string {
  const url = URL.parse(text)
  if (url === null) return KEPT
  if (url.password !== '') url.password = KEPT
  else if (url.username !== '') url.username = KEPT
  return url.href.replace(/\/$/, '')
}

const kept = (secret: string | undefined) => (secret === undefined ? null : KEPT)

/** The settings, in the names in which they are given; a secret that is there is `***`. */
export function settingsJson(provider: Provider): JsonObject {
  const { check, concurrency, context, entra, retries, timeouts } = provider
  const circuit = provider.circuit ?? DEFAULT_CIRCUIT
  return {
    base_url: provider.baseUrl,
    compatible: provider.compatible ?? null,
    api_version: provider.apiVersion ?? null,
    region: provider.region ?? null,
    config_id: provider.configId ?? null,
    key_strategy: provider.keyStrategy ?? 'round_robin',
    timeouts: {
      connect_ms: timeouts.connectMs,
      first_byte_ms: timeouts.firstByteMs,
      idle_ms: timeouts.idleMs,
      total_ms: timeouts.totalMs,
    },
    retries: { max: retries.max, base_ms: retries.baseMs, cap_ms: retries.capMs },
    circuit: {
      enabled: circuit.enabled,
      failures: circuit.failures,
      error_rate: circuit.errorRate,
      window_ms: circuit.windowMs,
      open_ms: circuit.openMs,
      open_max_ms: circuit.openMaxMs ?? null,
    },
    concurrency:
      concurrency === undefined
        ? null
        : {
            max: concurrency.max,
            queue: concurrency.queue,
            queue_timeout_ms: concurrency.queueTimeoutMs,
          },
    check:
      check === undefined ? null : { interval_ms: check.intervalMs, model: check.model ?? null },
    context:
      context === undefined
        ? null
        : {
            guard: context.guard,
            max_tokens: context.maxTokens,
            reserve: context.reserveTokens,
          },
    network: networkJson(provider.network),
    headers: Object.fromEntries(Object.keys(provider.headers).map((name) => [name, KEPT])),
    entra: entra === undefined ? null : entraJson(entra),
  }
}

function networkJson(network: NetworkSettings): JsonObject {
  return {
    proxy: network.proxy === undefined ? null : maskedProxy(network.proxy),
    no_proxy: network.noProxy === undefined ? null : [...network.noProxy],
    ca: network.ca ?? null,
    cert: network.cert ?? null,
    key: kept(network.key),
    key_passphrase: kept(network.keyPassphrase),
    verify: network.verify ?? null,
    min_tls_version: network.minTlsVersion ?? null,
    allow_private: network.allowPrivate ?? null,
  }
}

function entraJson(entra: EntraSettings): JsonObject {
  return {
    tenant: entra.tenant,
    client_id: entra.clientId,
    client_secret: kept(entra.clientSecret),
    cloud: entra.cloud,
    authority: entra.authority ?? null,
    management: entra.management ?? null,
    scope: entra.scope ?? null,
  }
}

/** What the `ETag` is made of: all that somebody can change, and nothing that changes by itself or with who looks. */
export function providerVersion(provider: Provider): JsonObject {
  return {
    id: provider.id,
    type: provider.type,
    ...settingsJson(provider),
    keys: provider.keys.map(({ draining, id }) => ({ id, draining: draining === true })),
  }
}

export function providerJson(provider: Provider, view: ProviderView): JsonObject {
  const { id, keys, origin, tenantId, type } = provider
  const settings = settingsJson(provider)
  const shown = view.isOwn
    ? settings
    : Object.fromEntries(Object.keys(settings).map((name) => [name, null]))
  return {
    id,
    tenant: tenantId ?? null,
    type,
    origin,
    read_only: readOnlyWords(provider),
    ...shown,
    keys: view.isOwn && view.seesKeys ? keys.map((key) => keyJson(key, view)) : null,
    warnings: warningsOf(provider, view),
    health: healthJson(provider, view),
    used_by: view.uses.map(({ isOnly, model, targets }) => ({
      model,
      targets,
      is_only: isOnly,
    })),
  }
}

export function keyJson(
  { draining, id, secret }: Provider['keys'][number],
  { masked, report }: Pick<ProviderView, 'masked' | 'report'>,
): JsonObject {
  const health = report.keys.find((key) => key.id === id)
  const created = masked?.find((key) => key.id === id)?.createdMs
  return {
    id,
    last_four: secretHint(secret) ?? '',
    state: health?.state ?? (draining === true ? 'draining' : 'fit'),
    reason: health?.reason ?? null,
    draining: draining === true,
    free_in_ms: Math.round(health?.freeInMs ?? 0),
    running: health?.running ?? 0,
    used: health?.used ?? 0,
    failed: health?.failed ?? 0,
    remaining: health?.remaining ?? null,
    created: created === undefined ? null : new Date(created).toISOString(),
  }
}

function warningsOf({ network, entra }: Provider, { isOwn, report }: ProviderView): string[] {
  if (!isOwn) return []
  const files = [network.caFile, network.certFile, network.keyFile, entra?.certFile]
  return [
    ...report.warnings,
    ...(files.some((file) => file !== undefined)
      ? [
          'certificate files of this machine are used, which only the configuration file and commands can name',
        ]
      : []),
  ]
}

type HealthState = (typeof HEALTH_STATES)[number]

function healthJson(provider: Provider, { asked, isOwn, report }: ProviderView): JsonObject {
  const resting = report.keys.filter(({ state }) => state === 'limited' || state === 'refused')
  const open = report.targets.filter(({ circuit }) => circuit !== 'closed')
  const [state, reason] = stateOf(provider, { asked, report, resting, open })
  return {
    state,
    reason: isOwn ? reason : null,
    models: asked?.answeredMs === undefined ? null : asked.models,
    listed_at: asked?.answeredMs === undefined ? null : new Date(asked.answeredMs).toISOString(),
    keys_resting: resting.length,
    circuits_open: open.length,
    running: report.targets.reduce((sum, { running }) => sum + running, 0),
  }
}

interface Findings {
  readonly asked: Asked | undefined
  readonly report: ProviderReport
  readonly resting: ProviderReport['keys']
  readonly open: ProviderReport['targets']
}

/** The worst that is known, and why. */
function stateOf(
  { keys }: Provider,
  { asked, open, report, resting }: Findings,
): readonly [HealthState, string | null] {
  const last = report.check?.last
  const [firstKey] = resting
  if (!report.usable) return ['no_key', 'It has no key to be asked with.']
  if (last !== undefined && !last.reachable)
    return ['unreachable', last.error ?? 'It does not answer.']
  if (keys.length > 0 && resting.length === keys.length) {
    return ['key_resting', `Every key rests: ${firstKey?.reason ?? 'the provider limits it'}.`]
  }
  const isAnswering = report.targets.some(({ firstByteMs }) => firstByteMs !== undefined)
  // Some keys may chat and not list: what answers is not out of reach.
  if (asked?.problem !== undefined && !isAnswering) {
    const isRefusal = /^status 40[13]$/.test(asked.problem)
    return isRefusal
      ? ['refused', `It refuses its keys where it is asked for its models (${asked.problem}).`]
      : ['unreachable', `It did not list its models: ${asked.problem}`]
  }
  if (open.length > 0) {
    const names = open.slice(0, 3).map(({ model }) => model)
    return ['circuit_open', `Left alone after failures: ${names.join(', ')}.`]
  }
  if (firstKey !== undefined) {
    return ['key_resting', `A key rests: ${firstKey.reason ?? 'the provider limits it'}.`]
  }
  const hasAnswered = asked?.answered === true || last?.ok === true || isAnswering
  return hasAnswered ? ['healthy', null] : ['unknown', 'It was not asked yet.']
}
