// What a command of the executable is: a name, its words for `--help`, and a function from arguments to an exit code.
// Commands write through `Output` alone, so that tests and pipes see the same thing a person does.

import type { ConfigFlags } from '../config/load.ts'

export interface Output {
  /** Standard output: what the command was asked for. */
  out(text: string): void
  /** Standard error: what went wrong, hints, progress. */
  error(text: string): void
  /** Standard output is a terminal and NO_COLOR is not set. */
  readonly color: boolean
  /** Standard output is a terminal: lines may be cut to its width. */
  readonly isTerminal: boolean
  /** Columns of the terminal; a wide default where there is none. */
  readonly columns: number
  /** Fires when nobody reads standard output any more; what is written then goes nowhere. */
  readonly closed: AbortSignal
}

export interface OptionDoc {
  /** `--port` */
  readonly flag: string
  /** Word for its value in help; absent for a switch. */
  readonly value?: string
  readonly doc: string
  /** May be given several times: the values come with commas between. Any other counts as it was given last. */
  readonly repeats?: true
}

export interface CommandInput {
  /** Arguments that are no options, without the command's own name. */
  readonly positionals: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | undefined>>
  /** The flags every command takes: where configuration and data are. */
  readonly configFlags: ConfigFlags
  readonly output: Output
}

export interface Command {
  /** `keys create` */
  readonly name: string
  /** One line for the list. */
  readonly summary: string
  /** After the program's name: `keys create NAME [--models PATTERNS]`. */
  readonly usage: string
  readonly options: readonly OptionDoc[]
  /** Lines for `--help` between the summary and the options, each of at most 120 characters. */
  readonly notes?: readonly string[]
  /** An example or two for `--help`. */
  readonly examples?: readonly string[]
  /** Most positionals it takes. */
  readonly positionalsMax: number
  /** 0 done, 1 failed, 2 used wrongly. */
  run(input: CommandInput): Promise<number>
}

/** The command was used wrongly: its message and a pointer to `--help` are shown, and the exit code is 2. */
export class UsageError extends Error {}

/** Options of every command. */
export const COMMON_OPTIONS: readonly OptionDoc[] = [
  {
    flag: '--config',
    value: 'FILE',
    doc: 'configuration file (else WEIR_CONFIG, ./weir.yaml, the user folder)',
  },
  { flag: '--data', value: 'FOLDER', doc: 'data folder (else WEIR_DATA, the platform’s own)' },
  { flag: '--help', doc: 'show this help' },
]
