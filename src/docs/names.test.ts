// Names that the pages put between backticks are names that there are: settings, variables, paths of the management API, files of this
// repository, and every word with an underscore. And the other way round: every variable that the program reads stands on a page.

import { beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Node } from '../config/node.ts'
import { SCHEMA } from '../config/schema.ts'

const ROOT = join(import.meta.dir, '..', '..')
const PAGES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md']
  .concat([...new Bun.Glob('docs/**/*.md').scanSync(ROOT)])
  .toSorted()
const SOURCES = ['src/**/*.ts', 'web/**/*.{ts,tsx}', 'deploy/**/*', 'tests/**/*.ts', 'build.ts']

/** Of other programs, and of their ways of writing. */
const FOREIGN: ReadonlySet<string> = new Set([
  'max_fails',
  'pg_dump',
  'proxy_read_timeout',
  'server.address',
  'snake_case',
])
/** Pages whose reader makes the files that they name. */
const MAKES_FILES: ReadonlySet<string> = new Set(['docs/extending.md', 'docs/adding-a-protocol.md'])
/** Written by `deploy/team.sh` on the reader's machine. */
const MADE: ReadonlySet<string> = new Set(['deploy/.env', 'deploy/compose/made/ca.crt'])
/** Variables that are nobody's to set: what other programs set for every process, or what only tests read. */
const SILENT: ReadonlySet<string> = new Set([
  'APPDATA',
  'LOCALAPPDATA',
  'NODE_ENV',
  'PATH',
  'USERDOMAIN',
  'USERNAME',
  'WEIR_RECORDINGS',
  'WEIR_SEED',
  'XDG_CONFIG_HOME',
  'XDG_DATA_HOME',
])

let sources: string
/** What the program itself reads, without its tests. */
let program: string

beforeAll(() => {
  const texts = SOURCES.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(ROOT)])
    .filter((path) => !path.startsWith('src/docs/'))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
  expect(texts.length).toBeGreaterThan(1_000)
  sources = texts.map(({ text }) => text).join('\n')
  program = texts
    .filter(({ path }) => path.startsWith('src/') && !/\.test\.ts$|^src\/testing\//.test(path))
    .map(({ text }) => text)
    .join('\n')
})

const textOf = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** What stands between backticks in a page, outside of blocks. */
function* named(path: string): Generator<string> {
  const text = textOf(path).replaceAll(/^ *```[\s\S]*?^ *```/gm, '')
  for (const [, name = ''] of text.matchAll(/`([^`\n]+)`/g)) yield name
}

/** Those names that are none, with their page. */
function wrong(isWrong: (name: string, path: string) => boolean): string[] {
  const seen = PAGES.flatMap((path) => [...named(path)].map((name) => ({ path, name })))
  expect(seen.length).toBeGreaterThan(3_000)
  return seen
    .filter(({ name, path }) => !FOREIGN.has(name) && isWrong(name, path))
    .map(({ name, path }) => `${path}: ${name}`)
}

function settingsOf(node: Node, path: string): string[] {
  if (node.kind === 'list') return [path, ...settingsOf(node.item, path)]
  if (node.kind !== 'section') return [path]
  const inside = Object.entries(node.keys).flatMap(([name, each]) =>
    settingsOf(each, path === '' ? name : `${path}.${name}`),
  )
  return path === '' ? inside : [path, ...inside]
}

describe('a page names', () => {
  test('no setting that there is not', () => {
    const known = new Set(settingsOf(SCHEMA, ''))
    expect(known.size).toBeGreaterThan(300)
    const sections = Object.keys(SCHEMA.keys)
    // Actions of roles, files and the chart's values have dots, too.
    const others = /\.(?:read|write|invoke|db|key|pem|env|json|ya?ml|ts)$|^storage\.postgres\./
    const found = wrong((name, path) => {
      const setting = /^([a-z_]+(?:\[\])?(?:\.[a-z_0-9[\]]+)+)(?::.*)?$/.exec(name)?.[1]
      const plain = setting?.replaceAll('[]', '') ?? ''
      if (!sections.includes(plain.split('.')[0] ?? '') || others.test(plain)) return false
      // In the reference a row is named within its section.
      return path !== 'docs/configuration.md' && !known.has(plain)
    })
    expect(found).toEqual([])
  })

  test('no variable, code, metric or other word that nothing in the source has', () => {
    const isWord = /^(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[a-z]+(?:_[a-z0-9]+)+)$/
    expect(wrong((name) => isWord.test(name) && !sources.includes(name))).toEqual([])
  })

  test('no file of this repository that is not there', () => {
    const isFile = /^(?:src|web|tests|deploy|docs|bench|migrations)\/[\w./-]*$/
    const found = wrong(
      (name, path) =>
        isFile.test(name) &&
        !MADE.has(name) &&
        !MAKES_FILES.has(path) &&
        !existsSync(join(ROOT, name)),
    )
    expect(found).toEqual([])
  })
})

test('every variable that the program reads is on a page', () => {
  const reads =
    /(?:variable\(\w+, |environment\[|process\.env\[)'([A-Z][A-Z0-9_]+)'|set\('[\w.]+', \S+, '([A-Z_]+)'\)/g
  const read = new Set([...program.matchAll(reads)].map(([, one, other]) => one ?? other ?? ''))
  expect(read.size).toBeGreaterThan(15)
  const pages = PAGES.map(textOf).join('\n')
  const untold = [...read].filter((name) => !SILENT.has(name) && !pages.includes(name))
  expect(untold).toEqual([])
})

test('the table of the UI’s pages has every page of the navigation with its address', () => {
  const source = readFileSync(join(ROOT, 'web/pages.ts'), 'utf8')
  const pages = [...source.matchAll(/path: '([^']+)',\s+title: '([^']+)',\s+nav:/g)]
  expect(pages.length).toBeGreaterThan(10)
  const told = [...textOf('docs/ui.md').matchAll(/^\| \*\*([^*]+)\*\* `([^`]+)`/gm)]
  expect(told.map(([, title, path]) => [title, path])).toEqual(
    pages.map(([, path = '', title]) => [title, path.replace(/\/:\w+\??$/, '')]),
  )
})
