// The one table of settings: every key with its type, default, unit, bounds and meaning (entries of the catalogue in
// `schema-catalog.ts`). Validation, `weir config show`, the documentation and the editors' JSON Schema all come from it;
// a key that is not here does not exist.

import { LIMITS } from '../core/limits.ts'
import type { SectionNode, ValueOf } from './node.ts'
import { KEY, MODEL } from './schema-catalog.ts'
import { AUTH } from './schema-auth.ts'
import { CACHE } from './schema-cache.ts'
import { AUDIT, CONTENT_RULE, CONTENT_STORE, LOG_REQUESTS, REDACT } from './schema-content.ts'
import { BUDGET, BUDGET_LEASES, LIMIT } from './schema-money.ts'
import { FLAG_SETTINGS } from './schema-flags.ts'
import { GUARDRAIL } from './schema-guardrails.ts'
import { PROVIDER } from './schema-provider.ts'
import { COMMON_NETWORK } from './schema-network.ts'
import { CLICKHOUSE } from './schema-clickhouse.ts'
import { EXPORT, TRACING } from './schema-telemetry.ts'

const HOUR = 3_600_000

/** Every setting of this version, in the order they are shown. */
export const SCHEMA = {
  kind: 'section',
  doc: 'Configuration of Weir.',
  keys: {
    server: {
      kind: 'section',
      doc: 'Where and for whom Weir listens.',
      synonyms: { listen: 'host', bind: 'host', address: 'host', max_body: 'max_body_size' },
      keys: {
        host: { kind: 'text', format: 'host', doc: 'Address to bind.', default: '127.0.0.1' },
        port: {
          kind: 'integer',
          doc: 'Port; 0 takes any free one.',
          default: 9347,
          min: 0,
          max: 65_535,
        },
        public_url: {
          kind: 'text',
          format: 'public-url',
          doc: 'Address people reach it at, behind a load balancer.',
        },
        trusted_proxies: {
          kind: 'list',
          doc: 'Proxies whose `x-forwarded-*` fields may be believed. Only their word counts for the client’s address, which limits, audit and the addresses of keys go by.',
          item: { kind: 'text', format: 'address-range', doc: 'An address or a CIDR block.' },
        },
        allowed_hosts: {
          kind: 'list',
          doc: 'Host names answered to, beside loopback, the bound address and that of `public_url`.',
          item: {
            kind: 'text',
            format: 'host-pattern',
            doc: 'A name; `*.` in front takes any subdomain.',
          },
        },
        allowed_origins: {
          kind: 'list',
          doc: 'Web origins whose pages may call, beside its own.',
          item: { kind: 'text', format: 'origin', doc: '`scheme://host[:port]`.' },
        },
        max_body_size: {
          kind: 'size',
          doc: 'Largest request body.',
          default: LIMITS.requestBodyBytesMax,
          min: 1_024,
          max: 1_073_741_824,
        },
        max_upload_size: {
          kind: 'size',
          doc: 'Largest upload of a file, a picture or speech; beyond a mebibyte it lies on disk while it is sent.',
          default: LIMITS.uploadBytesMax,
          min: 1_024,
          max: 8 * 1_073_741_824,
        },
        body_timeout: {
          kind: 'duration',
          doc: 'Until a request body has arrived whole.',
          default: LIMITS.requestBodyTimeoutMs,
          min: 100,
          max: HOUR,
        },
        keepalive: {
          kind: 'duration',
          doc: 'A quiet stream gets a keepalive this often.',
          default: LIMITS.keepaliveIntervalMs,
          min: 100,
          max: HOUR,
        },
        drain_timeout: {
          kind: 'duration',
          doc: 'Running requests get this long at a graceful stop.',
          default: LIMITS.drainTimeoutMs,
          min: 0,
          max: 24 * HOUR,
        },
        stop_delay: {
          kind: 'duration',
          doc: 'At a graceful stop `/readyz` fails at once, and new requests are still taken for so long: until a load balancer has noticed.',
          default: 0,
          min: 0,
          max: HOUR,
        },
        max_concurrent: {
          kind: 'integer',
          doc: 'Requests that run at once; more wait in a queue in which keys take turns.',
          default: LIMITS.requestsRunningMax,
          min: 1,
          max: 1_000_000,
        },
        queue: {
          kind: 'integer',
          doc: 'Requests that may wait; beyond it they are refused.',
          default: LIMITS.requestQueueMax,
          min: 0,
          max: 1_000_000,
        },
        queue_timeout: {
          kind: 'duration',
          doc: 'Longest wait.',
          default: LIMITS.queueTimeoutMs,
          min: 0,
          max: HOUR,
        },
      },
    },
    storage: {
      kind: 'section',
      doc: 'Where state lives.',
      keys: {
        url: {
          kind: 'text',
          format: 'storage-url',
          doc: '`sqlite:///path/weir.db`, or `sqlite:weir.db` beside the configuration file; for a team `postgres://user:password@host:port/database`, with several `host:port` parted by commas where another may take the primary’s place.',
          absent: '`weir.db` in the data folder',
          secret: true,
        },
        connections: {
          kind: 'integer',
          doc: 'Connections of one process to Postgres, at most.',
          default: LIMITS.postgresConnectionsMax,
          min: 4,
          max: 200,
        },
        ca_file: {
          kind: 'text',
          format: 'file',
          doc: 'PEM file of certificate authorities for Postgres, beside the usual ones.',
        },
      },
    },
    secrets: {
      kind: 'section',
      doc: 'Encryption of stored secrets.',
      keys: {
        master_key: {
          kind: 'text',
          format: 'header-value',
          doc: 'Key that stored secrets are encrypted with, at least 32 characters (`openssl rand -base64 32`).',
          absent: 'a file in the data folder, made at the first start',
          secret: true,
          minChars: 32,
          maxChars: 4_096,
        },
        old_keys: {
          kind: 'list',
          doc: 'Earlier master keys, which nothing new is encrypted with; until `weir secrets rotate` has ended.',
          item: {
            kind: 'text',
            format: 'header-value',
            doc: 'A key.',
            secret: true,
            minChars: 32,
            maxChars: 4_096,
          },
        },
        command: {
          kind: 'list',
          doc: 'A program and its arguments that print the master key, as that of a password safe; run once at the start.',
          optional: true,
          item: { kind: 'text', format: 'header-value', doc: 'A word.', maxChars: 4_096 },
        },
        keychain: {
          kind: 'boolean',
          doc: "Keep the master key in the operating system's keychain instead of a file.",
          default: false,
        },
      },
    },
    auth: AUTH,
    discovery: {
      kind: 'section',
      doc: 'Providers found without being declared. `WEIR_NO_ENV_PROVIDERS=1` turns both off.',
      keys: {
        environment: {
          kind: 'boolean',
          doc: 'Look for keys of providers in the environment.',
          default: true,
        },
        local: {
          kind: 'boolean',
          doc: 'Ask for an Ollama or LM Studio on this machine.',
          default: true,
        },
      },
    },
    network: COMMON_NETWORK,
    redis: {
      kind: 'section',
      doc: 'Shares what replicas learn of providers (open circuits, keys that rest). Without it each learns for itself.',
      keys: {
        url: {
          kind: 'text',
          format: 'redis-url',
          doc: '`redis://user:password@host:port/db`, or `rediss://` for TLS.',
          secret: true,
          absent: 'none',
        },
      },
    },
    providers: { kind: 'list', doc: 'Upstreams.', item: PROVIDER },
    models: {
      kind: 'list',
      doc: 'Names clients may ask for, beside `provider/model`.',
      item: MODEL,
    },
    keys: { kind: 'list', doc: 'API keys of clients.', item: KEY },
    log: {
      kind: 'section',
      doc: 'What is recorded and printed.',
      keys: {
        requests: LOG_REQUESTS,
        level: {
          kind: 'choice',
          doc: 'Least important messages printed.',
          values: ['debug', 'info', 'warn', 'error'],
          default: 'info',
        },
        access: {
          kind: 'choice',
          doc: 'Requests that are printed, a line each: none, those that failed, or all.',
          values: ['none', 'errors', 'all'],
          absent: 'errors on a server that listens on more than loopback, else none',
        },
        format: {
          kind: 'choice',
          doc: 'Form of printed messages; `auto` is pretty on a terminal, else JSON.',
          values: ['auto', 'json', 'pretty'],
          default: 'auto',
        },
        retention: {
          kind: 'duration',
          doc: 'Request rows older than this are deleted; in Postgres whole months at once, when their last row is that old.',
          absent: 'kept for ever',
          min: 3_600_000,
          max: 3_650 * 24 * HOUR,
        },
        max_size: {
          kind: 'size',
          doc: 'Beyond it the oldest request rows are deleted, a few at a time; totals of usage stay. In SQLite the size of the log’s file but for answers that are kept in it, in Postgres that of the rows.',
          absent: 'as much as there is room for',
          min: 16 * 1_048_576,
          max: 1_048_576 * 1_048_576,
        },
        redact: REDACT,
      },
    },
    audit: AUDIT,
    content: { kind: 'list', doc: 'What is kept of whose requests.', item: CONTENT_RULE },
    content_store: CONTENT_STORE,
    limits: { kind: 'list', doc: 'How much is let through.', item: LIMIT },
    budgets: { kind: 'list', doc: 'How much may be spent.', item: BUDGET },
    budget_leases: BUDGET_LEASES,
    cache: CACHE,
    clickhouse: CLICKHOUSE,
    update: {
      kind: 'section',
      doc: 'Where `weir update --check` asks. Nothing else ever asks there.',
      keys: {
        url: {
          kind: 'text',
          format: 'base-url',
          doc: 'A releases feed: JSON of one release or a list of them, as the releases API of GitHub and Forgejo gives it.',
          absent: 'none',
        },
      },
    },
    tracing: TRACING,
    exports: {
      kind: 'list',
      doc: 'Where outcomes of requests are sent, besides the log. A slow one delays no other.',
      item: EXPORT,
    },
    guardrails: {
      kind: 'list',
      doc: 'What may be said, and what is done about what may not.',
      item: GUARDRAIL,
    },
    flags: FLAG_SETTINGS,
  },
} as const satisfies SectionNode

/** Every setting with its value; durations in milliseconds, sizes in bytes. */
export type Settings = ValueOf<typeof SCHEMA>
