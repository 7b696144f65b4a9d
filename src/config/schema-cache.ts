// The part of the schema table that describes the response cache, and how its settings become those the gateway reads. Everything in it is
// off until somebody turns it on.

import type { CacheSettings, ModelCache } from '../core/answer-cache.ts'
import type { SectionNode, ValueOf } from './node.ts'

const HOUR = 3_600_000
const MEBIBYTE = 1_048_576

const TTL = { kind: 'duration', min: 1_000, max: 366 * 24 * HOUR } as const

const MODE = { kind: 'choice', values: ['off', 'exact', 'semantic'] } as const

export const CACHE = {
  kind: 'section',
  doc: 'Answers that are kept and given again; see docs/caching.md. Never shared between tenants.',
  keys: {
    exact: {
      kind: 'section',
      doc: 'The answer to an equal request.',
      synonyms: { place: 'store', expires: 'ttl', size: 'max_size' },
      keys: {
        enabled: { kind: 'boolean', doc: 'Answer equal requests from memory.', default: false },
        ttl: { ...TTL, doc: 'How long an answer is kept.', default: HOUR },
        max_entry_size: {
          kind: 'size',
          doc: 'A larger answer is not kept.',
          default: 256 * 1_024,
          min: 1_024,
          max: 16 * MEBIBYTE,
        },
        max_size: {
          kind: 'size',
          doc: 'Of all answers together; the oldest go first.',
          default: 64 * MEBIBYTE,
          min: 64 * 1_024,
          max: 64 * 1_024 * MEBIBYTE,
        },
        store: {
          kind: 'choice',
          doc: 'Where answers lie: in the memory of this process, in the log store (SQLite or Postgres) or in Redis. In the latter two they are encrypted, survive a restart and are shared by replicas.',
          values: ['memory', 'store', 'redis'],
          default: 'memory',
        },
      },
    },
    semantic: {
      kind: 'section',
      doc: 'The answer to a request whose last words mean the same; all else must be equal.',
      keys: {
        enabled: {
          kind: 'boolean',
          doc: 'Answer requests of the same meaning from memory.',
          default: false,
        },
        model: {
          kind: 'text',
          format: 'model-id',
          doc: 'The embedding model that compares, by the name clients would ask for.',
          absent: 'nothing is compared',
          maxChars: 200,
        },
        threshold: {
          kind: 'number',
          doc: 'Least cosine similarity.',
          default: 0.95,
          min: 0.5,
          max: 1,
        },
        max_entries: {
          kind: 'integer',
          doc: 'Vectors kept in memory; the oldest go first. Each takes four bytes for each of its dimensions.',
          default: 2_000,
          min: 1,
          max: 1_000_000,
        },
        ttl: { ...TTL, doc: 'How long an answer of a model in this mode is kept.', default: HOUR },
      },
    },
    scope: {
      kind: 'choice',
      doc: 'Who shares answers: one person with all their keys and sessions (a key without a person is one of its own), one key alone, or everybody of the tenant.',
      values: ['user', 'key', 'tenant'],
      default: 'user',
    },
    tool_calls: { kind: 'boolean', doc: 'Keep answers that call tools too.', default: false },
    only_deterministic: {
      kind: 'boolean',
      doc: 'Only requests for one answer at temperature 0, or with a seed.',
      default: false,
    },
    coalesce: {
      kind: 'boolean',
      doc: 'Equal requests at the same time wait for the first of them.',
      default: true,
    },
    coalesce_wait: {
      kind: 'duration',
      doc: 'How long they wait at most before they ask themselves.',
      default: 10_000,
      min: 10,
      max: 300_000,
    },
    models: {
      kind: 'list',
      doc: 'Other settings for some models; the first whose pattern fits counts. What a model itself says (`models[].cache`) stands above them.',
      item: {
        kind: 'section',
        doc: 'Models by a pattern.',
        synonyms: { model: 'match', pattern: 'match', mode: 'cache' },
        keys: {
          match: {
            kind: 'text',
            format: 'model-id',
            doc: 'The name asked for; `*` stands for any text.',
            required: true,
            maxChars: 300,
          },
          cache: { ...MODE, doc: 'How they are cached.', absent: 'as all others' },
          ttl: { ...TTL, doc: 'How long their answers are kept.', absent: 'as all others' },
        },
      },
    },
  },
} as const satisfies SectionNode

/** What a model says of the cache. */
export const MODEL_CACHE = {
  cache: {
    ...MODE,
    doc: 'Whether its answers are kept, where the response cache is on (`cache`).',
    absent: 'as `cache` says',
  },
  cache_ttl: { ...TTL, doc: 'How long.', absent: 'as `cache` says' },
} as const

export function toCache(settings: ValueOf<typeof CACHE>): CacheSettings {
  const { exact, models, semantic } = settings
  return {
    exact: {
      enabled: exact.enabled,
      ttlMs: exact.ttl,
      entryBytesMax: exact.max_entry_size,
      bytesMax: exact.max_size,
      place: exact.store,
    },
    semantic: {
      enabled: semantic.enabled,
      threshold: semantic.threshold,
      entriesMax: semantic.max_entries,
      ttlMs: semantic.ttl,
      ...(semantic.model === undefined ? {} : { model: semantic.model }),
    },
    scope: settings.scope,
    toolCalls: settings.tool_calls,
    onlyDeterministic: settings.only_deterministic,
    coalesce: settings.coalesce,
    coalesceWaitMs: settings.coalesce_wait,
    models: models.map(({ cache, match, ttl }) => ({ match, ...modelCache(cache, ttl) })),
  }
}

/** Undefined where nothing is said. */
export function toModelCache(
  mode: ModelCache['mode'],
  ttlMs: number | undefined,
): ModelCache | undefined {
  return mode === undefined && ttlMs === undefined ? undefined : modelCache(mode, ttlMs)
}

function modelCache(mode: ModelCache['mode'], ttlMs: number | undefined): ModelCache {
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(ttlMs === undefined ? {} : { ttlMs }),
  }
}
