// The part of the schema table that says what is sent out about requests: traces and exports. Nothing is sent unless it stands here; the
// `OTEL_*` variables of the environment are not read, and may be written here as `${OTEL_EXPORTER_OTLP_ENDPOINT}`.

import { LIMITS } from '../core/limits.ts'
import type { SectionNode } from './node.ts'
import { NETWORK } from './schema-network.ts'

const HOUR = 3_600_000

const OUTBOUND_NETWORK = {
  ...NETWORK,
  doc: 'How to reach it, where that differs from `network`. Proxy variables of the environment are not used.',
} as const satisfies SectionNode

const HEADERS = {
  kind: 'map',
  format: 'header-value',
  doc: 'Header fields sent with every batch, as `authorization` or an API key.',
  secret: true,
} as const

const PROTOCOL = {
  kind: 'choice',
  doc: 'How OTLP is written.',
  values: ['protobuf', 'json'],
  default: 'protobuf',
} as const

const TIMEOUT = {
  kind: 'duration',
  doc: 'Of one try to send a batch.',
  default: LIMITS.telemetryTimeoutMs,
  min: 100,
  max: 120_000,
} as const

const BATCH = {
  kind: 'section',
  doc: 'How much is sent at once, and how much may wait.',
  keys: {
    size: {
      kind: 'integer',
      doc: 'Requests in one batch, at most.',
      default: LIMITS.telemetryBatchMax,
      min: 1,
      max: 10_000,
    },
    interval: {
      kind: 'duration',
      doc: 'A batch that is not full is sent after so long.',
      default: LIMITS.telemetryIntervalMs,
      min: 10,
      max: HOUR,
    },
    queue: {
      kind: 'integer',
      doc: 'Requests that may wait; beyond it new ones are dropped and counted.',
      default: LIMITS.telemetryQueueMax,
      min: 1,
      max: 1_000_000,
    },
  },
} as const satisfies SectionNode

const SERVICE_NAME = {
  kind: 'text',
  format: 'header-value',
  doc: '`service.name` of the sender.',
  default: 'weir',
  maxChars: 200,
} as const

const ATTRIBUTES = {
  kind: 'map',
  format: 'header-value',
  doc: 'Further resource attributes of the sender, as `deployment.environment.name`.',
} as const

export const TRACING = {
  kind: 'section',
  doc: 'Traces to an OpenTelemetry collector or whatever speaks OTLP over HTTP. Without an endpoint nothing is traced and nothing is sent.',
  synonyms: {
    url: 'endpoint',
    ratio: 'sample',
    sample_rate: 'sample',
    sampling: 'sample',
    resource: 'resource_attributes',
    attributes: 'resource_attributes',
    service: 'service_name',
  },
  keys: {
    endpoint: {
      kind: 'text',
      format: 'base-url',
      doc: 'Address of the collector, such as `http://127.0.0.1:4318`; `/v1/traces` is added unless it ends so.',
      absent: 'nothing is traced',
    },
    protocol: PROTOCOL,
    headers: HEADERS,
    sample: {
      kind: 'number',
      doc: 'Share of traces that is kept, by the trace id: whoever decides by the same share decides the same.',
      default: 1,
      min: 0,
      max: 1,
    },
    honour_parent: {
      kind: 'boolean',
      doc: 'A client that sends a `traceparent` has decided whether its trace is kept; `false` decides anew.',
      default: true,
    },
    keep_errors: {
      kind: 'boolean',
      doc: 'Requests that failed are kept whatever the share.',
      default: true,
    },
    keep_slower_than: {
      kind: 'duration',
      doc: 'Requests that took at least so long are kept whatever the share.',
      absent: 'none for that',
      min: 1,
      max: HOUR,
    },
    propagate: {
      kind: 'boolean',
      doc: 'Providers get a `traceparent` of their attempt.',
      default: true,
    },
    content: {
      kind: 'boolean',
      doc: 'What the log policy keeps of prompts and answers is sent in spans as well.',
      default: false,
    },
    service_name: SERVICE_NAME,
    resource_attributes: ATTRIBUTES,
    timeout: TIMEOUT,
    batch: BATCH,
    network: OUTBOUND_NETWORK,
  },
} as const satisfies SectionNode

export const EXPORT = {
  kind: 'section',
  doc: 'One place that outcomes of requests are sent to.',
  synonyms: { kind: 'type', endpoint: 'url', host: 'url', hmac: 'secret', filter: 'only' },
  keys: {
    id: {
      kind: 'text',
      format: 'id',
      doc: 'Its name in status, metrics and log.',
      required: true,
      maxChars: 64,
    },
    type: {
      kind: 'choice',
      doc: '`webhook` posts signed JSON, `langfuse` speaks to a Langfuse, `otlp-logs` sends log records to an OpenTelemetry collector.',
      values: ['webhook', 'langfuse', 'otlp-logs'],
      required: true,
    },
    url: {
      kind: 'text',
      format: 'hook-url',
      doc: 'Of a webhook the address that is posted to; of Langfuse its own (`https://cloud.langfuse.com`); of a collector as `tracing.endpoint`, with `/v1/logs`.',
      required: true,
      secret: true,
    },
    secret: {
      kind: 'text',
      format: 'header-value',
      doc: 'Of a webhook, which cannot be without: key of the HMAC-SHA256 in `webhook-signature` (Standard Webhooks; `whsec_…` is read as base64).',
      secret: true,
      minChars: 16,
      maxChars: 1_000,
    },
    public_key: {
      kind: 'text',
      format: 'header-value',
      doc: 'Of Langfuse: the public key of the project.',
      maxChars: 200,
    },
    secret_key: {
      kind: 'text',
      format: 'header-value',
      doc: 'Of Langfuse: the secret key of the project.',
      secret: true,
      minChars: 8,
      maxChars: 200,
    },
    headers: HEADERS,
    protocol: PROTOCOL,
    only: {
      kind: 'section',
      doc: 'Which requests are sent; all conditions must hold.',
      keys: {
        tenants: {
          kind: 'list',
          doc: 'Those of these tenants.',
          optional: true,
          absent: 'of every tenant',
          item: { kind: 'text', format: 'tenant-id', doc: 'A tenant.' },
        },
        models: {
          kind: 'list',
          doc: 'Those that asked for one of these models.',
          optional: true,
          absent: 'any',
          item: {
            kind: 'text',
            format: 'model-id',
            doc: 'A name; `*` stands for any text.',
            maxChars: 300,
          },
        },
        errors: { kind: 'boolean', doc: 'Those that failed.', default: false },
      },
    },
    content: {
      kind: 'boolean',
      doc: 'What the log policy keeps of prompts and answers is sent as well.',
      default: false,
    },
    service_name: SERVICE_NAME,
    resource_attributes: ATTRIBUTES,
    timeout: TIMEOUT,
    batch: BATCH,
    network: OUTBOUND_NETWORK,
  },
} as const satisfies SectionNode
