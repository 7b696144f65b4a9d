// What the commands of `weir service` do, on a machine that is given to them: install, start, stop, uninstall and tell. They write one
// file, which the system's manager reads, and never what belongs to a person: data, configuration and keys stay where they are.

import { isAbsolute, resolve } from 'node:path'
import type { LoadedConfig } from '../../config/config.ts'
import { type ConfigFlags, loadConfig } from '../../config/load.ts'
import { ConfigError } from '../../config/problem.ts'
import { VERSION } from '../../core/version.ts'
import { UsageError } from '../command.ts'
import { Problem } from '../people.ts'
import { readEnvironmentFile } from './environment-file.ts'
import type { ServiceFacts, ServiceManager, ServiceRecord, ServiceState } from './plan.ts'
import { requireManager, runAll, type ServiceSystem } from './system.ts'
import { STATE_ROOT } from './systemd.ts'
import {
  missingVariables,
  serviceSurroundings,
  SETTLED,
  type MissingVariables,
} from './variables.ts'

/** Beyond the time that running requests get: to write down what is known and to close. */
const STOP_MARGIN_MS = 10_000

export interface InstallChoice {
  readonly flags: ConfigFlags
  readonly isSystem: boolean
  /** As given. */
  readonly environmentFile?: string
}

export interface Prepared {
  readonly facts: ServiceFacts
  readonly loaded: LoadedConfig
  readonly missing: MissingVariables
}

/**
 * Looks at everything an installation needs and writes nothing.
 * @throws UsageError, ConfigError
 */
export function prepare(system: ServiceSystem, choice: InstallChoice): Prepared {
  const { surroundings, uid, userName } = system
  const { environmentFile: given, flags, isSystem } = choice
  const { executable } = system
  if (executable === undefined) {
    throw new UsageError(
      'This Weir runs from its source. Only the executable can be a service: build it, or download one.',
    )
  }
  const withData =
    isSystem && flags.data === undefined ? { ...flags, data: `${STATE_ROOT}/weir` } : flags
  const folder = surroundings.workingFolder
  const environmentFile =
    given === undefined ? undefined : isAbsolute(given) ? given : resolve(folder, given)
  const own = ownVariables(system, environmentFile)
  const loaded = loadConfig({
    flags: withData,
    surroundings: serviceSurroundings(surroundings, own, SETTLED),
  })
  const { config } = loaded
  const text = config.file === undefined ? undefined : system.read(config.file, 'utf8')
  return {
    loaded,
    missing: missingVariables(surroundings, text, new Set(own.keys())),
    facts: {
      executable,
      dataFolder: config.dataFolder,
      home: surroundings.home,
      userName,
      stopTimeoutMs: config.server.stopDelayMs + config.server.drainTimeoutMs + STOP_MARGIN_MS,
      port: config.server.port,
      ...(config.file === undefined ? {} : { configFile: config.file }),
      ...(environmentFile === undefined ? {} : { environmentFile }),
      ...(uid === undefined ? {} : { uid }),
    },
  }
}

export type Installed = 'installed' | 'changed' | 'unchanged'

/** Writes the service and has it run. @throws Problem when the manager refuses */
export async function install(
  system: ServiceSystem,
  manager: ServiceManager,
  facts: ServiceFacts,
): Promise<Installed> {
  const file = manager.file(facts)
  const before = installed(system, manager)
  await requireManager(system, manager)
  requireRights(system, manager)
  const isChanged = before !== file.text
  if (isChanged) system.write(file)
  await runAll(system, manager.install({ isChanged, wasThere: before !== undefined }))
  if (!isChanged) return 'unchanged'
  return before === undefined ? 'installed' : 'changed'
}

/** Everything an installation would do, as text; nothing is done. */
export function dryRun(
  system: ServiceSystem,
  manager: ServiceManager,
  facts: ServiceFacts,
): string {
  const file = manager.file(facts)
  const before = installed(system, manager)
  const isChanged = before !== file.text
  const commands = manager.install({ isChanged, wasThere: before !== undefined })
  const written = isChanged
    ? `# would write ${file.path} (mode ${file.mode.toString(8).padStart(4, '0')})\n${file.text}\n`
    : `# ${file.path} is as it would be\n`
  const lines = commands.map(({ argv }) => `#   ${argv.join(' ')}`)
  return `${written.replaceAll('\r', '')}# would run\n${lines.join('\n')}\n`
}

