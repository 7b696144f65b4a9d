// Every file of a folder that a running program works in, for tests that look for what must be in none of them. Files that come and go
// while it is looked are no fault: what is gone holds nothing any more.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Contents by path below the folder. */
export function filesUnder(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const bytes = bytesOf(join(folder, name))
    if (bytes !== undefined) files.set(name, bytes)
  }
  return files
}

/** Undefined for a folder, and for what is not there any more. */
function bytesOf(path: string): Buffer | undefined {
  try {
    return statSync(path).isFile() ? readFileSync(path) : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
