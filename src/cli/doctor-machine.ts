// What must be well on this machine before any provider matters: configuration, data folder, store, master key, address, connections and
// the environment. Each finding is one step; nothing is made or changed.

import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { isExecutable, migrationsFolder } from '../assets.ts'
import type { Config, LoadedConfig } from '../config/config.ts'
import { type ConfigFlags, loadConfig } from '../config/load.ts'
import { ConfigError, formatProblem } from '../config/problem.ts'
import { formatSize } from '../config/units.ts'
import { LIMITS } from '../core/limits.ts'
import { VERSION } from '../core/version.ts'
import { unsupportedProviderText } from '../providers/registry.ts'
import { StorageError } from '../storage/errors.ts'
import type { InspectedPostgres } from '../storage/inspect-postgres.ts'
import { inspectFiles, inspectMasterKey, inspectSealed } from '../storage/inspect.ts'
import { systemClock } from '../system.ts'
import { addressFinding } from './doctor-address.ts'
import { bucketFinding } from './doctor-bucket.ts'
import { clickHouseFinding } from './doctor-clickhouse.ts'
import { certificateFilesFinding, logRoomFinding, permissionsFinding } from './doctor-files.ts'
import { postgresReport } from './doctor-postgres.ts'
import { redisFinding } from './doctor-redis.ts'
import { telemetryFinding } from './doctor-telemetry.ts'
import { proxyFinding, trustFinding } from './doctor-environment.ts'
import { type Finding, notReached, runStep, type Step, StepFailure } from './doctor-steps.ts'
import { counted } from './format.ts'

/** A step of this machine: name and work. */
type Work = readonly [name: string, work: () => Finding | Promise<Finding>]

/** What is tried once the configuration is known, in order; the clock comes last, when providers have told theirs. */
const AFTER_CONFIGURATION = [
  'data folder',
  'permissions',
  'store',
  'log room',
  'master key',
  'address',
  'connections',
  'proxy variables',
  'trust variables',
  'certificate files',
  'redis',
  'telemetry',
  'clickhouse',
  'bucket',
] as const

/** Those of them that ask somebody else, and so may have to wait: they do it at once. */
const ASKING: ReadonlySet<(typeof AFTER_CONFIGURATION)[number]> = new Set([
  'address',
  'redis',
  'telemetry',
  'clickhouse',
  'bucket',
])

export interface MachineReport {
  readonly steps: readonly Step[]
  /** Absent when it cannot be used: then nothing else can be tried either. */
  readonly loaded: LoadedConfig | undefined
  /** The store can be read as it is, so that its providers can be tried. */
  readonly isStoreReadable: boolean
}

/** Tries everything, what asks others at once; told to `tell` in its order, as it comes. */
export async function examineMachine(
  flags: ConfigFlags,
  environment: Readonly<Record<string, string | undefined>>,
  tell: (step: Step) => void,
): Promise<MachineReport> {
  const steps: Step[] = []
  const run = async ([name, work]: Work): Promise<Step> => {
    const step = await runStep(name, systemClock.monotonicMs, work)
    steps.push(step)
    tell(step)
    return step
  }
  await run(['version', versionFinding])
  let loaded: LoadedConfig | undefined
  await run(['configuration', () => configurationFinding((loaded = loadOrFail(flags)))])
  if (loaded === undefined) {
    for (const step of notReached(AFTER_CONFIGURATION)) {
      steps.push(step)
      tell(step)
    }
    return { steps, loaded, isStoreReadable: false }
  }
  const { config } = loaded
  const store: StoreState = { isWhole: false, isUnlocked: false }
  const works: Readonly<Record<(typeof AFTER_CONFIGURATION)[number], Work[1]>> = {
    'data folder': () => dataFolderFinding(config.dataFolder),
    permissions: () => permissionsFinding(config, process.platform),
    store: () => storeFinding(config, store),
    'log room': () => logRoomFinding(config),
    'master key': () => masterKeyFinding(config, store),
    address: () => addressFinding(config),
    connections: () => connectionsFinding(environment, config),
    'proxy variables': () => proxyFinding(environment, config),
    'trust variables': () => trustFinding(environment, config),
    'certificate files': () => certificateFilesFinding(config, systemClock.nowMs()),
    redis: () => redisFinding(config.redis.url),
    telemetry: () => telemetryFinding(config),
    clickhouse: () => clickHouseFinding(config.clickhouse),
    bucket: () => bucketFinding(config),
  }
  const asked = new Map<string, Promise<Step>>()
  // SQLite holds this thread: whoever waits for an answer beside it would count that time too.
  const first = config.storage.engine === 'postgres' ? 'store' : 'address'
  for (const name of AFTER_CONFIGURATION) {
    if (name === first) {
      for (const each of ASKING) {
        const step = runStep(each, systemClock.monotonicMs, works[each])
        // What nobody has words for is thrown in its turn.
        step.catch(() => undefined)
        asked.set(each, step)
      }
    }
    const step = await (asked.get(name) ?? runStep(name, systemClock.monotonicMs, works[name]))
    steps.push(step)
    tell(step)
  }
  return { steps, loaded, isStoreReadable: store.isWhole && store.isUnlocked }
}

