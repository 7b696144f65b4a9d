// A file with variables for a service, one NAME=value per line, as systemd reads it too (systemd.exec(5), EnvironmentFile=): on Linux systemd
// does, elsewhere we do, and both have to find the same. What one of them would read otherwise or leave out is refused. Values are secrets:
// an error names a line and a variable, never a value.

import { closeSync, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs'
import { LIMITS } from '../../core/limits.ts'
import { UsageError } from '../command.ts'

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Variables that have their say before a program begins: they have none where Weir reads the file, and would change the program where systemd does. */
const RUNTIME = /^(?:BUN|DYLD|LD|NODE)_/

/** What `WHITESPACE` is to systemd. */
const EDGES = /^[ \t]+|[ \t]+$/g

/**
 * The variables of a text; of a name given twice the last counts.
 * @throws UsageError naming the line that cannot be read
 */
export function parseEnvironmentFile(text: string): Map<string, string> {
  const variables = new Map<string, string>()
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    const trimmed = line.replaceAll(EDGES, '')
    if (trimmed === '') continue
    if (/^[#;]/.test(trimmed)) {
      // Before version 254 systemd takes the next line for a part of it.
      if (line.endsWith('\\')) throw problem(index, 'is a comment that ends with a backslash')
      continue
    }
    const equals = trimmed.indexOf('=')
    const name = trimmed.slice(0, Math.max(0, equals)).replaceAll(EDGES, '')
    if (!NAME.test(name)) throw problem(index, 'is no NAME=value')
    if (RUNTIME.test(name)) {
      throw problem(index, `has ${name}, which acts before a program begins and has no place there`)
    }
    // From the whole line: a space at its end may be escaped.
    const value = unquoted(line.slice(line.indexOf('=') + 1))
    if (value === undefined) {
      throw problem(index, `has a value of ${name} that does not end on its line`)
    }
    // oxlint-disable-next-line no-control-regex
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) {
      throw problem(index, `has a control character in the value of ${name}`)
    }
    variables.set(name, value)
    if (variables.size > LIMITS.environmentFileNamesMax) {
      throw problem(index, `is beyond ${LIMITS.environmentFileNamesMax} variables`)
    }
  }
  return variables
}

function problem(index: number, words: string): UsageError {
  return new UsageError(`Line ${index + 1} of the file with variables ${words}.`)
}

/** What stands after the equals sign. Quotes count at the beginning and after other quotes, nowhere else; undefined where the value goes on. */
function unquoted(text: string): string | undefined {
  let rest = text
  let value = ''
  for (;;) {
    rest = rest.replace(/^[ \t]+/, '')
    const quoted = /^'([^']*)'/.exec(rest) ?? /^"((?:[^"\\]|\\.)*)"/s.exec(rest)
    if (quoted === null) break
    const [all, inner = ''] = quoted
    value += all.startsWith('"') ? inner.replaceAll(/\\(["\\`$])/g, '$1') : inner
    rest = rest.slice(all.length)
  }
  if (/^['"]/.test(rest)) return undefined
  const plain = /^(?:[^\\]|\\.)*$/s.exec(rest)?.[0]
  if (plain === undefined) return undefined
  // Spaces at the end go, but for one that is escaped.
  const kept = /^(?:[^\\ \t]|[ \t]+(?![ \t]|$)|\\.)*/s.exec(plain)![0]
  return value + kept.replaceAll(/\\(.)/gs, '$1')
}

/** Reads such a file, which nobody else may read or change. @throws UsageError */
export function readEnvironmentFile(path: string, platform = process.platform) {
  let bytes: Buffer
  try {
    // Opening a pipe would wait for its writer.
    checkFile(path, statSync(path), platform)
    bytes = readBounded(path, platform)
  } catch (error) {
    if (error instanceof UsageError) throw error
    const { code = 'unknown' } = error as { code?: string }
    throw new UsageError(`${path} cannot be read (${code}).`)
  }
  if (bytes.length > LIMITS.environmentFileBytesMax) throw new UsageError(`${path} is too large.`)
  return parseEnvironmentFile(textOf(path, bytes, platform))
}

/** @throws UsageError for what is no file of one's own */
function checkFile(path: string, stat: Stats, platform: NodeJS.Platform): void {
  const { mode, uid } = stat
  if (!stat.isFile()) throw new UsageError(`${path} is no file.`)
  if (stat.size > LIMITS.environmentFileBytesMax) throw new UsageError(`${path} is too large.`)
  if (platform === 'win32') return
  if ((mode & 0o077) !== 0) {
    throw new UsageError(`Others may read ${path}, which holds secrets. Run: chmod 600 ${path}`)
  }
  // Only root gets so far: whoever owns the file would write what root's service runs with.
  if (uid !== 0 && uid !== process.getuid?.()) {
    throw new UsageError(
      `${path} belongs to another user, who could change it. Run: chown root ${path}`,
    )
  }
}

/** At most one byte more than may be. */
function readBounded(path: string, platform: NodeJS.Platform): Buffer {
  const descriptor = openSync(path, 'r')
  try {
    // Again, as the path may lead to another file by now.
    checkFile(path, fstatSync(descriptor), platform)
    const bytes = Buffer.alloc(LIMITS.environmentFileBytesMax + 1)
    let size = 0
    for (;;) {
      const count = readSync(descriptor, bytes, size, bytes.length - size, null)
      size += count
      if (count === 0 || size === bytes.length) return bytes.subarray(0, size)
    }
  } finally {
    closeSync(descriptor)
  }
}

/** @throws UsageError for what is no UTF-8, of which systemd takes nothing at all */
function textOf(path: string, bytes: Buffer, platform: NodeJS.Platform): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new UsageError(`${path} is no UTF-8. Write it anew in that encoding.`)
  }
  if (!text.startsWith('\ufeff')) return text
  if (platform === 'win32') return text.slice(1)
  throw new UsageError(
    `${path} begins with a byte order mark, which would be part of the first name. Save it without.`,
  )
}

/** Takes the variables of a file into this process, above those it has. @throws UsageError */
export function useEnvironmentFile(path: string): void {
  for (const [name, value] of readEnvironmentFile(path)) process.env[name] = value
}
