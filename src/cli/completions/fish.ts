// The completions for fish: one line per word and per option, each with a condition on the words that stand before. Quoted for fish, which
// knows two escapes within single quotes.

import type { Command } from '../command.ts'
import { places, type CompletedOption } from './words.ts'

/** The script, for `~/.config/fish/completions/weir.fish`. */
export function fishCompletions(commands: readonly Command[]): string {
  const all = places(commands)
  const paths = all.map(({ path }) => path).filter((path) => path !== '')
  const lines = all.flatMap(({ options, path, words }) => {
    const condition = `-n ${quoted(`__weir_at ${quoted(path)}`)}`
    return [
      ...words.map(
        ({ doc, name }) => `complete -c weir ${condition} -a ${quoted(name)} -d ${quoted(doc)}`,
      ),
      ...options.map(
        ({ doc, name, takes }) =>
          `complete -c weir ${condition} -l ${name.slice(2)}${TAKES[takes]} -d ${quoted(doc)}`,
      ),
    ]
  })
  return [
    '# Completions of weir for fish. Made by: weir completions fish',
    `set -g __weir_paths ${paths.map((path) => quoted(path)).join(' ')}`,
    'function __weir_at',
    '  set -l path',
    '  for word in (commandline -opc)[2..-1]',
    "    set -l next (string trim -- (string join ' ' -- $path $word))",
    '    contains -- $next $__weir_paths; and set path $next',
    '  end',
    '  test "$path" = "$argv[1]"',
    'end',
    'complete -c weir -f',
    ...lines,
    '',
  ].join('\n')
}

const TAKES: Readonly<Record<CompletedOption['takes'], string>> = {
  nothing: '',
  file: ' -r -F',
  folder: " -x -a '(__fish_complete_directories)'",
  text: ' -x',
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
