// What a tool is to `weir setup`: how it is recognised on a machine, which files hold its settings there, and what is to stand in them. A
// description alone: it reads what it is given and writes nothing.

import type { JsonValue } from '../../core/json.ts'
import type { Surroundings } from '../../config/surroundings.ts'
import type { Change } from './change.ts'

/** A machine, as far as tools are looked for on it. */
export interface Machine {
  readonly surroundings: Surroundings
  /** Whether a file or folder is there. */
  exists(path: string): boolean
  /** Where a command is, by the path of the shell. */
  which(command: string): string | undefined
}

/** What the tool is to be told. */
export interface SetupFacts {
  /** Of Weir, without a slash at its end. */
  readonly baseUrl: string
  /** As a client asks for it; absent for tools that need none. */
  readonly model: string
  /** For work that wants a quick and cheap one; the same unless told otherwise. */
  readonly smallModel: string
  /** Tokens that the model takes at once, as far as it is known. */
  readonly contextTokens?: number
  /** The API key; absent where none is needed. */
  readonly key?: string
  /** A file for the key alone, that the tool can read it from. */
  readonly keyFile: string
}

export type FormatName = 'jsonc' | 'yaml' | 'toml' | 'env' | 'whole'

/** Changes of one file. */
export interface FileChanges {
  readonly path: string
  readonly format: FormatName
  readonly changes: readonly Change[]
  /** The key stands in it afterwards: nobody else may read it. */
  readonly holdsKey: boolean
}

export interface SetupTool {
  /** As it is named on the command line. */
  readonly id: string
  readonly title: string
  /** The tool takes its models from a list that Weir gives. */
  readonly needsNoModel?: true
  /** Where it was found; undefined when it is not here. */
  find(machine: Machine): string | undefined
  /** Every file that is to be changed. @throws UsageError where it cannot be done here */
  files(facts: SetupFacts, machine: Machine): readonly FileChanges[]
  /** What to do now, each on a line: commands, or words. */
  next(facts: SetupFacts, machine: Machine): readonly string[]
  /** Variables that are set here and go before the files. */
  readonly overriding?: readonly string[]
}

/** What stands in place of a key where none is needed. */
export const ANONYMOUS = 'anonymous'

/** One setting. */
export function put(path: readonly (string | Change['path'][number])[], value: JsonValue): Change {
  return { path, value }
}

/** A setting that must not be there. */
export function drop(path: readonly string[]): Change {
  return { path, value: undefined }
}
