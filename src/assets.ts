// Files that travel inside the executable: the web UI and the migrations. `build.ts` embeds both folders under their own
// names beside the program; in development the migrations stand one level above this file and the UI is made at the first look at it.
// Nothing else may look for files by path.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import type * as WebBundle from './web-bundle.ts'

const EMBEDDED = import.meta.dir.startsWith('/$bunfs') || /^[A-Z]:[\\/]~BUN/i.test(import.meta.dir)

const ROOT = EMBEDDED ? import.meta.dir : join(import.meta.dir, '..')

/** True inside the compiled executable. */
export const isExecutable = EMBEDDED

/** Folder with one folder of migrations per database. */
export const migrationsFolder = join(ROOT, 'migrations')

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
}

/** A name that changes with what is in it, as the build gives it to scripts and styles. */
const HASHED_NAME = /-[a-z0-9]{8}\.(?:js|css)$/

/** Beside each file that packing makes smaller lies the packed one. */
const PACKED = '.gz'

export interface Asset {
  readonly body: Uint8Array
  /** The same, packed; absent where that saves nothing. */
  readonly gzip?: Uint8Array
  readonly contentType: string
  readonly etag: string
  /** It never changes under this name. */
  readonly isImmutable: boolean
}

type Load = () => Asset

/**
 * A file of the web UI by its name (`index.html`, `docs/swagger-ui.css`); only names that were there at the first look exist, so no path
 * can lead out.
 * @throws AggregateError in development, where the UI does not build
 */
export async function webAsset(name: string): Promise<Asset | undefined> {
  const files = EMBEDDED ? (embedded ??= readEmbedded(join(ROOT, 'web'))) : await developed()
  return files.get(name)?.()
}

let embedded: ReadonlyMap<string, Load> | undefined

function readEmbedded(folder: string): ReadonlyMap<string, Load> {
  const files = new Map<string, Load>()
  if (!existsSync(folder)) return files
  const names = new Set(
    readdirSync(folder, { recursive: true }).map((name) => String(name).replaceAll('\\', '/')),
  )
  for (const name of names) {
    if (TYPES[extname(name)] === undefined) continue
    const load = () => {
      const body = readFileSync(join(folder, name))
      return names.has(`${name}${PACKED}`)
        ? toAsset({ name, body, gzip: readFileSync(join(folder, `${name}${PACKED}`)) })
        : toAsset({ name, body })
    }
    files.set(name, once(load))
  }
  return files
}

interface Development {
  /** Of the newest source. */
  readonly changedMs: number
  readonly files: Promise<ReadonlyMap<string, Load>>
}

let development: Development | undefined

/** The UI as its sources are now: whoever works on it sees a change at the next look. */
function developed(): Promise<ReadonlyMap<string, Load>> {
  const folder = join(ROOT, 'web')
  const changedMs = newestOf(folder)
  if (development?.changedMs !== changedMs) {
    development = { changedMs, files: makeNow(folder) }
  }
  return development.files
}

async function makeNow(folder: string): Promise<ReadonlyMap<string, Load>> {
  // By a name that the build does not follow: the executable has no use for it.
  const path = join(import.meta.dir, 'web-bundle.ts')
  const { bundleWeb, docsFiles } = (await import(path)) as typeof WebBundle
  const made = [...(await bundleWeb(folder)), ...(await docsFiles(folder))]
  return new Map(made.map((file) => [file.name, once(() => toAsset(file))]))
}

function newestOf(folder: string): number {
  const names = readdirSync(folder, { recursive: true })
  // Whoever works on it may delete one at this moment.
  const times = names.map(
    (name) => statSync(join(folder, String(name)), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  )
  return Math.max(0, ...times)
}

function toAsset({ body, gzip, name }: WebBundle.BundledFile): Asset {
  return {
    body,
    contentType: TYPES[extname(name)] ?? 'application/octet-stream',
    etag: `"${Bun.hash(body).toString(36)}"`,
    isImmutable: HASHED_NAME.test(name),
    ...(gzip === undefined ? {} : { gzip }),
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}
