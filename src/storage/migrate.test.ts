// Migrations that must not happen, that fail halfway, that are killed, that race; then those that work.

import { Database } from 'bun:sqlite'
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { StorageError } from './errors.ts'
import { migrate } from './migrate.ts'
import { openDatabase } from './open.ts'
import {
  MIGRATIONS_FOLDER,
  removeFolders,
  runScript,
  spawnScript,
  temporaryFolder,
  until,
} from './test-store.ts'

// Programs of their own are started, which takes seconds where little of the processor is to be had.
setDefaultTimeout(60_000)

afterAll(removeFolders)

const FIRST = `CREATE TABLE parents (id text PRIMARY KEY NOT NULL);
--> statement-breakpoint
CREATE TABLE children (id text PRIMARY KEY NOT NULL, parent text NOT NULL REFERENCES parents(id) ON DELETE CASCADE);`

/** A migrations folder with these steps. */
function stepsFolder(...steps: string[]): string {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'meta'))
  const entries = steps.map((_, at) => ({ idx: at, when: 1_000 + at, tag: `000${at}_step` }))
  writeFileSync(join(folder, 'meta', '_journal.json'), JSON.stringify({ entries }))
  for (const [at, text] of steps.entries()) writeFileSync(join(folder, `000${at}_step.sql`), text)
  return folder
}

function run(path: string, migrationsFolder: string) {
  const database = openDatabase(path, 'control')
  try {
    return migrate(database, { migrationsFolder, path, backup: true })
  } finally {
    database.close()
  }
}

