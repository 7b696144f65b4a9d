// The style as a test: which folder may import which, what may be called where, how large a file or function may grow, and
// that every dialect and limit is whole. It also asserts that it saw files: a check of nothing must not pass.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Glob } from 'bun'

const root = import.meta.dir
const paths = [...new Glob('**/*.ts').scanSync(root)].toSorted()
const sources = new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
const production = paths.filter((path) => !isTest(path))

function isTest(path: string): boolean {
  return (
    path.endsWith('.test.ts') ||
    path.startsWith('testing/') ||
    /^(dialects\/conformance|storage\/contract)/.test(path)
  )
}

/** What each folder may import besides itself and packages. The order of the folders is the order of the request's way. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  dialects: ['core'],
  providers: ['core', 'dialects'],
  gateway: ['core', 'dialects', 'providers'],
  transport: ['core'],
  storage: ['core'],
  telemetry: ['core'],
  config: ['core'],
  auth: ['core', 'transport'],
  guardrails: ['core', 'transport'],
  server: ['core', 'dialects', 'providers', 'gateway', 'auth'],
  docs: ['core', 'dialects', 'providers', 'config', 'cli'],
  guide: [],
}

/** Packages only one place may know. */
const PACKAGE_HOMES: readonly (readonly [RegExp, (path: string) => boolean])[] = [
  [/^elysia$|^@elysiajs\//, (path) => path.startsWith('server/')],
  [/^drizzle-orm/, (path) => path.startsWith('storage/')],
  [/^bun:sqlite$/, (path) => path.startsWith('storage/')],
  [/^postgres$/, (path) => path.startsWith('storage/')],
  [/^eventsource-parser/, (path) => path === 'dialects/sse.ts'],
  [/^(jose|openid-client)/, (path) => path.startsWith('auth/')],
  [/^re2js$/, (path) => path === 'guardrails/engine.ts'],
  [/^@opentelemetry\//, (path) => path.startsWith('telemetry/')],
]

/** Calls that have one home. */
const CALL_HOMES: readonly (readonly [string, RegExp, (path: string) => boolean])[] = [
  ['fetch', /(?<![.\w])fetch\(/, (path) => path === 'transport/http-transport.ts'],
  ['console', /\bconsole\./, () => false],
  ['eval', /\beval\(|new Function\(/, () => false],
  [
    'Date.now in core',
    /Date\.now|performance\.now|Math\.random|\bBun\./,
    (path) => !path.startsWith('core/') && !path.startsWith('dialects/'),
  ],
]

/** Files over 400 lines, each with its reason. */
const LARGE_FILES: Readonly<Record<string, string>> = {
  'core/limits.ts': 'the one table of all bounds',
}

/** Functions over 70 lines, each with its reason. */
const LARGE_FUNCTIONS: Readonly<Record<string, string>> = {}

/** Chains of routes with their contracts: a table that the framework's types want in one expression. */
const ROUTE_TABLE = /^server\/admin\/(?:people\/)?[\w-]+-routes\.ts#\w+Routes$/
const ROUTE_TABLE_LINES_MAX = 250

const IMPORT =
  /^\s*(?:import|export)\b[^'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|^import\s+['"]([^'"]+)['"]/gm

function importsOf(path: string): string[] {
  const result: string[] = []
  for (const match of sources.get(path)!.matchAll(IMPORT)) {
    result.push((match[1] ?? match[2] ?? match[3])!)
  }
  return result
}

function target(path: string, specifier: string): string {
  return relative(root, join(root, path, '..', specifier))
}

test('the test sees the program', () => {
  expect(paths.length).toBeGreaterThan(80)
  expect(production.flatMap(importsOf).length).toBeGreaterThan(200)
})

test('imports point one way', () => {
  const wrong: string[] = []
  for (const path of production) {
    const folder = path.split('/')[0]!
    const allowed = MAY_IMPORT[folder]
    for (const specifier of importsOf(path)) {
      if (!specifier.startsWith('.')) continue
      const to = target(path, specifier)
      if (isTest(to)) wrong.push(`${path} imports test code ${to}`)
      const toFolder = to.includes('/') ? to.split('/')[0]! : ''
      if (allowed === undefined || toFolder === folder) continue
      if (!allowed.includes(toFolder)) wrong.push(`${path} imports ${to}`)
    }
  }
  expect(wrong).toEqual([])
})

test('a package is known where it belongs, and nowhere else', () => {
  const wrong: string[] = []
  for (const path of production) {
    for (const specifier of importsOf(path)) {
      for (const [pattern, home] of PACKAGE_HOMES) {
        if (pattern.test(specifier) && !home(path)) wrong.push(`${path} imports ${specifier}`)
      }
    }
  }
  expect(wrong).toEqual([])
})

test('calls with one home stay there', () => {
  const wrong: string[] = []
  for (const path of production) {
    const code = withoutComments(sources.get(path)!)
    for (const [name, pattern, home] of CALL_HOMES) {
      if (pattern.test(code) && !home(path)) wrong.push(`${path}: ${name}`)
    }
  }
  expect(wrong).toEqual([])
})

test('every file opens by saying what it is', () => {
  const silent = production.filter((path) => !/^(#!.*\n)?\/\/ \S.{30}/.test(sources.get(path)!))
  expect(silent).toEqual([])
})

test('files and functions stay small, or have their reason here', () => {
  const large: string[] = []
  for (const path of production) {
    const text = sources.get(path)!
    const lines = text.split('\n').length - 1
    if (lines > 400 && LARGE_FILES[path] === undefined) large.push(`${path}: ${lines} lines`)
    for (const { name, lines: length } of functionsOf(text)) {
      const id = `${path}#${name}`
      if (ROUTE_TABLE.test(id) && length <= ROUTE_TABLE_LINES_MAX) continue
      if (length > 70 && LARGE_FUNCTIONS[id] === undefined) large.push(`${id}: ${length} lines`)
    }
  }
  expect(large).toEqual([])
})

test('a listed exception is still one', () => {
  for (const path of Object.keys(LARGE_FILES)) {
    expect(sources.get(path)?.split('\n').length ?? 0).toBeGreaterThan(400)
  }
})

test('every limit names its unit or what it counts', () => {
  const names = [...sources.get('core/limits.ts')!.matchAll(/^  (\w+): /gm)].map(
    (match) => match[1]!,
  )
  expect(names.length).toBeGreaterThan(30)
  const vague = names.filter((name) => !/(Ms|Bytes|Chars|Rows|Max|BytesMax)$/.test(name))
  expect(vague).toEqual([])
})

test('every dialect is a whole folder', () => {
  const folders = new Set(
    production.filter((path) => /^dialects\/[^/]+\//.test(path)).map((path) => path.split('/')[1]!),
  )
  expect(folders.size).toBeGreaterThanOrEqual(5)
  for (const folder of folders) {
    expect(sources.has(`dialects/${folder}/index.ts`)).toBe(true)
    expect(paths.some((path) => path.startsWith(`dialects/${folder}/`) && isTest(path))).toBe(true)
  }
})

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')
}

const KEYWORDS = new Set(['if', 'for', 'while', 'switch', 'catch', 'return', 'test', 'describe'])
const FUNCTION =
  /^(\s*)(?:export )?(?:async )?function\*? ?(\w+)|^(\s*)(?:const|let) (\w+) = (?:async )?\(/
const METHOD =
  /^( {2})(?:(?:private|protected|public|static|async|override|get|set) )*(\w+)\((?:.*\)(?:: .+)? \{)?$/

/** Functions by their formatted shape: an opening line, and the brace that closes it at the same indentation. */
function functionsOf(text: string): { name: string; lines: number }[] {
  const lines = text.split('\n')
  const found: { name: string; lines: number }[] = []
  lines.forEach((line, start) => {
    const plain = FUNCTION.exec(line)
    const method = plain === null ? METHOD.exec(line) : null
    const name = plain?.[2] ?? plain?.[4] ?? method?.[2]
    if (name === undefined || KEYWORDS.has(name)) return
    const indent = plain?.[1] ?? plain?.[3] ?? method?.[1] ?? ''
    const closes = (other: string) => other === `${indent}}`
    const end = lines.findIndex((other, at) => at > start && closes(other))
    const parametersEnd = lines.findIndex(
      (other, at) => at > start && other.startsWith(`${indent})`),
    )
    // A call spread over lines closes with a parenthesis and opens no body.
    const isCall = line.endsWith('(') && !lines[parametersEnd]?.endsWith('{')
    if (end > 0 && !isCall) found.push({ name, lines: end - start + 1 })
  })
  return found
}
