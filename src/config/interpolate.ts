// Replaces `${NAME}`, `${NAME:-default}` and `${file:path}` in the texts of a configuration, and remembers which values came
// from outside the file. A value put in is never looked at again for further references, and never appears in a message.

import { resolve } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import { childPath } from './lines.ts'
import { quoteName } from './problem.ts'
import { type ReadFile, readBounded } from './read.ts'

export interface References {
  /** Names as written: `OPENAI_API_KEY`, `file:secrets/key`. */
  readonly names: readonly string[]
}

export interface Interpolated {
  readonly value: unknown
  /** Values that hold something from outside the file, by path. */
  readonly references: ReadonlyMap<string, References>
  /** Paths whose value could not be made; each has its problem. */
  readonly refused: ReadonlySet<string>
  /** Files that references named and that could be read. */
  readonly files: readonly ReadFile[]
  /** Files that references named, read or not. */
  readonly wanted: readonly string[]
}

export interface InterpolationContext {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Absolute folder that `${file:…}` is relative to. */
  readonly folder: string
  /** Who wrote the document may not have files of this machine read. */
  readonly withoutFiles?: true
  report(path: string, message: string): void
}

/**
 * A copy of a parsed document with its references replaced. Faults are reported by path and leave the path refused.
 * A document deeper or larger than the limits (YAML aliases can make one) is reported and cut.
 */
export function interpolate(document: unknown, context: InterpolationContext): Interpolated {
  return new Interpolator(context).run(document)
}

type FileText = ReturnType<typeof readBounded>

class Interpolator {
  private readonly context: InterpolationContext
  private readonly references = new Map<string, References>()
  private readonly refused = new Set<string>()
  private readonly files = new Map<string, FileText>()
  private values = 0

  constructor(context: InterpolationContext) {
    this.context = context
  }

  run(document: unknown): Interpolated {
    const value = this.copy(document, '', 0)
    if (this.values > LIMITS.configValuesMax) this.refuse('', 'holds too many values')
    const files: ReadFile[] = []
    for (const [path, read] of this.files) if ('hash' in read) files.push({ path, hash: read.hash })
    const wanted = [...this.files.keys()]
    return { value, references: this.references, refused: this.refused, files, wanted }
  }

  private copy(value: unknown, path: string, depth: number): unknown {
    if (++this.values > LIMITS.configValuesMax) return undefined
    if (typeof value === 'string') return this.text(value, path)
    if (typeof value !== 'object' || value === null) return value
    if (depth >= LIMITS.configDepthMax) {
      this.refuse(path, 'is nested too deeply')
      return undefined
    }
    if (Array.isArray(value)) {
      return value.map((item, index) => this.copy(item, childPath(path, index), depth + 1))
    }
    // fromEntries defines members, so that a key named __proto__ stays a key.
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [
        key,
        this.copy(member, childPath(path, key), depth + 1),
      ]),
    )
  }

  private text(text: string, path: string): string {
    if (!text.includes('${')) return text
    const names: string[] = []
    // Behind the last "}" no reference can end: looking for its end from each "${" there would take the square of the length.
    const end = text.lastIndexOf('}') + 1
    const head = text
      .slice(0, end)
      .replace(/\$\$\{|\$\{([^}]*)\}/g, (match: string, inner?: string) =>
        match === '$${' ? '${' : this.reference(inner ?? '', path, names),
      )
    const rest = text.slice(end)
    if (/(?<!\$)\$\{/.test(rest)) return this.refuse(path, 'has a "${" without its "}"')
    const result = head + rest.replaceAll('$${', () => '${')
    if (names.length > 0) this.references.set(path, { names })
    return result
  }

  private reference(inner: string, path: string, names: string[]): string {
    if (inner.startsWith('file:')) {
      names.push(inner)
      return this.fileText(inner.slice('file:'.length), path)
    }
    const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner)
    const name = match?.[1]
    if (name === undefined) {
      const forms = '${NAME}, ${NAME:-default} or ${file:path}; $${ stands for a plain ${'
      return this.refuse(path, `has a reference that is none of ${forms}`)
    }
    const fallback = match?.[2]
    const found: unknown = this.context.environment[name]
    const value = typeof found === 'string' ? found : undefined
    if (value !== undefined && (value !== '' || fallback === undefined)) {
      names.push(name)
      return value
    }
    if (fallback !== undefined) return fallback
    return this.refuse(
      path,
      this.context.withoutFiles === true
        ? `needs a value for ${name}, given along; nothing is read from the environment`
        : `the environment variable ${name} is not set`,
    )
  }

  private fileText(name: string, path: string): string {
    if (this.context.withoutFiles === true) {
      return this.refuse(path, 'names a file of the server, which only its own configuration may')
    }
    if (name === '') return this.refuse(path, '${file:} names no file')
    const file = resolve(this.context.folder, name)
    let read = this.files.get(file)
    if (read === undefined) {
      read = readBounded(file, LIMITS.configSecretFileBytesMax)
      this.files.set(file, read)
    }
    if ('problem' in read) return this.refuse(path, `the file ${quoteName(name)} ${read.problem}`)
    // Editors and `echo` end a file with a line break that is no part of a secret.
    return read.text.replace(/\r?\n$/, '')
  }

  private refuse(path: string, message: string): string {
    this.refused.add(path)
    this.context.report(path, message)
    return ''
  }
}
