// Whole stores through the commands, as a person moves and saves them: what is said, what is refused, and that no password is repeated.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

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

/** A machine with a store in which there are two keys. */
async function filled(): Promise<TestProgram> {
  const program = fresh()
  for (const name of ['ci', 'laptop']) {
    expect(await program.run('keys', 'create', name)).toMatchObject({ code: 0 })
  }
  return program
}

function fresh(): TestProgram {
  const program = new TestProgram()
  programs.push(program)
  return program
}

async function keyNames(program: TestProgram, ...args: string[]): Promise<string[]> {
  const { err, out } = await program.run('keys', 'list', '--json', ...args)
  if (out === '') throw new Error(err)
  return (JSON.parse(out) as { name: string }[]).map((key) => key.name)
}

describe('weir db', () => {
  test('backup and restore: one private file, the same keys after it, and nothing over anything', async () => {
    const program = await filled()
    const file = join(program.folder, 'weir.backup')
    const saved = await program.run('db', 'backup', 'weir.backup')
    expect(saved).toMatchObject({ code: 0 })
    expect(saved.out).toContain('master key is not in it')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(await program.run('db', 'backup', 'weir.backup')).toMatchObject({ code: 1, out: '' })

    const other = fresh()
    const broken = join(other.folder, 'broken')
    writeFileSync(broken, readFileSync(file).subarray(0, -1))
    const refused = await other.run('db', 'restore', broken)
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.err).toContain('checksum is wrong')
    expect(other.hasData()).toBe(false)

    const restored = await other.run('db', 'restore', file)
    expect(restored).toMatchObject({ code: 0 })
    // Of no use without its key, which nobody has brought.
    const locked = await other.run('keys', 'list')
    expect(locked).toMatchObject({ code: 1 })
    expect(locked.err).toContain('master key')
    writeFileSync(join(other.data, 'master.key'), readFileSync(join(program.data, 'master.key')), {
      mode: 0o600,
    })
    expect(await keyNames(other)).toEqual(['ci', 'laptop'])
    expect(await other.run('audit', 'verify')).toMatchObject({ code: 0 })
    const again = await other.run('db', 'restore', file, '--json')
    expect(JSON.parse(again.out)).toMatchObject({ done_before: true })
    const full = await program.run('db', 'restore', file)
    expect(full.code).toBe(1)
    expect(full.err).toContain('not empty')
  })

  test('nothing there to save or to move: said, and nothing made', async () => {
    const program = fresh()
    for (const args of [
      ['backup', 'x.backup'],
      ['copy', '--to', 'sqlite:other/weir.db'],
    ]) {
      const result = await program.run('db', ...args)
      expect(result).toMatchObject({ code: 1, out: '' })
      expect(result.err).toContain('no store')
    }
    expect(program.hasData()).toBe(false)
    expect(existsSync(join(program.folder, 'x.backup'))).toBe(false)
    expect(existsSync(join(program.folder, 'other'))).toBe(false)
  })

  test('used wrongly: said without the password', async () => {
    const program = fresh()
    const wrong: string[][] = [
      ['copy'],
      ['copy', '--to', 'mysql://user:hidden-password@host/db'],
      ['copy', '--from', 'postgres://user:hidden-password@'],
      ['copy', '--to', 'sqlite://two/slashes.db'],
      ['backup'],
      ['restore', 'a', 'b'],
    ]
    for (const args of wrong) {
      const result = await program.run('db', ...args)
      expect([args[0], result.code]).toEqual([args[0], 2])
      expect(result.err).not.toContain('hidden')
    }
  })

  test('help says what is not in the file and what must be stopped', async () => {
    const program = fresh()
    expect((await program.run('db')).out).toContain('db restore')
    expect((await program.run('db', 'backup', '--help')).out).toContain('master key is not in it')
    expect((await program.run('db', 'copy', '--help')).out).toContain('Stop every Weir')
    expect((await program.run('db', 'restore', '--help')).out).toContain('proven first')
  })

  test.skipIf(missing !== undefined)(
    'copy from a laptop to Postgres and back to a file: keys, audit and all',
    async () => {
      const program = await filled()
      const { url } = await server.createDatabase()
      const denied = await program.run('db', 'copy', '--to', url.replace(/:[^:@]+@/, ':hidden@'))
      expect(denied.code).toBe(1)
      expect(denied.err + denied.out).not.toContain('hidden')
      const there = await program.run('db', 'copy', '--to', url)
      expect(there).toMatchObject({ code: 0 })
      expect(there.out).toContain('equal on both sides')
      expect(there.err).toContain('copying api_keys: 2 rows')
      expect(there.err + there.out).not.toContain(new URL(url).password)
      program.write('weir.yaml', `storage: { url: ${JSON.stringify(url)} }\n`)
      expect(await keyNames(program)).toEqual(['ci', 'laptop'])
      expect(await program.run('keys', 'create', 'third')).toMatchObject({ code: 0 })
      expect(await program.run('audit', 'verify')).toMatchObject({ code: 0 })
      const back = await program.run('db', 'copy', '--to', 'sqlite:back/weir.db', '--json')
      expect(back.code).toBe(0)
      expect(JSON.parse(back.out)).toMatchObject({ tables: { api_keys: { rows: 3 } } })
      program.write('weir.yaml', 'storage: { url: "sqlite:back/weir.db" }\n')
      expect(await keyNames(program)).toEqual(['ci', 'laptop', 'third'])
      expect(await program.run('audit', 'verify')).toMatchObject({ code: 0 })
    },
  )
})
