// The way of every import: read, draft, prove, then show, write or apply. A file that is there is never written over by itself, and secrets of
// the source go into a file of their own or nowhere.

import { closeSync, existsSync, fchmodSync, openSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import { formatProblem } from '../../config/problem.ts'
import { problemsOf } from '../../config/problems-of.ts'
import { processSurroundings, type Surroundings } from '../../config/surroundings.ts'
import { isOn, textOption } from '../arguments.ts'
import { type CommandInput, type OptionDoc, UsageError } from '../command.ts'
import { jsonText, printable } from '../format.ts'
import { applyImport } from './apply.ts'
import type { Draft } from './draft.ts'
import { SourceError } from './ledger.ts'
import { reportJson, reportText } from './report.ts'
import { type ImportResult, resultOf } from './result.ts'
import { standIn } from './secrets.ts'

export const IMPORT_OPTIONS: readonly OptionDoc[] = [
  { flag: '--output', value: 'FILE', doc: 'write the configuration there (else it is printed)' },
  { flag: '--force', doc: 'write over files that are there' },
  {
    flag: '--secrets-file',
    value: 'FILE',
    doc: 'write secrets that the source has in clear there, as NAME=value, mode 600',
  },
  { flag: '--apply', doc: 'put it into the store: the plan is shown first, and asked about' },
  { flag: '--yes', doc: 'with --apply: do not ask' },
  {
    flag: '--json',
    doc: 'print one JSON object: the configuration and what became of each setting',
  },
]

export const IMPORT_NOTES: readonly string[] = [
  'Every setting of the source is carried, carried with a difference, or listed with the reason why it is not. Secrets',
  'become ${NAME} references; the names to set are listed, the values never shown.',
]

/** @param from what is read, in a few words */
export async function runImport(
  input: CommandInput,
  from: string,
  draft: () => Draft,
): Promise<number> {
  const { output } = input
  let result: ImportResult
  try {
    result = resultOf(draft(), from)
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    output.error(`${printable(from)} ${printable(error.message)}\n`)
    return 1
  }
  const problems = unprovenIn(result, processSurroundings())
  if (problems.length > 0) {
    const lines = problems.map((problem) => printable(formatProblem(problem)))
    output.error(`What it comes to is no valid configuration:\n${lines.join('\n')}\n`)
    return 1
  }
  return await deliver(input, result)
}

async function deliver(input: CommandInput, result: ImportResult): Promise<number> {
  const { output } = input
  const file = textOption(input, 'output')
  const secretsFile = textOption(input, 'secrets-file')
  const isApplied = isOn(input, 'apply')
  if (isApplied && isOn(input, 'json') && !isOn(input, 'yes')) {
    throw new UsageError('--apply with --json cannot ask: give --yes as well.')
  }
  const written: string[] = []
  const isForced = isOn(input, 'force')
  if (file !== undefined && file === secretsFile) {
    throw new UsageError('--output and --secrets-file must be two files.')
  }
  // Of both or of none.
  for (const path of [file, secretsFile]) {
    if (path !== undefined && !isForced && existsSync(path)) throw thereAlready(path)
  }
  if (secretsFile !== undefined) {
    writePrivate(secretsFile, secretsText(result), isForced)
    written.push(resolve(secretsFile))
  }
  if (file !== undefined) {
    writePrivate(file, result.yaml, isForced)
    written.push(resolve(file))
  }
  if (isOn(input, 'json')) {
    output.out(`${jsonText({ ...reportJson(result), written }, 2)}\n`)
  } else {
    if (file === undefined && !isApplied) output.out(result.yaml)
    output.error(`${file === undefined && !isApplied ? '\n' : ''}${reportText(result)}`)
    if (written.length > 0) output.error(`\nWritten: ${written.map(printable).join(', ')}\n`)
  }
  return isApplied ? await applyImport(input, result) : 0
}

/**
 * What keeps it from being a configuration. A variable that is not set here stands for a value of the form its name promises: of what it will
 * hold nothing can be said.
 */
export function unprovenIn(result: ImportResult, surroundings: Surroundings) {
  const missing = result.needs.flatMap(({ name }) => {
    const isSet = (surroundings.environment[name] ?? '') !== ''
    return isSet ? [] : [[name, standIn(name)] as const]
  })
  const environment = { ...surroundings.environment, ...Object.fromEntries(missing) }
  return problemsOf(result.yaml, { ...surroundings, environment }).filter(
    ({ message }) => !missing.some(([name]) => message.includes(`(from \${${name}})`)),
  )
}

/** `NAME=value`: as it is where a shell takes it so, as `docker --env-file` knows no quotes; else in single quotes. */
function secretsText({ needs }: ImportResult): string {
  const lines = needs.flatMap(({ name, value }) => {
    if (value === undefined) return []
    const isPlain = /^[\w./:@%+=,-]*$/.test(value)
    return [`${name}=${isPlain ? value : `'${value.replaceAll("'", `'\\''`)}'`}`]
  })
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

function thereAlready(path: string): UsageError {
  return new UsageError(`${printable(path)} is there already. Write over it with --force.`)
}

/** Of this user alone from the first byte on. @throws UsageError for a file that is there */
function writePrivate(path: string, text: string, isForced: boolean): void {
  let file: number
  try {
    file = openSync(path, isForced ? 'w' : 'wx', 0o600)
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (code !== 'EEXIST') throw error
    throw thereAlready(path)
  }
  try {
    if (process.platform !== 'win32') fchmodSync(file, 0o600)
    writeSync(file, text)
  } finally {
    closeSync(file)
  }
}
