// The part of the table of metrics that is about requests: those of clients, those to providers, and what they use. Apart from
// `metric-catalog.ts` because of its length; it counts nothing.

import type { MetricDefinition } from './metric-catalog.ts'
import { NANO_PER_USD } from './nano-usd.ts'

/** Of a whole answer of a model: from milliseconds to ten minutes. */
const ANSWER_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 600,
]

export const CLIENT_METRICS = {
  proxyRequests: {
    name: 'proxy_requests_total',
    type: 'counter',
    labels: ['operation', 'client', 'status'],
    help: 'Requests of clients that have ended, by the HTTP status they were told; 499: the client left.',
    area: 'requests',
  },
  proxyDuration: {
    name: 'proxy_request_duration_seconds',
    type: 'histogram',
    labels: ['operation', 'client', 'stream'],
    help: 'From the arrival of a request until the last byte of its answer, waits and failed attempts included.',
    area: 'requests',
    buckets: ANSWER_SECONDS,
  },
  requests: {
    name: 'weir_requests_total',
    type: 'counter',
    labels: ['operation', 'client', 'provider', 'mode', 'status', 'error'],
    help: 'Requests that have ended, by what was asked, who was asked and how it ended.',
    area: 'requests',
  },
  queueWait: {
    name: 'weir_queue_wait_seconds',
    type: 'histogram',
    labels: [],
    help: 'How long requests waited for a place among those that run; those that did not wait are not in it.',
    area: 'requests',
    buckets: [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  queueRunning: {
    name: 'weir_queue_running',
    type: 'gauge',
    labels: ['provider'],
    help: 'Requests with a place; all providers together under an empty provider.',
    area: 'requests',
  },
  queueWaiting: {
    name: 'weir_queue_waiting',
    type: 'gauge',
    labels: ['provider'],
    help: 'Requests that wait for a place; all providers together under an empty provider.',
    area: 'requests',
  },
  activeStreams: {
    name: 'weir_active_streams',
    type: 'gauge',
    labels: [],
    help: 'Answers that are streamed to clients now.',
    area: 'requests',
  },
  losses: {
    name: 'weir_losses_total',
    type: 'counter',
    labels: ['feature', 'client', 'provider_dialect', 'action'],
    help: 'Parts of requests and answers that a protocol could not carry (dropped) or not as they were (adapted).',
    area: 'requests',
  },
  tenantRequests: {
    name: 'weir_tenant_requests_total',
    type: 'counter',
    labels: ['tenant'],
    help: 'Requests that have ended, by tenant.',
    area: 'requests',
  },
} as const satisfies Record<string, MetricDefinition>

export const PROVIDER_METRICS = {
  providerRequests: {
    name: 'proxy_provider_requests_total',
    type: 'counter',
    labels: ['provider', 'attempt', 'status', 'error'],
    help: 'Attempts at providers, by the HTTP status of the provider (empty: none came) and how they ended here; attempt is first, retry, hedge or continuation.',
    area: 'providers',
  },
  providerFallbacks: {
    name: 'proxy_fallbacks_total',
    type: 'counter',
    labels: ['from', 'to'],
    help: 'Times a request went on from one target to another after a failure, by their providers.',
    area: 'providers',
  },
  fallbacks: {
    name: 'weir_fallbacks_total',
    type: 'counter',
    labels: ['model', 'cause'],
    help: 'Requests that went on to another model, by that model and the cause.',
    area: 'providers',
  },
  retries: {
    name: 'weir_retries_total',
    type: 'counter',
    labels: ['provider'],
    help: 'Attempts that asked the same target once more.',
    area: 'providers',
  },
  hedges: {
    name: 'weir_hedges_total',
    type: 'counter',
    labels: ['provider'],
    help: 'Attempts made beside one that kept silent for long.',
    area: 'providers',
  },
  continuations: {
    name: 'weir_continuations_total',
    type: 'counter',
    labels: ['provider'],
    help: 'Attempts to have the rest of an answer that broke off.',
    area: 'providers',
  },
  circuit: {
    name: 'weir_target_circuit',
    type: 'gauge',
    labels: ['provider', 'model'],
    help: 'Circuit: 0 closed, 1 half open, 2 open.',
    area: 'providers',
  },
  targetRunning: {
    name: 'weir_target_running',
    type: 'gauge',
    labels: ['provider', 'model'],
    help: 'Requests that run at a target.',
    area: 'providers',
  },
  targetFirstByte: {
    name: 'weir_target_first_byte_seconds',
    type: 'gauge',
    labels: ['provider', 'model'],
    help: 'Moving mean from sending to the head of the answer, as routing sees it.',
    area: 'providers',
  },
  keyState: {
    name: 'weir_provider_key_state',
    type: 'gauge',
    labels: ['provider', 'state'],
    help: 'Keys of a provider in each state: fit, limited, refused or draining.',
    area: 'providers',
  },
  usable: {
    name: 'weir_provider_usable',
    type: 'gauge',
    labels: ['provider'],
    help: 'Whether requests can be sent to a provider at all: it is enabled and has what it needs.',
    area: 'providers',
  },
} as const satisfies Record<string, MetricDefinition>

export const USE_METRICS = {
  modelRequests: {
    name: 'requests_total',
    type: 'counter',
    labels: ['provider', 'model', 'error'],
    help: 'Requests that have ended, by the model asked for and the provider that answered or was asked last; error is empty where it was answered.',
    area: 'use',
  },
  modelLatency: {
    name: 'request_latency_seconds',
    type: 'histogram',
    labels: ['provider', 'model'],
    help: 'From sending to the provider that answered until its last byte: the time of the provider, without our own.',
    area: 'use',
    buckets: ANSWER_SECONDS,
  },
  firstToken: {
    name: 'weir_first_token_seconds',
    type: 'histogram',
    labels: ['provider', 'model'],
    help: 'Of streams: from the arrival of the request until the first byte of the answer.',
    area: 'use',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 25, 50, 100],
  },
  outputToken: {
    name: 'weir_output_token_seconds',
    type: 'histogram',
    labels: ['provider', 'model'],
    help: 'Of streams: time for each token after the first byte, one value for each answer.',
    area: 'use',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5],
  },
  tokens: {
    name: 'token_usage_total',
    type: 'counter',
    labels: ['provider', 'model', 'class'],
    help: 'Tokens, each in one class: input, cache_read, cache_write_5m, cache_write_1h, output (without reasoning) or reasoning.',
    area: 'use',
  },
  audioTokens: {
    name: 'weir_audio_tokens_total',
    type: 'counter',
    labels: ['provider', 'model', 'direction'],
    help: 'The part of the tokens that was audio; token_usage_total has them too.',
    area: 'use',
  },
  cost: {
    name: 'weir_cost_usd_total',
    type: 'counter',
    labels: ['provider', 'model'],
    help: 'What requests have cost, as far as prices are known.',
    area: 'use',
    divisor: NANO_PER_USD,
  },
  unpriced: {
    name: 'weir_unpriced_requests_total',
    type: 'counter',
    labels: ['provider', 'model'],
    help: 'Answered requests whose tokens are known and whose cost is not.',
    area: 'use',
  },
  tenantTokens: {
    name: 'weir_tenant_tokens_total',
    type: 'counter',
    labels: ['tenant'],
    help: 'Tokens of all classes, by tenant.',
    area: 'use',
  },
  tenantCost: {
    name: 'weir_tenant_cost_usd_total',
    type: 'counter',
    labels: ['tenant'],
    help: 'What requests have cost, as far as prices are known, by tenant.',
    area: 'use',
    divisor: NANO_PER_USD,
  },
} as const satisfies Record<string, MetricDefinition>
