// The program's own log: one JSON line an event on standard error, or a readable line on a terminal. It gets words and plain
// fields only; whoever calls it must not hand it a secret, a prompt or an answer.

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
        ? `${JSON.stringify({ time, level, message, ...fields })}\n`
        : `${time.slice(11, 19)} ${level.padEnd(5)} ${oneLine(message)}${prettyFields(fields)}\n`,
    )
  }
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
}

/** A logger that says nothing, for commands that speak through their output. */
export const SILENT_LOGGER: Logger = { debug() {}, info() {}, warn() {}, error() {} }

function prettyFields(fields: Record<string, unknown> | undefined): string {
  if (fields === undefined) return ''
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        ` ${name}=${oneLine(typeof value === 'string' ? value : JSON.stringify(value))}`,
    )
    .join('')
}

/** Line ends, escapes and other controls as text: a log line stays one line. */
function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) =>
    JSON.stringify(character)
      .slice(1, -1)
      .replace(/^[\u007f-\u009f\u2028\u2029]$/, ' '),
  )
}
