// The schema brought up by hand: what is refused and left as it is, what several at once do, and that a look changes nothing.

import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const MASTER_KEY = 'a-master-key-of-this-test-with-enough-characters'
const missing = postgresMissing()
const programs: TestProgram[] = []
let server: TestPostgres

beforeAll(async () => {
  if (missing === undefined) server = await startPostgres()
})
afterAll(async () => {
  for (const program of programs) program.remove()
  await server?.[Symbol.asyncDispose]()
})

function fresh(config?: object): TestProgram {
  const program = new TestProgram()
  programs.push(program)
  if (config !== undefined) program.write('weir.json', JSON.stringify(config))
  return program
}

function run(program: TestProgram, ...args: string[]) {
  const file = join(program.folder, 'weir.json')
  return program.run('db', 'migrate', ...args, ...(existsSync(file) ? ['--config', file] : []))
}

describe('weir db migrate with SQLite', () => {
  test('a database of a newer version and one of another program: refused, and left as they are', async () => {
    const program = fresh()
    expect(await run(program)).toMatchObject({ code: 0 })
    const file = join(program.data, 'weir.db')
    const database = new Database(file)
    database.run("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', 99999999999999)")
    database.close()
    for (const args of [[], ['--check']]) {
      const refused = await run(program, ...args)
      expect(refused).toMatchObject({ code: 1, out: '' })
      expect(refused.err).toContain('newer version')
    }
    const other = fresh()
    mkdirSync(other.data)
    const foreign = new Database(join(other.data, 'weir.db'))
    foreign.run('CREATE TABLE bookmarks (url)')
    foreign.close()
    expect(await run(other)).toMatchObject({ code: 1, out: '' })
  })

  test('--check makes nothing and fails while steps are missing; then they are taken once', async () => {
    const program = fresh()
    const before = await run(program, '--check', '--json')
    expect(before.code).toBe(1)
    const { pending } = JSON.parse(before.out) as { pending: number }
    expect(pending).toBeGreaterThan(2)
    expect(program.hasData()).toBe(false)
    const done = await run(program, '--json')
    expect(done.code).toBe(0)
    expect(JSON.parse(done.out)).toMatchObject({ taken: pending })
    expect(await run(program, '--check')).toMatchObject({ code: 0 })
    const again = await run(program)
    expect(again).toMatchObject({ code: 0 })
    expect(again.out).toContain('that of this version')
  })

  test('another master key: refused, though there is nothing to do', async () => {
    const program = fresh()
    expect(await run(program)).toMatchObject({ code: 0 })
    writeFileSync(join(program.data, 'master.key'), Buffer.alloc(32, 7).toString('base64'))
    const refused = await run(program)
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.err).toContain('master key')
  })

  test('used wrongly', async () => {
    expect(await run(fresh(), 'now')).toMatchObject({ code: 2, out: '' })
  })
})

describe('weir db migrate with Postgres', () => {
  if (missing !== undefined) process.stdout.write(`left out: db migrate on Postgres (${missing})\n`)

  test.skipIf(missing !== undefined)(
    'three at once, as replicas start: every one ends well, the steps are taken once, and no password is told',
    async () => {
      const { url } = await server.createDatabase()
      const config = { storage: { url }, secrets: { master_key: MASTER_KEY } }
      const program = fresh(config)
      expect(await run(program, '--check')).toMatchObject({ code: 1 })
      const results = await Promise.all(
        [fresh(config), fresh(config), program].map((at) => run(at)),
      )
      for (const { code, err } of results) expect([code, err]).toEqual([0, ''])
      const checked = await run(program, '--check')
      expect(checked).toMatchObject({ code: 0 })
      const { password } = new URL(url)
      expect(password.length).toBeGreaterThan(3)
      for (const { err, out } of [...results, checked]) {
        for (const text of [password, decodeURIComponent(password)]) {
          expect(out + err).not.toContain(text)
        }
      }
      const other = fresh({ ...config, secrets: { master_key: `${MASTER_KEY}-another` } })
      expect(await run(other)).toMatchObject({ code: 1, out: '' })
    },
  )
})
