// Folders that go into the executable, as many trees of one file each: the runtime embeds a folder in the order in which the file system
// lists it, and no two machines need agree on that. One file each, handed over in order, gives the same bytes everywhere.

import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { byCodePoints } from './by-code-points.ts'

/**
 * Copies a folder's files, each into a tree of its own that begins with the folder's name.
 * @param into an empty or missing folder for the trees
 * @param isWanted by the path in the folder, with `/`
 * @returns the trees, by the paths of their files
 */
export function oneFileTrees(
  folder: string,
  into: string,
  isWanted: (path: string) => boolean = () => true,
): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter(isWanted)
    .toSorted(byCodePoints)
    .map((path, at) => {
      const tree = join(into, String(at), basename(folder))
      mkdirSync(dirname(join(tree, path)), { recursive: true })
      copyFileSync(join(folder, path), join(tree, path))
      return tree
    })
}
