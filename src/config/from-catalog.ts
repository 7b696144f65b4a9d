// The way back from the words of the core to the settings that would make them: what `catalog.ts` and `team.ts` read, written. Together they
// are the identity, which `file-form.test.ts` proves; what the file has no word for is named by `unwritable`.

import { DEFAULT_CIRCUIT, type Model, type Provider } from '../core/catalog.ts'
import type { BudgetRule, LimitAmounts, LimitRule } from '../core/money.ts'
import { NANO_PER_USD, priceInDollars } from '../core/nano-usd.ts'

type Values = Readonly<Record<string, unknown>>

export function providerValues(provider: Provider): Values {
  const { check, circuit = DEFAULT_CIRCUIT, concurrency, context, entra, keys } = provider
  const { network, retries, timeouts } = provider
  const secrets = (isDraining: boolean) =>
    keys.filter(({ draining }) => (draining === true) === isDraining).map(({ secret }) => secret)
  return {
    id: provider.id,
    type: provider.type,
    base_url: provider.baseUrl,
    compatible: provider.compatible,
    api_version: provider.apiVersion,
    region: provider.region,
    config_id: provider.configId,
    keys: secrets(false),
    draining_keys: secrets(true),
    key_strategy: provider.keyStrategy,
    entra: entra && {
      tenant: entra.tenant,
      client_id: entra.clientId,
      client_secret: entra.clientSecret,
      cert_file: entra.certFile,
      key_file: entra.keyFile,
      key_passphrase: entra.keyPassphrase,
      cloud: entra.cloud,
      authority: entra.authority,
      management: entra.management,
      scope: entra.scope,
    },
    timeouts: {
      connect: timeouts.connectMs,
      first_byte: timeouts.firstByteMs,
      idle: timeouts.idleMs,
      total: timeouts.totalMs,
    },
    retries: { max: retries.max, base: retries.baseMs, cap: retries.capMs },
    circuit: {
      enabled: circuit.enabled,
      failures: circuit.failures,
      error_rate: circuit.errorRate,
      window: circuit.windowMs,
      open: circuit.openMs,
      open_max: circuit.openMaxMs,
    },
    concurrency: concurrency && {
      max: concurrency.max,
      queue: concurrency.queue,
      queue_timeout: concurrency.queueTimeoutMs,
    },
    check: check && { interval: check.intervalMs, model: check.model },
    network: {
      proxy: network.proxy,
      no_proxy: network.noProxy,
      ca_file: network.caFile,
      cert_file: network.certFile,
      key_file: network.keyFile,
      // That of a key which is text goes with it: the file has no word for either.
      key_passphrase: network.key === undefined ? network.keyPassphrase : undefined,
      verify: network.verify,
      min_tls_version: network.minTlsVersion,
      allow_private: network.allowPrivate,
    },
    context: context && {
      guard: context.guard,
      max_tokens: context.maxTokens,
      reserve: context.reserveTokens,
    },
    headers: provider.headers,
  }
}

/** Without its tenant: whoever takes it in says whose it is. */
export function modelValues(model: Model): Values {
  const { cache, price, priceChanges, routing } = model
  return {
    id: model.id,
    targets: model.targets.map(
      ({ abilities, model: name, order, overrides = {}, providerId, tags, weight }) => ({
        provider: providerId,
        model: name,
        order,
        weight,
        tags: tags ?? [],
        abilities: abilities && {
          vision: abilities.vision,
          tools: abilities.tools,
          json_schema: abilities.jsonSchema,
          chat: abilities.chat,
          prefill: abilities.prefill,
          context_window: abilities.contextWindow,
        },
        overrides,
      }),
    ),
    defaults: model.defaults,
    routing: routing && {
      strategy: routing.strategy,
      sticky: routing.sticky,
      fallbacks: routing.fallbacks,
      retry_refused: routing.retryRefused,
      hedge_after: routing.hedgeAfterMs,
      continuation: routing.continuation,
    },
    losses: model.losses,
    context_window: model.contextWindow,
    price: price && priceInDollars(price),
    price_changes: priceChanges?.map((change) => ({
      from: new Date(change.fromMs).toISOString(),
      ...priceInDollars(change.price),
    })),
    access: model.access,
    cache: cache?.mode,
    cache_ttl: cache?.ttlMs,
  }
}

function amountValues(amounts: LimitAmounts): Values {
  return {
    requests_per_minute: amounts.requestsPerMinute,
    requests_per_hour: amounts.requestsPerHour,
    requests_per_day: amounts.requestsPerDay,
    tokens_per_minute: amounts.tokensPerMinute,
    tokens_per_hour: amounts.tokensPerHour,
    tokens_per_day: amounts.tokensPerDay,
    concurrent: amounts.concurrent,
  }
}

export function limitValues({ amounts, only, per, whenUnavailable }: LimitRule): Values {
  return { per, only, ...amountValues(amounts), when_unavailable: whenUnavailable }
}

export function budgetValues(rule: BudgetRule): Values {
  const { action, alertAt, nanoUsd, only, per, unknownPrice, webhookUrl, window } = rule
  return {
    per,
    only,
    usd: nanoUsd / NANO_PER_USD,
    window,
    action,
    alert_at: alertAt,
    webhook: webhookUrl,
    unknown_price: unknownPrice,
  }
}

/** What of a provider the file has no word for, in words for people. */
export function unwritable({ network }: Provider): string[] {
  const texts = Object.entries({ ca: network.ca, cert: network.cert, key: network.key })
  return texts.filter(([, text]) => text !== undefined).map(([name]) => `network.${name}`)
}
