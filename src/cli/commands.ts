// Every command by its name, with its line for the list; the module behind it is loaded when it runs.

import type { Command } from './command.ts'

export interface CommandEntry {
  readonly summary: string
  load(): Promise<Command>
}

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  serve: {
    summary: 'run the gateway (the default command)',
    load: async () => (await import('./serve.ts')).serve,
  },
}
