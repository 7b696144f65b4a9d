// The commands that replace a provider's keys, run as a person runs them: what is refused changes nothing, no secret is ever shown,
// and each step leaves what the next one needs.

import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sampleProvider, storeIn, TEST_ACTOR } from '../storage/test-store.ts'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const OLD = 'sk-live-old-0123456789-aaaa'
const NEW = 'sk-live-new-0123456789-bbbb'

const programs: TestProgram[] = []
afterEach(() => {
  for (const program of programs.splice(0)) program.remove()
})

/** A machine with a provider `stored` in its store. */
async function machine(environment: Readonly<Record<string, string>> = {}): Promise<TestProgram> {
  const program = new TestProgram(environment)
  programs.push(program)
  const store = await storeIn(program.data)
  const keys = [{ id: 'first', secret: OLD }]
  await store.providers.save('default', sampleProvider({ id: 'stored', keys }), TEST_ACTOR)
  await store.close()
  return program
}

async function keysOf(program: TestProgram): Promise<unknown[]> {
  const store = await storeIn(program.data)
  const provider = (await store.providers.all()).find(({ id }) => id === 'stored')
  await store.close()
  return provider?.keys.map(({ draining, id, secret }) => [id, secret, draining ?? false]) ?? []
}

const keys = (name: string, ...args: string[]) => ['providers', 'keys', name, ...args]

describe('is refused and changes nothing', () => {
  const WRONG: [string[], string | undefined, number, string][] = [
    [keys('list'), undefined, 2, 'Missing the provider’s id'],
    [keys('list', 'nobody'), undefined, 1, "no provider 'nobody'"],
    [keys('add', 'nobody'), NEW, 1, "no provider 'nobody'"],
    [keys('add', 'stored'), '', 2, 'nothing was given'],
    [keys('add', 'stored'), ' \n', 2, 'nothing was given'],
    [keys('add', 'stored'), `${NEW}\n${NEW}`, 2, 'line breaks'],
    [keys('add', 'stored'), 'x'.repeat(100_000), 2, 'at most 8192'],
    [keys('add', 'stored'), `  ${OLD}\n`, 1, 'has this key already: first'],
    [keys('add', 'stored', '--id', 'first'), NEW, 1, "'first' is taken"],
    [keys('add', 'stored', '--id', 'a b'), NEW, 2, '--id takes'],
    [keys('add', 'stored', '--from-env', 'NOT_SET'), undefined, 2, 'NOT_SET is not set'],
    [keys('add', 'stored', NEW), undefined, 2, 'Unexpected argument'],
    [keys('drain', 'stored'), undefined, 2, 'Missing the key’s id'],
    [keys('drain', 'stored', 'second'), undefined, 1, "no key 'second'"],
    [keys('undrain', 'stored', 'second'), undefined, 1, 'first (****aaaa)'],
    [keys('retire', 'stored', 'first'), undefined, 1, 'no other key in use'],
    [keys('retire', 'stored', ''), undefined, 2, 'Missing the key’s id'],
    [keys('retir', 'stored'), undefined, 2, "Did you mean 'providers keys retire'?"],
    [keys('add', 'mock'), NEW, 1, 'environment'],
  ]
  test.each(WRONG)('%j', async (args, input, code, words) => {
    const program = await machine()
    const result = await program.runWith(input, ...args)
    expect([result.code, result.err]).toEqual([code, expect.stringContaining(words)])
    expect(result.out).toBe('')
    expect(result.err).not.toContain('sk-live-old')
    expect(await keysOf(program)).toEqual([['first', OLD, false]])
  })
})

