// Files that must not be opened, and what those that are opened look like on disk and to SQLite.

import { Database } from 'bun:sqlite'
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StorageError } from './errors.ts'
import { openDatabase } from './open.ts'
import { removeFolders, runScript, temporaryFolder } from './test-store.ts'

// Programs of their own are started, which takes seconds where little of the processor is to be had.
setDefaultTimeout(60_000)

afterAll(removeFolders)

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof StorageError) return error.code
    throw error
  }
  return 'opened'
}

describe('open', () => {
  test('a file that is no database is refused and left as it is', () => {
    const path = join(temporaryFolder(), 'weir.db')
    const text = 'this is a text file, and a rather long one at that. '.repeat(100)
    writeFileSync(path, text)
    expect(codeOf(() => openDatabase(path, 'control'))).toBe('not_a_weir_database')
    expect(statSync(path).size).toBe(text.length)
  })

  test('a folder in its place and a file in the way are refused', () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'weir.db'))
    expect(codeOf(() => openDatabase(join(folder, 'weir.db'), 'control'))).toBe('cannot_open')
    writeFileSync(join(folder, 'file'), '')
    const below = join(folder, 'file', 'data', 'weir.db')
    expect(codeOf(() => openDatabase(below, 'control'))).toBe('cannot_open')
  })

  test('files are 0600 and new folders 0700 under any umask, the write-ahead log too', async () => {
    for (const umask of [0, 0o777, 0o022]) {
      const path = join(temporaryFolder(), 'a', 'b', 'weir.db')
      const module = JSON.stringify(join(import.meta.dir, 'open.ts'))
      const script = `process.umask(${umask}); const m = await import(${module}); const d = m.openDatabase(${JSON.stringify(path)}, 'control'); d.run('CREATE TABLE t (x)'); process.kill(process.pid, 'SIGKILL')`
      await runScript(script)
      const folder = join(path, '..')
      const files = readdirSync(folder).toSorted()
      expect(files).toEqual(['weir.db', 'weir.db-shm', 'weir.db-wal'])
      for (const file of files) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600)
      expect(statSync(folder).mode & 0o777).toBe(0o700)
      expect(statSync(join(folder, '..')).mode & 0o777).toBe(0o700)
    }
  })

  test('a folder that was there keeps its mode', () => {
    const folder = temporaryFolder()
    chmodSync(folder, 0o750)
    openDatabase(join(folder, 'weir.db'), 'control').close()
    expect(statSync(folder).mode & 0o777).toBe(0o750)
  })

  test('many processes may open one new file at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const path = join(temporaryFolder(), 'weir.db')
      const module = JSON.stringify(join(import.meta.dir, 'open.ts'))
      const startMs = Date.now() + 60
      // They meet at one moment: a new file is switched to its write-ahead log only once.
      const script = `const m = await import(${module}); while (Date.now() < ${startMs}) {}; m.openDatabase(${JSON.stringify(path)}, 'log')`
      const results = await Promise.all([1, 2, 3, 4].map(() => runScript(script)))
      expect(results).toEqual(results.map(() => ({ code: 0, out: '', err: '' })))
    }
  })

  test.each(['control', 'log'] as const)('a %s file that is there is opened unwritten', (kind) => {
    const path = join(temporaryFolder(), 'weir.db')
    const first = openDatabase(path, kind)
    first.run('CREATE TABLE t (x)')
    first.run('PRAGMA wal_checkpoint(TRUNCATE)')
    // Its write-ahead log would be deleted by the last to close it.
    const again = openDatabase(path, kind)
    expect(statSync(`${path}-wal`).size).toBe(0)
    expect(again.query('PRAGMA auto_vacuum').get()).toEqual({ auto_vacuum: kind === 'log' ? 2 : 0 })
    again.close()
    first.close()
  })

  test('pragmas are what the design says', () => {
    const folder = temporaryFolder()
    const pragma = (database: Database, name: string): unknown =>
      Object.values(database.query<Record<string, unknown>, []>(`PRAGMA ${name}`).get() ?? {})[0]
    const control = openDatabase(join(folder, 'weir.db'), 'control')
    const log = openDatabase(join(folder, 'weir-log.db'), 'log')
    for (const database of [control, log]) {
      expect(pragma(database, 'journal_mode')).toBe('wal')
      expect(pragma(database, 'foreign_keys')).toBe(1)
      expect(pragma(database, 'busy_timeout')).toBeGreaterThan(0)
    }
    const [FULL, NORMAL] = [2, 1]
    expect(pragma(control, 'synchronous')).toBe(FULL)
    expect(pragma(log, 'synchronous')).toBe(NORMAL)
    expect(pragma(log, 'wal_autocheckpoint')).toBe(4000)
    control.close()
    log.close()
  })

  test('what Bun does by itself is still what these pragmas are there for', () => {
    const database = new Database(join(temporaryFolder(), 'bare.db'))
    const value = (name: string) =>
      Object.values(database.query<Record<string, unknown>, []>(`PRAGMA ${name}`).get() ?? {})[0]
    expect({ busy: value('busy_timeout'), keys: value('foreign_keys') }).toEqual({
      busy: 0,
      keys: 0,
    })
    database.close()
  })
})
