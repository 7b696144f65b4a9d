// The commands of the audit and of secrets, as a person runs them: what they print, what they never print, and their exit codes.

import { Database } from 'bun:sqlite'
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { sampleProvider, storeIn, TEST_ACTOR } from '../storage/test-store.ts'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const programs: TestProgram[] = []
afterEach(() => {
  for (const program of programs.splice(0)) program.remove()
})

async function used(): Promise<TestProgram> {
  const made = new TestProgram()
  programs.push(made)
  await made.run('keys', 'create', '=cmd|calc')
  const store = await storeIn(made.data)
  await store.providers.save('default', sampleProvider(), TEST_ACTOR)
  await store.close()
  return made
}

test('the audit is listed, exported and proven; a formula in a name stays text', async () => {
  const weir = await used()
  const listed = await weir.run('audit', 'list')
  expect(listed.code).toBe(0)
  expect(listed.out).toContain('key.create')
  expect(listed.out).toContain('provider.save')
  const json = await weir.run('audit', 'list', '--json', '--action', 'key.create')
  const records = json.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(records).toHaveLength(1)
  expect(records[0]).toMatchObject({
    sequence: 1,
    actor: { kind: 'cli' },
    after: { name: '=cmd|calc' },
  })
  const lines = (await weir.run('audit', 'export')).out.trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).sequence)).toEqual([1, 2])
  const csv = await weir.run('audit', 'export', '--format', 'csv')
  expect(csv.out.split('\r\n')).toHaveLength(4)
  expect(await weir.run('audit', 'verify')).toMatchObject({
    code: 0,
    out: 'The audit is whole: 2 records.\n',
  })
})

test('a broken chain is told with its record, and fails', async () => {
  const weir = await used()
  const database = new Database(join(weir.data, 'weir.db'))
  database.run("UPDATE audit SET actor_id = 'nobody' WHERE sequence = 1")
  database.close()
  const { code, err } = await weir.run('audit', 'verify')
  expect(code).toBe(1)
  expect(err).toContain('record 1')
  const json = await weir.run('audit', 'verify', '--json')
  expect(json.code).toBe(1)
  expect(JSON.parse(json.out)).toMatchObject({ intact: false, broken: { sequence: 1 } })
})

test.each([
  [['audit', 'list', '--action', 'nothing']],
  [['audit', 'list', '--since', 'yesterday']],
  [['audit', 'export', '--format', 'xml']],
  [['audit', 'list', '--limit', '0']],
])('%p is used wrongly', async (command) => {
  expect((await (await used()).run(...command)).code).toBe(2)
})

test('secrets are rotated, and the state names keys and never shows one', async () => {
  const weir = await used()
  const before = JSON.parse((await weir.run('secrets', 'status', '--json')).out)
  expect(before.keys).toHaveLength(2)
  const rotated = await weir.run('secrets', 'rotate', '--json')
  expect(rotated.code).toBe(0)
  const { key, values } = JSON.parse(rotated.out)
  expect(values).toBe(1)
  const after = JSON.parse((await weir.run('secrets', 'status', '--json')).out)
  expect(after.keys.find((each: { id: string }) => each.id === key)).toMatchObject({
    values: 1,
    retired: null,
  })
  expect(after).toMatchObject({ other_values: 0, clear_values: 0 })
  expect((await weir.run('audit', 'verify')).code).toBe(0)
  weir.write('weir.yaml', `secrets: { master_key: ${'y'.repeat(40)} }\n`)
  const wrong = await weir.run('secrets', 'rotate')
  expect(wrong.code).toBe(1)
  expect(wrong.err).toContain(before.master_key)
  expect(wrong.err).not.toContain('yyyy')
})
