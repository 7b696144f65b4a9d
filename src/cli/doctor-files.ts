// Whether files that hold secrets are their owner's alone, whether certificates in files still hold, and whether there is room for the log that
// may grow. It reads files and changes none.

import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Node } from '../config/node.ts'
import { parseConfigText, readConfigFile } from '../config/read.ts'
import { SCHEMA } from '../config/schema.ts'
import { formatSize } from '../config/units.ts'
import { isObject } from '../core/json.ts'
import type { NetworkSettings } from '../core/catalog.ts'
import { shellWord } from '../server/snippets/snippet.ts'
import { storeFiles } from '../storage/locate.ts'
import { splitPem } from '../transport/probe-certificate.ts'
import { type Finding, StepFailure } from './doctor-steps.ts'
import { counted, formatDate } from './format.ts'

/** A certificate that ends sooner is told. */
export const CERTIFICATE_WARNING_MS = 14 * 24 * 60 * 60_000

/** Whether anybody else of this machine can read what is this program's alone. @throws StepFailure for files that cannot be written */
export function permissionsFinding(config: Config, platform: NodeJS.Platform): Finding {
  if (platform === 'win32') return { skipped: 'Windows has no modes of files' }
  const { dataFolder, storage } = config
  const files =
    storage.engine === 'sqlite' ? Object.values(storeFiles(dataFolder, storage.file)) : []
  const fixed = files.filter((path) => existsSync(path) && !isWritable(path))
  if (fixed.length > 0) {
    throw new StepFailure({
      reason: `${fixed.join(', ')} cannot be written by this user`,
      todo: `Give them to the user that runs Weir: chown USER ${fixed.join(' ')}`,
    })
  }
  const secret = [...files, join(dataFolder, 'master.key'), ...keyFilesOf(config)]
  const isTold =
    config.file !== undefined && isOpen(config.file) && holdsSecrets(config.file)
      ? [config.file]
      : []
  const open = [
    ...(isShared(dataFolder) ? [['700', dataFolder] as const] : []),
    ...[...secret.filter(isOpen), ...isTold].map((path) => ['600', path] as const),
  ]
  if (open.length === 0) return 'what is secret is this user’s alone'
  const commands = open.map(([mode, path]) => `chmod ${mode} ${shellWord(path)}`)
  return {
    result: 'others of this machine can read or replace what is secret',
    warning: {
      reason: open.map(([, path]) => path).join(', '),
      todo: `Run: ${commands.join(' && ')}`,
    },
  }
}

/**
 * Whether others may put files into a folder, or others' in their place. That they see its names tells them nothing: volumes of containers are
 * like that, and each file in it has its own mode. A cluster gives a volume to the group that the program has itself.
 */
function isShared(folder: string): boolean {
  const { gid, mode } = statSync(folder, { throwIfNoEntry: false }) ?? { gid: 0, mode: 0 }
  return (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== process.getgid?.())
}

function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode
  } catch {
    return undefined
  }
}

function isOpen(path: string): boolean {
  return ((modeOf(path) ?? 0) & 0o077) !== 0
}

/** By its owner's own word: root may write whatever it says. */
function isWritable(path: string): boolean {
  return ((modeOf(path) ?? 0o200) & 0o200) !== 0
}

function networksOf(config: Config): NetworkSettings[] {
  return [config.network, ...config.providers.map(({ network }) => network)]
}

function keyFilesOf(config: Config): string[] {
  const named = [
    ...networksOf(config).map(({ keyFile }) => keyFile),
    ...config.providers.map(({ entra }) => entra?.keyFile),
  ]
  return [...new Set(named.filter((path) => path !== undefined))]
}

/** Whether a secret stands in the file itself, and not as a reference. */
export function holdsSecrets(path: string): boolean {
  const { format, label, text } = readConfigFile({ path, label: path, shadowed: [] })
  const walk = (node: Node | undefined, value: unknown): boolean => {
    if (node === undefined) return false
    if (node.kind === 'section' && isObject(value)) {
      const keys = node.keys as Readonly<Record<string, Node>>
      return Object.entries(value).some(([name, member]) =>
        walk(Object.hasOwn(keys, name) ? keys[name] : undefined, member),
      )
    }
    if (node.kind === 'list' && Array.isArray(value)) {
      return value.some((item) => walk(node.item, item))
    }
    if (!('secret' in node) || node.secret !== true) return false
    const texts = isObject(value) ? Object.values(value) : [value]
    return texts.some((one) => typeof one === 'string' && one !== '' && !one.includes('${'))
  }
  return walk(SCHEMA, parseConfigText(text, format, label))
}

