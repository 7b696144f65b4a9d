// The Postgres migrations against a real server, where one is installed: a throwaway cluster on a Unix socket, reached with
// psql. The repositories run there in a later version; until then this keeps the generated DDL honest.

import { afterAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core'
import { readJournal } from './migrate.ts'
import * as logTables from './schema-log.postgres.ts'
import * as controlTables from './schema.postgres.ts'
import { MIGRATIONS_FOLDER } from './test-store.ts'

const ROOT = '/usr/lib/postgresql'

/** The newest installed server's programs. */
function programsFolder(): string | undefined {
  if (!existsSync(ROOT)) return undefined
  const versions = readdirSync(ROOT).toSorted((left, right) => Number(right) - Number(left))
  return versions
    .map((version) => join(ROOT, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')))
}

function run(command: readonly string[]): { code: number; out: string; err: string } {
  const result = Bun.spawnSync([...command], { stdin: 'ignore', cwd: tmpdir() })
  return { code: result.exitCode, out: result.stdout.toString(), err: result.stderr.toString() }
}

function numberOf(command: readonly string[]): number | undefined {
  const { code, out } = run(command)
  return code === 0 ? Number(out.trim()) : undefined
}

/** Postgres refuses to run as root, so there it runs as its own user; undefined when it cannot run here. */
function runAs(): { prefix: string[]; uid: number; gid: number } | undefined {
  const uid = process.getuid?.() ?? -1
  if (uid !== 0) return { prefix: [], uid, gid: process.getgid?.() ?? -1 }
  const postgres = numberOf(['id', '-u', 'postgres'])
  const group = numberOf(['id', '-g', 'postgres'])
  if (postgres === undefined || group === undefined || Bun.which('setpriv') === null)
    return undefined
  const prefix = ['setpriv', `--reuid=${postgres}`, `--regid=${group}`, '--clear-groups']
  return { prefix, uid: postgres, gid: group }
}

const programs = programsFolder()
const user = runAs()
const reason =
  programs === undefined
    ? `no PostgreSQL server under ${ROOT}`
    : user === undefined
      ? 'PostgreSQL cannot run as root, and there is no user for it'
      : undefined
if (reason !== undefined) process.stdout.write(`skipped: Postgres migrations (${reason})\n`)

const folder = mkdtempSync(join(tmpdir(), 'weir-pg-'))
const cluster = join(folder, 'c')

function asUser(name: string, ...args: string[]) {
  return run([...(user?.prefix ?? []), join(programs ?? '', name), ...args])
}

function psql(...args: string[]) {
  const base = ['-h', folder, '-U', 'weir', '-d', 'postgres', '-X', '-q', '-A', '-t']
  return asUser('psql', ...base, '-v', 'ON_ERROR_STOP=1', ...args)
}

afterAll(() => {
  if (existsSync(join(cluster, 'postmaster.pid'))) {
    asUser('pg_ctl', '-D', cluster, '-m', 'immediate', '-w', 'stop')
  }
  rmSync(folder, { recursive: true, force: true })
})

describe.skipIf(reason !== undefined)('Postgres', () => {
  test('takes every migration in one transaction, and has then the columns of the schema', () => {
    mkdirSync(cluster)
    chmodSync(folder, 0o700)
    for (const each of [folder, cluster]) chownSync(each, user?.uid ?? -1, user?.gid ?? -1)
    const options = ['-D', cluster, '-U', 'weir', '-A', 'trust', '-N', '-E', 'UTF8', '--locale=C']
    expect(asUser('initdb', ...options)).toMatchObject({ code: 0 })
    const server = `-k ${folder} -c listen_addresses= -c fsync=off`
    const log = join(folder, 'log')
    expect(asUser('pg_ctl', '-D', cluster, '-w', '-l', log, '-o', server, 'start').code).toBe(0)

    for (const name of ['postgres', 'postgres-log']) {
      for (const { tag } of readJournal(join(MIGRATIONS_FOLDER, name))) {
        const text = Bun.spawnSync(['cat', join(MIGRATIONS_FOLDER, name, `${tag}.sql`)])
        expect(psql('-1', '-c', text.stdout.toString())).toMatchObject({ code: 0, err: '' })
      }
    }
    const tables: PgTable[] = [...Object.values(controlTables), ...Object.values(logTables)]
    expect(tables.length).toBe(10)
    for (const table of tables) {
      const { name, columns } = getTableConfig(table)
      const query = `SELECT column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns WHERE table_name = '${name}'`
      const expected = columns.map((column) => {
        const type = column.getSQLType() === 'bigserial' ? 'bigint' : column.getSQLType()
        return `${column.name} ${type} ${column.notNull ? 'NO' : 'YES'}`
      })
      // A later migration's columns stand behind those that were there, wherever the schema names them.
      expect(psql('-c', query).out.trim().split('\n').toSorted()).toEqual(expected.toSorted())
    }
  }, 60_000)

  test('sends keys and bodies away with what they belong to', () => {
    const insert = `
      INSERT INTO providers VALUES ('t', 'p', 'openai', 'u', NULL, NULL, '{}', '{}', '{}', NULL, NULL, 1, 1);
      INSERT INTO provider_keys VALUES ('t', 'p', 'k', 0, 's', '', 9007199254740991, true);
      DELETE FROM providers;`
    expect(psql('-c', insert)).toMatchObject({ code: 0, err: '' })
    expect(psql('-c', 'SELECT count(*) FROM provider_keys').out.trim()).toBe('0')
    const orphan = psql(
      '-c',
      "INSERT INTO provider_keys VALUES ('t', 'p', 'k', 0, 's', '', 1, false)",
    )
    expect(orphan.code).not.toBe(0)
  })
})
