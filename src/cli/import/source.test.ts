// Sources that are broken, hostile or too much: each is refused in words that hold nothing of it, and nothing outside of its folder is read.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LIMITS } from '../../core/limits.ts'
import { parseEnvironmentFile } from './environment.ts'
import { Ledger, SourceError } from './ledger.ts'
import { readSource, readWithIncludes } from './source.ts'

const SECRET = 'sk-live-0123456789-secret'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-import-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(SourceError)
    const { message } = error as Error
    expect(message).not.toContain(SECRET)
    return message
  }
  throw new Error('it was not refused')
}

const bomb = Array.from(
  { length: 14 },
  (_, at) =>
    `a${at}: &a${at} [${
      at === 0
        ? 'x'
        : Array(9)
            .fill(`*a${at - 1}`)
            .join(',')
    }]`,
)

test.each([
  ['is no YAML', `model_list: [\n  ${SECRET}: {`, /is not valid YAML/],
  ['is no mapping', `- ${SECRET}\n`, /must hold keys and values/],
  [
    'has a key twice',
    `general_settings: {}\nmodel_list: []\nmodel_list: []\n`,
    /has model_list twice, again in line 3/,
  ],
  ['is too deep', `a: ${'['.repeat(60)}${']'.repeat(60)}\n`, /nested too deeply/],
  ['goes in a circle', 'a: &a [*a]\n', /nested too deeply/],
  ['is a bomb of aliases', `${bomb.join('\n')}\n`, /too many values|Excessive aliasing/],
  ['is too large', `a: "${'x'.repeat(LIMITS.configFileBytesMax)}"\n`, /is larger than/],
  ['includes itself', 'include: [config.yaml]\n', /includes config\.yaml in a circle/],
  ['includes what is not there', 'include: [gone.yaml]\n', /not there: gone\.yaml/],
  ['includes no name', 'include: [3]\n', /include that names no file/],
  ['includes its folder', 'include: ["."]\n', /outside of its own folder/],
])('a file that %s', (_, text, message) => {
  const path = write('config.yaml', text)
  expect(refusal(() => new Ledger(readWithIncludes(path).document))).toMatch(message)
})

test('nothing outside of the folder is read, by no path and no link', () => {
  write('secret.yaml', 'general_settings: {}\n')
  mkdirSync(join(folder, 'in'))
  symlinkSync(join(folder, 'secret.yaml'), join(folder, 'in', 'link.yaml'))
  const names = ['../secret.yaml', 'link.yaml', join(folder, 'secret.yaml'), '/etc/passwd']
  for (const name of names) {
    const path = write('in/config.yaml', `include: ["${name}"]\n`)
    expect(refusal(() => readWithIncludes(path))).toContain('outside of its own folder')
  }
})

test('a circle over several files, and too many of them', () => {
  write('two.yaml', 'include: [config.yaml]\n')
  const path = write('config.yaml', 'include: [two.yaml]\n')
  expect(refusal(() => readWithIncludes(path))).toContain('in a circle')
  write('leaf.yaml', 'a: 1\n')
  const many = Array(LIMITS.importIncludesMax + 1).fill('leaf.yaml')
  const greedy = write('greedy.yaml', `include: [${many.join(', ')}]\n`)
  expect(refusal(() => readWithIncludes(greedy))).toContain('too many files')
})

test('JSON may have comments, and nothing else that is none', () => {
  const path = write('config.json', '{ // said\n "a": 1, }')
  expect(readSource(path, 'json').document).toEqual({ a: 1 })
  expect(refusal(() => readSource(write('bad.json', `{"a": ${SECRET}`), 'json'))).toContain(
    'not valid JSON',
  )
  expect(refusal(() => readSource(write('twice.json', '{"a":1,\n"a":2}'), 'json'))).toContain(
    'a twice',
  )
  expect(refusal(() => readSource(join(folder, 'gone.json'), 'json'))).toContain('does not exist')
})

test('lines of a .env file', () => {
  const text = `# c\nexport A='x y' # c\nB="1#2"\nC=plain # c\nD=\n\nE=a=b`
  expect(parseEnvironmentFile(text)).toEqual({ A: 'x y', B: '1#2', C: 'plain', D: '', E: 'a=b' })
  expect(refusal(() => parseEnvironmentFile(`A=1\n${SECRET}`))).toContain('line 2')
  expect(refusal(() => parseEnvironmentFile('A=1\nA=2'))).toContain('A twice')
})