/**
 * Certificates in files: those of this program's own that it shows, and authorities that it trusts.
 * @throws StepFailure for one of its own that does not hold any more
 */
export function certificateFilesFinding(config: Config, nowMs: number): Finding {
  const own = [
    ...networksOf(config).map(({ certFile }) => certFile),
    ...config.providers.map(({ entra }) => entra?.certFile),
  ]
  const trusted = [
    ...networksOf(config).map(({ caFile }) => caFile),
    ...(config.storage.engine === 'postgres' ? [config.storage.caFile] : []),
  ]
  const paths = (all: readonly (string | undefined)[]) => [
    ...new Set(all.filter((path) => path !== undefined)),
  ]
  const [ownPaths, trustedPaths] = [paths(own), paths(trusted)]
  if (ownPaths.length + trustedPaths.length === 0) return { skipped: 'none named' }
  const soon: string[] = []
  for (const path of [...ownPaths, ...trustedPaths]) {
    const isOwn = ownPaths.includes(path)
    const { first, last } = endsOf(path)
    // Of authorities the last that holds counts: bundles carry old ones along.
    const endMs = isOwn ? first : last
    if (endMs < nowMs) {
      throw new StepFailure({
        reason: `${path} ended on ${formatDate(endMs)}`,
        todo: isOwn
          ? 'Have it renewed, and put the new one in its place: it is read again by itself.'
          : 'Put the authority’s present certificate in its place: it is read again by itself.',
      })
    }
    if (endMs < nowMs + CERTIFICATE_WARNING_MS) soon.push(`${path} on ${formatDate(endMs)}`)
  }
  const result = counted(ownPaths.length + trustedPaths.length, 'file')
  if (soon.length === 0) return `${result}, all hold for two weeks at least`
  return {
    result,
    warning: {
      reason: `ends within two weeks: ${soon.join(', ')}`,
      todo: 'Have it renewed, and put the new one in its place: it is read again by itself.',
    },
  }
}

/** When the first and the last certificate of a file end. @throws StepFailure for a file that holds none */
function endsOf(path: string): { readonly first: number; readonly last: number } {
  try {
    const ends = splitPem(readFileSync(path, 'utf8')).map((text) =>
      Date.parse(new X509Certificate(text).validTo),
    )
    if (ends.length > 0) return { first: Math.min(...ends), last: Math.max(...ends) }
  } catch (error) {
    if (!(error instanceof Error)) throw error
  }
  throw new StepFailure({
    reason: `${path} holds no certificate that can be read`,
    todo: 'It must be PEM text: -----BEGIN CERTIFICATE-----.',
  })
}

/** Whether the log may grow to `log.max_size` where it lies. */
export function logRoomFinding(config: Config): Finding {
  const { bytesMax, retentionMs } = config.log
  if (config.log.requests === 'none') return { skipped: 'no request is recorded' }
  if (config.storage.engine === 'postgres') return { skipped: 'the log is in Postgres' }
  const { log } = storeFiles(config.dataFolder, config.storage.file)
  const size = existsSync(log) ? statSync(log).size : 0
  const free = freeBytes(log)
  const result = `${formatSize(Math.ceil(size / 1_048_576) * 1_048_576)} used${bytesMax === undefined ? '' : ` of ${formatSize(bytesMax)}`}`
  if (bytesMax !== undefined && bytesMax - size > free) {
    return {
      result,
      warning: {
        reason: 'the disk is full before log.max_size is reached',
        todo: `Lower log.max_size to what there is room for (${formatSize(Math.floor((size + free) / 2_097_152) * 1_048_576)}), or make room.`,
      },
    }
  }
  if (bytesMax !== undefined || retentionMs !== undefined || size < UNBOUNDED_BYTES) return result
  return {
    result,
    warning: {
      reason: 'nothing bounds it',
      todo: 'Set log.max_size or log.retention.',
    },
  }
}

/** An unbounded log that is smaller is nobody's concern yet. */
const UNBOUNDED_BYTES = 1_073_741_824

function freeBytes(path: string): number {
  let at = path
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at)
  const { bavail, bsize } = statfsSync(at)
  return Number(bavail) * Number(bsize)
}