/** A store that lacks anything would be given it by being opened, and a diagnosis makes nothing. */
interface StoreState {
  /** Absent for SQLite, and where it was not reached. */
  postgres?: InspectedPostgres
  isWhole: boolean
  isUnlocked: boolean
}

function versionFinding(): Finding {
  const form = isExecutable ? 'executable' : 'from source'
  return `weir ${VERSION} (bun ${Bun.version}, ${process.platform}-${process.arch}, ${form})`
}

function loadOrFail(flags: ConfigFlags): LoadedConfig {
  try {
    return loadConfig({ flags })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const lines = error.problems.map(formatProblem)
    throw new StepFailure({
      reason: `${counted(lines.length, 'problem')}: ${lines.join('; ')}`,
      todo: 'Correct the file; weir config check shows each problem in a line.',
    })
  }
}

function configurationFinding({ config, warnings }: LoadedConfig): Finding {
  const place = config.file ?? 'no file: environment and defaults'
  const providers = counted(config.providers.length, 'provider')
  const aliases = `${config.models.length} ${config.models.length === 1 ? 'alias' : 'aliases'}`
  const result = `${place} (${providers}, ${aliases})`
  const told = [
    ...warnings.map(formatProblem),
    ...config.providers.flatMap(({ id, type }) => {
      const text = unsupportedProviderText(type)
      return text === undefined ? [] : [`${id}: ${text}`]
    }),
  ]
  if (told.length === 0) return result
  return { result, warning: { reason: told.join('; '), todo: 'See weir config check.' } }
}

/** Whether data can be written, and how much still. The folder need not be there: the first start makes it. */
export function dataFolderFinding(folder: string): Finding {
  let at = folder
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at)
  const isMade = at === folder
  if (!statSync(at).isDirectory()) {
    throw new StepFailure({ reason: `${at} is no folder`, todo: 'Choose another with --data.' })
  }
  try {
    accessSync(at, constants.W_OK | constants.X_OK)
  } catch (error) {
    const { code } = error as { code?: unknown }
    throw new StepFailure({
      reason: `${at} cannot be written to (${String(code)})`,
      todo: 'Give it to the user that runs Weir, or choose another with --data.',
    })
  }
  const { bavail, bsize } = statfsSync(at)
  const free = Number(bavail) * Number(bsize)
  const result = `${folder}${isMade ? '' : ' (made at the first start)'}, ${roundSize(free)} free`
  if (free >= LIMITS.diskRoomBytes) return result
  return {
    result,
    warning: {
      reason: 'little room is left',
      todo: 'Make room: a log that cannot be written loses its rows.',
    },
  }
}

function roundSize(bytes: number): string {
  const unit = [2 ** 40, 2 ** 30, 2 ** 20].find((each) => bytes >= 10 * each) ?? 2 ** 10
  return formatSize(Math.floor(bytes / unit) * unit)
}

function inspected(config: Config) {
  return {
    dataFolder: config.dataFolder,
    ...(config.storage.engine === 'sqlite' ? { file: config.storage.file } : {}),
    migrationsFolder,
  }
}

