// The machine under a service: its files and its commands, as little of them as an installation needs. Only this file of the folder
// touches anything, so that every plan can be shown before it is carried out, and tried on a machine of memory.

import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { posix, win32 } from 'node:path'
import { isExecutable } from '../../assets.ts'
import { configFolders } from '../../config/folders.ts'
import { processSurroundings, variable, type Surroundings } from '../../config/surroundings.ts'
import { LIMITS } from '../../core/limits.ts'
import { UsageError } from '../command.ts'
import { Problem } from '../people.ts'
import { launchdManager } from './launchd.ts'
import type { PlannedCommand, PlannedFile, ServiceManager } from './plan.ts'
import { systemdManager } from './systemd.ts'
import { taskManager } from './task-scheduler.ts'

export interface Ran {
  readonly succeeded: boolean
  /** What it wrote to both of its outputs, its beginning; undefined where there is no such program. */
  readonly output: string | undefined
}

/** What a service touches. */
export interface ServiceSystem {
  readonly surroundings: Surroundings
  /** Absolute path of the running executable; undefined where the program runs from its source. */
  readonly executable: string | undefined
  readonly uid: number | undefined
  readonly userName: string
  /** Undefined where no such file is. */
  read(path: string, encoding: PlannedFile['encoding']): string | undefined
  /** In one step: whoever reads meanwhile has the old text or the new one. */
  write(file: PlannedFile): void
  remove(path: string): void
  run(command: PlannedCommand): Promise<Ran>
}

/** The real one. */
export function processSystem(): ServiceSystem {
  const surroundings = processSurroundings()
  return {
    surroundings,
    executable: isExecutable ? process.execPath : undefined,
    uid: process.getuid?.(),
    userName: userNameOf(surroundings),
    read: readText,
    write: writeText,
    remove: (path) => rmSync(path, { force: true }),
    run: runCommand,
  }
}

function userNameOf(surroundings: Surroundings): string {
  const domain = variable(surroundings, 'USERDOMAIN')
  const name = variable(surroundings, 'USERNAME')
  if (surroundings.platform === 'win32' && domain !== undefined && name !== undefined) {
    return `${domain}\\${name}`
  }
  try {
    return userInfo().username
  } catch {
    // An id without an account, as in a container.
    return String(process.getuid?.() ?? 'unknown')
  }
}

function readText(path: string, encoding: PlannedFile['encoding']): string | undefined {
  try {
    return readFileSync(path, encoding).replace(/^\ufeff/, '')
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}

function writeText({ encoding, mode, path, text }: PlannedFile): void {
  const { dirname } = process.platform === 'win32' ? win32 : posix
  mkdirSync(dirname(path), { recursive: true })
  const made = `${path}.new`
  // The mark by which schtasks knows the encoding.
  const marked = encoding === 'utf16le' ? `\ufeff${text}` : text
  rmSync(made, { force: true })
  writeFileSync(made, Buffer.from(marked, encoding), { mode, flag: 'wx' })
  chmodSync(made, mode)
  renameSync(made, path)
}

async function runCommand({ argv }: PlannedCommand): Promise<Ran> {
  try {
    const child = Bun.spawn([...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMITS.serviceCommandTimeoutMs,
    })
    const [out, error, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    return {
      succeeded: code === 0,
      output: `${out}${error}`.slice(0, LIMITS.serviceOutputCharsMax),
    }
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (code === 'ENOENT' || code === 'EACCES') return { succeeded: false, output: undefined }
    throw error
  }
}

/** The manager of services here. @throws UsageError for `--system` where there is none of that kind, and where services are not known */
export function managerFor(system: ServiceSystem, isSystem: boolean): ServiceManager {
  const { surroundings, uid = 0 } = system
  const { home, platform } = surroundings
  if (isSystem && platform !== 'linux') throw new UsageError('--system is for Linux.')
  switch (platform) {
    case 'linux': {
      const config = posix.dirname(configFolders(surroundings)[0]!)
      return systemdManager(
        isSystem ? '/etc/systemd/system' : posix.join(config, 'systemd', 'user'),
        isSystem,
      )
    }
    case 'darwin':
      return launchdManager(home, uid)
    case 'win32':
      return taskManager(configFolders(surroundings)[0]!)
    default:
      throw new UsageError(
        `Weir installs no service on ${platform}. Let its own manager run 'weir serve'.`,
      )
  }
}

/** Asks the manager whether it is there at all. @throws Problem in words when it is not */
export async function requireManager(
  system: ServiceSystem,
  manager: ServiceManager,
): Promise<void> {
  if (manager.probe === undefined) return
  const { output } = await system.run(manager.probe)
  const problem = manager.probeProblem(output)
  if (problem !== undefined) throw new Problem(problem)
}

/** Runs commands one after the other. @throws Problem with what the first that failed has said */
export async function runAll(
  system: ServiceSystem,
  commands: readonly PlannedCommand[],
): Promise<void> {
  for (const command of commands) {
    const { output, succeeded } = await system.run(command)
    if (succeeded || command.mayFail === true) continue
    const said = (output ?? 'there is no such program').trim().split('\n').slice(-3).join(' ')
    throw new Problem(`'${command.argv.join(' ')}' failed: ${said}`)
  }
}
