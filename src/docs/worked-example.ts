// Makes the changes that a page tells its reader to make, as they stand there, in a copy of the sources: so that a worked example is one.
// Used by the test of `docs/extending.md` alone.

import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

interface Change {
  /** Below the root of the sources. */
  readonly file: string
  readonly kind: 'file' | 'lines'
  readonly text: string
}

const FILE = /^`((?:src|tests)\/[\w./-]+)`(?:, [^`]*)?:$/

/** Files and lines of a page in their order. A block without a file's name above it belongs to the last one named. */
export function changesOf(page: string): Change[] {
  const changes: Change[] = []
  const lines = page.split('\n')
  let file: string | undefined
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!
    file = FILE.exec(line)?.[1] ?? file
    const fence = /^```(ts|diff)$/.exec(line)?.[1]
    if (fence === undefined) continue
    const end = lines.indexOf('```', at)
    const text = `${lines.slice(at + 1, end).join('\n')}\n`
    if (file === undefined || end < 0) throw new RangeError(`No file or no end of line ${at + 1}.`)
    changes.push({ file, kind: fence === 'ts' ? 'file' : 'lines', text })
    at = end
  }
  return changes
}

/**
 * Copies the sources to a folder and makes the changes there.
 * @throws RangeError for lines whose place is not found, or found twice
 */
export function workedExample(root: string, folder: string, changes: readonly Change[]): void {
  for (const name of ['src', 'package.json', 'bunfig.toml']) {
    cpSync(join(root, name), join(folder, name), { recursive: true })
  }
  for (const name of ['node_modules', 'web', 'migrations', 'docs', 'deploy']) {
    symlinkSync(join(root, name), join(folder, name))
  }
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as {
    compilerOptions: object
  }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['src/main.ts', ...written(changes)] }),
  )
  for (const { file, kind, text } of changes) {
    const path = join(folder, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, kind === 'file' ? text : withLines(readFileSync(path, 'utf8'), text, file))
  }
}

function written(changes: readonly Change[]): string[] {
  return changes.flatMap(({ file, kind }) => (kind === 'file' ? [file] : []))
}

/**
 * Lines of a diff without places: those without a mark must stand there, once, and those with `+` are put between them.
 * @throws RangeError where they stand nowhere, or twice
 */
export function withLines(source: string, diff: string, file: string): string {
  const lines = diff.trimEnd().split('\n')
  const kept = lines.filter((line) => !line.startsWith('+')).map((line) => line.slice(1))
  const all = lines.map((line) => line.slice(1))
  const before = `${kept.join('\n')}\n`
  const at = `\n${source}`.indexOf(`\n${before}`)
  if (at < 0 || `\n${source}`.indexOf(`\n${before}`, at + 1) >= 0) {
    throw new RangeError(`The place of a change in ${file} is not there, or not the only one.`)
  }
  return `${source.slice(0, at)}${all.join('\n')}\n${source.slice(at + before.length)}`
}