function failure(body: () => unknown): StorageError {
  try {
    body()
  } catch (error) {
    if (error instanceof StorageError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

/** Everything in a database, as text. */
function dump(path: string): string {
  const database = new Database(path, { readonly: true })
  try {
    const objects = database
      .query<{ name: string; type: string; sql: string | null }, []>(
        'SELECT name, type, sql FROM sqlite_master ORDER BY name',
      )
      .all()
    const rows = objects
      .filter(({ type }) => type === 'table')
      .map(({ name }) => [name, database.query(`SELECT * FROM "${name}"`).all()])
    return JSON.stringify([objects, rows])
  } finally {
    database.close()
  }
}

/** A database at the first step with one parent and one child. */
function startedDatabase(): string {
  const path = join(temporaryFolder(), 'weir.db')
  run(path, stepsFolder(FIRST))
  const database = openDatabase(path, 'control')
  database.run("INSERT INTO parents VALUES ('p')")
  database.run("INSERT INTO children VALUES ('c', 'p')")
  database.close()
  return path
}

describe('migrate refuses', () => {
  test('a newer schema, and leaves it as it is', () => {
    const path = join(temporaryFolder(), 'weir.db')
    run(path, stepsFolder(FIRST, 'CREATE TABLE later (x)'))
    const before = dump(path)
    const error = failure(() => run(path, stepsFolder(FIRST)))
    expect(error.code).toBe('newer_schema')
    expect(error.message).toContain('newer version')
    expect(dump(path)).toBe(before)
    expect(existsSync(`${path}.backup-2`)).toBe(false)
  })

  test('a database of another program', () => {
    const path = join(temporaryFolder(), 'weir.db')
    const database = openDatabase(path, 'control')
    database.run('CREATE TABLE bookmarks (url)')
    database.close()
    expect(failure(() => run(path, stepsFolder(FIRST))).code).toBe('not_a_weir_database')
  })

  test('steps that were skipped or are not of this journal', () => {
    const path = startedDatabase()
    const database = openDatabase(path, 'control')
    database.run('UPDATE __drizzle_migrations SET created_at = 999')
    database.close()
    expect(failure(() => run(path, stepsFolder(FIRST, 'SELECT 1'))).code).toBe('newer_schema')
  })

  test('a journal that is missing, empty or out of order', () => {
    const path = join(temporaryFolder(), 'weir.db')
    expect(failure(() => run(path, temporaryFolder())).code).toBe('migration_failed')
    expect(failure(() => run(path, stepsFolder())).code).toBe('migration_failed')
    const folder = stepsFolder(FIRST, 'SELECT 1')
    const entries = [
      { tag: '0000_step', when: 2 },
      { tag: '0001_step', when: 1 },
    ]
    writeFileSync(join(folder, 'meta', '_journal.json'), JSON.stringify({ entries }))
    expect(failure(() => run(path, folder)).code).toBe('migration_failed')
  })
})

describe('migrate fails whole', () => {
  test('at any statement: nothing has changed, the copy is there and is only one, and a mended step then passes', () => {
    const path = startedDatabase()
    const before = dump(path)
    const good = ['CREATE TABLE a (x)', "INSERT INTO parents VALUES ('q')", 'DROP TABLE children']
    for (let at = 0; at <= good.length; at += 1) {
      const broken = good.toSpliced(at, 0, 'INSERT INTO nowhere VALUES (1)')
      const folder = stepsFolder(FIRST, broken.join('\n--> statement-breakpoint\n'))
      expect(failure(() => run(path, folder)).code).toBe('migration_failed')
      expect(dump(path)).toBe(before)
    }
    const copies = () => readdirSync(join(path, '..')).filter((name) => name.includes('backup'))
    expect(copies()).toEqual(['weir.db.backup-1'])
    expect(dump(`${path}.backup-1`)).toBe(before)
    expect(statSync(`${path}.backup-1`).mode & 0o777).toBe(0o600)

    const folder = stepsFolder(FIRST, good.join('\n--> statement-breakpoint\n'))
    expect(run(path, folder)).toEqual({ applied: 1, backup: `${path}.backup-1` })
    expect(run(path, folder)).toEqual({ applied: 0 })
  })

  test('when a file is missing or rows would lose what they refer to', () => {
    const path = startedDatabase()
    const before = dump(path)
    const folder = stepsFolder(FIRST, 'SELECT 1')
    rmSync(join(folder, '0001_step.sql'))
    expect(failure(() => run(path, folder)).message).toContain('0001_step.sql')
    expect(failure(() => run(path, stepsFolder(FIRST, 'DELETE FROM parents'))).code).toBe(
      'migration_failed',
    )
    expect(dump(path)).toBe(before)
  })

  test('when its copy cannot be written', () => {
    const path = startedDatabase()
    mkdirSync(join(`${path}.backup-1`, 'in the way'), { recursive: true })
    const before = dump(path)
    expect(failure(() => run(path, stepsFolder(FIRST, 'CREATE TABLE a (x)'))).message).toContain(
      'backup',
    )
    expect(dump(path)).toBe(before)
  })

  test('when it is killed: the next start completes it', async () => {
    const path = startedDatabase()
    const before = dump(path)
    const endless =
      'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000000000) INSERT INTO a SELECT x FROM n'
    const slow = stepsFolder(FIRST, `CREATE TABLE a (x);\n--> statement-breakpoint\n${endless}`)
    const child = spawnScript(`
      const { openDatabase } = await import(${JSON.stringify(join(import.meta.dir, 'open.ts'))})
      const { migrate } = await import(${JSON.stringify(join(import.meta.dir, 'migrate.ts'))})
      const path = ${JSON.stringify(path)}
      migrate(openDatabase(path, 'control'), { path, migrationsFolder: ${JSON.stringify(slow)}, backup: true })
    `)
    // The step writes more than the page cache holds, so that some of it reaches the log before the commit.
    await until('the step is under way', () => {
      const wal = `${path}-wal`
      return existsSync(wal) && statSync(wal).size > 200_000
    })
    child.kill('SIGKILL')
    await child.exited
    expect(dump(path)).toBe(before)
    expect(dump(`${path}.backup-1`)).toBe(before)
    expect(run(path, stepsFolder(FIRST, 'CREATE TABLE a (x)')).applied).toBe(1)
  })
})

describe('migrate', () => {
  test('rebuilds a table that others refer to without emptying them', () => {
    const path = startedDatabase()
    const rebuild = [
      'CREATE TABLE __new_parents (id text PRIMARY KEY NOT NULL, note text)',
      'INSERT INTO __new_parents (id) SELECT id FROM parents',
      'DROP TABLE parents',
      'ALTER TABLE __new_parents RENAME TO parents',
    ]
    run(path, stepsFolder(FIRST, rebuild.join(';\n--> statement-breakpoint\n')))
    const database = openDatabase(path, 'control')
    expect(database.query('SELECT * FROM children').all()).toEqual([{ id: 'c', parent: 'p' }])
    expect(() => database.run("INSERT INTO children VALUES ('d', 'nobody')")).toThrow()
    database.close()
  })

  test('reads no SQL file when nothing is pending', () => {
    const path = join(temporaryFolder(), 'weir.db')
    const folder = join(temporaryFolder(), 'steps')
    cpSync(join(MIGRATIONS_FOLDER, 'sqlite'), folder, { recursive: true })
    expect(run(path, folder).applied).toBeGreaterThan(0)
    for (const name of readdirSync(folder)) if (name.endsWith('.sql')) rmSync(join(folder, name))
    expect(run(path, folder)).toEqual({ applied: 0 })
  })

  test('makes no copy of a database that held nothing', () => {
    const path = join(temporaryFolder(), 'weir.db')
    expect(run(path, stepsFolder(FIRST))).toEqual({ applied: 1 })
    expect(readdirSync(join(path, '..'))).toEqual(['weir.db'])
  })

  test('leaves what the stock migrator and its tools read', () => {
    const path = startedDatabase()
    const database = openDatabase(path, 'control')
    const hash = new Bun.CryptoHasher('sha256').update(FIRST).digest('hex')
    expect(database.query('SELECT * FROM __drizzle_migrations').all()).toEqual([
      { id: 1, hash, created_at: 1_000 },
    ])
    database.close()
  })

  test('four processes at once take each step once', async () => {
    const path = join(temporaryFolder(), 'weir.db')
    const folder = stepsFolder(FIRST, "INSERT INTO parents VALUES ('once')")
    const script = `
      const { openDatabase } = await import(${JSON.stringify(join(import.meta.dir, 'open.ts'))})
      const { migrate } = await import(${JSON.stringify(join(import.meta.dir, 'migrate.ts'))})
      const path = ${JSON.stringify(path)}
      migrate(openDatabase(path, 'control'), { path, migrationsFolder: ${JSON.stringify(folder)}, backup: true })
    `
    const results = await Promise.all([1, 2, 3, 4].map(() => runScript(script)))
    expect(results).toEqual(results.map(() => ({ code: 0, out: '', err: '' })))
    const database = openDatabase(path, 'control')
    expect(database.query('SELECT id FROM parents').all()).toEqual([{ id: 'once' }])
    database.close()
  })

  test('the steps of the repository say nothing that SQLite would not run in a transaction', () => {
    for (const name of ['sqlite', 'sqlite-log']) {
      const folder = join(MIGRATIONS_FOLDER, name)
      for (const file of readdirSync(folder).filter((each) => each.endsWith('.sql'))) {
        expect(readFileSync(join(folder, file), 'utf8')).not.toMatch(
          /\b(VACUUM|ATTACH|BEGIN|COMMIT)\b/i,
        )
      }
    }
  })
})
