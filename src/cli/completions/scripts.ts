// The completion scripts by shell: pure text made from the commands, for `weir completions` and for the archives of a release.

import type { Command } from '../command.ts'
import { COMMANDS } from '../commands.ts'
import { bashCompletions } from './bash.ts'
import { fishCompletions } from './fish.ts'
import { powershellCompletions } from './powershell.ts'
import type { Shell } from './words.ts'
import { zshCompletions } from './zsh.ts'

/** How each file is called where a shell looks for it. */
export const COMPLETION_FILES: Readonly<Record<Shell, string>> = {
  bash: 'weir.bash',
  zsh: '_weir',
  fish: 'weir.fish',
  powershell: 'weir.ps1',
}

const MAKERS: Readonly<Record<Shell, (commands: readonly Command[]) => string>> = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
  powershell: powershellCompletions,
}

/** The script for a shell. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return MAKERS[shell](commands)
}

/** Every command, loaded, in the order of the list. */
export async function allCommands(): Promise<Command[]> {
  return await Promise.all(Object.values(COMMANDS).map((entry) => entry.load()))
}
