// The configuration in force as text that could be a configuration file, secrets masked to their last four characters, each
// value with where it came from. The only way a configuration may be printed.

import { joinedServers, postgresServers } from '../core/postgres-url.ts'
import type { LoadedConfig } from './config.ts'
import { childPath } from './lines.ts'
import type { FreeNode, Node, SectionNode } from './node.ts'
import { SCHEMA } from './schema.ts'
import { formatDuration, formatSize } from './units.ts'
import type { SettingOrigin } from './validate.ts'

/** One value in force, for people: a secret is masked already. */
export interface ShownSetting {
  readonly path: string
  /** As it would be written in the file. */
  readonly value: unknown
  readonly origin: SettingOrigin
}

export interface ShowOptions {
  /** Adds a comment to each value that says where it came from. */
  readonly origin?: boolean
}

/**
 * Masks a secret to its last four characters, or wholly where four would be too much of it.
 */
export function maskSecret(secret: string): string {
  return secret.length < 12 ? '****' : `****${secret.slice(-4)}`
}

/** Masks the password of a URL and keeps the rest; a text that is no URL is masked as a whole. */
export function maskUrl(text: string): string {
  if (!URL.canParse(text)) return maskSecret(text)
  const url = new URL(text)
  // `user:password@proxy:3128` is a URL to the parser: its scheme is the user.
  if (url.host === '' && text.includes('@')) return `****${text.slice(text.lastIndexOf('@'))}`
  if (url.password === '' && url.username === '' && url.search === '') return text
  // Nothing that is read here: whatever stands there may be a secret.
  if (url.search !== '') url.search = '?****'
  if (url.password !== '') url.password = '****'
  else if (url.username !== '') url.username = '****'
  return url.href.replace(/\/$/, '')
}

/** Every value in force, in the order of the schema. */
export function listSettings(loaded: LoadedConfig): ShownSetting[] {
  const shown: ShownSetting[] = []
  const walk = (node: Node, value: unknown, path: string) => {
    if (value === undefined) return
    if (node.kind === 'section') {
      for (const [key, child] of Object.entries(node.keys)) {
        if (child.kind === 'free' && child.rest === true) {
          for (const [name, member] of restMembers(child, memberOf(value, key), value)) {
            const at = childPath(path, name)
            shown.push({ path: at, value: member, origin: loaded.origins.get(at) ?? 'default' })
          }
        } else walk(child, memberOf(value, key), childPath(path, key))
      }
      return
    }
    if (node.kind === 'list' && node.item.kind === 'section' && Array.isArray(value)) {
      for (const [index, item] of value.entries()) walk(node.item, item, childPath(path, index))
      return
    }
    const origin = loaded.origins.get(path) ?? 'default'
    shown.push({ path, value: writtenValue(node, value), origin })
  }
  walk(SCHEMA, loaded.settings, '')
  return shown
}

/** The configuration in force as YAML. */
export function showConfig(loaded: LoadedConfig, options: ShowOptions = {}): string {
  const { config, dataOrigin } = loaded
  const note = (origin: SettingOrigin) => (options.origin === true ? `   # ${origin}` : '')
  const lines = [
    `# file: ${config.file ?? 'none'}`,
    `# data folder: ${config.dataFolder}${options.origin === true ? ` (${dataOrigin})` : ''}`,
  ]
  const writeSection = (node: SectionNode, value: unknown, path: string, indent: string) => {
    for (const [key, child] of Object.entries(node.keys)) {
      const member = memberOf(value, key)
      if (child.kind === 'free' && child.rest === true) {
        for (const [name, shown] of restMembers(child, member, value)) {
          const origin = loaded.origins.get(childPath(path, name)) ?? 'default'
          lines.push(`${indent}${flow(name)}: ${flow(shown)}${note(origin)}`)
        }
      } else if (member !== undefined)
        writeMember(child, member, childPath(path, key), `${indent}${key}:`)
    }
  }
  const writeMember = (node: Node, value: unknown, path: string, head: string) => {
    const deeper = `${' '.repeat(head.search(/\S/))}  `
    if (node.kind === 'section') {
      const first = lines.push(head)
      writeSection(node, value, path, deeper)
      if (lines.length === first) lines.pop()
    } else if (node.kind === 'list' && node.item.kind === 'section' && Array.isArray(value)) {
      if (value.length === 0) lines.push(`${head} []`)
      else lines.push(head)
      for (const [index, item] of value.entries()) {
        const first = lines.length
        writeSection(node.item, item, childPath(path, index), `${deeper}  `)
        lines[first] = `${deeper}- ${(lines[first] ?? '').trimStart()}`
      }
    } else {
      const origin = loaded.origins.get(path) ?? 'default'
      lines.push(`${head} ${flow(writtenValue(node, value))}${note(origin)}`)
    }
  }
  writeSection(SCHEMA, loaded.settings, '', '')
  return `${lines.join('\n')}\n`
}

/** Members that stand beside the keys of their section, secrets masked. */
function restMembers(node: FreeNode, value: unknown, section: unknown): [string, unknown][] {
  const masked = (member: unknown): unknown => {
    if (typeof member === 'string') return maskSecret(member)
    if (typeof member !== 'object' || member === null) return member
    return Object.fromEntries(Object.entries(member).map(([name, one]) => [name, masked(one)]))
  }
  return Object.entries(value ?? {}).map(([name, member]) => [
    name,
    node.isSecret?.(name, section) === true ? masked(member) : member,
  ])
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
}

/** The value as the file would have it; secrets masked. */
export function writtenValue(node: Node, value: unknown): unknown {
  if (node.kind === 'section') return undefined
  if (Array.isArray(value) && node.kind === 'list') {
    return value.map((item) => writtenValue(node.item, item))
  }
  if (node.kind === 'map' && node.secret === true) {
    const members = Object.entries(value as Record<string, string>)
    return Object.fromEntries(members.map(([name, text]) => [name, maskSecret(text)]))
  }
  if (node.kind === 'duration' && typeof value === 'number') return formatDuration(value)
  if (node.kind === 'size' && typeof value === 'number') return formatSize(value)
  if (node.secret !== true || typeof value !== 'string') return value
  const format = node.kind === 'text' ? node.format : undefined
  // A path is no secret, and a database is known by its host.
  if (format === 'storage-url') {
    if (value.startsWith('sqlite:')) return value
    const servers = postgresServers(value)
    return servers.length === 1 ? maskUrl(value) : joinedServers(servers.map(maskUrl))
  }
  return format === 'proxy-url' ? maskUrl(value) : maskSecret(value)
}

/** JSON is YAML; plain words need no quotes. */
function flow(value: unknown): string {
  // A plain `${` would be read as a reference.
  if (typeof value !== 'string') return JSON.stringify(value).replaceAll('${', () => '$${')
  const isWord = /^[A-Za-z/][A-Za-z0-9_./:@+-]*$/.test(value) && !value.endsWith(':')
  const isTaken = /^(?:true|false|null|yes|no|on|off|y|n|nan|inf)$/i.test(value)
  if (isWord && !isTaken) return value
  return /^\d+(?:\.\d+)?[A-Za-z]{1,3}$/.test(value)
    ? value
    : JSON.stringify(value).replaceAll('${', () => '$${')
}
