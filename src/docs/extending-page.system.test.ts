// The worked examples of `docs/extending.md`, done: the changes are made in a copy of the sources, the types are checked and the tests are
// run, those of the page and the laws that every dialect is held to.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { changesOf, withLines, workedExample } from './worked-example.ts'

const root = join(import.meta.dir, '../..')
const page = ['extending.md', 'adding-a-protocol.md']
  .map((name) => readFileSync(join(root, 'docs', name), 'utf8'))
  .join('\n')
const changes = changesOf(page)
/** The types of everything take a minute on a machine that does much else. */
setDefaultTimeout(600_000)
/** Of each test within. */
const TIMEOUT = ['--timeout', '180000'] as const

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-extending-'))
  workedExample(root, folder, changes)
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

async function run(...args: string[]): Promise<{ code: number; text: string }> {
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: folder,
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, text: `${out}${err}` }
}

/** How many tests ran, by the last lines of the runner. */
function passed(text: string): number {
  return Number(/(\d+) pass/.exec(text)?.[1] ?? 0)
}

describe('docs/extending.md', () => {
  test('its changes compile', async () => {
    const { code, text } = await run('check', '--no-script')
    expect({ code, text }).toEqual({ code: 0, text })
  })

  test('its tests pass', async () => {
    const files = changes.map(({ file }) => file).filter((file) => file.endsWith('.test.ts'))
    expect(files.length).toBeGreaterThan(1)
    const { code, text } = await run('test', ...TIMEOUT, ...files.map((file) => `./${file}`))
    expect({ code, text }).toEqual({ code: 0, text })
    expect(passed(text)).toBeGreaterThanOrEqual(files.length)
  })

  test('its dialect keeps the laws', async () => {
    const laws = './src/dialects/conformance.test.ts'
    const { code, text } = await run('test', ...TIMEOUT, laws, '-t', '^plain ')
    expect({ code, text }).toEqual({ code: 0, text })
    expect(passed(text)).toBeGreaterThanOrEqual(12)
  })
})

describe('lines of a worked example', () => {
  const source = 'one,\n  two,\n  two,\nthree\n'

  test('are put in their place', () => {
    expect(withLines(source, ' one,\n+new,\n   two,\n', 'x')).toBe(
      'one,\nnew,\n  two,\n  two,\nthree\n',
    )
    expect(withLines(source, ' three\n+four\n', 'x')).toBe(`${source}four\n`)
  })

  test.each([
    ['nowhere', ' four\n+new\n'],
    ['a part of a line', ' two,\n+new\n'],
    ['there twice', '   two,\n+new\n'],
  ])('whose place is %s are refused', (_what, diff) => {
    expect(() => withLines(source, diff, 'x')).toThrow('The place of a change in x')
  })
})
