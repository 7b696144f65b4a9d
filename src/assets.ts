// Files that travel inside the executable: the web UI and the migrations. `build.ts` embeds both folders under their own
// names beside the program; in development they stand one level above this file. Nothing else may look for files by path.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'

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
}

export interface Asset {
  readonly body: Uint8Array
  readonly contentType: string
  readonly etag: string
}

let web: Map<string, Asset> | undefined

/** A file of the web UI by its name; only names that were there at the first look exist, so no path can lead out. */
export function webAsset(name: string): Asset | undefined {
  web ??= readWeb()
  return web.get(name)
}

function readWeb(): Map<string, Asset> {
  const folder = join(ROOT, 'web')
  const assets = new Map<string, Asset>()
  if (!existsSync(folder)) return assets
  for (const name of readdirSync(folder)) {
    const contentType = TYPES[extname(name)]
    if (contentType === undefined) continue
    const body = readFileSync(join(folder, name))
    assets.set(name, { body, contentType, etag: `"${Bun.hash(body).toString(36)}"` })
  }
  return assets
}
