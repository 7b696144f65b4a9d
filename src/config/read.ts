// Finds the configuration file, reads it once and parses it by its extension. It knows nothing of what may stand in it.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { extname, isAbsolute, join, relative, resolve } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import { configFolders } from './folders.ts'
import { formatSize } from './units.ts'
import { ConfigError, type ConfigProblem } from './problem.ts'
import { type Surroundings, variable } from './surroundings.ts'
import { findSyntaxLine } from './syntax-line.ts'

export type ConfigFormat = 'yaml' | 'json' | 'toml'

const FORMATS: Readonly<Record<string, ConfigFormat>> = {
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.json': 'json',
  '.toml': 'toml',
}

export interface FoundFile {
  /** Absolute. */
  readonly path: string
  /** As shown in messages: relative where it is below the working directory. */
  readonly label: string
  /** Further files that would have been taken, were this one not there. */
  readonly shadowed: readonly string[]
}

/** A file that was read, and the hash of what it held, to see later whether it changed. */
export interface ReadFile {
  readonly path: string
  readonly hash: string
}

export interface ConfigDocument extends ReadFile {
  readonly label: string
  readonly format: ConfigFormat
  readonly text: string
  readonly modifiedMs: number
  /** As parsed; an empty file is an empty section. */
  readonly value: unknown
}

/**
 * Looks for the file: `--config`, `WEIR_CONFIG`, `weir.{yaml,yml,json,toml}` in the working directory, then in the user's
 * configuration folders. Undefined when there is none.
 * @throws ConfigError when a file that was named is not there.
 */
export function findConfigFile(
  surroundings: Surroundings,
  flag: string | undefined,
): FoundFile | undefined {
  const named = flag ?? variable(surroundings, 'WEIR_CONFIG')
  if (named !== undefined) {
    const path = resolve(surroundings.workingFolder, named)
    const source = flag === undefined ? 'WEIR_CONFIG' : '--config'
    if (!existsSync(path)) throw new ConfigError([fileProblem(source, `no such file: ${path}`)])
    return { path, label: labelOf(path, surroundings), shadowed: [] }
  }
  for (const folder of [surroundings.workingFolder, ...configFolders(surroundings)]) {
    const candidates = Object.keys(FORMATS).map((extension) => join(folder, `weir${extension}`))
    const [path, ...others] = candidates.filter((candidate) => existsSync(candidate))
    if (path === undefined) continue
    const shadowed = others.map((other) => labelOf(other, surroundings))
    return { path, label: labelOf(path, surroundings), shadowed }
  }
  return undefined
}

function labelOf(path: string, surroundings: Surroundings): string {
  const short = relative(surroundings.workingFolder, path)
  return short.startsWith('..') || isAbsolute(short) ? path : short
}

/**
 * Reads and parses a file that was found.
 * @throws ConfigError when it can't be read, is too large, is not UTF-8, has an unknown extension, does not parse or does
 * not hold one mapping.
 */
export function readConfigFile(found: FoundFile): ConfigDocument {
  const { label, path } = found
  const format = FORMATS[extname(path).toLowerCase()]
  if (format === undefined) {
    throw new ConfigError([fileProblem(label, 'must end in .yaml, .yml, .json or .toml')])
  }
  const read = readBounded(path, LIMITS.configFileBytesMax)
  if ('problem' in read) throw new ConfigError([fileProblem(label, read.problem)])
  const value = parse(read.text, format, label)
  const { hash, modifiedMs, text } = read
  return { path, label, format, text, hash, modifiedMs, value }
}

/**
 * A configuration as it was sent; an empty one is an empty section.
 * @throws ConfigError where it does not parse, or holds no mapping
 */
export function parseConfigText(text: string, format: ConfigFormat, label: string): unknown {
  return parse(text, format, label)
}

function parse(text: string, format: ConfigFormat, label: string): unknown {
  const parser = { yaml: parseYaml, json: JSON.parse, toml: Bun.TOML.parse }[format]
  let value: unknown
  try {
    value = format === 'json' && text.trim() === '' ? null : parser(text)
  } catch (error) {
    throw new ConfigError([syntaxProblem(error, text, format, label, parser)])
  }
  if (value === null || value === undefined) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value
  const isStream = format === 'yaml' && /^---(?:\s|$)/m.test(text)
  const message = isStream ? 'must hold one document' : 'must hold keys and values'
  throw new ConfigError([fileProblem(label, message)])
}

function parseYaml(text: string): unknown {
  return Bun.YAML.parse(text)
}

function syntaxProblem(
  error: unknown,
  text: string,
  format: ConfigFormat,
  label: string,
  parser: (text: string) => unknown,
): ConfigProblem {
  if (error instanceof RangeError) return fileProblem(label, 'is nested too deeply')
  // Parsers quote the text around a fault, which may be a secret: only punctuation may stay.
  const said = error instanceof Error ? error.message.replace(/^[A-Z]+ Parse error: /, '') : ''
  const reason = said.replace(/(["'`])(?=[^"'`]*\w).*\1/gs, '…')
  const line = findSyntaxLine(text, format, parser)
  const problem: ConfigProblem = {
    source: label,
    path: '',
    message: `is not valid ${format.toUpperCase()}${reason === '' ? '' : `: ${reason}`}`,
  }
  if (line === undefined) return problem
  const isUnquoted = /[[{,:]\s*\$\{[^}]*\}/.test(text.split('\n')[line - 1] ?? '')
  const hint = format === 'yaml' && isUnquoted ? { suggestion: '"${NAME}" in quotes' } : {}
  return { ...problem, line, ...hint }
}

/**
 * Reads a regular file of at most `bytesMax` bytes of UTF-8, without its byte order mark. A fault comes back as text that
 * holds nothing of the file.
 */
export function readBounded(
  path: string,
  bytesMax: number,
): { text: string; hash: string; modifiedMs: number } | { problem: string } {
  try {
    const stat = statSync(path)
    // A pipe or a device would block or never end.
    if (!stat.isFile()) return { problem: 'is not a regular file' }
    if (stat.size > bytesMax) return { problem: `is larger than ${formatSize(bytesMax)}` }
    const bytes = readFileSync(path)
    if (bytes.length > bytesMax) return { problem: `is larger than ${formatSize(bytesMax)}` }
    const text = decode(bytes)
    if (text === undefined) return { problem: 'is not UTF-8 text' }
    const hash = new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
    return { text, hash, modifiedMs: Math.trunc(stat.mtimeMs) }
  } catch (error) {
    return { problem: readFault(error) }
  }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function readFault(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'does not exist'
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user'
  return `can't be read${typeof code === 'string' ? ` (${code})` : ''}`
}

function fileProblem(source: string, message: string): ConfigProblem {
  return { source, path: '', message }
}
