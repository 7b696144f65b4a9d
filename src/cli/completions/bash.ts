// The completions for bash, from 3.2 on, as macOS has it: no associative arrays, no mapfile, no package bash-completion. Words of the
// script are names of commands and options alone, so nothing in it can be run by what somebody types.

import type { Command } from '../command.ts'
import { places, type Place } from './words.ts'

/** The script, for `source <(weir completions bash)` or a file that bash-completion loads. */
export function bashCompletions(commands: readonly Command[]): string {
  const all = places(commands)
  const names = (list: readonly { readonly name: string }[]) =>
    list.map(({ name }) => name).join(' ')
  const cases = (of: (place: Place) => string) =>
    all
      .map((place) => ({ place, text: of(place) }))
      .filter(({ text }) => text !== '')
      .map(({ place, text }) => `    '${place.path}') ${text} ;;`)
  const options = (takes: string) => (place: Place) =>
    place.options.filter((each) => each.takes === takes).map(({ name }) => name)
  const values = (takes: string, action: string) =>
    all
      .filter((place) => options(takes)(place).length > 0)
      .map(
        (place) =>
          `    ${options(takes)(place)
            .map((name) => `'${place.path} ${name}'`)
            .join('|')}) ${action}; return ;;`,
      )
  return [
    '# Completions of weir for bash. Made by: weir completions bash',
    '_weir_words() {',
    '  case "$1" in',
    ...cases((place) => (place.words.length === 0 ? '' : `echo '${names(place.words)}'`)),
    '  esac',
    '}',
    '_weir_options() {',
    '  case "$1" in',
    ...cases((place) => `echo '${names(place.options)}'`),
    '  esac',
    '}',
    '_weir_reply() {',
    '  local line',
    '  COMPREPLY=()',
    '  while IFS= read -r line; do COMPREPLY[${#COMPREPLY[@]}]=$line; done',
    '}',
    '_weir_files() {',
    '  type compopt >/dev/null 2>&1 && compopt -o filenames 2>/dev/null',
    '  _weir_reply < <(compgen "$1" -- "$2")',
    '}',
    '_weir() {',
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path= word next i',
    // An equals sign is a word of its own to bash.
    '  if [ "$cur" = = ]; then cur=; elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    word=${COMP_WORDS[i]}',
    '    next=${path:+$path }$word',
    '    [ -n "$(_weir_options "$next")" ] && path=$next',
    '  done',
    '  case "$path $prev" in',
    ...values('file', '_weir_files -f "$cur"'),
    ...values('folder', '_weir_files -d "$cur"'),
    ...values('text', 'COMPREPLY=()'),
    '  esac',
    '  case "$cur" in',
    '    -*) _weir_reply < <(compgen -W "$(_weir_options "$path")" -- "$cur") ;;',
    '    *) _weir_reply < <(compgen -W "$(_weir_words "$path")" -- "$cur") ;;',
    '  esac',
    '}',
    'complete -F _weir weir',
    '',
  ].join('\n')
}
