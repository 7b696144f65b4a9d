// Finding and reading the file: what is missing, unreadable, huge, broken or of an unknown kind, with the line where known.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { cpuMsOf } from '../testing/cpu-time.ts'
import { ConfigError } from './problem.ts'
import { findConfigFile, readConfigFile } from './read.ts'

const root = mkdtempSync(join(tmpdir(), 'weir-read-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folders = 0
function folderWith(files: Record<string, string | Uint8Array>): string {
  const folder = join(root, `case-${folders++}`)
  mkdirSync(folder, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

function find(folder: string, flag?: string, environment: Record<string, string> = {}) {
  const home = join(folder, 'home')
  const surroundings = { environment, platform: 'linux', home, workingFolder: folder } as const
  return findConfigFile(surroundings, flag)
}

function messageOf(action: () => unknown): string {
  try {
    action()
    return ''
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

function readFault(name: string, content: string | Uint8Array): string {
  const folder = folderWith({ [name]: content })
  return messageOf(() => readConfigFile(find(folder, name) as never))
}

describe('faults', () => {
  test('a file that was named must be there', () => {
    const folder = folderWith({})
    expect(messageOf(() => find(folder, 'x.yaml'))).toBe(`--config: no such file: ${folder}/x.yaml`)
    const environment = { WEIR_CONFIG: '/nope/weir.yaml' }
    expect(messageOf(() => find(folder, undefined, environment))).toBe(
      'WEIR_CONFIG: no such file: /nope/weir.yaml',
    )
  })

  test.each<[string, string | Uint8Array, string]>([
    ['weir.ini', 'a=1', 'weir.ini: must end in .yaml, .yml, .json or .toml'],
    ['weir.yaml', '- a\n- b', 'weir.yaml: must hold keys and values'],
    ['weir.yaml', 'just text', 'weir.yaml: must hold keys and values'],
    ['weir.json', '[]', 'weir.json: must hold keys and values'],
    ['weir.yaml', 'a: 1\n---\nb: 2', 'weir.yaml: must hold one document'],
    ['weir.yaml', new Uint8Array([0xff, 0xfe, 0x61, 0]), 'weir.yaml: is not UTF-8 text'],
    ['weir.yaml', `#${'x'.repeat(1_048_576)}`, 'weir.yaml: is larger than 1MiB'],
    ['weir.yaml', '['.repeat(100_000), 'weir.yaml: is nested too deeply'],
    [
      'weir.yaml',
      'a: 1\n\nb:\n  c: [1, 2\nd: 3',
      'weir.yaml:4: is not valid YAML: Unexpected token',
    ],
    ['weir.yaml', 'a: 1\nb: *nope\n', 'weir.yaml:2: is not valid YAML: Unresolved alias'],
    [
      'weir.yaml',
      'a: 1\n# c\nb: { c: ${X} }\n',
      'weir.yaml:3: is not valid YAML: Unexpected token (did you mean "${NAME}" in quotes?)',
    ],
    ['weir.toml', 'a = 1\n[b]\nc = \n', 'weir.toml:3: is not valid TOML: '],
    ['weir.toml', 'a = 1\nb = 2\na = 3\n', 'weir.toml:3: is not valid TOML: Cannot redefine key'],
    ['weir.json', '{\n "a": 1,\n "b": }', 'weir.json:3: is not valid JSON: '],
    ['weir.json', '{\n "a": [1,\n\n', 'weir.json:2: is not valid JSON: '],
    ['weir.json', '{ "a": 1\n "b": 2 }', 'weir.json:2: is not valid JSON: '],
    ['weir.json', '{\n"a": 01}', 'weir.json:2: is not valid JSON: '],
    ['weir.json', '{ "a": 1 }\n}', 'weir.json:2: is not valid JSON: '],
  ])('%s %p', (name, content, wanted) => {
    expect(readFault(name, content)).toStartWith(wanted)
  })

  test('a folder, a device and a file that is gone are no configuration', () => {
    const folder = folderWith({ 'weir.yaml/x': '' })
    expect(messageOf(() => readConfigFile(find(folder) as never))).toBe(
      'weir.yaml: is not a regular file',
    )
    const device = { path: '/dev/zero.yaml', label: 'd', shadowed: [] }
    expect(messageOf(() => readConfigFile(device))).toBe('d: does not exist')
  })

  test('a syntax error quotes nothing of the file', () => {
    const canary = 'sk-canary-0123456789'
    for (const [name, text] of [
      ['weir.json', `{"key": ${canary}}`],
      ['weir.json', `{"key": "${canary}}`],
      ['weir.json', `{"${canary}" 1}`],
      ['weir.json', `{key: '${canary}'}`],
      ['weir.toml', `key = ${canary}`],
      ['weir.toml', `key = "${canary}`],
      ['weir.toml', `"${canary}" = 1\n"${canary}" = 2`],
      ['weir.yaml', `key: [${canary}`],
      ['weir.yaml', `key: "${canary}`],
      ['weir.yaml', `key: *${canary}`],
    ] as const) {
      const message = readFault(name, text)
      expect(message).toContain('is not valid')
      expect(message).not.toContain('canary')
    }
  })

  test('the search for the line of a syntax error ends in time on a large file', () => {
    const entries = Array.from({ length: 10_000 }, (_, index) => `key${index}: [a, b]\n`).join('')
    const spentMs = cpuMsOf(() =>
      expect(readFault('weir.yaml', `${entries}bad: [`)).toContain('is not valid YAML'),
    )
    expect(spentMs).toBeLessThan(5_000)
  })
})

describe('search', () => {
  test('the flag, the variable, the working directory, then the folders of the user', () => {
    const folder = folderWith({
      'flag.yaml': '',
      'variable.json': '',
      'weir.toml': '',
      'weir.json': '',
      'home/.config/weir/weir.yml': '',
    })
    const environment = { WEIR_CONFIG: 'variable.json' }
    expect(find(folder, 'flag.yaml', environment)?.label).toBe('flag.yaml')
    expect(find(folder, undefined, environment)?.label).toBe('variable.json')
    expect(find(folder)).toEqual({
      path: join(folder, 'weir.json'),
      label: 'weir.json',
      shadowed: ['weir.toml'],
    })
    rmSync(join(folder, 'weir.json'))
    rmSync(join(folder, 'weir.toml'))
    expect(find(folder)?.path).toBe(join(folder, 'home/.config/weir/weir.yml'))
    rmSync(join(folder, 'home'), { recursive: true })
    expect(find(folder)).toBeUndefined()
  })

  test('an empty file and one with a byte order mark are read', () => {
    const folder = folderWith({ 'a.yaml': '# nothing', 'b.json': '', 'c.yaml': '\ufeffa: 1' })
    const values = ['a.yaml', 'b.json', 'c.yaml'].map(
      (name) => readConfigFile(find(folder, name) as never).value,
    )
    expect(values).toEqual([{}, {}, { a: 1 }])
  })
})
