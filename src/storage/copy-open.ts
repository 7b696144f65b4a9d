// Opens a store of either engine as one end of a copy, a backup or a restore. The only door for the commands; they know locations, and
// nothing of what is behind.

import type { Logger } from '../core/ports.ts'
import { fillStore, supplyOf, type CopyReport, type CopyStep } from './copy.ts'
import type { CopyTarget } from './copy-end.ts'
import { openPostgresEnd } from './copy-postgres.ts'
import { openSqliteEnd } from './copy-sqlite.ts'
import { COPY_SETTING, requireWhole } from './copy-state.ts'
import { StorageError } from './errors.ts'
import type { StoreLocation } from './locate.ts'

export interface EndOptions {
  readonly migrationsFolder: string
  readonly logger: Logger
}

/**
 * @param use `alone`: nobody else may have it open meanwhile; `made`: the same, and made where there is none; `shared`: one state of it,
 * beside a server that may go on
 * @throws StorageError in words for the operator
 */
export async function openEnd(
  location: StoreLocation,
  use: 'alone' | 'made' | 'shared',
  { logger, migrationsFolder }: EndOptions,
): Promise<CopyTarget> {
  if (location.engine === 'postgres') {
    return await openPostgresEnd({ location, logger, migrationsFolder, use })
  }
  return openSqliteEnd({ file: location.file, migrationsFolder, use })
}

export interface CopyStoresOptions extends EndOptions {
  readonly from: StoreLocation
  readonly to: StoreLocation
  tell?(step: CopyStep): void
}

/**
 * Fills an empty store with all that another holds, or goes on where that was broken off; see `fillStore`. Neither may be in use: a
 * file that another process has open, and a database that has a session of the same application name, is refused before anything
 * is read.
 * @throws StorageError in words for the operator
 */
export async function copyStores(options: CopyStoresOptions): Promise<CopyReport> {
  const { from, tell, to } = options
  const isSame =
    from.engine === 'sqlite'
      ? to.engine === 'sqlite' && to.file === from.file
      : to.engine === 'postgres' && to.url === from.url
  if (isSame) throw new StorageError('cannot_open', 'Both are the same store.')
  const source = await openEnd(from, 'alone', options)
  try {
    requireWhole(await source.setting(COPY_SETTING), source.name)
    const target = await openEnd(to, 'made', options)
    try {
      const supply = await supplyOf(source)
      return await fillStore(supply, { target, ...(tell === undefined ? {} : { tell }) })
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}
