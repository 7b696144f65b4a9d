// Help texts, made from what the commands say of themselves.

import { COMMON_OPTIONS, type Command, type OptionDoc } from './command.ts'
import type { CommandEntry } from './commands.ts'

const PROGRAM = [
  'Usage: weir [COMMAND] [OPTIONS]',
  '',
  'An LLM gateway: every client protocol to every provider. Without a command it serves.',
  '',
]

/** The list of commands; `group` narrows it to those that begin with that word. */
export function programHelp(
  commands: Readonly<Record<string, CommandEntry>>,
  group?: string,
): string {
  const names = Object.keys(commands).filter(
    (name) => group === undefined || name.startsWith(`${group} `),
  )
  const width = Math.max(...names.map((name) => name.length))
  const lines = names.map((name) => `  ${name.padEnd(width)}  ${commands[name]!.summary}`)
  return [
    ...(group === undefined ? PROGRAM : [`Usage: weir ${group} COMMAND [OPTIONS]`, '']),
    'Commands:',
    ...lines,
    '',
    `See 'weir ${group === undefined ? '' : `${group} `}COMMAND --help' for each.`,
    '',
  ].join('\n')
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const examples = command.examples ?? []
  return [
    `Usage: weir ${command.usage}`,
    '',
    `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.`,
    ...(command.notes === undefined ? [] : ['', ...command.notes]),
    '',
    'Options:',
    ...optionLines([...command.options, ...COMMON_OPTIONS]),
    ...(examples.length === 0 ? [] : ['', 'Examples:', ...examples.map((text) => `  ${text}`)]),
    '',
  ].join('\n')
}

function optionLines(options: readonly OptionDoc[]): string[] {
  const left = options.map(({ flag, value }) => (value === undefined ? flag : `${flag} ${value}`))
  const width = Math.max(...left.map((text) => text.length))
  return options.map((option, at) => `  ${left[at]!.padEnd(width)}  ${option.doc}`)
}
