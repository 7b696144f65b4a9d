// What a service is made of, as data: facts about this installation go in, files to write and commands to run come out. The makers for each
// platform (`systemd.ts`, `launchd.ts`, `task-scheduler.ts`) are pure and touch nothing; only `system.ts` does.

import { UsageError } from '../command.ts'

/** What an installed service was made of; travels inside the file that the system reads, and holds no secret. */
export interface ServiceRecord {
  /** Absolute path of the executable. */
  readonly executable: string
  /** Absolute; absent where Weir goes by the environment and its defaults. */
  readonly configFile?: string
  /** Absolute. */
  readonly dataFolder: string
  /** Absolute path of a file with variables. */
  readonly environmentFile?: string
}

export interface ServiceFacts extends ServiceRecord {
  readonly home: string
  /** Name with which the system knows the user: `ada`, `DESKTOP\ada`. */
  readonly userName: string
  /** Where there are such numbers. */
  readonly uid?: number
  /** From the wish to stop until it has ended, running requests included. */
  readonly stopTimeoutMs: number
  /** Where it will listen: below 1024 a server needs a right for it. */
  readonly port: number
}

export interface PlannedFile {
  readonly path: string
  readonly text: string
  readonly encoding: 'utf8' | 'utf16le'
  readonly mode: number
}

export interface PlannedCommand {
  readonly argv: readonly string[]
  /** Its failure is no failure of the whole: what is to be ended may not run. */
  readonly mayFail?: true
}

/** What the system says of an installed service. */
export interface ServiceState {
  readonly isRunning: boolean
  readonly pid?: number
  /** In the system's own word. */
  readonly word: string
}

/** One way to run a service. All methods are pure. */
export interface ServiceManager {
  /** For a person: `systemd (user)`. */
  readonly name: string
  /** The one file that makes it. */
  file(facts: ServiceFacts): PlannedFile
  /** Where that file lies, and how its text is written. */
  readonly path: string
  readonly encoding: PlannedFile['encoding']
  /** After the file was written. @param wasThere a service was installed before */
  install(change: { readonly isChanged: boolean; readonly wasThere: boolean }): PlannedCommand[]
  start(): PlannedCommand[]
  stop(): PlannedCommand[]
  /** Before the file is removed, and after. */
  uninstall(): { readonly before: PlannedCommand[]; readonly after: PlannedCommand[] }
  /** Asks whether the manager itself is there; undefined where it always is. */
  readonly probe?: PlannedCommand
  /** What is wrong with the manager, from the probe's output; undefined when nothing is. */
  probeProblem(output: string | undefined): string | undefined
  /** Succeeds where the manager knows of the service; absent where ending one that it does not know is no failure. */
  readonly known?: PlannedCommand
  readonly status: PlannedCommand
  /** From the status command's output, and whether it succeeded. */
  readState(output: string, succeeded: boolean): ServiceState
  /** From the file's text; undefined where none of ours is in it. */
  readRecord(text: string): ServiceRecord | undefined
  /** Where what it prints can be read. */
  readonly log: string
}

/** Arguments after the executable. @param takesVariables whether Weir itself reads the file with variables */
export function serveArguments(facts: ServiceRecord, takesVariables: boolean): string[] {
  const { configFile, dataFolder, environmentFile } = facts
  return [
    'serve',
    ...(configFile === undefined ? [] : ['--config', configFile]),
    '--data',
    dataFolder,
    ...(environmentFile === undefined || !takesVariables ? [] : ['--env-file', environmentFile]),
  ]
}

/** The facts that are kept, as one line of ASCII that no format has to escape. */
export function encodeRecord(facts: ServiceRecord): string {
  const { configFile, dataFolder, environmentFile, executable } = facts
  const record = {
    executable,
    dataFolder,
    ...(configFile === undefined ? {} : { configFile }),
    ...(environmentFile === undefined ? {} : { environmentFile }),
  }
  return Buffer.from(JSON.stringify(record)).toString('base64url')
}

/** The same back; undefined for anything else. */
export function decodeRecord(text: string | undefined): ServiceRecord | undefined {
  if (text === undefined || text === '') return undefined
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    const { configFile, dataFolder, environmentFile, executable } = value as Record<string, unknown>
    if (typeof executable !== 'string' || typeof dataFolder !== 'string') return undefined
    return {
      executable,
      dataFolder,
      ...(typeof configFile === 'string' ? { configFile } : {}),
      ...(typeof environmentFile === 'string' ? { environmentFile } : {}),
    }
  } catch {
    // Somebody else's text.
    return undefined
  }
}

/**
 * A path that a service file can hold.
 * @throws UsageError for control characters, which no format carries safely, and for what cannot be written as UTF-8
 */
export function carriable(path: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]/.test(path) || !path.isWellFormed()) {
    throw new UsageError('A path with control characters cannot be that of a service.')
  }
  return path
}

/** Text between tags and in attributes of XML 1.0. */
export function xmlText(text: string): string {
  return carriable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;')
}
