// Reads the file that is to be imported: bounded, parsed by what it says it is, without keys that stand twice, and with the files it includes,
// none of them from outside of its own folder. Messages hold nothing of what the file says but names of files.

import { realpathSync } from 'node:fs'
import { basename, dirname, extname, isAbsolute, relative, resolve, sep } from 'node:path'
import { LIMITS } from '../../core/limits.ts'
import { isObject, type JsonObject } from '../../core/json.ts'
import { findLines } from '../../config/lines.ts'
import { ConfigError } from '../../config/problem.ts'
import { parseConfigText, readBounded, type ConfigFormat } from '../../config/read.ts'
import { SourceError, type Account } from './ledger.ts'

export interface Source {
  readonly document: JsonObject
  /** Absolute folder of the file. */
  readonly folder: string
  /** What is told beside the document: files that were included. */
  readonly beside: readonly Account[]
}

/**
 * @throws SourceError in words for a person: no such file, too large, no valid YAML or JSON, keys that stand twice
 */
export function readSource(path: string, format: 'yaml' | 'json'): Source {
  const text = readText(path)
  return { document: parse(text, format, path), folder: dirname(resolve(path)), beside: [] }
}

/**
 * The same, with the files that `include` names: lists are put behind those that are there, anything else takes the place of what is there.
 * @throws SourceError also for an include from outside of the folder, in a circle, or of too many files
 */
export function readWithIncludes(path: string): Source {
  const { document, folder } = readSource(path, 'yaml')
  const beside: Account[] = []
  const whole = new Includes(folder, beside).merge(document, [realpath(path)])
  return { document: whole, folder, beside }
}

class Includes {
  private readonly folder: string
  private readonly beside: Account[]
  private files = 0

  constructor(folder: string, beside: Account[]) {
    this.folder = folder
    this.beside = beside
  }

  /** @param way the files that led here */
  merge(document: JsonObject, way: readonly string[]): JsonObject {
    const { include, ...rest } = document
    if (include === undefined || include === null) return document
    const names = Array.isArray(include) ? include : [include]
    const whole: Record<string, unknown> = { ...rest }
    for (const name of names) {
      if (typeof name !== 'string' || name.trim() === '') {
        throw new SourceError('has an include that names no file')
      }
      const path = this.place(name)
      if (way.includes(path)) throw new SourceError(`includes ${basename(path)} in a circle`)
      this.files += 1
      if (this.files > LIMITS.importIncludesMax) throw new SourceError('includes too many files')
      const part = this.merge(parse(readText(path), 'yaml', path), [...way, path])
      this.take(whole, part, name)
      this.beside.push({ path: `include ${name}`, fate: 'carried', to: 'read with this file' })
    }
    return whole as JsonObject
  }

  private take(whole: Record<string, unknown>, part: JsonObject, name: string): void {
    for (const [key, value] of Object.entries(part)) {
      const there = Object.hasOwn(whole, key) ? whole[key] : undefined
      if (Array.isArray(there) && Array.isArray(value)) {
        Object.defineProperty(whole, key, { ...OPEN, value: [...there, ...value] })
        continue
      }
      if (there !== undefined) {
        this.beside.push({
          path: key,
          fate: 'left',
          note: `what ${name} says takes the place of the whole section`,
        })
      }
      Object.defineProperty(whole, key, { ...OPEN, value })
    }
  }

  /** Only files of the same folder and below, wherever links lead. */
  private place(name: string): string {
    const path = realpath(resolve(this.folder, name))
    const way = relative(realpath(this.folder), path)
    if (way === '' || way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) {
      throw new SourceError('includes a file from outside of its own folder')
    }
    return path
  }
}

const OPEN = { enumerable: true, configurable: true, writable: true } as const

function realpath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    throw new SourceError(`names a file that is not there: ${basename(path)}`)
  }
}

function readText(path: string): string {
  const read = readBounded(path, LIMITS.configFileBytesMax)
  if ('problem' in read) throw new SourceError(read.problem)
  return read.text
}

function parse(text: string, format: 'yaml' | 'json', path: string): JsonObject {
  const isJson = format === 'json' || extname(path).toLowerCase() === '.json'
  const kind: ConfigFormat = isJson ? 'json' : 'yaml'
  try {
    const value = isJson ? parseLoose(text) : parseConfigText(text, kind, basename(path))
    if (!isObject(value)) throw new SourceError('must hold keys and values')
    const twice = findLines(text, kind).duplicates[0]
    if (twice === undefined) return value as JsonObject
    throw new SourceError(`has ${twice.path} twice, again in line ${twice.line}`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const [problem] = error.problems
    const line = problem?.line === undefined ? '' : ` (line ${problem.line})`
    throw new SourceError(`${problem?.message ?? 'cannot be read'}${line}`)
  }
}

/** JSON, with the comments that some programs allow in theirs. */
function parseLoose(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof RangeError) throw new SourceError('is nested too deeply')
  }
  try {
    return Bun.JSONC.parse(text)
  } catch {
    throw new SourceError('is not valid JSON')
  }
}