describe('a rotation', () => {
  test('by its steps: add, drain, retire', async () => {
    const program = await machine()
    const added = await program.runWith(`${NEW}\n`, ...keys('add', 'stored', '--id', 'second'))
    expect(added).toMatchObject({ code: 0, err: '' })
    expect(added.out).toContain('weir providers keys drain stored first')
    expect(await keysOf(program)).toEqual([
      ['first', OLD, false],
      ['second', NEW, false],
    ])
    const drained = await program.run(...keys('drain', 'stored', 'aaaa'))
    expect(drained.out).toContain('weir providers keys retire stored first')
    expect(await keysOf(program)).toEqual([
      ['first', OLD, true],
      ['second', NEW, false],
    ])
    const listed = await program.run(...keys('list', 'stored', '--json'))
    expect(JSON.parse(listed.out)).toEqual([
      { id: 'first', masked: '****aaaa', state: 'draining', created: expect.any(String) },
      { id: 'second', masked: '****bbbb', state: 'in use', created: expect.any(String) },
    ])
    const table = await program.run('providers', 'list')
    expect(table.out).toContain('****bbbb ****aaaa (draining)')
    // Neither is the one that is left: a key that drains counts for nothing.
    expect((await program.run(...keys('retire', 'stored', 'second'))).code).toBe(1)
    expect((await program.run(...keys('undrain', 'stored', 'first'))).code).toBe(0)
    expect((await program.run(...keys('drain', 'stored', 'first'))).code).toBe(0)
    expect((await program.run(...keys('retire', 'stored', 'first'))).code).toBe(0)
    expect(await keysOf(program)).toEqual([['second', NEW, false]])
    const all = [added, drained, listed, table].map(({ err, out }) => err + out).join('')
    expect(all).not.toContain('sk-live')
    for (const name of readdirSync(program.data)) {
      expect(readFileSync(join(program.data, name), 'latin1')).not.toContain('sk-live')
    }
  })

  test('of the only key: it drains in name alone, and is taken by force', async () => {
    const program = await machine({ KEY: NEW })
    const drained = await program.run(...keys('drain', 'stored', 'first'))
    expect(drained.out).toContain('no other is there')
    const forced = await program.run(...keys('retire', 'stored', 'first', '--force', '--json'))
    expect([forced.code, forced.out]).toEqual([0, '[]\n'])
    expect(await keysOf(program)).toEqual([])
    expect((await program.run(...keys('list', 'stored'))).err).toContain('has no keys')
    const added = await program.run(...keys('add', 'stored', '--from-env', 'KEY', '--json'))
    expect(JSON.parse(added.out)).toMatchObject([{ masked: '****bbbb', state: 'in use' }])
    expect((await keysOf(program))[0]).toEqual([expect.stringMatching(/^[0-9a-f]{8}$/), NEW, false])
  })

  test('of a provider of the file is told where to make it', async () => {
    const program = await machine({ KEY: OLD, OTHER: NEW })
    program.write(
      'weir.yaml',
      "providers: [{ id: stored, type: openai, keys: ['${KEY}'], draining_keys: ['${OTHER}'] }]\n",
    )
    // The file's declaration is the one in force.
    for (const step of ['drain', 'undrain', 'retire']) {
      const result = await program.run(...keys(step, 'stored', 'first'))
      expect([result.code, result.out]).toEqual([1, ''])
      expect(result.err).toContain("move the old one to 'draining_keys'")
      expect(result.err).toContain('weir.yaml')
    }
    const listed = await program.run(...keys('list', 'stored', '--json'))
    expect(JSON.parse(listed.out)).toMatchObject([
      { masked: '****aaaa', state: 'in use', created: null },
      { masked: '****bbbb', state: 'draining', created: null },
    ])
    expect(await keysOf(program)).toEqual([['first', OLD, false]])
  })
})

describe('a terminal', () => {
  test('takes the key unseen; a group of commands lists itself', async () => {
    const program = await machine()
    const group = await program.run('providers', 'keys')
    expect(group.code).toBe(0)
    expect(group.out).toContain('Usage: weir providers keys COMMAND')
    expect(group.out).not.toContain('providers test')
    const { screen } = await program.typeOnTerminal(
      'not shown: ',
      `${NEW}x\u007f\r`,
      ...keys('add', 'stored', '--id', 'second'),
    )
    expect(screen).toContain("Key 'second' added")
    expect(screen).not.toContain('sk-live')
    expect(await keysOf(program)).toContainEqual(['second', NEW, false])
    const stopped = await program.typeOnTerminal(
      'not shown: ',
      'abc\u0003',
      ...keys('add', 'stored'),
    )
    expect([stopped.code, stopped.screen]).toEqual([2, expect.stringContaining('Nothing was done')])
  })
})
