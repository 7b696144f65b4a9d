// Files that travel inside the executable: the web UI, the guide and the migrations. `build.ts` embeds the folders under their own
// names beside the program; in development the migrations stand one level above this file and the rest is made at the first look at it.
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
  '.png': 'image/png',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
}

/** A name that changes with what is in it, as the build gives it to scripts and styles. */
const HASHED_NAME = /-[a-z0-9]{8}\.(?:js|css|json)$/

/** Beside each file that packing makes smaller lies the packed one; of the guide, which few read, the packed one alone. */
const PACKED = '.gz'

/** Files of the guide. */
const GUIDE = 'docs/guide/'

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
  const files = EMBEDDED
    ? (embedded ??= readEmbedded(join(ROOT, 'web')))
    : await developed(name.startsWith(GUIDE) ? 'guide' : 'ui')
  return files.get(name)?.()
}

let embedded: ReadonlyMap<string, Load> | undefined

function readEmbedded(folder: string): ReadonlyMap<string, Load> {
  const files = new Map<string, Load>()
  if (!existsSync(folder)) return files
  const names = new Set(
    readdirSync(folder, { recursive: true }).map((name) => String(name).replaceAll('\\', '/')),
  )
  for (const found of names) {
    const name = found.endsWith(PACKED) ? found.slice(0, -PACKED.length) : found
    if (TYPES[extname(name)] === undefined || files.has(name)) continue
    const load = () => {
      const read = (each: string) => new Uint8Array(readFileSync(join(folder, each)))
      if (!names.has(`${name}${PACKED}`)) return toAsset({ name, body: read(name) })
      const gzip = read(`${name}${PACKED}`)
      return toAsset({ name, gzip, body: names.has(name) ? read(name) : Bun.gunzipSync(gzip) })
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

/** The UI is looked at by who works on it, the guide by who writes it: neither waits for the other. */
type Part = 'ui' | 'guide'

const development = new Map<Part, Development>()

/** A part as its sources are now: whoever works on it sees a change at the next look. */
function developed(part: Part): Promise<ReadonlyMap<string, Load>> {
  const web = join(ROOT, 'web')
  const docs = join(ROOT, 'docs')
  const changedMs = Math.max(newestOf(web), part === 'guide' ? newestOf(docs) : 0)
  const known = development.get(part)
  if (known?.changedMs === changedMs) return known.files
  const files = makeNow(part, web, docs)
  development.set(part, { changedMs, files })
  return files
}

async function makeNow(part: Part, web: string, docs: string): Promise<ReadonlyMap<string, Load>> {
  // By a name that the build does not follow: the executable has no use for it.
  const path = join(import.meta.dir, 'web-bundle.ts')
  const { bundleWeb, docsFiles, guideBundle } = (await import(path)) as typeof WebBundle
  const made =
    part === 'guide'
      ? await guideBundle(web, docs)
      : [...(await bundleWeb(web)), ...(await docsFiles(web))]
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
