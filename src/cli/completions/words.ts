// What a shell can complete, read off the commands themselves: words that follow words, options of each command, and which of them take
// files. The makers of the four scripts go by this and by nothing else, so that no script can forget a command.

import { COMMON_OPTIONS, type Command, type OptionDoc } from '../command.ts'

/** What comes next after the words of a command, or of the beginning of one. */
export interface Place {
  /** `providers keys`; empty at the beginning. */
  readonly path: string
  /** Words that can follow. */
  readonly words: readonly Described[]
  readonly options: readonly CompletedOption[]
}

export interface Described {
  readonly name: string
  readonly doc: string
}

export interface CompletedOption extends Described {
  /** What follows it: nothing, a file, a folder, or something that no shell can know. */
  readonly takes: 'nothing' | 'file' | 'folder' | 'text'
}

export const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const

export type Shell = (typeof SHELLS)[number]

/** Every place, the beginning first, then in the order of the commands. Options at the beginning are those of `serve`. */
export function places(commands: readonly Command[]): Place[] {
  const byPath = new Map<string, { words: Map<string, string>; options: readonly OptionDoc[] }>()
  const at = (path: string) => {
    const known = byPath.get(path) ?? { words: new Map<string, string>(), options: [] }
    byPath.set(path, known)
    return known
  }
  at('').options = commands.find(({ name }) => name === 'serve')?.options ?? []
  for (const { name, options, summary } of commands) {
    const words = name.split(' ')
    for (const [index, word] of words.entries()) {
      const before = at(words.slice(0, index).join(' '))
      const isWhole = index === words.length - 1
      if (isWhole || !before.words.has(word)) {
        before.words.set(word, isWhole ? summary : groupDoc(words.slice(0, index + 1).join(' ')))
      }
    }
    at(name).options = options
  }
  // A shell is an argument with few values.
  for (const shell of SHELLS) byPath.get('completions')?.words.set(shell, `for ${shell}`)
  return [...byPath].map(([path, { options, words }]) => ({
    path,
    words: [...words].map(([name, doc]) => ({ name, doc })),
    options: [...options, ...COMMON_OPTIONS].map(completed),
  }))
}

function groupDoc(path: string): string {
  return `commands of ${path}`
}

function completed({ doc, flag, value }: OptionDoc): CompletedOption {
  const takes =
    value === undefined
      ? 'nothing'
      : /\bFILE\b/.test(value)
        ? 'file'
        : /\bFOLDER\b/.test(value)
          ? 'folder'
          : 'text'
  return { name: flag, doc, takes }
}