/** @throws Problem where none is installed, or the manager refuses */
export async function start(system: ServiceSystem, manager: ServiceManager): Promise<void> {
  requireInstalled(system, manager)
  await requireManager(system, manager)
  requireRights(system, manager)
  await runAll(system, manager.start())
}

/** Nothing happens where it is stopped. @throws Problem where none is installed, or the manager refuses */
export async function stop(system: ServiceSystem, manager: ServiceManager): Promise<void> {
  requireInstalled(system, manager)
  await requireManager(system, manager)
  requireRights(system, manager)
  if (await isKnown(system, manager)) await runAll(system, manager.stop())
}

/**
 * Takes the service away and leaves its data.
 * @returns what it was made of; false where none was installed
 * @throws Problem where the manager cannot be asked to end it: it would run on without its file
 */
export async function uninstall(
  system: ServiceSystem,
  manager: ServiceManager,
): Promise<ServiceRecord | undefined | false> {
  const text = installed(system, manager)
  if (text === undefined) return false
  await requireManager(system, manager)
  requireRights(system, manager)
  const { after, before } = manager.uninstall()
  if (await isKnown(system, manager)) await runAll(system, before)
  system.remove(manager.path)
  await runAll(system, after)
  return manager.readRecord(text)
}

export interface Status {
  readonly isInstalled: boolean
  readonly record?: ServiceRecord
  readonly state?: ServiceState
  /** Where it listens, as its configuration says now; absent where that cannot be read. */
  readonly address?: { readonly host: string; readonly port: number }
}

/** What is installed and what the manager says of it. */
export async function status(system: ServiceSystem, manager: ServiceManager): Promise<Status> {
  const text = system.read(manager.path, manager.encoding)
  if (text === undefined) return { isInstalled: false }
  const record = manager.readRecord(text)
  const { output, succeeded } = await system.run(manager.status)
  const address = addressOf(system, record)
  return {
    isInstalled: true,
    state: manager.readState(output ?? '', succeeded),
    ...(record === undefined ? {} : { record }),
    ...(address === undefined ? {} : { address }),
  }
}

/** Where a service listens: its own configuration says so, and the variables it has. */
export function addressOf(
  system: ServiceSystem,
  record: ServiceRecord | undefined,
): { readonly host: string; readonly port: number } | undefined {
  if (record === undefined) return undefined
  const { configFile, dataFolder, environmentFile } = record
  try {
    const { surroundings } = system
    const own = ownVariables(system, environmentFile)
    const { config } = loadConfig({
      flags: { data: dataFolder, ...(configFile === undefined ? {} : { config: configFile }) },
      // Nor does it begin in this folder: a file that lies here is not its configuration.
      surroundings: { ...serviceSurroundings(surroundings, own), workingFolder: surroundings.home },
    })
    return { host: config.server.host, port: config.server.port }
  } catch (error) {
    if (error instanceof ConfigError || error instanceof UsageError) return undefined
    throw error
  }
}

/** Words for a running version that is not this executable's. */
export function versionWords(running: string | undefined): string | undefined {
  if (running === undefined || running === VERSION) return undefined
  return `It runs version ${running}, and this executable is ${VERSION}. Run 'weir service install', then 'weir service stop' and 'weir service start'.`
}

function ownVariables({ surroundings }: ServiceSystem, file: string | undefined) {
  return file === undefined
    ? new Map<string, string>()
    : readEnvironmentFile(file, surroundings.platform)
}

/** The text of our file; undefined where there is none. @throws Problem where somebody else's file is in its place */
function installed(system: ServiceSystem, manager: ServiceManager): string | undefined {
  const text = system.read(manager.path, manager.encoding)
  if (text === undefined || manager.readRecord(text) !== undefined) return text
  throw new Problem(
    `${manager.path} was not made by 'weir service install' and stays as it is. Move it away first.`,
  )
}

async function isKnown(system: ServiceSystem, { known }: ServiceManager): Promise<boolean> {
  return known === undefined || (await system.run(known)).succeeded
}

function requireInstalled(system: ServiceSystem, manager: ServiceManager): void {
  if (installed(system, manager) !== undefined) return
  throw new Problem("No service is installed. Install one with 'weir service install'.")
}

function requireRights({ uid }: ServiceSystem, { path }: ServiceManager): void {
  if (!path.startsWith('/etc/') || uid === 0) return
  throw new Problem('A service of the whole machine needs root: run the command with sudo.')
}
