// `weir completions SHELL`: prints what teaches a shell the commands, options and files of Weir. Made from the commands of this executable,
// so it is never older than they are. It writes no file of the shell's.

import { requiredArgument } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { allCommands, completionScript } from './completions/scripts.ts'
import { SHELLS } from './completions/words.ts'
import { printable } from './format.ts'

export const completions: Command = {
  name: 'completions',
  summary: 'print completions for a shell',
  usage: 'completions bash|zsh|fish|powershell',
  options: [],
  examples: [
    'source <(weir completions bash)',
    'weir completions zsh > ~/.zfunc/_weir',
    'weir completions fish > ~/.config/fish/completions/weir.fish',
    'weir completions powershell | Out-String | Invoke-Expression',
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const text = requiredArgument(input, `the shell: ${SHELLS.join(', ')}`)
  const shell = SHELLS.find((each) => each === text)
  if (shell === undefined) {
    throw new UsageError(`Unknown shell '${printable(text)}'. Known are ${SHELLS.join(', ')}.`)
  }
  input.output.out(completionScript(shell, await allCommands()))
  return 0
}
