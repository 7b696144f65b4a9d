// The page of commands is what the commands say, so that none is left out and none is told that is gone; and every command and option that
// any page types in its text is one that there is.

import { beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMMON_OPTIONS, type Command } from '../cli/command.ts'
import { COMMANDS } from '../cli/commands.ts'
import { allCommands } from '../cli/completions/scripts.ts'
import { commandsPage } from './commands-page.ts'

const ROOT = join(import.meta.dir, '..', '..')
const PAGES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md']
  .concat([...new Bun.Glob('docs/**/*.md').scanSync(ROOT)])
  .filter((path) => path !== 'docs/commands.md')
  .toSorted()

/** What stands for a command whose name is not told. */
const PLACEHOLDERS: ReadonlySet<string> = new Set(['COMMAND', 'weir'])

let commands: Command[]

beforeAll(async () => {
  commands = [...(await allCommands())]
})

const textOf = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** `weir …` between backticks, as words. */
function* invocations(text: string): Generator<readonly string[]> {
  for (const [, inside = ''] of text.matchAll(/`weir ([^`\n]+)`/g)) yield inside.split(/\s+/)
}

/** The longest name that the words begin with; a bare group is one, too. */
function commandOf(words: readonly string[]): Command | undefined {
  const named = (length: number) =>
    commands.find(({ name }) => name === words.slice(0, length).join(' '))
  return named(3) ?? named(2) ?? named(1)
}

describe('docs/commands.md', () => {
  test('is what the commands say of themselves', () => {
    expect(textOf('docs/commands.md')).toBe(commandsPage(commands))
  })

  test('has every command of `weir --help` and every option', () => {
    const page = textOf('docs/commands.md')
    expect(Object.keys(COMMANDS).length).toBeGreaterThan(90)
    for (const name of Object.keys(COMMANDS))
      expect(page).toMatch(new RegExp(`^##+ weir ${name}$`, 'm'))
    for (const { options } of commands) for (const { flag } of options) expect(page).toContain(flag)
  })
})

describe('a page names no command or option that there is not', () => {
  const named = PAGES.flatMap((path) =>
    [...invocations(textOf(path))].map((words) => ({ path, words })),
  )

  test('commands', () => {
    expect(named.length).toBeGreaterThan(150)
    const groups = new Set(commands.map(({ name }) => name.split(' ')[0]))
    const wrong = named.filter(({ words }) => {
      const [first = ''] = words
      const isGroup = words.length === 1 && groups.has(first)
      const isProgram = first.startsWith('-') || PLACEHOLDERS.has(first) || !/^[a-z]/.test(first)
      return commandOf(words) === undefined && !isGroup && !isProgram
    })
    expect(wrong).toEqual([])
  })

  test('options', () => {
    const common = COMMON_OPTIONS.map(({ flag }) => flag)
    const wrong = named.flatMap(({ path, words }) => {
      const command = commandOf(words)
      if (command === undefined) return []
      const known = [...common, ...command.options.map(({ flag }) => flag)]
      return words
        .flatMap((word) => /^(--[a-z-]+)/.exec(word)?.slice(1) ?? [])
        .filter((flag) => !known.includes(flag))
        .map((flag) => ({ path, command: command.name, flag }))
    })
    expect(wrong).toEqual([])
  })
})

test('no message of the program and no file of `deploy/` names a command or an option that there is not', () => {
  const common = COMMON_OPTIONS.map(({ flag }) => flag)
  const groups = new Set(commands.map(({ name }) => name.split(' ')[0]))
  const files = [
    ...new Bun.Glob('{src,web,deploy}/**/*.{ts,tsx,sh,yaml,yml,txt,html}').scanSync(ROOT),
  ]
    .filter((path) => !/\.test\.tsx?$|^src\/(?:testing|docs)\//.test(path))
    .toSorted()
  let seen = 0
  const wrong = files.flatMap((path) =>
    [...textOf(path).matchAll(/(?:['"`(]|: )weir ([a-z]+ [^`'"\\\n)]*)/g)].flatMap(
      ([, told = '']) => {
        const words = told
          .split(/ (?:&&|\|) |\$\{/)[0]!
          .trim()
          .split(/\s+/)
        if (!groups.has(words[0]) || words.length === 1) return []
        seen += 1
        const command = commandOf(words)
        const known = [...common, ...(command?.options ?? []).map(({ flag }) => flag)]
        const flags = words.flatMap((word) => /^(--[a-z-]+)/.exec(word)?.slice(1) ?? [])
        const isWhole = command !== undefined && flags.every((flag) => known.includes(flag))
        return isWhole ? [] : [`${path}: weir ${told}`]
      },
    ),
  )
  expect(seen).toBeGreaterThan(100)
  expect(wrong).toEqual([])
})
