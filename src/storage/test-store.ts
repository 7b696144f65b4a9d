// What the tests of this folder share: temporary data folders, a logger that remembers, sample rows, and the migrations that
// the repository carries. Imported by tests alone.

import type { Database } from 'bun:sqlite'
import { createSecretKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Actor } from '../core/audit.ts'
import type { Model, Provider } from '../core/catalog.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Clock, Logger, NewApiKey } from '../core/ports.ts'
import { migrate } from './migrate.ts'
import { openDatabase, type StoreKind } from './open.ts'
import { Sealer, sealKey } from './seal.ts'
import { openStore, type Store, type StoreOptions } from './store.ts'
import type { ValueKeys } from './value-seal.ts'

export const MIGRATIONS_FOLDER = join(import.meta.dir, '..', '..', 'migrations')

const folders: string[] = []

/** A new empty folder; `removeFolders` takes it away. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-storage-'))
  folders.push(folder)
  return folder
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly fields: Record<string, unknown> | undefined
}

/** Remembers every line. */
export class MemoryLogger implements Logger {
  readonly lines: LogLine[] = []
  debug = (message: string, fields?: Record<string, unknown>): void =>
    this.add('debug', message, fields)
  info = (message: string, fields?: Record<string, unknown>): void =>
    this.add('info', message, fields)
  warn = (message: string, fields?: Record<string, unknown>): void =>
    this.add('warn', message, fields)
  error = (message: string, fields?: Record<string, unknown>): void =>
    this.add('error', message, fields)

  at(level: string): string[] {
    return this.lines.filter((line) => line.level === level).map((line) => line.message)
  }

  private add(level: string, message: string, fields?: Record<string, unknown>): void {
    this.lines.push({ level, message, fields })
  }
}

/** Real time: these tests wait for files and processes. */
export const realClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

/** A key to seal with, and no store behind it. */
export function lonelyKeys(): ValueKeys {
  const sealer = new Sealer(sealKey(createSecretKey(randomBytes(32))))
  return { sealer, refresh: () => Promise.resolve() }
}

/** Whoever changes things in tests. */
export const TEST_ACTOR: Actor = { kind: 'system', id: 'test' }

/** A store in a folder with the migrations of the repository. */
export async function storeIn(
  dataFolder: string,
  options: Partial<StoreOptions> = {},
): Promise<Store> {
  return await openStore({
    dataFolder,
    migrationsFolder: MIGRATIONS_FOLDER,
    logger: new MemoryLogger(),
    clock: realClock,
    ...options,
  })
}

/** A migrated database file. */
export function migratedDatabase(path: string, kind: StoreKind): Database {
  const database = openDatabase(path, kind)
  const folder = kind === 'control' ? 'sqlite' : 'sqlite-log'
  migrate(database, { migrationsFolder: join(MIGRATIONS_FOLDER, folder), path, backup: false })
  return database
}

export function sampleKey(fields: Partial<NewApiKey> = {}): NewApiKey {
  const id = fields.id ?? Bun.randomUUIDv7()
  return {
    id,
    tenantId: 'default',
    name: 'ci',
    hash: new Bun.CryptoHasher('sha256').update(id).digest('hex'),
    prefix: 'weir_abcd',
    lastFour: 'wxyz',
    createdMs: 1_700_000_000_000,
    ...fields,
  }
}

export function sampleProvider(fields: Partial<Provider> = {}): Provider {
  return {
    id: 'openai',
    type: 'openai',
    origin: 'store',
    baseUrl: 'https://api.example.com/v1',
    keys: [{ id: 'first', secret: 'sk-live-0123456789-first' }],
    timeouts: { connectMs: 5_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 600_000 },
    retries: { max: 0, baseMs: 250, capMs: 8_000 },
    network: { verify: true },
    headers: {},
    ...fields,
  }
}

export function sampleModel(fields: Partial<Model> = {}): Model {
  return {
    id: 'fast',
    origin: 'store',
    targets: [
      { providerId: 'openai', model: 'gpt-5-mini', order: 0, weight: 80 },
      { providerId: 'azure', model: 'gpt5-mini-prod', order: 0, weight: 0.5 },
    ],
    defaults: { temperature: 0 },
    losses: 'report',
    ...fields,
  }
}

export function sampleOutcome(fields: Partial<Outcome> = {}): Outcome {
  return {
    logId: Bun.randomUUIDv7(),
    timestampMs: 1_700_000_000_000,
    tenantId: 'default',
    requestId: Bun.randomUUIDv7(),
    direction: 'inbound',
    endpoint: '/v1/chat/completions',
    clientFormat: 'openai-chat',
    operation: 'chat',
    stream: false,
    status: 200,
    losses: [],
    attempts: [],
    totalMs: 12,
    requestBytes: 400,
    responseBytes: 0,
    ...fields,
  }
}

/** Runs TypeScript in a process of its own; the text may import by the absolute paths of this folder. */
export function spawnScript(script: string): Bun.Subprocess<'ignore', 'pipe', 'pipe'> {
  return Bun.spawn([process.execPath, '-e', script], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

/** The output and exit code of a script. */
export async function runScript(
  script: string,
): Promise<{ code: number; out: string; err: string }> {
  const child = spawnScript(script)
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, out, err }
}

/** Far above what anything takes that is waited for, on a machine that does much else. */
const UNTIL_MS = 60_000

/** Waits until a condition holds; fails with the name after a minute. */
export async function until(name: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + UNTIL_MS
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain until ${name}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
