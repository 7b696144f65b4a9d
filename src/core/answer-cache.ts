// What the response cache is to everybody: its settings, one kept answer and the place answers are kept in. How requests are
// compared is the gateway's (`gateway/cache/`), where answers lie is the storage's. Nothing here looks at an answer.

/** Where a model's answers may come from besides its providers. `semantic` asks for equal requests first. */
export type CacheMode = 'off' | 'exact' | 'semantic'

/** Who shares answers: everybody of a tenant, one person with all their keys and sessions, or one key alone. Never two tenants. */
export type CacheScope = 'tenant' | 'user' | 'key'

export type CachePlace = 'memory' | 'store' | 'redis'

/** What one model says of the cache; absent members are those of the whole. */
export interface ModelCache {
  readonly mode?: CacheMode
  readonly ttlMs?: number
}

export interface CacheSettings {
  readonly exact: {
    readonly enabled: boolean
    readonly ttlMs: number
    /** Of one kept answer, as it is kept. */
    readonly entryBytesMax: number
    /** Of all answers together in memory, or in Redis. */
    readonly bytesMax: number
    readonly place: CachePlace
  }
  readonly semantic: {
    readonly enabled: boolean
    /** The embedding model, as clients would name it; without one nothing is compared. */
    readonly model?: string
    /** Least cosine similarity, 0 to 1. */
    readonly threshold: number
    readonly entriesMax: number
    readonly ttlMs: number
  }
  readonly scope: CacheScope
  /** Whether answers that call tools are kept. */
  readonly toolCalls: boolean
  /** Only requests at temperature 0 or with a seed, and for one choice. */
  readonly onlyDeterministic: boolean
  /** Whether equal requests wait for the first of them, and how long at most. */
  readonly coalesce: boolean
  readonly coalesceWaitMs: number
  /** By patterns of model names, the first that fits counts; what a model itself says stands above them. */
  readonly models: readonly (ModelCache & { readonly match: string })[]
}

/** One kept answer. */
export interface CachedAnswer {
  /** SHA-256 in hexadecimal; the tenant is part of what was hashed. */
  readonly id: string
  readonly tenantId: string
  /** The model as it was asked for. */
  readonly model: string
  /** Whose request it was, as `callerOf` says it, whoever shares it: for those who delete what is somebody's. */
  readonly caller?: string
  readonly createdMs: number
  readonly expiresMs: number
  /** JSON text (`gateway/cache/entry.ts`). */
  readonly value: string
}

/** Whose answers, and of which model; absent: all. */
export interface CacheSelection {
  readonly tenantId?: string
  readonly model?: string
  /** As `callerOf` says it: who has asked for them, whoever shares them. */
  readonly callers?: readonly string[]
}

/** What is kept of one tenant's model. */
export interface CacheHolding {
  readonly tenantId: string
  readonly model: string
  readonly entries: number
  readonly bytes: number
}

/** A place where answers are kept: bounded, and never a reason for a request to fail. */
export interface AnswerStore {
  readonly place: CachePlace
  /** At once where nothing outside has to be asked. A place that cannot be read knows no answers; what does not open is dropped. */
  get(tenantId: string, id: string): CachedAnswer | undefined | Promise<CachedAnswer | undefined>
  /** Returns at once. */
  put(answer: CachedAnswer): void
  drop(tenantId: string, id: string): void
  /** @returns how many there were. @throws GatewayError `storage_unavailable` where nobody can know that they are gone */
  purge(which: CacheSelection): Promise<number>
  /** @throws as `purge` does */
  holdings(tenantId: string | undefined): Promise<readonly CacheHolding[]>
}

/** What the cache did for one tenant since this process began. */
export interface CacheTally {
  readonly tenantId: string
  readonly hits: number
  readonly semanticHits: number
  readonly misses: number
  readonly savedNanoUsd: number
}