async function storeFinding(config: Config, store: StoreState): Promise<Finding> {
  if (config.storage.engine === 'postgres') {
    try {
      const { finding, found, isWhole } = await postgresReport(config.storage)
      store.isWhole = isWhole
      store.postgres = found
      return finding
    } catch (error) {
      throw failureOf(error)
    }
  }
  const files = storage(() => inspectFiles(inspected(config)))
  const [control, log] = files
  if (control === undefined || !control.exists) {
    return { skipped: `${control?.path} is made at the first start` }
  }
  const pending = files.reduce((sum, file) => sum + (file.exists ? file.pending : 0), 0)
  store.isWhole = files.every((file) => file.exists) && pending === 0
  if (pending === 0 && log?.exists === false) {
    return {
      result: control.path,
      warning: {
        reason: `${log.path} is not there`,
        todo: 'The next start makes an empty one. Providers of the store are not tried until then.',
      },
    }
  }
  if (pending === 0) return `${control.path}, schema current`
  return {
    result: control.path,
    warning: {
      reason: `its schema is ${counted(pending, 'step')} behind this version`,
      todo: 'The next start takes them, after a backup beside it. Providers of the store are not tried until then.',
    },
  }
}

async function masterKeyFinding(config: Config, store: StoreState): Promise<Finding> {
  if (config.storage.engine === 'postgres' && store.postgres === undefined) {
    return { skipped: 'the database was not reached' }
  }
  const { command, keychain, masterKey } = config.secrets
  let state: 'fits' | 'none'
  try {
    state =
      config.storage.engine === 'sqlite'
        ? await inspectMasterKey(inspected(config), config.secrets)
        : await inspectSealed(store.postgres?.sealed, config.secrets, config.dataFolder)
  } catch (error) {
    throw failureOf(error)
  }
  store.isUnlocked = state === 'fits'
  const isOurs = masterKey === undefined && command === undefined
  const elsewhere = masterKey === undefined ? 'secrets.command' : 'secrets.master_key'
  const made = keychain ? 'keychain of this user' : 'file in the data folder, mode 600'
  const place = isOurs ? made : elsewhere
  if (state === 'fits') return `${place}: the one the store was sealed with`
  return isOurs ? { skipped: 'made at the first start' } : `${place}; nothing is sealed with it yet`
}

/** What the store says of itself, as a failure of the step; anything else as it is. */
function failureOf(error: unknown): unknown {
  if (!(error instanceof StorageError)) return error
  const [reason = '', ...todo] = error.message.split(/(?<=\.) /)
  return new StepFailure({ reason: reason.replace(/\.$/, ''), todo: todo.join(' ') })
}

/** What the store says of itself, as a failure of the step. */
function storage<T>(look: () => T): T {
  try {
    return look()
  } catch (error) {
    throw failureOf(error)
  }
}

/** A request takes a connection of the client's and one to the provider. */
const FILES_PER_REQUEST = 2

function connectionsFinding(
  environment: Readonly<Record<string, string | undefined>>,
  config: Config,
): Finding {
  const variable = environment['BUN_CONFIG_MAX_HTTP_REQUESTS']
  const bound = variable === undefined ? LIMITS.upstreamConnectionsMax : Number(variable)
  const files = openFilesMax()
  const filesText = files === undefined ? 'unlimited or unknown' : String(files)
  const result = `${bound} requests to providers at once, ${filesText} open files`
  if (!(bound >= Math.min(config.server.runningMax, 256))) {
    return {
      result,
      warning: {
        reason: `BUN_CONFIG_MAX_HTTP_REQUESTS is set to ${variable ?? ''}`,
        todo: 'Take it out: Weir sets it itself, high enough.',
      },
    }
  }
  if (files === undefined || files >= OPEN_FILES_WANTED) return result
  return {
    result,
    warning: {
      reason: `enough for some ${Math.floor(files / FILES_PER_REQUEST)} requests at once`,
      todo: 'Raise it: LimitNOFILE=65536 in a systemd unit, --ulimit nofile=65536 for a container, ulimit -n 65536 in a shell.',
    },
  }
}

const OPEN_FILES_WANTED = 4_096

/** How many files this process may have open; undefined where there is no bound or no way to know. */
function openFilesMax(): number | undefined {
  if (process.platform === 'win32') return undefined
  if (existsSync('/proc/self/limits')) {
    const line = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
    return line === null ? undefined : Number(line[1])
  }
  const { stdout } = Bun.spawnSync(['/bin/sh', '-c', 'ulimit -n'])
  const value = Number(stdout.toString().trim())
  return Number.isInteger(value) ? value : undefined
}
