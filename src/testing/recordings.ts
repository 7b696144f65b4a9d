// Recorded traffic of real providers, read from the folder named by WEIR_RECORDINGS. It lets tests meet what providers
// really send; the recordings are not part of the repository, and nothing here may copy them into it.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject, JsonValue } from '../core/json.ts'

export interface RecordedRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Null where the source kept none. */
  readonly body: JsonValue
}

export interface RecordedResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A JSON answer. */
  readonly body?: JsonValue
  /** The exact text of a stream. */
  readonly raw?: string
  /** The bytes of a binary stream. */
  readonly raw_base64?: string
}

/** One exchange with a live provider. */
export interface Recording {
  readonly id: string
  readonly source: JsonObject
  readonly provider: string
  /** Native protocol of the host. */
  readonly family: string
  readonly endpoint: string
  /** `response-only` has no request of its own; `reframed` has rebuilt SSE frames around exact events. */
  readonly fidelity: 'wire' | 'response-only' | 'reframed'
  readonly kind: readonly string[]
  readonly request: RecordedRequest
  readonly response: RecordedResponse
}

/** A line of the folder's manifest. */
interface ManifestEntry {
  readonly id: string
  readonly provider: string
  readonly endpoint: string
  readonly kinds: readonly string[]
  readonly status: number
}

/** All parts given must match. */
export interface RecordingFilter {
  readonly endpoints?: readonly string[]
  readonly providers?: readonly string[]
  /** Every one of these kinds. */
  readonly kinds?: readonly string[]
  /** None of these kinds. */
  readonly withoutKinds?: readonly string[]
  readonly ids?: readonly string[]
}

/** Why there are no recordings to test with; undefined when there are. */
export function recordingsAbsent(): string | undefined {
  const folder = process.env['WEIR_RECORDINGS']
  if (folder === undefined || folder === '') return 'WEIR_RECORDINGS is not set'
  if (!existsSync(join(folder, 'manifest.json'))) {
    return 'the folder named by WEIR_RECORDINGS has no manifest.json'
  }
  return undefined
}

const told = new Set<string>()

/**
 * True when recordings are there; otherwise prints once per suite that it is skipped, and why. For `test.skipIf`.
 */
export function haveRecordings(suite: string): boolean {
  const reason = recordingsAbsent()
  if (reason === undefined) return true
  if (!told.has(suite)) {
    told.add(suite)
    process.stdout.write(`skipped: ${suite}: ${reason}\n`)
  }
  return false
}

let manifest: { folder: string; entries: readonly ManifestEntry[] } | undefined

function readManifest(): { folder: string; entries: readonly ManifestEntry[] } {
  const reason = recordingsAbsent()
  if (reason !== undefined) throw new Error(`No recordings: ${reason}.`)
  const folder = process.env['WEIR_RECORDINGS'] ?? ''
  if (manifest?.folder === folder) return manifest
  const value: unknown = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
  if (!Array.isArray(value) || !value.every(isManifestEntry)) {
    throw new Error('The manifest of the recordings has another form than this loader knows.')
  }
  manifest = { folder, entries: value }
  return manifest
}

function isManifestEntry(value: unknown): value is ManifestEntry {
  const entry = value as Partial<ManifestEntry> | null
  return (
    typeof entry?.id === 'string' &&
    typeof entry.provider === 'string' &&
    typeof entry.endpoint === 'string' &&
    typeof entry.status === 'number' &&
    Array.isArray(entry.kinds)
  )
}

/** Ids of the recordings that match, in the manifest's order; reads no recording. Throws when there are none to read. */
export function recordingIds(filter: RecordingFilter = {}): string[] {
  return matching(filter).map((entry) => entry.id)
}

/** The recordings that match, each read when the loop comes to it. Throws when the folder is absent. */
export function* recordings(filter: RecordingFilter = {}): Generator<Recording> {
  for (const entry of matching(filter)) yield read(entry)
}

/** One recording by its id. Throws when there is none. */
export function recording(id: string): Recording {
  const entry = matching({ ids: [id] })[0]
  if (entry === undefined) throw new Error(`No recording is called ${id}.`)
  return read(entry)
}

function matching(filter: RecordingFilter): ManifestEntry[] {
  return readManifest().entries.filter(
    (entry) =>
      (filter.ids?.includes(entry.id) ?? true) &&
      (filter.endpoints?.includes(entry.endpoint) ?? true) &&
      (filter.providers?.includes(entry.provider) ?? true) &&
      (filter.kinds?.every((kind) => entry.kinds.includes(kind)) ?? true) &&
      !(filter.withoutKinds?.some((kind) => entry.kinds.includes(kind)) ?? false),
  )
}

function read(entry: ManifestEntry): Recording {
  const file = join(readManifest().folder, entry.provider, `${entry.id}.json`)
  return JSON.parse(readFileSync(file, 'utf8')) as Recording
}
