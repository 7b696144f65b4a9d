// Where the two SQLite files lie, from `storage.url` or the data folder.

import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StorageError } from './errors.ts'

export interface StoreFiles {
  readonly control: string
  readonly log: string
}

const SQLITE = 'sqlite://'

/** `weir.db` → `weir-log.db`, in the same folder. */
function logFileBeside(control: string): string {
  const bare = control.endsWith('.db') ? control.slice(0, -'.db'.length) : control
  return `${bare}-log.db`
}

/**
 * The files of a store. `sqlite:///absolute/path.db` names the control database, and the log lies beside it; without a URL
 * it is `weir.db` in the data folder. Throws StorageError `unsupported_url`, which never repeats the URL: it may hold a password.
 */
export function locateStore(dataFolder: string, url?: string): StoreFiles {
  if (url === undefined || url === '') {
    const control = join(resolve(dataFolder), 'weir.db')
    return { control, log: logFileBeside(control) }
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const message =
      'storage.url names a Postgres database, which this version does not use yet. Leave it out or use sqlite:///absolute/path/weir.db.'
    throw new StorageError('unsupported_url', message)
  }
  if (!url.startsWith(`${SQLITE}/`)) {
    const message = 'storage.url must have the form sqlite:///absolute/path/weir.db.'
    throw new StorageError('unsupported_url', message)
  }
  let control: string
  try {
    control = fileURLToPath(`file://${url.slice(SQLITE.length)}`)
  } catch (error) {
    throw new StorageError('unsupported_url', 'storage.url does not name a file.', error)
  }
  if (dirname(control) === control || control.endsWith('/') || control.includes('\0')) {
    throw new StorageError('unsupported_url', 'storage.url does not name a file.')
  }
  return { control, log: logFileBeside(control) }
}
