// The completions for zsh: a file `_weir` for a folder of `fpath`, or a text to source. Each word comes with the line that help has for it;
// such lines are quoted for zsh, and their colons for `_describe`, which splits at them.

import type { Command } from '../command.ts'
import { places, type CompletedOption, type Described, type Place } from './words.ts'

/** The script. */
export function zshCompletions(commands: readonly Command[]): string {
  const all = places(commands)
  return [
    '#compdef weir',
    '# Completions of weir for zsh. Made by: weir completions zsh',
    '_weir_words() {',
    '  words_of=()',
    '  case "$1" in',
    ...all
      .filter((place) => place.words.length > 0)
      .map((place) => `    ${quoted(place.path)}) words_of=(${described(place.words)}) ;;`),
    '  esac',
    '}',
    '_weir_options() {',
    '  options_of=()',
    '  case "$1" in',
    ...all.map((place) => `    ${quoted(place.path)}) options_of=(${described(place.options)}) ;;`),
    '  esac',
    '}',
    '_weir() {',
    '  local -a words_of options_of',
    '  local at= next word previous=${words[CURRENT-1]}',
    '  local -i i',
    '  for ((i = 2; i < CURRENT; i++)); do',
    '    next=${at:+$at }${words[i]}',
    '    _weir_options "$next"',
    '    (( $#options_of )) && at=$next',
    '  done',
    '  case "$at $previous" in',
    ...values(all, 'file', '_files'),
    ...values(all, 'folder', '_files -/'),
    ...values(all, 'text', '_message value'),
    '  esac',
    '  if [[ $PREFIX == -* ]]; then',
    '    _weir_options "$at"; _describe -o option options_of',
    '  else',
    '    _weir_words "$at"; _describe command words_of',
    '  fi',
    '}',
    // Sourced it is registered; as a file of `fpath` it is the function itself.
    'if [[ ${funcstack[1]} == _weir ]]; then _weir "$@"; else compdef _weir weir; fi',
    '',
  ].join('\n')
}

function values(all: readonly Place[], takes: CompletedOption['takes'], action: string): string[] {
  return all.flatMap(({ options, path }) => {
    const names = options.filter((each) => each.takes === takes)
    if (names.length === 0) return []
    const words = names.map(({ name }) => quoted(`${path} ${name}`)).join('|')
    return [`    ${words}) ${action}; return ;;`]
  })
}

function described(list: readonly Described[]): string {
  return list
    .map(({ doc, name }) =>
      quoted(`${name.replaceAll(':', '\\:')}:${doc.replaceAll('\\', '\\\\')}`),
    )
    .join(' ')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
