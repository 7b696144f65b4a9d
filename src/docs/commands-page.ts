// The page of every command, `docs/commands.md`, from what the commands say of themselves: the same words that `--help` prints, in one place
// where they can be read and searched before anything is installed. It runs no command.

import { COMMON_OPTIONS, type Command } from '../cli/command.ts'
import { commandHelp } from '../cli/help.ts'

const TOP = `# Commands

Every command of \`weir\`, as \`weir COMMAND --help\` tells it; this page is made from the same words. From the source, \`bun src/main.ts\` stands for \`weir\`. Those that
look at the store or change it open it themselves, so they work while the server runs and while it does not; a server that runs goes by a change within a second.

The exit code is 0 for done, 1 for failed and 2 for used wrongly. What a command was asked for goes to standard output, everything else to standard error.

Every command takes these as well:
`

/** The whole page. @param commands in the order of \`weir --help\` */
export function commandsPage(commands: readonly Command[]): string {
  const groups = Map.groupBy(commands, ({ name }) => name.split(' ')[0] ?? '')
  const common = COMMON_OPTIONS.map(
    ({ doc, flag, value }) => `${value === undefined ? flag : `${flag} ${value}`}: ${doc}`,
  )
  const parts = [...groups].map(([word, members]) => groupPart(word, members))
  return `${TOP}\n${fenced(common.join('\n'))}${parts.join('')}`
}

function groupPart(word: string, members: readonly Command[]): string {
  const [first] = members
  if (members.length === 1 && first !== undefined && first.name === word) {
    return `\n## weir ${word}\n\n${helpOf(first)}`
  }
  const sections = members.map((command) => `\n### weir ${command.name}\n\n${helpOf(command)}`)
  return `\n## ${word}\n${sections.join('')}`
}

/** The help without the options that every command has. */
function helpOf(command: Command): string {
  const common = new Set(COMMON_OPTIONS.map(({ flag }) => flag))
  const lines = commandHelp(command)
    .trimEnd()
    .split('\n')
    .filter((line) => !common.has(/^ {2}(--\S+)/.exec(line)?.[1] ?? ''))
  // A command with none of its own needs no heading for them.
  const text = lines.join('\n').replace(/\n\nOptions:(?=\n\n|$)/, '')
  return fenced(text)
}

function fenced(text: string): string {
  return `\`\`\`text\n${text.trimEnd()}\n\`\`\`\n`
}
