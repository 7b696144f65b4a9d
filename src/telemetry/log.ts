// The program's own log: one JSON line an event on standard error, or a readable line on a terminal. It gets words and plain
// fields only; whoever calls it must not hand it a secret, a prompt or an answer.

import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

export interface LogOptions {
  level(): LogLevel
  readonly format: 'json' | 'pretty'
  nowMs(): number
  write(line: string): void
}

/** A logger that writes each event at or above the level at once. */
export function createLogger(options: LogOptions): Logger {
  const log = (level: LogLevel) => (message: string, fields?: Record<string, unknown>) => {
    if (ORDER[level] < ORDER[options.level()]) return
    const time = new Date(options.nowMs()).toISOString()
    options.write(
      options.format === 'json'
        ? jsonLine(time, level, message, fields)
        : `${time.slice(11, 19)} ${level.padEnd(5)} ${oneLine(cut(message))}${prettyFields(fields)}\n`,
    )
  }
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
}

/** A logger that says nothing, for commands that speak through their output. */
export const SILENT_LOGGER: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** One JSON object on one line, whatever it is told: fields cannot take the place of what every line has. */
function jsonLine(
  time: string,
  level: LogLevel,
  message: string,
  fields: Record<string, unknown> = {},
): string {
  const line: Record<string, unknown> = { time, level, message: cut(message) }
  for (const [name, value] of Object.entries(fields).slice(0, LIMITS.logFieldsMax)) {
    if (!Object.hasOwn(line, name)) line[name] = bounded(value)
  }
  // JSON leaves these as they are, and many a reader ends a line at them.
  const text = JSON.stringify(line).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `${text}\n`
}

/** A value that a line has room for: text is cut, and what is no plain value becomes text. */
function bounded(value: unknown): unknown {
  if (typeof value === 'string') return cut(value)
  if (typeof value === 'bigint') return cut(String(value))
  if (typeof value !== 'object' || value === null) return value
  const text = textOf(value)
  if (text === undefined) return NOT_PRINTABLE
  // Small ones stay as they are: whoever reads the line can look into them.
  return text.length <= LIMITS.logFieldCharsMax ? (JSON.parse(text) as unknown) : cut(text)
}

const NOT_PRINTABLE = '[not printable]'

/** As JSON; undefined for what refers to itself, holds what JSON has no word for, or is nothing to JSON. */
function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    // That it was there is all that can be said.
    return undefined
  }
}

function cut(text: string): string {
  const { logFieldCharsMax } = LIMITS
  if (text.length <= logFieldCharsMax) return text.isWellFormed() ? text : text.toWellFormed()
  return `${text.slice(0, logFieldCharsMax - 1)}…`.toWellFormed()
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'bigint') return String(value)
  return textOf(value) ?? NOT_PRINTABLE
}

function prettyFields(fields: Record<string, unknown> | undefined): string {
  if (fields === undefined) return ''
  return Object.entries(fields)
    .slice(0, LIMITS.logFieldsMax)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${oneLine(cut(name))}=${oneLine(cut(shown(value)))}`)
    .join('')
}

/** Line ends, escapes, other controls and marks that reorder text as text: a log line stays one line, and says what it says. */
function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) =>
      JSON.stringify(character)
        .slice(1, -1)
        .replace(/^[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]$/, ' '),
  )
}
